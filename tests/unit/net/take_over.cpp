#include <poll.h>

#include <atomic>
#include <deque>
#include <random>

#include "tests/unit/net/support.hpp"

// The spike of docs/adr/0002: a server connection's socket goes from worker to worker, with traffic before and after.
namespace forebay {
namespace {

using test::crew;

// The far ends: one thread that sends back what comes.
class echo {
 public:
  explicit echo(std::vector<test::fd> ends) : ends_(std::move(ends)), thread_([this] { run(); }) {}
  ~echo() {
    stop_ = true;
    thread_.join();
  }

 private:
  void run() {
    std::vector<pollfd> waits;
    for (const auto& end : ends_)
      waits.push_back({end.number, POLLIN, 0});
    std::vector<char> bytes(64 * 1024);
    while (!stop_) {
      if (::poll(waits.data(), waits.size(), 20) <= 0) continue;
      for (auto& w : waits) {
        if (!w.revents) continue;
        const auto n = ::recv(w.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (n > 0) ::send(w.fd, bytes.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL);
        if (n == 0) w.fd = -1;
      }
    }
  }

  std::vector<test::fd> ends_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// A connection on its way through the workers. Owned by exactly one of: a pending wait, a post, the idle list.
struct traveller {
  explicit traveller(stream s, worker& w, unsigned seed) : io(std::move(s)), at(&w), random(seed) {}
  stream io;
  worker* at;
  std::mt19937 random;
  std::string expected;  // sent and not come back yet
  std::uint32_t counter = 0;
};
using traveller_ptr = std::shared_ptr<traveller>;

class journey {
 public:
  journey(crew& workers, int hops) : workers_(workers), left_(hops) {}

  // Traffic on the worker that has it now; then it goes on.
  void visit(const traveller_ptr& t) {
    const std::size_t size = 1 + t->random() % 3000;
    gather out;
    std::string message;
    while (message.size() < size)
      message += std::to_string(t->counter++) + ',';
    out.view(message);
    t->expected = message;
    if (t->io.write(out) || t->io.backlog()) return fail("write");
    await(t);
  }

  std::atomic<int> moved_by_owner{0}, moved_by_taker{0}, ended{0}, failures{0};
  std::atomic<std::uint64_t> bytes{0};

 private:
  void await(const traveller_ptr& t) {
    t->io.wait_once(readiness::readable, [this, t](error_code ec) {
      if (ec) return fail("wait: " + ec.message());
      const auto in = t->io.read();
      if (in.ec) return fail("read: " + in.ec.message());
      bytes += in.fresh;
      if (in.data.size() < t->expected.size()) {
        if (t->expected.compare(0, in.data.size(), in.data) != 0) return fail("bytes differ");
        t->io.keep(in.data);
        return await(t);
      }
      if (in.data != t->expected) return fail("bytes differ");
      t->io.keep({});
      go_on(t);
    });
  }

  void go_on(const traveller_ptr& t) {
    if (left_.fetch_sub(1) <= 0) {
      ++ended;
      return;
    }
    auto& next = workers_[t->random() % workers_.size()];
    if (t->random() % 2) {
      // As pool::checkin to a waiter of another worker: moved here, then posted there.
      t->io.move_to(next);
      t->at = &next;
      ++moved_by_owner;
      next.post([this, t] { visit(t); });
    } else {
      // As pool::checkin and then pool::checkout by another worker, which moves it on its own thread.
      {
        const std::lock_guard lock(mutex_);
        idle_.push_back(t);
      }
      next.post([this, &next] { take(next); });
    }
  }

  void take(worker& mine) {
    traveller_ptr t;
    {
      const std::lock_guard lock(mutex_);
      const bool last = idle_.size() > 1 && idle_.back()->random() % 2;
      t = last ? idle_.back() : idle_.front();
      last ? idle_.pop_back() : idle_.pop_front();
    }
    t->io.move_to(mine);
    t->at = &mine;
    if (!t->io.quiet()) return fail("not quiet");
    ++moved_by_taker;
    visit(t);
  }

  void fail(const std::string& what) {
    ++failures;
    ++ended;
    MESSAGE(what);
  }

  crew& workers_;
  std::atomic<int> left_;
  std::mutex mutex_;
  std::deque<traveller_ptr> idle_;
};

void travel(std::size_t worker_count, int hops, unsigned seed) {
  crew workers(static_cast<unsigned>(worker_count));
  std::vector<traveller_ptr> all;
  std::vector<test::fd> ends;
  std::mt19937 random(seed);
  for (unsigned i = 0; i < 12; ++i) {
    auto& start = workers[random() % workers.size()];
    auto [here, there] = i % 2 ? test::socket_pair(start) : test::tcp_pair(start);
    all.push_back(std::make_shared<traveller>(std::move(here), start, seed + i));
    ends.push_back(std::move(there));
  }
  const echo far(std::move(ends));
  journey trip(workers, hops);
  for (const auto& t : all)
    t->at->post([&trip, t] { trip.visit(t); });
  REQUIRE(test::eventually([&] { return trip.ended == int(all.size()); }));
  workers.stop();
  CHECK(trip.failures == 0);
  CHECK(trip.moved_by_owner + trip.moved_by_taker == hops);
  MESSAGE(hops << " take-overs between " << worker_count << " workers, " << trip.moved_by_owner.load()
               << " by the owner, " << trip.moved_by_taker.load() << " by the taker, " << trip.bytes.load()
               << " bytes");
}

TEST_CASE("sockets are taken over between two workers at random: no byte is lost") {
  travel(2, 10'000, 1);
}
TEST_CASE("sockets are taken over between four workers at random: no byte is lost") {
  travel(4, 10'000, 2);
}

TEST_CASE("bytes that arrive during a take-over wait on the other side of it") {
  crew workers(2);
  auto [here, there] = workers.on(0, [&] { return test::socket_pair(workers[0]); });
  std::size_t at = 0;
  for (int i = 0; i < 500; ++i) {
    std::thread sender([&there = there, i] { there.send("message " + std::to_string(i) + ';'); });
    const auto next = 1 - at;
    // By the taker's thread, while the owner's reactor may be told of the bytes.
    workers.on(next, [&, &io = here] { io.move_to(workers[next]); });
    at = next;
    std::promise<std::string> got;
    const auto wanted = "message " + std::to_string(i) + ';';
    workers[at].post([&, &io = here] {
      io.wait_once(readiness::readable, [&](error_code) { got.set_value(std::string(io.read().data)); });
    });
    auto result = got.get_future();
    REQUIRE(result.wait_for(std::chrono::seconds(5)) == std::future_status::ready);
    CHECK(result.get() == wanted);
    sender.join();
  }
  workers.stop();  // a socket is closed on its worker, or when there is none
}

TEST_CASE("what was kept and what waits to be written goes along") {
  crew workers(2);
  auto [here, there] = test::socket_pair(workers[0]);
  const int small = 4096;
  ::setsockopt(here.native(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  const std::string large(100'000, 'x');
  there.send("half a mess");
  workers.on(0, [&, &io = here] {
    io.keep(io.read().data);
    gather out;
    out.view(large);
    CHECK_FALSE(io.write(out));
    CHECK(io.backlog());
    io.move_to(workers[1]);
  });
  there.send("age");
  CHECK(workers.on(1, [&, &io = here] { return std::string(io.read().data); }) == "half a message");
  std::thread reader([&there = there, &large] { CHECK(there.receive(large.size()) == large); });
  while (workers.on(1, [&io = here] {
    CHECK_FALSE(io.flush());
    return io.backlog();
  })) {
  }
  reader.join();
}

}  // namespace
}  // namespace forebay
