#include "session/cache_desk.hpp"

#include <algorithm>
#include <array>

#include "cache/key_fields.hpp"

namespace forebay {
namespace {

constexpr std::size_t most_remembered = 4096;
constexpr std::size_t most_scopes = 256;

// Settings that no result depends on. Those that are not named here count, whatever they are.
bool is_neutral(std::string_view name) {
  static constexpr std::array<std::string_view, 16> names = {
      "application_name",
      "client_connection_check_interval",
      "client_min_messages",
      "deadlock_timeout",
      "default_transaction_deferrable",
      "default_transaction_read_only",
      "idle_in_transaction_session_timeout",
      "idle_session_timeout",
      "in_hot_standby",
      "lock_timeout",
      "statement_timeout",
      "synchronous_commit",
      "tcp_keepalives_count",
      "tcp_keepalives_idle",
      "tcp_keepalives_interval",
      "tcp_user_timeout",
  };
  constexpr std::string_view own = "forebay.";
  return (name.size() > own.size() && same_name(name.substr(0, own.size()), own)) ||
         std::ranges::any_of(names, [&](auto each) { return same_name(each, name); });
}

cache_verdict refused(const char* reason, std::string about = {}) {
  return {.reason = reason, .about = std::move(about), .depends = {}, .tags = {}};
}

}  // namespace

cache_desk::cache_desk(result_cache& all, place at, const config::cache& how)
    : all_(all), clocks_(all.clocks_of(at.cluster, at.database)), key_([&] {
        std::string key;
        for (const auto* field : {&at.cluster, &at.database, &at.login, &at.user})
          add_key_field(key, *field);
        return key;
      }()),
      login_(std::move(at.login)),
      how_(how) {}

const cache_scope& cache_desk::scope_of(const parameters& wanted) {
  const auto known = scopes_.find(wanted.get());
  if (known != scopes_.end()) return known->second.second;
  if (scopes_.size() >= most_scopes) scopes_.clear();
  cache_scope found{.key = key_};
  for (const auto& e : wanted->entries()) {
    if (same_name(e.name, "forebay.cache")) {
      if (same_name(e.value, "off")) found.reason = "forebay.cache";
      found.refresh = same_name(e.value, "refresh");
    } else if ((same_name(e.name, "role") && !same_name(e.value, "none")) ||
               (same_name(e.name, "session_authorization") && e.value != login_)) {
      found.reason = "in another role";
    } else if (!is_neutral(e.name)) {
      add_key_field(found.key, e.name);
      add_key_field(found.key, e.value);
    }
  }
  return scopes_.emplace(wanted.get(), std::pair(wanted, std::move(found))).first->second.second;
}

bool cache_desk::is_outdated(const read_rules& rules) const {
  return rules.confirmed_at() <= clocks_.schema_changed_at();
}

void cache_desk::follow(const read_rules_ptr& rules) {
  if (rules == rules_ && verdicts_.size() < most_remembered && writes_.size() < most_remembered) return;
  rules_ = rules;
  verdicts_.clear();
  writes_.clear();
}

const cache_verdict& cache_desk::verdict_of(access_reader& sql, std::string_view text, const read_rules_ptr& rules) {
  static const auto unknown = refused("the database's catalog is not known yet");
  if (!rules || is_outdated(*rules)) return unknown;
  follow(rules);
  const auto access = sql.access_of(text);
  auto& known = verdicts_[access.get()];
  if (!known.first) known = {access, judge(*access)};
  return known.second;
}

cache_verdict cache_desk::judge(const sql_access& access) const {
  if (auto refusal = rules_->caching().why_not(access)) return refused(refusal->reason, std::move(refusal->name));
  cache_verdict found{.about = {}, .depends = {&clocks_.all()}, .ttl = how_.ttl, .tags = {}};
  for (const auto relation : rules_->caching().depends_on(access))
    found.depends.push_back(&clocks_.of(relation));
  return found;
}

const cache_writes& cache_desk::writes_of(access_reader& sql, std::string_view text, const read_rules_ptr& rules) {
  const auto access = sql.writes_of(text);
  const bool usable = rules && !is_outdated(*rules);
  follow(usable ? rules : nullptr);
  auto& known = writes_[access.get()];
  if (!known.first) known = {access, judge_write(*access)};
  return known.second;
}

cache_writes cache_desk::judge_write(const sql_access& access) const {
  using kind = sql_access::kind;
  using when = cache_writes::when;
  switch (access.what) {
    case kind::begin:
    case kind::set_transaction:
    case kind::set_characteristics:
    case kind::rollback:
    case kind::savepoint:
    case kind::set:
    case kind::show:
    case kind::deallocate:
      return {.seen = when::never};
    case kind::commit:
      return {.seen = when::at_once};
    case kind::primary:
    case kind::read:
    case kind::cursor:
    case kind::prepare:
    case kind::execute:
      break;
  }
  cache_writes found{.seen = when::with_its_transaction, .name = access.name};
  auto itself = access;
  if (access.what == kind::prepare) found.what = cache_writes::kind::prepares;
  if (access.what == kind::execute) {
    found.what = cache_writes::kind::executes;
    itself.changes = sql_access::change::nothing;  // but for what its arguments do
  }
  const auto relations = rules_ ? rules_->caching().written_by(itself) : std::nullopt;
  if (!relations) {
    found.seen = when::at_once;
    found.schema = itself.changes == sql_access::change::anything;
    found.clocks = {&clocks_.all()};
    return found;
  }
  if (relations->empty() && found.what == cache_writes::kind::itself) found.seen = when::never;
  for (const auto relation : *relations)
    found.clocks.push_back(&clocks_.of(relation));
  return found;
}

}  // namespace forebay
