#include "pool/pool_directory.hpp"

#include <algorithm>

namespace forebay {
namespace {

pool_limits limits_for(const config::settings& settings, const config::database& database, const config::user* user) {
  const auto& defaults = settings.pool;
  pool_limits limits;
  limits.size = user && user->pool_size ? *user->pool_size : database.pool_size.value_or(defaults.size);
  limits.min_size = std::min(defaults.min_size, limits.size);
  limits.reserve_size = defaults.reserve_size;
  limits.reserve_timeout = defaults.reserve_timeout;
  limits.max_prepared_statements = defaults.max_prepared_statements;
  limits.server_lifetime = defaults.server_lifetime;
  limits.server_idle_timeout = defaults.server_idle_timeout;
  limits.server_connect_timeout = defaults.server_connect_timeout;
  return limits;
}

}  // namespace

// What the configuration says goes before what clients have proved.
server_login pool_directory::login_for(const config::settings& settings, const config::database& database,
                                       const std::string& user) const {
  if (!database.user.empty()) {
    const auto* forced = database.password.empty() ? settings.find_user(database.user) : nullptr;
    if (!forced) return {database.user, database.password};
    return {database.user, forced->password.empty() ? forced->secret : forced->password};
  }
  const auto* known = settings.find_user(user);
  if (known && !known->password.empty()) return {user, known->password};
  if (const auto proof = proofs_.find({database.cluster, user}); proof != proofs_.end())
    return {user, proof->second.password, proof->second.keys};
  return {user, known ? known->secret : ""};
}

void pool_directory::remember_login(const config::settings& settings, const std::string& database,
                                    const std::string& user, fsm::login_proof proof) {
  const auto* where = settings.find_database(database);
  const auto* known = settings.find_user(user);
  if (!where || !where->user.empty() || (known && !known->password.empty())) return;
  const std::lock_guard lock(mutex_);
  auto& last = proofs_[{where->cluster, user}];
  if (last == proof) return;
  last = std::move(proof);
  for (const auto& [of, p] : pools_) {
    const auto* at = of.what.user == user ? settings.find_database(of.what.database) : nullptr;
    if (at && at->cluster == where->cluster) p->configure(p->limits(), login_for(settings, *at, user));
  }
}

std::shared_ptr<pool> pool_directory::find(const config::settings& settings, const wish& what,
                                           const std::string& node) {
  const std::lock_guard lock(mutex_);
  return find(settings, key{what, node});
}

std::shared_ptr<pool> pool_directory::find_primary(const config::settings& settings, const wish& what) {
  const std::lock_guard lock(mutex_);
  const auto* database = settings.find_database(what.database);
  const auto* cluster = database ? settings.find_cluster(database->cluster) : nullptr;
  return cluster ? find(settings, key{what, primary_of(*cluster)}) : nullptr;
}

std::shared_ptr<pool> pool_directory::find(const config::settings& settings, key where) {
  const auto* database = settings.find_database(where.what.database);
  // Whoever comes as somebody else shares that one's connections.
  if (database && !database->user.empty()) where.what.user = database->user;
  if (const auto known = pools_.find(where); known != pools_.end()) return known->second;
  auto made = plan_for(settings, where);
  if (!made) return nullptr;
  auto fresh = std::make_shared<pool>(std::move(made->target), std::move(made->login), made->limits, workers_.size(),
                                      *workers_[next_spare_++ % workers_.size()], open_);
  if (is_paused(where.what.database)) fresh->pause();
  pools_.emplace(std::move(where), fresh);
  return fresh;
}

std::vector<pool_directory::entry> pool_directory::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<entry> entries;
  for (const auto& [where, p] : pools_)
    entries.push_back({where.what.database, where.what.user, p});
  return entries;
}

std::map<std::string, traffic_sum> pool_directory::traffic_by_database() const {
  const std::lock_guard lock(mutex_);
  auto sums = remains_;
  for (const auto& [where, p] : pools_)
    sums[where.what.database] += p->all_traffic();
  for (const auto& each : retired_)
    sums[each.database] += each.pool->all_traffic();
  return sums;
}

traffic_sum pool_directory::nameless_traffic() const {
  const std::lock_guard lock(mutex_);
  return nameless_;
}

// A name that "*" let pass and no server ever answered to leaves nothing: clients could make them up without end.
void pool_directory::keep_traffic(const std::string& database, const pool& gone) {
  traffic_sum sum;
  sum += gone.all_traffic();
  const auto* known = settings_ ? settings_->find_database(database) : nullptr;
  if (sum.checkouts > 0 || remains_.contains(database) || (known && known->name == database)) {
    remains_[database] += sum;
  } else {
    nameless_ += sum;
  }
}

