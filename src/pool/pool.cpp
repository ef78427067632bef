#include "pool/pool.hpp"

#include <poll.h>

#include <algorithm>

namespace forebay {
namespace {

// After a failed login the next one waits this long, so that a dead or starting server is not stormed.
constexpr std::chrono::milliseconds retry_pause{200};
// The same failure is logged this often: while a server is down every client may try it.
constexpr std::chrono::seconds failure_pause{10};

std::vector<budget*> budgets_of(const pool::target& at) {
  std::vector<budget*> all{&at.node->connections};
  for (const auto& b : at.budgets)
    all.push_back(b.get());
  return all;
}

}  // namespace

wire::pg_error pool::served_elsewhere() {
  return wire::pg_error::error("57P01", "this database is served elsewhere now");
}

pool::pool(target at, server_login login, pool_limits limits, std::size_t workers, worker& spare, opener open)
    : target_(std::move(at)),
      budgets_(budgets_of(target_)),
      open_server_(std::move(open)),
      spare_(spare),
      traffic_(workers),
      login_(std::move(login)),
      limits_(limits),
      idle_(workers) {
  for (auto* b : budgets_)
    b->join(*this);
}

pool::~pool() {
  // Every connection and every queued waiter holds the pool, so there are none.
  for (auto* b : budgets_)
    b->leave(*this);
}

std::vector<std::pair<std::string, std::string>> pool::startup_parameters() const {
  std::vector<std::pair<std::string, std::string>> list{{"user", login().user}, {"database", target_.database}};
  if (for_replication()) list.emplace_back("replication", target_.replication);
  return list;
}

server_login pool::login() const {
  const std::lock_guard lock(node_->mutex_);
  return login_;
}

pool_limits pool::limits() const {
  const std::lock_guard lock(node_->mutex_);
  return limits_;
}

traffic_sum& traffic_sum::operator+=(const std::vector<traffic>& by_worker) {
  const auto read = [](const traffic::counter& c) { return c.load(std::memory_order_relaxed); };
  for (const auto& t : by_worker)
    *this += traffic_sum{.transactions = read(t.transactions),
                         .queries = read(t.queries),
                         .bytes_from_clients = read(t.bytes_from_clients),
                         .bytes_to_clients = read(t.bytes_to_clients),
                         .transaction_us = read(t.transaction_us),
                         .query_us = read(t.query_us),
                         .wait_us = read(t.wait_us),
                         .checkouts = read(t.checkouts)};
  return *this;
}

traffic_sum& traffic_sum::operator+=(const traffic_sum& other) {
  transactions += other.transactions;
  queries += other.queries;
  bytes_from_clients += other.bytes_from_clients;
  bytes_to_clients += other.bytes_to_clients;
  transaction_us += other.transaction_us;
  query_us += other.query_us;
  wait_us += other.wait_us;
  checkouts += other.checkouts;
  return *this;
}

void pool::configure(pool_limits limits, server_login login) {
  plan todo;
  {
    const std::lock_guard lock(node_->mutex_);
    limits_ = limits;
    if (login_ != login) scram_ = {};
    login_ = std::move(login);
    while (lasting() - todo.close.size() > limits_.size) {
      auto surplus = evict_idle();
      if (!surplus) break;
      todo.close.push_back(std::move(surplus));
    }
    plan_opens(todo);
  }
  carry_out(std::move(todo));
}

server_ptr pool::checkout(worker& home, const std::shared_ptr<waiter>& who) {
  who->home_ = &home;
  while (true) {
    plan todo;
    server_ptr server;
    std::optional<wire::pg_error> moved;
    {
      const std::lock_guard lock(node_->mutex_);
      if (retired_) moved = farewell_;
      if (!paused_ && !moved && waiters_.empty()) server = take_idle(home);
      if (!server && !moved) {
        who->self_ = who;
        enqueue(*who);
        plan_opens(todo);
      }
    }
    if (moved) {
      deliver(who, {nullptr, std::move(moved)});
      return nullptr;
    }
    if (!server) {
      carry_out(std::move(todo));
      return nullptr;
    }
    // A connection that died while it was idle ends here, unseen by anybody.
    server->io.move_to(home);
    if (server->io.watched_quiet() || server->still_good()) return server;
  }
}

bool pool::cancel(waiter& who) {
  std::shared_ptr<waiter> self;  // released after the mutex
  const std::lock_guard lock(node_->mutex_);
  if (!who.is_linked()) return false;
  waiters_.erase(waiters_.iterator_to(who));
  self = std::move(who.self_);
  return true;
}

void pool::checkin(server_ptr server) {
  plan todo;
  {
    std::unique_lock lock(node_->mutex_);
    if (for_replication()) {
      todo.close.push_back(std::move(server));  // it has served its one client
    } else {
      put_back(std::move(server), todo, lock);
    }
  }
  carry_out(std::move(todo));
}

void pool::opened(server_ptr server) {
  plan todo;
  {
    std::unique_lock lock(node_->mutex_);
    --opening_;
    auto& known = greetings_[""];
    if (known && known != server->state.initial) greetings_.clear();  // the server's configuration has changed
    greetings_[""] = server->state.initial;
    retry_at_ = {};
    starting_ = false;
    failure_.clear();
    put_back(std::move(server), todo, lock);
  }
  carry_out(std::move(todo));
}

void pool::open_failed(wire::pg_error error, bool retry) {
  plan todo;
  std::vector<std::shared_ptr<waiter>> disappointed;
  {
    const std::lock_guard lock(node_->mutex_);
    --opening_;
    give_place_back(todo);
    retry_at_ = steady::now() + retry_pause;
    starting_ = retry;
    if (!retry && lasting() == 0) {
      while (!waiters_.empty())
        disappointed.push_back(pop_waiter());
    }
  }
  for (auto& who : disappointed)
    deliver(std::move(who), {nullptr, error});
  carry_out(std::move(todo));
}

std::optional<std::uint32_t> pool::announce_failure(const std::string& reason) {
  const auto now = steady::now();
  const std::lock_guard lock(node_->mutex_);
  if (reason == failure_ && now - failure_announced_ < failure_pause) {
    ++failures_kept_quiet_;
    return std::nullopt;
  }
  failure_ = reason;
  failure_announced_ = now;
  return std::exchange(failures_kept_quiet_, 0);
}

void pool::closing() {
  const std::lock_guard lock(node_->mutex_);
  ++closing_;
}

void pool::closed() {
  plan todo;
  {
    const std::lock_guard lock(node_->mutex_);
    --closing_;
    give_place_back(todo);
    if (todo.grow.empty()) {
      plan_opens(todo);
    } else {
      todo.grow.push_back(shared_from_this());  // behind those that were refused before
    }
  }
  carry_out(std::move(todo));
}

void pool::maintain(steady::time_point now) {
  plan todo;
  {
    const std::lock_guard lock(node_->mutex_);
    const auto stirred = idle_that_stirred();
    std::uint32_t going = 0;
    for (auto& idle : idle_) {
      for (auto it = idle.begin(); it != idle.end();) {
        const bool dead = stirred.contains(it->get()) && !(*it)->still_good();
        const bool unused = limits_.server_idle_timeout.count() != 0 &&
                            now - (*it)->idle_since > limits_.server_idle_timeout &&
                            lasting() - going > limits_.min_size;
        if (!dead && !unused && !expired(**it, now)) {
          ++it;
          continue;
        }
        todo.close.push_back(std::move(*it));
        it = idle.erase(it);
        ++going;
      }
    }
    plan_opens(todo);
    while (!paused_ && now >= retry_at_ && lasting() - going < limits_.min_size && open_ < limits_.size &&
           take_place(todo)) {
      todo.open.emplace_back(shared_from_this(), &spare_);
    }
  }
  carry_out(std::move(todo));
}

// Idle connections on which something came or that were closed; one system call for all of them.
std::set<const server_connection*> pool::idle_that_stirred() const {
  std::vector<pollfd> sockets;
  std::vector<const server_connection*> servers;
  for (const auto& idle : idle_) {
    for (const auto& server : idle) {
      sockets.push_back({server->io.native(), POLLIN | POLLRDHUP, 0});
      servers.push_back(server.get());
    }
  }
  std::set<const server_connection*> stirred;
  if (::poll(sockets.data(), sockets.size(), 0) <= 0) return stirred;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    if (sockets[i].revents != 0) stirred.insert(servers[i]);
  }
  return stirred;
}

