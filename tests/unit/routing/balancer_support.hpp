#pragma once

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <vector>

#include "routing/balancer.hpp"

namespace forebay::test {

using namespace std::chrono_literals;
using config::routing_strategy;
using enum config::routing_strategy;
using nodes = std::vector<candidate>;

inline constexpr auto start = steady::time_point(1h);

inline nodes equal_nodes(std::size_t count) {
  nodes all(count);
  for (std::size_t i = 0; i < count; ++i)
    all[i].node = static_cast<std::uint32_t>(i);
  return all;
}

// A balancer with what it needs, and who was chosen.
struct bench {
  explicit bench(routing_strategy strategy, config::duration slow_start = 0s, std::uint64_t seed = 1)
      : choice(strategy, slow_start), random(seed) {}

  std::optional<std::size_t> choose(const nodes& all) {
    choice.follow(all, random);
    return choice.choose(all, now, random);
  }
  // How often each node, by number, was chosen in `rounds` requests that are done at once.
  std::map<std::uint32_t, int> count(const nodes& all, int rounds) {
    std::map<std::uint32_t, int> seen;
    for (int i = 0; i < rounds; ++i)
      ++seen[all.at(choose(all).value()).node];
    return seen;
  }

  balancer choice;
  quick_random random;
  steady::time_point now = start;
};

inline bool near(int found, double wanted, double part) {
  return found > wanted * (1 - part) && found < wanted * (1 + part);
}

}  // namespace forebay::test
