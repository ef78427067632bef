#include <algorithm>

#include "pool/pool.hpp"

// Who gets what: idle connections, places for new ones, the queue. All of this under the node's mutex; what it leads to
// is done afterwards, by pool::carry_out().
namespace forebay {
namespace {

// How much later than a waiter of the class above one of the next class is served.
constexpr std::chrono::seconds ageing{1};
// A pool of the same budget whose first waiter came this much earlier gets a connection that comes back: opening one
// for it costs a login, so not for less.
constexpr std::chrono::milliseconds worth_a_login{50};

}  // namespace

server_ptr pool::take_idle(worker& home) {
  auto& own = idle_[home.index()];
  if (!own.empty()) {
    auto server = std::move(own.back());
    own.pop_back();
    return server;
  }
  for (auto& sibling : idle_) {
    if (sibling.empty()) continue;
    auto server = std::move(sibling.front());  // the one its own worker would have used last
    sibling.pop_front();
    return server;
  }
  return nullptr;
}

bool pool::expired(const server_connection& s, steady::time_point now) const {
  return limits_.server_lifetime.count() != 0 && now - s.connected_at > limits_.server_lifetime;
}

void pool::put_back(server_ptr server, plan& todo, std::unique_lock<std::mutex>& lock) {
  const auto now = server->at().now();
  if (paused_ || retired_ || server->state.broken || server->state.doubtful || lasting() > most_now() ||
      expired(*server, now)) {
    todo.close.push_back(std::move(server));
    return;
  }
  server->idle_since = now;
  if (somebody_waits_longer()) {
    todo.close.push_back(std::move(server));  // for the room it takes
    return;
  }
  if (waiters_.empty()) {
    idle_[server->at().index()].push_back(std::move(server));
    return;
  }
  auto who = pop_waiter();
  lock.unlock();
  server->io.move_to(*who->home_);
  deliver(std::move(who), {std::move(server), std::nullopt});
}

void pool::plan_opens(plan& todo) {
  if (paused_ || retired_ || waiters_.size() <= opening_) return;
  // With no connection left and none to come, whoever asks deserves an attempt and its reason at once.
  if ((lasting() != 0 || starting_) && steady::now() < retry_at_) return;
  auto who = waiters_.begin();
  std::advance(who, opening_);
  for (const auto most = most_now(); who != waiters_.end() && open_ < most && take_place(todo); ++who) {
    todo.open.emplace_back(shared_from_this(), who->home_);
  }
}

// A place in every budget for a connection about to be opened; else queues for it and has an idle one of another pool
// closed.
bool pool::take_place(plan& todo) {
  const auto refused = std::find_if_not(budgets_.begin(), budgets_.end(), [](budget* b) { return b->try_take(); });
  if (refused != budgets_.end()) {
    std::for_each(budgets_.begin(), refused, [](budget* b) { b->give_back(); });
    (*refused)->queue(*this, waiters_.empty() ? steady::now() : waiters_.front().since_);
    todo.evict = (*refused)->members();
    return false;
  }
  ++open_;
  ++opening_;
  return true;
}

void pool::give_place_back(plan& todo) {
  --open_;
  for (auto* b : budgets_) {
    b->give_back();
    auto hungry = b->take_queue();
    todo.grow.insert(todo.grow.end(), hungry.begin(), hungry.end());
  }
}

// Another pool has been refused room that a connection of this one takes, and its first waiter was there before ours.
bool pool::somebody_waits_longer() const {
  for (const auto* b : budgets_) {
    const auto since = b->hungry_since();
    if (since == steady::time_point::max() || b->has_room()) continue;
    if (waiters_.empty() || since + worth_a_login < waiters_.front().since_) return true;
  }
  return false;
}

// Connections there may be at this moment, the reserve included when it is due.
std::uint32_t pool::most_now() const {
  const bool due = limits_.reserve_size != 0 && !waiters_.empty() &&
                   steady::now() - waiters_.front().since_ >= limits_.reserve_timeout;
  return limits_.size + lent_ + (due ? limits_.reserve_size : 0);
}

server_ptr pool::evict_idle() {
  std::deque<server_ptr>* oldest = nullptr;
  for (auto& idle : idle_) {
    if (!idle.empty() && (!oldest || idle.front()->idle_since < oldest->front()->idle_since)) oldest = &idle;
  }
  if (!oldest) return nullptr;
  auto server = std::move(oldest->front());
  oldest->pop_front();
  return server;
}

// By the time of asking; a class below counts as having asked a second later, so each is overtaken for a second at
// most.
void pool::enqueue(waiter& who) {
  who.since_ = steady::now();
  who.turn_ = who.since_ + static_cast<int>(who.priority) * ageing;
  auto behind = waiters_.end();
  while (behind != waiters_.begin() && std::prev(behind)->turn_ > who.turn_)
    --behind;
  waiters_.insert(behind, who);
}

std::shared_ptr<pool::waiter> pool::pop_waiter() {
  auto& who = waiters_.front();
  waiters_.pop_front();
  return std::move(who.self_);
}

std::size_t pool::idle_count() const {
  std::size_t n = 0;
  for (const auto& idle : idle_)
    n += idle.size();
  return n;
}

}  // namespace forebay
