#include <algorithm>

#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"
#include "routing/effects.hpp"
#include "routing/sql_scan.hpp"
#include "session/exchange.hpp"

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
      use_settings(p);  // the server may be another one than when it began
      return on_parse(p);
    }
    if (client_.rest == client_state::rest::drop) return std::nullopt;
    if (p.type == wire::query::type) {
      note(classifier::effects_of_words(scan_effects_of_piece(client_.text_tail, p.raw)));
      client_.text_tail = effects_tail_of(client_.text_tail, p.raw);
      if (p.last) std::string().swap(client_.text_tail);
    }
    to_server_.view(p.raw);
    client_.half_sent = !p.last;
    probe_if_in_doubt();
    return std::nullopt;
  }
  client_.rest = client_state::rest::forward;
  if (fsm::is_client_type(p.type) && server_.tracker.skipping() && p.type != wire::sync::type) {
    client_.rest = client_state::rest::drop;  // the server would ignore it
    return std::nullopt;
  }
  use_settings(p);
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
      on_execute(p);
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
      return invalid_type(p.type);
  }
}

wire::pg_error exchange::invalid_type(char type) {
  const auto number = std::to_string(static_cast<unsigned char>(type));
  return wire::pg_error::fatal("08P01", "invalid frontend message type " + number);
}

void exchange::forward(const wire::piece& p, fsm::request kind) {
  server_.tracker.sent(kind);
  to_server_.view(p.raw);
  client_.half_sent = !p.last;
  if (kind == request::sync) ++server_.batch;
}

void exchange::flush() {
  server_.tracker.sent(request::flush);
  to_server_.copy(wire::encode(wire::flush{}));
  if (server_.framer.at_boundary()) emit_synthesized();  // else at the end of the message coming in
}

void exchange::sent_with_record(fsm::request kind, fsm::action what, server_state::in_flight record, std::uint32_t id) {
  record.batch = server_.batch;
  server_.flights.push_back(std::move(record));
  server_.tracker.sent(kind, what, id | has_record);
  for (const auto& o : server_.tracker.dropped())
    settle(o, fate::skipped);
}

// What a statement may leave behind; null: nothing. Nearly all are told apart by their words alone.
sql_effects_ptr exchange::effects_of(std::string_view text) const {
  const auto words = scan_effects(text);
  if (words == effect::none) return nullptr;
  if ((words & ~effect::told_by_words) == 0) return classifier::effects_of_words(words);
  constexpr auto changes = effect::setting | effect::set_function | effect::several;
  const bool pins = client_.on_session_state == config::session_state_policy::pin && (words & changes) != 0;
  text = up_to_nul(text);
  return pins || !reads_as_written(text, *server_.current) ? classifier::effects_of_words(words)
                                                           : sql_.effects_of(text, words);
}

// With what effects add: other sessions may follow the same ones without a pin.
std::string exchange::reading_of(std::string_view text, const sql_effects_ptr& effects) const {
  auto reading = forebay::reading_of(text, *server_.current);
  if (effects && client_.on_session_state == config::session_state_policy::pin) reading += "pin";
  return reading;
}

// What the server gets for a text of the client.
exchange::sql_to_send exchange::as_sent(std::string_view text) const {
  if (!client_.own_answer.empty()) return {nullptr, client_.own_answer, true};
  auto effects = effects_of(text);
  if (!effects || !client_.renames()) return {std::move(effects), text};
  const bool refused = (effects->mask & ~effect::harmless) != effect::none &&
                       client_.on_session_state == config::session_state_policy::refuse;
  if (refused) return {nullptr, refusal, true};
  if (effects->instead.empty()) return {std::move(effects), text};
  return {effects, effects->instead, true};
}

void exchange::note(const sql_effects_ptr& effects) {
  if (!effects) return;
  client_.effects |= effects->mask;
  pin(pin_before(effects->mask));
}

// Whether there is more to do with it than to know what its transaction has done.
bool exchange::is_followed(const sql_effects_ptr& effects) {
  return effects && (!effects->changes.empty() || (effects->mask & (effect::copy_in | effect::deallocate)) != 0);
}

void exchange::sent_bind(std::string_view name, const statement_ptr& s, named_statement about, std::uint32_t id) {
  const bool followed = s && is_followed(s->effects);
  const auto known = client_.portals.find(name);
  if (known == client_.portals.end() && !followed && !about) return sent(request::bind, action::forward, id);
  if (followed) client_.effects |= s->effects->mask & (effect::copy_in | effect::resets);
  server_state::in_flight record{.portal = std::string(name)};
  auto& now = known == client_.portals.end() ? client_.portals[*record.portal] : known->second;
  record.portal_before = std::move(now);
  now = followed || about ? std::make_shared<const portal>(portal{s->effects, std::move(about)}) : nullptr;
  sent_with_record(request::bind, action::forward, std::move(record), id);
}

// The portal that an Execute names, if it is one that matters, or did.
decltype(client_state::portals)::const_iterator exchange::find_portal(const wire::piece& p) const {
  if (client_.portals.empty()) return client_.portals.end();
  const auto message = wire::execute::decode(p.body());
  return message ? client_.portals.find(message->portal) : client_.portals.end();
}

void exchange::on_execute(const wire::piece& p) {
  ++client_.queries;
  const auto known = find_portal(p);
  if (known == client_.portals.end() || !known->second) return forward(p, request::execute);
  // Its first execution does what it does.
  server_state::in_flight record{.portal = known->first, .portal_before = known->second};
  client_.portals[known->first] = nullptr;
  if (record.portal_before->about) return execute_named(p, std::move(record));
  record.effects = record.portal_before->effects;
  sent_with_record(request::execute, action::forward, std::move(record));
  to_server_.view(p.raw);
}

