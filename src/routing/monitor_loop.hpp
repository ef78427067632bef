#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "routing/catalog_watch.hpp"
#include "routing/monitor.hpp"
#include "routing/watched_cluster.hpp"

// The monitor's thread: sleeps in poll(2) until a connection has something, a time has come, or somebody posts.
namespace forebay {

class monitor::loop {
 public:
  explicit loop(listener tell);
  ~loop();
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;

  void start();
  void stop();
  void wake() const;  // any thread: look at everything now

  // Any thread: runs on the loop's, in order.
  void post(std::function<void()> what);
  void set_names(std::set<std::string> nodes);
  bool knows(const std::string& node) const;

  // The rest is for what was posted.
  void configure(std::shared_ptr<const config::settings> settings);
  void suspect(const std::string& node, const std::string& why);
  void doubt(const std::string& node, const std::string& why);
  void drain(const std::string& node, bool yes);
  void find_account(const std::string& cluster, const std::string& user, bool fresh, account_query::tell then);
  void watch_catalog(const std::string& cluster, const std::string& database);
  void catalog_changed(const std::string& cluster, const std::string& database);

 private:
  void run();
  void run_posted();
  void run_all(steady::time_point now);
  void tell_news();
  void sleep();

  const listener tell_;
  const int wake_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};

  mutable std::mutex mutex_;  // guards the two below, for a few moves
  std::vector<std::function<void()>> posted_;
  std::set<std::string> names_;

  // The loop's own.
  std::shared_ptr<const config::settings> settings_;
  std::map<std::string, watched_cluster> clusters_;
  std::map<std::pair<std::string, std::string>, catalog_watch> catalogs_;
  std::map<std::string, account_query> accounts_;  // by cluster
};

}  // namespace forebay
