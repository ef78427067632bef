#pragma once

#include <deque>
#include <optional>

#include "core/clock.hpp"
#include "core/lsn.hpp"

// Where the primary was when, to tell for how long a replica has been behind: an idle primary makes no lag, a broken
// stream does with the first write. Never tells less than there is between the moments it knows; at most `apart` more
// than these would allow.
namespace forebay {

class position_history {
 public:
  void add(steady::time_point when, lsn position) {
    if (!seen_.empty() && seen_.back().position == position) {
      seen_.back().last = when;
      return;
    }
    if (seen_.size() >= 2 && when - seen_[seen_.size() - 2].last < apart) seen_.pop_back();
    seen_.push_back({when, position});
    if (seen_.size() > most) seen_.pop_front();
  }

  // The time from the last known moment at which the primary was no further than `replayed` to the newest one. Nothing:
  // not known, as it was long ago, or there is no history.
  std::optional<steady::duration> behind(lsn replayed) const {
    for (auto each = seen_.rbegin(); each != seen_.rend(); ++each)
      if (each->position <= replayed) return seen_.back().last - each->last;
    return std::nullopt;
  }

  bool empty() const { return seen_.empty(); }
  void clear() { seen_.clear(); }

 private:
  static constexpr std::chrono::milliseconds apart{100};
  static constexpr std::size_t most = 4096;

  struct moment {
    steady::time_point last;
    lsn position;
  };
  std::deque<moment> seen_;
};

}  // namespace forebay
