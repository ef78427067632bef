#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The console's language: statements of words, numbers and quoted names, separated by semicolons. Pure.
namespace forebay::admin {

struct token {
  enum class kind : std::uint8_t { word, name, text, symbol };  // abc, "abc", 'abc', one other character

  kind what = kind::word;
  std::string text;  // without quotes; as written, not folded

  bool is_word(std::string_view upper) const;  // a bare word, in any case
};

using statement_tokens = std::vector<token>;

struct tokenized {
  std::vector<statement_tokens> statements;  // without the empty ones
  std::string error;                         // what is wrong with the text; then there are no statements
};

// Comments (-- and nested /* */) and white space separate tokens. Any bytes are fine.
tokenized tokenize(std::string_view text);

std::string upper_case(std::string_view text);  // ASCII only

}  // namespace forebay::admin
