#include "cache/stored_result.hpp"

#include <doctest/doctest.h>

namespace forebay {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t most = 1 << 20;

stored_result some(std::string reply) {
  stored_result made;
  made.key = "the key";
  made.reply = std::move(reply);
  made.fence.set(7, 100);
  made.fence.set(~0ULL, 1ULL << 60);
  made.ttl = 90s;
  made.cost = 1234us;
  made.rows = 5;
  return made;
}

TEST_CASE("what is stored comes back, compressed or not") {
  for (const auto& reply : {std::string("short"), std::string(100'000, 'x'), std::string()}) {
    for (const std::size_t over : {0UL, 1000UL, 1UL << 30}) {
      const auto bytes = some(reply).encode(over);
      const auto back = stored_result::decode(bytes, "the key", most);
      REQUIRE(back);
      CHECK(back->reply == reply);
      CHECK(back->fence == some("").fence);
      CHECK(back->ttl == 90s);
      CHECK(back->cost == 1234us);
      CHECK(back->rows == 5);
    }
  }
  CHECK(some(std::string(100'000, 'x')).encode(1000).size() < 1000);
  CHECK(some(std::string(100'000, 'x')).encode(1 << 20).size() > 100'000);
}

TEST_CASE("what cannot be made smaller by a fifth is not compressed") {
  std::string random;
  for (std::uint32_t i = 0, x = 1; i < 10'000; ++i) {
    x = x * 1664525 + 1013904223;
    random += static_cast<char>(x >> 24);
  }
  const auto bytes = some(random).encode(0);
  CHECK(bytes.find(random) != bytes.npos);
}

TEST_CASE("a damaged value is none: each byte counts, and each length") {
  const auto bytes = some(std::string(300, 'x') + "and an end").encode(100);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto wrong = bytes;
    wrong[i] = static_cast<char>(wrong[i] ^ 1);
    CHECK_FALSE(stored_result::decode(wrong, "the key", most));
    CHECK_FALSE(stored_result::decode(bytes.substr(0, i), "the key", most));
  }
  CHECK_FALSE(stored_result::decode(bytes + "x", "the key", most));
}

TEST_CASE("another key, another version, too large") {
  const auto bytes = some(std::string(5000, 'x')).encode(100);
  CHECK_FALSE(stored_result::decode(bytes, "another", most));
  CHECK_FALSE(stored_result::decode(bytes, "the key", 4999));
  CHECK(stored_result::decode(bytes, "the key", 5000));
  CHECK_FALSE(stored_result::decode("FBY0" + bytes.substr(4), "the key", most));
}

TEST_CASE("names are by the key, and the same everywhere") {
  CHECK(redis_name_of_result("a") == "forebay:1:a96faf705af16834e6c632b61e964e1f");
  CHECK(redis_name_of_result("a") != redis_name_of_result("b"));
}

}  // namespace
}  // namespace forebay
