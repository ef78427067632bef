#include "protocol/wire/extended.hpp"
#include "session/exchange.hpp"

// What must wait around COPY FROM STDIN, and how the server is asked what it made of one that failed
// (docs/adr/0010-a-failed-copy-is-asked-about-its-sync.md).
namespace forebay {

// A COPY FROM STDIN must have begun or failed before the next request, and what became of the Syncs in it be known.
bool exchange::waits_for_copy(const wire::piece& p) const {
  const auto kind = fsm::request_of(p.type);
  if (server_.tracker.room_for(kind.has_value()) != fsm::reply_tracker::room::yes) return true;
  return kind && unanswered(effect::copy_in) > (server_.tracker.wants_copy_data() ? 1 : 0);
}

void exchange::hasten(const wire::piece& p) {
  const auto kind = fsm::request_of(p.type);
  if (server_.tracker.room_for(kind.has_value()) == fsm::reply_tracker::room::probe) {
    probe(kind);
  } else if (!server_.tracker.in_doubt() && server_.tracker.unsynced() && server_.tracker.ready_owed() == 0) {
    flush();
  }
}

exchange::progress exchange::on_withheld_ready(const wire::piece& p) {
  if (!client_.gone) to_client_.copy(server_.withheld);
  server_.withheld = p.raw;
  on_ready(false);
  return progress::more;
}

// Or the client would keep its server until it asks again.
void exchange::probe_if_in_doubt() {
  if (server_.tracker.room_for(false) == fsm::reply_tracker::room::probe && !client_.half_sent) probe(std::nullopt);
}

// Asks what became of the Syncs that the client has sent within a COPY, which has failed or will.
void exchange::probe(std::optional<fsm::request> instead_of) {
  server_.tracker.probe(instead_of);
  ++server_.batch;
  to_server_.copy(wire::encode(wire::sync{}));
  to_server_.copy(wire::encode(wire::close{'S', no_statement}));  // answered in any state, and leaves all as it is
  to_server_.copy(wire::encode(wire::sync{}));
}

}  // namespace forebay
