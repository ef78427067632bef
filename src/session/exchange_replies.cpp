#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"
#include "protocol/wire/status.hpp"
#include "session/exchange.hpp"

// The server's side of the exchange: replies on their way to the client.
namespace forebay {

using fsm::request;
using verdict = fsm::reply_tracker::verdict;

namespace {

constexpr std::string_view parse_complete_bytes{"1\0\0\0\4", 5};
constexpr std::string_view close_complete_bytes{"3\0\0\0\4", 5};

bool ends_session(const wire::error_response& e) { return e.severity() == "FATAL" || e.severity() == "PANIC"; }

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
  const bool ours = v == verdict::swallow;
  bool to_client = !ours && !client_.gone;
  switch (p.type) {
    case 'D':
    case 'd':
      break;
    case 'C':
      if (p.whole()) {
        const auto message = wire::command_complete::decode(p.body());
        if (message) on_command_complete(message->tag);
      }
      break;
    case 'S':
      on_parameter(p, ours);
      break;
    case 'E':
      if (!p.whole()) break;  // larger than any real one: goes on as it is
      if (!on_error(p, ours)) return progress::farewell;
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
      if (server_.tracker.status() == 'I') {
        if (!ours) ++client_.transactions;
        if (server_.tracker.settled()) client_.effects = effect::none;
      }
      break;
    default:
      break;
  }
  if (to_client) to_client_.view(p.raw);
  server_.forwarding_rest = to_client;
  if (const auto done = server_.tracker.completed()) settle(*done, false);
  for (const auto& o : server_.tracker.dropped()) settle(o, true);
  if (p.last) emit_synthesized();  // never within a message
  if (server_.tracker.answer_would_settle()) run_own("");  // or the client would keep its server until it asks again
  return progress::more;
}

void exchange::emit_synthesized() {
  while (const auto o = server_.tracker.take_synthesized()) {
    settle(*o, false);
    if (!client_.gone) to_client_.copy(o->kind == request::parse ? parse_complete_bytes : close_complete_bytes);
  }
}

void exchange::settle(const fsm::outcome& o, bool dropped) {
  if (o.id != has_record || server_.flights.empty()) return;
  const auto record = std::move(server_.flights.front());
  server_.flights.pop_front();
  if (!dropped) return;
  const bool unnamed = record.client_name.empty();
  if (record.maps_name) {
    if (unnamed) {
      client_.unnamed = nullptr;
    } else if (client_.find_statement(record.client_name) == record.what) {
      client_.statements->erase(record.client_name);
    }
  }
  if (record.unmaps_name && record.what) {
    if (unnamed) {
      if (!client_.unnamed) client_.unnamed = record.what;
    } else {
      client_.statements->emplace(record.client_name, record.what);
    }
  }
  if (record.prepares) {
    server_.prepared.remove(record.what.get());
    if (server_.unnamed == record.what) server_.unnamed = nullptr;  // and not clean: an older one may be there
  }
  if (record.evicts) server_.prepared.add(record.what);
}

void exchange::on_command_complete(std::string_view tag) {
  // Nearly all tags are told apart from those that matter by their first letters.
  if (tag.empty() || std::string_view("SRLPD").find(tag.front()) == std::string_view::npos || tag.starts_with("SELECT")) {
    return;
  }
  if (tag == "DISCARD ALL") {
    forget_session_state();
  } else if (tag == "DEALLOCATE ALL") {
    server_.prepared.clear();
    if (client_.statements) client_.statements->clear();
    if (client_.pin == pin_reason::prepared_statement) client_.pin = pin_reason::none;
  } else if (tag == "RESET") {
    // Not tracked settings that came with the login are now whatever the server's default is: set them again.
    server_.current = parameter_set::with_unreported_unknown(server_.current);
    if (client_.effects & effect::reset_all) return_to_login_settings();
  } else {
    pin(pin_after(tag, client_.effects));
  }
}

// For PostgreSQL a session's defaults are those of its startup packet. For the server session behind us they are not, so
// they are set again before the next request; the client is told now.
void exchange::return_to_login_settings() {
  client_.wanted = client_.at_login;
  for (const auto& e : client_.wanted->entries()) {
    const auto* now = server_.current->find(e.name);
    if (!e.reported || !now || now->value == e.value) continue;
    std::string bytes;
    wire::writer w(bytes);
    wire::parameter_status{e.name, e.value}.encode(w);
    to_client_.copy(bytes);
  }
}

// DISCARD ALL, the client's or ours: the server session is as after its login.
void exchange::forget_session_state() {
  server_.prepared.clear();
  server_.unnamed = nullptr;
  server_.unnamed_clean = true;
  server_.needs_reset = !client_.gone && client_.mode == config::pool_mode::session;
  server_.current = server_.initial;
  if (client_.gone) return;
  return_to_login_settings();
  if (client_.statements) client_.statements->clear();
  client_.unnamed = nullptr;
  if (client_.mode != config::pool_mode::session) client_.pin = pin_reason::none;
}

void exchange::on_parameter(const wire::piece& p, bool ours) {
  const auto status = p.whole() ? wire::parameter_status::decode(p.body()) : wire::parameter_status::decode({});
  if (!status) return;
  server_.current = parameter_set::with(server_.current, status->name, status->value, true);
  // The answer to our own preamble brings the value in the server's spelling: that is what the session wants from now on.
  if (!client_.gone || ours) client_.wanted = parameter_set::with(client_.wanted, status->name, status->value, true);
}

// False: a last word, kept in farewell_.
bool exchange::on_error(const wire::piece& p, bool ours) {
  const auto message = wire::error_response::decode(p.body());
  const bool own_sql_failed = ours && server_.tracker.dropped().empty();
  if (message && (own_sql_failed || ends_session(*message))) {
    server_.broken = true;
    farewell_ = message->to_pg_error();
    return false;
  }
  // An injected Parse that fails stands for the client's Bind or Describe: the client gets its error.
  if (client_.gone) return true;
  const auto text = p.raw;
  const auto at = text.find(statement_prefix);
  if (!message || at == std::string_view::npos || !client_.statements) {
    to_client_.view(text);
    return true;
  }
  auto renamed = message->to_pg_error();
  for (const auto& [name, s] : *client_.statements) {
    const auto found = renamed.message.find(s->server_name);
    if (found == std::string::npos) continue;
    renamed.message.replace(found, s->server_name.size(), name);
    break;
  }
  std::string bytes;
  wire::writer w(bytes);
  renamed.encode(w);
  to_client_.copy(bytes);
  return true;
}

}  // namespace forebay
