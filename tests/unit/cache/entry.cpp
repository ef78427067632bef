#include "cache/entry.hpp"

#include <doctest/doctest.h>

#include <set>

namespace forebay {
namespace {

TEST_CASE("cache_key: its hash is that of its bytes") {
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  std::string bytes;
  for (int length = 0; length < 600; ++length, bytes += 'a') {
    const auto key = cache_key::of(bytes), again = cache_key::of(std::string(bytes));
    CHECK(key.bytes == bytes);
    CHECK(key.hash[0] == again.hash[0]);
    CHECK(key.hash[1] == again.hash[1]);
    CHECK(seen.emplace(key.hash[0], key.hash[1]).second);
  }
}

TEST_CASE("cache_entry: it holds while all that it depends on does") {
  cache_clock one, other;
  const cache_entry entry{.depends = {&one, &other}, .fence = cache_clock::now()};
  CHECK(entry.holds());
  other.begins();
  CHECK_FALSE(entry.holds());
  other.ends();
  CHECK(entry.holds());
  one.wrote();
  CHECK_FALSE(entry.holds());
}

TEST_CASE("cache_entry: its bytes are all that it has") {
  const auto empty = cache_entry{}.bytes();
  CHECK(empty >= sizeof(cache_entry));
  CHECK(cache_entry{.key = std::string(1000, 'k')}.bytes() >= empty + 1000);
  CHECK(cache_entry{.reply = std::string(100'000, 'r')}.bytes() >= empty + 100'000);
  cache_entry roomy;
  roomy.reply.reserve(50'000);
  CHECK(roomy.bytes() >= empty + 50'000);
  CHECK(cache_entry{.depends = std::vector<cache_clock*>(10)}.bytes() >= empty + 10 * sizeof(void*));
  CHECK(cache_entry{.tags = {std::string(100, 't'), "u"}}.bytes() >= empty + 2 * sizeof(std::string) + 100);
}

}  // namespace
}  // namespace forebay
