#include "session/read_judge.hpp"

#include <algorithm>

#include "protocol/wire/extended.hpp"
#include "routing/hints.hpp"
#include "routing/sql_scan.hpp"

namespace forebay {
namespace {

using kind = route_wish::kind;
using level = transaction_modes::level;

verdict primary(const char* reason, std::string about = {}) {
  return {kind::primary, reason, std::move(about)};
}

std::string_view up_to_nul(std::string_view body) {
  return body.substr(0, body.find('\0'));
}

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

verdict read_judge::of(const wire::piece& first, wire::framer framer, std::string_view rest) {
  if (!first.first || !first.whole()) return primary("too large");
  if (first.type == 'Q') return complete(of_text(up_to_nul(first.body())), first.raw.size());
  if (auto refused = add(first)) return std::move(*refused);
  while (true) {
    const auto next = framer.next(rest);
    if (!next || !*next || !(*next)->first) return primary("a batch whose Sync has not come yet");
    if ((*next)->type == wire::sync::type) break;
    if (auto refused = add(**next)) return std::move(*refused);
  }
  return complete({reads_ ? kind::read : kind::any}, static_cast<std::size_t>(rest.data() - first.raw.data()));
}

verdict read_judge::complete(verdict found, std::size_t size) {
  found.size = size;
  found.begin = std::move(begin_);
  found.one_snapshot = one_snapshot_;
  found.ties = ties_;
  return found;
}

std::optional<verdict> read_judge::add(const wire::piece& p) {
  verdict found{kind::any};
  switch (p.type) {
    case wire::parse::type: {
      const auto m = p.whole() ? wire::parse::decode(p.body()) : wire::parse::decode({});
      if (!m) return primary("too large");
      parsed_.push_back(m->name);
      found = of_text(m->query);
      break;
    }
    case wire::bind::type: {
      const auto m = wire::bind_names::decode_front(p.body());
      if (!m) return primary("malformed");
      ties_ = ties_ || !m->portal.empty();  // it may be run on in another batch
      found = of_name(m->statement);
      break;
    }
    case wire::describe::type: {
      const auto m = p.whole() ? wire::describe::decode(p.body()) : wire::describe::decode({});
      if (!m) return primary("malformed");
      if (m->kind == 'S') found = of_name(m->name);
      break;
    }
    case wire::execute::type:
    case wire::close::type:
    case wire::flush::type:
      break;
    default:
      return primary("not a query");
  }
  if (found.what == kind::primary) return found;
  reads_ = reads_ || found.what == kind::read;
  return std::nullopt;
}

verdict read_judge::of_name(std::string_view name) {
  if (std::ranges::find(parsed_, name) != parsed_.end()) return {kind::any};  // judged when it was parsed
  const auto s = client_.find_statement(name);
  if (!s) return primary("a statement that is not known");
  if (wants_.plain && known_.contains(s, rules_)) {
    ties_ = ties_ || one_snapshot_;
    return {kind::read};
  }
  const bool was_within = in_transaction_;
  auto found = of_text(s->query);
  const bool is_read = found.what == kind::read && in_transaction_ == was_within;
  if (wants_.plain && is_read) known_.add(s, rules_);
  return found;
}

verdict read_judge::of_text(std::string_view text) {
  auto side = wants_.asked;
  if (const auto hint = hinted_route(text); !hint.empty()) side = side_of(hint);
  const bool by_hint = side != wants_.asked;
  if (side == route_settings::side::primary) return primary(by_hint ? "asked for by hint" : "forebay.route");
  if (!reads_as_written(text, *client_.settings.wanted)) return primary("not to be read by these settings");
  const auto access = sql_.access_of(text);
  const bool was_within = in_transaction_;
  auto found = of_access(*access, side == route_settings::side::replica);
  if (in_transaction_ && !was_within) begin_ = text;
  if (found.what == kind::primary || found.what == kind::any) return found;
  if (side == route_settings::side::replica) return found;
  if (!rules_) return primary("the database's catalog is not known yet");
  return refused_by_rules(*access).value_or(std::move(found));
}

std::optional<verdict> read_judge::refused_by_rules(const sql_access& access) const {
  auto refused = rules_ ? rules_->why_not(access) : std::nullopt;
  if (!refused) return std::nullopt;
  return primary(refused->reason, std::move(refused->name));
}

// By the text alone.
verdict read_judge::of_access(const sql_access& access, bool on_replica) {
  using what = sql_access::kind;
  const bool serializable = wants_.isolation == level::serializable || access.modes.isolation == level::serializable;
  switch (access.what) {
    case what::primary:
      return primary(access.reason);
    case what::read:
      ties_ = ties_ || one_snapshot_;
      return serializable && !in_transaction_ ? primary("serializable") : verdict{kind::read};
    case what::begin:
      if (!access.modes.read_only.value_or(wants_.read_only || on_replica))
        return primary("a transaction that may write");
      if (serializable) return primary("serializable");
      in_transaction_ = true;
      one_snapshot_ = access.modes.isolation.value_or(wants_.isolation) == level::repeatable_read;
      return {kind::read};
    case what::commit:
    case what::rollback:
      ties_ = ties_ || !access.chain;  // what may follow in the batch is not what the BEGIN before it began
      return in_transaction_ ? verdict{kind::any} : primary("outside of a transaction");
    case what::savepoint:
    case what::cursor:
      ties_ = true;
      return in_transaction_ ? verdict{kind::any} : primary("outside of a transaction");
    case what::show:
      return {kind::any};
    case what::set:
      if (client_.on_session_state == config::session_state_policy::pin) return primary("keeps its server");
      ties_ = ties_ || in_transaction_;
      return {kind::any};
    case what::execute: {
      const auto s = client_.find_statement(access.name);
      const auto inner = s ? sql_.access_of(s->query) : nullptr;
      if (!inner) return primary("a statement that is not known");
      if (inner->what != what::read) return primary("executes what is no read");
      if (auto refused = refused_by_rules(*inner)) return std::move(*refused);
      ties_ = ties_ || one_snapshot_;
      return {kind::read};
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
