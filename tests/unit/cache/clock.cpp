#include "cache/clock.hpp"

#include <doctest/doctest.h>

namespace forebay {
namespace {

TEST_CASE("cache_clock: what was read before a write does not hold, what was read after it does") {
  cache_clock clock;
  const auto before = cache_clock::now();
  CHECK(clock.holds(before));
  clock.wrote();
  CHECK_FALSE(clock.holds(before));
  CHECK(clock.holds(cache_clock::now()));
}

TEST_CASE("cache_clock: nothing holds while a write is under way") {
  cache_clock clock;
  clock.begins();
  CHECK_FALSE(clock.holds(cache_clock::now()));
  clock.begins();
  clock.ends();
  CHECK_FALSE(clock.holds(cache_clock::now()));  // the other still is
  clock.ends();
  CHECK(clock.holds(cache_clock::now()));  // and neither wrote anything
}

TEST_CASE("cache_clock: what was read during a write does not hold") {
  cache_clock clock;
  clock.begins();
  const auto during = cache_clock::now();
  clock.wrote();
  clock.ends();
  CHECK_FALSE(clock.holds(during));
}

TEST_CASE("cache_clock: others go on by themselves") {
  cache_clock clock, other;
  const auto before = cache_clock::now();
  other.wrote();
  CHECK(clock.holds(before));
  CHECK(cache_clock::now() > before);
}

TEST_CASE("how far a replica must be is found once for each ticket") {
  cache_clock clock;
  CHECK(clock.position(0, lsn{100}) == lsn{});  // never written
  clock.wrote(7);
  CHECK(clock.position(6, lsn{100}) == std::nullopt);
  CHECK(clock.position(7, lsn{200}) == lsn{200});
  CHECK(clock.position(9, lsn{300}) == lsn{200});
  clock.wrote(3);  // older, or without one
  clock.wrote();
  CHECK(clock.position(9, lsn{300}) == lsn{200});
  clock.wrote(10);
  CHECK(clock.position(9, lsn{300}) == std::nullopt);
  CHECK(clock.position(12, lsn{400}) == lsn{400});
}

TEST_CASE("cache_clocks: one for each relation, for ever") {
  cache_clocks clocks;
  auto& one = clocks.of(16384);
  CHECK(&clocks.of(16385) != &one);
  CHECK(&clocks.all() != &one);
  for (cache_clocks::oid relation = 1; relation < 1000; ++relation)
    clocks.of(relation);
  CHECK(&clocks.of(16384) == &one);
}

}  // namespace
}  // namespace forebay
