#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"
#include "routing/sql_scan.hpp"
#include "session/exchange.hpp"

// SQL about statements that were prepared by the protocol (EXECUTE, DEALLOCATE, PREPARE): the server has them under
// other names, or not at all.
namespace forebay {

using fsm::action;
using fsm::request;
using kind = named_command::kind;

named_statement exchange::find_named_statement(std::string_view text) const {
  if (!client_.renames() || !client_.statements || client_.statements->empty()) return {};
  auto command = find_named_command(text);
  if (!command) return {};
  auto s = client_.find_statement(command->name);
  return {std::move(*command), std::move(s)};
}

// The same in a statement's text, as it is bound or described: PostgreSQL looks the name up no earlier.
named_statement exchange::find_named_statement(const statement_ptr& s) const {
  // A failed transaction refuses it, whatever the name.
  const bool refused = server_.tracker.status() == 'E' && server_.tracker.owed() == 0;
  if (!is_about_name(s) || refused) return {};
  return find_named_statement(s->query);
}

// True: sent.
bool exchange::on_named_command(std::string_view text) {
  const auto about = find_named_statement(text);
  if (!about || server_.tracker.status() == 'E') return false;
  if (!server_.prepared.use(about.statement)) {
    ensure_prepared(about.statement);
    sent(request::sync, action::swallow);
    to_server_.copy(wire::encode(wire::sync{}));
  }
  to_server_.copy(wire::encode(wire::query{about.renamed(text.substr(0, text.find('\0')))}));
  sent_about(request::query, about);
  return true;
}

// What the server gets in place of a client's statement that is about another; that one it has then.
statement_ptr exchange::with_server_name(const statement& s, const named_statement& about) {
  ensure_prepared(about.statement);
  const auto text = about.renamed(s.query);
  if (!s.server_name.empty()) return shared_statement(text, s.parameter_types, s.effects);
  const auto& there = server_.unnamed;
  if (there && there->query == text && there->parameter_types == s.parameter_types) return there;
  return unnamed_statement(text, s.parameter_types, s.effects);
}

// PostgreSQL looks the name up once more. If the client has it no longer, or for another statement, then the server
// is to find none; but PREPARE would find a name that is free.
void exchange::execute_named(const wire::piece& p, const named_statement& about) {
  const auto& [command, s] = about;
  if (command.what == kind::prepare || client_.find_statement(command.name) == s) {
    ensure_prepared(s);
  } else {
    close_on_server(s);
  }
  to_server_.view(p.raw);
  sent_about(request::execute, about);
}

// What such a command does counts from when it is sent on; its record undoes that, and knows the client's name.
void exchange::sent_about(fsm::request what, const named_statement& about) {
  const auto& [command, s] = about;
  server_state::in_flight record{.client_name = command.name, .sql = true};
  if (command.what == kind::execute) {
    note(s->effects);
    if (is_followed(s->effects)) record.effects = s->effects;
  }
  if (command.what == kind::deallocate) {
    record.what = s;
    record.had = server_.prepared.has(s);
    record.names = true;
    record.before = client_.find_statement(command.name);
    client_.assign(command.name, nullptr);
    server_.prepared.remove(s.get());
  }
  sent_with_record(what, action::forward, std::move(record));
}

}  // namespace forebay
