#include "routing/watched_cluster.hpp"

#include <algorithm>
#include <utility>

#include "config/notation.hpp"

namespace forebay {
namespace {

using namespace std::chrono_literals;

constexpr auto round_without_primary = 100ms;
constexpr auto between_suspicions = 50ms;
constexpr auto between_doubts = 500ms;
constexpr auto between_positions = 2ms;
constexpr auto between_replays = 20ms;
constexpr auto tickets_are_recent = 3s;
constexpr auto a_moment = 100ms;  // in which what the primary has just told of comes to its replicas
const std::string too_many_connections = "53300";

}  // namespace

void watched_cluster::configure(const config::settings& settings, const config::cluster& cluster,
                                steady::time_point now) {
  limits_ = settings.health;
  health_.configure(cluster, settings);
  const auto login = settings.watcher_of(cluster).value_or(config::settings::watcher{});
  std::vector<pq_connection::target> wanted;
  for (const auto& n : cluster.nodes)
    wanted.push_back(pq_connection::target_of(n, login, cluster.to_nodes));
  alone_ = wanted.size() == 1 ? std::optional(wanted.front()) : std::nullopt;
  if (alone_) wanted.clear();
  const bool same = std::ranges::equal(wanted, nodes_, {}, {}, &prober::to);
  if (!same) {
    nodes_.clear();
    for (auto& to : wanted)
      nodes_.emplace_back().to = std::move(to);
  }
  round_at_ = now;
}

void watched_cluster::suspect(const std::string& node, const std::string& why, steady::time_point now) {
  const auto found = health_.find(node);
  if (!found || nodes_.empty()) return;
  health_.suspected(*found, why);
  look_again(nodes_[*found], now);
}

// Over the connection there is: slow statements make a doubt as well.
void watched_cluster::doubt(const std::string& node, const std::string& why, steady::time_point now) {
  const auto found = health_.find(node);
  if (!found || nodes_.empty()) return;
  health_.suspected(*found, why);
  auto& p = nodes_[*found];
  p.due = std::min(p.due, std::max(now, p.begun + between_doubts));
}

// A node that ends may serve the connections it has and take no others.
void watched_cluster::look_again(prober& p, steady::time_point now) {
  p.renew = true;
  p.due = std::min(p.due, std::max(now, p.begun + between_suspicions));
}

void watched_cluster::run(steady::time_point now) {
  if (nodes_.empty()) return;
  if (const auto last = health_.writes()->last(); last != tickets_seen_) {
    tickets_seen_ = last;
    fast_until_ = now + tickets_are_recent;
  }
  for (index i = 0; i < nodes_.size(); ++i)
    run(i, now);
  if (now >= round_at_ || (!health_.primary() && now + round_without_primary < round_at_)) begin_round(now);
  ask_positions(now);
}

void watched_cluster::begin_round(steady::time_point now) {
  // One that does not answer keeps nobody from hearing of the others.
  round_is_done_ = round_is_done_ || std::ranges::any_of(nodes_, &prober::in_round);
  fast_until_ = std::max(fast_until_, now + a_moment);
  round_at_ = now + (health_.primary() ? limits_.interval
                                       : std::min<config::duration>(limits_.interval, round_without_primary));
  for (index i = 0; i < nodes_.size(); ++i) {
    auto& p = nodes_[i];
    if (p.under_way == question::everything) continue;
    p.in_round = true;
    p.due = std::min(p.due, now);
    run(i, now);
  }
}

void watched_cluster::run(index who, steady::time_point now) {
  auto& p = nodes_[who];
  switch (p.io.state()) {
    case pq_connection::state::failed:
      take_failure(who, p.io.error(), now);
      break;
    case pq_connection::state::resolving:
    case pq_connection::state::connecting:
    case pq_connection::state::asking:
      if (now >= p.begun + limits_.timeout)
        take_failure(who, "no answer within " + config::to_string(limits_.timeout), now);
      break;
    case pq_connection::state::idle:
      if (p.under_way == question::none) break;
      if (p.sent)
        take_answer(who, now);
      else
        send(who, now);
      break;
    case pq_connection::state::closed:
      break;
  }
  if (p.under_way == question::none && now >= p.due) begin(who, question::everything, now);
}

void watched_cluster::begin(index who, question what, steady::time_point now) {
  auto& p = nodes_[who];
  p.under_way = what;
  p.sent = false;
  p.begun = now;
  if (what == question::everything) {
    p.due = never;
    if (std::exchange(p.renew, false)) p.io.close();
  }
  if (p.io.state() == pq_connection::state::idle)
    send(who, now);
  else
    p.io.start(p.to);
}

void watched_cluster::send(index who, steady::time_point now) {
  auto& p = nodes_[who];
  p.as_primary = health_.primary() == who;
  if (p.as_primary) {
    p.tickets = health_.writes()->look();
    position_asked_ = now;
  }
  p.asked = now;
  p.sent = true;
  p.io.ask(p.under_way == question::everything ? probe_sql : position_sql);
}

void watched_cluster::take_answer(index who, steady::time_point now) {
  auto& p = nodes_[who];
  const auto row = p.io.rows().empty() ? pq_connection::row{} : p.io.rows()[0];
  if (!p.io.error().empty()) return take_failure(who, p.io.error(), now);
  if (p.under_way == question::everything) {
    const auto said = parse_probe(row);
    if (!said) return take_failure(who, "its answer is not understood", now);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - p.asked);
    health_.answered(who, *said, took, p.asked, now);
  } else {
    const auto said = parse_position(row);
    if (!said || !health_.came_to(who, *said, p.asked)) {
      end(p);
      p.due = now;
      return;
    }
  }
  if (p.as_primary && health_.primary() == who) health_.covers(p.tickets);
  end(p);
}

