#include "cache/store.hpp"

#include <doctest/doctest.h>

#include "tests/unit/cache/support.hpp"

namespace forebay {
namespace {

using namespace cache_tests;
using namespace std::chrono_literals;

TEST_CASE("result_store: what was put in comes out") {
  result_store store({});
  const auto key = cache_key::of("SELECT 1");
  CHECK_FALSE(look(store, "SELECT 1"));
  const auto fresh = result("SELECT 1", "reply", {.cost = 250us});
  CHECK(miss(store, key, fresh) == put::kept);
  CHECK(look(store, "SELECT 1") == fresh);
  CHECK(look(store, "SELECT 1")->reply == "reply");
  CHECK_FALSE(look(store, "SELECT 2"));
  const auto counts = store.count();
  CHECK(counts.entries == 1);
  CHECK(counts.hits == 2);
  CHECK(counts.misses == 3);
  CHECK(counts.fills == 1);
  CHECK(counts.saved_us == 500);
  CHECK(counts.bytes >= fresh->bytes());
}

TEST_CASE("result_store: a newer result of a key takes the place of the older one") {
  result_store store({});
  fill(store, "a");
  look(store, "a");
  const auto bytes = store.count().bytes;
  const auto newer = result("a", "newer"), newest = result("a", "newest");
  CHECK(store.put(newer, cache_key::of("a"), start) == put::kept);
  CHECK(look(store, "a") == newer);
  CHECK(store.put(newest, cache_key::of("a"), start + 1h) == put::kept);  // its misses are forgotten
  CHECK(look(store, "a") == newest);
  CHECK(store.count().entries == 1);
  CHECK(store.count().bytes < bytes);
  CHECK(store.top(1).at(0).hits == 3);
}

TEST_CASE("result_store: of keys with one hash each is given its own") {
  result_store store({});
  const cache_key mine{"mine", {7, 7}}, others{"others", {7, 7}};
  store.find(mine, start, false);
  CHECK(miss(store, mine, result("mine")) == put::kept);
  CHECK(store.find(mine, start, false).hit);
  CHECK_FALSE(store.find(others, start, false).hit);
  // There is room for one.
  CHECK(store.put(result("others"), others, start) == put::kept);
  CHECK(store.find(others, start, false).hit->key == "others");
  CHECK_FALSE(store.find(mine, start, false).hit);
  CHECK(store.count().entries == 1);
}

TEST_CASE("result_store: what is too old is not given, and gone") {
  result_store store({});
  fill(store, "a", {.until = start + 10s});
  CHECK(look(store, "a", start + 10s - 1ns));
  CHECK_FALSE(look(store, "a", start + 10s));
  CHECK(store.count().stale == 1);
  CHECK(store.count().entries == 0);
  CHECK_FALSE(look(store, "a", start));
  CHECK(store.put(result("a", {.until = start + 10s}), cache_key::of("a"), start + 10s) == put::outdated);
}

TEST_CASE("result_store: what no longer holds is not given, and gone") {
  result_store store({});
  cache_clock clock, other;
  fill(store, "a", {.depends = &clock});
  fill(store, "b", {.depends = &other});
  const auto bytes = store.count().bytes;
  clock.wrote();
  CHECK(store.count().entries == 2);
  CHECK_FALSE(look(store, "a"));
  CHECK(look(store, "b"));
  CHECK(store.count().stale == 1);
  CHECK(store.count().entries == 1);
  CHECK(store.count().bytes < bytes);
}

TEST_CASE("result_store: what was written to since it was read is not put") {
  result_store store({});
  cache_clock clock;
  const auto key = cache_key::of("a");
  store.find(key, start, false);
  store.find(key, start, false);
  const auto read = result("a", {.depends = &clock});
  clock.begins();
  CHECK(store.put(read, key, start) == put::outdated);
  clock.wrote();
  clock.ends();
  CHECK(store.put(read, key, start) == put::outdated);
  CHECK(store.put(result("a", {.depends = &clock}), key, start) == put::kept);
  CHECK(store.count().outdated == 2);
}

TEST_CASE("result_store: a first miss is only counted") {
  result_store store({});
  const auto key = cache_key::of("a");
  CHECK(store.put(result("a"), key, start) == put::first_miss);  // not even missed
  CHECK(miss(store, key, result("a")) == put::first_miss);
  CHECK_FALSE(look(store, "a"));
  CHECK(store.put(result("a"), key, start) == put::kept);
  CHECK(store.count().first_misses == 2);
}

TEST_CASE("result_store: a miss long ago is forgotten") {
  result_store store({});
  const auto key = cache_key::of("a");
  CHECK(miss(store, key, result("a")) == put::first_miss);
  CHECK(miss(store, key, result("a"), start + 1h) == put::first_miss);
  CHECK(miss(store, key, result("a"), start + 1h + 1min) == put::kept);
}

TEST_CASE("result_store: a miss many misses ago is forgotten") {
  result_store store({.bytes = 1024 * 1024});
  const cache_key key{"a", {0, 0}};
  CHECK(miss(store, key, result("a")) == put::first_miss);
  for (std::uint64_t i = 0; i < 256; ++i)  // of the same shard, with none of its counters
    store.find({"b", {(1 + i % 255) * 0x0001'0001'0001'0001, 0}}, start, false);
  CHECK(miss(store, key, result("a")) == put::first_miss);
  CHECK(miss(store, key, result("a")) == put::kept);
}

TEST_CASE("result_store: what was wanted before is back with its first miss") {
  result_store store({});
  cache_clock clock;
  fill(store, "a", {.depends = &clock});
  for (int i = 0; i < 100; ++i)
    look(store, "a", start + 50min);  // its misses are forgotten
  clock.wrote();
  CHECK(miss(store, cache_key::of("a"), result("a", {.depends = &clock}), start + 50min) == put::kept);
}

TEST_CASE("result_store: no result above its bound") {
  result_store store({.entry_bytes = 10'000});
  CHECK(fill(store, "a", {.bytes = 9'000}) == put::kept);
  CHECK(fill(store, "b", {.bytes = 10'000}) == put::too_large);
  CHECK(store.count().too_large == 1);
  store.set_limits({.entry_bytes = 11'000});
  CHECK(fill(store, "b", {.bytes = 10'000}) == put::kept);
}

TEST_CASE("result_store: what is flushed is gone, the rest stays") {
  result_store store({});
  const auto empty = store.count().bytes;
  for (int i = 0; i < 100; ++i)
    fill(store, std::to_string(i), {.cost = microseconds(i)});
  CHECK(store.flush([](const cache_entry& each) { return each.cost >= 40us; }) == 60);
  CHECK(store.count().entries == 40);
  CHECK(look(store, "39"));
  CHECK_FALSE(look(store, "40"));
  CHECK(store.flush([](const cache_entry&) { return true; }) == 40);
  CHECK(store.count().entries == 0);
  CHECK(store.count().bytes == empty);
}

TEST_CASE("result_store: the ones of most value are named first") {
  result_store store({});
  for (int i = 1; i <= 100; ++i)
    fill(store, std::to_string(i), {.cost = microseconds(1000 * i)});
  for (int i = 0; i < 200; ++i)
    look(store, "7");
  const auto best = store.top(3);
  REQUIRE(best.size() == 3);
  CHECK(best[0].entry->key == "7");
  CHECK(best[0].hits == 200);
  CHECK(best[1].entry->key == "100");
  CHECK(best[2].entry->key == "99");
  CHECK(best[1].value > best[2].value);
  CHECK(store.top(1000).size() == 100);
}

}  // namespace
}  // namespace forebay
