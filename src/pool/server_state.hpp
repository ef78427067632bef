#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "core/parameters.hpp"
#include "pool/prepared_cache.hpp"
#include "protocol/fsm/reply_tracker.hpp"
#include "protocol/wire/framer.hpp"

// All that is known of the PostgreSQL session behind a server connection, apart from its socket: pure state, so that
// the conversation of a client with its server is tested without a network.
namespace forebay {

// DataRow, CopyData and notices go on to the client as their bytes arrive; all else is handed out whole.
inline const wire::type_set backend_splittable{'D', 'd', 'N', 'V'};

struct server_state {
  // A Parse or Close of a statement that was sent and not answered yet, so that a failure can undo what was assumed.
  struct in_flight {
    statement_ptr what;
    std::string client_name;  // under which the client's session maps it
    bool maps_name = false;   // the client's name was mapped: undone when dropped
    bool unmaps_name = false; // the client's name was unmapped: undone when dropped
    bool prepares = false;    // the server was said to have it: undone when dropped
    bool evicts = false;      // the server was said to have lost it: undone when dropped
  };

  wire::framer framer{&backend_splittable};
  fsm::reply_tracker tracker;

  parameters initial = parameter_set::empty();  // right after login
  parameters current = parameter_set::empty();  // now
  prepared_cache prepared;
  statement_ptr unnamed;          // what its unnamed statement is; null: none, or not known
  bool unnamed_clean = true;      // null means none
  std::deque<in_flight> flights;  // oldest first, in the order of the tracker's outcomes
  bool needs_reset = false;       // session state was left that DISCARD ALL must undo before anybody else gets it
  bool broken = false;            // never to be reused
  bool forwarding_rest = false;   // the rest of the backend message under way goes to the client

  std::uint32_t max_prepared = 200;
};

}  // namespace forebay
