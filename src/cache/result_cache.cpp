#include "cache/result_cache.hpp"

#include "core/random.hpp"

namespace forebay {

result_cache::result_cache(const result_store::limits& of)
    : store(of), book(std::uint64_t{random_u32()} << 32 | random_u32()), tags_(&changes) {
  tags_.set_shared_name("tags/0");
}

cache_clocks& result_cache::clocks_of(const std::string& cluster, const std::string& database) {
  const std::lock_guard lock(mutex_);
  return clocks_.try_emplace({cluster, database}, &changes).first->second;
}

void result_cache::flush(const chooser& which) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, clocks] : clocks_)
    if (which(name.first, name.second)) clocks.all().wrote();
}

void result_cache::forget(const chooser& which) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, clocks] : clocks_)
    if (which(name.first, name.second)) clocks.all().heard();
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
  return tags_.of(cache_clocks::first_relation + hash_of_tag(tag) % 1024);
}

void result_cache::for_each(const visitor& visit) {
  const std::lock_guard lock(mutex_);
  visit({}, {}, tags_);
  for (auto& [name, clocks] : clocks_)
    visit(name.first, name.second, clocks);
}

}  // namespace forebay
