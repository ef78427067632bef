#include "routing/peak_ewma.hpp"

#include <algorithm>
#include <cmath>

namespace forebay {

double peak_ewma::fading(steady::time_point now) const {
  const std::chrono::duration<double> age = std::max(now - last_, steady::duration::zero());
  return std::exp(-age / decay_time);
}

void peak_ewma::observe(steady::time_point now, std::chrono::nanoseconds latency) {
  const auto seen = std::max(static_cast<double>(latency.count()), 1.0);
  const auto old = fading(now);
  peak_ = seen > peak_ ? seen : peak_ * old + seen * (1 - old);
  last_ = now;
}

double peak_ewma::at(steady::time_point now) const {
  return peak_ == 0 ? 0 : peak_ * fading(now);
}

}  // namespace forebay