void pool::retire(wire::pg_error why) {
  {
    const std::lock_guard lock(node_->mutex_);
    farewell_ = why;
    retired_ = true;
    limits_.min_size = 0;
  }
  close_idle();
  fail_waiters(why);
}

void pool::lend_beyond_size(bool yes) {
  const std::lock_guard lock(node_->mutex_);
  yes ? ++lent_ : --lent_;
}

bool pool::has_another() const {
  const std::lock_guard lock(node_->mutex_);
  return lasting() > 1 || std::all_of(budgets_.begin(), budgets_.end(), [](const budget* b) { return b->has_room(); });
}

void pool::pause() {
  {
    const std::lock_guard lock(node_->mutex_);
    paused_ = true;
  }
  close_idle();
}

void pool::resume() {
  plan todo;
  {
    const std::lock_guard lock(node_->mutex_);
    paused_ = false;
    plan_opens(todo);
  }
  carry_out(std::move(todo));
}

bool pool::paused() const {
  const std::lock_guard lock(node_->mutex_);
  return paused_;
}

void pool::grow() {
  plan todo;
  {
    const std::lock_guard lock(node_->mutex_);
    plan_opens(todo);
  }
  carry_out(std::move(todo));
}

bool pool::close_one_idle() {
  server_ptr victim;
  {
    const std::lock_guard lock(node_->mutex_);
    victim = evict_idle();
  }
  return victim != nullptr;
}

