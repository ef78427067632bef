#include "routing/health.hpp"

#include <algorithm>

#include "core/log.hpp"

namespace forebay {

// What is told to it, and what it tells; health_verdict.cpp is how it judges.
cluster_health::cluster_health(std::string name) : name_(std::move(name)) {}

void cluster_health::configure(const config::cluster& cluster, const config::settings& settings) {
  limits_ = settings.health;
  zone_ = settings.routing.zone;
  auto before = std::exchange(nodes_, {});
  const auto primary = std::exchange(primary_, {});
  bool same = before.size() == cluster.nodes.size();
  for (const auto& said : cluster.nodes) {
    const auto name = said.name();
    const auto known = std::ranges::find(before, name, &node::name);
    const auto place = static_cast<index>(known - before.begin());
    same = same && place == nodes_.size();
    if (known != before.end() && place == primary) primary_ = nodes_.size();
    auto& made = nodes_.emplace_back(known == before.end() ? node{.name = name} : *known);
    made.said = said;
    if (!made.state) made.state = std::make_shared<node_state>(settings.breaker);
    made.state->reads.set_limits(settings.breaker);
    made.state->writes.set_limits(settings.breaker);
  }
  if (!same) ++generation_;
  alone_ = nodes_.size() == 1;
  judge();
  news_ = true;
}

void cluster_health::answered(index who, const probe_answer& said, std::chrono::microseconds latency,
                              steady::time_point asked, steady::time_point now) {
  auto& n = nodes_[who];
  n.heard = true;
  n.last = said;
  n.asked = asked;
  n.latency = latency;
  n.bad = 0;
  if (n.here == presence::unknown) n.here = presence::up;
  if (n.here == presence::down && ++n.good >= limits_.rise) {
    n.here = presence::up;
    n.since = now;
  }
  judge();
  if (primary_ == who) see_primary(said.position, asked);
  weigh(n);
}

bool cluster_health::came_to(index who, const position_answer& said, steady::time_point asked) {
  auto& n = nodes_[who];
  if (!n.last || n.last->in_recovery != said.in_recovery) return false;
  const bool moved = n.last->position != said.position;
  n.last->position = said.position;
  if (primary_ == who) see_primary(said.position, asked);
  weigh(n);
  news_ = news_ || moved;
  return true;
}

void cluster_health::failed(index who, const std::string& why) {
  auto& n = nodes_[who];
  n.heard = true;
  n.good = 0;
  n.failure = why;
  if (++n.bad >= limits_.fall) n.here = presence::down;
  judge();
}

void cluster_health::suspected(index who, const std::string& why) {
  auto& n = nodes_[who];
  n.good = 0;
  n.failure = why;
  if (n.bad + 1 < limits_.fall) ++n.bad;
}

void cluster_health::covers(std::uint64_t tickets) {
  news_ = news_ || tickets > covered_;
  covered_ = std::max(covered_, tickets);
}

bool cluster_health::drain(const std::string& name, bool yes) {
  const auto found = find(name);
  if (!found) return false;
  nodes_[*found].draining = yes;
  news_ = true;
  log_info("node_drain", {{"cluster", name_}, {"node", name}, {"draining", yes ? "yes" : "no"}});
  return true;
}

std::optional<cluster_health::index> cluster_health::find(const std::string& name) const {
  const auto found = std::ranges::find(nodes_, name, &node::name);
  return found == nodes_.end() ? std::nullopt : std::optional(static_cast<index>(found - nodes_.begin()));
}

bool cluster_health::is_behind(index who) const {
  const auto& n = nodes_[who];
  return n.up && n.lag_bytes && n.position < written_;
}

void cluster_health::see_primary(lsn position, steady::time_point asked) {
  history_.add(asked, position);
  written_ = position;
}

cluster_view_ptr cluster_health::view() {
  news_ = false;
  auto made = std::make_shared<cluster_view>();
  made->name = name_;
  made->generation = generation_;
  made->primary = primary_;
  made->covered = covered_;
  made->written = written_;
  made->writes = writes_;
  for (const auto& n : nodes_) {
    const bool own_zone = zone_.empty() || n.said.zone == zone_;
    made->nodes.push_back({.name = n.name,
                           .role = n.role,
                           .heard = n.heard,
                           .up = n.up,
                           .reason = n.reason,
                           .draining = n.draining,
                           .weight = n.said.weight,
                           .priority = n.said.priority,
                           .own_zone = own_zone,
                           .since = n.since,
                           .position = n.position,
                           .replay_lag = n.lag,
                           .lag_bytes = n.lag_bytes,
                           .latency = n.latency,
                           .state = n.state});
  }
  return made;
}

}  // namespace forebay
