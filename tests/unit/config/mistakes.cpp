#include "support.hpp"

// Each mistake in one key, and the whole line the user reads about it. What several keys do together: combinations.cpp.
namespace forebay::config {
namespace {

struct mistake {
  std::string text;
  lines errors;
};

void check_all(const std::vector<mistake>& table) {
  for (const auto& each : table) {
    CAPTURE(each.text);
    CHECK(errors_of(each.text + one_cluster) == each.errors);
  }
}

TEST_CASE("an unknown key names the one that was meant") {
  check_all({
      {"[pool]\nsizee = 5", {R"(f:2:1: pool.sizee: unknown key; did you mean "size"?)"}},
      {"[pool]\nsevrer_lifetime = \"5s\"",
       {R"(f:2:1: pool.sevrer_lifetime: unknown key; did you mean "server_lifetime"?)"}},
      {"[poool]\nsize = 5", {R"(f:1:2: poool: unknown key; did you mean "pool"?)"}},
      {"[[databse]]\nname = \"*\"", {R"(f:1:3: databse: unknown key; did you mean "database"?)"}},
      {"[pool]\nmax_clients = 5", {"f:2:1: pool.max_clients: unknown key; it belongs to [listen]"}},
      {"pool_size = 3", {"f:1:1: pool_size: unknown key; it belongs to [[database]]"}},
      {"[general]\nfrobnicate = 1", {"f:2:1: general.frobnicate: unknown key"}},
      {"[pool]\nhost = \"h\"", {"f:2:1: pool.host: unknown key; it belongs to [[cluster.nodes]]"}},
      {"pool.sizee = 5", {R"(f:1:6: pool.sizee: unknown key; did you mean "size"?)"}},
  });
}

TEST_CASE("where the metrics are") {
  check_all({
      {"[http]\naddress = \"here\"",
       {R"(f:2:11: http.address: "here" is not an IP address; wanted one with a port, as in "127.0.0.1:9630" or "*:9630")"}},
      {"[http]\naddress = 5",
       {R"(f:2:11: http.address: wanted an address, as in address = "127.0.0.1:9630"; found a whole number)"}},
      {"[http]\naddress = \"127.0.0.1:6432\"",
       {R"(f:2:11: http.address: "127.0.0.1:6432" is where clients connect (listen.addresses))"}},
  });
}

TEST_CASE("what is agreed on for later says so") {
  check_all({
      {"[telemetry]\nslow_query = \"1s\"", {"f:1:2: telemetry: is not available in this version"}},
      {"[pool]\nquery_timeou = \"5s\"", {R"(f:2:1: pool.query_timeou: unknown key; did you mean "query_timeout"?)"}},
  });
  CHECK(errors_of("[[cluster]]\nname = \"a\"\nnodes = [ { host = \"h\" } ]\n[cluster.health]") ==
        lines{"f:4:10: cluster.health: is not available in this version"});
}

TEST_CASE("a wrong type says what was found and what is wanted") {
  check_all({
      {"[pool]\nsize = \"20\"", {"f:2:8: pool.size: wanted a whole number, as in size = 20; found a text"}},
      {"[pool]\nsize = 2.5", {"f:2:8: pool.size: wanted a whole number, as in size = 20; found a number with a point"}},
      {"[pool]\ncheckout_timeout = 30",
       {R"(f:2:20: pool.checkout_timeout: wanted a time with its unit, as in checkout_timeout = "30s"; found a whole number)"}},
      {"[pool]\nmode = true",
       {R"(f:2:8: pool.mode: wanted one of "transaction", "session" or "statement", as in mode = "transaction"; found true or false)"}},
      {"[listen]\naddresses = \"127.0.0.1:6432\"",
       {R"(f:2:13: listen.addresses: wanted a list of addresses, as in addresses = ["127.0.0.1:6432"]; found a text)"}},
      {"[listen]\naddresses = [ \"*\", 5 ]",
       {R"(f:2:20: listen.addresses: wanted an address, as in addresses = ["127.0.0.1:6432"]; found a whole number)"}},
      {"[listen]\nunix_socket_dir = []",
       {R"(f:2:19: listen.unix_socket_dir: wanted a text, as in unix_socket_dir = "/run/forebay"; found a list)"}},
      {"[general]\nlog_level = 2026-01-01",
       {R"(f:2:13: general.log_level: wanted a text, as in log_level = "info"; found a date or time)"}},
      {"pool = 5", {"f:1:8: pool: wanted one table, as in [pool]; found a whole number"}},
      {"[[pool]]\nsize = 5", {"f:1:1: pool: wanted one table, as in [pool]; found a list"}},
      {"[user]\nname = \"x\"", {"f:1:1: user: wanted a list of tables, as in [[user]]; found a table"}},
      {"user = [ 5 ]", {"f:1:10: user: wanted a table, as in [[user]]; found a whole number"}},
      {"[[user]]\nname = \"x\"\npassword = \"p\"\nadmin = \"yes\"",
       {"f:4:9: user.admin: wanted true or false, as in admin = false; found a text"}},
  });
}

TEST_CASE("a value out of its bounds says the bounds") {
  check_all({
      {"[pool]\nsize = 0", {"f:2:8: pool.size: 0 is out of range: 1 to 100000"}},
      {"[general]\nworkers = -1", {"f:2:11: general.workers: -1 is out of range: 0 to 255"}},
      {"[general]\nworkers = 255", {}},
      {"[general]\nworkers = 256", {"f:2:11: general.workers: 256 is out of range: 0 to 255"}},
      {"[listen]\nmax_clients = 9223372036854775807",
       {"f:2:15: listen.max_clients: 9223372036854775807 is out of range: 1 to 1000000"}},
      {"[pool]\nmode = \"transactoin\"",
       {R"(f:2:8: pool.mode: "transactoin" is not one of "transaction", "session" or "statement"; did you mean "transaction"?)"}},
      {"[general]\nlog_level = \"trace\"",
       {R"(f:2:13: general.log_level: "trace" is not one of "debug", "info", "warning", "error" or "off")"}},
      {"[general]\nshutdown_timeout = \"5 s\"",
       {R"(f:2:20: general.shutdown_timeout: "5 s" is not a time; wanted "250ms", "5s", "10m", "1h" or "7d", at most ten years)"}},
      {"[listen]\naddresses = [ \"example.org:6432\", \"::1\", \"[::1]:0\" ]",
       {R"(f:2:15: listen.addresses: "example.org" is not an IP address; wanted one with a port, as in "127.0.0.1:6432" or "*:6432")",
        R"(f:2:35: listen.addresses: an IPv6 address goes in brackets, as in "[::1]:6432")",
        "f:2:42: listen.addresses: the port is out of range: 1 to 65535"}},
      {"[listen]\nunix_socket_dir = \"run\"",
       {R"(f:2:19: listen.unix_socket_dir: wanted the full path of a folder, as in "/run/forebay")"}},
      {"[[database]]\nname = \"\"", {"f:2:8: database.name: must not be empty"}},
      {"[[database]]\nname = \"pgbouncer\"", {R"(f:2:8: database.name: "pgbouncer" is reserved for the console)"}},
      {"[[database]]\nname = \"a\"\ndbname = \"x\\u0000y\"", {"f:3:10: database.dbname: a zero byte is not allowed"}},
      {"[[database]]\ndbname = \"x\"", {R"(f:1:1: database.name: is missing, as in name = "*")"}},
      {"[[user]]\nname = \"x\"\npassword = \"p\"\npool_size = 0",
       {"f:4:13: user.pool_size: 0 is out of range: 1 to 100000"}},
  });
}

TEST_CASE("times have a least, parts of a whole and sizes their own way of writing") {
  const std::string part = "breaker.error_rate: wanted a part of a whole: 0 to 1, or \"0%\" to \"100%\"";
  check_all({
      {"[health]\ninterval = \"99ms\"", {"f:2:12: health.interval: 99ms is too short: at least 100ms"}},
      {"[health]\ninterval = \"100ms\"", {}},
      {"[health]\ntimeout = \"0s\"", {"f:2:11: health.timeout: 0s is too short: at least 10ms"}},
      {"[breaker]\nopen_time = \"0s\"", {"f:2:13: breaker.open_time: 0s is too short: at least 1ms"}},
      {"[breaker]\nhalf_open_probes = 0", {"f:2:20: breaker.half_open_probes: 0 is out of range: 1 to 1000"}},
      {"[breaker]\nerror_rate = 1.01", {"f:2:14: " + part}},
      {"[breaker]\nerror_rate = -1", {"f:2:14: " + part}},
      {"[breaker]\nerror_rate = nan", {"f:2:14: " + part}},
      {"[breaker]\nerror_rate = \"0.5\"", {"f:2:14: " + part}},
      {"[breaker]\nerror_rate = \"101%\"", {"f:2:14: " + part}},
      {"[breaker]\nerror_rate = \"%\"", {"f:2:14: " + part}},
      {"[breaker]\nerror_rate = true",
       {"f:2:14: breaker.error_rate: wanted a part of a whole, as in error_rate = 0.5; found true or false"}},
      {"[routing]\nmax_lag_bytes = 0",
       {R"(f:2:17: routing.max_lag_bytes: wanted a size with its unit, as in max_lag_bytes = "0"; found a whole number)"}},
      {"[routing]\nmax_lag_bytes = \"64MB\"",
       {R"(f:2:17: routing.max_lag_bytes: "64MB" is not a size; wanted "0", "512KiB", "64MiB" or "1GiB")"}},
      {"[routing]\nstrategy = \"fastest\"",
       {R"(f:2:12: routing.strategy: "fastest" is not one of "round_robin", "least_connections", "weighted", "latency" or "random")"}},
      {"[routing]\nwrite_functions = \"f\"",
       {R"(f:2:19: routing.write_functions: wanted a list of texts, as in write_functions = ["app.next_number"]; found a text)"}},
      {"[routing]\nwrite_functions = [\"f\", 5, \"g()\", \"\"]",
       {R"(f:2:25: routing.write_functions: wanted a text, as in write_functions = ["app.next_number"]; found a whole number)",
        R"(f:2:28: routing.write_functions: wanted the name alone, without parentheses, as in "app.next_number")",
        "f:2:35: routing.write_functions: must not be empty"}},
      {"[[database]]\nname = \"d\"\nrouting.strategi = \"random\"",
       {R"(f:3:9: database.routing.strategi: unknown key; did you mean "strategy"?)"}},
      {"[[database]]\nname = \"d\"\nrouting.slow_start = \"1s\"",
       {"f:3:9: database.routing.slow_start: unknown key; it belongs to [routing]"}},
      {"[[database]]\nname = \"d\"\nrouting = true",
       {R"(f:3:11: database.routing: wanted a table, as in routing = { strategy = "latency" }; found true or false)"}},
  });
}

TEST_CASE("nodes are read key by key") {
  const auto nodes = [](std::string text) { return errors_of("[[cluster]]\nname = \"main\"\nnodes = " + text); };
  CHECK(nodes("[ { port = 5433 } ]") == lines{R"(f:3:11: cluster.nodes.host: is missing, as in host = "10.0.0.1")"});
  CHECK(nodes("[ { host = \"h\", prot = 5433 } ]") ==
        lines{R"(f:3:25: cluster.nodes.prot: unknown key; did you mean "port"?)"});
  CHECK(nodes("[ { host = \"h\", port = 65536 } ]") ==
        lines{"f:3:32: cluster.nodes.port: 65536 is out of range: 1 to 65535"});
  CHECK(nodes("[ { host = \"h:5432\" } ]") ==
        lines{"f:3:20: cluster.nodes.host: the port does not belong here; give it as port = 5432"});
  CHECK(nodes("[ { host = \"[::1]\" } ]") ==
        lines{"f:3:20: cluster.nodes.host: an IPv6 address goes here without brackets"});
  CHECK(nodes("[ { host = \"h\", role = \"master\" } ]") ==
        lines{R"(f:3:32: cluster.nodes.role: "master" is not one of "auto", "primary" or "replica")"});
  CHECK(nodes("[ { host = \"h\", weight = 1001 } ]") ==
        lines{"f:3:34: cluster.nodes.weight: 1001 is out of range: 0 to 1000"});
  CHECK(nodes("[]") == lines{"f:3:9: cluster.nodes: must not be empty"});
  CHECK(
      nodes("[ \"h\" ]") ==
      lines{
          R"(f:3:11: cluster.nodes: wanted a table, as in nodes = [ { host = "10.0.0.1", port = 5432 } ]; found a text)"});
}

TEST_CASE("mistakes in TOML itself have a place") {
  CHECK(errors_of("[pool]\nsize = 5\nsize = 6") == lines{"f:3:8: this key or table is there twice"});
  CHECK(errors_of("[pool\nsize = 5") == lines{"f:1:6: Error while parsing table header: expected ']'"});
  CHECK(errors_of("[pool]\nmode = session") ==
        lines{R"(f:2:8: not a value: a text needs quotes, as in name = "main")"});
  CHECK(errors_of("[pool]\nmode = \"\xff\"") == lines{"f:2:8: Encountered invalid utf-8 sequence"});
}

TEST_CASE("depth is bounded before it can exhaust the stack") {
  std::string dots = "a";
  for (int i = 0; i < 100000; ++i)
    dots += ".a";
  const lines refused{"f:1:34: a key has too many parts; no key has more than three"};
  CHECK(errors_of(dots + " = 1") == refused);
  CHECK(errors_of("[" + dots + "]") == lines{"f:1:35: a key has too many parts; no key has more than three"});
  CHECK(
      errors_of("a = " + std::string(100000, '[')) ==
      lines{"f:1:261: Error while parsing value: exceeded maximum nested value depth of 256 (TOML_MAX_NESTED_VALUES)"});
  CHECK(errors_of("# ............................ and so on\n[pool]\nsize = 5" + one_cluster) == lines{});

  std::string deepest = "a = ";
  for (int i = 0; i < 120; ++i)
    deepest += "[{a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = ";
  for (int i = 0; i < 120; ++i)
    deepest += i == 0 ? "1}]" : "}]";
  CHECK(errors_of(deepest + one_cluster) == lines{"f:1:1: a: unknown key"});
}

TEST_CASE("all mistakes are reported, in the order of the file") {
  CHECK(
      errors_of("[pool]\nsize = 0\nmode = 1\n[general]\nworkers = \"a\"\n[listen]\nx = 1") ==
      lines{
          R"(f:1:1: cluster: there is none; wanted [[cluster]] with name = "main" and nodes = [ { host = "10.0.0.1" } ])",
          "f:2:8: pool.size: 0 is out of range: 1 to 100000",
          R"(f:3:8: pool.mode: wanted one of "transaction", "session" or "statement", as in mode = "transaction"; found a whole number)",
          "f:5:11: general.workers: wanted a whole number, as in workers = 0; found a text",
          "f:7:1: listen.x: unknown key"});
}

TEST_CASE("files that cannot be read") {
  CHECK(lines_of(load_file("/nonexistent/forebay.toml").errors) ==
        lines{"/nonexistent/forebay.toml: cannot be read: No such file or directory"});
  CHECK(lines_of(load_file("/tmp").errors) == lines{"/tmp: cannot be read: it is a folder"});
}

}  // namespace
}  // namespace forebay::config
