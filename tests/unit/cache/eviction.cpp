#include <doctest/doctest.h>

#include "cache/store.hpp"
#include "core/random.hpp"
#include "tests/unit/cache/support.hpp"

namespace forebay {
namespace {

using namespace cache_tests;
using namespace std::chrono_literals;

constexpr std::size_t mebibyte = 1024 * 1024;

TEST_CASE("result_store: never more bytes than the bound") {
  result_store store({.bytes = 4 * mebibyte, .entry_bytes = 64 * 1024});
  quick_random random(3);
  std::uint64_t most = 0;
  for (int i = 0; i < 100'000; ++i) {
    fill(store, std::to_string(i),
         {.bytes = i % 100 == 0 ? random.below(60'000) : random.below(1'000),
          .cost = microseconds(random.below(10'000))});
    if (i % 100 == 0) most = std::max(most, store.count().bytes);
  }
  CHECK(most <= 4 * mebibyte);
  CHECK(most > 4 * mebibyte * 95 / 100);  // and full
  CHECK(store.count().evictions > 1000);
}

TEST_CASE("result_store: what went leaves its room, however it went") {
  result_store store({.bytes = mebibyte});
  cache_clock clock;
  const auto key = cache_key::of("a");
  const auto fill_again = [&] { return fill(store, "a", {.bytes = 10'000, .depends = &clock}) == put::kept; };
  int kept = 0;
  for (int i = 0; i < 500; ++i) {
    kept += fill_again();
    kept += store.put(result("a", {.bytes = 20'000, .depends = &clock}), key, start) == put::kept;  // replaced
    clock.wrote();
    kept += fill_again();  // stale
    store.flush([](const cache_entry&) { return true; });
  }
  CHECK(kept == 1500);
  CHECK(store.count().evictions == 0);
}

TEST_CASE("result_store: a small dear result outlives large cheap ones") {
  result_store store({.bytes = 4 * mebibyte, .entry_bytes = 64 * 1024});
  for (int i = 0; i < 100; ++i)
    fill(store, "dear" + std::to_string(i), {.bytes = 100, .cost = 100ms});
  for (int i = 0; i < 10'000; ++i)
    fill(store, "cheap" + std::to_string(i), {.bytes = 10'000, .cost = 1ms});
  int stayed = 0;
  for (int i = 0; i < 100; ++i)
    stayed += look(store, "dear" + std::to_string(i)) != nullptr;
  CHECK(stayed >= 99);
  CHECK(store.count().evictions > 1000);
}

TEST_CASE("result_store: of what took as long the small outlives the large") {
  result_store store({.bytes = 4 * mebibyte, .entry_bytes = 64 * 1024});
  for (int i = 0; i < 50; ++i)
    fill(store, "small" + std::to_string(i), {.bytes = 100});
  for (int i = 0; i < 5'000; ++i)
    fill(store, "large" + std::to_string(i), {.bytes = 10'000});
  int stayed = 0;
  for (int i = 0; i < 50; ++i)
    stayed += look(store, "small" + std::to_string(i)) != nullptr;
  CHECK(stayed >= 49);
}

TEST_CASE("result_store: a result read often outlives those never read") {
  result_store store({.bytes = 2 * mebibyte});
  for (int i = 0; i < 100; ++i) {
    fill(store, "read" + std::to_string(i), {.bytes = 1000});
    for (int reads = 0; reads < 50; ++reads)
      look(store, "read" + std::to_string(i));
  }
  for (int i = 0; i < 5'000; ++i)
    fill(store, "scan" + std::to_string(i), {.bytes = 1000});
  int stayed = 0;
  for (int i = 0; i < 100; ++i)
    stayed += look(store, "read" + std::to_string(i)) != nullptr;
  CHECK(stayed >= 95);
}

TEST_CASE("result_store: a newcomer worth less than what is there does not come in") {
  result_store store({.bytes = mebibyte});
  int last = 0;
  while (last < 2000 && store.count().no_room + store.count().evictions == 0)
    fill(store, std::to_string(last++), {.bytes = 1000, .cost = 10ms});
  const auto before = store.count();
  CHECK(fill(store, "cheap", {.bytes = 1000, .cost = 1us}) == put::no_room);
  CHECK(store.count().evictions == before.evictions);
  CHECK(store.count().entries == before.entries);
  CHECK(store.count().no_room == before.no_room + 1);
  CHECK(fill(store, "dear", {.bytes = 1000, .cost = 1s}) == put::kept);
}

TEST_CASE("result_store: what was read long ago makes room for what is read now") {
  result_store store({.bytes = mebibyte});
  for (int kept = 0; kept < 2000; ++kept) {
    const auto key = std::to_string(kept);
    if (fill(store, key, {.bytes = 1000}) == put::no_room) break;
    for (int reads = 0; reads < 100; ++reads)
      look(store, key);
  }
  CHECK(fill(store, "new", {.bytes = 1000}) == put::no_room);
  CHECK(fill(store, "new", {.bytes = 1000}, start + 3h) == put::kept);
}

TEST_CASE("result_store: what no longer holds goes first, however dear") {
  result_store store({.bytes = mebibyte});
  cache_clock clock;
  for (int i = 0; i < 300; ++i)
    fill(store, "old" + std::to_string(i), {.bytes = 1000, .cost = 10s, .depends = &clock});
  for (int i = 0; i < 300; ++i)
    fill(store, "aged" + std::to_string(i), {.bytes = 1000, .cost = 10s, .until = start + 1s});
  clock.wrote();
  const auto later = start + 1s;
  for (int i = 0; i < 600; ++i)
    fill(store, "new" + std::to_string(i), {.bytes = 1000, .cost = 1us}, later);
  int stayed = 0;
  for (int i = 0; i < 600; ++i)
    stayed += look(store, "new" + std::to_string(i), later) != nullptr;
  CHECK(stayed > 550);
  CHECK(store.count().stale > 250);
}

TEST_CASE("result_store: a smaller bound is kept at once") {
  result_store store({.bytes = 8 * mebibyte});
  for (int i = 0; i < 5'000; ++i)
    fill(store, std::to_string(i), {.bytes = 1000, .cost = i < 500 ? 1s : 1ms});
  CHECK(store.count().bytes > 5 * mebibyte);
  store.set_limits({.bytes = 2 * mebibyte});
  CHECK(store.count().bytes <= 2 * mebibyte);
  CHECK(store.count().bytes > 2 * mebibyte * 95 / 100);
  int stayed = 0;
  for (int i = 0; i < 500; ++i)
    stayed += look(store, std::to_string(i)) != nullptr;
  CHECK(stayed > 490);
  store.set_limits({.bytes = 0});
  CHECK(store.count().entries == 0);
  CHECK(fill(store, "a") == put::no_room);
  store.set_limits({.bytes = mebibyte});
  CHECK(fill(store, "a") == put::kept);
}

TEST_CASE("result_store: a few large results fill all of it, whichever shards they fall into") {
  result_store store({.bytes = 4 * mebibyte});
  for (int i = 0; i < 3; ++i)
    CHECK(fill(store, "same" + std::to_string(i), {.bytes = mebibyte, .cost = 1ms}) == put::too_large);
  store.set_limits({.bytes = 4 * mebibyte, .entry_bytes = 2 * mebibyte});
  const cache_key keys[] = {{"a", {1, 0}}, {"b", {0x20002, 16}}, {"c", {0x3000300030003, 32}}};
  for (const auto& key : keys) {  // all in one shard
    store.find(key, start, false);
    CHECK(miss(store, key, result(key.bytes, {.bytes = mebibyte, .cost = 1ms})) == put::kept);
  }
  CHECK(store.count().entries == 3);
  // Another shard has none to give, and takes theirs.
  const cache_key other{"d", {4, 1}};
  store.find(other, start, false);
  CHECK(miss(store, other, result("d", {.bytes = mebibyte, .cost = 1us})) == put::no_room);
  CHECK(store.count().entries == 3);
  CHECK(miss(store, other, result("d", {.bytes = mebibyte, .cost = 10ms})) == put::kept);
  CHECK(store.count().entries == 3);
}

}  // namespace
}  // namespace forebay
