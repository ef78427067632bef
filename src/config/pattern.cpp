#include "config/pattern.hpp"

namespace forebay::config {
namespace {

std::string_view reason_of(std::regex_constants::error_type code) {
  using namespace std::regex_constants;
  if (code == error_collate || code == error_ctype) return "there is no such class of characters";
  if (code == error_escape) return "nothing is escaped by this backslash";
  if (code == error_backref || code == error_complexity) return "back references are not available";
  if (code == error_brack) return "brackets do not match";
  if (code == error_paren || code == error_badrepeat)  // libstdc++ says the one of the other, as in "*a"
    return "parentheses do not match, or there is nothing to repeat";
  if (code == error_brace) return "braces do not match";
  if (code == error_badbrace) return "wanted numbers in braces, as in {2,5}";
  if (code == error_range) return "a range ends before it begins";
  return code == error_space ? "it is too large" : "it cannot be read";
}

}  // namespace

std::regex compile_pattern(const std::string& text, letters how) {
  using namespace std::regex_constants;
  // Without __polynomial libstdc++ goes a stack frame deeper with each character, and tries combinations for ever.
  const auto flags = ECMAScript | optimize | __polynomial;
  return std::regex(text, how == letters::as_written ? flags : flags | icase);
}

std::string complain_pattern(std::string_view text) {
  constexpr std::size_t longest = 1000;  // it is compiled recursively
  if (text.empty()) return "must not be empty";
  if (text.size() > longest) return "is too long for a regular expression: at most 1000 bytes";
  try {
    compile_pattern(std::string(text));
    return "";
  } catch (const std::regex_error& e) {
    return "not a regular expression: " + std::string(reason_of(e.code()));
  }
}

}  // namespace forebay::config
