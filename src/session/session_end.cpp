#include <openssl/crypto.h>

#include <new>

#include "core/log.hpp"
#include "protocol/wire/copy.hpp"
#include "protocol/wire/extended.hpp"
#include "protocol/wire/status.hpp"
#include "session/cancel.hpp"
#include "session/session.hpp"

// Ways to end: the client's, the server's, and putting a server connection in order for its next user.
namespace forebay {
void session::fatal(wire::pg_error error, bool within_reply) {
  if (state_.gone) return;
  error.level = wire::severity::fatal;
  acknowledge_writes();
  client_.write(home_.to_client);  // what came before it
  within_reply = within_reply || (server_ && server_->state.forwarding_rest && !server_->state.framer.at_boundary());
  // In the middle of a message it would be taken for a part of that.
  const auto words = within_reply ? std::string{} : wire::encode(error);
  if (stage_ == stage::login) {
    client_.hang_up(words);  // who is not let in is not waited for
    client_.discard();
  } else {
    client_.close_with(words);
  }
  if (stage_ != stage::login) {
    log_info("client_ended", {{"session", number_}, {"sqlstate", error.sqlstate}, {"reason", error.message}});
  }
  leave();
}

// The client has said goodbye, or something after which nothing can be understood. As PostgreSQL does, what it asked
// before that is done and answered first.
void session::end_in_order(std::unique_ptr<wire::pg_error> last_words) {
  ending_ = true;
  last_words_ = std::move(last_words);
  if (!server_) return;
  const auto& tracker = server_->state.tracker;
  // Also behind a Sync: a COPY may take that one.
  if (!last_words_ || tracker.settled() || tracker.skipping() || tracker.wants_copy_data()) return;
  conversation().flush();
}

// What waits to be processed ends in a Terminate.
bool session::goodbye_kept() const {
  char last = 0;
  wire::for_each_piece(framer_, client_.kept(), [&](const wire::piece& p) { last = p.type; });
  return last == wire::terminate::type;
}

// All that can be before the end: answers to a batch without Sync are sent along with last words only, and a COPY would
// wait for data for ever.
bool session::answered() const {
  if (client_.backlog()) return false;
  if (!server_) return !retrying_;
  const auto& tracker = server_->state.tracker;
  if (server_->state.broken) return true;
  // A Flush goes ahead of last words; behind a Terminate the rest of a large answer would wait for one that never
  // comes.
  if (last_words_ && server_->state.forwarding_rest && !server_->state.framer.at_boundary()) return false;
  if (tracker.wants_copy_data()) return true;
  return last_words_ ? tracker.owed() == 0 : tracker.ready_owed() == 0;
}

void session::leave() {
  if (state_.gone) return;
  state_.gone = true;
  if (stage_ != stage::login) log_info("client_left", {{"session", number_}, {"user", user_}, {"database", database_}});
  home_.to_client.clear();
  console_.reset();  // what runs there is undone
  if (!home_.to_server.empty() && server_ && server_->io.write(home_.to_server)) server_->state.broken = true;
  client_.close();
  if (waiting_) {
    if (!stop_waiting()) return;  // granted() is on its way and ends the session
    waiting_ = false;
  }
  if (std::exchange(settling_, false)) process_replies();  // what came behind that has no event any more
  put_in_order();
}

// A mistake of ours, or memory that is not there.
void session::end_by(const std::exception& e) {
  log_error("session_failed", {{"session", number_}, {"user", user_}, {"database", database_}, {"what", e.what()}});
  home_.to_client.clear();
  home_.to_server.clear();
  if (server_) server_->state.broken = true;
  const bool no_memory = dynamic_cast<const std::bad_alloc*>(&e) != nullptr;
  fatal(no_memory ? wire::pg_error::fatal("53200", "out of memory") : wire::pg_error::fatal("XX000", "internal error"));
  if (state_.gone && stage_ != stage::ended && !waiting_) put_in_order();
}

// Called again whenever the server has answered in full, until it can be given back.
void session::put_in_order() {
  if (!server_) return finish();
  auto& s = server_->state;
  const bool half_message = !framer_.at_boundary() && state_.rest == client_state::rest::forward;
  if (s.broken || stage_ == stage::relay || half_message) {
    s.broken = true;
    drop_server();
    return finish();
  }
  if (!s.tracker.settled()) {
    if (cleaning_) return;  // told already
    cleaning_ = true;
    cleaning_since_ = steady::now();
    const bool asked = s.tracker.owed() > 0;
    if (s.tracker.copy_in()) {
      s.tracker.sent(fsm::request::copy_fail);
      home_.to_server.copy(wire::encode(wire::copy_fail{"the client has left"}));
    }
    // Sync alone would commit what an unfinished batch has done so far; PostgreSQL undoes it when its client goes.
    const bool batch = s.tracker.unsynced() && !s.tracker.skipping();
    if (batch) conversation().run_own("ROLLBACK");
    if (batch || s.tracker.skipping() || s.tracker.copy_in()) {
      s.tracker.sent(fsm::request::sync);
      home_.to_server.copy(wire::encode(wire::sync{}));
    }
    // Who ended in order may have asked for something that is to stay done, and be gone before it is: a moment for
    // that.
    // Who did not is cancelled at once, and once more: of several requests, one that had not begun is not hit.
    cancel_due_ = asked;
    if (asked && !ending_) forward_cancel();
    return;
  }
  if (s.tracker.status() != 'I' || s.left != 0) {
    cleaning_ = true;
    cleaning_since_ = steady::now();
    s.tracker.status() != 'I' ? conversation().run_own("ROLLBACK") : conversation().undo_what_is_left();
    if (!s.broken) return;
  }
  drop_server();
  finish();
}

// Gives the server connection up: to the pool, or to its end when it is broken.
void session::drop_server(std::string_view failure) {
  acknowledge_writes();
  if (cache_ && cache_->filling && cache_->filling->sent) cache_->filling.reset();  // others wait for it
  server_->io.stop_waiting();
  auto server = std::move(server_);
  if (const auto at = permit_.node()) at->in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (!failure.empty()) permit_.failed(home_.on.now(), failure, home_.random);
  server->state.broken ? permit_.gave_up() : permit_.succeeded(home_.on.now());
  if (route_) {
    note_own_write();
    route_->request.clear();
    route_->unanswered = route_->is_down = false;
  }
  auto& gate = *server->cancels;
  if (server->state.broken) return;
  server->state.doubtful = server->state.doubtful || gate.overdue;
  if (gate.in_flight > 0) {
    gate.parked = std::move(server);
  } else {
    auto& home = server->home();
    home.checkin(std::move(server));
  }
}

// The server is gone in the middle of things, or is no longer to be trusted.
void session::lose_server(wire::pg_error error, bool told) {
  auto& s = server_->state;
  log_warning("server_lost", {{"server", server_->home().node()->name()},
                              {"pid", server_->backend_pid},
                              {"session", number_},
                              {"sqlstate", error.sqlstate},
                              {"reason", error.message}});
  const bool half_reply = s.forwarding_rest && !s.framer.at_boundary();
  // "protocol synchronization was lost": over what the client sent.
  const bool over_client = error.level == wire::severity::fatal && error.sqlstate == "08P01";
  // Told by the server itself, or its end: an administrator's word about this one connection counts, too.
  const bool of_node = !over_client && is_of_node(error);
  if (of_node) home_.process.watch.suspect(server_->home().node()->name(), error.message);
  if (of_node && retry_elsewhere(error, false)) return;
  const bool in_transaction =
      s.tracker.status() != 'I' || state_.pin != pin_reason::none || half_reply || s.tracker.in_doubt();
  // What we ask ahead of the client's request does not make a pipeline of it.
  const auto ready_owed = s.tracker.ready_owed() - (s.before ? 1 : 0);
  const bool unsynced = s.tracker.unsynced();
  const bool half_request = !framer_.at_boundary() && state_.rest == client_state::rest::forward;
  s.broken = true;
  conversation().server_lost();
  home_.to_server.clear();
  drop_server(of_node ? error.message : std::string_view());
  if (state_.gone) return finish();
  // Its transaction, its session state or its place in a pipeline is lost with the server: the client must know.
  const bool pipelined = ready_owed > 1 || (ready_owed == 1 && unsynced);
  if (stage_ != stage::ready || in_transaction || over_client || pipelined) return fatal(std::move(error), half_reply);
  if (ready_owed == 0 && !unsynced) return;  // nothing was asked
  if (half_request) state_.rest = client_state::rest::drop;
  error.level = wire::severity::error;
  if (!told) home_.to_client.copy(wire::encode(error));
  if (ready_owed == 1) {
    answer_ready();
  } else {
    state_.skip_to_sync = true;
  }
}

void session::finish() {
  if (stage_ == stage::ended) return;
  stage_ = stage::ended;
  end_login();
  if (channels_) channels_->leave(number_);
  cache_.reset();
  deadline_.clear();
  home_.remove(number_);
  home_.process.clients.fetch_sub(1, std::memory_order_relaxed);
  home_.on.clients.fetch_sub(1, std::memory_order_relaxed);
}

void session::cancel(std::string_view key) {
  if (key.size() != cancel_key_.size() || CRYPTO_memcmp(key.data(), cancel_key_.data(), key.size()) != 0) return;
  guard([&] {
    home_.on.update_now();
    if (console_) return console_->cancel();
    if (!waiting_) return forward_cancel();
    if (stage_ == stage::ready && stop_waiting()) {
      on_granted({nullptr, wire::pg_error::error("57014", "canceling statement due to user request")});
    }
  });
}

void session::forward_cancel() {
  if (server_ && (stage_ == stage::relay || !server_->state.tracker.settled())) {
    cancel_on_server(home_.process, *server_);
  }
}

void session::drain() {
  guard([&] {
    draining_ = true;
    if (state_.gone || waiting_ || settling_ || retrying_ || server_) return;  // release() comes back here
    fatal(wire::pg_error::fatal("57P01", "terminating connection due to administrator command"));
  });
}

void session::kill(const std::string& reason) {
  guard([&] {
    home_.on.update_now();
    fatal(wire::pg_error::fatal("57P01", reason));
    finish_event();
  });
}

void session::abandon() {
  guard([&] {
    if (server_) server_->state.broken = true;
    if (state_.gone) put_in_order();
  });
  kill("terminating connection due to administrator command");
}

}  // namespace forebay
