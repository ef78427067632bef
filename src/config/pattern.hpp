#pragma once

#include <regex>
#include <string>
#include <string_view>

// The regular expressions of the configuration: ECMAScript's, found anywhere in a text.
namespace forebay::config {

enum class letters : bool { of_any_case, as_written };

// Matching takes time in proportion to the text and no deep stack, whatever the expression and the text are; so there
// are no back references. Throws std::regex_error where complain_pattern() complains.
std::regex compile_pattern(const std::string& text, letters how = letters::of_any_case);

std::string complain_pattern(std::string_view text);  // empty: nothing is wrong

}  // namespace forebay::config
