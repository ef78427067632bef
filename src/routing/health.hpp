#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "routing/cluster_view.hpp"
#include "routing/position_history.hpp"
#include "routing/probe.hpp"

// What the nodes of one cluster are, from what they answered when. Pure: it is told the time and asks nobody.
//
//   up          a node goes down after `fall` failures in a row and comes back after `rise` good answers; from the
//   start
//               one good answer is enough. A suspicion counts as a failure, but the last word is a probe's.
//   belongs     its system identifier is that of the cluster: of most nodes at the start; that one stays for as long as
//               any node had it when it last answered. Others are refused.
//   primary     the node that is up and not in recovery; never one that is said to be a replica. Of several the one
//   with
//               the highest timeline, of equals the present primary or else none; the others are refused for as long as
//               they take writes on that timeline or a lower one, so a primary that was left behind never comes back by
//               itself. From the start nobody is the primary until each node has answered or failed once.
//   lag         in bytes and in time (routing/position_history) against the primary as it was last seen. A replica has
//               to be known to follow that primary's timeline once there was another primary before; until then
//               its lag is not known and its position counts for nothing.
namespace forebay {

class cluster_health {
 public:
  using index = std::size_t;

  explicit cluster_health(std::string name);

  // What is known of nodes whose address stays is kept.
  void configure(const config::cluster& cluster, const config::settings& settings);

  void answered(index who, const probe_answer& said, std::chrono::microseconds latency, steady::time_point asked,
                steady::time_point now);
  // The short question. False: its role is not the one that is known, ask it everything.
  bool came_to(index who, const position_answer& said, steady::time_point asked);
  void failed(index who, const std::string& why);
  void suspected(index who, const std::string& why);
  // The last answer of the primary covers these tickets.
  void covers(std::uint64_t tickets);
  bool drain(const std::string& node, bool yes);

  std::size_t size() const { return nodes_.size(); }
  const std::string& name_of(index who) const { return nodes_[who].name; }
  std::optional<index> find(const std::string& node) const;
  std::optional<index> primary() const { return primary_; }
  bool is_up(index who) const { return nodes_[who].up; }
  // A replica in use that has not replayed all that the primary is known to have written.
  bool is_behind(index who) const;
  const std::shared_ptr<write_clock>& writes() const { return writes_; }
  std::uint64_t covered() const { return covered_; }

  // Something has changed since the last view() that should not wait for the end of a round.
  bool has_news() const { return news_; }
  cluster_view_ptr view();

 private:
  enum class presence : std::uint8_t { unknown, up, down };
  using role = enum node_view::role;

  struct node {
    std::string name;
    config::node said;
    std::shared_ptr<node_state> state;
    bool draining = false;

    presence here = presence::unknown, told = presence::unknown;  // and what the log knows
    bool heard = false;                                           // it has answered, or failed, once
    std::uint32_t good = 0, bad = 0;
    std::string failure;
    steady::time_point since{};
    std::optional<probe_answer> last;
    steady::time_point asked{};  // for that
    std::chrono::microseconds latency{0};
    std::uint32_t outvoted = 0;  // it is not the primary on a timeline up to this one
    std::uint32_t follows = 0;   // the primary's timeline that it was last known to be on

    // What came of it.
    bool up = false;
    enum node_view::role role = node_view::role::unknown;
    std::string reason;
    lsn position;
    std::optional<std::chrono::milliseconds> lag;
    std::optional<std::uint64_t> lag_bytes;

    bool takes_writes() const { return here == presence::up && last && !last->in_recovery; }
  };

  void judge();
  void settle_system();
  std::optional<index> elect();
  void take_over(std::optional<index> next);
  void begin_line(const node& primary);
  void settle(node& n, bool is_primary);
  std::string why_not_up(const node& n) const;
  void weigh(node& n);
  bool is_on_line(node& n) const;
  void see_primary(lsn position, steady::time_point asked);

  const std::string name_;
  config::health limits_;
  std::string zone_;  // of the proxy
  std::uint64_t generation_ = 0;
  std::vector<node> nodes_;
  bool alone_ = false;  // one node: it is what it is, and nobody asks it

  std::string system_;
  bool all_heard_ = false;  // once: nobody is the primary before
  std::optional<index> primary_;
  std::string last_primary_;        // by name; empty: there never was one
  std::uint32_t timeline_ = 0;      // of the last primary; another one has no lower one
  bool there_was_another_ = false;  // primary, or timeline, since this cluster is watched
  position_history history_;
  lsn written_;
  std::uint64_t covered_ = 0;
  const std::shared_ptr<write_clock> writes_ = std::make_shared<write_clock>();
  bool news_ = true;
};

}  // namespace forebay
