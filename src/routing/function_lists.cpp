#include "routing/function_lists.hpp"

#include <algorithm>

namespace forebay {
namespace {

struct parts {
  std::string_view schema;  // empty: any
  std::string_view name;
  bool any_end;

  explicit parts(std::string_view pattern) {
    const auto dot = pattern.find('.');
    if (dot != pattern.npos) schema = pattern.substr(0, dot);
    name = dot == pattern.npos ? pattern : pattern.substr(dot + 1);
    any_end = name.ends_with('*');
    if (any_end) name.remove_suffix(1);
  }
};

bool may_match_both(const parts& a, const parts& b) {
  if (!a.schema.empty() && !b.schema.empty() && a.schema != b.schema) return false;
  if (a.any_end && b.any_end) return a.name.starts_with(b.name) || b.name.starts_with(a.name);
  if (a.any_end) return b.name.starts_with(a.name);
  return b.any_end ? a.name.starts_with(b.name) : a.name == b.name;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view schema, std::string_view name) {
  const parts p(pattern);
  return (p.schema.empty() || p.schema == schema) && (p.any_end ? name.starts_with(p.name) : name == p.name);
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view schema, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return matches(p, schema, name); });
}

std::optional<std::pair<std::string, std::string>> contradiction(const function_lists& lists) {
  for (const auto& write : lists.write)
    for (const auto& read : lists.read)
      if (may_match_both(parts(write), parts(read))) return std::pair(write, read);
  return std::nullopt;
}

}  // namespace forebay
