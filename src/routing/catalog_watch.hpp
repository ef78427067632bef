#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "core/clock.hpp"
#include "routing/catalog.hpp"
#include "routing/function_lists.hpp"
#include "routing/pq_connection.hpp"
#include "routing/read_rules.hpp"

// Keeps the read_rules of one database, by a connection of its own to a node. On the monitor's thread. What was
// known stays while it is read anew, and for 30 s while it cannot be read.
namespace forebay {

class catalog_watch {
 public:
  catalog_watch(std::string cluster, std::string database)
      : cluster_(std::move(cluster)), database_(std::move(database)) {}

  void aim(std::optional<pq_connection::target> node, steady::time_point now);  // nothing: there is none
  void set_lists(const config::routing& routing, steady::time_point now);
  void changed(steady::time_point now);

  void run(steady::time_point now);
  steady::time_point next() const;
  pq_connection& connection() { return io_; }

  const std::string& cluster() const { return cluster_; }
  const std::string& database() const { return database_; }
  std::optional<read_rules_ptr> take_rules();  // nothing: as before

 private:
  // What is asked: its fingerprint, and if that is another one than before, all the rest.
  enum class step : std::uint8_t { none, fingerprint, begin, query, end };

  void ask(step what);
  void take_answer(steady::time_point now);
  void take_catalog(steady::time_point now);
  void take_failure(const std::string& why, steady::time_point now);
  void know(read_rules_ptr rules);

  const std::string cluster_, database_;
  function_lists lists_;
  std::optional<pq_connection::target> to_;
  pq_connection io_;

  step step_ = step::none;
  std::size_t query_ = 0;
  catalog read_;
  std::string fingerprint_, new_fingerprint_;  // of what is known, of what is being read
  steady::time_point check_at_{}, begun_{};
  steady::time_point confirmed_{};  // what is known was known to be true
  std::string complaint_;           // in the log already

  read_rules_ptr rules_;
  bool news_ = false;
};

}  // namespace forebay
