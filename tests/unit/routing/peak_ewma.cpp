#include "routing/peak_ewma.hpp"

#include <array>

#include "balancer_support.hpp"

namespace forebay {
namespace {

using namespace test;

TEST_CASE("peak ewma: up at once, down over time, and fading when nobody asks") {
  peak_ewma e;
  CHECK(e.at(start) == 0);
  CHECK_FALSE(e.is_fresh(start));
  e.observe(start, 1ms);
  e.observe(start + 1ms, 100ms);
  CHECK(e.at(start + 1ms) == doctest::Approx(100e6));
  e.observe(start + 2ms, 1ms);
  CHECK(e.at(start + 2ms) > 99e6);
  for (auto t = start; t < start + 3 * peak_ewma::decay_time; t += 10ms)
    e.observe(t, 1ms);
  CHECK(e.at(start + 3 * peak_ewma::decay_time) < 7e6);
  const auto later = start + 4 * peak_ewma::decay_time;
  e.observe(later, 50ms);
  CHECK(e.at(later + peak_ewma::decay_time) == doctest::Approx(50e6 / 2.718281828));
  CHECK(e.is_fresh(later + peak_ewma::decay_time));
  CHECK_FALSE(e.is_fresh(later + peak_ewma::decay_time + 1ns));
  CHECK(e.at(later - 1s) == doctest::Approx(50e6));  // a clock that is behind
}

// Three nodes, a request each millisecond, answers after what `time_of` says.
struct traffic {
  traffic() {
    for (auto& each : all)
      each.latency = &seen[each.node];
  }
  std::array<int, 3> run(std::chrono::milliseconds for_long, auto time_of) {
    std::array<int, 3> counts{};
    for (const auto end = b.now + for_long; b.now < end; b.now += 1ms) {
      std::erase_if(answers, [&](const auto& a) {
        if (a.at > b.now) return false;
        --all[a.node].in_flight;
        seen[a.node].observe(b.now, a.at - a.asked);
        return true;
      });
      const auto chosen = static_cast<std::uint32_t>(b.choose(all).value());
      ++counts[chosen];
      ++all[chosen].in_flight;
      answers.push_back({chosen, b.now, b.now + time_of(chosen)});
    }
    return counts;
  }

  struct answer {
    std::uint32_t node;
    steady::time_point asked, at;
  };
  bench b{latency};
  nodes all = equal_nodes(3);
  std::array<peak_ewma, 3> seen;
  std::vector<answer> answers;
};

TEST_CASE("the slower a node, the less it gets; the busier, the less") {
  for (const bool by_latency : {true, false}) {
    CAPTURE(by_latency);
    bench b(latency);
    auto all = equal_nodes(5);
    std::array<peak_ewma, 5> seen_latency;
    for (std::uint32_t i = 0; i < 5; ++i) {
      seen_latency[i].observe(start, by_latency ? 1ms * (i + 1) : 1ms);
      all[i].in_flight = by_latency ? 3 : i;
      all[i].latency = &seen_latency[i];
    }
    auto seen = b.count(all, 10'000);
    for (std::uint32_t i = 0; i < 5; ++i)
      CHECK(near(seen[i] + 1, (4 - i) * 1000 + 1, 0.12));
  }
}

TEST_CASE("latency times (in flight + 1): twice as slow is like one more in flight") {
  bench b(latency);
  auto all = equal_nodes(2);
  std::array<peak_ewma, 2> seen;
  seen[0].observe(start, 10ms);
  seen[1].observe(start, 21ms);
  all[0].latency = &seen[0];
  all[1].latency = &seen[1];
  CHECK(b.choose(all) == 0);
  all[0].in_flight = 1;
  CHECK(b.choose(all) == 0);
  all[0].in_flight = 2;
  CHECK(b.choose(all) == 1);
  all[1].in_flight = 1;
  CHECK(b.choose(all) == 0);
}

TEST_CASE("a node nobody has measured, or not lately, has no advantage but that of an idle one") {
  bench b(latency);
  auto all = equal_nodes(2);
  peak_ewma measured, once;
  measured.observe(start, 1ms);
  once.observe(start - 30s, 1us);
  all[0].latency = &measured;
  for (const auto* other : {static_cast<const peak_ewma*>(nullptr), static_cast<const peak_ewma*>(&once)}) {
    all[1].latency = other;
    all[0].in_flight = all[1].in_flight = 1;
    auto seen = b.count(all, 1000);
    CHECK(near(seen[1], 500, 0.2));
    all[1].in_flight = 2;
    CHECK(b.choose(all) == 0);
    all[1].in_flight = 0;
    CHECK(b.choose(all) == 1);
  }
}

TEST_CASE("a node that is slow but alive loses its traffic within a second, and gets it back") {
  for (const auto slow_time : {30ms, 300ms, 10'000ms}) {
    CAPTURE(slow_time.count());
    traffic t;
    const auto healthy = t.run(5s, [](std::uint32_t) { return 4ms; });
    for (const auto count : healthy)
      CHECK(near(count, 5000 / 3.0, 0.15));
    const auto slow = [&](std::uint32_t node) { return node == 1 ? slow_time : 4ms; };
    CHECK(t.run(1s, slow)[1] < 60);
    CHECK(t.run(1s, slow)[1] <= 2);
    CHECK(t.run(20s, slow)[1] < 60);
    t.run(40s, [](std::uint32_t) { return 4ms; });
    const auto again = t.run(5s, [](std::uint32_t) { return 4ms; });
    CHECK(near(again[1], 5000 / 3.0, 0.25));  // its estimate is still coming down
  }
}

}  // namespace
}  // namespace forebay