void watched_cluster::take_failure(index who, std::string why, steady::time_point now) {
  auto& p = nodes_[who];
  const bool full = p.io.sqlstate() == too_many_connections && health_.is_up(who);
  const bool asked_everything = p.under_way == question::everything;
  p.io.close();
  end(p);
  if (full) return;  // it lives, and may serve those it has; ours is one too many
  if (asked_everything) return health_.failed(who, why);
  // Lost while it was idle, or over a short question.
  health_.suspected(who, why);
  look_again(p, now);
}

void watched_cluster::end(prober& p) {
  if (p.under_way == question::everything && std::exchange(p.in_round, false))
    round_is_done_ = round_is_done_ || std::ranges::none_of(nodes_, &prober::in_round);
  p.under_way = question::none;
  p.sent = false;
}

bool watched_cluster::may_ask(index who) const {
  return nodes_[who].under_way == question::none && nodes_[who].io.state() == pq_connection::state::idle;
}

bool watched_cluster::anybody_is_behind() const {
  for (index i = 0; i < nodes_.size(); ++i)
    if (health_.is_behind(i) && may_ask(i)) return true;
  return false;
}

void watched_cluster::ask_positions(steady::time_point now) {
  if (const auto primary = health_.primary(); primary && tickets_wait() && may_ask(*primary))
    if (now >= position_asked_ + between_positions) begin(*primary, question::position, now);
  if (now < fast_at_ || now >= fast_until_) return;
  fast_at_ = now + between_replays;
  for (index i = 0; i < nodes_.size(); ++i)
    if (health_.is_behind(i) && may_ask(i)) begin(i, question::position, now);
}

steady::time_point watched_cluster::next(steady::time_point now) const {
  if (nodes_.empty()) return never;
  auto soonest = round_at_;
  for (const auto& p : nodes_)
    soonest = std::min(soonest, p.under_way == question::none ? p.due : p.begun + limits_.timeout);
  if (const auto primary = health_.primary(); primary && tickets_wait() && may_ask(*primary))
    soonest = std::min(soonest, position_asked_ + between_positions);
  if (now < fast_until_ && anybody_is_behind()) soonest = std::min(soonest, fast_at_);
  return soonest;
}

void watched_cluster::add_connections(std::vector<pq_connection*>& to) {
  for (auto& p : nodes_)
    to.push_back(&p.io);
}

cluster_view_ptr watched_cluster::take_view() {
  if (!std::exchange(round_is_done_, false) && !health_.has_news()) return nullptr;
  return health_.view();
}

std::optional<pq_connection::target> watched_cluster::source_of_catalogs() const {
  if (nodes_.empty()) return alone_;
  if (const auto primary = health_.primary()) return nodes_[*primary].to;
  for (index i = 0; i < nodes_.size(); ++i)
    if (health_.is_up(i)) return nodes_[i].to;
  return std::nullopt;
}

}  // namespace forebay
