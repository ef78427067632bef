#include <random>

#include "tests/unit/pool/support.hpp"

// The exact limit under load: clients on four workers take, keep, give back, break and drop connections and leave the
// queue, all at random, while the pool is paused, resumed, made smaller and kept up from outside.
namespace forebay {
namespace {

using namespace test;

struct tally {
  std::atomic<int> held{0}, most_held{0};
  std::atomic<int> at_once{0}, granted{0}, left_queue{0}, dropped{0}, refused{0}, done{0};

  void hold() {
    const int now = ++held;
    int most = most_held.load();
    while (now > most && !most_held.compare_exchange_weak(most, now)) {
    }
  }
};

// One client: does its share of operations, one event after the other, on its worker.
class client : public pool::waiter, public std::enable_shared_from_this<client> {
 public:
  client(std::shared_ptr<pool> from, worker& home, tally& counts, unsigned seed, int operations)
      : pool_(std::move(from)), home_(home), counts_(counts), random_(seed), left_(operations) {}

  void step() {
    home_.update_now();
    if (rest_ > 0) {
      --rest_;
      return again();
    }
    if (server_) {
      let_go();
      rest_ = static_cast<unsigned>(random_() % 2 == 0 ? random_() % 100 : 0);  // so that some are idle at times
      if (rest_ > 0) return again();
    } else if (waiting_) {
      if (pool_->cancel(*this)) {
        waiting_ = false;
        ++counts_.left_queue;
      } else {
        return;  // granted() is on its way
      }
    }
    if (left_-- == 0) {
      ++counts_.done;
      return;
    }
    if (auto server = pool_->checkout(home_, shared_from_this())) {
      ++counts_.at_once;
      take(std::move(server));
    } else {
      waiting_ = true;
      if (random_() % 8 != 0) return;  // waits for its turn, however long that takes
    }
    again();
  }

  void granted(checkout_result result) override {
    CHECK(waiting_);
    waiting_ = false;
    if (result.server) {
      ++counts_.granted;
      take(std::move(result.server));
    } else {
      CHECK(result.error);
      ++counts_.refused;
    }
    again();
  }

 private:
  void take(server_ptr server) {
    CHECK_FALSE(server_);
    CHECK(&server->at() == &home_);
    counts_.hold();
    server_ = std::move(server);
  }
  void let_go() {
    --counts_.held;
    const auto chance = random_() % 100;
    if (chance < 4) server_->state.broken = true;
    if (chance < 8) {
      ++counts_.dropped;
      server_.reset();
    } else {
      pool_->checkin(std::move(server_));
    }
  }
  void again() {
    home_.post([self = shared_from_this()] { self->step(); });
  }

  const std::shared_ptr<pool> pool_;
  worker& home_;
  tally& counts_;
  std::mt19937 random_;
  int left_;
  unsigned rest_ = 0;
  server_ptr server_;
  bool waiting_ = false;
};

constexpr int clients = 12;
constexpr int operations = 4000;  // each
// So many clients, fewer than there are connections, go on when the others are done: for a queue that is empty at
// times, whatever the machine's mood.
constexpr int tireless = 3;
constexpr int extra = 2000;

// Until all are done; nobody is starved if that happens at all.
void hammer(
    house& h, const std::vector<std::shared_ptr<pool>>& pools, tally& counts,
    const std::function<void()>& meanwhile = [] {}) {
  for (int i = 0; i < clients; ++i) {
    auto& home = h.workers[static_cast<std::size_t>(i) % h.workers.size()];
    const auto who = std::make_shared<client>(pools[static_cast<std::size_t>(i) % pools.size()], home, counts,
                                              static_cast<unsigned>(i), operations + (i < tireless ? extra : 0));
    home.post([who] { who->step(); });
  }
  const auto until = steady::now() + std::chrono::minutes(3);
  while (counts.done < clients && steady::now() < until) {
    for (const auto& p : pools)
      p->maintain(steady::now());
    meanwhile();
    std::this_thread::sleep_for(milliseconds(1));
  }
  CHECK(counts.done == clients);
  CHECK(counts.held == 0);
  for (const auto& p : pools) {
    CHECK(eventually([&] {
      const auto now = house::now(*p);
      return now.closing == 0 && now.opening == 0 && now.waiting == 0 && now.open == now.idle;
    }));
  }
}

TEST_CASE("limit: four workers, one pool, never more than its size") {
  house h(true);
  auto p = h.make({.size = 5});
  tally counts;
  hammer(h, {p}, counts);
  CHECK(h.servers.most() <= 5);
  CHECK(counts.most_held <= 5);
  CHECK(counts.most_held >= 3);  // and that it was used
  CHECK(house::now(*p).open <= 5);
  // All of it happened.
  CHECK(counts.at_once + counts.granted + counts.left_queue + counts.refused ==
        clients * operations + tireless * extra);
  CHECK(counts.granted > 100);
  CHECK(counts.at_once > 100);
  CHECK(counts.left_queue > 100);
  CHECK(counts.dropped > 100);
  CHECK(counts.refused == 0);
}

TEST_CASE("limit: three pools of one node, never more than its connections") {
  house h(true, 4);
  const std::vector<std::shared_ptr<pool>> pools = {h.make({.size = 3}), h.make({.size = 3}), h.make({.size = 3})};
  tally counts;
  hammer(h, pools, counts);
  CHECK(h.servers.most() <= 4);
  CHECK(counts.most_held <= 4);
  CHECK(counts.most_held >= 2);
  CHECK(h.at->connections.open() <= 4);
}

TEST_CASE("limit: while the pool is paused, resumed and emptied") {
  house h(true);
  auto p = h.make({.size = 4, .min_size = 2, .server_lifetime = milliseconds(50)});
  tally counts;
  int round = 0;
  hammer(h, {p}, counts, [&] {
    switch (++round % 4) {
      case 0:
        p->pause();
        break;
      case 1:
        p->resume();
        break;
      case 2:
        p->close_idle();
        break;
      default:
        p->configure({.size = 3 + static_cast<std::uint32_t>(round / 4 % 2), .min_size = 2}, {"u", "p"});
        break;
    }
  });
  p->resume();
  CHECK(h.servers.most() <= 4);
  CHECK(counts.most_held <= 4);
  CHECK(counts.refused == 0);
}

TEST_CASE("limit: while logins fail now and then") {
  house h(true);
  std::atomic<unsigned> tries{0};
  auto p = h.make({.size = 4}, [&](std::shared_ptr<pool> where, worker& on) {
    if (++tries % 3 == 0) {
      on.post(
          [where = std::move(where)] { where->open_failed(wire::pg_error::fatal("08006", "now and then"), false); });
    } else {
      h.servers.opener()(std::move(where), on);
    }
  });
  tally counts;
  hammer(h, {p}, counts);
  CHECK(h.servers.most() <= 4);
  CHECK(counts.most_held <= 4);
}

TEST_CASE("limit: a pool that is retired in the middle refuses whoever is left") {
  house h(true);
  auto p = h.make({.size = 4});
  tally counts;
  hammer(h, {p}, counts, [&] {
    if (counts.granted > 2000) p->retire();
  });
  CHECK(h.servers.most() <= 4);
  CHECK(counts.refused > 0);
  CHECK(house::now(*p).open == 0);
}

}  // namespace
}  // namespace forebay
