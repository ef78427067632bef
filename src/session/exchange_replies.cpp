#include <algorithm>

#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"
#include "protocol/wire/status.hpp"
#include "session/exchange.hpp"

// The server's side of the exchange: replies on their way to the client.
namespace forebay {

using verdict = fsm::reply_tracker::verdict;

namespace {

constexpr std::string_view parse_complete_bytes{"1\0\0\0\4", 5};

}  // namespace

exchange::progress exchange::reply(const wire::piece& p) {
  if (!p.first) {
    if (server_.forwarding_rest) to_client_.view(p.raw);
    if (p.last) emit_synthesized();
    return progress::more;
  }
  emit_synthesized();
  const auto v = server_.tracker.received(p.type, p.whole() ? p.body() : std::string_view{});
  if (v == verdict::violation) {
    server_.broken = true;
    return progress::violation;
  }
  if (v == verdict::withhold) return on_withheld_ready(p);
  const bool ours = v == verdict::swallow;
  bool to_client = !ours && !client_.gone;
  switch (p.type) {
    case 'D':
    case 'd':
      break;
    case 'C':
      if (p.whole()) {
        const auto message = wire::command_complete::decode(p.body());
        if (message && on_command_complete(message->tag, ours) && to_client) {
          to_client_.copy(wire::encode(wire::command_complete{"LISTEN"}));
          to_client = false;
        }
      }
      break;
    case 's':
      change_state();  // a SELECT set_config() with a row limit has done all it does
      break;
    case 'S':
      to_client = on_parameter(p, ours) && to_client;
      break;
    case 'E':
      client_.settings.failed(server_.current);
      if (!p.whole()) {  // larger than any ordinary one: goes on as it is
        if (ours && server_.tracker.dropped().empty()) {
          farewell_ = wire::pg_error::error("08P01", "the server refused the session's settings");
          server_.broken = true;
          return progress::farewell;
        }
        to_client = !client_.gone;
        break;
      }
      if (const auto last = on_error(p, ours); last != progress::more) return last;
      to_client = false;  // done by on_error
      break;
    case 'A':
      to_client = to_client && client_.pin != pin_reason::none;
      break;
    case 'Z':
      if (server_.tracker.status() != 'I' && client_.mode == config::pool_mode::statement && to_client) {
        farewell_ = wire::pg_error::fatal("0A000", "transaction blocks are not allowed in statement pooling mode");
        return progress::forbidden;
      }
      on_ready(ours);
      break;
    default:
      break;
  }
  if (to_client) to_client_.view(p.raw);
  server_.forwarding_rest = to_client;
  if (const auto done = server_.tracker.completed()) settle(*done, fate::done);
  auto f = fate::failed;
  for (const auto& o : server_.tracker.dropped())
    settle(o, std::exchange(f, fate::skipped));
  if (server_.tracker.skip_goes_on()) client_.skip_to_sync = true;
  if (p.last) emit_synthesized();                             // never within a message
  if (!server_.tracker.in_doubt()) server_.withheld.clear();  // what was withheld is ours
  probe_if_in_doubt();
  return progress::more;
}

void exchange::emit_synthesized() {
  while (const auto o = server_.tracker.take_synthesized()) {
    settle(*o, fate::done);
    if (!client_.gone) to_client_.copy(parse_complete_bytes);  // we answer for nothing else
  }
}

void exchange::settle(const fsm::outcome& o, fate f) {
  if ((o.id & has_record) == 0 || server_.flights.empty()) return;
  const auto record = std::move(server_.flights.front());
  server_.flights.pop_front();
  if (f == fate::done && !record.failed) {
    // Who would have thought: the server has this text under another one's name now, so it is of no use to others.
    if (record.clashes) server_.doubtful = true;
    if (record.clashes) set_name(record.client_name, record.behind);
    return;
  }
  if (record.what && !record.what->server_name.empty()) set_prepared(record.what, record.had);
  if (record.what && server_.unnamed == record.what)
    server_.unnamed = nullptr;  // and not clean: an older one may be there
  if (record.cleans) server_.unnamed_clean = false;
  if (record.portal) set_portal(*record.portal, record.portal_before);
  // A Parse that fails has destroyed the unnamed statement there was.
  if (record.names)
    set_name(record.client_name, f == fate::failed && record.client_name.empty() ? nullptr : record.before);
}

void exchange::server_lost() {
  while (!server_.flights.empty())
    settle({.id = has_record}, fate::skipped);
  client_.effects = effect::none;
  client_.portals.clear();
  client_.settings.server_lost();
}

// As of the oldest request in flight; those that follow have the last word.
void exchange::set_prepared(const statement_ptr& s, bool has) {
  for (auto& f : server_.flights) {
    if (f.what != s) continue;
    f.had = has;
    return;
  }
  if (has) {
    server_.prepared.add(s);
  } else {
    server_.prepared.remove(s.get());
  }
}

// What the name stands for as the oldest request in flight is answered: those behind it may have changed that already.
statement_ptr exchange::find_for_oldest(const std::string& name) const {
  for (const auto& f : server_.flights) {
    if (f.names && f.client_name == name) return f.before;
  }
  return client_.find_statement(name);
}

void exchange::set_name(const std::string& name, const statement_ptr& s) {
  for (auto& f : server_.flights) {
    if (!f.names || f.client_name != name) continue;
    f.before = s;
    return;
  }
  client_.assign(name, s);
}

void exchange::set_portal(const std::string& name, const portal_ptr& portal) {
  for (auto& f : server_.flights) {
    if (f.portal != name) continue;
    f.portal_before = portal;
    return;
  }
  client_.portals[name] = portal;
}

// The server has forgotten all statements: what is left are those of requests behind the one that made it forget. Where
// names are ours these only close some, as what prepares waits for that: see must_wait().
void exchange::replay_flights() {
  for (auto& f : server_.flights) {
    if (!f.names || f.client_name.empty()) continue;
    f.before = client_.find_statement(f.client_name);
    client_.assign(f.client_name, f.behind);
  }
}

// True: the client hears of a LISTEN that it was told to be.
bool exchange::on_command_complete(std::string_view tag, bool ours) {
  const auto change = change_state();
  if (server_.left != 0 && !ours && may_unpin(tag, client_.effects)) client_.may_unpin = true;
  // Nearly all tags are told apart from those that matter by their first letters.
  if (tag.empty() || std::string_view("ACSRLPD").find(tag.front()) == std::string_view::npos ||
      (tag.starts_with("SELECT") && !ours)) {
    return change == changed::listens;
  }
  if (tag.starts_with("CREATE") || tag.starts_with("ALTER") || tag.starts_with("DROP")) {
    client_.changed_schema = true;
    schema_changed();
  }
  auto& settings = client_.settings;
  if (settings.in_transaction()) {
    if (tag == "COMMIT" || tag == "PREPARE TRANSACTION") settings.commit();
    if (tag == "ROLLBACK" && change == changed::nothing) {
      // To a savepoint, perhaps, in a text that was not read: then what settings there are is not known.
      if (!ours && (client_.effects & effect::unread)) pin(pin_reason::setting);
      settings.roll_back(server_.current);
    }
  }
  if (tag == "DISCARD ALL") {
    forget_session_state(ours);
  } else if (ours) {
    if (answers_our_question() && tag == "SELECT 0") unpin(server_.flights.front().asks);
  } else if (tag == "DEALLOCATE ALL") {
    server_.prepared.clear();
    client_.forget_statements();
    replay_flights();
    if (!names_beside_sql_follow()) unpin(mask_of(pin_reason::prepared_statement));
  } else {
    pin(pin_after(tag, effects_of_answered()));
  }
  return false;
}

// Behind what has just taken all names.
bool exchange::names_beside_sql_follow() const {
  return std::ranges::any_of(server_.flights, &server_state::in_flight::beside_sql);
}

// Null: it has none.
server_state::in_flight* exchange::record_of_answered() const {
  const bool has = (server_.tracker.current_id() & has_record) != 0 && !server_.flights.empty();
  return has ? &server_.flights.front() : nullptr;
}

// Of the request being answered, where they are known apart from those around it.
effect::mask exchange::effects_of_answered() const {
  const auto* record = record_of_answered();
  return record && record->effects ? record->effects->mask : client_.effects;
}

// What the statement that has just completed does to the session.
exchange::changed exchange::change_state() {
  auto* record = record_of_answered();
  if (!record || !record->effects) return changed::nothing;
  const auto statement = record->answered++;
  auto done = changed::nothing;
  for (const auto& c : record->effects->changes) {
    if (c.statement != statement) continue;
    done = c.what == state_change::kind::listen && client_.renames() ? changed::listens : changed::something;
    apply(c);
  }
  return done;
}

bool exchange::answers_our_question() const {
  const auto* record = record_of_answered();
  return record && record->question;
}

void exchange::apply(const state_change& c) {
  using kind = state_change::kind;
  using on_channel = state_log::channel_change::kind;
  auto& log = client_.settings;
  auto& current = server_.current;
  switch (c.what) {
    case kind::set:
      return log.set(c.name, c.value, current);
    case kind::reset:
      return log.reset(c.name, current);
    case kind::reset_all:
      return log.reset_all(current);
    case kind::deallocate:
      if (const auto s = find_for_oldest(c.name)) set_prepared(s, false);
      return set_name(c.name, nullptr);
    case kind::discard_all:
      return;  // told by its tag, also to those who do not read the text
    case kind::savepoint:
      return log.savepoint(c.name, current);
    case kind::release:
      return log.release(c.name);
    case kind::rollback_to:
      if (!log.roll_back_to(c.name, current)) pin(pin_reason::setting);  // its making was not seen
      return;
    case kind::listen:
    case kind::unlisten:
    case kind::unlisten_all:
      if (!client_.renames()) return;
      return log.on_channel({c.what == kind::listen     ? on_channel::listen
                             : c.what == kind::unlisten ? on_channel::unlisten
                                                        : on_channel::unlisten_all,
                             c.name},
                            current);
  }
}

void exchange::on_ready(bool ours) {
  const bool idle = server_.tracker.status() == 'I';
  if (ours && server_.before) {  // the first of ours is that of the settings
    // What was set and not reported is what it was already, in the server's spelling.
    const auto reported = std::exchange(server_.before, nullptr);
    for (auto* known : {&client_.settings.wanted, &server_.current})
      *known = parameter_set::with_reported_of(*known, reported);
  }
  if (idle) client_.settings.transaction_ended(server_.current);
  tell_news();
  if (server_.tracker.settled()) server_.read_constants = false;
  if (!idle) return;
  if (std::exchange(client_.changed_schema, false)) {  // for others only now
    schema_changed();
    client_.schema_is_new = true;
  }
  if (!client_.gone) to_client_.copy(std::exchange(client_.notifications, {}));
  if (!ours) ++client_.transactions;
  if (!server_.tracker.settled()) return;
  client_.portals.clear();
  client_.forgotten = nullptr;
  client_.effects = effect::none;
}

void exchange::schema_changed() {
  if (server_.schema_era) server_.schema_era->fetch_add(1, std::memory_order_relaxed);
}

// Behind what the server itself says.
void exchange::tell_news() {
  const auto news = client_.settings.take_news(server_.current, server_.initial);
  if (client_.gone) return;
  for (const auto& e : news->entries())
    to_client_.copy(wire::encode(wire::parameter_status{e.name, e.value}));
}

// DISCARD ALL, the client's or ours: the server session is as after its login.
void exchange::forget_session_state(bool ours) {
  server_.prepared.clear();
  client_.settings.discard_all(server_.current, server_.initial);
  if (ours) server_.left = 0;
  if (client_.gone) return;  // what it has sent behind its own is undone yet
  server_.left = client_.mode == config::pool_mode::session ? mask_of(pin_reason::session_mode) : 0;
  client_.forget_statements();
  replay_flights();
  if (client_.mode == config::pool_mode::session) return;
  client_.pin = pin_reason::none;
  // What was sent behind it pins still. What was sent before it may be taken for that: the server is asked.
  for (const auto one : {effect::advisory_lock, effect::temporary, effect::set_function})
    pin(pin_before(client_.effects & one));
  if (names_beside_sql_follow()) pin(pin_reason::prepared_statement);
  client_.may_unpin = server_.left != 0;
}

// False: it is not for the client.
// A text whose reading depends on all that one may depend on.
constexpr std::string_view anything = "\\'\x80";

bool exchange::on_parameter(const wire::piece& p, bool ours) {
  const auto status = p.whole() ? wire::parameter_status::decode(p.body()) : wire::parameter_status::decode({});
  if (!status) return true;
  auto& settings = client_.settings;
  if (!ours) {
    const auto reading = server_.read_constants ? reading_of(anything, nullptr) : std::string();
    const bool is_news = settings.reported(status->name, status->value, server_.current, server_.initial);
    // A Parse sent behind the change, before this was known, has the name by which others know another reading.
    if (server_.read_constants && reading_of(anything, nullptr) != reading) server_.doubtful = true;
    return is_news;
  }
  // The answer to our own preamble brings the value in the server's spelling: that is what the session wants from now
  // on.
  server_.current = parameter_set::with(server_.current, status->name, status->value, true);
  settings.wanted = parameter_set::with(settings.wanted, status->name, status->value, true);
  if (server_.before) server_.before = parameter_set::with(server_.before, status->name, status->value, true);
  return false;
}

}  // namespace forebay
