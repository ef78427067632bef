#include "session/read_judge.hpp"

#include <algorithm>

#include "protocol/wire/extended.hpp"
#include "protocol/wire/query.hpp"
#include "routing/hints.hpp"
#include "routing/sql_scan.hpp"

namespace forebay {
namespace {

using level = transaction_modes::level;

route_settings::side side_of(std::string_view value) {
  if (same_name(value, "primary")) return route_settings::side::primary;
  return same_name(value, "replica") ? route_settings::side::replica : route_settings::side::none;
}

}  // namespace

route_settings route_settings::of(const parameter_set& wanted, level isolation) {
  route_settings found;
  const auto value_of = [&](std::string_view name) {
    const auto* e = wanted.find(name);
    return e ? std::string_view(e->value) : std::string_view();
  };
  found.asked = side_of(value_of("forebay.route"));
  const auto explain = value_of("forebay.explain");
  found.explain = same_name(explain, "on") || same_name(explain, "true") || explain == "1";
  found.read_after = lsn::parse(value_of("forebay.read_after")).value_or(lsn{});
  found.read_only = value_of("default_transaction_read_only") == "on";
  const auto asked = value_of("default_transaction_isolation");
  // Where a login is serializable a replica refuses even the SELECT that would set it otherwise.
  const bool stays = asked.empty() || isolation == level::serializable;
  found.isolation = stays ? isolation : transaction_modes::level_of(asked);
  const bool by_itself = reads_as_written("\\\x80", wanted);  // whatever a text has in it
  found.plain = by_itself && found.asked == side::none && found.isolation != level::serializable;
  return found;
}

verdict read_judge::of(const wire::piece& first, std::string_view rest) {
  found_.what = of_batch(first, rest);
  return std::move(found_);
}

read_judge::kind read_judge::of_batch(const wire::piece& first, std::string_view rest) {
  if (!first.whole()) return primary("too large");
  found_.size = first.raw.size();
  if (first.type == wire::query::type) return of_text(up_to_nul(first.body()));
  auto all = kind::any;
  auto p = first;
  do {
    const auto one = of_message(p);
    if (one == kind::primary) return one;
    if (one == kind::read) all = one;
    if (!wire::take_whole(rest, p)) return primary("a batch whose Sync has not come yet");
    found_.size += p.raw.size();
  } while (p.type != wire::sync::type);
  return all;
}

read_judge::kind read_judge::primary(const char* reason, std::string about) {
  found_ = {kind::primary, reason, std::move(about)};
  return kind::primary;
}

read_judge::kind read_judge::of_message(const wire::piece& p) {
  switch (p.type) {
    case wire::parse::type: {
      const auto m = wire::parse::decode(p.body());
      if (!m) return primary("malformed");
      parsed_.push_back(m->name);
      return of_text(m->query);
    }
    case wire::bind::type: {
      const auto m = wire::bind_names::decode_front(p.body());
      if (!m) return primary("malformed");
      found_.ties = found_.ties || !m->portal.empty();  // it may be run on in another batch
      return of_name(m->statement);
    }
    case wire::describe::type: {
      const auto m = wire::describe::decode(p.body());
      if (!m) return primary("malformed");
      return m->kind == 'S' ? of_name(m->name) : kind::any;
    }
    case wire::execute::type:
    case wire::close::type:
    case wire::flush::type:
      return kind::any;
    default:
      return primary("not a query");
  }
}

read_judge::kind read_judge::of_name(std::string_view name) {
  if (std::ranges::find(parsed_, name) != parsed_.end()) return kind::any;  // judged when it was parsed
  const auto& s = client_.find_statement(name);
  if (!s) return primary("a statement that is not known");
  if (wants_.plain && known_.contains(s, rules_)) {
    found_.ties = found_.ties || found_.one_snapshot;
    return kind::read;
  }
  const bool was_within = in_transaction_;
  const auto found = of_text(s->query);
  if (wants_.plain && found == kind::read && in_transaction_ == was_within) known_.add(s, rules_);
  return found;
}

read_judge::kind read_judge::of_text(std::string_view text) {
  auto side = wants_.asked;
  if (const auto hint = hinted_route(text); !hint.empty()) side = side_of(hint);
  const bool by_hint = side != wants_.asked;
  if (side == route_settings::side::primary) return primary(by_hint ? "asked for by hint" : "forebay.route");
  if (!reads_as_written(text, *client_.settings.wanted)) return primary("not to be read by these settings");
  const auto access = sql_.access_of(text);
  const bool was_within = in_transaction_;
  const auto found = of_access(*access, side == route_settings::side::replica);
  if (in_transaction_ && !was_within) found_.begin = text;
  if (found != kind::read || side == route_settings::side::replica) return found;
  if (!rules_) return primary("the database's catalog is not known yet");
  return by_rules(*access);
}

// Of what reads.
read_judge::kind read_judge::by_rules(const sql_access& access) {
  auto refused = rules_ ? rules_->why_not(access) : std::nullopt;
  return refused ? primary(refused->reason, std::move(refused->name)) : kind::read;
}

// By the text alone.
read_judge::kind read_judge::of_access(const sql_access& access, bool on_replica) {
  using what = sql_access::kind;
  const bool serializable = wants_.isolation == level::serializable || access.modes.isolation == level::serializable;
  switch (access.what) {
    case what::primary:
      return primary(access.reason);
    case what::read:
      found_.ties = found_.ties || found_.one_snapshot;
      return serializable && !in_transaction_ ? primary("serializable") : kind::read;
    case what::begin:
      if (!access.modes.read_only.value_or(wants_.read_only || on_replica))
        return primary("a transaction that may write");
      if (serializable) return primary("serializable");
      in_transaction_ = true;
      found_.one_snapshot = access.modes.isolation.value_or(wants_.isolation) == level::repeatable_read;
      return kind::read;
    case what::commit:
    case what::rollback:
      found_.ties = found_.ties || !access.chain;  // what may follow in the batch is not what the BEGIN before it began
      return in_transaction_ ? kind::any : primary("outside of a transaction");
    case what::savepoint:
    case what::cursor:
      found_.ties = true;
      return in_transaction_ ? kind::any : primary("outside of a transaction");
    case what::show:
      return kind::any;
    case what::set:
      if (client_.on_session_state == config::session_state_policy::pin) return primary("keeps its server");
      found_.ties = found_.ties || in_transaction_;
      return kind::any;
    case what::execute: {
      const auto& s = client_.find_statement(access.name);
      const auto inner = s ? sql_.access_of(s->query) : nullptr;
      if (!inner) return primary("a statement that is not known");
      if (inner->what != what::read) return primary("executes what is no read");
      if (by_rules(*inner) == kind::primary) return kind::primary;
      found_.ties = found_.ties || found_.one_snapshot;
      return kind::read;
    }
    case what::prepare:
    case what::deallocate:
    case what::set_transaction:
    case what::set_characteristics:
      break;
  }
  return primary("keeps its server, or is about it");
}

}  // namespace forebay
