#include "cache/written.hpp"

#include <algorithm>

namespace forebay {

void written_clocks::add(cache_clock& clock) {
  if (std::ranges::find(clocks_, &clock) != clocks_.end()) return;
  clocks_.push_back(&clock);
  if (begun_) clock.begins();
}

void written_clocks::begin() {
  if (begun_) return;
  begun_ = true;
  for (auto* each : clocks_)
    each->begins();
}

void written_clocks::tell(std::uint64_t ticket) const {
  if (!begun_) return;
  for (auto* each : clocks_)
    each->wrote(ticket);
}

void written_clocks::pause(std::uint64_t ticket) {
  if (!begun_) return;
  tell(ticket);
  for (auto* each : clocks_)
    each->ends();
  begun_ = false;
}

// What was not begun was rolled back.
void written_clocks::commit(std::uint64_t ticket) {
  pause(ticket);
  clocks_.clear();
}

}  // namespace forebay
