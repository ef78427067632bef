#include "routing/balancer.hpp"

#include <algorithm>
#include <limits>

namespace forebay {
namespace {

using enum config::routing_strategy;
using std::chrono::duration_cast;

constexpr std::uint32_t full_grown = 1 << 16;  // the share of a node after its slow start
constexpr std::size_t most_compared = 8;

std::uint64_t rank(const candidate& c) {
  return (c.weight == 0 ? 1ULL << 33 : 0) | (std::uint64_t{c.priority} << 1) | (c.own_zone ? 0 : 1);
}

// Whether `a` should answer sooner than `b`. What was not observed lately is no better than the other's.
bool quicker(const candidate& a, const candidate& b, steady::time_point now) {
  static constexpr peak_ewma never;
  const auto& of_a = a.latency ? *a.latency : never;
  const auto& of_b = b.latency ? *b.latency : never;
  const auto seen_a = std::max(of_a.at(now), 1.0), seen_b = std::max(of_b.at(now), 1.0);
  const auto cost_a = of_a.is_fresh(now) ? seen_a : std::max(seen_a, seen_b);
  const auto cost_b = of_b.is_fresh(now) ? seen_b : std::max(seen_a, seen_b);
  return cost_a * (a.in_flight + 1.0) < cost_b * (b.in_flight + 1.0);
}

// Each as often as its part of the whole.
std::size_t by_lot(const std::vector<std::size_t>& group, quick_random& random, auto part_of) {
  std::uint64_t whole = 0;
  for (const auto i : group)
    whole += part_of(i);
  auto lot = random.below(whole);
  for (const auto i : group) {
    if (lot < part_of(i)) return i;
    lot -= part_of(i);
  }
  return group.back();
}

}  // namespace

std::optional<std::size_t> balancer::choose(candidates all, steady::time_point now, quick_random& random) {
  gather(all);
  if (group_.empty()) return {};
  switch (strategy_) {
    case round_robin:
    case weighted:
      return by_turns(all, now);
    case config::routing_strategy::random:
      return by_lot(group_, random, [&](std::size_t i) { return share(all[i], now); });
    case least_connections:
    case latency:
      break;
  }
  return by_load(all, now, random);
}

// Turns belong to nodes, wherever these are in the list. Each balancer begins with another node: else the first
// requests of all workers and databases would go to the first node.
void balancer::follow(candidates all, quick_random& random) {
  const bool same = std::ranges::equal(all, turns_, {}, &candidate::node, &turn::node);
  std::vector<turn> turns;
  for (const auto& c : all) {
    const auto known = std::ranges::find(turns_, c.node, &turn::node);
    turns.push_back({c.node, rank(c), known == turns_.end() ? 0 : known->owed});
  }
  turns_ = std::move(turns);
  if (same) return;
  group_.reserve(all.size());
  first_ = all.empty() ? 0 : random.below(all.size());
}

bool balancer::asks_load() const {
  return strategy_ == least_connections || strategy_ == latency;
}

void balancer::gather(candidates all) {
  group_.clear();
  auto best = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto rank = turns_[i].rank;
    if (!all[i].eligible || rank > best) continue;
    if (rank < best) group_.clear();
    best = rank;
    group_.push_back(i);
  }
}

// How much of its slow start is behind a node.
std::uint32_t balancer::grown(const candidate& c, steady::time_point now) const {
  const auto age = now - c.since;
  if (age >= slow_start_ || slow_start_ == config::duration::zero()) return full_grown;
  const auto part = duration_cast<config::duration>(age).count() * full_grown / slow_start_.count();
  return static_cast<std::uint32_t>(std::max<std::int64_t>(part, 1));
}

std::uint64_t balancer::share(const candidate& c, steady::time_point now) const {
  const std::uint64_t weight = strategy_ == round_robin ? 1 : std::max(c.weight, 1U);
  return weight * grown(c, now);
}

// Smooth weighted round robin: each is owed its share of every request, and who is owed most gets it. Nodes that do not
// take part in this choice neither gain nor lose.
std::size_t balancer::by_turns(candidates all, steady::time_point now) {
  auto best = group_.front();
  std::int64_t whole = 0;
  for (const auto i : group_) {
    const auto part = static_cast<std::int64_t>(share(all[i], now));
    whole += part;
    turns_[i].owed += part;
    const auto more = turns_[i].owed - turns_[best].owed;
    if (more > 0 || (more == 0 && best < first_ && first_ <= i)) best = i;
  }
  turns_[best].owed -= whole;
  return best;
}

std::size_t balancer::by_load(candidates all, steady::time_point now, quick_random& random) {
  const bool growing = admit_growing(all, now, random);
  const bool draw = strategy_ == latency || group_.size() > most_compared;
  if (draw) keep_two(growing, random);
  // Who is compared first wins ties.
  auto start = group_.begin();
  if (!draw && !growing) start = std::ranges::find_if(group_, [&](std::size_t i) { return i >= first_; });
  std::rotate(group_.begin(), start == group_.end() ? group_.begin() : start, group_.end());
  auto best = group_.front();
  for (const auto i : group_) {
    const auto &one = all[i], &other = all[best];
    if (strategy_ == latency ? quicker(one, other, now) : one.in_flight < other.in_flight) best = i;
  }
  first_ = best + 1;
  return best;
}

// A node just back has nothing in flight and would win every comparison. So it takes part only in its share of the
// choices, drawn by lot; then it comes first in the group, true is returned, and it usually wins.
bool balancer::admit_growing(candidates all, steady::time_point now, quick_random& random) {
  const auto growth = [&](std::size_t i) { return grown(all[i], now); };
  const auto oldest = growth(*std::ranges::max_element(group_, {}, growth));
  const auto is_growing = [&](std::size_t i) { return growth(i) < oldest; };
  if (std::ranges::none_of(group_, is_growing)) return false;
  const auto drawn = by_lot(group_, random, growth);
  std::erase_if(group_, [&](std::size_t i) { return i != drawn && is_growing(i); });
  if (!is_growing(drawn)) return false;
  std::iter_swap(group_.begin(), std::ranges::find(group_, drawn));
  return true;
}

void balancer::keep_two(bool first_is_set, quick_random& random) {
  if (group_.size() == 1) return;
  if (!first_is_set) std::swap(group_[0], group_[random.below(group_.size())]);
  std::swap(group_[1], group_[1 + random.below(group_.size() - 1)]);
  group_.resize(2);
}

}  // namespace forebay
