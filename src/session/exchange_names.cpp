#include <algorithm>

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

namespace {

// EXECUTEs of EXECUTEs that are followed; PostgreSQL's own limit is its stack.
constexpr int max_depth = 8;

}  // namespace

std::vector<named_command> exchange::commands_in(std::string_view text, const sql_effects_ptr& effects) {
  if (effects && !effects->names.empty()) return effects->names;
  // The grammar has not read it. What is behind a semicolon would be for the server's own names.
  auto first = is_alone(text) ? find_named_command(text) : std::nullopt;
  return first ? std::vector{std::move(*first)} : std::vector<named_command>{};
}

// The command in a statement's text, as it is bound or described (PostgreSQL looks the name up no earlier), and what it
// is about; nothing where the client has no such name.
named_statement exchange::find_named_statement(const statement_ptr& s) const {
  // A failed transaction refuses it, whatever the name.
  const bool refused = server_.tracker.status() == 'E' && server_.tracker.owed() == 0;
  if (!is_about_name(s) || refused || !client_.renames()) return {};
  auto commands = commands_in(s->query, s->effects);
  if (commands.size() != 1) return {};
  auto about = client_.find_statement(commands.front().name);
  return {std::move(commands.front()), std::move(about)};
}

// What an EXECUTE runs, if that is such a command again. One that executes itself is not followed.
named_statement exchange::executed_by(const named_statement& about) const {
  if (about.command.what != kind::execute) return {};
  auto inner = find_named_statement(about.statement);
  const bool goes_on = inner.command.what != kind::execute || inner.statement != about.statement;
  return goes_on ? std::move(inner) : named_statement{};
}

// The statement on the server that such a command is about: where that is an EXECUTE, with the server's name in its
// text.
statement_ptr exchange::target_of(const named_statement& about, int depth) {
  const auto inner = depth < max_depth ? executed_by(about) : named_statement{};
  return inner ? with_server_name(*about.statement, inner, depth + 1) : about.statement;
}

// The command that is run in the end: of an EXECUTE the statement is what it executes.
named_statement exchange::innermost(named_statement about) const {
  for (int depth = 0; depth < max_depth; ++depth) {
    auto inner = executed_by(about);
    if (!inner) break;
    inner.command.within = about.command.within;
    about = std::move(inner);
  }
  return about;
}

// What the server gets in place of a client's statement that is about another; that one it has then.
statement_ptr exchange::with_server_name(const statement& s, const named_statement& about, int depth) {
  const auto target = target_of(about, depth);
  ensure_prepared(target);
  std::string text = s.query;
  text.replace(about.command.at, about.command.size, target->server_name);
  if (!s.server_name.empty()) return shared_statement(text, s.parameter_types, s.effects);
  const auto& there = server_.unnamed;
  if (there && there->query == text && there->parameter_types == s.parameter_types) return there;
  return unnamed_statement(text, s.parameter_types, s.effects);
}

// A Query with such commands, alone or in a string of statements. True: sent.
bool exchange::on_named_commands(std::string_view text, const sql_effects_ptr& effects) {
  if (!client_.renames() || !client_.statements) return false;
  const bool failed = server_.tracker.status() == 'E';  // nothing can be prepared before its end, which may be in here
  text = up_to_nul(text);
  std::vector<named_statement> uses;
  std::string renamed(text);
  const auto commands = commands_in(text, effects);
  const auto owed = server_.tracker.owed();
  const bool in_batch = server_.tracker.may_skip();
  for (const auto& c : commands) {
    const auto ends_it = [&](const auto& u) { return u.command.what == kind::deallocate && u.command.name == c.name; };
    auto s = client_.find_statement(c.name);
    if (!s || std::any_of(uses.begin(), uses.end(), ends_it)) continue;
    if (failed && !server_.prepared.has(s)) continue;
    uses.push_back({c, std::move(s)});
    const auto target = target_of(uses.back());
    ensure_prepared(target);
    renamed.replace(c.at + renamed.size() - text.size(), c.size, target->server_name);
  }
  const bool alone = commands.size() == 1 && !commands.front().within && is_alone(text);
  if (uses.empty() || (alone && failed)) return false;
  // A Sync in the client's own batch would end that, or what is skipped of it.
  if (server_.tracker.owed() != owed && !in_batch) {
    sent(request::sync, action::swallow);
    to_server_.copy(wire::encode(wire::sync{}));
  }
  to_server_.copy(wire::encode(wire::query{renamed}));
  alone ? sent_about(request::query, uses.front()) : sent_about_several(uses, effects);
  return true;
}

// PostgreSQL looks the name up once more. If the client has it no longer, or for another statement, then the server
// is to find none; but PREPARE would find a name that is free.
void exchange::execute_named(const wire::piece& p, server_state::in_flight record) {
  const auto about = record.portal_before->about;
  const auto& [command, s] = about;
  if (command.what == kind::prepare || client_.find_statement(command.name) == s) {
    ensure_prepared(target_of(about));
  } else {
    close_on_server(s);
  }
  to_server_.view(p.raw);
  sent_about(request::execute, about, std::move(record));
}

// EXPLAIN may run what it explains or not.
void exchange::pin_if_it_sets(const sql_effects_ptr& effects) {
  if (effects && !effects->changes.empty()) pin(pin_reason::setting);
}

// What such a command does counts from when it is sent on; its record undoes that, and knows the client's name.
void exchange::sent_about(fsm::request what, const named_statement& about, server_state::in_flight record) {
  record.client_name = about.command.name;
  record.sql = true;
  const auto [command, s] = innermost(about);
  if (command.what == kind::execute) {
    const auto& effects = s->effects;
    note(effects);
    if (command.within) {
      pin_if_it_sets(effects);
    } else if (is_followed(effects)) {
      record.effects = effects;
    }
  }
  if (command.what == kind::deallocate) {
    record.what = s;
    record.had = server_.prepared.has(s);
    record.names = true;
    record.client_name = command.name;
    record.before = client_.find_statement(command.name);
    client_.assign(command.name, nullptr);
    server_.prepared.remove(s.get());
  }
  sent_with_record(what, action::forward, std::move(record));
}

// Of a string of statements each does what it does when it has completed; what is about names waits for that.
void exchange::sent_about_several(const std::vector<named_statement>& uses, const sql_effects_ptr& effects) {
  auto all = effects ? *effects : sql_effects{};
  all.mask |= effect::statement_name;
  for (const auto& use : uses) {
    const auto at = use.command.statement;
    const auto [command, s] = innermost(use);
    if (command.what == kind::deallocate) {
      all.changes.push_back({state_change::kind::deallocate, at, command.name, {}});
    }
    const auto ran = command.what == kind::execute ? s->effects : nullptr;
    if (!ran) continue;
    note(ran);
    if (command.within) {
      pin_if_it_sets(ran);
      continue;
    }
    for (auto change : ran->changes) {
      change.statement = at;
      all.changes.push_back(std::move(change));
    }
  }
  sent_with_record(request::query, action::forward, {.effects = std::make_shared<const sql_effects>(std::move(all))});
}

}  // namespace forebay
