#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

// What the statements of a text may do to the state of their server session beyond its transaction. Found by routing/,
// kept with prepared statements by pool/, acted on by session/.
namespace forebay {

namespace effect {
using mask = std::uint32_t;
inline constexpr mask none = 0;
inline constexpr mask setting = 1;        // a setting changes in a way that is not told by the text
inline constexpr mask set_function = 2;   // set_config(), setseed()
inline constexpr mask advisory_lock = 4;  // session-level advisory lock functions
inline constexpr mask temporary = 8;      // temporary table, view or sequence
inline constexpr mask hold_cursor = 16;   // DECLARE ... WITH HOLD
inline constexpr mask listen = 32;        // LISTEN
inline constexpr mask prepare = 64;       // SQL-level PREPARE
inline constexpr mask load = 128;         // LOAD
inline constexpr mask several = 256;      // several statements in one text, not told apart: any may be a SET
inline constexpr mask reset_all = 512;    // RESET ALL: leaves nothing behind, but takes what the login asked for
inline constexpr mask deallocate = 1024;  // DEALLOCATE ALL, DISCARD ALL: the same, but takes prepared statements
inline constexpr mask reset = 2048;       // RESET of one setting and nothing else: the same as RESET ALL
inline constexpr mask savepoint = 4096;   // SAVEPOINT, RELEASE, ROLLBACK TO: matter to what is changed around them
inline constexpr mask unlisten = 8192;    // UNLISTEN
inline constexpr mask notify = 16384;     // NOTIFY, pg_notify()
inline constexpr mask unlock = 32768;     // pg_advisory_unlock()
inline constexpr mask unread = 65536;     // a text judged by its words that may go back to a savepoint
inline constexpr mask copy_in = 131072;   // COPY FROM STDIN: what its Sync means is known once it has begun
inline constexpr mask statement_name = 262144;  // EXECUTE, DEALLOCATE, PREPARE: a prepared statement by its name
inline constexpr mask discard = 524288;         // DISCARD ALL: deallocate, and takes what the login asked for
// These leave nothing behind.
inline constexpr mask harmless = several | reset_all | deallocate | discard | reset | savepoint | unlisten | notify |
                                 unlock | unread | copy_in | statement_name;
// Behind these what the login asked for is set again.
inline constexpr mask resets = reset | reset_all | discard;
// The words of a text tell these as well as its grammar would.
inline constexpr mask told_by_words = notify | unlock | copy_in;
}  // namespace effect

// What a statement does that the session follows, once it has completed.
struct state_change {
  enum class kind : std::uint8_t {
    set,
    reset,
    reset_all,
    discard_all,
    deallocate,
    savepoint,
    release,
    rollback_to,
    listen,
    unlisten,
    unlisten_all,
  } what;
  std::uint32_t statement;  // its place in the text, from 0
  std::string name;         // of the setting, the savepoint, the channel or the prepared statement
  std::string value;        // of the setting, as set_config() takes it

  bool operator==(const state_change&) const = default;
};

// EXECUTE name ..., DEALLOCATE [PREPARE] name or PREPARE name ...: what SQL does with a statement that may have been
// prepared by the protocol.
struct named_command {
  enum class kind : std::uint8_t { execute, deallocate, prepare } what = kind::execute;
  std::string name;              // as the server would have it: without quotes, or folded to lower case
  std::size_t at = 0, size = 0;  // where in the text it stands, quotes included
  std::uint32_t statement = 0;   // its place in the text, from 0
  bool within = false;           // EXECUTE within another statement: EXPLAIN, CREATE TABLE AS
};

struct sql_effects {
  effect::mask mask = effect::none;
  std::vector<state_change> changes;  // in order of their statements
  // What is sent in place of the text, where its LISTENs are not for the server that runs it: UNLISTEN does nothing
  // there, and is refused where LISTEN is. Empty: the text itself.
  std::string instead;
  std::vector<named_command> names;  // in order
};
using sql_effects_ptr = std::shared_ptr<const sql_effects>;  // null: none

}  // namespace forebay
