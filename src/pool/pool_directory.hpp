#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "config/config.hpp"
#include "pool/pool.hpp"

// All pools of the process by what clients ask for, made when first asked for, and the nodes they lead to.
// Any thread may call any function.
namespace forebay {

class pool_directory {
 public:
  pool_directory(std::vector<worker*> workers, pool::opener open)
      : workers_(std::move(workers)), open_(std::move(open)) {}

  // The pool of this database and login; null if the configuration has no such database.
  std::shared_ptr<pool> find(const config::settings& settings, const std::string& database, const std::string& user,
                             const std::string& replication);

  struct entry {
    std::string database;  // the clients' name for it
    std::string user;
    std::shared_ptr<forebay::pool> pool;
  };
  std::vector<entry> all() const;
  // What was done since the start by the clients' name of the database, by pools that are gone too.
  std::map<std::string, traffic_sum> traffic_by_database() const;

  // Applies a configuration to the pools there are; those it leads elsewhere are retired, telling why.
  void reconfigure(std::shared_ptr<const config::settings> settings, wire::pg_error why = pool::served_elsewhere());
  // A login on this node failed, or it turned out to be a standby: where a cluster has another candidate for the
  // primary, its pools move on to that one. Clients hear why when there is none that serves.
  void suspect(const node& failed, const wire::pg_error& why);
  // The end: every pool closes what is idle and opens nothing any more.
  void close();
  // Every quarter of a second, from the control thread. Pools without connections, waiters and users go.
  void maintain(steady::time_point now);

  // PAUSE and RESUME; an empty name means all databases. A paused database's future pools are paused too.
  void pause(const std::string& database);
  void resume(const std::string& database);
  bool paused(const std::string& database) const;
  // True once none of its connections is open.
  bool drained(const std::string& database) const;

 private:
  using key = std::tuple<std::string, std::string, std::string>;  // database, user, replication
  struct plan {
    pool::target target;
    server_login login;
    pool_limits limits;
  };
  // Guarded by mutex_ from here on.
  std::shared_ptr<pool> find(const config::settings& settings, key what);
  std::optional<plan> plan_for(const config::settings& settings, const key& what);
  std::shared_ptr<budget> budget_for(const std::string& whose, std::uint32_t limit);
  std::shared_ptr<node> node_for(const config::cluster& cluster);
  std::size_t primary_of(const config::cluster& cluster);
  bool is_paused(const std::string& database) const;
  void keep_traffic(const std::string& database, const pool& gone);

  const std::vector<worker*> workers_;
  const pool::opener open_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<node>> nodes_;      // by name
  std::map<std::string, std::shared_ptr<budget>> budgets_;  // "database d", "user u"
  std::map<std::string, std::size_t> primaries_;            // cluster -> index of the node taken for its primary
  std::shared_ptr<const config::settings> settings_;
  std::map<key, std::shared_ptr<pool>> pools_;
  std::vector<entry> retired_;                  // that somebody still uses: they count on
  std::map<std::string, traffic_sum> remains_;  // of pools that are gone, by database
  std::set<std::string> paused_;
  bool all_paused_ = false;
  std::size_t next_spare_ = 0;
};

}  // namespace forebay
