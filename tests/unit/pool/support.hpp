#pragma once

#include <poll.h>

#include <chrono>
#include <deque>
#include <optional>

#include "pool/pool.hpp"
#include "tests/unit/net/support.hpp"

// Pools without PostgreSQL: servers are the far ends of socket pairs.
namespace forebay::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One who asks for a connection, and what it got.
class customer : public pool::waiter {
 public:
  void granted(checkout_result result) override {
    const std::lock_guard lock(mutex_);
    ++times_;
    result_ = std::move(result);
    came_.notify_all();
  }
  bool served() const {
    const std::lock_guard lock(mutex_);
    return times_ > 0;
  }
  int times() const {
    const std::lock_guard lock(mutex_);
    return times_;
  }
  // Waits for granted().
  checkout_result result() {
    std::unique_lock lock(mutex_);
    REQUIRE(came_.wait_for(lock, seconds(20), [&] { return times_ > 0; }));
    return std::move(result_);
  }
  server_ptr server() {
    auto r = result();
    CHECK_FALSE(r.error);
    REQUIRE(r.server);
    return std::move(r.server);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable came_;
  int times_ = 0;
  checkout_result result_;
};
using customer_ptr = std::shared_ptr<customer>;

// What stands for PostgreSQL. Opens at once, or when the test says so.
class far_side {
 public:
  explicit far_side(bool at_once) : at_once_(at_once) {}
  ~far_side() {
    stopping_ = true;
    closer_.join();
  }

  pool::opener opener() {
    return [this](std::shared_ptr<pool> where, worker& on) {
      {
        const std::lock_guard lock(mutex_);
        ++asked_;
        if (!at_once_) {
          waiting_.emplace_back(std::move(where), &on);
          return;
        }
      }
      on.post([this, where = std::move(where), &on] { where->opened(make(where, on)); });
    };
  }

  // A logged-in connection; counts how many there are at this moment.
  server_ptr make(const std::shared_ptr<pool>& where, worker& on) {
    const std::lock_guard lock(mutex_);
    auto [here, there] = socket_pair(on);
    auto server = std::make_unique<server_connection>(where, std::move(here));
    server->backend_pid = static_cast<std::uint32_t>(++made_);
    ends_.push_back(std::move(there));
    most_ = std::max(most_, alive());
    return server;
  }

  std::size_t asked() const { return locked(asked_); }
  std::size_t opening() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  std::size_t most() const { return locked(most_); }
  std::size_t made() const { return locked(made_); }
  // The oldest login under way: on which worker, for which pool.
  std::pair<std::shared_ptr<pool>, worker*> next() {
    const std::lock_guard lock(mutex_);
    REQUIRE(!waiting_.empty());
    auto first = std::move(waiting_.front());
    waiting_.pop_front();
    return first;
  }
  void open_next() {
    auto [where, on] = next();
    std::promise<void> done;
    on->post([&, &p = where, &w = *on] {
      p->opened(make(p, w));
      done.set_value();
    });
    done.get_future().get();
  }
  void fail_next(const std::string& why, bool retry = false) {
    auto [where, on] = next();
    where->open_failed(wire::pg_error::fatal("08006", why), retry);
  }
  // The other end of a connection, to be used within the one statement: end(1)->send("x").
  struct held_end {
    std::unique_lock<std::mutex> lock;
    test::fd& fd;
    test::fd* operator->() const { return &fd; }
  };
  held_end end(std::uint32_t pid) {
    std::unique_lock lock(mutex_);
    auto& fd = ends_.at(pid - 1);
    return {std::move(lock), fd};
  }

 private:
  std::size_t locked(const std::size_t& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  std::size_t alive() {
    std::vector<pollfd> all;
    for (const auto& e : ends_) {
      if (e.number >= 0) all.push_back({e.number, POLLRDHUP, 0});
    }
    ::poll(all.data(), all.size(), 0);
    std::size_t count = 0;
    for (const auto& p : all)
      count += p.revents == 0;
    return count;
  }

  // As PostgreSQL, which ends its process when the other side has hung up.
  void close_those_hung_up() {
    while (!stopping_) {
      {
        const std::lock_guard lock(mutex_);
        for (auto& e : ends_) {
          pollfd p{e.number, POLLRDHUP, 0};
          if (e.number >= 0 && ::poll(&p, 1, 0) > 0) e.close();
        }
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
  }

  const bool at_once_;
  mutable std::mutex mutex_;
  std::deque<std::pair<std::shared_ptr<pool>, worker*>> waiting_;
  std::deque<test::fd> ends_;
  std::size_t asked_ = 0, made_ = 0, most_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread closer_{[this] { close_those_hung_up(); }};
};

// A node, its pools and four workers.
struct house {
  explicit house(bool at_once, std::uint32_t node_limit = 0)
      : servers(at_once), at(std::make_shared<node>(config::node{.host = "db", .max_connections = node_limit})) {}
  ~house() {
    for (auto& p : pools)
      p->close_idle();
    workers.stop();
    for (auto& p : pools)
      p->close_idle();
  }

  std::shared_ptr<pool> make(pool_limits limits, pool::opener open = {}) {
    pools.push_back(std::make_shared<pool>(pool::target{.node = at, .database = "app"}, server_login{"u", "p"}, limits,
                                           workers.size(), workers[0], open ? open : servers.opener()));
    return pools.back();
  }
  // On that worker's thread: a connection at once, or null and `who` queues.
  server_ptr ask(pool& p, std::size_t i, const customer_ptr& who = std::make_shared<customer>()) {
    return workers.on(i, [&] {
      workers[i].update_now();
      return p.checkout(workers[i], who);
    });
  }
  customer_ptr queue(pool& p, std::size_t i) {
    auto who = std::make_shared<customer>();
    REQUIRE_FALSE(ask(p, i, who));
    return who;
  }
  void give(server_ptr server) {
    auto& w = server->at();
    auto& home = server->home();
    const auto since = workers.on(w.index(), [&] {
      w.update_now();
      home.checkin(std::move(server));
      return w.now();
    });
    REQUIRE(eventually([&] { return steady::now() - since > milliseconds(2); }));  // no longer just back
  }
  void drop(server_ptr server) {
    auto& w = server->at();
    workers.on(w.index(), [&] { server.reset(); });
  }
  // A connection, opened if there is none.
  server_ptr take(pool& p, std::size_t i) {
    auto who = std::make_shared<customer>();
    auto server = ask(p, i, who);
    return server ? std::move(server) : who->server();
  }
  // So many connections are left once those hung up have ended.
  static bool left(const pool& p, std::uint32_t count) {
    return eventually([&] { return now(p).open == count && now(p).closing == 0; });
  }
  static pool::snapshot now(const pool& p) { return p.state(steady::now()); }

  crew workers{4};
  far_side servers;
  std::shared_ptr<node> at;
  std::vector<std::shared_ptr<pool>> pools;
};

}  // namespace forebay::test
