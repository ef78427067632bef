#include "admin/conversation.hpp"

#include <algorithm>

#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"
#include "protocol/wire/status.hpp"

namespace forebay::admin {
namespace {

constexpr std::size_t max_statements_per_query = 64;
constexpr std::size_t max_objects = 1000;  // prepared statements, and portals, of one client

bool has_parameter(const statement_tokens& s) {
  return std::any_of(s.begin(), s.end(), [](const token& t) { return t.what == token::kind::symbol && t.text == "$"; });
}

wire::pg_error no_such(std::string sqlstate, std::string_view kind, std::string_view name) {
  return error(std::move(sqlstate), std::string(kind) + " \"" + std::string(name) + "\" does not exist");
}

bool good_formats(const formats& how, std::size_t width) {
  return how.size() <= 1 || how.size() == width;
}

}  // namespace

conversation::conversation(std::shared_ptr<console_shared> shared, right granted)
    : shared_(std::move(shared)), granted_(granted) {}

void conversation::message(char type, std::string_view body, std::function<void(answer)> done) {
  done_ = std::move(done);
  cancelled_->store(false);
  if (skipping_ && type != wire::sync::type) return finish();
  switch (type) {
    case wire::query::type:
      return query(body);
    case wire::parse::type:
      return parse(body);
    case wire::bind::type:
      return bind(body);
    case wire::describe::type:
      return describe(body);
    case wire::execute::type:
      return execute(body);
    case wire::close::type:
      return close(body);
    case wire::sync::type:
      return sync();
    case wire::flush::type:
    case 'd':  // as PostgreSQL: what is left of a COPY that failed
    case 'c':
    case 'f':
      return finish();
    case wire::function_call::type:
      send(error("0A000", "the console has no functions"));
      return ready();
    default:
      send(wire::pg_error::fatal("08P01",
                                 "invalid frontend message type " + std::to_string(static_cast<unsigned char>(type))));
      answer_.close = true;
      return finish();
  }
}

// Simple query.

void conversation::query(std::string_view body) {
  const auto m = wire::query::decode(body);
  if (!m) {
    send(error("08P01", "invalid Query message"));
    return ready();
  }
  statements_.erase("");
  portals_.clear();
  auto text = tokenize(m->sql);
  if (!text.error.empty()) return fail_query(error("42601", text.error));
  if (text.statements.size() > max_statements_per_query) {
    return fail_query(error("54000", "more than " + std::to_string(max_statements_per_query) + " statements at once"));
  }
  if (text.statements.empty()) {
    send(wire::empty_query_response{});
    return ready();
  }
  queue_ = std::move(text.statements);
  std::reverse(queue_.begin(), queue_.end());
  run_next();
}

void conversation::run_next() {
  if (queue_.empty()) return ready();
  auto known = resolve(queue_.back());
  queue_.pop_back();
  if (known.error) return fail_query(std::move(*known.error));
  const auto* what = known.what;
  run({what, std::move(known.arguments)}, [this, what](outcome o) {
    if (o.error) return fail_query(std::move(*o.error));
    if (!what->shown.empty()) {
      append_row_description(out_, what->shown);
      append_rows(out_, what->shown, o.rows);
    }
    send(wire::command_complete{what->tag()});
    run_next();
  });
}

void conversation::fail_query(wire::pg_error why) {
  queue_.clear();
  send(why);
  ready();
}

// Extended query.

void conversation::parse(std::string_view body) {
  const auto m = wire::parse::decode(body);
  if (!m) return malformed();
  if (!m->name.empty() && statements_.contains(m->name)) {
    return fail(error("42P05", "prepared statement \"" + std::string(m->name) + "\" already exists"));
  }
  auto text = tokenize(m->query);
  if (!text.error.empty()) return fail(error("42601", text.error));
  if (text.statements.size() > 1) {
    return fail(error("42601", "cannot insert multiple commands into a prepared statement"));
  }
  auto fresh = std::make_shared<prepared>();
  if (!text.statements.empty()) {
    if (has_parameter(text.statements[0])) return fail(error("42P02", "console commands take no parameters"));
    auto known = resolve(text.statements[0]);
    if (known.error) return fail(std::move(*known.error));
    *fresh = {known.what, std::move(known.arguments)};
  }
  if (statements_.size() >= max_objects && !m->name.empty()) {
    return fail(error("53400", "too many prepared statements"));
  }
  statements_[std::string(m->name)] = std::move(fresh);
  send(wire::parse_complete{});
  finish();
}

void conversation::bind(std::string_view body) {
  const auto m = wire::bind::decode(body);
  if (!m) return malformed();
  const auto found = statements_.find(m->statement);
  if (found == statements_.end()) return fail(no_such("26000", "prepared statement", m->statement));
  if (!m->portal.empty() && portals_.contains(m->portal)) {
    return fail(error("42P03", "cursor \"" + std::string(m->portal) + "\" already exists"));
  }
  if (!m->parameters.empty()) {
    return fail(error("08P01", "bind message supplies " + std::to_string(m->parameters.size()) +
                                   " parameters, but console commands take none"));
  }
  const auto* what = found->second->what;
  const formats how(m->result_formats.begin(), m->result_formats.end());
  if (!good_formats(how, what ? what->shown.size() : 0)) {
    return fail(error("08P01", "bind message has " + std::to_string(how.size()) + " result formats for " +
                                   std::to_string(what ? what->shown.size() : 0) + " columns"));
  }
  if (std::any_of(how.begin(), how.end(), [](auto f) { return f > 1; })) {
    return fail(error("22023", "unsupported format code"));
  }
  if (portals_.size() >= max_objects && !m->portal.empty()) return fail(error("53400", "too many portals"));
  portals_[std::string(m->portal)] = {found->second, how, false, {}, 0};
  send(wire::bind_complete{});
  finish();
}

void conversation::describe(std::string_view body) {
  const auto m = wire::describe::decode(body);
  if (!m) return malformed();
  const prepared* p = nullptr;
  formats how;
  if (m->kind == 'S') {
    const auto found = statements_.find(m->name);
    if (found == statements_.end()) return fail(no_such("26000", "prepared statement", m->name));
    p = found->second.get();
    send(wire::parameter_description{});
  } else {
    const auto found = portals_.find(m->name);
    if (found == portals_.end()) return fail(no_such("34000", "portal", m->name));
    p = found->second.statement.get();
    how = found->second.how;
  }
  if (p->what && !p->what->shown.empty()) {
    append_row_description(out_, p->what->shown, how);
  } else {
    send(wire::no_data{});
  }
  finish();
}

void conversation::execute(std::string_view body) {
  const auto m = wire::execute::decode(body);
  if (!m) return malformed();
  const auto found = portals_.find(m->portal);
  if (found == portals_.end()) return fail(no_such("34000", "portal", m->portal));
  auto& p = found->second;
  const auto* what = p.statement->what;
  const auto max_rows = m->max_rows;
  if (!what) {
    send(wire::empty_query_response{});
    return finish();
  }
  if (p.ran) {
    if (what->shown.empty()) return fail(error("55000", "portal \"" + found->first + "\" cannot be run"));
    return send_rows(found->first, max_rows);
  }
  p.ran = true;
  run(*p.statement, [this, name = found->first, max_rows](outcome o) {
    if (o.error) return fail(std::move(*o.error));
    portals_.find(name)->second.rows = std::move(o.rows);
    send_rows(name, max_rows);
  });
}

void conversation::send_rows(const std::string& name, std::uint32_t max_rows) {
  auto& p = portals_.find(name)->second;
  const auto left = p.rows.size() - p.next;
  const auto count = max_rows == 0 ? left : std::min<std::size_t>(left, max_rows);
  append_rows(out_, p.statement->what->shown, std::span(p.rows).subspan(p.next, count), p.how);
  p.next += count;
  if (max_rows != 0 && count == max_rows) {
    send(wire::portal_suspended{});
  } else {
    send(wire::command_complete{p.statement->what->tag()});
  }
  finish();
}

void conversation::close(std::string_view body) {
  const auto m = wire::close::decode(body);
  if (!m) return malformed();
  if (m->kind == 'S') {
    if (const auto found = statements_.find(m->name); found != statements_.end()) statements_.erase(found);
  } else {
    if (const auto found = portals_.find(m->name); found != portals_.end()) portals_.erase(found);
  }
  send(wire::close_complete{});
  finish();
}

void conversation::sync() {
  skipping_ = false;
  portals_.clear();  // they end with the transaction
  ready();
}

// Both.

void conversation::run(const prepared& p, std::function<void(outcome)> then) {
  invocation in;
  in.shared = shared_;
  in.arguments = p.arguments;
  in.cancelled = cancelled_;
  in.done = [self = shared_from_this(), then = std::move(then)](outcome o) {
    if (!o.error && !o.notice.empty()) append_notice(self->out_, o.notice, o.notice_detail);
    if (o.afterwards) self->afterwards_.push_back(std::move(o.afterwards));
    then(std::move(o));
  };
  run_command(*p.what, granted_, std::move(in));
}

void conversation::fail(wire::pg_error why) {
  send(why);
  skipping_ = true;
  finish();
}

void conversation::malformed() {
  fail(error("08P01", "invalid message format"));
}

void conversation::ready() {
  send(wire::ready_for_query{'I'});
  finish();
}

void conversation::finish() {
  auto done = std::exchange(done_, nullptr);
  auto answered = std::exchange(answer_, {});
  const auto afterwards = std::exchange(afterwards_, {});
  done(std::move(answered));  // from here on the next message may come, on another thread
  for (const auto& act : afterwards)
    act();
}

}  // namespace forebay::admin
