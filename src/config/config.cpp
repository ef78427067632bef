#include "config/config.hpp"

#include <algorithm>

namespace forebay::config {
namespace {

template <class T>
const T* find_named(const std::vector<T>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &T::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

const user* settings::find_user(std::string_view name) const {
  return find_named(users, name);
}

const database* settings::find_database(std::string_view name) const {
  const auto* exact = find_named(databases, name);
  return exact ? exact : find_named(databases, "*");
}

const cluster* settings::find_cluster(std::string_view name) const {
  return find_named(clusters, name);
}

routing settings::routing_of(const database& of) const {
  auto made = routing;
  const auto& instead = of.routing;
  made.read_write_split = instead.read_write_split.value_or(made.read_write_split);
  made.strategy = instead.strategy.value_or(made.strategy);
  made.read_your_writes = instead.read_your_writes.value_or(made.read_your_writes);
  made.max_replay_lag = instead.max_replay_lag.value_or(made.max_replay_lag);
  made.max_lag_bytes = instead.max_lag_bytes.value_or(made.max_lag_bytes);
  made.fallback_to_primary = instead.fallback_to_primary.value_or(made.fallback_to_primary);
  return made;
}

}  // namespace forebay::config