void pool::fail_waiters(const wire::pg_error& error) {
  std::vector<std::shared_ptr<waiter>> disappointed;
  {
    const std::lock_guard lock(node_->mutex_);
    while (!waiters_.empty())
      disappointed.push_back(pop_waiter());
  }
  for (auto& who : disappointed)
    deliver(std::move(who), {nullptr, error});
}

void pool::close_idle() {
  plan todo;
  {
    const std::lock_guard lock(node_->mutex_);
    for (auto& idle : idle_) {
      for (auto& server : idle)
        todo.close.push_back(std::move(server));
      idle.clear();
    }
  }
  carry_out(std::move(todo));
}

pool::snapshot pool::state(steady::time_point now) const {
  const std::lock_guard lock(node_->mutex_);
  snapshot s;
  s.open = open_;
  s.opening = opening_;
  s.closing = closing_;
  s.idle = static_cast<std::uint32_t>(idle_count());
  s.waiting = static_cast<std::uint32_t>(waiters_.size());
  s.paused = paused_;
  for (const auto& who : waiters_) {
    s.max_wait = std::max(s.max_wait, std::chrono::duration_cast<std::chrono::microseconds>(now - who.since_));
  }
  return s;
}

void pool::for_each_idle(const std::function<void(const server_connection&)>& visit) const {
  const std::lock_guard lock(node_->mutex_);
  for (const auto& idle : idle_) {
    for (const auto& server : idle)
      visit(*server);
  }
}

parameters pool::greeting(const std::string& startup_settings) const {
  const std::lock_guard lock(node_->mutex_);
  const auto found = greetings_.find(startup_settings);
  return found == greetings_.end() ? nullptr : found->second;
}

void pool::remember_greeting(const std::string& startup_settings, parameters settings) {
  constexpr std::size_t most = 256;
  const std::lock_guard lock(node_->mutex_);
  if (greetings_.size() >= most) greetings_.erase(std::prev(greetings_.end()));
  greetings_[startup_settings] = std::move(settings);
}

fsm::scram_cache pool::cached_scram() const {
  const std::lock_guard lock(node_->mutex_);
  return scram_;
}

void pool::keep_scram(fsm::scram_cache cache) {
  const std::lock_guard lock(node_->mutex_);
  scram_ = std::move(cache);
}

void pool::carry_out(plan todo) {
  todo.close.clear();
  for (const auto& each : todo.evict) {
    if (each->close_one_idle()) break;
  }
  for (const auto& each : todo.grow)
    each->grow();
  for (auto& [where, on] : todo.open)
    where->open_server_(where, *on);
}

void pool::deliver(std::shared_ptr<waiter> who, checkout_result result) {
  auto& home = *who->home_;
  home.post([who = std::move(who), result = std::move(result)]() mutable { who->granted(std::move(result)); });
}

}  // namespace forebay
