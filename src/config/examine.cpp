#include "config/examine.hpp"

#include <algorithm>
#include <map>

#include "config/notation.hpp"

namespace forebay::config {
namespace {

const path root;

// `id` gives what must differ between the elements of a list; an empty one was reported as missing already.
template <class T, class Id>
void refuse_twins(const std::vector<T>& list, const path& where, std::string_view key, std::string_view what, Id id,
                  report& out) {
  std::map<std::string, std::size_t> first;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto name = id(list[i]);
    const auto [earlier, is_new] = first.emplace(name, i);
    if (!is_new && !name.empty())
      out.error(where[i] / key, in_quotes(name) + " is already " + std::string(what) + " (" +
                                    out.place_of(where[earlier->second] / key) + ")");
  }
}

// Where one of those that are there has no valid name, nobody knows whether it was meant.
template <class T>
void refuse_unknown(const std::vector<T>& all, const std::string& name, const path& where, const std::string& what,
                    report& out) {
  std::vector<std::string_view> names(all.size());
  std::ranges::transform(all, names.begin(), [](const auto& each) { return std::string_view(each.name); });
  const auto there = [&](std::string_view each) { return each.empty() || each == name; };
  if (!name.empty() && std::ranges::none_of(names, there))
    out.error(where, "there is no " + what + " " + in_quotes(name) + did_you_mean(name, names));
}

// Without a valid auth.type or a readable users_file nobody knows who there is and what a user lacks.
bool users_are_unknown(const report& out) {
  return out.was_refused(root / "auth" / "type") || out.was_refused(root / "auth" / "users_file");
}

std::string node_id(const node& n) {
  return n.host.empty() ? "" : to_string(address{n.host, n.port});
}

void examine_listen(const settings& s, report& out) {
  const auto where = root / "listen" / "addresses";
  if (s.listen.addresses.empty() && s.listen.unix_socket_dir.empty())
    out.error(where, "no address and no unix_socket_dir: no client could ever connect");
  for (std::size_t i = 0; i < s.listen.addresses.size(); ++i) {
    const auto& each = s.listen.addresses[i];
    const auto first =
        std::ranges::find(s.listen.addresses, to_string(each), [](const address& a) { return to_string(a); });
    if (!each.host.empty() && first - s.listen.addresses.begin() != static_cast<std::ptrdiff_t>(i))
      out.error(where[i], in_quotes(to_string(each)) + " is there twice");
    const bool local = each.host == "localhost" || each.host == "::1" || each.host.starts_with("127.");
    if (s.auth.type == auth_type::trust && !local && !each.host.empty())
      out.warning(where[i], "with auth.type = \"trust\" whoever reaches " + to_string(each) + " can be any user");
  }
}

void examine_http(const settings& s, report& out) {
  if (!s.http.address) return;
  const auto at = to_string(*s.http.address);
  if (std::ranges::any_of(s.listen.addresses, [&](const auto& each) { return to_string(each) == at; }))
    out.error(root / "http" / "address", in_quotes(at) + " is where clients connect (listen.addresses)");
}

void examine_clusters(const settings& s, report& out) {
  const auto where = root / "cluster";
  if (s.clusters.empty())
    out.error(where, "there is none; wanted [[cluster]] with name = \"main\" and nodes = [ { host = \"10.0.0.1\" } ]");
  refuse_twins(
      s.clusters, where, "name", "the name of a cluster", [](const cluster& c) { return c.name; }, out);
  for (std::size_t i = 0; i < s.clusters.size(); ++i) {
    const auto& nodes = s.clusters[i].nodes;
    const auto here = where[i] / "nodes";
    if (nodes.empty() && out.was_read(here)) out.error(here, "must not be empty");
    refuse_twins(nodes, here, "host", "a node of this cluster", node_id, out);
    const auto is_primary = [](const node& n) { return n.role == node_role::primary; };
    const auto first = std::ranges::find_if(nodes, is_primary);
    for (auto other = first; other != nodes.end(); ++other)
      if (other != first && is_primary(*other))
        out.error(here[static_cast<std::size_t>(other - nodes.begin())] / "role",
                  "a cluster has one primary; this one is named already (" +
                      out.place_of(here[static_cast<std::size_t>(first - nodes.begin())] / "role") + ")");
  }
}

// Which node is the primary, and how far the others are, is asked by logging in.
void examine_watchers(const settings& s, report& out) {
  for (std::size_t i = 0; i < s.clusters.size(); ++i) {
    const auto& each = s.clusters[i];
    const auto here = (root / "cluster")[i];
    if (!each.password.empty() && each.user.empty())
      out.error(here / "password", "a password without user: say whose it is");
    if (each.nodes.size() > 1 && !s.watcher_of(each) && !out.was_refused(root / "user"))
      out.error(here / "name",
                "has several nodes and nobody to watch them: no password is known in clear. Set user and "
                "password of the cluster");
  }
}

void examine_databases(settings& s, report& out) {
  const auto where = root / "database";
  const bool one_cluster = s.clusters.size() == 1;
  if (s.databases.empty() && one_cluster) s.databases.emplace_back().name = "*";
  if (s.databases.empty() && s.clusters.size() > 1)
    out.error(where, "with several clusters, [[database]] must say which database is where");

  std::vector<std::string_view> names;
  for (const auto& each : s.clusters)
    names.push_back(each.name);
  refuse_twins(
      s.databases, where, "name", "the name of a database", [](const database& d) { return d.name; }, out);
  for (std::size_t i = 0; i < s.databases.size(); ++i) {
    auto& each = s.databases[i];
    if (each.cluster.empty() && !out.was_read(where[i] / "cluster")) {
      if (one_cluster) each.cluster = s.clusters.front().name;
      if (s.clusters.size() > 1)
        out.error(where[i] / "cluster", "is missing: there are several clusters, " + listed(names));
    } else if (!s.clusters.empty() && !s.find_cluster(each.cluster) && !out.was_refused(where[i] / "cluster")) {
      out.error(where[i] / "cluster",
                "there is no cluster " + in_quotes(each.cluster) + did_you_mean(each.cluster, names));
    }
    if (!each.password.empty() && each.user.empty())
      out.error(where[i] / "password", "a password without user: say whose it is");
  }
}

void examine_pool_sizes(const settings& s, report& out) {
  const auto too_small = [&](std::uint32_t size) { return s.pool.min_size > size; };
  const auto min_size = "pool.min_size = " + std::to_string(s.pool.min_size);
  if (too_small(s.pool.size)) {
    out.error(root / "pool" / "min_size",
              std::to_string(s.pool.min_size) + " is more than pool.size = " + std::to_string(s.pool.size));
    return;
  }
  const auto examine_list = [&](const auto& list, const path& where) {
    for (std::size_t i = 0; i < list.size(); ++i)
      if (list[i].pool_size && !out.was_refused(where[i] / "pool_size") && too_small(*list[i].pool_size))
        out.error(where[i] / "pool_size", std::to_string(*list[i].pool_size) + " is less than " + min_size);
  };
  examine_list(s.databases, root / "database");
  examine_list(s.users, root / "user");
}

void examine_routing(const settings& s, report& out) {
  const auto where = root / "routing";
  for (std::size_t i = 0; i < s.routing.write_functions.size(); ++i) {
    const auto& name = s.routing.write_functions[i];
    const auto twin = std::ranges::find(s.routing.read_functions, name);
    if (!name.empty() && twin != s.routing.read_functions.end())
      out.error(where / "read_functions", in_quotes(name) + " is in write_functions as well (" +
                                              out.place_of((where / "write_functions")[i]) + ")");
  }
  std::vector<std::string_view> zones;
  for (const auto& each : s.clusters)
    for (const auto& n : each.nodes)
      if (!n.zone.empty()) zones.push_back(n.zone);
  if (!s.routing.zone.empty() && std::ranges::find(zones, s.routing.zone) == zones.end())
    out.warning(where / "zone",
                "no node is in zone " + in_quotes(s.routing.zone) + did_you_mean(s.routing.zone, zones));
}

void examine_breaker(const settings& s, report& out) {
  const auto first = root / "breaker" / "open_time", most = root / "breaker" / "max_open_time";
  if (s.breaker.max_open_time >= s.breaker.open_time || out.was_refused(first) || out.was_refused(most)) return;
  if (out.was_read(most)) {
    out.error(most, to_string(s.breaker.max_open_time) +
                        " is less than breaker.open_time = " + to_string(s.breaker.open_time));
  } else {
    out.error(first, to_string(s.breaker.open_time) +
                         " is more than breaker.max_open_time = " + to_string(s.breaker.max_open_time));
  }
}

void examine_entry_size(const cache& c, report& out) {
  const auto all = root / "cache" / "memory", one = root / "cache" / "max_entry";
  if (c.max_entry.bytes <= c.memory.bytes || out.was_refused(all) || out.was_refused(one)) return;
  if (out.was_read(one)) {
    out.error(one, to_string(c.max_entry) + " is more than cache.memory = " + to_string(c.memory));
  } else {
    out.error(all, to_string(c.memory) + " is less than cache.max_entry = " + to_string(c.max_entry));
  }
}

// A rule that can never match is refused: the reads it should keep out of the cache would go in.
void examine_cache_rule(const cache_rule& rule, const path& where, const settings& s, report& out) {
  const auto given = [&](const auto&... keys) { return (out.was_read(where / keys) || ...); };
  if (!given("tables", "statement", "user", "database"))
    out.error(where, "is for no statement; wanted tables, statement, user or database");
  if (!given("ttl", "mode", "tags")) out.error(where, "asks for nothing; wanted ttl, mode or tags");
  if (given("tables") && rule.tables.empty() && !out.was_refused(where / "tables"))
    out.error(where / "tables", "must not be empty");

  if (!s.find_database("*")) refuse_unknown(s.databases, rule.database, where / "database", "database", out);
  if (s.auth.type != auth_type::trust && s.auth.type != auth_type::cert && !users_are_unknown(out))
    refuse_unknown(s.users, rule.user, where / "user", "user", out);
}

void examine_cache(const settings& s, report& out) {
  const auto rules = root / "cache" / "rule";
  examine_entry_size(s.cache, out);
  for (std::size_t i = 0; i < s.cache.rules.size(); ++i)
    if (!out.was_refused(rules[i])) examine_cache_rule(s.cache.rules[i], rules[i], s, out);
}

void examine_auth(const settings& s, report& out) {
  const auto where = root / "auth";
  const bool by_file = s.auth.type == auth_type::hba;
  if (!out.was_refused(where / "type")) {
    if (by_file && s.auth.hba_file.empty())
      out.error(where / "type", "\"hba\" needs hba_file: the file with the rules");
    if (!by_file && !s.auth.hba_file.empty())
      out.error(where / "hba_file",
                "is read with type = \"hba\" only, and type is " + in_quotes(to_string(s.auth.type)));
  }
  if (!s.auth.ident_file.empty() && s.auth.hba_file.empty())
    out.error(where / "ident_file", "is read with hba_file only, whose lines name its maps");
  if (!s.auth.query_password.empty() && s.auth.query_user.empty())
    out.error(where / "query_password", "a password without query_user: say whose it is");
  if (s.auth.queries() && s.auth.type == auth_type::trust)
    out.error(where / (s.auth.query.empty() ? "query_user" : "query"), "type = \"trust\" asks for no secret");
  if (s.auth.queries() && !out.was_refused(root / "user"))
    for (const auto& each : s.clusters)
      if (!s.asker_of(each))
        out.error(where / "query", "nobody is known to ask it in cluster " + in_quotes(each.name) +
                                       ": set query_user and query_password");
  if (!s.auth.rules) return;
  for (const auto& rule : s.auth.rules->rules)
    if (rule.type == hba_rule::connection::local && s.listen.unix_socket_dir.empty())
      return out.warning(where / "hba_file",
                         rule.place + " is for a Unix socket, and there is no listen.unix_socket_dir");
  if (s.auth.rules->ask_for_groups() && !s.auth.queries())
    out.error(where / "hba_file",
              "it asks for members of roles (+role or samerole), which auth.query finds out: set "
              "auth.query_user");
}

// A user whose clients prove something that opens no server.
void examine_forced_logins(const settings& s, report& out) {
  for (std::size_t i = 0; i < s.databases.size(); ++i) {
    const auto& each = s.databases[i];
    const auto* known = each.user.empty() || !each.password.empty() ? nullptr : s.find_user(each.user);
    if (known && known->password.empty() && known->secret.starts_with("SCRAM"))
      out.warning((root / "database")[i] / "user",
                  in_quotes(each.user) + " has a SCRAM secret only, which logs in to no server: set password here");
  }
}

void examine_users(const settings& s, report& out) {
  const auto where = root / "user";
  const auto type = in_quotes(to_string(s.auth.type));
  // Whose clients need no secret of the configuration, or not all of them.
  const bool without_secrets = s.auth.type == auth_type::trust || s.auth.type == auth_type::cert ||
                               s.auth.type == auth_type::hba || s.auth.queries();
  const bool blind = users_are_unknown(out);
  refuse_twins(
      s.users, where, "name", "the name of a user", [](const user& u) { return u.name; }, out);
  if (s.users.empty() && !without_secrets && !blind)
    out.warning(where, "there is none, so nobody can log in; wanted [[user]] or auth.users_file");
  for (std::size_t i = 0; i < s.users.size(); ++i) {
    const auto& each = s.users[i];
    const bool refused = out.was_refused(where[i] / "password") || out.was_refused(where[i] / "secret");
    if (each.password.from == password_source::kind::command && each.secret.empty())
      out.error(where[i] / "password", "the output of a command is for servers only: say what clients prove by secret");
    if (!each.name.empty() && each.password.empty() && each.secret.empty() && !without_secrets && !blind && !refused)
      out.error(where[i],
                in_quotes(each.name) + " has neither password nor secret, and auth.type = " + type + " needs one");
    if (s.auth.type == auth_type::scram_sha_256 && each.secret.starts_with("md5"))
      out.warning(where[i] / "secret",
                  in_quotes(each.name) + " cannot log in: an md5 secret does not do for auth.type = " + type);
  }
}

}  // namespace

void apply(const overrides& instead, settings& s, report& out) {
  const auto where = root / "listen" / "addresses";
  if (!instead.listen.empty()) s.listen.addresses = instead.listen;
  for (std::size_t i = 0; i < instead.listen.size(); ++i)
    out.locate(where[i], {}, std::string(command_line));
  if (instead.http) s.http.address = instead.http;
  s.general.workers = instead.workers.value_or(s.general.workers);
  s.general.log_level = instead.log_level.value_or(s.general.log_level);
}

void examine(settings& s, report& out) {
  examine_listen(s, out);
  examine_http(s, out);
  examine_clusters(s, out);
  examine_databases(s, out);
  examine_watchers(s, out);
  examine_pool_sizes(s, out);
  examine_routing(s, out);
  examine_breaker(s, out);
  examine_cache(s, out);
  examine_users(s, out);
  examine_auth(s, out);
  examine_forced_logins(s, out);
}

}  // namespace forebay::config