std::optional<pool_directory::plan> pool_directory::plan_for(const config::settings& settings, const key& where) {
  const auto& [name, user, replication] = where.what;
  const auto* database = settings.find_database(name);
  const auto* cluster = database ? settings.find_cluster(database->cluster) : nullptr;
  if (!cluster) return std::nullopt;
  const auto named = [&](const config::node& n) { return n.name() == where.node; };
  const auto at = std::ranges::find_if(cluster->nodes, named);
  if (at == cluster->nodes.end()) return std::nullopt;
  const auto on_server = database->dbname.empty() ? name : database->dbname;
  const auto* known = settings.find_user(user);
  const bool must_be_primary = cluster->nodes.size() > 1 && where.node == primary_of(*cluster);
  return plan{{node_for(*at),
               on_server,
               replication,
               must_be_primary,
               {budget_for("database " + name, database->max_connections),
                budget_for("user " + user, known ? known->max_connections : 0)},
               cluster->to_nodes.context},
              login_for(settings, *database, user),
              limits_for(settings, *database, settings.find_user(user))};
}

std::shared_ptr<node> pool_directory::node_for(const config::node& at) {
  auto& slot = nodes_[at.name()];
  if (!slot) slot = std::make_shared<node>(at);
  slot->connections.set_limit(at.max_connections);
  return slot;
}

std::shared_ptr<budget> pool_directory::budget_for(const std::string& whose, std::uint32_t limit) {
  auto& slot = budgets_[whose];
  if (!slot) slot = std::make_shared<budget>(limit);
  slot->set_limit(limit);
  return slot;
}

// A single node is what it is; whoever names a standby means it.
std::string pool_directory::primary_of(const config::cluster& cluster) const {
  if (cluster.nodes.size() == 1) return cluster.nodes.front().name();
  const auto known = primaries_.find(cluster.name);
  return known == primaries_.end() ? std::string{} : known->second;
}

void pool_directory::set_primary(const std::string& cluster, const std::string& node) {
  {
    const std::lock_guard lock(mutex_);
    auto& known = primaries_[cluster];
    if (known == node) return;
    known = node;
    if (!settings_) return;
  }
  reconfigure(nullptr);
}

void pool_directory::close() {
  pause("");
  for (const auto& each : all())
    each.pool->retire();
}

void pool_directory::reconfigure(std::shared_ptr<const config::settings> settings, wire::pg_error why) {
  std::vector<std::shared_ptr<pool>> retired;
  {
    const std::lock_guard lock(mutex_);
    if (settings) settings_ = std::move(settings);
    for (auto it = pools_.begin(); it != pools_.end();) {
      auto wanted = plan_for(*settings_, it->first);
      if (wanted && wanted->target.leads_where(it->second->where())) {
        it->second->configure(wanted->limits, std::move(wanted->login));
        ++it;
      } else {
        retired.push_back(it->second);
        retired_.push_back({it->first.what.database, it->first.what.user, std::move(it->second)});
        it = pools_.erase(it);
      }
    }
    // A pool that is to have connections before any client asks; possible only where it is known who logs in.
    for (const auto& each : settings_->databases) {
      const auto* cluster = settings_->find_cluster(each.cluster);
      if (settings_->pool.min_size > 0 && !each.user.empty() && each.name != "*" && cluster)
        find(*settings_, key{{each.name, each.user, ""}, primary_of(*cluster)});
    }
  }
  for (const auto& p : retired)
    p->retire(why);
}

void pool_directory::maintain(steady::time_point now) {
  for (const auto& each : all())
    each.pool->maintain(now);
  const std::lock_guard lock(mutex_);
  std::erase_if(budgets_, [](const auto& item) { return item.second.use_count() == 1; });
  std::erase_if(pools_, [&](const auto& item) {
    const auto& [where, p] = item;
    const bool done = p.use_count() == 1 && p->state(now).open == 0 && p->limits().min_size == 0;
    if (done) keep_traffic(where.what.database, *p);
    return done;
  });
  std::erase_if(retired_, [&](const entry& each) {
    const bool done = each.pool.use_count() == 1;
    if (done) keep_traffic(each.database, *each.pool);
    return done;
  });
}

void pool_directory::pause(const std::string& database) {
  {
    const std::lock_guard lock(mutex_);
    if (database.empty()) all_paused_ = true;
    if (!database.empty()) paused_.insert(database);
  }
  for (const auto& each : all()) {
    if (database.empty() || each.database == database) each.pool->pause();
  }
}

void pool_directory::resume(const std::string& database) {
  {
    const std::lock_guard lock(mutex_);
    if (database.empty()) {
      all_paused_ = false;
      paused_.clear();
    } else {
      paused_.erase(database);
    }
  }
  for (const auto& each : all()) {
    if (database.empty() || (each.database == database && !paused(database))) each.pool->resume();
  }
}

bool pool_directory::is_paused(const std::string& database) const {
  return all_paused_ || paused_.contains(database);
}

bool pool_directory::paused(const std::string& database) const {
  const std::lock_guard lock(mutex_);
  return database.empty() ? all_paused_ : is_paused(database);
}

bool pool_directory::drained(const std::string& database) const {
  const auto entries = all();
  return std::all_of(entries.begin(), entries.end(), [&](const entry& e) {
    return (!database.empty() && e.database != database) || e.pool->state(steady::now()).open == 0;
  });
}

}  // namespace forebay
