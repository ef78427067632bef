#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/redis_client.hpp"
#include "cache/sister_link.hpp"
#include "config/config.hpp"
#include "net/gather.hpp"
#include "net/worker.hpp"
#include "pool/connector.hpp"
#include "pool/pool_directory.hpp"
#include "routing/access.hpp"
#include "routing/classifier.hpp"
#include "routing/monitor.hpp"
#include "session/channels.hpp"
#include "session/console_session.hpp"
#include "session/destination.hpp"
#include "session/login_damper.hpp"
#include "session/salted_passwords.hpp"

// What sessions share: with all others of the process (proxy) and with those of their worker (shard).
namespace forebay {

class session;
class shard;

// Built once by the application; outlives every session. Members are either constant while sessions run or safe to use
// from any thread.
struct proxy {
  proxy(pool_directory& p, connector& c, monitor& m, resolver& n) : pools(p), connect(c), watch(m), names(n) {}

  pool_directory& pools;
  connector& connect;
  monitor& watch;
  resolver& names;
  result_cache cache{{}};
  std::vector<std::unique_ptr<shard>> shards;  // by worker
  channel_directory channels;
  sister_book::applier hear_sisters;
  console_factory make_console;
  std::string process_secret;
  login_damper damper;
  // Runs what may block, on a thread for that.
  std::function<void(std::function<void()>)> aside;
  std::atomic<std::uint32_t> clients{0};

  std::shared_ptr<const config::settings> settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
  }
  void set_settings(std::shared_ptr<const config::settings> s) {
    const std::lock_guard lock(mutex_);
    settings_ = std::move(s);
  }

  // The latest of each cluster; sessions go by their shard's.
  std::vector<cluster_view_ptr> views() const {
    const std::lock_guard lock(mutex_);
    std::vector<cluster_view_ptr> all;
    for (const auto& [name, view] : views_)
      all.push_back(view);
    return all;
  }
  cluster_view_ptr view_of(const std::string& cluster) const {  // null: none yet
    const std::lock_guard lock(mutex_);
    const auto found = views_.find(cluster);
    return found == views_.end() ? nullptr : found->second;
  }
  // Of a write to this cluster, acknowledged just now; 0: nothing is known of the cluster yet.
  std::uint64_t take_ticket(const cluster_view_ptr& of) const {
    if (!of) return 0;
    bool first = false;
    const auto ticket = of->writes->take_ticket(first);
    if (first) watch.hurry();
    return ticket;
  }
  void set_view(cluster_view_ptr view) {
    const std::lock_guard lock(mutex_);
    views_[view->name] = std::move(view);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const config::settings> settings_;
  std::map<std::string, cluster_view_ptr> views_;
};

// The sessions of one worker. Used on its thread only, except through worker::post().
class shard {
 public:
  shard(proxy& p, worker& w)
      : process(p), on(w), random(random_u32()), settings_(p.settings()), follows_writes_(p.cache.follows()) {}

  void start();  // on its thread
  void accept(stream client);

  // A session's number is the process id that its client is told; its high bits name the worker, so a cancel request
  // that arrives anywhere finds its way.
  std::uint32_t add(std::shared_ptr<session> s);
  void remove(std::uint32_t number) { sessions_.erase(number); }  // may end its life
  std::shared_ptr<session> find(std::uint32_t number) const;
  static std::size_t worker_of(std::uint32_t number) { return number >> number_bits; }
  // Visits all sessions; one may end while it is visited.
  void for_each(const std::function<void(session&)>& visit);
  std::size_t count() const { return sessions_.size(); }

  // Sessions that have not logged in yet, in the order of their coming. One more than this worker's share of the limit,
  // and the first of them ends.
  using newcomers = std::list<session*>;
  newcomers::iterator begin_login(session& s);
  void end_login(newcomers::iterator which) { newcomers_.erase(which); }

  // Shutdown: each session ends at its next transaction boundary, told 57P01.
  void drain();
  bool draining() const { return draining_; }

  // As this worker knows it: told by the control plane, and the same for the length of an event.
  const std::shared_ptr<const config::settings>& settings() const { return settings_; }
  void set_settings(std::shared_ptr<const config::settings> fresh);
  known_cluster& cluster(const std::string& name) { return clusters_[name]; }
  void set_view(const cluster_view_ptr& view);
  void set_rules(const std::string& cluster, const std::string& database, read_rules_ptr rules);
  // visit(cluster, database on the server, its rules)
  void for_each_rules(auto&& visit) const {
    for (const auto& [cluster, known] : clusters_)
      for (const auto& [database, rules] : known.rules)
        visit(cluster, database, rules);
  }
  std::shared_ptr<destination> destination_for(const pool_directory::wish& what);
  void forget(const destination& gone) { destinations_.erase(gone.what()); }

  proxy& process;
  worker& on;
  // Scratch of the event being handled; empty between events.
  gather to_server;
  gather to_client;
  classifier sql;
  access_reader access;
  salted_passwords salted;
  quick_random random;
  std::shared_ptr<redis_client> redis;  // null: results are not shared
  // Requests that went to the primary, by the reason why not to a replica (static texts).
  std::unordered_map<const char*, std::uint64_t> reasons;
  std::unordered_map<const char*, std::uint64_t> cache_bypasses;  // the same of those that the cache was not asked for

 private:
  void use_redis();

  static constexpr unsigned number_bits = 23;  // numbers stay positive in clients that use signed ones
  static_assert(config::max_workers <= 1U << (31 - number_bits));

  std::shared_ptr<const config::settings> settings_;
  std::map<std::string, known_cluster> clusters_;
  std::map<pool_directory::wish, std::weak_ptr<destination>> destinations_;
  std::unordered_map<std::uint32_t, std::shared_ptr<session>> sessions_;
  newcomers newcomers_;
  std::uint32_t last_number_ = 0;
  bool draining_ = false;
  bool follows_writes_;
  std::shared_ptr<sister_link> sisters_;  // one of all shards has it
};

}  // namespace forebay
