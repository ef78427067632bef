#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"
#include "session/exchange.hpp"

// The client's side of the exchange: requests on their way to the server.
namespace forebay {

using fsm::action;
using fsm::request;

namespace {

// A Parse must be kept whole, as other servers may need it later. PostgreSQL itself parses no text near this size.
constexpr std::size_t max_parse = 64 * 1024 * 1024;

constexpr std::string_view refusal =
    "DO $forebay$BEGIN RAISE EXCEPTION USING ERRCODE = '0A000', "
    "MESSAGE = 'session state is refused in transaction pooling', "
    "HINT = 'Use SET LOCAL inside a transaction, startup parameters, or set on_session_state to pin.'; END$forebay$";

template <class Message>
void append(gather& out, const Message& message) {
  std::string bytes;
  wire::writer w(bytes);
  message.encode(w);
  out.copy(bytes);
}

wire::pg_error malformed(std::string_view what) {
  return wire::pg_error::fatal("08P01", "invalid " + std::string(what) + " message");
}

}  // namespace

std::optional<wire::pg_error> exchange::request(const wire::piece& p) {
  if (!p.first) {
    if (client_.rest == client_state::rest::collect) return on_parse(p);
    if (client_.rest == client_state::rest::drop) return std::nullopt;
    if (p.type == wire::query::type) {
      note(scan_effects_of_piece(client_.text_tail, p.raw));
      client_.text_tail = effects_tail_of(client_.text_tail, p.raw);
      if (p.last) std::string().swap(client_.text_tail);
    }
    to_server_.view(p.raw);
    return std::nullopt;
  }
  client_.rest = client_state::rest::forward;
  if (server_.tracker.idle() && client_.wanted != server_.current) apply_settings();
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
        forward(p, p.type == 'd'   ? request::copy_data
                   : p.type == 'c' ? request::copy_done
                                   : request::copy_fail);
      }
      return std::nullopt;
    default:
      return wire::pg_error::fatal("08P01", "invalid frontend message type " +
                                                std::to_string(static_cast<unsigned char>(p.type)));
  }
}

void exchange::forward(const wire::piece& p, fsm::request kind) {
  server_.tracker.sent(kind);
  to_server_.view(p.raw);
}

void exchange::sent_with_record(fsm::request kind, fsm::action what, server_state::in_flight record) {
  server_.flights.push_back(std::move(record));
  server_.tracker.sent(kind, what, has_record);
  for (const auto& o : server_.tracker.dropped()) settle(o, true);  // the server is skipping to the next Sync
}

bool exchange::refused(effect::mask effects) const {
  return (effects & ~(effect::several | effect::reset_all)) != effect::none && client_.renames() &&
         client_.on_session_state == config::session_state_policy::refuse;
}

void exchange::note(effect::mask effects) {
  client_.effects |= effects;
  pin(pin_before(effects));
}

void exchange::pin(pin_reason reason) {
  if (reason == pin_reason::none) return;
  if (client_.pin == pin_reason::none) client_.pin = reason;
  server_.needs_reset = true;
}

void exchange::on_query(const wire::piece& p) {
  ++client_.queries;
  // A simple query destroys the unnamed statement, on the server and for the client.
  client_.unnamed = nullptr;
  server_.unnamed = nullptr;
  server_.unnamed_clean = true;
  if (p.whole()) {
    const auto effects = scan_effects(p.body());
    if (refused(effects)) {
      server_.tracker.sent(request::query);
      append(to_server_, wire::query{refusal});
      return;
    }
    note(effects);
  } else {
    note(scan_effects(p.body()) | scan_effects_of_piece({}, p.body()));
    client_.text_tail = effects_tail_of({}, p.body());
  }
  forward(p, request::query);
}

std::optional<wire::pg_error> exchange::on_parse(const wire::piece& p) {
  if (!client_.renames()) {
    forward(p, request::parse);
    return std::nullopt;
  }
  std::string_view body = p.body();
  if (!p.whole()) {
    if (p.first && p.body_size > max_parse) {
      return wire::pg_error::fatal("54000", "statement is larger than 64 MiB: too large to be prepared through Forebay");
    }
    client_.rest = client_state::rest::collect;
    client_.collected.append(body);
    if (!p.last) return std::nullopt;
    body = client_.collected;
  }
  const auto message = wire::parse::decode(body);
  if (!message) return malformed("Parse");
  if (message->name.empty()) {
    // Text and types are kept: the client may bind it again when another server serves it.
    auto effects = scan_effects(message->query);
    auto text = message->query;
    if (refused(effects)) {
      effects = effect::none;
      text = refusal;
    }
    if (!client_.unnamed || client_.unnamed->query != text ||
        client_.unnamed->parameter_types != message->parameter_types) {
      client_.unnamed = unnamed_statement(text, message->parameter_types, effects);
    }
    send_parse(client_.unnamed, "", action::forward, {.what = client_.unnamed, .maps_name = true, .prepares = true});
  } else {
    parse_named(message->name, message->query, message->parameter_types);
  }
  std::string().swap(client_.collected);
  return std::nullopt;
}

