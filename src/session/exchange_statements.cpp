#include <algorithm>

#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"
#include "routing/sql_scan.hpp"
#include "session/exchange.hpp"

// Prepared statements on their way to the server: the client's names become ours, and the server gets what it lacks.
namespace forebay {

using fsm::action;
using fsm::request;

namespace {

// A Parse must be kept whole, as other servers may need it later. 64 MiB of text, and room for a name and types beside
// it.
constexpr std::size_t max_parse = 64 * 1024 * 1024 + 64 * 1024;

wire::pg_error malformed(std::string_view what) {
  return wire::pg_error::fatal("08P01", "invalid " + std::string(what) + " message");
}

}  // namespace

// Where there is no room for another, one that says so: by the server, so that a transaction ends in it.
statement_ptr exchange::shared_statement(std::string_view query, std::string_view types, sql_effects_ptr effects,
                                         std::string_view reading) {
  if (auto s = intern_statement(query, types, std::move(effects), reading)) return s;
  static const auto no_room = std::make_shared<const statement>(
      statement{std::string(statement_prefix) + "no_room",
                "DO $forebay$BEGIN RAISE EXCEPTION USING ERRCODE = '53200', "
                "MESSAGE = 'too many prepared statements are kept by clients'; END$forebay$",
                std::string(wire::parse{}.parameter_types), nullptr});
  return no_room;
}

// How many requests that may do this are under way.
std::ptrdiff_t exchange::unanswered(effect::mask what) const {
  if ((client_.effects & what) == 0) return 0;
  return std::count_if(server_.flights.begin(), server_.flights.end(),
                       [&](const auto& f) { return f.effects && (f.effects->mask & what) != 0; });
}

// What the login asked for is set again behind a RESET, ahead of the next request, and on an idle server only.
bool exchange::waits_for_settings(const wire::piece& p) const {
  const bool asking = !server_.flights.empty() && server_.flights.back().question;
  const bool reset = (client_.effects & effect::resets) != 0;
  if ((!asking && !reset) || !fsm::request_of(p.type)) return false;
  if (asking) return client_.settings.wanted != server_.current;
  return client_.settings.at_login != server_.initial && server_.tracker.ready_owed() != 0;
}

bool exchange::must_wait(const wire::piece& p) const {
  if (!p.first) return false;
  if (waits_for_copy(p)) return true;
  if (server_.tracker.wants_copy_data()) return false;  // nothing is answered before the COPY has what it waits for
  if (waits_for_settings(p)) return true;
  const bool forgets = client_.renames() && unanswered(effect::deallocate | effect::statement_name) > 0;
  const bool earlier = !server_.flights.empty() && server_.flights.front().batch != server_.batch;
  const auto& tracker = server_.tracker;
  const bool may_matter = forgets || (earlier && tracker.ready_owed() != 0) || (p.type == 'Q' && tracker.owed() != 0);
  if (may_matter && p.type == 'E') return execute_waits(p);
  if (!may_matter || !(client_.renames() || p.type == 'B')) return false;
  std::string_view name;
  statement_ptr s;
  if (p.type == 'P') {
    if (!p.whole()) return true;
    const auto m = wire::parse::decode(p.body());
    if (!m || m->name.empty()) return false;
    name = m->name;
    s = statement_of(m->query, m->parameter_types);
  } else if (p.type == 'B') {
    const auto m = wire::bind_names::decode_front(p.body());
    if (!m) return false;
    name = m->statement;
  } else if (p.type == 'D') {
    const auto m = wire::describe::decode(p.body());
    if (!m || m->kind != 'S') return false;
    name = m->name;
  } else if (p.type == 'Q') {
    return query_waits(p);
  } else {
    return false;
  }
  if (forgets) return true;
  const auto known = client_.find_statement(name);
  // A name in use, or SQL about one: rare, so any doubt will do.
  if ((s && known) || is_about_name(known)) return true;
  const auto& flights = server_.flights;
  const auto about_name = [&](const auto& f) { return f.cleans ? name.empty() : f.names && f.client_name == name; };
  const auto about_statement = [&](const auto& f) { return f.what && (f.what == s || f.what == known); };
  const auto last_is_earlier = [&](const auto& about) {
    const auto last = std::find_if(flights.rbegin(), flights.rend(), about);
    return last != flights.rend() && last->batch != server_.batch;
  };
  return last_is_earlier(about_name) || last_is_earlier(about_statement);
}

// With something unanswered before it: whether it may run, and whether there is such a name, depends on all of that.
bool exchange::query_waits(const wire::piece& p) const {
  if (!p.whole() || !client_.statements) return false;
  const auto effects = effects_of(p.body());
  if (!effects || (effects->mask & effect::statement_name) == 0) return false;
  const auto commands = commands_in(p.body(), effects);
  return std::any_of(commands.begin(), commands.end(), [&](const auto& c) {
    return client_.find_statement(c.name) != nullptr ||
           std::any_of(server_.flights.begin(), server_.flights.end(),
                       [&](const auto& f) { return f.names && f.client_name == c.name; });
  });
}

// What the portal does may depend on a Bind or Execute of an earlier batch, which may be dropped.
bool exchange::execute_waits(const wire::piece& p) const {
  const auto known = find_portal(p);
  if (known == client_.portals.end()) return false;
  if (known->second && known->second->about) return true;
  const auto& flights = server_.flights;
  const auto last =
      std::find_if(flights.rbegin(), flights.rend(), [&](const auto& f) { return f.portal == known->first; });
  return last != flights.rend() && last->batch != server_.batch;
}

std::optional<wire::pg_error> exchange::on_parse(const wire::piece& p) {
  if (!client_.renames()) {
    watch_parse(p);
    return std::nullopt;
  }
  std::string_view body = p.body();
  if (!p.whole()) {
    if (p.first && p.body_size > max_parse) {
      return wire::pg_error::fatal("54000",
                                   "statement is larger than 64 MiB: too large to be prepared through Forebay");
    }
    client_.rest = client_state::rest::collect;
    if (p.first) client_.collected.clear();
    client_.collected.append(body);
    if (!p.last) return std::nullopt;
    body = client_.collected;
  }
  const auto message = wire::parse::decode(body);
  if (!message) return malformed("Parse");
  if (message->name.empty()) {
    // Text and types are kept: the client may bind it again when another server serves it.
    const auto sql = as_sent(message->query);
    const auto before = client_.unnamed;
    auto reading = reading_of(sql.text, sql.effects);
    if (!before || before->query != sql.text || before->parameter_types != message->parameter_types ||
        before->reading != reading) {
      client_.unnamed = unnamed_statement(sql.text, message->parameter_types, sql.effects, std::move(reading));
    }
    send_parse(client_.unnamed, "", action::forward,
               {.what = client_.unnamed, .names = true, .before = before, .behind = client_.unnamed},
               p.whole() && !sql.replaced ? p.raw : std::string_view{});
  } else {
    parse_named(message->name, message->query, message->parameter_types);
  }
  std::string().swap(client_.collected);
  return std::nullopt;
}

statement_ptr exchange::statement_of(std::string_view query, std::string_view types) const {
  const auto sql = as_sent(query);
  return shared_statement(sql.text, types, sql.effects, reading_of(query, sql.effects));
}

// In session mode names are the server's own. Only statements that change settings are of interest.
void exchange::watch_parse(const wire::piece& p) {
  const auto message = p.whole() ? wire::parse::decode(p.body()) : wire::parse::decode({});
  if (!message) return forward(p, request::parse);
  auto effects = effects_of(message->query);
  const bool matters = is_followed(effects);
  const auto known = client_.find_statement(message->name);
  if (!known && !matters) return forward(p, request::parse);
  server_state::in_flight record{.names = true, .client_name = std::string(message->name), .before = known};
  if (matters) record.behind = unnamed_statement(message->query, message->parameter_types, std::move(effects));
  client_.assign(record.client_name, record.behind);
  sent_with_record(request::parse, action::forward, std::move(record));
  to_server_.view(p.raw);
}

void exchange::watch_bind(const wire::piece& p) {
  if (!client_.unnamed && !client_.statements && client_.portals.empty()) return forward(p, request::bind);
  const auto names = wire::bind_names::decode_front(p.body());
  if (!names) return forward(p, request::bind);
  sent_bind(names->portal, client_.find_statement(names->statement));
  to_server_.view(p.raw);
  client_.half_sent = !p.last;
}

void exchange::parse_named(std::string_view name, std::string_view query, std::string_view types) {
  const auto s = statement_of(query, types);
  server_state::in_flight record{.client_name = std::string(name), .behind = s};
  if (const auto known = client_.find_statement(name)) {
    // PostgreSQL refuses a name in use, after it has looked at the text. Let it say so itself: the text under a name
    // that is in use there, this statement's or that of an empty one, which is never wrong. The error's wording gets
    // the client's name back on its way.
    record.clashes = true;
    record.before = server_.prepared.has(known) ? known : shared_statement("", wire::parse{}.parameter_types, nullptr);
    ensure_prepared(record.before);
    const auto in_use = record.before->server_name;
    send_parse(s, in_use, action::forward, std::move(record));
    return;
  }
  const bool pinned = (server_.left & mask_of(pin_reason::prepared_statement)) != 0;
  if (pinned || (client_.effects & effect::prepare) != 0) {
    // The server knows which names SQL has given, and the session stays with it until they all are gone, this one, too.
    pin(pin_reason::prepared_statement);
    client_.may_unpin = client_.may_unpin || !pinned;  // both may fail
    // Its executions are not followed.
    note(s->effects);
    if (s->effects && !s->effects->changes.empty()) pin(pin_reason::setting);
    // Those that Parse gave it has under other names, which a text about one of them is to use.
    const auto about = find_named_statement(s);
    const auto as_known = about ? with_server_name(*s, about) : s;
    to_server_.copy(wire::encode(wire::parse{name, as_known->query, types}));
    sent_with_record(request::parse, action::forward, {.beside_sql = true});
    return;
  }
  client_.assign(record.client_name, s);
  record.names = true;
  if (server_.prepared.use(s)) {
    // Behind a change of the schema a plan made before it may be of no use, which is not this client's fault. And after
    // "cached plan must not change result type" the client wants a new plan, while its transaction lasts.
    const bool old = server_.outdated || server_.prepared.prepared_before(s, schema_era());
    const bool anew = old || (client_.effects & effect::deallocate) != 0;
    // In a failed transaction, or a COPY, PostgreSQL says no. Where what came before may lead to that, it is asked.
    if (!server_.tracker.may_refuse() && !old) {
      sent_with_record(request::parse, action::synthesize, std::move(record));
      return;
    }
    // By another name: the server keeps what it has, and a COPY sees this message first.
    if (!anew) {
      send_parse(s, no_statement, action::forward, std::move(record));
      to_server_.copy(wire::encode(wire::close{'S', no_statement}));
      sent(request::close, action::swallow);
      return;
    }
    close_on_server(s);
  }
  record.what = s;
  send_parse(s, s->server_name, action::forward, std::move(record));
}

void exchange::send_parse(const statement_ptr& s, std::string_view server_name, fsm::action what,
                          server_state::in_flight record, std::string_view as_it_came) {
  if (server_name.empty()) {
    server_.unnamed = s;
    server_.unnamed_clean = false;
  } else if (record.what) {
    // EXECUTE needs the statement that it names beside it.
    const std::size_t most = is_about_name(s) ? std::max(server_.max_prepared, 2U) : server_.max_prepared;
    for (auto left = server_.prepared.size(); left > 0 && server_.prepared.size() >= most; --left) {
      close_on_server(server_.prepared.oldest());
    }
    server_.prepared.add(s, schema_era());
    server_.read_constants = server_.read_constants || !s->reading.empty();
  }
  if (as_it_came.empty()) {
    to_server_.copy(wire::encode(wire::parse{server_name, s->query, s->parameter_types}));
  } else {
    to_server_.view(as_it_came);  // in one piece with what follows: nothing to copy, and a cheaper system call
  }
  sent_with_record(request::parse, what, std::move(record));
}

void exchange::close_on_server(const statement_ptr& s) {
  const bool had = server_.prepared.has(s);
  server_.prepared.remove(s.get());
  to_server_.copy(wire::encode(wire::close{'S', s->server_name}));
  sent_with_record(request::close, action::swallow, {.what = s, .had = had});
}

// The statement stays prepared on servers for others; only this client's name for it ends. The server is asked all the
// same: it may be in a COPY, which ends over it. The name means nothing to it, as long as it is none of ours.
void exchange::close_name(const wire::piece& p, std::string_view name) {
  server_state::in_flight record{.names = true, .client_name = std::string(name), .cleans = name.empty()};
  record.before = client_.find_statement(name);
  client_.assign(record.client_name, nullptr);
  if (name.empty()) {
    server_.unnamed = nullptr;
    server_.unnamed_clean = true;
  }
  if (name.starts_with(statement_prefix)) {
    to_server_.copy(wire::encode(wire::close{'S', no_statement}));
  } else {
    to_server_.view(p.raw);
  }
  sent_with_record(request::close, action::forward, std::move(record));
}

void exchange::ensure_prepared(const statement_ptr& s) {
  if (!server_.prepared.use(s)) send_parse(s, s->server_name, action::swallow, {.what = s});
}

// Null: the server is to have none.
void exchange::ensure_unnamed(const statement_ptr& s) {
  if (s) {
    if (server_.unnamed != s) send_parse(s, "", action::swallow, {.what = s});
  } else if (!server_.unnamed_clean) {
    // Somebody else's unnamed statement must not answer for one this client never made.
    server_.unnamed = nullptr;
    server_.unnamed_clean = true;
    to_server_.copy(wire::encode(wire::close{'S', ""}));
    sent_with_record(request::close, action::swallow, {.cleans = true});
  }
}

// The client's statement of this name. A server that has yet to read it does so by the settings of now, which are
// perhaps not those it was parsed with: then it must not have the name that others use for that reading. The unnamed
// one has no name that others use.
statement_ptr exchange::statement_for_use(std::string_view name) {
  auto s = client_.find_statement(name);
  if (!s || name.empty() || s->reading.empty() || server_.prepared.has(s)) return s;
  auto now = shared_statement(s->query, s->parameter_types, s->effects, reading_of(s->query, s->effects));
  if (now != s) client_.assign(std::string(name), now);
  return now;
}

std::optional<wire::pg_error> exchange::on_bind(const wire::piece& p) {
  if (!client_.renames()) {
    watch_bind(p);
    return std::nullopt;
  }
  const auto names = wire::bind_names::decode_front(p.body());
  if (!names) return malformed("Bind");
  const bool named = !names->statement.empty();
  auto s = statement_for_use(names->statement);
  auto about = find_named_statement(s);
  if (about) s = with_server_name(*s, about);
  if (!named) ensure_unnamed(s);
  if (s) note(s->effects);
  if (!named || !s) {
    sent_bind(names->portal, s, std::move(about));
    to_server_.view(p.raw);  // a name that is not known the server does not know either and says so
    client_.half_sent = !p.last;
    return std::nullopt;
  }
  ensure_prepared(s);
  const auto size = p.body_size - names->statement.size() + s->server_name.size();
  std::string head;
  wire::writer w(head);
  w.u8('B');
  w.u32(static_cast<std::uint32_t>(size + 4));
  w.cstring(names->portal);
  w.cstring(s->server_name);
  to_server_.copy(head);
  to_server_.view(names->rest);
  client_.half_sent = !p.last;
  sent_bind(names->portal, s, std::move(about), id_of_name(names->statement));
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
    client_.may_unpin = client_.may_unpin || (server_.left & mask_of(pin_reason::prepared_statement)) != 0;
    close_name(p, target->name);
    return std::nullopt;
  }
  const bool named = !target->name.empty();
  auto s = statement_for_use(target->name);
  const auto about = find_named_statement(s);
  if (about && about.command.what == named_command::kind::execute) s = with_server_name(*s, about);
  if (!named) ensure_unnamed(s);
  if (!named || !s) {
    forward(p, request::describe_statement);
    return std::nullopt;
  }
  ensure_prepared(s);
  to_server_.copy(wire::encode(wire::describe{'S', s->server_name}));
  sent(request::describe_statement, action::forward, id_of_name(target->name));
  return std::nullopt;
}

}  // namespace forebay
