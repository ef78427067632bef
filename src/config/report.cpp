#include "config/report.hpp"

#include <algorithm>
#include <tuple>

namespace forebay::config {

std::string to_string(const problem& p) {
  auto out = p.source;
  if (p.line > 0) out += ":" + std::to_string(p.line) + ":" + std::to_string(p.column);
  return out + ": " + p.text;
}

path path::operator/(std::string_view key) const {
  const std::string dot = shown.empty() ? "" : ".";
  return {shown + dot + std::string(key), exact + dot + std::string(key)};
}

path path::operator[](std::size_t index) const {
  return {shown, exact + "#" + std::to_string(index)};
}

void report::locate(const path& where, place at, const std::string& source) {
  places_[where.exact] = {source, at.line, at.column, ""};
}

problem report::find(const path& where) const {
  for (std::string_view exact = where.exact;;) {
    if (const auto found = places_.find(exact); found != places_.end()) return found->second;
    if (exact.empty()) return {source_, 0, 0, ""};
    const auto cut = exact.find_last_of(".#");
    exact = exact.substr(0, cut == exact.npos ? 0 : cut);
  }
}

problem report::make(const path& where, std::string_view text) const {
  auto made = find(where);
  made.text = where.shown + ": " + std::string(text);
  return made;
}

void report::error(const path& where, std::string_view text) {
  refused_.insert(where.exact);
  errors_.push_back(make(where, text));
}

std::string report::place_of(const path& where) const {
  const auto found = find(where);
  const auto line = std::to_string(found.line);
  return found.source == source_ ? "line " + line : found.source + ":" + line;
}

loaded report::finish(settings made) {
  const auto by_place = [this](const problem& a, const problem& b) {
    const auto order = [this](const problem& p) { return std::make_tuple(p.source != source_, p.line, p.column); };
    return order(a) < order(b);
  };
  std::ranges::stable_sort(errors_, by_place);
  std::ranges::stable_sort(warnings_, by_place);
  loaded result;
  result.errors = std::move(errors_);
  result.warnings = std::move(warnings_);
  if (result.errors.empty()) result.settings = std::move(made);
  return result;
}

}  // namespace forebay::config
