#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// What a statement may leave behind in the state of its server session: the reason why a session must keep its server
// connection in transaction mode. Seen from two sides that complete each other: the text before it runs (cheap words,
// wrong only on the safe side) and the command tag after it ran (exact, from the server itself).
namespace forebay {

namespace effect {
using mask = std::uint32_t;
inline constexpr mask none = 0;
inline constexpr mask setting = 1;        // SET of something PostgreSQL does not report
inline constexpr mask set_function = 2;   // set_config()
inline constexpr mask advisory_lock = 4;  // session-level advisory lock functions
inline constexpr mask temporary = 8;      // temporary table, view or sequence
inline constexpr mask hold_cursor = 16;   // DECLARE ... WITH HOLD
inline constexpr mask listen = 32;        // LISTEN
inline constexpr mask prepare = 64;       // SQL-level PREPARE
inline constexpr mask load = 128;         // LOAD
inline constexpr mask several = 256;      // several statements in one text: any SET among them counts as `setting`
inline constexpr mask reset_all = 512;    // RESET ALL: leaves nothing behind, but takes what the login asked for
inline constexpr mask deallocate = 1024;  // DEALLOCATE ALL, DISCARD ALL: the same, but takes prepared statements
inline constexpr mask reset = 2048;       // RESET of one setting and nothing else: the same as RESET ALL
// These leave nothing behind.
inline constexpr mask harmless = several | reset_all | deallocate | reset;
}  // namespace effect

// Why a session keeps its server; shown in SHOW CLIENTS.
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
std::string_view to_text(pin_reason reason);

// From the text, before it runs; the zero byte that ends it in a Query may be there. Large texts are scanned in pieces:
// a word over a border is found when `tail`, what effects_tail_of() made of the pieces before, is given.
effect::mask scan_effects(std::string_view text);
effect::mask scan_effects_of_piece(std::string_view tail, std::string_view piece);
std::string effects_tail_of(std::string_view tail, std::string_view piece);
inline constexpr std::size_t effects_tail = 48;  // its bytes at most
// The setting that a text with effect::reset names.
std::string reset_target(std::string_view text);

// Why a session that is about to run something with these effects must be pinned already; none if the command tag
// will tell.
pin_reason pin_before(effect::mask effects);
// Why a session must be pinned now that the server reported this command tag, given the effects of what it ran.
pin_reason pin_after(std::string_view command_tag, effect::mask effects);

}  // namespace forebay
