#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "core/parameters.hpp"
#include "pool/portal.hpp"
#include "pool/prepared_cache.hpp"
#include "protocol/fsm/reply_tracker.hpp"
#include "protocol/wire/framer.hpp"

// All that is known of the PostgreSQL session behind a server connection, apart from its socket: pure state, so that
// the conversation of a client with its server is tested without a network.
namespace forebay {

// DataRow, CopyData and notices go on to the client as their bytes arrive; all else is handed out whole.
inline const wire::type_set backend_splittable{'D', 'd', 'N', 'V'};

struct server_state {
  // A request that was sent and not answered yet. Its success was assumed when it was sent; when it is dropped
  // instead, what was before it counts again, for the next request in flight about the same thing or else from now on.
  struct in_flight {
    statement_ptr what;  // the statement the server is to have, or to have no longer; null: neither
    bool had = false;    // whether the server had it before this

    bool names = false;       // what the client's name stands for is changed
    std::string client_name;  // empty: the unnamed statement
    statement_ptr before, behind;

    std::optional<std::string> portal;  // of a Bind: what this is is changed; of an Execute: it has run
    portal_ptr portal_before;

    bool cleans = false;      // the server is to have no unnamed statement
    bool sql = false;         // about the name in SQL: an error names it
    bool failed = false;      // a Query, which is not dropped by its error
    bool beside_sql = false;  // a name that the server itself keeps, as it does those of PREPARE
    bool clashes = false;     // the name was in use when this was sent, so it should fail

    sql_effects_ptr effects;     // of a Query or Execute that changes settings
    std::uint32_t answered = 0;  // of its statements
    bool question = false;       // ours, about what pins the client
    std::uint32_t asks = 0;      // which of what pins the client is still there (session/pinning.hpp)
    std::uint32_t batch = 0;
  };

  wire::framer framer{&backend_splittable};
  fsm::reply_tracker tracker;

  parameters initial = parameter_set::empty();  // right after login
  parameters current = parameter_set::empty();  // now
  parameters before;  // while our own settings are on their way: those it had, with what it has reported since
  prepared_cache prepared;
  statement_ptr unnamed;          // what its unnamed statement is; null: none, or not known
  bool unnamed_clean = true;      // null means none
  std::deque<in_flight> flights;  // oldest first, in the order of the tracker's outcomes
  std::uint32_t batch = 0;        // counts Syncs: an error drops requests up to the next
  std::uint32_t left = 0;         // session state to be undone before anybody else gets it (session/pinning.hpp)
  bool broken = false;            // never to be reused
  bool doubtful = false;          // in order, but what it has is not known: closed instead of given to anybody else
  bool read_constants = false;    // since all was answered last, it has parsed what settings make different things of
  bool outdated = false;          // a table has changed under its statements: they are to be prepared anew
  std::string withheld;           // a ReadyForQuery: the client's if another one comes, else it answers our probe
  bool forwarding_rest = false;   // the rest of the backend message under way goes to the client

  std::uint32_t max_prepared = 200;
  std::atomic<std::uint32_t>* schema_era = nullptr;  // its node's
};

}  // namespace forebay
