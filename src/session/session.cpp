#include "session/session.hpp"

#include "core/log.hpp"
#include "protocol/wire/extended.hpp"
#include "protocol/wire/status.hpp"

namespace forebay {
namespace {

// Reads per event and server, so that one large result does not keep a worker's other clients waiting.
constexpr int reads_per_event = 4;

std::chrono::microseconds micros(steady::duration d) {
  return std::chrono::duration_cast<std::chrono::microseconds>(d);
}

}  // namespace

session::session(shard& home, stream client)
    : home_(home), client_(std::move(client)), deadline_(&session::on_time, this), connected_at_(home.on.now()) {}

session::~session() = default;

// Events. Each is entered with both gathers empty and leaves them so.

void session::on_client(void* self, readiness what) {
  auto& s = *static_cast<session*>(self);
  s.guard([&] {
    if (what == readiness::readable) s.on_client_readable();
    if (what == readiness::writable) s.on_client_writable();
  });
}

void session::on_server(void* self, readiness what) {
  auto& s = *static_cast<session*>(self);
  s.guard([&] {
    if (what == readiness::readable) s.on_server_readable();
    if (what == readiness::writable) s.on_server_writable();
  });
}

void session::on_time(void* self) {
  auto& s = *static_cast<session*>(self);
  s.guard([&] { s.on_deadline(); });
}

void session::granted(checkout_result result) {
  guard([&] { on_granted(std::move(result)); });
}

void session::on_client_readable() {
  home_.on.update_now();
  auto input = client_.read();
  active_at_ = home_.on.now();
  if (pool_) traffic::add(pool_->traffic_of(home_.on).bytes_from_clients, input.fresh);
  if (ending_) {
    client_.keep({});
  } else if (holds_input()) {
    client_.keep(input.data);
  } else {
    process(input.data);
  }
  if (input.ec && stage_ != stage::ended && !state_.gone) {
    if (stage_ == stage::login) note_lost_in_login(input.ec);
    finish_event();  // what the client asked before it left is worth asking: it may be a COMMIT
    hung_up_ = true;
    if (!state_.gone && !(stage_ == stage::ready && holds_input() && goodbye_kept())) leave();
  }
  finish_event();
  release_idle();
}

// Nothing was asked of it: only the rest of a COPY that had failed came, or what the cache has answered.
void session::release_idle() {
  if (!server_ || stage_ != stage::ready || !server_->state.tracker.idle()) return;
  release();
  finish_event();
}

void session::process(std::string_view in) {
  switch (stage_) {
    case stage::login:
      return process_login(in);
    case stage::relay:
      return relay_from_client(in);
    case stage::console:
      return process_console(in);
    case stage::greeting:
      return client_.keep(in);
    case stage::ended:
      return;
    case stage::ready:
      break;
  }
  while (!state_.gone && !ending_) {
    const auto framer_before = framer_;
    const auto in_before = in;
    const auto next = framer_.next(in);
    if (!next) {
      return end_in_order(std::make_unique<wire::pg_error>(wire::pg_error::fatal("08P01", "invalid message length")));
    }
    if (!*next) break;
    if (!take(**next, in)) {
      framer_ = framer_before;
      in = in_before;
      break;
    }
  }
  if (!state_.gone) client_.keep(ending_ ? std::string_view{} : in);
}

bool session::take(const wire::piece& p, std::string_view rest) {
  if (!take_piece(p, rest)) return false;
  const bool ends_batch = p.type == 'Q' || p.type == 'F' || p.type == wire::sync::type;
  if (route_ && p.last && ends_batch) route_->at = routing_state::batch::none;
  return true;
}

bool session::take_piece(const wire::piece& p, std::string_view rest) {
  if (p.first && p.type == wire::terminate::type) {
    end_in_order(nullptr);
    return true;
  }
  // With a server what was asked before is answered first.
  if (p.first && (state_.skip_to_sync || !server_) && !fsm::is_client_type(p.type)) {
    fatal(exchange::invalid_type(p.type));
    return true;
  }
  if (cache_ && cache_->answered) {
    cache_->answered = p.type != wire::sync::type;
    return true;
  }
  if (state_.skip_to_sync) {
    if (p.first) state_.rest = client_state::rest::drop;
    if (p.type == wire::sync::type) {
      state_.skip_to_sync = false;
      answer_ready();
    }
    return true;
  }
  if (p.first) answer_about_itself(p);
  if (!server_) {
    const bool collecting = state_.rest == client_state::rest::collect;
    if (!p.first && !collecting) return true;  // the rest of a message that was answered without a server
    switch (p.type) {
      case 'S':
        answer_ready();
        return true;
      case 'H':
        return true;
      case 'd':
      case 'c':
      case 'f':
        state_.rest = client_state::rest::drop;  // as PostgreSQL: left over from a COPY that failed
        return true;
      default:
        break;
    }
    if (!refusal_ && p.first) {
      const auto found = ask_cache(p, rest);
      if (found != cached::no) return found == cached::yes;
    }
    judge(p, rest);
    if (cache_ && !route_ && to_->settings_of(state_.settings.wanted).explain) explain("cache " + last_cache());
    if (!refusal_ && get_server() == lookout::waits) return false;
    if (refusal_) {
      auto why = std::exchange(refusal_, nullptr);
      attempts_ = 0;
      if (cache_) cache_->filling.reset();
      const bool within = route_ && !route_->resume.empty();
      within ? fatal(std::move(*why)) : fail_request(p, std::move(*why));
      return true;
    }
  } else if (p.first) {
    held_ = comes_from_cache_in_turn(p, rest);
    if (held_) return false;
    if (server_->state.tracker.idle() && ask_cache(p, rest) == cached::yes) return true;
    judge(p, rest);
    if (must_leave_replica()) {
      held_ = !server_->state.tracker.settled();
      if (held_) return false;
      leave_replica();
      return take_piece(p, rest);
    }
  }
  if (conversation().must_wait(p)) {
    conversation().hasten(p);
    held_ = conversation().must_wait(p);
    if (held_) return false;
  }
  if (server_->state.tracker.settled()) {
    request_at_ = home_.on.now();
    if (server_->state.tracker.status() == 'I') transaction_at_ = request_at_;
  }
  remember_request(p);
  note_writes(p);
  note_fill_sent();
  if (auto error = conversation().request(p)) end_in_order(std::make_unique<wire::pg_error>(std::move(*error)));
  return true;
}

void session::answer_ready() {
  const char status = server_ ? server_->state.tracker.status() : 'I';
  if (status == 'I') home_.to_client.copy(std::exchange(state_.notifications, {}));
  home_.to_client.copy(wire::encode(wire::ready_for_query{status}));
}

void session::fail_request(const wire::piece& p, wire::pg_error error) {
  error.level = wire::severity::error;
  home_.to_client.copy(wire::encode(error));
  state_.rest = client_state::rest::drop;
  if (p.type == 'Q' || p.type == 'F') {
    answer_ready();
  } else {
    state_.skip_to_sync = true;
  }
}

void session::relay_from_client(std::string_view in) {
  if (server_) home_.to_server.view(in);
}

void session::on_server_readable() {
  home_.on.update_now();
  process_replies();
  finish_event();
  resume_held();
  release_idle();
}

// Something was answered, or will never be.
void session::resume_held() {
  if (!held_ || settling_ || state_.gone) return;
  held_ = false;
  process_kept();
}

// What was gathered points into it.
void session::process_kept() {
  const auto kept = client_.take_kept();
  process(kept);
  finish_event();
}

void session::process_replies() {
  for (int round = 0; round < reads_per_event && server_; ++round) {
    auto input = server_->io.read();
    if (input.fresh > 0) note_answer();
    if (stage_ == stage::relay) {
      home_.to_client.view(input.data);
    } else {
      while (server_) {
        const auto next = server_->state.framer.next(input.data);
        if (next && !*next) break;
        if (next && must_settle_channels(**next)) {
          settle_channels(**next);
          server_->io.keep(input.data);
          return release();
        }
        auto talk = conversation();
        if (next && is_retried(**next)) return;
        const bool told = server_->state.tracker.skipping();
        const auto queries_owed = limits_.query.count() != 0 ? server_->state.tracker.ready_owed() : 0;
        const auto gathered = home_.to_client.size();
        const auto progress = next ? talk.reply(**next) : exchange::progress::violation;
        if (progress == exchange::progress::farewell) return lose_server(talk.farewell(), told);
        if (progress == exchange::progress::forbidden) return fatal(talk.farewell());
        if (progress == exchange::progress::violation) {
          server_->state.broken = true;
          return lose_server(
              wire::pg_error::error("08P01", "server at " + server_->home().node()->name() + " broke the protocol"),
              told);
        }
        note_reply((*next)->type, gathered);
        // The next query of a pipeline begins when the one before it has ended.
        if (queries_owed > server_->state.tracker.ready_owed()) request_at_ = home_.on.now();
      }
      server_->io.keep(input.data);
    }
    if (!home_.to_client.empty()) {
      if (route_) route_->answered = true;
      traffic::add(pool_->traffic_of(home_.on).bytes_to_clients, home_.to_client.size());
      if (write_to_client()) leave();
    }
    if (!server_) return;
    if (input.ec) {
      return lose_server(wire::pg_error::error(
                             "08006", "server closed the connection unexpectedly (" + server_->home().node()->name() +
                                          ", pid " + std::to_string(server_->backend_pid) + "): " + input.ec.message()),
                         server_->state.tracker.skipping());
    }
    if (stage_ != stage::relay) release();
    if (!input.full || client_.backlog()) return;
  }
}

void session::on_client_writable() {
  home_.on.update_now();
  if (client_.flush()) leave();
  finish_event();
}

void session::on_server_writable() {
  home_.on.update_now();
  if (server_ && server_->io.flush()) {
    // The reply that says why may still be there to read; reading finds the end as well.
    server_->state.broken = true;
  }
  // What was left of a COPY that had failed may have been all that kept it.
  if (server_ && !server_->io.backlog()) release();
  finish_event();
}

void session::finish_event() {
  if (server_ && !home_.to_server.empty() && server_->io.write(home_.to_server)) {
    server_->state.broken = true;
  }
  home_.to_server.clear();
  if (!state_.gone && !home_.to_client.empty() && write_to_client()) leave();
  home_.to_client.clear();
  if (ending_ && !state_.gone && answered()) last_words_ ? fatal(std::move(*last_words_)) : leave();
  // leave() may have gathered what ends the client's work on the server.
  if (server_ && !home_.to_server.empty()) server_->io.write(home_.to_server);
  home_.to_server.clear();
  if (stage_ == stage::ended) return;
  await_next();
  arm_deadline();
}

// A side is read only while the other takes what it brings.
void session::await_next() {
  const auto on = [](bool yes, readiness what) { return yes ? what : readiness::none; };
  if (!state_.gone) {
    const bool room = !hung_up_ && !(server_ && server_->io.backlog()) && client_.backlog_size() < max_client_backlog &&
                      (!holds_input() || client_.kept().size() < wire::framer::whole_limit);
    client_.wait(on(room, readiness::readable) | on(client_.backlog(), readiness::writable), &on_client, this);
  }
  if (server_) {
    const bool room = (state_.gone || !client_.backlog()) && !settling_;
    const bool unsent = server_->io.backlog() && !server_->state.broken;  // else its end would be told for ever
    server_->io.wait(on(room, readiness::readable) | on(unsent, readiness::writable), &on_server, this);
  }
}

// The lease.

void session::on_granted(checkout_result result) {
  home_.on.update_now();
  waiting_ = false;
  if (pool_) {
    auto& t = pool_->traffic_of(home_.on);
    traffic::add(t.wait_us, static_cast<std::uint64_t>(micros(home_.on.now() - waiting_since_).count()));
  }
  if (state_.gone) {
    if (result.server) result.server->home().checkin(std::move(result.server));
    return finish();
  }
  if (result.server) {
    attach(std::move(result.server));
  } else if (try_elsewhere(std::move(*result.error)) == lookout::waits) {
    return finish_event();
  }
  go_on();
}

// It has a server now, or why not.
void session::go_on() {
  if (stage_ != stage::greeting) {
    process_kept();
    return release_idle();
  }
  begin_greeting();
  finish_event();
}

void session::attach(server_ptr server) {
  state_.half_sent = false;
  server_ = std::move(server);
  leased_at_ = home_.on.now();
  traffic::add(pool_->traffic_of(home_.on).checkouts, 1);
  if (const auto& at = permit_.node()) {
    at->in_flight.fetch_add(1, std::memory_order_relaxed);
    (route_ && route_->on_replica ? at->routed_reads : at->routed_writes).fetch_add(1, std::memory_order_relaxed);
  }
  if (route_ && !route_->resume.empty()) {
    conversation().apply_settings(state_.settings.wanted);
    conversation().run_own(std::exchange(route_->resume, {}));
    request_at_ = home_.on.now();  // of what follows it
  }
  if (state_.mode == config::pool_mode::session) {
    state_.pin = pin_reason::session_mode;
    server_->state.left |= mask_of(pin_reason::session_mode);
  }
}

// At ReadyForQuery: the server goes back to its pool unless something keeps it.
void session::release() {
  if (!server_ || !server_->state.tracker.settled()) return;
  account();
  attempts_ = 0;
  if (state_.gone) return put_in_order();
  if (stage_ == stage::greeting) return end_greeting();
  if (held_ || notifies_) return;
  // A Parse being collected needs a server only when it is complete, but then it needs one.
  const bool between_messages = framer_.at_boundary() || state_.rest == client_state::rest::drop;
  if (!between_messages) return;
  if (conversation().pin_is_in_doubt()) return conversation().ask_whether_pinned();
  if (!conversation().releasable() || server_->io.backlog()) return;
  if (std::exchange(state_.schema_is_new, false)) to_->catalog_changed();
  drop_server();
  if (draining_) drain();
}

void session::account() {
  auto& t = pool_->traffic_of(home_.on);
  const auto now = home_.on.now();
  active_at_ = now;
  state_.timed_out = false;
  if (state_.queries != 0) {
    traffic::add(t.queries, std::exchange(state_.queries, 0));
    traffic::add(t.query_us, static_cast<std::uint64_t>(micros(now - request_at_).count()));
  }
  if (state_.transactions != 0) {
    traffic::add(t.transactions, std::exchange(state_.transactions, 0));
    traffic::add(t.transaction_us, static_cast<std::uint64_t>(micros(now - leased_at_).count()));
    leased_at_ = now;
  }
}

}  // namespace forebay
