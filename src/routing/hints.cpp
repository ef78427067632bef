#include "routing/hints.hpp"

#include <algorithm>

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

// "forebay: route=replica, cache=off"
std::string_view value_in(std::string_view comment, std::string_view key) {
  constexpr std::string_view mark = "forebay:";
  comment = trimmed(comment);
  if (!comment.starts_with(mark)) return {};
  comment.remove_prefix(mark.size());
  while (!comment.empty()) {
    const auto comma = comment.find(',');
    const auto pair = trimmed(comment.substr(0, comma));
    comment = comma == comment.npos ? std::string_view{} : comment.substr(comma + 1);
    const auto equals = pair.find('=');
    if (equals != pair.npos && same_name(trimmed(pair.substr(0, equals)), key)) return trimmed(pair.substr(equals + 1));
  }
  return {};
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

std::string_view hinted_route(std::string_view text) {
  while (true) {
    const auto start = std::find_if_not(text.begin(), text.end(), is_space) - text.begin();
    if (!text.substr(start).starts_with("/*")) return {};
    const auto end = end_of_block_comment(text, start);
    if (end == text.npos) return {};
    const auto value = value_in(text.substr(start + 2, end - start - 4), "route");
    if (!value.empty()) return value;
    text = text.substr(end);
  }
}

}  // namespace forebay
