#include "routing/sql_scan.hpp"

#include <algorithm>
#include <initializer_list>

namespace forebay {

bool is_ascii(std::string_view text) {
  unsigned char all = 0;  // no branch: many bytes at a time
  for (const char c : text)
    all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

bool reads_as_written(std::string_view text, const parameter_set& settings) {
  const auto is = [&](std::string_view name, std::initializer_list<std::string_view> values) {
    const auto* e = settings.find(name);
    return e && std::any_of(values.begin(), values.end(), [&](auto v) { return same_name(e->value, v); });
  };
  if (text.find('\\') != text.npos && is("standard_conforming_strings", {"off"})) return false;
  // Encodings whose characters may end in the byte of an ASCII character.
  return is_ascii(text) || !is("client_encoding", {"BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SJIS", "SHIFT_JIS_2004"});
}

std::string reading_of(std::string_view text, const parameter_set& settings) {
  std::string reading;
  const auto depends_on = [&](std::string_view name) {
    if (const auto* e = settings.find(name)) reading.append(e->value) += '\0';
  };
  // Of those that PostgreSQL does not report the set has what was set: nearly never any.
  const auto depends_on_unreported = [&](std::string_view name) {
    if (settings.find(name)) reading.append(name) += '=', depends_on(name);
  };
  if (text.find('\\') != text.npos) depends_on("standard_conforming_strings");
  if (!is_ascii(text)) depends_on("client_encoding");
  if (text.find('\'') != text.npos) {
    for (const auto* name : {"DateStyle", "IntervalStyle", "TimeZone"})
      depends_on(name);
    for (const auto* name : {"array_nulls", "lc_monetary", "timezone_abbreviations", "xmloption"})
      depends_on_unreported(name);
  }
  depends_on_unreported("transform_null_equals");
  return reading;
}

std::size_t end_of_block_comment(std::string_view text, std::size_t at) {
  int depth = 0;
  do {
    const auto two = text.substr(at, 2);
    const int step = two == "/*" ? 1 : two == "*/" ? -1 : 0;
    depth += step;
    at += step == 0 ? 1 : 2;
  } while (depth > 0 && at < text.size());
  return depth == 0 ? at : text.npos;
}

std::size_t skip_space_and_comments(std::string_view text, std::size_t at, std::string_view also) {
  while (at < text.size() && !is_word_char(text[at])) {
    if (is_space(text[at]) || also.find(text[at]) != std::string_view::npos) {
      ++at;
    } else if (text.substr(at, 2) == "--") {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at, 2) == "/*") {
      at = std::min(end_of_block_comment(text, at), text.size());
    } else {
      break;
    }
  }
  return std::min(at, text.size());
}

namespace {

std::string_view word_at(std::string_view text, std::size_t& at) {
  at = skip_space_and_comments(text, at);
  const auto start = at;
  while (at < text.size() && is_word_char(text[at]))
    ++at;
  return text.substr(start, at - start);
}

}  // namespace

std::string_view leading_word(std::string_view text) {
  std::size_t at = skip_space_and_comments(text, 0, ";(");
  return word_at(text, at);
}

bool is_alone(std::string_view text) {
  const auto semicolon = text.find(';');
  return semicolon == std::string_view::npos || text.find_first_not_of(" \t\r\n;", semicolon) == std::string_view::npos;
}

namespace {

// An identifier at `at`, which moves behind it; empty: there is none.
std::string identifier_at(std::string_view text, std::size_t& at) {
  std::string name;
  if (at < text.size() && text[at] == '"') {
    for (++at; at < text.size(); ++at) {
      if (text[at] == '"' && (at + 1 == text.size() || text[at + 1] != '"')) {
        ++at;
        return name;
      }
      if (text[at] == '"') ++at;
      name += text[at];
    }
    return {};  // it does not end
  }
  for (const char c : word_at(text, at))
    name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return name;
}

}  // namespace

std::optional<named_command> find_named_command(std::string_view text) {
  using kind = named_command::kind;
  std::size_t at = skip_space_and_comments(text, 0, ";");
  const auto keyword = word_at(text, at);
  named_command found;
  if (same_name(keyword, "deallocate")) {
    found.what = kind::deallocate;
  } else if (same_name(keyword, "prepare")) {
    found.what = kind::prepare;
  } else if (!same_name(keyword, "execute")) {
    return std::nullopt;
  }
  text = up_to_nul(text);
  found.at = at = skip_space_and_comments(text, at);
  if (found.what == kind::deallocate) {
    auto ahead = at;
    const bool noise = same_name(word_at(text, ahead), "prepare");
    const auto behind = skip_space_and_comments(text, ahead);
    if (noise && behind < text.size() && (is_word_char(text[behind]) || text[behind] == '"')) found.at = at = behind;
  }
  found.name = identifier_at(text, at);
  found.size = at - found.at;
  if (found.name.empty()) return std::nullopt;
  const bool bare = text[found.at] != '"';
  if (bare && found.what == kind::deallocate && found.name == "all") return std::nullopt;
  if (bare && found.what == kind::prepare && found.name == "transaction") return std::nullopt;
  return found;
}

}  // namespace forebay
