#pragma once

#include <cstddef>
#include <string_view>

#include "core/sql_effects.hpp"
#include "core/text_cache.hpp"
#include "routing/sql_scan.hpp"

// What the statements of a text do, by PostgreSQL's own grammar. One per worker, used on its thread only.
//
// The grammar has no guard against deep nesting, so a text is looked over first: one that is large, or nests deeper
// than any the parser's stack holds, is not read, and what its words say counts. The same for what this grammar does
// not know: a newer server may.
namespace forebay {

class classifier {
 public:
  // `words`: what scan_effects() found in this text, and it found something.
  sql_effects_ptr effects_of(std::string_view text, effect::mask words);
  // The same without the grammar. A setting that is changed, to what is not known, counts as `setting`.
  static sql_effects_ptr effects_of_words(effect::mask words);

  static constexpr std::size_t max_text = max_parsed_text;
  static constexpr std::size_t max_bytes = 512 * 1024;  // of texts whose effects are remembered

  std::size_t bytes() const { return known_.bytes(); }

 private:
  text_cache<sql_effects_ptr> known_{max_bytes};
};

}  // namespace forebay
