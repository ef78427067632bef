#include "cache/flight.hpp"

#include <utility>

namespace forebay {

bool cache_flight::wait(std::function<void()> wake) {
  const std::lock_guard hold(mutex_);
  if (ended_) return false;
  waiting_.push_back(std::move(wake));
  return true;
}

void cache_flight::end() {
  std::vector<std::function<void()>> waiting;
  {
    const std::lock_guard hold(mutex_);
    ended_ = true;
    waiting.swap(waiting_);
  }
  for (const auto& wake : waiting)
    wake();
}

bool cache_flight::ended() const {
  const std::lock_guard hold(mutex_);
  return ended_;
}

}  // namespace forebay
