#include "config/config.hpp"

#include <algorithm>

#include "config/notation.hpp"

namespace forebay::config {
namespace {

template <class T>
const T* find_named(const std::vector<T>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &T::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

const char* const auth::default_query = R"(
with recursive me as (
  select oid, rolname, rolpassword, rolvaliduntil from pg_catalog.pg_authid
  where rolname operator(pg_catalog.=) $1 and rolcanlogin),
above(id) as (
  select m.roleid from pg_catalog.pg_auth_members m, me where m.member operator(pg_catalog.=) me.oid
  union select m.roleid from pg_catalog.pg_auth_members m, above where m.member operator(pg_catalog.=) above.id)
select me.rolname, me.rolpassword,
  case when pg_catalog.isfinite(me.rolvaliduntil)
    then extract(epoch from me.rolvaliduntil operator(pg_catalog.-) pg_catalog.now())
    when me.rolvaliduntil operator(pg_catalog.<) pg_catalog.now() then -1 end,
  g.rolname
from me left join above on true left join pg_catalog.pg_authid g on g.oid operator(pg_catalog.=) above.id)";

const user* settings::find_user(std::string_view name) const {
  return find_named(users, name);
}

const database* settings::find_database(std::string_view name) const {
  const auto* exact = find_named(databases, name);
  return exact ? exact : find_named(databases, "*");
}

const cluster* settings::find_cluster(std::string_view name) const {
  return find_named(clusters, name);
}

std::string node::name() const {
  return host.starts_with('/') ? host + ":" + std::to_string(port) : to_string(address{host, port});
}

std::optional<settings::watcher> settings::watcher_of(const cluster& of) const {
  watcher found{of.user, of.password, of.dbname};
  const auto in_clear = [](const user& u) { return u.secret.empty() || !u.password.empty(); };
  const auto has_password = [](const user& u) { return !u.password.empty(); };
  for (const auto& each : databases) {
    if (each.cluster != of.name) continue;
    if (found.dbname.empty() && each.name != "*") found.dbname = each.dbname.empty() ? each.name : each.dbname;
    if (!found.user.empty() || each.user.empty()) continue;
    const auto* known = each.password.empty() ? find_user(each.user) : nullptr;
    if (known && !in_clear(*known)) continue;
    found.user = each.user;
    found.password = known ? known->password : each.password;
  }
  if (found.user.empty() && !auth.query_user.empty()) {
    const auto* asker = auth.query_password.empty() ? find_user(auth.query_user) : nullptr;
    found.user = auth.query_user;
    found.password = asker ? asker->password : auth.query_password;
  }
  auto known = std::ranges::find_if(users, has_password);
  if (known == users.end()) known = std::ranges::find_if(users, in_clear);
  if (found.user.empty() && known != users.end()) {
    found.user = known->name;
    found.password = known->password;
  }
  if (found.user.empty()) return std::nullopt;
  if (found.dbname.empty()) found.dbname = "postgres";
  return found;
}

tls settings::tls_of(const cluster& of) const {
  auto made = tls_server;
  const auto& instead = of.tls;
  made.mode = instead.mode.value_or(made.mode);
  made.cert_file = instead.cert_file.value_or(made.cert_file);
  made.key_file = instead.key_file.value_or(made.key_file);
  made.ca_file = instead.ca_file.value_or(made.ca_file);
  made.crl_file = instead.crl_file.value_or(made.crl_file);
  made.min_version = instead.min_version.value_or(made.min_version);
  made.ciphers = instead.ciphers.value_or(made.ciphers);
  made.ciphersuites = instead.ciphersuites.value_or(made.ciphersuites);
  return made;
}

std::optional<settings::watcher> settings::asker_of(const cluster& of) const {
  if (!auth.queries()) return std::nullopt;
  auto found = watcher_of(of);
  if (found && !auth.query_user.empty()) {
    const auto* known = auth.query_password.empty() ? find_user(auth.query_user) : nullptr;
    found->user = auth.query_user;
    found->password = known ? known->password : auth.query_password;
  }
  if (found && !auth.query_database.empty()) found->dbname = auth.query_database;
  return found;
}

routing settings::routing_of(const database& of) const {
  auto made = routing;
  const auto& instead = of.routing;
  made.read_write_split = instead.read_write_split.value_or(made.read_write_split);
  made.strategy = instead.strategy.value_or(made.strategy);
  made.read_your_writes = instead.read_your_writes.value_or(made.read_your_writes);
  made.max_replay_lag = instead.max_replay_lag.value_or(made.max_replay_lag);
  made.max_lag_bytes = instead.max_lag_bytes.value_or(made.max_lag_bytes);
  made.fallback_to_primary = instead.fallback_to_primary.value_or(made.fallback_to_primary);
  return made;
}

cache settings::cache_of(const database& of) const {
  auto made = cache;
  made.mode = of.cache.mode.value_or(made.mode);
  made.ttl = of.cache.ttl.value_or(made.ttl);
  return made;
}

bool cache::keeps_any() const {
  return mode != cache_mode::off || std::ranges::any_of(rules, [](const auto& r) { return r.mode == cache_mode::ttl; });
}

}  // namespace forebay::config
