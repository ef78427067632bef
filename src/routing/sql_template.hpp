#pragma once

#include <string>
#include <string_view>

// What texts have in common that differ in their literals and comments only: plain strings become '', numbers 0,
// comments white space. The grammar builds the same tree for all of them but for its constants, so that one verdict is
// good for all, where it depends on no constant: of SELECT and its like, not of SET, EXPLAIN or COPY.
//
// Not a fingerprint: nothing is parsed (0.5 us for what takes the grammar 50). Where the end of a literal is not plain
// to see (escapes, dollar quotes, U&), there is none.
namespace forebay {

bool make_sql_template(std::string_view text, std::string& out);

}  // namespace forebay
