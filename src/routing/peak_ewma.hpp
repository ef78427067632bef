#pragma once

#include <chrono>

#include "core/clock.hpp"

// How long a node takes to the first byte of its answers. An answer slower than the estimate is believed at once,
// quicker ones pull it down over `decay_time`; so a node that becomes slow is seen with its next answer. Where nobody
// asks, the estimate fades, and the node is tried again some day.
//
// One for each node and worker, in the hands of that worker. observe() at the first byte of an answer, and at any time
// before with the age of a request that has none yet: a node that answers nothing at all is slow as well.
namespace forebay {

class peak_ewma {
 public:
  // A node a hundred times slower than the others gets one request to try it in 5 s * ln(100), 23 s.
  static constexpr std::chrono::nanoseconds decay_time = std::chrono::seconds(5);

  void observe(steady::time_point now, std::chrono::nanoseconds latency);
  double at(steady::time_point now) const;  // in nanoseconds; 0 when it was never observed

  // An observation not older than decay_time. What is older may give the node a chance, but no advantage.
  bool is_fresh(steady::time_point now) const { return peak_ > 0 && now - last_ <= decay_time; }

 private:
  double fading(steady::time_point now) const;  // 1 at the last observation, e^-1 after decay_time

  double peak_ = 0;
  steady::time_point last_{};
};

}  // namespace forebay
