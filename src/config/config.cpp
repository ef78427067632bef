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

}  // namespace forebay::config
