#include "session/login_damper.hpp"

#include <algorithm>
#include <cmath>

namespace forebay {

ip_address login_damper::site_of(const ip_address& from) {
  auto site = from;
  if (site.size == 16) std::fill(site.bytes.begin() + 8, site.bytes.end(), std::uint8_t{0});
  return site;
}

double login_damper::faded(const record& r, steady::time_point now) {
  const std::chrono::duration<double> passed = now - r.at;
  return r.failures * std::exp2(-passed / std::chrono::duration<double>(half_life));
}

std::chrono::milliseconds login_damper::delay(const ip_address& from, steady::time_point now,
                                              std::chrono::milliseconds most) {
  if (from.size == 0 || most.count() == 0) return {};
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(site_of(from));
  if (found == known_.end()) return {};
  const auto beyond = faded(found->second, now) - free_failures;
  if (beyond <= 0) return {};
  const auto doubled = static_cast<double>(first_delay.count()) * std::exp2(std::min(beyond, 30.0));
  return std::min(most, std::chrono::milliseconds(static_cast<std::int64_t>(doubled)));
}

void login_damper::failed(const ip_address& from, steady::time_point now) {
  if (from.size == 0) return;
  const std::lock_guard lock(mutex_);
  if (known_.size() >= most_addresses) make_room(now);
  auto& r = known_[site_of(from)];
  r = {std::min(faded(r, now) + 1, 1000.0), now};
}

// Who has not failed for long goes; if nobody has, whoever comes first in the map.
void login_damper::make_room(steady::time_point now) {
  std::erase_if(known_, [&](const auto& each) { return faded(each.second, now) < 1; });
  while (known_.size() >= most_addresses)
    known_.erase(known_.begin());
}

}  // namespace forebay
