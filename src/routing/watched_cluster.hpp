#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "routing/health.hpp"
#include "routing/pq_connection.hpp"

// Asks the nodes of one cluster, each over a connection that stays open, and tells its health what they say. On the
// monitor's thread:
//
//   everything    of all nodes with each round: every health.interval, every 100 ms while there is no primary;
//                 of one node at once that is suspected or whose connection is lost, over a new connection
//   the position  of the primary when tickets wait, at most every 2 ms; of replicas that are behind every 20 ms, while
//                 tickets are taken, and for a moment after each round: most have caught up by then
namespace forebay {

class watched_cluster {
 public:
  explicit watched_cluster(const std::string& name) : health_(name) {}

  void configure(const config::settings& settings, const config::cluster& cluster, steady::time_point now);
  void suspect(const std::string& node, const std::string& why, steady::time_point now);
  void doubt(const std::string& node, const std::string& why, steady::time_point now);
  bool drain(const std::string& node, bool yes) { return health_.drain(node, yes); }

  void run(steady::time_point now);                       // whatever is due, or has come
  steady::time_point next(steady::time_point now) const;  // when to run again if nothing comes
  void add_connections(std::vector<pq_connection*>& to);
  cluster_view_ptr take_view();  // null: nothing new

  // Where a catalog is to be read.
  // The primary; while there is none a replica, which has the same.
  std::optional<pq_connection::target> source_of_catalogs() const;

 private:
  using index = cluster_health::index;
  enum class question : std::uint8_t { none, everything, position };
  static constexpr auto never = steady::time_point::max();

  struct prober {
    pq_connection io;
    pq_connection::target to;
    question under_way = question::none;
    bool sent = false;               // not while it connects
    bool in_round = false;           // the round waits for it
    bool renew = false;              // by a new connection
    steady::time_point due = never;  // to ask everything
    steady::time_point begun{}, asked{};
    bool as_primary = false;    // it was, when it was asked
    std::uint64_t tickets = 0;  // that its answer then covers
  };

  void begin_round(steady::time_point now);
  void run(index who, steady::time_point now);
  void begin(index who, question what, steady::time_point now);
  void send(index who, steady::time_point now);
  void take_answer(index who, steady::time_point now);
  void take_failure(index who, std::string why, steady::time_point now);
  void look_again(prober& p, steady::time_point now);
  void end(prober& p);
  bool tickets_wait() const { return health_.writes()->last() > health_.covered(); }
  bool may_ask(index who) const;  // the short question
  bool anybody_is_behind() const;
  void ask_positions(steady::time_point now);

  cluster_health health_;
  config::health limits_;
  std::deque<prober> nodes_;                    // in the health's order; none while there is one node only
  std::optional<pq_connection::target> alone_;  // that one, which is not watched
  bool round_is_done_ = false;
  steady::time_point round_at_{};
  steady::time_point fast_at_{}, fast_until_{};  // when to ask replicas that are behind
  steady::time_point position_asked_{};          // of the primary
  std::uint64_t tickets_seen_ = 0;
};

}  // namespace forebay
