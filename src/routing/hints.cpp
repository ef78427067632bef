#include "routing/hints.hpp"

#include <algorithm>

#include "config/notation.hpp"
#include "core/parameters.hpp"
#include "routing/sql_scan.hpp"

namespace forebay {
namespace {

constexpr std::string_view space = " \t\r\n\f\v";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(space);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

// take(key, value) for each hint in "forebay: route=replica, cache=off"; true: go on.
template <class Take>
bool each_in(std::string_view comment, Take& take) {
  constexpr std::string_view mark = "forebay:";
  comment = trimmed(comment);
  if (!comment.starts_with(mark)) return true;
  comment.remove_prefix(mark.size());
  while (!comment.empty()) {
    const auto comma = comment.find(',');
    const auto pair = trimmed(comment.substr(0, comma));
    comment = comma == comment.npos ? std::string_view{} : comment.substr(comma + 1);
    const auto equals = pair.find('=');
    if (equals != pair.npos && !take(trimmed(pair.substr(0, equals)), trimmed(pair.substr(equals + 1)))) return false;
  }
  return true;
}

// The same for the comments ahead of a statement.
template <class Take>
void each_ahead_of(std::string_view text, Take take) {
  while (true) {
    const auto start = std::find_if_not(text.begin(), text.end(), is_space) - text.begin();
    if (!text.substr(start).starts_with("/*")) return;
    const auto end = end_of_block_comment(text, start);
    if (end == text.npos || !each_in(text.substr(start + 2, end - start - 4), take)) return;
    text = text.substr(end);
  }
}

std::optional<config::duration> ttl_of(std::string_view value) {
  const auto found = config::parse_duration(value);
  return found == config::duration::zero() ? std::nullopt : found;
}

std::vector<std::string_view> tags_of(std::string_view value) {
  constexpr std::size_t longest = 1024;  // what is longer is no list of names, and would be many times as large here
  std::vector<std::string_view> found;
  if (value.size() > longest) return found;
  while (!value.empty()) {
    const auto plus = value.find('+');
    if (const auto tag = trimmed(value.substr(0, plus)); !tag.empty()) found.push_back(tag);
    value = plus == value.npos ? std::string_view{} : value.substr(plus + 1);
  }
  return found;
}

}  // namespace

std::string_view shown_setting(std::string_view text) {
  constexpr std::string_view show = "show";
  text = trimmed(text);
  if (text.size() <= show.size() || !same_name(text.substr(0, show.size()), show)) return {};
  text.remove_prefix(show.size());
  if (space.find(text.front()) == space.npos) return {};
  while (text.ends_with(';'))
    text = trimmed(text.substr(0, text.size() - 1));
  return trimmed(text);
}

cache_hint cache_hint_of(std::string_view value) {
  if (same_name(value, "off")) return cache_hint::off;
  if (same_name(value, "on")) return cache_hint::on;
  return same_name(value, "refresh") ? cache_hint::refresh : cache_hint::none;
}

hints hints_of(std::string_view text) {
  hints found;
  each_ahead_of(text, [&](std::string_view key, std::string_view value) {
    if (found.route.empty() && same_name(key, "route")) found.route = value;
    const bool is_term = same_name(key, "ttl") || same_name(key, "tags") || same_name(value, "on");
    if (is_term) found.terms.append(key).append("=").append(value).append(",");
    if (found.cache == cache_hint::none && same_name(key, "cache")) found.cache = cache_hint_of(value);
    if (!found.ttl && same_name(key, "ttl")) found.ttl = ttl_of(value);
    if (found.tags.empty() && same_name(key, "tags")) found.tags = tags_of(value);
    return true;
  });
  return found;
}

std::string_view hinted_route(std::string_view text) {
  std::string_view found;
  each_ahead_of(text, [&](std::string_view key, std::string_view value) {
    if (same_name(key, "route")) found = value;
    return found.empty();
  });
  return found;
}

}  // namespace forebay
