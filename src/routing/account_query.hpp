#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "core/clock.hpp"
#include "routing/pq_connection.hpp"

// Finds the users of one cluster that are not configured (auth.query), over a connection of its own, on which nothing
// is ever said that a client has sent, but for a name as $1. Answers are kept for auth.cache_ttl; who asks for the same
// name meanwhile waits for the same answer. On the monitor's thread.
namespace forebay {

struct found_account {
  std::string secret;  // empty: no password will do, or there is no such user
  std::optional<std::vector<std::string>> groups;
  std::string note;     // for the log: why there is no secret
  std::string failure;  // it could not be asked; for the log
};

class account_query {
 public:
  using tell = std::function<void(const found_account&)>;

  explicit account_query(std::string cluster) : cluster_(std::move(cluster)) {}

  void configure(const config::settings& settings, const config::cluster& cluster);
  void aim(std::optional<pq_connection::target> node);  // nothing: there is none

  // `fresh`: what is kept was not good enough, unless it is from this very moment.
  void find(const std::string& user, bool fresh, steady::time_point now, tell then);

  void run(steady::time_point now);
  steady::time_point next() const;
  pq_connection& connection() { return io_; }

 private:
  struct entry {
    found_account what;
    steady::time_point asked{}, until{};
  };
  void begin(steady::time_point now);
  void take_answer(steady::time_point now);
  void take_failure(const std::string& why, steady::time_point now);
  found_account read_rows(const std::string& user, steady::duration& valid) const;
  void answer(const std::string& user, const found_account& what);

  const std::string cluster_;
  std::string sql_;
  bool only_if_allowed_ = false;
  bool forbidden_ = false;  // only_if_allowed_, and it is not
  config::duration ttl_{};
  std::optional<config::settings::watcher> login_;
  std::optional<pq_connection::target> node_;
  pq_connection io_;

  std::map<std::string, entry> kept_;
  std::map<std::string, std::vector<tell>> waiting_;  // by user
  std::deque<std::string> queue_;                     // of waiting_, in the order of asking; the first is being asked
  bool asking_ = false;
  bool has_served_ = false;     // this connection, before: if it is lost now, another may do
  steady::time_point begun_{};  // connecting, or asking
  steady::time_point failed_at_{};
  std::string failure_;  // of the last attempt
};

}  // namespace forebay
