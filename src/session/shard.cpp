#include "session/shard.hpp"

#include <algorithm>

#include "session/session.hpp"

namespace forebay {

void shard::start() {
  use_redis();
}

// As the configuration has it.
void shard::use_redis() {
  const auto& wanted = settings_->cache.redis;
  if (wanted == (redis ? std::optional(redis->where()) : std::nullopt)) return;
  if (auto before = std::exchange(sisters_, nullptr)) before->stop();
  if (auto before = std::exchange(redis, nullptr)) before->stop();
  if (!wanted) return;
  redis = std::make_shared<redis_client>(on, process.names, *wanted);
  redis->start();
  if (on.index() != 0) return;
  sisters_ = std::make_shared<sister_link>(on, process.names, redis, process.cache, process.hear_sisters);
  sisters_->start();
}

void shard::accept(stream client) {
  std::make_shared<session>(*this, std::move(client))->start();
}

std::uint32_t shard::add(std::shared_ptr<session> s) {
  constexpr std::uint32_t mask = (1U << number_bits) - 1;
  std::uint32_t number = 0;
  do {
    last_number_ = (last_number_ + 1) & mask;
    number = static_cast<std::uint32_t>(on.index()) << number_bits | last_number_;
  } while (number == 0 || sessions_.contains(number));
  sessions_.emplace(number, std::move(s));
  return number;
}

shard::newcomers::iterator shard::begin_login(session& s) {
  const auto limit = process.settings()->listen.max_unauthenticated;
  const auto workers = std::max<std::size_t>(process.shards.size(), 1);
  if (limit != 0 && newcomers_.size() >= (limit + workers - 1) / workers)
    newcomers_.front()->give_way();  // and leaves the list
  return newcomers_.insert(newcomers_.end(), &s);
}

std::shared_ptr<session> shard::find(std::uint32_t number) const {
  const auto found = sessions_.find(number);
  return found == sessions_.end() ? nullptr : found->second;
}

void shard::for_each(const std::function<void(session&)>& visit) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(sessions_.size());
  for (const auto& [number, s] : sessions_)
    numbers.push_back(number);
  for (const auto number : numbers) {
    if (const auto s = find(number)) visit(*s);
  }
}

void shard::set_settings(std::shared_ptr<const config::settings> fresh) {
  settings_ = std::move(fresh);
  use_redis();
  if (follows_writes_ || !process.cache.follows()) return;
  follows_writes_ = true;
  for_each([](session& s) { s.follow_writes(); });
  process.cache.one_more_follows();
}

void shard::set_view(const cluster_view_ptr& view) {
  auto& known = clusters_[view->name];
  const auto before = std::exchange(known.view, view);
  const bool same_nodes = before && before->generation == view->generation &&
                          std::ranges::equal(before->nodes, view->nodes, {}, &node_view::name, &node_view::name);
  if (!same_nodes) {
    known.latencies.assign(view->nodes.size(), peak_ewma());
    known.heard.assign(view->nodes.size(), on.now());
  }
  for (const auto& waiting : std::exchange(known.waiting, {}))
    if (const auto s = waiting.lock()) s->on_view();
  bool fell = false;
  for (std::size_t i = 0; same_nodes && i < view->nodes.size(); ++i) {
    fell = fell || (before->nodes[i].up && !view->nodes[i].up);
    // How it was before it fell says nothing about it now.
    if (!before->nodes[i].up && view->nodes[i].up) known.latencies[i] = {};
  }
  if (same_nodes && !fell && before->primary == view->primary) return;
  for_each([&](session& s) { s.on_nodes_changed(known); });
}

void shard::set_rules(const std::string& cluster, const std::string& database, read_rules_ptr rules) {
  const auto& known = clusters_[cluster].rules[database] = std::move(rules);
  for (const auto& [what, one] : destinations_) {
    const auto at = one.lock();
    if (at) at->settle_doubts(cluster, database, known);
  }
}

std::shared_ptr<destination> shard::destination_for(const pool_directory::wish& what) {
  auto& known = destinations_[what];
  auto found = known.lock();
  if (!found) known = found = std::make_shared<destination>(*this, what);
  return found;
}

void shard::drain() {
  draining_ = true;
  for_each([](session& s) { s.drain(); });
}

}  // namespace forebay
