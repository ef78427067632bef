#include "session/cache_desk.hpp"

#include <algorithm>
#include <array>

#include "cache/key_fields.hpp"
#include "config/pattern.hpp"

namespace forebay {
namespace {

constexpr std::size_t most_remembered = 4096;
constexpr std::size_t most_scopes = 256;

// Settings that no result depends on. Those that are not named here count, whatever they are.
bool is_neutral(std::string_view name) {
  static constexpr std::array<std::string_view, 15> names = {
      "application_name",
      "client_connection_check_interval",
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
  return {.reason = reason, .about = std::move(about), .depends = {}, .tags = {}, .usual_time = {}};
}

}  // namespace

cache_desk::cache_desk(result_cache& all, place at, const config::cache& how)
    : all_(all),
      clocks_(all.clocks_of(at.cluster, at.database)),
      key_([&] {
        std::string key;
        for (const auto* field : {&at.cluster, &at.database, &at.login, &at.user})
          add_key_field(key, *field);
        return key;
      }()),
      login_(std::move(at.login)),
      cluster_(std::move(at.cluster)),
      how_(how) {
  for (const auto& each : how_.rules) {
    const bool here =
        (each.user.empty() || each.user == at.user) && (each.database.empty() || each.database == at.name);
    if (!here) continue;
    auto& made = matching_.emplace_back(rule{&each, std::nullopt});
    if (!each.statement.empty()) made.statement = config::compile_pattern(each.statement);
  }
}

cache_desk::~cache_desk() {
  if (doubted_.empty()) return;
  clocks_.all().wrote();
  clocks_.settle();
}

const cache_scope& cache_desk::scope_of(const parameters& wanted) {
  const auto known = scopes_.find(wanted.get());
  if (known != scopes_.end()) return known->second.second;
  if (scopes_.size() >= most_scopes) scopes_.clear();
  cache_scope found{.key = key_};
  for (const auto& e : wanted->entries()) {
    if (same_name(e.name, "forebay.cache")) {
      found.asked = cache_hint_of(e.value);
      if (found.asked == cache_hint::on) add_key_field(found.key, "on");  // others may have it off
    } else if (same_name(e.name, "forebay.route") && same_name(e.value, "primary")) {
      found.reason = "forebay.route";
    } else if (same_name(e.name, "forebay.read_after") && !e.value.empty()) {
      found.reason = "forebay.read_after";  // it may have been written through another proxy
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

cache_verdict cache_desk::verdict_of(access_reader& sql, std::string_view text, const hints& asked, bool on,
                                     const read_rules_ptr& rules) {
  if (!rules || is_outdated(*rules)) return refused("the database's catalog is not known yet");
  follow(rules);
  settle_doubts(rules);
  const auto access = sql.access_of(text);
  auto& known = verdicts_[access.get()];
  if (!known.first) known = {access, judge(*access)};
  const auto& [found, candidates] = known.second;
  if (found.reason) return found;
  const auto chosen = std::ranges::find_if(candidates, [&](const auto* each) {
    return !each->statement || std::regex_search(text.begin(), text.end(), *each->statement);
  });
  const auto* says = chosen == candidates.end() ? nullptr : (*chosen)->says;
  const auto mode = says && says->mode ? *says->mode : how_.mode;
  if (mode == config::cache_mode::off && !on) return refused(says ? "off by cache.rule" : "off");
  auto made = found;
  made.ttl = asked.ttl.value_or(says && says->ttl ? *says->ttl : how_.ttl);
  constexpr std::size_t most_tags = 16;
  made.tags.assign(asked.tags.begin(), asked.tags.begin() + std::min(asked.tags.size(), most_tags));
  if (says) made.tags.insert(made.tags.end(), says->tags.begin(), says->tags.end());
  for (const auto& tag : made.tags)
    made.depends.push_back(&all_.clock_of_tag(tag));
  return made;
}

cache_desk::template_verdict cache_desk::judge(const sql_access& access) const {
  const auto& caching = rules_->caching();
  if (auto refusal = caching.why_not(access)) return {refused(refusal->reason, std::move(refusal->name)), {}};
  template_verdict made;
  made.found.usual_time = std::make_shared<std::chrono::microseconds>(0);
  made.found.depends = {&clocks_.all(), &clocks_.doubted()};
  const auto relations = caching.depends_on(access);
  for (const auto relation : relations)
    made.found.depends.push_back(&clocks_.of(relation));
  for (const auto& each : matching_)
    if (each.says->tables.empty() || reads_any(each.says->tables, relations)) made.rules.push_back(&each);
  return made;
}

bool cache_desk::reads_any(const std::vector<std::string>& tables, const std::vector<catalog::oid>& relations) const {
  return std::ranges::any_of(tables, [&](const auto& table) {
    sql_access named;
    named.relations = {sql_name::parse(table)};
    return std::ranges::any_of(rules_->caching().depends_on(named),
                               [&](auto id) { return std::ranges::binary_search(relations, id); });
  });
}

const cache_writes& cache_desk::writes_of(access_reader& sql, std::string_view text, const read_rules_ptr& rules) {
  const auto access = sql.writes_of(text);
  const bool usable = rules && !is_outdated(*rules);
  follow(usable ? rules : nullptr);
  if (usable) settle_doubts(rules);
  auto& known = writes_[access.get()];
  if (!known.first) known = {access, judge_write(*access)};
  if (known.second.doubted && !doubted_.contains(nullptr)) {
    if (doubted_.empty()) clocks_.doubt();
    if (doubted_.size() >= most_remembered)
      doubted_ = {{nullptr, nullptr}};
    else
      doubted_.try_emplace(access.get(), access);
  }
  return known.second;
}

// Not while one is under way: what it writes would count as written before it was.
void cache_desk::settle_doubts(const read_rules_ptr& rules) {
  if (doubted_.empty() || !rules || is_outdated(*rules) || clocks_.doubted().is_pending()) return;
  for (const auto& [access, kept] : std::exchange(doubted_, {})) {
    const auto written = access ? rules->caching().written_by(*access) : std::nullopt;
    if (!written) clocks_.all().wrote();
    for (const auto relation : written.value_or(std::vector<catalog::oid>()))
      clocks_.of(relation).wrote();
  }
  clocks_.settle();
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
    case kind::prepare:  // what it prepares SQL executes, which is not followed
      return {.seen = when::never};
    case kind::commit:
      return {.seen = when::at_once};
    case kind::primary:
    case kind::read:
    case kind::cursor:
    case kind::execute:
      break;
  }
  cache_writes found{.seen = when::with_its_transaction};
  auto itself = access;
  if (access.what == kind::execute) {
    found.executes = access.name;
    itself.changes = sql_access::change::nothing;  // but for what its arguments do
  }
  const auto relations = rules_ ? rules_->caching().written_by(itself) : std::nullopt;
  if (!relations) {
    found.seen = when::at_once;
    found.schema = itself.changes == sql_access::change::anything;
    found.doubted = !rules_ && (access.what == kind::read || access.what == kind::cursor);
    found.clocks = {found.doubted ? &clocks_.doubted() : &clocks_.all()};
    return found;
  }
  if (relations->empty()) found.seen = when::never;
  for (const auto relation : *relations)
    found.clocks.push_back(&clocks_.of(relation));
  return found;
}

}  // namespace forebay
