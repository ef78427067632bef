#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <future>
#include <latch>
#include <thread>
#include <vector>

#include "cache/flight.hpp"
#include "cache/store.hpp"
#include "core/random.hpp"
#include "tests/unit/cache/support.hpp"

// Also of the suite `tsan`.
namespace forebay {
namespace {

using namespace cache_tests;

// A table of the server: how often it was written to, and which of its writes have been acknowledged.
struct table {
  cache_clock clock;
  std::atomic<int> written{0}, acknowledged{0};

  void write() {
    clock.begins();
    const auto version = ++written;
    clock.wrote();
    clock.ends();
    acknowledged.store(version);
  }
};

TEST_CASE("result_store: no reader is given what is older than a write acknowledged before it asked") {
  result_store store({.bytes = 256 * 1024, .entry_bytes = 16 * 1024});
  std::array<table, 4> tables;
  std::atomic<int> stale{0}, hits{0};
  std::atomic<bool> over{false};
  const auto read = [&](std::uint64_t seed) {
    quick_random random(seed);
    for (int i = 0; i < 20'000; ++i) {
      const auto which = random.below(tables.size());
      auto& its = tables[which];
      const auto text = std::to_string(which) + "," + std::to_string(random.below(50));
      const auto key = cache_key::of(text);
      const auto known = its.acknowledged.load();
      const auto found = store.find(key, start, true);
      if (found.hit) {
        ++hits;
        stale += std::stoi(found.hit->reply) < known;
        continue;
      }
      cache_entry fresh{.key = text,
                        .depends = {&its.clock},
                        .fence = cache_clock::now(),
                        .until = steady::time_point::max(),
                        .cost = microseconds(random.below(1000))};
      fresh.reply = std::to_string(its.written.load()) + std::string(random.below(5000), ' ');
      store.put(std::make_shared<const cache_entry>(std::move(fresh)), key, start);
      if (found.ours) found.flight->end();
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 3; ++i)
    threads.emplace_back(read, i);
  threads.emplace_back([&] {
    for (unsigned i = 0; !over.load(); ++i) {
      tables[i % 3].write();  // not the last one
      if (i % 16 == 0) store.flush([](const cache_entry& each) { return each.reply.size() < 1000; });
      if (i % 64 == 0) store.set_limits({.bytes = (128 + i % 128) * 1024, .entry_bytes = 16 * 1024});
      if (i % 16 == 1) store.top(10);
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 3; ++i)
    threads[i].join();
  over = true;
  threads.back().join();
  CHECK(stale == 0);
  CHECK(hits > 100);
  const auto counts = store.count();
  CHECK(counts.bytes <= 256 * 1024);
  CHECK(counts.hits == static_cast<std::uint64_t>(hits.load()));
  CHECK(counts.hits + counts.misses + counts.waited == 60'000);
  const auto went = store.flush([](const cache_entry&) { return true; });
  CHECK(went == counts.entries);
}

TEST_CASE("result_store: threads that miss one key at once ask the server once") {
  constexpr int threads = 8;
  result_store store({});
  for (int round = 0; round < 50; ++round) {
    const auto text = std::to_string(round);
    std::latch looked(threads);
    std::atomic<int> asked{0}, given{0};
    const auto session = [&] {
      const auto key = cache_key::of(text);
      const auto found = store.find(key, start, true);
      looked.count_down();
      if (found.ours) {
        looked.wait();
        ++asked;
        store.put(result(text), key, start);
        found.flight->end();
        return;
      }
      std::promise<void> over;
      if (found.flight->wait([&] { over.set_value(); })) over.get_future().wait();
      given += store.find(key, start, false).hit != nullptr;
    };
    std::vector<std::thread> all;
    all.reserve(threads);
    for (int i = 0; i < threads; ++i)
      all.emplace_back(session);
    for (auto& each : all)
      each.join();
    CHECK(asked == 1);
    CHECK(given == threads - 1);
  }
}

}  // namespace
}  // namespace forebay
