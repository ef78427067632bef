#include "pool/budget.hpp"

#include <algorithm>

#include "pool/pool.hpp"

namespace forebay {
bool budget::try_take() {
  auto open = open_.load();
  do {
    const auto limit = limit_.load();
    if (limit != 0 && open >= limit) return false;
  } while (!open_.compare_exchange_weak(open, open + 1));
  return true;
}

void budget::join(pool& member) {
  const std::lock_guard lock(mutex_);
  members_.push_back(&member);
}

void budget::leave(pool& member) {
  const std::lock_guard lock(mutex_);
  std::erase(members_, &member);
  std::erase_if(hungry_, [&](const entry& e) { return e.who == &member; });
}

// A pool whose last owner has just let go is as good as gone.
std::vector<std::shared_ptr<pool>> budget::members() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<pool>> all;
  for (auto* each : members_) {
    if (auto alive = each->weak_from_this().lock()) all.push_back(std::move(alive));
  }
  return all;
}

void budget::queue(pool& hungry, steady::time_point since) {
  const std::lock_guard lock(mutex_);
  const bool there = std::any_of(hungry_.begin(), hungry_.end(), [&](const entry& e) { return e.who == &hungry; });
  if (!there) hungry_.push_back({&hungry, since});
}

steady::time_point budget::hungry_since() const {
  const std::lock_guard lock(mutex_);
  return hungry_.empty() ? steady::time_point::max() : hungry_.front().since;
}

std::vector<std::shared_ptr<pool>> budget::take_queue() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<pool>> all;
  for (const auto& each : hungry_) {
    if (auto alive = each.who->weak_from_this().lock()) all.push_back(std::move(alive));
  }
  hungry_.clear();
  return all;
}

}  // namespace forebay
