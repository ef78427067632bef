#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "pool/pool.hpp"
#include "protocol/fsm/login_as_server.hpp"

// All pools of the process by what clients ask for, made when first asked for, and the nodes they lead to.
// Any thread may call any function.
namespace forebay {

class pool_directory {
 public:
  pool_directory(std::vector<worker*> workers, pool::opener open)
      : workers_(std::move(workers)), open_(std::move(open)) {}

  // What a client asks for when it logs in.
  struct wish {
    std::string database, user, replication;

    auto operator<=>(const wish&) const = default;  // NOLINT(modernize-use-nullptr): of clang-tidy 14
  };
  // The pool for this on a node of the database's cluster; null if the configuration has no such database or node.
  std::shared_ptr<pool> find(const config::settings& settings, const wish& what, const std::string& node);
  // The same on the cluster's primary; null also while there is none.
  std::shared_ptr<pool> find_primary(const config::settings& settings, const wish& what);

  // A client has logged in to this database as `user`, and proved by this that it is. From now on it logs in to the
  // servers of the database's cluster, where the configuration does not say how. In memory only.
  void remember_login(const config::settings& settings, const std::string& database, const std::string& user,
                      fsm::login_proof proof);

  struct entry {
    std::string database;  // the clients' name for it
    std::string user;
    std::shared_ptr<forebay::pool> pool;
  };
  std::vector<entry> all() const;
  // What was done since the start by the clients' name of the database, by pools that are gone too.
  std::map<std::string, traffic_sum> traffic_by_database() const;
  // The same for names that "*" let pass, and that no server ever answered to.
  traffic_sum nameless_traffic() const;

  // Applies a configuration (null: the one that is applied) to the pools there are; those it leads elsewhere are
  // retired, telling why.
  void reconfigure(std::shared_ptr<const config::settings> settings, wire::pg_error why = pool::served_elsewhere());
  // Of a cluster of several nodes, by name; empty: there is none. Pools that led to another one are retired, and those
  // by which it was read: its connections are from when it was a standby.
  void set_primary(const std::string& cluster, const std::string& node);
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
  struct key {
    wish what;
    std::string node;

    auto operator<=>(const key&) const = default;  // NOLINT(modernize-use-nullptr)
  };
  struct plan {
    pool::target target;
    server_login login;
    pool_limits limits;
  };
  // Guarded by mutex_ from here on.
  std::shared_ptr<pool> find(const config::settings& settings, key where);
  std::optional<plan> plan_for(const config::settings& settings, const key& what);
  server_login login_for(const config::settings& settings, const config::database& database,
                         const std::string& user) const;
  std::shared_ptr<budget> budget_for(const std::string& whose, std::uint32_t limit);
  std::shared_ptr<node> node_for(const config::node& at);
  std::string primary_of(const config::cluster& cluster) const;
  bool is_paused(const std::string& database) const;
  void keep_traffic(const std::string& database, const pool& gone);

  const std::vector<worker*> workers_;
  const pool::opener open_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<node>> nodes_;      // by name
  std::map<std::string, std::shared_ptr<budget>> budgets_;  // "database d", "user u"
  std::map<std::string, std::string> primaries_;            // cluster -> its primary, where there are several nodes
  std::shared_ptr<const config::settings> settings_;
  std::map<std::pair<std::string, std::string>, fsm::login_proof> proofs_;  // by cluster and user
  std::map<key, std::shared_ptr<pool>> pools_;
  std::vector<entry> retired_;                  // that somebody still uses: they count on
  std::map<std::string, traffic_sum> remains_;  // of pools that are gone, by database
  traffic_sum nameless_;
  std::set<std::string> paused_;
  bool all_paused_ = false;
  std::size_t next_spare_ = 0;
};

}  // namespace forebay
