#include "session/destination.hpp"

#include "session/shard.hpp"

namespace forebay {

void admission::succeeded(steady::time_point now) {
  if (!node_) return;
  by_->succeeded(permit_, now);
  node_.reset();
}

void admission::failed(steady::time_point now, std::string_view why, quick_random& random) {
  if (!node_) return;
  by_->failed(permit_, now, why, random);
  node_.reset();
}

void admission::gave_up() {
  if (!node_) return;
  by_->gave_up(permit_);
  node_.reset();
}

destination::destination(shard& home, pool_directory::wish what) : home_(home), what_(std::move(what)) {
  refresh();
}

destination::~destination() {
  home_.forget(*this);
}

void destination::refresh() {
  if (settings_ != home_.settings()) {
    settings_ = home_.settings();
    pools_.clear();
    const auto* database = settings_->find_database(what_.database);
    exists_ = database != nullptr;
    if (!exists_) return;
    on_server_ = database->dbname.empty() ? what_.database : database->dbname;
    login_ = database->user.empty() ? what_.user : database->user;
    wanted_.reset();
    router_.emplace(settings_->routing_of(*database));
    cluster_ = &home_.cluster(database->cluster);
    rules_ = &cluster_->rules[on_server_];
    const auto* cluster = settings_->find_cluster(database->cluster);
    const bool caches = home_.process.cache.follows();
    caching_.reset();
    if (caches) {
      caching_ = std::make_unique<cache_desk>(
          home_.process.cache, cache_desk::place{database->cluster, on_server_, login_, what_.user, what_.database},
          settings_->cache_of(*database));
    }
    const bool wanted = caches || (cluster && cluster->nodes.size() > 1 && router_->how().read_write_split);
    if (wanted) home_.process.watch.watch_catalog(database->cluster, on_server_);
  }
  if (cluster_ && cluster_->view && generation_ != cluster_->view->generation) {
    generation_ = cluster_->view->generation;
    pools_.clear();
  }
}

bool destination::exists() {
  refresh();
  return exists_;
}

bool destination::has_several_nodes() {
  refresh();
  return exists_ && cluster_->view && cluster_->view->nodes.size() > 1;
}

bool destination::splits() {
  return has_several_nodes() && router_->how().read_write_split && what_.replication.empty();
}

void destination::catalog_changed() {
  if (splits() || (caching_ && cluster_->view)) home_.process.watch.catalog_changed(cluster_->view->name, on_server_);
}

void destination::settle_doubts(const std::string& cluster, const std::string& database, const read_rules_ptr& rules) {
  if (caching_ && cluster_ == &home_.cluster(cluster) && on_server_ == database) caching_->settle_doubts(rules);
}

const route_settings& destination::settings_of(const parameters& wanted) {
  if (wanted_ != wanted || wanted_by_ != rules()) {
    wanted_ = wanted;
    wanted_by_ = rules();
    const auto unknown = transaction_modes::level::repeatable_read;  // what it would have to be safe from
    route_settings_ = route_settings::of(*wanted, rules() ? rules()->isolation_of(login_) : unknown);
  }
  return route_settings_;
}

std::shared_ptr<pool> destination::pool_of(std::size_t node) {
  pools_.resize(cluster_->view->nodes.size());
  auto& known = pools_[node];
  // By the settings of now: this worker may have to hear of them yet, and a pool by old ones would be there for good.
  if (!known || known->retired())
    known = home_.process.pools.find(*home_.process.settings(), what_, cluster_->view->nodes[node].name);
  return known;
}

destination::place destination::choose(const route_wish& wish) {
  refresh();
  place found;
  if (!cluster_->view) {
    found.reason = "its cluster is not known yet";
    return found;
  }
  const auto& view = *cluster_->view;
  const auto now = home_.on.now();
  auto open = wish;
  for (std::size_t tries = 0; tries <= view.nodes.size(); ++tries) {
    const auto choice = router_->choose(cluster_->view, open, cluster_->latencies, now, home_.random);
    found.reason = choice.reason;
    found.may_wait = choice.may_wait;
    if (!choice.node) return found;
    const auto& node = view.nodes[*choice.node];
    found.node = *choice.node;
    found.generation = view.generation;
    found.is_primary = view.primary == choice.node;
    auto& by = found.is_primary ? node.state->writes : node.state->reads;
    if (const auto permit = by.ask(now)) {
      admission admitted(node.state, by, *permit);
      found.where = pool_of(*choice.node);
      if (found.where) {
        found.permit = std::move(admitted);
        return found;
      }
      // A reload has taken the node away, or all; of which this worker is about to hear.
      if (!home_.process.settings()->find_database(what_.database)) {
        found.refusal = pool::served_elsewhere();
        found.may_wait = false;
        return found;
      }
    } else if (found.is_primary) {
      found.refusal = wire::pg_error::error("57P03", "server at " + node.name + " is " + by.refusal(now));
      found.reason = "the primary's breaker is open";
      found.may_wait = view.nodes.size() > 1;  // for another one to be promoted
      return found;
    }
    open.avoid |= std::uint64_t{1} << (*choice.node % 64);
  }
  return found;
}

parameters destination::greeting(const std::string& startup_settings) {
  refresh();
  if (!cluster_ || !cluster_->view) return nullptr;
  for (std::size_t i = 0; i < cluster_->view->nodes.size(); ++i) {
    const auto p = pool_of(i);
    if (auto known = p ? p->greeting(startup_settings) : nullptr) return known;
  }
  return nullptr;
}

}  // namespace forebay
