#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pool/pool_directory.hpp"
#include "routing/read_rules.hpp"
#include "routing/router.hpp"
#include "session/cache_desk.hpp"
#include "session/read_judge.hpp"

// Where the requests of one worker's clients go that have the same database and login.
namespace forebay {

class shard;
class session;

// What the control plane has told a worker of one cluster.
struct known_cluster {
  cluster_view_ptr view;                        // null: nothing yet
  std::map<std::string, read_rules_ptr> rules;  // by the database's name on the server
  std::vector<peak_ewma> latencies;             // of the view's nodes, as this worker sees them
  std::vector<steady::time_point> heard;        // the same: when anything came from it, or its silence was told
  std::vector<std::weak_ptr<session>> waiting;  // for a view with a node that will do
};

// A node's breaker has let a request through: exactly one of the three is said of it, gave_up() if nothing else is.
class admission {
 public:
  admission() = default;
  admission(std::shared_ptr<node_state> node, breaker& by, breaker::permit permit)
      : node_(std::move(node)), by_(&by), permit_(permit) {}
  admission(admission&& other) noexcept { swap(other); }
  admission& operator=(admission&& other) noexcept {
    swap(other);
    return *this;
  }
  ~admission() { gave_up(); }

  bool held() const { return node_ != nullptr; }
  const std::shared_ptr<node_state>& node() const { return node_; }
  void succeeded(steady::time_point now);
  void failed(steady::time_point now, std::string_view why, quick_random& random);
  void gave_up();

 private:
  void swap(admission& other) {
    std::swap(node_, other.node_);
    std::swap(by_, other.by_);
    std::swap(permit_, other.permit_);
  }

  std::shared_ptr<node_state> node_;
  breaker* by_ = nullptr;
  breaker::permit permit_{};
};

// On the worker's thread. Shared by the sessions that use it.
class destination {
 public:
  destination(shard& home, pool_directory::wish what);
  ~destination();

  const pool_directory::wish& what() const { return what_; }
  // False: the configuration has no such database (any more).
  bool exists();
  // Whether any request may go elsewhere than to the primary; if not, nothing has to be known of it.
  bool splits();
  bool has_several_nodes();

  struct place {
    std::shared_ptr<pool> where;  // null: nowhere at the moment
    admission permit;
    std::size_t node = 0;  // by its index in the view of this generation
    std::uint64_t generation = 0;
    bool is_primary = true;
    const char* reason = "";  // static: why not on a replica, or why nowhere
    bool may_wait = true;
    std::optional<wire::pg_error> refusal{};  // what the client is to hear, where it is not for the reason
  };
  place choose(const route_wish& wish);  // where it exists

  const route_settings& settings_of(const parameters& wanted);
  const read_rules_ptr& rules() const { return *rules_; }
  known_reads& reads() { return reads_; }
  void catalog_changed();
  // Null where the cluster has no cache. Valid within this event.
  cache_desk* caching() {
    refresh();
    return caching_.get();
  }
  void settle_doubts(const std::string& cluster, const std::string& database, const read_rules_ptr& rules);
  known_cluster& cluster() { return *cluster_; }  // the last, where it exists no longer
  // What a client that logs in is told, if any node's pool knows it.
  parameters greeting(const std::string& startup_settings);

 private:
  void refresh();
  std::shared_ptr<pool> pool_of(std::size_t node);

  shard& home_;
  const pool_directory::wish what_;
  std::shared_ptr<const config::settings> settings_;  // by which the following were made
  bool exists_ = false;
  std::optional<router> router_;
  std::string on_server_, login_;  // the database's name there, and as whom
  known_cluster* cluster_ = nullptr;
  const read_rules_ptr* rules_ = nullptr;  // in *cluster_
  std::uint64_t generation_ = 0;
  std::vector<std::shared_ptr<pool>> pools_;  // by node, where one was used
  parameters wanted_;                         // what route_settings_ was made of, with the next
  read_rules_ptr wanted_by_;
  route_settings route_settings_;
  known_reads reads_;
  std::unique_ptr<cache_desk> caching_;
};

}  // namespace forebay
