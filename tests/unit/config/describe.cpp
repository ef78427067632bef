#include "config/describe.hpp"

#include <algorithm>

#include "support.hpp"

namespace forebay::config {
namespace {

const description* find(const std::vector<description>& all, std::string_view key) {
  const auto found = std::ranges::find(all, key, &description::key);
  return found == all.end() ? nullptr : &*found;
}

TEST_CASE("SHOW CONFIG has every plain key with its value and default") {
  const auto all = describe(settings_of("[pool]\nsize = 5\nserver_lifetime = \"90m\"" + one_cluster));
  REQUIRE(find(all, "pool.size"));
  CHECK(find(all, "pool.size")->value == "5");
  CHECK(find(all, "pool.size")->default_value == "20");
  CHECK(find(all, "pool.server_lifetime")->value == "90m");
  CHECK(find(all, "pool.server_lifetime")->default_value == "1h");
  CHECK(find(all, "pool.mode")->value == "transaction");
  CHECK(find(all, "listen.addresses")->value == "127.0.0.1:6432");
  CHECK(find(all, "auth.type")->value == "scram-sha-256");
  for (const auto& each : documented_keys()) {
    if (each.table.starts_with("[[")) continue;
    const auto key = each.table.substr(1, each.table.size() - 2) + "." + each.name;
    CAPTURE(key);
    CHECK(find(all, key));
  }
}

TEST_CASE("of clusters, databases and users it has what was chosen") {
  const auto all = describe(
      settings_of("[[cluster]]\nname = \"c\"\nnodes = [ { host = \"h\", role = \"primary\" }, { host = \"::1\" } ]\n"
                  "[[database]]\nname = \"d\"\nuser = \"u\"\npassword = \"hunter2\"\npool_size = 3\n"
                  "[[user]]\nname = \"a\"\nsecret = \"" +
                  scram_secret + "\"\nadmin = true\n"));
  CHECK(find(all, "cluster.c.nodes")->value == "h:5432 (primary), [::1]:5432");
  CHECK(find(all, "database.d.cluster")->value == "c");
  CHECK(find(all, "database.d.password")->value == "****");
  CHECK(find(all, "database.d.pool_size")->value == "3");
  CHECK(find(all, "user.a.secret")->value == "****");
  CHECK(find(all, "user.a.admin")->value == "true");
  CHECK_FALSE(find(all, "user.a.password"));
  CHECK_FALSE(find(all, "database.d.pool_mode"));
}

TEST_CASE("of nodes and of a database's routing it has what is not the default") {
  const auto all = describe(settings_of(
      "[breaker]\nerror_rate = 0.3\n[routing]\nwrite_functions = [\"f\", \"s.g\"]\nmax_lag_bytes = \"1KiB\"\n"
      "[[cluster]]\nname = \"c\"\nuser = \"w\"\nnodes = [ { host = \"h\", role = \"replica\", weight = 3, zone = "
      "\"z\", "
      "priority = 2 }, { host = \"i\", weight = 0 } ]\n"
      "[[database]]\nname = \"d\"\nrouting.strategy = \"latency\"\nrouting.read_write_split = false\n"
      "[[database]]\nname = \"e\"\n"));
  CHECK(find(all, "cluster.c.nodes")->value == "h:5432 (replica, weight 3, zone z, priority 2), i:5432 (weight 0)");
  CHECK(find(all, "database.d.routing")->value == "read_write_split = false, strategy = latency");
  CHECK_FALSE(find(all, "database.e.routing"));
  CHECK(find(all, "breaker.error_rate")->value == "0.3");
  CHECK(find(all, "breaker.error_rate")->default_value == "0.5");
  CHECK(find(all, "routing.write_functions")->value == "f, s.g");
  CHECK(find(all, "routing.max_lag_bytes")->value == "1KiB");
}

TEST_CASE("what is fixed at the start stays as it was") {
  const auto now = settings_of("[general]\nworkers = 2\n[pool]\nsize = 5" + one_cluster);
  auto fresh = settings_of(
      "[general]\nworkers = 3\n[listen]\naddresses = [\"127.0.0.1:7000\"]\nunix_socket_dir = \"/tmp\"\n[pool]\nsize = "
      "6" +
      one_cluster);
  CHECK(keep_fixed(now, fresh) == lines{"general.workers", "listen.addresses", "listen.unix_socket_dir"});
  CHECK(fresh.general.workers == 2);
  CHECK(fresh.listen.addresses.at(0).port == 6432);
  CHECK(fresh.listen.unix_socket_dir.empty());
  CHECK(fresh.pool.size == 6);
  CHECK(keep_fixed(now, fresh).empty());
  CHECK(find(describe(now), "general.workers")->fixed);
  CHECK_FALSE(find(describe(now), "pool.size")->fixed);
}

}  // namespace
}  // namespace forebay::config
