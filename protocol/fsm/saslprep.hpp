#pragma once

#include <string>
#include <string_view>

namespace forebay::fsm {

// Bytes of the longest password that is prepared. PostgreSQL has no bound, but the work grows with the square of the
// length (marks are put in order), and who sends the password is not known yet.
inline constexpr std::size_t saslprep_max = 4096;

// A password as PostgreSQL hashes it for SCRAM: SASLprep (RFC 4013), or the bytes as they are where that is not
// possible: no UTF-8, prohibited or unassigned (in Unicode 3.2) characters, nothing left, too long. ASCII is never
// changed, control characters included.
//
// libidn normalizes by Unicode 3.2. What later corrections changed is the only known difference from PostgreSQL: five
// ideographs (Corrigendum 4: U+2F868, 2F874, 2F91F, 2F95F, 2F9BF) and marks in places where no text has them (5).
std::string saslprep(std::string_view password);

}  // namespace forebay::fsm