void exchange::parse_named(std::string_view name, std::string_view query, std::string_view types) {
  if (const auto known = client_.find_statement(name)) {
    // PostgreSQL refuses a name in use, after it has looked at the text. Let it say so itself: the text under the
    // name that this statement has there. The error's wording gets the client's name back on its way.
    ensure_prepared(known);
    const auto clash = unnamed_statement(query, types, effect::none);
    send_parse(clash, known->server_name, action::forward, {.what = clash});
    return;
  }
  const auto effects = scan_effects(query);
  const auto s =
      refused(effects) ? intern_statement(refusal, types, effect::none) : intern_statement(query, types, effects);
  if (!client_.statements) client_.statements = std::make_unique<std::unordered_map<std::string, statement_ptr>>();
  client_.statements->emplace(std::string(name), s);
  if (server_.prepared.use(s)) {
    sent_with_record(request::parse, action::synthesize,
                     {.what = s, .client_name = std::string(name), .maps_name = true});
    return;
  }
  send_parse(s, s->server_name, action::forward, {.what = s, .client_name = std::string(name), .maps_name = true, .prepares = true});
}

void exchange::send_parse(const statement_ptr& s, std::string_view server_name, fsm::action what,
                          server_state::in_flight record) {
  if (server_name.empty()) {
    server_.unnamed = s;
    server_.unnamed_clean = false;
  } else if (record.prepares) {
    while (server_.prepared.size() >= server_.max_prepared && server_.prepared.size() > 0) {
      const auto victim = server_.prepared.oldest();
      server_.prepared.remove(victim.get());
      sent_with_record(request::close, action::swallow, {.what = victim, .evicts = true});
      append(to_server_, wire::close{'S', victim->server_name});
    }
    server_.prepared.add(s);
  }
  append(to_server_, wire::parse{server_name, s->query, s->parameter_types});
  sent_with_record(request::parse, what, std::move(record));
}

void exchange::ensure_prepared(const statement_ptr& s) {
  if (server_.prepared.use(s)) return;
  send_parse(s, s->server_name, action::swallow, {.what = s, .prepares = true});
}

void exchange::ensure_unnamed() {
  if (client_.unnamed) {
    if (server_.unnamed != client_.unnamed) {
      send_parse(client_.unnamed, "", action::swallow, {.what = client_.unnamed, .prepares = true});
    }
  } else if (!server_.unnamed_clean) {
    // Somebody else's unnamed statement must not answer for one this client never made.
    server_.unnamed = nullptr;
    server_.unnamed_clean = true;
    server_.tracker.sent(request::close, action::swallow);
    append(to_server_, wire::close{'S', ""});
  }
}

std::optional<wire::pg_error> exchange::on_bind(const wire::piece& p) {
  if (!client_.renames()) {
    forward(p, request::bind);
    return std::nullopt;
  }
  const auto names = wire::bind_names::decode_front(p.body());
  if (!names) return malformed("Bind");
  if (names->statement.empty()) {
    ensure_unnamed();
    if (client_.unnamed) note(client_.unnamed->effects);
    forward(p, request::bind);
    return std::nullopt;
  }
  const auto s = client_.find_statement(names->statement);
  if (!s) {
    forward(p, request::bind);  // the server does not know the name either and says so
    return std::nullopt;
  }
  ensure_prepared(s);
  note(s->effects);
  const auto size = p.body_size - names->statement.size() + s->server_name.size();
  std::string head;
  wire::writer w(head);
  w.u8('B');
  w.u32(static_cast<std::uint32_t>(size + 4));
  w.cstring(names->portal);
  w.cstring(s->server_name);
  to_server_.copy(head);
  to_server_.view(names->rest);
  server_.tracker.sent(request::bind);
  return std::nullopt;
}

std::optional<wire::pg_error> exchange::on_describe_or_close(const wire::piece& p) {
  const bool closes = p.type == wire::close::type;
  const auto portal_kind = closes ? request::close : request::describe_portal;
  const auto target = wire::describe::decode(p.body());  // Close has the same shape
  if (!p.whole() || !target) return malformed(closes ? "Close" : "Describe");
  if (target->kind != 'S' || !client_.renames()) {
    forward(p, target->kind == 'S' && !closes ? request::describe_statement : portal_kind);
    return std::nullopt;
  }
  if (closes) {
    // The statement stays prepared on servers for others; only this client's name for it ends.
    const auto closed = target->name.empty() ? client_.unnamed : client_.find_statement(target->name);
    if (target->name.empty()) {
      client_.unnamed = nullptr;
    } else if (closed) {
      client_.statements->erase(std::string(target->name));
    }
    sent_with_record(request::close, action::synthesize,
                     {.what = closed, .client_name = std::string(target->name), .unmaps_name = true});
    return std::nullopt;
  }
  const auto s = target->name.empty() ? nullptr : client_.find_statement(target->name);
  if (target->name.empty()) ensure_unnamed();
  if (!s) {
    forward(p, request::describe_statement);
    return std::nullopt;
  }
  ensure_prepared(s);
  append(to_server_, wire::describe{'S', s->server_name});
  server_.tracker.sent(request::describe_statement);
  return std::nullopt;
}

void exchange::apply_settings() {
  const auto sql = change_sql(*server_.current, *client_.wanted);
  server_.current = client_.wanted;
  if (!sql.empty()) run_own(sql);
}

void exchange::run_own(std::string_view sql) {
  server_.unnamed = nullptr;
  server_.unnamed_clean = true;
  server_.tracker.sent(request::query, action::swallow);
  append(to_server_, wire::query{sql});
}

bool exchange::releasable() const {
  return client_.pin == pin_reason::none && server_.tracker.idle() && !server_.broken;
}

}  // namespace forebay
