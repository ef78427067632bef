#include "routing/router.hpp"

#include <algorithm>

namespace forebay {
namespace {

bool avoided(const route_wish& wish, std::size_t node) {
  return node < 64 && (wish.avoid >> node & 1) != 0;
}

}  // namespace

// What of the nodes is the same for all requests until more is known of them.
void router::look_at(const cluster_view_ptr& view, quick_random& random) {
  view_ = view;
  candidates_.clear();
  never_fit_.clear();
  for (const auto& node : view->nodes) {
    candidates_.push_back({.node = static_cast<std::uint32_t>(candidates_.size()),
                           .weight = node.weight,
                           .priority = node.priority,
                           .own_zone = node.own_zone,
                           .eligible = false,
                           .since = node.since});
    never_fit_.push_back(why_unfit(node));
  }
  balance_.follow(candidates_, random);
}

// Null: the replica may answer, by what the view says of it alone.
const char* router::why_unfit(const node_view& node) const {
  if (!node.up) return "no replica is up";
  if (node.draining) return "the replicas are drained";
  if (!node.replay_lag) return "it is not known how far the replicas are";
  if (how_.max_replay_lag.count() != 0 && *node.replay_lag > how_.max_replay_lag) return "the replicas lag";
  if (how_.max_lag_bytes.bytes != 0 && (!node.lag_bytes || *node.lag_bytes > how_.max_lag_bytes.bytes))
    return "the replicas lag";
  return nullptr;
}

// Null: it may answer this request now, if the view says nothing else.
const char* router::why_unfit(const node_view& node, const route_wish& wish, steady::time_point now) const {
  if (!node.state->reads.is_available(now)) return "the replicas' breakers are open";
  if (how_.read_your_writes == config::read_your_writes::off) return nullptr;
  if (wish.own_write_open || node.position < wish.needed) return "own write not replayed yet";
  return nullptr;
}

route_choice router::choose(const cluster_view_ptr& known, const route_wish& wish, std::span<const peak_ewma> latencies,
                            steady::time_point now, quick_random& random) {
  using kind = route_wish::kind;
  const auto& view = *known;
  const auto no_primary = "there is no primary";
  const bool has_primary = view.primary && !view.nodes[*view.primary].draining && !avoided(wish, *view.primary);
  if (wish.what == kind::primary) {
    return has_primary ? route_choice{view.primary, ""} : route_choice{std::nullopt, no_primary};
  }
  if (wish.what == kind::any && has_primary) return {view.primary, ""};

  if (view_ != known) look_at(known, random);
  const char* reason = "there is no replica";
  bool own_write = false;
  const bool asks_load = balance_.asks_load();
  for (std::size_t i = 0; i < view.nodes.size(); ++i) {
    const auto& node = view.nodes[i];
    if (node.role != node_view::role::replica) continue;
    auto& c = candidates_[i];
    const char* unfit = never_fit_[i];
    if (!unfit) unfit = avoided(wish, i) ? "the replicas have failed" : why_unfit(node, wish, now);
    c.eligible = unfit == nullptr;
    if (unfit) {
      reason = unfit;
      own_write = own_write || (node.up && (wish.own_write_open || node.position < wish.needed));
    } else if (asks_load) {
      c.in_flight = node.state->in_flight.load(std::memory_order_relaxed);
      c.latency = i < latencies.size() ? &latencies[i] : nullptr;
    }
  }
  if (const auto chosen = balance_.choose(candidates_, now, random)) return {chosen, ""};
  if (has_primary && (how_.fallback_to_primary || own_write)) return {view.primary, reason};
  // Without a primary the answer may come with one. Without leave to ask it, it takes a replica; there may be one among
  // those that are not known yet.
  const bool may_wait =
      how_.fallback_to_primary || wish.what == kind::any || !std::ranges::all_of(view.nodes, &node_view::heard);
  return {std::nullopt, reason, may_wait};
}

}  // namespace forebay
