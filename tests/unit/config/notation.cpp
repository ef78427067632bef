#include "config/notation.hpp"

#include "support.hpp"

namespace forebay::config {
namespace {

TEST_CASE("durations") {
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("5s") == 5s);
  CHECK(parse_duration("10m") == 10min);
  CHECK(parse_duration("1h") == 1h);
  CHECK(parse_duration("7d") == 168h);
  CHECK(parse_duration("0s") == 0ms);
  CHECK(parse_duration("3650d") == 87600h);
  for (const auto* wrong : {"", "5", "s", "5 s", "-5s", "+5s", "1.5s", "5S", "5min", "5ss", "3651d",
                            "99999999999999999999s", "9223372036854775807ms", " 5s"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_duration(wrong));
  }
}

TEST_CASE("a duration is written in the largest unit that fits") {
  CHECK(to_string(duration(0)) == "0s");
  CHECK(to_string(duration(1500ms)) == "1500ms");
  CHECK(to_string(duration(90s)) == "90s");
  CHECK(to_string(duration(10min)) == "10m");
  CHECK(to_string(duration(36h)) == "36h");
  CHECK(to_string(duration(48h)) == "2d");
}

TEST_CASE("sizes") {
  CHECK(parse_size("0") == byte_size{0});
  CHECK(parse_size("512") == byte_size{512});
  CHECK(parse_size("1KiB") == byte_size{1024});
  CHECK(parse_size("64MiB") == byte_size{64 << 20});
  CHECK(parse_size("3GiB") == byte_size{3ULL << 30});
  CHECK(parse_size("1024TiB") == byte_size{1ULL << 50});
  for (const auto* wrong :
       {"", "MiB", "-1", "1.5GiB", "1 KiB", "1KB", "1kib", "1K", "1025TiB", "18446744073709551616"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_size(wrong));
  }
  CHECK(to_string(byte_size{0}) == "0");
  CHECK(to_string(byte_size{1536}) == "1536");
  CHECK(to_string(byte_size{64 << 20}) == "64MiB");
  CHECK(to_string(byte_size{2ULL << 40}) == "2TiB");
}

TEST_CASE("addresses") {
  const auto shown = [](std::string_view text) {
    const auto parsed = parse_address(text);
    return parsed.complaint.empty() ? to_string(parsed.value) : "";
  };
  CHECK(shown("127.0.0.1:7000") == "127.0.0.1:7000");
  CHECK(shown("127.0.0.1") == "127.0.0.1:6432");
  CHECK(shown("*:1") == "*:1");
  CHECK(shown("localhost:1") == "localhost:1");
  CHECK(shown("[::1]:65535") == "[::1]:65535");
  CHECK(shown("[fe80::1]") == "[fe80::1]:6432");
  for (const auto* wrong : {"", ":", ":5", "h:5", "::1", "::1:5", "[::1", "[::1]5", "[::1]:", "1.2.3.4:", "1.2.3.4:0",
                            "1.2.3.4:65536", "1.2.3.4:x", "1.2.3:4", "[]:5", "1.2.3.4:5 "}) {
    CAPTURE(wrong);
    CHECK(shown(wrong).empty());
  }
}

TEST_CASE("the nearest word, or none when nothing is near") {
  const std::vector<std::string_view> words{"size", "min_size", "server_lifetime", "mode"};
  CHECK(nearest("sise", words) == "size");
  CHECK(nearest("isze", words) == "size");  // swapped
  CHECK(nearest("minsize", words) == "min_size");
  CHECK(nearest("server_life_time", words) == "server_lifetime");
  CHECK(nearest("lts", std::vector<std::string_view>{"tls"}) == "tls");
  CHECK_FALSE(nearest("x", words));
  CHECK_FALSE(nearest("", words));
  CHECK_FALSE(nearest("elephant", words));
  CHECK_FALSE(nearest(std::string(1000, 's'), words));
}

TEST_CASE("quotes as in TOML") {
  CHECK(in_quotes("a\"b\\c\n\x7f") == R"("a\"b\\c\u000A\u007F")");
  CHECK(listed(std::vector<std::string_view>{"a"}) == R"("a")");
  CHECK(listed(std::vector<std::string_view>{"a", "b", "c"}) == R"("a", "b" or "c")");
}

TEST_CASE("secrets as PostgreSQL stores them") {
  CHECK(complain_secret(scram_secret).empty());
  CHECK(complain_secret(md5_secret).empty());
  const std::string key(43, 'A'), salt = "c2FsdA==";
  const auto scram = [](std::string rest) { return "SCRAM-SHA-256$" + rest; };
  CHECK(complain_secret(scram("1:" + salt + "$" + key + "=:" + key + "=")).empty());
  for (const auto& wrong :
       {scram(""), scram("4096"), scram("4096:" + salt), scram("4096:" + salt + "$" + key + "="),
        scram("0:" + salt + "$" + key + "=:" + key + "="), scram("x:" + salt + "$" + key + "=:" + key + "="),
        scram("4096:$" + key + "=:" + key + "="), scram("4096:c2Fs!A==$" + key + "=:" + key + "="),
        scram("4096:" + salt + "$" + key.substr(1) + "==:" + key + "="),
        scram("4096:" + salt + "$" + key + ":" + key + "="), scram("4096:" + salt + "$" + key + "=:" + key + "=="),
        scram("4096:" + salt + "$" + key + "=:" + key + "=\n"), std::string("md5"), md5_secret + "0",
        std::string("md5x123456789abcdef0123456789abcdef"), std::string("hello")}) {
    CAPTURE(wrong);
    CHECK_FALSE(complain_secret(wrong).empty());
  }
}

TEST_CASE("hosts of nodes") {
  for (const auto* right : {"h", "db-1.example.org", "10.0.0.1", "::1", "fe80::1", "/run/postgresql"}) {
    CAPTURE(right);
    CHECK(complain_host(right).empty());
  }
  for (const auto* wrong : {"", "a b", "a/b", "a,b", "a@b", "h:5432", "[::1]", "a::b::c", "h\n"}) {
    CAPTURE(wrong);
    CHECK_FALSE(complain_host(wrong).empty());
  }
  CHECK(complain_host("/" + std::string(91, 'x')).empty());
  CHECK_FALSE(complain_host("/" + std::string(92, 'x')).empty());
}

TEST_CASE("words of enumerations follow the order of their values") {
  CHECK(to_string(pool_mode::statement) == "statement");
  CHECK(to_string(auth_type::trust) == "trust");
  CHECK(to_string(session_state_policy::refuse) == "refuse");
  CHECK(to_string(node_role::replica) == "replica");
  CHECK(to_string(log_format::json) == "json");
  CHECK(to_string(routing_strategy::random) == "random");
  CHECK(to_string(routing_strategy::weighted) == "weighted");
  CHECK(to_string(read_your_writes::off) == "off");
}

}  // namespace
}  // namespace forebay::config
