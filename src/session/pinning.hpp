#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/sql_effects.hpp"

// Why a session keeps its server connection in transaction mode. Seen from two sides that complete each other: the
// statement before it runs, and the command tag after it ran (exact, from the server itself).
namespace forebay {

enum class pin_reason : std::uint8_t {
  none,
  session_mode,
  setting,
  advisory_lock,
  temporary_table,
  hold_cursor,
  listen,
  prepared_statement,
  load,
};
std::string_view to_text(pin_reason reason);  // as in SHOW CLIENTS

// Reasons together, a bit each: what is left on a server connection.
using pin_mask = std::uint32_t;
constexpr pin_mask mask_of(pin_reason reason) {
  return reason == pin_reason::none ? 0 : pin_mask{1} << static_cast<unsigned>(reason);
}
pin_reason first_of(pin_mask reasons);

// Why a session that is about to run something with these effects must be pinned already; none if the command tag
// will tell.
pin_reason pin_before(effect::mask effects);
// Why a session must be pinned now that the server reported this command tag, given the effects of what it ran.
pin_reason pin_after(std::string_view command_tag, effect::mask effects);

// Whether something with this tag or these effects may have ended one of the reasons.
bool may_unpin(std::string_view command_tag, effect::mask effects);
// SQL that gives a row while any of them is still there. Empty: that cannot be asked.
std::string sql_to_find(pin_mask reasons);
// SQL that undoes what they left, and nothing else. Empty: nothing can.
std::string sql_to_undo(pin_mask reasons);

}  // namespace forebay
