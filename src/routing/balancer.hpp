#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "config/config.hpp"
#include "core/clock.hpp"
#include "core/random.hpp"
#include "routing/peak_ewma.hpp"

// Which of the nodes that may answer a request is to answer it.
//
//   who takes part   of the eligible nodes those with a weight before those with weight 0, of these the lowest priority
//                    (0 is the first choice), of these the own zone. Only the first group that has a node counts.
//   who is chosen    by strategy:
//     round_robin        each in turn
//     weighted           each in turn, as often as its weight says and evenly spread: 3:1 is a a b a
//     random             by lot, as often as its weight says
//     least_connections  fewest requests in flight, ties in turn; above 8 nodes the better one of two drawn
//     latency            of two drawn, the one with the smaller (time to first byte) * (in flight + 1)
//   slow start       the share of a node that came back grows linearly from nothing over `slow_start`, compared with
//   that
//                    of the node that is back for longest: if all came back at once, nobody waits for anybody.
//
// A weight of 0 is the last resort of every strategy: the node gets nothing while another one is eligible.
namespace forebay {

struct candidate {
  std::uint32_t node = 0;  // its number, the same for as long as the node is known
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;
  bool own_zone = true;  // also when no zone is set
  bool eligible = true;
  std::uint32_t in_flight = 0;
  steady::time_point since{};          // when it came back; the epoch: it was always there
  const peak_ewma* latency = nullptr;  // asked by strategy latency only; null: not known
};

// One for each worker and database, on the worker's thread. Give it every node of the cluster each time, eligible or
// not, and tell it first when there are others, or other weights, priorities or zones: whose turn it is is remembered
// by node number, and forgotten when a node is not in the list. No memory is taken except when the list has changed;
// among three nodes a choice takes about 20 ns, by latency 50.
class balancer {
 public:
  balancer(config::routing_strategy strategy, config::duration slow_start)
      : strategy_(strategy), slow_start_(slow_start) {}

  void follow(std::span<const candidate> all, quick_random& random);
  // Whether in_flight and latency count.
  bool asks_load() const;
  // Among those followed. The index of the chosen candidate; nothing when none is eligible.
  std::optional<std::size_t> choose(std::span<const candidate> all, steady::time_point now, quick_random& random);

 private:
  using candidates = std::span<const candidate>;
  struct turn {
    std::uint32_t node;
    std::uint64_t rank = 0;  // lower goes first
    std::int64_t owed = 0;   // in shares: what it should have had less what it got
  };

  void gather(candidates all);
  std::uint32_t grown(const candidate& c, steady::time_point now) const;
  std::uint64_t share(const candidate& c, steady::time_point now) const;
  bool admit_growing(candidates all, steady::time_point now, quick_random& random);
  void keep_two(bool first_is_set, quick_random& random);

  std::size_t by_turns(candidates all, steady::time_point now);
  std::size_t by_load(candidates all, steady::time_point now, quick_random& random);

  const config::routing_strategy strategy_;
  const config::duration slow_start_;
  std::vector<turn> turns_;         // of the candidates, in their order
  std::vector<std::size_t> group_;  // who takes part in this choice, as indexes
  std::size_t first_ = 0;           // among equals the first from here on is chosen
};

}  // namespace forebay
