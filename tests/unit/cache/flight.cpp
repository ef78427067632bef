#include "cache/flight.hpp"

#include <doctest/doctest.h>

#include <optional>

#include "tests/unit/cache/support.hpp"

namespace forebay {
namespace {

using namespace cache_tests;

TEST_CASE("cache_flight: all who wait are woken once, nobody after its end") {
  cache_flight flight;
  int woken = 0;
  CHECK(flight.wait([&] { ++woken; }));
  CHECK(flight.wait([&] { ++woken; }));
  CHECK_FALSE(flight.ended());
  CHECK(woken == 0);
  flight.end();
  CHECK(woken == 2);
  CHECK(flight.ended());
  CHECK_FALSE(flight.wait([&] { ++woken; }));
  flight.end();
  CHECK(woken == 2);
}

TEST_CASE("cache_flight: who is woken may ask it again") {
  cache_flight flight;
  std::optional<bool> again;
  flight.wait([&] { again = flight.wait([] {}); });
  flight.end();
  CHECK(again == false);
}

TEST_CASE("result_store: of a thousand that miss a new key one asks the server, the others are given its result") {
  result_store store({});
  const auto key = cache_key::of("a");
  const auto first = store.find(key, start, true);
  REQUIRE(first.flight);
  CHECK(first.ours);
  CHECK_FALSE(first.hit);
  int given = 0;
  for (int i = 1; i < 1000; ++i) {
    const auto other = store.find(key, start, true);
    REQUIRE(other.flight == first.flight);
    CHECK_FALSE(other.ours);
    CHECK(other.flight->wait([&] { given += store.find(key, start, false).hit != nullptr; }));
  }
  CHECK(store.put(result("a"), key, start) == put::kept);  // it was wanted by others
  CHECK(given == 0);
  first.flight->end();
  CHECK(given == 999);
  CHECK(store.count().misses == 1);
  CHECK(store.count().waited == 999);
  CHECK(store.count().hits == 999);
}

TEST_CASE("result_store: a flight that others wait for admits its result, even when its misses are forgotten") {
  result_store store({});
  const auto key = cache_key::of("a");
  const auto first = store.find(key, start, true);
  store.find(key, start, true);
  CHECK(store.put(result("a"), key, start + std::chrono::hours(1)) == put::kept);
}

TEST_CASE("result_store: those whose flight came to nothing go on as plain misses") {
  result_store store({});
  const auto key = cache_key::of("a");
  const auto first = store.find(key, start, true);
  const auto other = store.find(key, start, true);
  first.flight->end();
  CHECK_FALSE(other.flight->wait([] {}));
  const auto again = store.find(key, start, false);
  CHECK_FALSE(again.hit);
  CHECK_FALSE(again.flight);
  const auto next = store.find(key, start, true);  // the ended one keeps nobody waiting
  CHECK(next.ours);
  CHECK(next.flight != first.flight);
}

TEST_CASE("result_store: who may not wait is given no flight, under way or not") {
  result_store store({});
  const auto key = cache_key::of("a");
  CHECK_FALSE(store.find(key, start, false).flight);
  const auto first = store.find(key, start, true);
  CHECK(first.ours);
  CHECK_FALSE(store.find(key, start, false).flight);
  CHECK(store.count().waited == 0);
}

TEST_CASE("result_store: what came to nothing is not waited for again, for a while") {
  result_store store({});
  const auto key = cache_key::of("large"), other = cache_key::of("other");
  CHECK(store.find(key, start, true).ours);
  store.keep_apart(key, start);
  const auto first = store.find(key, start, true), second = store.find(key, start, true);
  CHECK_FALSE(first.flight);
  CHECK_FALSE(second.flight);
  CHECK(store.find(other, start, true).ours);
  CHECK(store.find(key, start + std::chrono::minutes(2), true).ours);
}

TEST_CASE("result_store: a flight that nobody has any more keeps nobody waiting") {
  result_store store({});
  const auto key = cache_key::of("a");
  CHECK(store.find(key, start, true).ours);
  CHECK(store.find(key, start, true).ours);
}

TEST_CASE("result_store: many flights at a time, each of its own key") {
  result_store store({});
  std::vector<cache_flight_ptr> flights;
  for (int i = 0; i < 5000; ++i) {
    const auto found = store.find(cache_key::of(std::to_string(i)), start, true);
    REQUIRE(found.ours);
    if (i % 2 == 0) found.flight->end();
    flights.push_back(found.flight);
  }
  for (int i = 0; i < 5000; ++i) {
    const auto found = store.find(cache_key::of(std::to_string(i)), start, true);
    CHECK(found.ours == (i % 2 == 0));
    CHECK((found.flight == flights[i]) == (i % 2 == 1));
  }
}

}  // namespace
}  // namespace forebay
