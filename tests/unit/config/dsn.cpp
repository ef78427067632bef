#include "config/dsn.hpp"

#include "config/notation.hpp"
#include "support.hpp"

namespace forebay::config {
namespace {

// "user:password@host:port,...", so that a table can hold what a DSN means.
std::string meaning(std::string_view dsn) {
  const auto result = from_dsn(dsn);
  if (!result.settings) return to_string(result.errors.at(0));
  const auto& s = *result.settings;
  auto out = s.users.at(0).name + ":" + s.users[0].password.text + "@";
  for (const auto& each : s.clusters.at(0).nodes)
    out += to_string(address{each.host, each.port}) + ",";
  out.pop_back();
  return out;
}

TEST_CASE("a DSN becomes one cluster, every database, one administrator") {
  const auto result = from_dsn("postgres://user:pass@h1:5432,h2:5433/db");
  REQUIRE(result.settings);
  const auto& s = *result.settings;
  CHECK(result.warnings.empty());
  CHECK(s.source == "command line");
  CHECK(s.auth.type == auth_type::scram_sha_256);
  REQUIRE(s.clusters.size() == 1);
  CHECK(s.clusters[0].name == "main");
  CHECK(s.clusters[0].nodes[1].role == node_role::automatic);
  REQUIRE(s.find_database("any"));
  CHECK(s.find_database("any")->cluster == "main");
  CHECK(s.find_database("any")->dbname.empty());
  CHECK(s.find_database("any")->user.empty());
  REQUIRE(s.users.size() == 1);
  CHECK(s.users[0].admin);
  CHECK(from_dsn("postgres://user@h").settings->auth.type == auth_type::trust);
}

TEST_CASE("ways of writing a DSN") {
  CHECK(meaning("postgres://u:p@h1:5432,h2:5433/db") == "u:p@h1:5432,h2:5433");
  CHECK(meaning("postgresql://u:p@h") == "u:p@h:5432");
  CHECK(meaning("postgres://u@") == "u:@localhost:5432");
  CHECK(meaning("postgres://u@/db") == "u:@localhost:5432");
  CHECK(meaning("postgres://u@:5433/db") == "u:@localhost:5433");
  CHECK(meaning("postgres://u@h:/db") == "u:@h:5432");
  CHECK(meaning("postgres://u:@h") == "u:@h:5432");
  CHECK(meaning("postgres://u@[::1]:6000,[fe80::1]/") == "u:@[::1]:6000,[fe80::1]:5432");
  CHECK(meaning("postgres://u@%2Frun%2Fpostgresql:5433") == "u:@/run/postgresql:5433");
  CHECK(meaning("postgres://a%40b:p%3a%2F%25@h") == "a@b:p:/%@h:5432");
  CHECK(from_dsn("postgres://u:p@ss@h").settings->users[0].password == "p@ss");
  CHECK(meaning("postgres://u:a:b@h") == "u:a:b@h:5432");
  CHECK(meaning("postgres://u@h?sslmode=disable") == "u:@h:5432");
  CHECK(meaning("postgres://u@h/db?sslmode=prefer&sslmode=allow") == "u:@h:5432");
}

TEST_CASE("a DSN that says anything of TLS has it, as libpq") {
  const auto mode = [](const std::string& parameters) {
    const auto result = from_dsn("postgres://u@h" + parameters);
    REQUIRE(result.settings);
    return result.settings->clusters[0].to_nodes.mode;
  };
  CHECK(mode("") == tls_mode::disable);
  CHECK(mode("?sslrootcert=x") == tls_mode::prefer);
  CHECK(mode("?ssl_min_protocol_version=TLSv1.3") == tls_mode::prefer);
  CHECK(mode("?sslrootcert=system") == tls_mode::verify_full);
  CHECK(mode("?sslrootcert=x&sslmode=disable") == tls_mode::disable);
}

TEST_CASE("what is wrong with a DSN, and where") {
  const std::vector<std::pair<std::string, std::string>> table{
      {"mysql://u@h", "1: DSN: wanted postgres://user:password@host:5432/database"},
      {"", "1: DSN: wanted postgres://user:password@host:5432/database"},
      {"postgres://", "12: DSN: the user is missing; wanted postgres://user:password@host"},
      {"postgres://h:5432/db", "12: DSN: the user is missing; wanted postgres://user:password@host"},
      {"postgres://@h", "12: DSN: the user name must not be empty"},
      {"postgres://:p@h", "12: DSN: the user name must not be empty"},
      {"postgres://u:a/b@h",
       "12: DSN: no user before the first slash or question mark; in a password write %2F and %3F for them"},
      {"postgres://u:a%4@h", "15: DSN: wanted two hexadecimal digits after %; a % itself is written %25"},
      {"postgres://u:%zz@h", "14: DSN: wanted two hexadecimal digits after %; a % itself is written %25"},
      {"postgres://u:%00@h", "14: DSN: %00 is not allowed"},
      {"postgres://u@h:x", "16: DSN: the port must be a number from 1 to 65535"},
      {"postgres://u@h:0", "16: DSN: the port must be a number from 1 to 65535"},
      {"postgres://u@h:65536", "16: DSN: the port must be a number from 1 to 65535"},
      {"postgres://u@h1,,h2", "17: DSN: the host is missing"},
      {"postgres://u@h1,", "17: DSN: the host is missing"},
      {"postgres://u@,h1", "14: DSN: the host is missing"},
      {"postgres://u@::1", "14: DSN: an IPv6 address goes in brackets, as in [::1]:5432"},
      {"postgres://u@[::1", "14: DSN: the bracket is not closed"},
      {"postgres://u@[h]", "15: DSN: wanted an IPv6 address in the brackets"},
      {"postgres://u@[::x]", "15: DSN: host: not an IPv6 address"},
      {"postgres://u@[::1]5", "19: DSN: wanted a colon and a port here"},
      {"postgres://u@a b", "14: DSN: host: not a host name, an IP address or the folder of a Unix socket"},
      {"postgres://u@h/%01", "16: DSN: the database name control characters are not allowed in a name"},
      {"postgres://u@h?sslmode=on",
       R"(24: DSN: this sslmode does not exist; use "disable", "allow", "prefer", "require", "verify-ca" or "verify-full")"},
      {"postgres://u@h?ssl_min_protocol_version=TLSv1",
       R"(41: DSN: this version does not exist; use "TLSv1.2" or "TLSv1.3")"},
      {"postgres://u@h?sslmode=verify-full",
       R"(24: cluster.tls.mode: "verify-full" needs ca_file: whom the other side's certificate must come from)"},
      {"postgres://u@h?sslmode=require&sslcert=x.crt",
       "40: cluster.tls.cert_file: a certificate without its key: set key_file"},
      {"postgres://u@h/d?sslmode=prefer&application_name=x",
       R"(33: DSN: unknown parameter; there are "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl" or "ssl_min_protocol_version")"},
      {"postgres://u@h?sslmode",
       R"(16: DSN: unknown parameter; there are "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl" or "ssl_min_protocol_version")"},
      {"postgres://u@h1,h1", "17: cluster.nodes.host: \"h1:5432\" is already a node of this cluster (line 1)"},
  };
  for (const auto& [dsn, error] : table) {
    CAPTURE(dsn);
    CHECK(meaning(dsn) == "command line:1:" + error);
  }
}

TEST_CASE("an error never repeats any of the DSN's password") {
  for (const auto* dsn :
       {"postgres://u:hunter2@h:x", "postgres://u:hunter2", "postgres://u:hunter2/@h", "postgres:/u:hunter2@h",
        "postgres://u:hunter2?@h", "postgres://u:%hunter2@h", "postgres://u:hunter2@h?x=hunter2",
        "postgres://u:hunter2#@h h", "postgres://u:x?sslmode=hunter2@h", "postgres://:hunter2@h",
        "postgres://u:x@hunter2:5/@h:x", "postgres://u@h?password=hunter2"}) {
    CAPTURE(dsn);
    const auto result = from_dsn(dsn);
    for (const auto& each : result.errors)
      CHECK(to_string(each).find("hunter2") == std::string::npos);
  }
}

TEST_CASE("what is a DSN and what a mistake") {
  CHECK(looks_like_dsn("postgres://u@h"));
  CHECK(looks_like_dsn("postgresql:u"));
  CHECK(looks_like_dsn("mysql://u@h"));
  CHECK_FALSE(looks_like_dsn("forebay.toml"));
}

}  // namespace
}  // namespace forebay::config
