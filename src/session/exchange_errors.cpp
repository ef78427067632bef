#include <algorithm>

#include "protocol/wire/notice.hpp"
#include "session/exchange.hpp"

// Errors of the server: whose they are, and what they say to a client that knows nothing of Forebay's part.
namespace forebay {
namespace {

bool ends_session(const wire::error_response& e) {
  return e.severity() == "FATAL" || e.severity() == "PANIC";
}

}  // namespace

// The record of the request that an error has come for; null: it has none.
server_state::in_flight* exchange::failed_record() const {
  const auto& dropped = server_.tracker.dropped();
  if (dropped.empty()) return record_of_answered();
  return (dropped.front().id & has_record) != 0 && !server_.flights.empty() ? &server_.flights.front() : nullptr;
}

// All names that the request may have used: the client has them still, or has forgotten them, or a Close behind the
// request has taken them and is in flight.
template <class See>
void exchange::for_each_name(See see) const {
  for (const auto& f : server_.flights) {
    if (f.names) see(std::string_view(f.client_name), f.before);
  }
  for (const auto* names : {client_.statements.get(), client_.forgotten.get()}) {
    if (!names) continue;
    for (const auto& [name, s] : *names)
      see(std::string_view(name), s);
  }
}

// The client's name in that request.
std::optional<std::string_view> exchange::name_of_failed() const {
  const auto& dropped = server_.tracker.dropped();
  auto id = dropped.empty() ? server_.tracker.current_id() : dropped.front().id;
  if (const auto* failed = failed_record()) {
    if (failed->clashes || failed->sql) return failed->client_name;
    if (id == has_record && dropped.size() > 1) id = dropped[1].id;  // an injected Parse, for this one
  }
  std::optional<std::string_view> found;
  for_each_name([&](std::string_view name, const statement_ptr&) {
    if (!found && id_of_name(name) == (id & ~has_record)) found = name;
  });
  return found;
}

// The client's name for what the server calls so in an error. Of several, that in the request which has failed.
std::optional<std::string_view> exchange::name_of(std::string_view server_name) const {
  const auto preferred = name_of_failed();
  const auto* failed = failed_record();
  // SQL may be about more names than one.
  if (preferred && !(failed && failed->sql)) return preferred;
  const auto effects = failed ? failed->effects : nullptr;
  const auto is_meant = [&](std::string_view name) {
    const auto in_text = [&](const auto& n) { return n.name == name; };
    return name == preferred || (effects && std::any_of(effects->names.begin(), effects->names.end(), in_text));
  };
  std::optional<std::string_view> found;
  for_each_name([&](std::string_view name, const statement_ptr& s) {
    if (s && s->server_name == server_name && (!found || is_meant(name))) found = name;
  });
  return found ? found : preferred;
}

// What the error would say without our part in it: the names of statements, requests ahead of the client's, the
// cancel of a time-out. None: the same.
std::optional<std::string> exchange::clients_wording(const wire::error_response& error) const {
  const std::string text(error.message());
  if (client_.timed_out && error.sqlstate() == "57014") return "canceling statement due to query_timeout";
  if (const auto at = text.find(statement_prefix); at != std::string::npos && client_.renames()) {
    const auto name = name_of(std::string_view(text).substr(at, statement_name_size));
    return name ? std::optional(std::string(text).replace(at, statement_name_size, *name)) : std::nullopt;
  }
  // "unexpected message type 0x43 during COPY from stdin"
  const auto at = error.sqlstate() == "08P01" ? text.find("0x") : std::string::npos;
  const auto theirs = at != std::string::npos ? server_.tracker.request_within_copy() : std::nullopt;
  if (!theirs) return std::nullopt;
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto type = static_cast<unsigned char>(fsm::type_of(*theirs));
  return std::string(text).replace(at, 4, {'0', 'x', digits[type / 16], digits[type % 16]});
}

// What is not `more` has its last word in farewell_.
exchange::progress exchange::on_error(const wire::piece& p, bool ours) {
  const auto message = wire::error_response::decode(p.body());
  const bool own_sql_failed = ours && server_.tracker.dropped().empty();
  // A late cancel request of the client may have hit our question: then the client stays pinned.
  if (message && own_sql_failed && answers_our_question() && !ends_session(*message)) return progress::more;
  if (message && (own_sql_failed || ends_session(*message))) {
    server_.broken = true;
    farewell_ = message->to_pg_error();
    // A setting that was refused would be so again; one that was cancelled on its way is not to blame.
    const bool refused = server_.before && !ends_session(*message) && message->sqlstate() != "57014";
    return refused && !client_.gone ? progress::forbidden : progress::farewell;
  }
  // A Query is not dropped by its error.
  if (auto* failed = failed_record(); failed && failed->sql && server_.tracker.dropped().empty()) failed->failed = true;
  // "cached plan must not change result type", told by where it comes from: the words are translated.
  if (message && message->sqlstate() == "0A000" && message->field('R') == "RevalidateCachedQuery") {
    server_.outdated = client_.renames();
  }
  // An injected Parse that fails stands for the client's Bind or Describe: the client gets its error.
  if (client_.gone) return progress::more;
  const auto wording = message ? clients_wording(*message) : std::nullopt;
  if (!wording) {
    to_client_.view(p.raw);
    return progress::more;
  }
  auto reworded = *message;  // all its other fields stay as they are
  for (auto& [code, field] : reworded.fields) {
    if (code == 'M') field = *wording;
  }
  to_client_.copy(wire::encode(reworded));
  return progress::more;
}

}  // namespace forebay
