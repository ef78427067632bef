#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "config/config.hpp"
#include "routing/balancer.hpp"
#include "routing/cluster_view.hpp"

// Which node gets a request, and why. Pure: the view, the time and the dice are arguments.
namespace forebay {

struct route_wish {
  enum class kind : std::uint8_t {
    primary,
    read,  // a replica will do, if one is fit for it
    any,   // answered by every node alike: the primary while there is one
  };
  kind what = kind::primary;
  lsn needed{};                 // what the session has written: a replica must have replayed it
  bool own_write_open = false;  // it has written, and how far is not known yet
  std::uint64_t avoid = 0;      // nodes that have failed this request, a bit for each index
};

struct route_choice {
  std::optional<std::size_t> node;  // nothing: no node will do at the moment
  const char* reason = "";          // static: why not a replica, or why there is none at all
  bool may_wait = true;             // for a node to come, where there is none
};

// One for each worker, database and login, on the worker's thread.
class router {
 public:
  explicit router(const config::routing& how) : how_(how), balance_(how.strategy, how.slow_start) {}

  // `latencies`: of the view's nodes, as this worker sees them.
  route_choice choose(const cluster_view_ptr& view, const route_wish& wish, std::span<const peak_ewma> latencies,
                      steady::time_point now, quick_random& random);

  const config::routing& how() const { return how_; }

 private:
  void look_at(const cluster_view_ptr& view, quick_random& random);
  const char* why_unfit(const node_view& node) const;
  const char* why_unfit(const node_view& node, const route_wish& wish, steady::time_point now) const;

  const config::routing how_;
  balancer balance_;
  cluster_view_ptr view_;               // what was looked at last; of its nodes:
  std::vector<candidate> candidates_;   // for the balancer
  std::vector<const char*> never_fit_;  // why not, as long as nothing else is known of them
};

}  // namespace forebay
