#include "config/redis_url.hpp"

#include "support.hpp"

namespace forebay::config {
namespace {

redis_server good(std::string_view text) {
  std::string complaint;
  const auto parsed = parse_redis_url(text, complaint);
  REQUIRE_MESSAGE(parsed, complaint);
  return *parsed;
}

std::string wrong(std::string_view text) {
  std::string complaint;
  CHECK_FALSE(parse_redis_url(text, complaint));
  return complaint;
}

TEST_CASE("one server") {
  const auto plain = good("redis://cache.local");
  CHECK(plain.hosts == std::vector<address>{{"cache.local", 6379}});
  CHECK_FALSE(plain.cluster);
  CHECK(plain.password.empty());

  const auto full = good("redis://app:s%40cret@[::1]:7000/3");
  CHECK(full.hosts == std::vector<address>{{"::1", 7000}});
  CHECK(full.user == "app");
  CHECK(full.password == "s@cret");
  CHECK(full.database == 3);
  CHECK(good("redis://:secret@host/").user.empty());
}

TEST_CASE("a cluster") {
  const auto many = good("redis+cluster://:p@a:1,b:2,c");
  CHECK(many.cluster);
  CHECK(many.hosts == std::vector<address>{{"a", 1}, {"b", 2}, {"c", 6379}});
}

TEST_CASE("what is shown has no password") {
  CHECK(redis_url(good("redis://app:secret@[::1]:7000/3")) == "redis://app@[::1]:7000/3");
  CHECK(redis_url(good("redis+cluster://:secret@a:1,b")) == "redis+cluster://a:1,b:6379");
}

TEST_CASE("mistakes") {
  CHECK(wrong("localhost:6379") == "wanted redis://:password@host:6379/0 or redis+cluster://host:6379,host:6379");
  CHECK(wrong("redis://a,b") == "one host only; several are for redis+cluster://");
  CHECK(wrong("redis://host/x") == "the database is a number, as in redis://host:6379/0");
  CHECK(wrong("redis+cluster://host/1") == "a Redis Cluster has no databases");
  CHECK(wrong("redis://secret@host") == "wanted user:password or :password before the @");
  CHECK(wrong("redis://app:@host") == "the password is missing before the @");
  CHECK(wrong("redis+cluster://a,,b") == "the host is missing");
  CHECK(wrong("redis://host:99999") == "the port must be a number from 1 to 65535");
}

}  // namespace
}  // namespace forebay::config
