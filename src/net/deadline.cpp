#include "net/deadline.hpp"

#include <algorithm>

namespace forebay {

void deadline::set(deadline_queue& queue, steady::time_point at) {
  unlink();
  at_ = at;
  queue.pending_.insert(*this);
}

int deadline_queue::patience(steady::time_point now) const {
  constexpr std::chrono::milliseconds longest = std::chrono::hours{1};
  if (pending_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(pending_.begin()->at_ - now);
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds{0}, longest).count());
}

void deadline_queue::run_due() {
  if (pending_.empty()) return;
  const auto now = steady::now();
  while (!pending_.empty() && pending_.begin()->at_ <= now) {
    auto& due = *pending_.begin();
    due.unlink();
    due.what_(due.owner_);  // may destroy `due`, and may set others
  }
}

}  // namespace forebay
