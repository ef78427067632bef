#include <algorithm>
#include <map>

#include "core/log.hpp"
#include "routing/health.hpp"

namespace forebay {
namespace {

std::string on_timeline(std::uint32_t timeline) {
  return "takes writes on timeline " + std::to_string(timeline);
}

std::string_view to_string(enum node_view::role role) {
  return role == node_view::role::primary ? "primary" : role == node_view::role::replica ? "replica" : "unknown";
}

}  // namespace

void cluster_health::judge() {
  if (alone_) {
    primary_ = 0;
    auto& n = nodes_[0];
    n.up = true;
    n.role = role::primary;
    n.reason.clear();
    return;
  }
  all_heard_ = all_heard_ || std::ranges::all_of(nodes_, &node::heard);
  settle_system();
  take_over(elect());
  for (index i = 0; i < nodes_.size(); ++i)
    settle(nodes_[i], primary_ == i);
}

// Who has most nodes may be in the wrong, so that is asked only while nobody is known to be in the right.
void cluster_health::settle_system() {
  const auto speaks = [](const node& n) { return n.here == presence::up && n.last; };
  std::map<std::string, std::size_t> votes;
  for (const auto& n : nodes_)
    if (speaks(n)) ++votes[n.last->system];
  const auto is_of_it = [&](const node& n) { return n.last && n.last->system == system_; };
  if (votes.empty() || (!last_primary_.empty() && std::ranges::any_of(nodes_, is_of_it))) return;
  auto best = votes.contains(system_) ? system_ : std::string();
  for (const auto& n : nodes_)
    if (speaks(n) && (best.empty() || votes[n.last->system] > votes[best])) best = n.last->system;
  if (best == system_) return;
  if (!last_primary_.empty())
    log_warning("cluster_replaced", {{"cluster", name_}, {"system_before", system_}, {"system", best}});
  system_ = best;
  primary_.reset();
  last_primary_.clear();
  timeline_ = 0;
  history_.clear();
  for (auto& n : nodes_)
    n.outvoted = n.follows = 0;
}

// Among those that take writes; see health.hpp.
std::optional<cluster_health::index> cluster_health::elect() {
  if (!all_heard_) return std::nullopt;
  std::vector<index> best;
  for (index i = 0; i < nodes_.size(); ++i) {
    const auto& n = nodes_[i];
    if (!n.takes_writes() || n.last->system != system_ || n.said.role == config::node_role::replica) continue;
    if (n.last->timeline < timeline_ || n.last->timeline <= n.outvoted) continue;
    if (!best.empty() && nodes_[best[0]].last->timeline > n.last->timeline) continue;
    if (!best.empty() && nodes_[best[0]].last->timeline < n.last->timeline) best.clear();
    best.push_back(i);
  }
  if (best.size() == 1) return best[0];
  return primary_ && std::ranges::find(best, *primary_) != best.end() ? primary_ : std::nullopt;
}

void cluster_health::take_over(std::optional<index> next) {
  if (next) {
    // From here on whoever else takes writes on a timeline that is no higher has lost.
    for (index i = 0; i < nodes_.size(); ++i)
      if (auto& n = nodes_[i]; i != *next && n.takes_writes() && n.last->system == system_)
        n.outvoted = std::max(n.outvoted, n.last->timeline);
    if (const auto& winner = nodes_[*next]; winner.name != last_primary_ || winner.last->timeline != timeline_)
      begin_line(winner);
  }
  if (next == primary_) return;
  primary_ = next;
  news_ = true;
  if (next) {
    log_info("primary_changed", {{"cluster", name_}, {"node", last_primary_}, {"timeline", timeline_}});
  } else {
    log_warning("primary_lost", {{"cluster", name_}, {"node", last_primary_}});
  }
}

void cluster_health::begin_line(const node& primary) {
  there_was_another_ = there_was_another_ || !last_primary_.empty();
  last_primary_ = primary.name;
  timeline_ = primary.last->timeline;
  history_.clear();
  see_primary(primary.last->position, primary.asked);
  for (auto& n : nodes_)
    weigh(n);
}

std::string cluster_health::why_not_up(const node& n) const {
  if (n.here == presence::unknown) return n.failure.empty() ? "not asked yet" : n.failure;
  if (n.here == presence::down) return n.failure;
  if (n.last->system != system_)
    return "belongs to another cluster: its system identifier is " + n.last->system + ", not " + system_;
  if (n.last->in_recovery || !all_heard_) return "";
  if (n.said.role == config::node_role::replica) return "said to be a replica, but it takes writes";
  if (n.outvoted >= n.last->timeline || n.last->timeline < timeline_)
    return on_timeline(n.last->timeline) + ", but the primary is " + last_primary_ + " on timeline " +
           std::to_string(timeline_);
  return on_timeline(n.last->timeline) + ", and so does another node";
}

void cluster_health::settle(node& n, bool is_primary) {
  const auto reason = is_primary ? "" : why_not_up(n);
  const bool up = reason.empty();
  // Of a node that is down stays what it was.
  auto now_is = n.role;
  if (n.here == presence::up)
    now_is = is_primary ? role::primary : up && n.last->in_recovery ? role::replica : role::unknown;
  else if (n.role == role::primary)
    now_is = role::unknown;
  const bool changed = up != n.up || now_is != n.role;
  const bool refused = !up && n.here == presence::up;
  if (refused && reason != n.reason)
    log_error(n.takes_writes() && n.last->system == system_ && n.bad == 0 ? "split_brain" : "node_refused",
              {{"cluster", name_}, {"node", n.name}, {"reason", reason}});
  if (n.here == presence::down && n.told != presence::down)
    log_warning("node_down", {{"cluster", name_}, {"node", n.name}, {"reason", reason}});
  if (up && changed)
    log_info(n.up ? "node_role" : "node_up", {{"cluster", name_}, {"node", n.name}, {"role", to_string(now_is)}});
  n.told = n.here;
  n.up = up;
  n.role = now_is;
  n.reason = reason;
  news_ = news_ || changed;
  if (changed) weigh(n);
}

// Whether what the node has replayed is what the primary has written, up to there.
bool cluster_health::is_on_line(node& n) const {
  if (timeline_ == 0) return true;
  const bool known = n.last->timeline != 0;
  if (n.last->timeline == timeline_ || (!known && n.last->on_disk == timeline_)) n.follows = timeline_;
  if (known && n.last->timeline != timeline_) n.follows = 0;
  return n.follows == timeline_ || (!known && !there_was_another_);
}

void cluster_health::weigh(node& n) {
  n.lag.reset();
  n.lag_bytes.reset();
  n.position = {};
  if (!n.last) return;
  if (n.role == role::primary) n.position = n.last->position;
  if (n.role != role::replica || !is_on_line(n)) return;
  n.position = n.last->position;
  if (history_.empty()) {
    const bool has_all = n.last->receives && n.last->received <= n.position;
    n.lag = has_all ? std::chrono::milliseconds(0) : n.last->since_replayed;
    return;
  }
  n.lag_bytes = written_ > n.position ? written_.position - n.position.position : 0;
  const auto behind = history_.behind(n.position);
  n.lag = behind ? std::chrono::ceil<std::chrono::milliseconds>(*behind) : n.last->since_replayed;
}

}  // namespace forebay
