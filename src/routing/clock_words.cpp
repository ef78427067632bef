#include "routing/clock_words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace forebay {
namespace {

// Of PostgreSQL's datetime.c, all that stand for a moment that moves. "allballs", "epoch", "infinity" and "ago" do not.
constexpr std::array<std::string_view, 4> words = {"now", "today", "tomorrow", "yesterday"};
constexpr std::size_t longest = 9;

constexpr std::array<std::string_view, 11> clock_types = {
    "date",    "time",      "timetz",         "timestamp",    "timestamptz",   "daterange",
    "tsrange", "tstzrange", "datemultirange", "tsmultirange", "tstzmultirange"};

constexpr std::array<std::string_view, 46> other_types = {
    "bool",          "int2",     "int4",     "int8",      "float4",    "float8",   "numeric",        "text",
    "varchar",       "bpchar",   "char",     "name",      "bytea",     "uuid",     "json",           "jsonb",
    "xml",           "interval", "inet",     "cidr",      "macaddr",   "macaddr8", "money",          "oid",
    "bit",           "varbit",   "tsvector", "tsquery",   "point",     "line",     "lseg",           "box",
    "path",          "polygon",  "circle",   "int4range", "int8range", "numrange", "int4multirange", "int8multirange",
    "nummultirange", "jsonpath", "pg_lsn",   "xid",       "tid",       "cstring"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& all, std::string_view word) {
  return std::find(all.begin(), all.end(), word) != all.end();
}

bool is_letter(char c) {
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'z';
}

// Dropped where a value of an array or of a row is read: n\ow and n"o"w are now.
bool is_dropped(char c) {
  return c == '\\' || c == '"';
}

// What E'' and U&'' write letters with.
bool writes_letter(char c) {
  return (c >= '0' && c <= '9') || c == 'x' || c == 'u' || c == 'U' || c == '+';
}

bool has_words(std::string_view text) {
  char word[longest];
  std::size_t letters = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    if (is_letter(c)) {
      if (letters < longest) word[letters] = static_cast<char>(c | 0x20);
      ++letters;
    } else if (!is_dropped(c)) {
      if (letters <= longest && is_one_of(words, {word, letters})) return true;
      letters = 0;
    }
  }
  return false;
}

// Whether another string follows behind a new line, and comments that end in one: it is the same string.
bool goes_on(std::string_view text, std::size_t at) {
  bool new_line = false;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '\'') return new_line;
    if (text.substr(at, 2) == "--") {
      at = std::min(text.find_first_of("\r\n", at), text.size());
    } else if (std::string_view(" \t\r\n\f\v").find(c) != std::string_view::npos) {
      new_line = new_line || c == '\r' || c == '\n';
      ++at;
    } else {
      return false;
    }
  }
  return false;
}

// Letters that are not written as such, and strings that go on behind a new line.
bool hides_letters(std::string_view text) {
  for (auto at = text.find('\\'); at != text.npos; at = text.find('\\', at + 1))
    if (at + 1 < text.size() && writes_letter(text[at + 1])) return true;
  for (auto at = text.find('&'); at != text.npos; at = text.find('&', at + 1))
    if (at > 0 && (text[at - 1] | 0x20) == 'u' && at + 1 < text.size() && text[at + 1] == '\'') return true;
  for (auto at = text.find('\''); at != text.npos; at = text.find('\'', at + 1))
    if (goes_on(text, at + 1)) return true;
  return false;
}

}  // namespace

bool has_clock_words(std::string_view text) {
  return has_words(text) || hides_letters(text);
}

bool reads_clock_as_text(std::string_view type) {
  return is_one_of(clock_types, type);
}

bool reads_no_clock(std::string_view type) {
  return is_one_of(other_types, type);
}

}  // namespace forebay
