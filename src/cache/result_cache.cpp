#include "cache/result_cache.hpp"

namespace forebay {

cache_clocks& result_cache::clocks_of(const std::string& cluster, const std::string& database) {
  const std::lock_guard lock(mutex_);
  return clocks_[{cluster, database}];
}

void result_cache::forget(const std::function<bool(const std::string&, const std::string&)>& which) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, clocks] : clocks_)
    if (which(name.first, name.second)) clocks.all().wrote();
}

void result_cache::schema_changed(const std::string& cluster, steady::time_point at) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, clocks] : clocks_) {
    if (name.first != cluster) continue;
    clocks.schema_changed(at);
    clocks.all().wrote();
  }
}

cache_clock& result_cache::clock_of_tag(std::string_view tag) {
  return tags_[std::hash<std::string_view>()(tag) % tags_.size()];
}

}  // namespace forebay
