#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"
#include "session/exchange.hpp"
#include "session/sql_scan.hpp"

// The client's side of the exchange: requests on their way to the server.
namespace forebay {

using fsm::action;
using fsm::request;

const std::string_view exchange::refusal =
    "DO $forebay$BEGIN RAISE EXCEPTION USING ERRCODE = '0A000', "
    "MESSAGE = 'session state is refused in transaction pooling', "
    "HINT = 'Use SET LOCAL inside a transaction, startup parameters, or set on_session_state to pin.'; END$forebay$";

std::optional<wire::pg_error> exchange::request(const wire::piece& p) {
  if (!p.first) {
    if (client_.rest == client_state::rest::collect) {
      use_settings();  // the server may be another one than when it began
      return on_parse(p);
    }
    if (client_.rest == client_state::rest::drop) return std::nullopt;
    if (p.type == wire::query::type) {
      note(scan_effects_of_piece(client_.text_tail, p.raw), {});
      client_.text_tail = effects_tail_of(client_.text_tail, p.raw);
      if (p.last) std::string().swap(client_.text_tail);
    }
    to_server_.view(p.raw);
    client_.half_sent = !p.last;
    return std::nullopt;
  }
  client_.rest = client_state::rest::forward;
  if (server_.tracker.skipping() && !server_.tracker.ambiguous() && p.type != wire::sync::type) {
    client_.rest = client_state::rest::drop;  // the server would ignore it
    return std::nullopt;
  }
  use_settings();
  switch (p.type) {
    case 'Q':
      on_query(p);
      return std::nullopt;
    case 'P':
      return on_parse(p);
    case 'B':
      return on_bind(p);
    case 'D':
    case 'C':
      return on_describe_or_close(p);
    case 'E':
      ++client_.queries;
      forward(p, request::execute);
      return std::nullopt;
    case 'S':
      forward(p, request::sync);
      return std::nullopt;
    case 'H':
      forward(p, request::flush);
      if (server_.framer.at_boundary()) emit_synthesized();  // else at the end of the message coming in
      return std::nullopt;
    case 'F':
      ++client_.queries;
      forward(p, request::function_call);
      return std::nullopt;
    case 'd':
    case 'c':
    case 'f':
      // Left over from a COPY that failed: PostgreSQL ignores these too.
      if (server_.tracker.settled()) {
        client_.rest = client_state::rest::drop;
      } else {
        forward(p, p.type == 'd' ? request::copy_data : p.type == 'c' ? request::copy_done : request::copy_fail);
      }
      return std::nullopt;
    default:
      return wire::pg_error::fatal(
          "08P01", "invalid frontend message type " + std::to_string(static_cast<unsigned char>(p.type)));
  }
}

void exchange::forward(const wire::piece& p, fsm::request kind) {
  server_.tracker.sent(kind);
  to_server_.view(p.raw);
  client_.half_sent = !p.last;
  if (kind == request::sync) ++server_.batch;
}

void exchange::sent_with_record(fsm::request kind, fsm::action what, server_state::in_flight record) {
  record.batch = server_.batch;
  server_.flights.push_back(std::move(record));
  server_.tracker.sent(kind, what, has_record);
  for (const auto& o : server_.tracker.dropped())
    settle(o, fate::skipped);
}

bool exchange::refused(effect::mask effects) const {
  return (effects & ~effect::harmless) != effect::none && client_.renames() &&
         client_.on_session_state == config::session_state_policy::refuse;
}

void exchange::note(effect::mask effects, std::string_view text) {
  client_.effects |= effects;
  if (effects & effect::reset) client_.resets.push_back(reset_target(text));
  pin(pin_before(effects));
}

void exchange::pin(pin_reason reason) {
  if (reason == pin_reason::none) return;
  if (client_.pin == pin_reason::none) {
    client_.pin = reason;
    client_.sql_names = false;
  }
  client_.sql_names = client_.sql_names || reason == pin_reason::prepared_statement;
  server_.needs_reset = true;
}

void exchange::on_query(const wire::piece& p) {
  ++client_.queries;
  // A simple query destroys the unnamed statement, on the server and for the client. In an unfinished batch it is
  // skipped if what is before it fails: then nothing is destroyed.
  const bool may_be_skipped = server_.tracker.unsynced() && client_.renames();
  server_state::in_flight record{.names = true, .before = client_.unnamed};
  for (auto& f : server_.flights) {
    if (!may_be_skipped && f.names && f.client_name.empty()) f.before = nullptr;
  }
  client_.unnamed = nullptr;
  server_.unnamed = nullptr;
  server_.unnamed_clean = !server_.tracker.unsynced();
  if (p.whole()) {
    const auto effects = scan_effects(p.body());
    if (refused(effects)) {
      server_.tracker.sent(request::query);
      to_server_.copy(wire::encode(wire::query{refusal}));
      return;
    }
    note(effects, p.body());
    if (on_named_command(p.body())) return;
  } else {
    note(scan_effects(p.body()) | scan_effects_of_piece({}, p.body()), {});
    client_.text_tail = effects_tail_of({}, p.body());
  }
  if (!may_be_skipped) return forward(p, request::query);
  sent_with_record(request::query, action::forward, std::move(record));
  to_server_.view(p.raw);
  client_.half_sent = !p.last;
}

void exchange::sent(fsm::request kind, fsm::action what, std::uint32_t id) {
  server_.tracker.sent(kind, what, id);
  if (kind == request::sync) ++server_.batch;
}

void exchange::use_settings() {
  if (!server_.tracker.idle()) return;
  if (server_.outdated && client_.pin != pin_reason::prepared_statement) {
    server_.outdated = false;
    server_.prepared.clear();
    run_own("DEALLOCATE ALL");
  }
  if (client_.wanted != server_.current) apply_settings();
}

void exchange::apply_settings() {
  const auto sql = change_sql(*server_.current, *client_.wanted);
  server_.current = client_.wanted;
  if (!sql.empty()) run_own(sql);
}

void exchange::run_own(std::string_view sql) {
  server_.unnamed = nullptr;
  server_.unnamed_clean = !server_.tracker.unsynced();  // in an unfinished batch it may be skipped
  server_.tracker.sent(request::query, action::swallow);
  to_server_.copy(wire::encode(wire::query{sql}));
}

bool exchange::releasable() const {
  return client_.pin == pin_reason::none && server_.tracker.idle() && !server_.broken;
}

}  // namespace forebay
