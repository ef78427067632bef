#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/parameters.hpp"
#include "core/sql_effects.hpp"

// Just enough of PostgreSQL's lexical rules (manual, "Lexical Structure") to read the beginning of a statement.
namespace forebay {

// The text in the body of a Query, which ends in a zero byte.
inline std::string_view up_to_nul(std::string_view body) {
  return body.substr(0, body.find('\0'));
}

bool is_ascii(std::string_view text);
// Whether the grammar reads these bytes as a server with these settings will.
bool reads_as_written(std::string_view text, const parameter_set& settings);
// What a text means besides what it says: the values of the settings that its constants are read by, which a server
// does when it parses, and not again.
std::string reading_of(std::string_view text, const parameter_set& settings);
inline constexpr std::size_t max_parsed_text = 16 * 1024;  // bytes of a text that the grammar is asked about

inline constexpr auto word_chars = [] {
  std::array<bool, 256> found{};
  for (int c = 0; c < 256; ++c)
    found[c] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c >= 0x80;
  return found;
}();
inline bool is_word_char(char c) {
  return word_chars[static_cast<unsigned char>(c)];
}
inline bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
// Behind the comment that begins here; comments nest. npos: it does not end.
std::size_t end_of_block_comment(std::string_view text, std::size_t at);
// Behind white space and comments (which nest), and behind any of `also`.
std::size_t skip_space_and_comments(std::string_view text, std::size_t at, std::string_view also = {});
// The first word, whatever of white space, comments, semicolons and parentheses is before it. Empty: no word.
std::string_view leading_word(std::string_view text);
// Nothing follows the first statement; false also when a semicolon in a literal makes it look so.
bool is_alone(std::string_view text);

// That which the first statement of a text is, by its words.
std::optional<named_command> find_named_command(std::string_view text);

}  // namespace forebay
