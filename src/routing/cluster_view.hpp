#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/lsn.hpp"
#include "routing/breaker.hpp"

// What is known of a cluster at one moment. Made by the control plane (routing/monitor), posted to every worker, never
// changed: whoever has one may read it on any thread.
namespace forebay {

// What outlives a view: of one node, for as long as its address is in the configuration. Any thread.
struct node_state {
  explicit node_state(const config::breaker& limits) : reads(limits), writes(limits) {}

  breaker reads, writes;                    // by direction of use
  std::atomic<std::uint32_t> in_flight{0};  // requests and transactions, of all workers
  std::atomic<std::uint64_t> routed_reads{0}, routed_writes{0};
};

struct node_view {
  enum class role : std::uint8_t { unknown, primary, replica };

  std::string name;  // "host:port"
  node_view::role role = role::unknown;
  bool heard = false;     // has answered, or failed, once
  bool up = false;        // answers, and belongs to this cluster
  std::string reason;     // why it is not up
  bool draining = false;  // gets nothing new (NODE DRAIN)
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;
  bool own_zone = true;
  steady::time_point since{};  // up since; the epoch: from the start
  lsn position;                // of a primary what it has written, of a replica what it has replayed
  std::optional<std::chrono::milliseconds> replay_lag;  // of a replica; nothing: not known
  std::optional<std::uint64_t> lag_bytes;
  std::chrono::microseconds latency{0};  // of the last probe
  std::shared_ptr<node_state> state;
};

// Read-your-writes. Whoever has written takes a ticket when the write is acknowledged; the monitor asks the primary how
// far it has written and tells which tickets the answer covers: each of them is for a write at or before `written`.
class write_clock {
 public:
  // Any thread. True in `first`: nobody has asked since the monitor looked, so it has to be woken.
  std::uint64_t take_ticket(bool& first) {
    const auto ticket = tickets_.fetch_add(1) + 1;
    first = !asked_.exchange(true);
    return ticket;
  }
  // The monitor, before it asks the primary: the last ticket that the answer covers.
  std::uint64_t look() {
    asked_.exchange(false);  // first: whoever finds it set has its ticket already
    return tickets_.load();
  }
  std::uint64_t last() const { return tickets_.load(); }

 private:
  std::atomic<bool> asked_{false};
  std::atomic<std::uint64_t> tickets_{0};
};

struct cluster_view {
  std::string name;
  std::uint64_t generation = 0;        // of the list of nodes: while it is the same, an index means the same node
  std::vector<node_view> nodes;        // in the configuration's order
  std::optional<std::size_t> primary;  // takes the writes; nothing: there is none at the moment
  std::uint64_t covered = 0;           // tickets up to this one are for writes at or before `written`
  lsn written;
  std::shared_ptr<write_clock> writes;
};
using cluster_view_ptr = std::shared_ptr<const cluster_view>;

}  // namespace forebay
