#include "routing/balancer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "balancer_support.hpp"

namespace forebay {
namespace {

using namespace test;

constexpr std::array every_strategy{round_robin, least_connections, weighted, latency, routing_strategy::random};

TEST_CASE("no node, none that is eligible, one") {
  for (const auto strategy : every_strategy) {
    CAPTURE(static_cast<int>(strategy));
    bench b(strategy, 10s);
    CHECK_FALSE(b.choose({}));
    auto all = equal_nodes(3);
    for (auto& each : all)
      each.eligible = false;
    CHECK_FALSE(b.choose(all));
    all[1] = {.node = 1, .weight = 0, .priority = 7, .own_zone = false, .in_flight = 1000, .since = start};
    for (int i = 0; i < 10; ++i)
      CHECK(b.choose(all) == 1);
    CHECK(b.choose({candidate{.node = 5}}) == 0);
  }
}

TEST_CASE("round robin: equal counts at any time, in the same order, whatever the weights") {
  for (std::size_t count = 1; count <= 12; ++count) {
    CAPTURE(count);
    bench b(round_robin);
    auto all = equal_nodes(count);
    all[0].weight = 100;
    std::vector<int> seen(count);
    std::vector<std::size_t> order;
    for (int i = 0; i < 100; ++i) {
      order.push_back(b.choose(all).value());
      ++seen[order.back()];
      REQUIRE(*std::ranges::max_element(seen) - *std::ranges::min_element(seen) <= 1);
      if (order.size() > count) REQUIRE(order.back() == order[order.size() - 1 - count]);
    }
  }
}

TEST_CASE("weighted: exact over every stretch as long as the weights' sum, and evenly spread") {
  const std::vector<std::vector<std::uint32_t>> tables = {{3, 1},    {1, 1, 1},       {5, 1, 1},   {1, 2, 3, 4},
                                                          {2, 0, 1}, {0, 0, 0, 7, 2}, {1000, 999}, {1, 0}};
  for (std::uint64_t seed = 1; seed < 5; ++seed) {
    for (const auto& weights : tables) {
      bench b(weighted, 0s, seed);
      auto all = equal_nodes(weights.size());
      for (std::size_t i = 0; i < weights.size(); ++i)
        all[i].weight = weights[i];
      const auto sum = std::accumulate(weights.begin(), weights.end(), 0UL);
      std::vector<std::size_t> chosen;
      for (std::size_t i = 0; i < 3 * sum; ++i)
        chosen.push_back(b.choose(all).value());
      for (std::size_t from = 0; from <= 2 * sum; ++from)
        for (std::size_t node = 0; node < weights.size(); ++node)
          REQUIRE(std::count(&chosen[from], &chosen[from] + sum, node) == weights[node]);
      std::vector<double> got(weights.size());
      for (std::size_t i = 0; i < sum; ++i) {
        ++got[chosen[i]];
        for (std::size_t node = 0; node < weights.size(); ++node)
          REQUIRE(std::abs(got[node] - static_cast<double>((i + 1) * weights[node]) / static_cast<double>(sum)) < 1.2);
      }
    }
  }
}

TEST_CASE("random: by weight") {
  bench b(routing_strategy::random);
  auto all = equal_nodes(4);
  for (std::uint32_t i = 0; i < 4; ++i)
    all[i].weight = i;
  auto seen = b.count(all, 60'000);
  CHECK(seen[0] == 0);
  CHECK(near(seen[1], 10'000, 0.05));
  CHECK(near(seen[2], 20'000, 0.05));
  CHECK(near(seen[3], 30'000, 0.05));
}

TEST_CASE("least connections: the node with fewest in flight, ties in turn") {
  bench b(least_connections);
  quick_random random(7);
  for (int round = 0; round < 2000; ++round) {
    auto all = equal_nodes(1 + random.below(8));
    auto least = ~0U;
    for (auto& each : all) {
      each.in_flight = static_cast<std::uint32_t>(random.below(4));
      each.eligible = random.below(4) != 0;
      if (each.eligible) least = std::min(least, each.in_flight);
    }
    const auto chosen = b.choose(all);
    REQUIRE(chosen.has_value() == (least != ~0U));
    if (chosen) REQUIRE(all[*chosen].in_flight == least);
  }
  auto all = equal_nodes(4);
  all[2].in_flight = 1;
  auto seen = b.count(all, 300);
  CHECK(seen == std::map<std::uint32_t, int>{{0, 100}, {1, 100}, {3, 100}});
}

TEST_CASE("least connections above 8 nodes: the busiest never, and the busier the less") {
  bench b(least_connections);
  auto all = equal_nodes(12);
  for (auto& each : all)
    each.in_flight = each.node;
  auto seen = b.count(all, 66'000);
  for (std::uint32_t i = 0; i < 12; ++i)  // drawn with one of the 11 - i that are busier
    CHECK(near(seen[i] + 1, (11 - i) * 1000 + 1, 0.1));
}

TEST_CASE(
    "never an ineligible node, a worse priority, another zone while there is one of the own, weight 0 before others") {
  quick_random random(42);
  for (const auto strategy : every_strategy) {
    CAPTURE(static_cast<int>(strategy));
    bench b(strategy, 10s);
    auto all = equal_nodes(10);
    for (int round = 0; round < 5000; ++round) {
      for (auto& each : all) {
        each.eligible = random.below(3) != 0;
        each.own_zone = random.below(3) == 0;
        each.priority = static_cast<std::uint32_t>(random.below(3));
        each.weight = static_cast<std::uint32_t>(random.below(3));
        each.in_flight = static_cast<std::uint32_t>(random.below(5));
        each.since = start - 1s * random.below(15);
      }
      const auto chosen = b.choose(all);
      const auto count = [&](auto is) { return std::ranges::count_if(all, is); };
      REQUIRE(chosen.has_value() == (count(&candidate::eligible) > 0));
      if (!chosen) continue;
      const auto& it = all[*chosen];
      REQUIRE(it.eligible);
      if (it.weight == 0) REQUIRE(count([](auto& c) { return c.eligible && c.weight > 0; }) == 0);
      const auto alike = [&](const candidate& c) { return c.eligible && (c.weight > 0) == (it.weight > 0); };
      REQUIRE(count([&](auto& c) { return alike(c) && c.priority < it.priority; }) == 0);
      if (!it.own_zone)
        REQUIRE(count([&](auto& c) { return alike(c) && c.priority == it.priority && c.own_zone; }) == 0);
    }
  }
}

TEST_CASE("zones and priorities share nothing, and take over when nobody else is left") {
  for (const auto strategy : every_strategy) {
    CAPTURE(static_cast<int>(strategy));
    bench b(strategy);
    auto all = equal_nodes(6);
    all[0].own_zone = all[1].own_zone = false;
    all[4].priority = all[5].priority = 1;
    auto seen = b.count(all, 2000);
    CHECK(near(seen[2], 1000, 0.15));
    CHECK(near(seen[3], 1000, 0.15));
    CHECK(seen.size() == 2);
    all[2].eligible = all[3].eligible = false;  // the better priority goes before the own zone
    seen = b.count(all, 2000);
    CHECK(seen[0] + seen[1] == 2000);
    CHECK(near(seen[0], 1000, 0.15));
    all[0].eligible = all[1].eligible = false;
    seen = b.count(all, 2000);
    CHECK(seen[4] + seen[5] == 2000);
    CHECK(near(seen[5], 1000, 0.15));
  }
}

TEST_CASE("nodes with weight 0 are all alike when there is nobody else") {
  for (const auto strategy : every_strategy) {
    CAPTURE(static_cast<int>(strategy));
    bench b(strategy);
    auto all = equal_nodes(3);
    for (auto& each : all)
      each.weight = 0;
    for (const auto& [node, count] : b.count(all, 3000))
      CHECK(near(count, 1000, 0.15));
  }
}

void check_slow_start(routing_strategy strategy, std::size_t count, std::uint32_t busy) {
  CAPTURE(static_cast<int>(strategy));
  CAPTURE(count);
  CAPTURE(busy);
  bench b(strategy, 10s);
  auto all = equal_nodes(count);
  for (auto& each : all)
    each.in_flight = busy;
  all[1].in_flight = 0;  // who comes back is idle
  all[1].since = start;
  CHECK(b.count(all, 2000)[1] <= 10);
  for (const auto tenths : {1, 3, 5, 9}) {
    b.now = start + tenths * 1s;
    const auto part = tenths / 10.0;
    CHECK(near(b.count(all, 20'000)[1], 20'000 * part / (static_cast<double>(count) - 1 + part), 0.15));
  }
  b.now = start + 10s;
  all[1].in_flight = busy;
  CHECK(near(b.count(all, 20'000)[1], 20'000.0 / static_cast<double>(count), 0.15));
  b.now = start - 1s;  // another thread's clock was read later
  CHECK(b.choose(all));
}

TEST_CASE("slow start: the share grows linearly, for every strategy") {
  for (const auto strategy : every_strategy)
    for (const std::size_t count : {2, 3, 5, 12})
      for (const auto busy : {4U, 0U})
        check_slow_start(strategy, count, busy);
}

TEST_CASE("slow start: none, for a node that another thread's clock lets come back in a moment") {
  for (const auto strategy : every_strategy) {
    bench b(strategy, 0s);
    auto all = equal_nodes(2);
    all[0].since = start + 1ms;
    CHECK(b.count(all, 100)[0] > 0);
  }
}

TEST_CASE("slow start: those who came back together share all from the start, the first of them leads") {
  for (const auto strategy : every_strategy) {
    CAPTURE(static_cast<int>(strategy));
    bench b(strategy, 10s);
    auto all = equal_nodes(3);
    for (auto& each : all)
      each.since = start;
    for (const auto age : {0ms, 10ms, 5000ms}) {
      b.now = start + age;
      for (const auto& [node, count] : b.count(all, 6000))
        CHECK(near(count, 2000, 0.1));
    }
    if (strategy == least_connections) {
      all[0].in_flight = all[2].in_flight = 1;
      CHECK(b.count(all, 100)[1] == 100);  // the load still counts
    }
    b.now = start + 4s;
    all[0].in_flight = all[1].in_flight = 1;
    all[2].in_flight = 0;
    all[2].since = start + 3s;
    CHECK(near(b.count(all, 9000)[2], 1000, 0.15));  // 1/4 of what the other two get
  }
}

TEST_CASE("least connections: a slow node that comes back is not flooded, and without slow start it is filled up") {
  for (const auto slow_start : {10s, 0s}) {
    bench b(least_connections, slow_start);
    auto all = equal_nodes(3);
    all[0].in_flight = all[1].in_flight = 50;
    all[2].since = start - 100ms;
    for (int i = 0; i < 60; ++i)
      ++all[b.choose(all).value()].in_flight;
    CHECK((all[2].in_flight >= 50) == (slow_start == 0s));
    if (slow_start != 0s) CHECK(all[2].in_flight < 5);
  }
}

TEST_CASE("whose turn it is belongs to the node, not to its place in the list") {
  bench b(round_robin);
  auto all = equal_nodes(5);
  std::map<std::uint32_t, int> seen;
  quick_random random(3);
  for (int i = 0; i < 1000; ++i) {
    std::swap(all[random.below(5)], all[random.below(5)]);
    ++seen[all[b.choose(all).value()].node];
    if (i % 5 == 4)
      for (const auto& [node, count] : seen)
        REQUIRE(count == i / 5 + 1);
  }
  // Those who stay stay in turn when others come and go.
  nodes few = {candidate{.node = 1}, candidate{.node = 3}, candidate{.node = 9}};
  seen = b.count(few, 300);
  CHECK(seen == std::map<std::uint32_t, int>{{1, 100}, {3, 100}, {9, 100}});
  CHECK(b.count({candidate{.node = 9}}, 3)[9] == 3);
  CHECK(b.count(few, 3) == std::map<std::uint32_t, int>{{1, 1}, {3, 1}, {9, 1}});
}

TEST_CASE("turns are fair when each request may go to other nodes") {
  for (const auto strategy : {round_robin, weighted}) {
    bench b(strategy);
    auto all = equal_nodes(4);
    std::array<double, 4> wanted{}, seen{};
    quick_random random(5);
    for (int i = 0; i < 20'000; ++i) {
      for (auto& each : all)
        each.eligible = random.below(4) >= each.node;  // always, 3/4, 1/2, 1/4
      const auto count = std::ranges::count_if(all, &candidate::eligible);
      for (const auto& each : all)
        wanted[each.node] += each.eligible ? 1.0 / static_cast<double>(count) : 0;
      ++seen[b.choose(all).value()];
    }
    for (std::size_t n = 0; n < 4; ++n)
      CHECK(seen[n] == doctest::Approx(wanted[n]).epsilon(0.02));
  }
}

TEST_CASE("balancers do not all begin with the same node") {
  for (const auto strategy : every_strategy) {
    CAPTURE(static_cast<int>(strategy));
    std::map<std::size_t, int> seen;
    for (std::uint64_t seed = 1; seed <= 300; ++seed)
      ++seen[bench(strategy, 0s, seed).choose(equal_nodes(3)).value()];
    CHECK(seen.size() == 3);
    for (const auto& [index, count] : seen)
      CHECK(near(count, 100, 0.3));
  }
}

}  // namespace
}  // namespace forebay
