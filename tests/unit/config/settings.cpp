#include "support.hpp"

namespace forebay::config {
namespace {

TEST_CASE("a key that is not written has the default of its struct") {
  const auto s = settings_of(one_cluster);
  CHECK(s.general.workers == 0);
  CHECK(s.general.log_level == "info");
  CHECK(s.pool.mode == pool_mode::transaction);
  CHECK(s.pool.size == 20);
  CHECK(s.pool.server_lifetime == 1h);
  CHECK(s.auth.type == auth_type::scram_sha_256);
  CHECK(s.auth.login_timeout == 60s);
  REQUIRE(s.listen.addresses.size() == 1);
  CHECK(s.listen.addresses[0].host == "127.0.0.1");
  CHECK(s.listen.addresses[0].port == 6432);
  REQUIRE(s.clusters.size() == 1);
  CHECK(s.clusters[0].nodes[0].port == 5432);
  CHECK(s.clusters[0].nodes[0].role == node_role::automatic);
  CHECK(s.source == "f");
}

TEST_CASE("every key arrives where it belongs") {
  const auto s = settings_of(R"(
[general]
workers = 3
log_level = "debug"
log_format = "json"
shutdown_timeout = "250ms"
[listen]
addresses = ["*", "[::1]:7000"]
unix_socket_dir = "/tmp"
max_clients = 7
[auth]
type = "md5"
login_timeout = "0s"
[pool]
mode = "session"
size = 8
min_size = 4
max_prepared_statements = 9
server_lifetime = "1d"
server_idle_timeout = "2m"
server_connect_timeout = "3s"
checkout_timeout = "4s"
on_session_state = "refuse"
[routing]
read_write_split = false
strategy = "least_connections"
read_your_writes = "off"
max_replay_lag = "11s"
max_lag_bytes = "3MiB"
fallback_to_primary = false
zone = "z"
slow_start = "12s"
write_functions = ["w", "s.w"]
read_functions = ["r"]
[health]
interval = "13s"
timeout = "14s"
rise = 3
fall = 4
[breaker]
failure_threshold = 6
window = "15s"
error_rate = "25%"
open_time = "16s"
max_open_time = "17s"
half_open_probes = 2
[[cluster]]
name = "c"
nodes = [ { host = "h", port = 5433, role = "replica", weight = 2, zone = "z", priority = 1, max_connections = 90 }, { host = "/run/postgresql" } ]
[[database]]
name = "d"
dbname = "real"
user = "su"
password = "sp"
pool_mode = "statement"
pool_size = 5
[[user]]
name = "u"
password = "p"
pool_mode = "transaction"
pool_size = 6
admin = true
stats = true
)");
  CHECK(s.general.workers == 3);
  CHECK(s.general.log_level == "debug");
  CHECK(s.general.log_format == log_format::json);
  CHECK(s.general.shutdown_timeout == 250ms);
  REQUIRE(s.listen.addresses.size() == 2);
  CHECK(s.listen.addresses[0].host == "*");
  CHECK(s.listen.addresses[0].port == 6432);
  CHECK(s.listen.addresses[1].host == "::1");
  CHECK(s.listen.addresses[1].port == 7000);
  CHECK(s.listen.unix_socket_dir == "/tmp");
  CHECK(s.listen.max_clients == 7);
  CHECK(s.auth.type == auth_type::md5);
  CHECK(s.auth.login_timeout == 0s);
  CHECK(s.pool.mode == pool_mode::session);
  CHECK(s.pool.size == 8);
  CHECK(s.pool.min_size == 4);
  CHECK(s.pool.max_prepared_statements == 9);
  CHECK(s.pool.server_lifetime == 24h);
  CHECK(s.pool.server_idle_timeout == 2min);
  CHECK(s.pool.server_connect_timeout == 3s);
  CHECK(s.pool.checkout_timeout == 4s);
  CHECK(s.pool.on_session_state == session_state_policy::refuse);
  CHECK_FALSE(s.routing.read_write_split);
  CHECK(s.routing.strategy == routing_strategy::least_connections);
  CHECK(s.routing.read_your_writes == read_your_writes::off);
  CHECK(s.routing.max_replay_lag == 11s);
  CHECK(s.routing.max_lag_bytes.bytes == 3 << 20);
  CHECK_FALSE(s.routing.fallback_to_primary);
  CHECK(s.routing.zone == "z");
  CHECK(s.routing.slow_start == 12s);
  CHECK(s.routing.write_functions == std::vector<std::string>{"w", "s.w"});
  CHECK(s.routing.read_functions == std::vector<std::string>{"r"});
  CHECK(s.health.interval == 13s);
  CHECK(s.health.timeout == 14s);
  CHECK(s.health.rise == 3);
  CHECK(s.health.fall == 4);
  CHECK(s.breaker.failure_threshold == 6);
  CHECK(s.breaker.window == 15s);
  CHECK(s.breaker.error_rate == 0.25);
  CHECK(s.breaker.open_time == 16s);
  CHECK(s.breaker.max_open_time == 17s);
  CHECK(s.breaker.half_open_probes == 2);
  const auto& nodes = s.find_cluster("c")->nodes;
  REQUIRE(nodes.size() == 2);
  CHECK(nodes[0].port == 5433);
  CHECK(nodes[0].role == node_role::replica);
  CHECK(nodes[0].weight == 2);
  CHECK(nodes[0].zone == "z");
  CHECK(nodes[0].priority == 1);
  CHECK(nodes[0].max_connections == 90);
  CHECK(nodes[1].host == "/run/postgresql");
  const auto* d = s.find_database("d");
  REQUIRE(d);
  CHECK(d->cluster == "c");  // the only one
  CHECK(d->dbname == "real");
  CHECK(d->user == "su");
  CHECK(d->password == "sp");
  CHECK(d->mode == pool_mode::statement);
  CHECK(d->pool_size == 5);
  const auto* u = s.find_user("u");
  REQUIRE(u);
  CHECK(u->password == "p");
  CHECK(u->mode == pool_mode::transaction);
  CHECK(u->pool_size == 6);
  CHECK(u->admin);
  CHECK(u->stats);
}

TEST_CASE("without [[database]] every name is on the only cluster") {
  const auto s = settings_of(one_cluster);
  REQUIRE(s.find_database("anything"));
  CHECK(s.find_database("anything")->name == "*");
  CHECK(s.find_database("anything")->cluster == "main");
}

TEST_CASE("a database is found by its own name before *") {
  const auto s = settings_of("[[database]]\nname = \"*\"\n[[database]]\nname = \"app\"" + one_cluster);
  CHECK(s.find_database("app")->name == "app");
  CHECK(s.find_database("other")->name == "*");
  const auto only = settings_of("[[database]]\nname = \"app\"" + one_cluster);
  CHECK(only.find_database("other") == nullptr);
  CHECK(only.find_user("nobody") == nullptr);
  CHECK(only.find_cluster("nowhere") == nullptr);
}

TEST_CASE("a database has what it says instead of [routing]") {
  const auto s = settings_of(R"(
[routing]
max_replay_lag = "3s"
zone = "here"
[[database]]
name = "all"
[database.routing]
read_write_split = false
strategy = "latency"
read_your_writes = "off"
max_replay_lag = "1m"
max_lag_bytes = "1KiB"
fallback_to_primary = false
[[database]]
name = "one"
routing.strategy = "random"
)" + one_cluster);
  const auto all = s.routing_of(*s.find_database("all")), one = s.routing_of(*s.find_database("one"));
  CHECK_FALSE(all.read_write_split);
  CHECK(all.strategy == routing_strategy::latency);
  CHECK(all.read_your_writes == read_your_writes::off);
  CHECK(all.max_replay_lag == 1min);
  CHECK(all.max_lag_bytes.bytes == 1024);
  CHECK_FALSE(all.fallback_to_primary);
  CHECK(all.zone == "here");
  CHECK(one.strategy == routing_strategy::random);
  CHECK(one.read_write_split);
  CHECK(one.read_your_writes == read_your_writes::session);
  CHECK(one.max_replay_lag == 3s);
  CHECK(one.fallback_to_primary);
}

TEST_CASE("parts of a whole are numbers or percentages") {
  for (const auto* half : {"0.5", "\"50%\"", "\"50.0%\""})
    CHECK(settings_of("[breaker]\nerror_rate = " + std::string(half) + one_cluster).breaker.error_rate == 0.5);
  CHECK(settings_of("[breaker]\nerror_rate = 1" + one_cluster).breaker.error_rate == 1);
  CHECK(settings_of("[breaker]\nerror_rate = \"0%\"" + one_cluster).breaker.error_rate == 0);
}

TEST_CASE("TOML's other ways of writing a table are the same") {
  CHECK(settings_of("pool.size = 7" + one_cluster).pool.size == 7);
  CHECK(settings_of("pool = { size = 7 }" + one_cluster).pool.size == 7);
  CHECK(settings_of(
            "[[cluster]]\nname = \"a\"\nuser = \"w\"\n[[cluster.nodes]]\nhost = \"h\"\n[[cluster.nodes]]\nhost = \"i\"")
            .clusters[0]
            .nodes.size() == 2);
}

}  // namespace
}  // namespace forebay::config