void exchange::pin(pin_reason reason) {
  if (reason == pin_reason::none) return;
  if (client_.pin == pin_reason::none) client_.pin = reason;
  server_.left |= mask_of(reason);
  // Not what was asked about any more.
  for (auto& f : server_.flights)
    f.asks &= ~mask_of(reason);
}

void exchange::unpin(pin_mask reasons) {
  server_.left &= ~reasons;
  if (mask_of(client_.pin) & reasons) client_.pin = first_of(server_.left);
}

// Something may have ended what keeps the server for its client: the server is asked, behind the client's back.
void exchange::ask_whether_pinned() {
  client_.may_unpin = false;
  const auto sql = sql_to_find(server_.left);
  if (sql.empty()) return;
  server_.unnamed = nullptr;
  server_.unnamed_clean = true;
  sent_with_record(request::query, action::swallow, {.question = true, .asks = server_.left});
  to_server_.copy(wire::encode(wire::query{sql}));
}

void exchange::undo_what_is_left() {
  const auto sql = sql_to_undo(server_.left);
  if (sql.empty()) {
    server_.broken = true;
    return;
  }
  if (server_.left & mask_of(pin_reason::prepared_statement)) server_.prepared.clear();
  server_.left = 0;
  run_own(sql);
}

void exchange::on_query(const wire::piece& p) {
  ++client_.queries;
  const bool runs = !p.whole() || p.body().find('\0') + 1 == p.body().size();
  if (!runs) return forward(p, request::query);  // it has no end: the server says so, and nothing else happens
  // A simple query destroys the unnamed statement, on the server and for the client. In an unfinished batch it is
  // skipped if what is before it fails: then nothing is destroyed.
  const bool may_skip = server_.tracker.may_skip();
  server_state::in_flight record{.before = client_.unnamed};
  for (auto& f : server_.flights) {
    if (!may_skip && f.names && f.client_name.empty()) f.before = nullptr;
  }
  client_.unnamed = nullptr;
  server_.unnamed = nullptr;
  server_.unnamed_clean = !may_skip;
  sql_to_send sql;
  if (p.whole()) {
    sql = as_sent(p.body());
    note(sql.effects);
    const bool may_name = sql.effects && (sql.effects->mask & effect::statement_name) != 0;
    if (may_name && !sql.replaced && on_named_commands(p.body(), sql.effects)) return;
  } else {
    // What is still to come may be a COPY, too.
    sql.effects =
        classifier::effects_of_words(scan_effects(p.body()) | scan_effects_of_piece({}, p.body()) | effect::copy_in);
    note(sql.effects);
    client_.text_tail = effects_tail_of({}, p.body());
  }
  sql.replaced ? to_server_.copy(wire::encode(wire::query{sql.text})) : to_server_.view(p.raw);
  client_.half_sent = !p.last;
  // Its SET is not to be taken for one of a request before it, which cannot be followed.
  static const auto nothing = std::make_shared<const sql_effects>();
  const bool mistakable = !sql.effects && (client_.effects & (effect::setting | effect::several)) != 0;
  if (mistakable) {
    record.effects = nothing;
  } else if (is_followed(sql.effects)) {
    record.effects = std::move(sql.effects);
  }
  record.names = may_skip;
  if (record.names || record.effects) {
    sent_with_record(request::query, action::forward, std::move(record));
  } else {
    server_.tracker.sent(request::query);
  }
}

void exchange::sent(fsm::request kind, fsm::action what, std::uint32_t id) {
  server_.tracker.sent(kind, what, id);
  if (kind == request::sync) ++server_.batch;
}

void exchange::use_settings(const wire::piece& next) {
  const auto& tracker = server_.tracker;
  // Within a transaction there is something to do only behind a RESET.
  const bool idle = tracker.idle();
  if (!idle && !(tracker.settled() && tracker.status() == 'T' && client_.settings.in_transaction())) return;
  const auto& wanted = client_.settings.wanted;
  // Before all else of ours: see on_ready().
  if (wanted != server_.current) apply_settings(idle ? wanted_ahead_of(next) : wanted);
  if (server_.outdated && idle && client_.pin != pin_reason::prepared_statement) {
    server_.outdated = false;
    server_.prepared.clear();
    run_own("DEALLOCATE ALL");
  }
}

parameters exchange::wanted_ahead_of(const wire::piece& next) const {
  const auto& settings = client_.settings;
  if (next.type != wire::query::type || !next.first || !next.whole()) return settings.wanted;
  const auto text = next.body().substr(0, next.body().find('\0'));
  const auto effects = is_alone(text) ? effects_of(text) : nullptr;
  if (!effects || effects->changes.size() != 1) return settings.wanted;
  return settings.wanted_ahead_of(effects->changes.front(), server_.current);
}

void exchange::apply_settings(const parameters& settings) {
  const auto sql = change_sql(*server_.current, *settings);
  if (!sql.empty()) server_.before = server_.current;
  server_.current = settings;
  // In a transaction, which stays open if one is refused: then so is what follows in the same write.
  if (!sql.empty()) run_own(server_.tracker.idle() ? "BEGIN;" + sql + ";COMMIT" : sql);
}

void exchange::run_own(std::string_view sql) {
  server_.unnamed = nullptr;
  server_.unnamed_clean = !server_.tracker.may_skip();  // in an unfinished batch it may be skipped
  server_.tracker.sent(request::query, action::swallow);
  to_server_.copy(wire::encode(wire::query{sql}));
}

bool exchange::releasable() const {
  return client_.pin == pin_reason::none && server_.tracker.idle() && !server_.broken;
}

}  // namespace forebay
