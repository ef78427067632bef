#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "routing/account_query.hpp"
#include "routing/cluster_view.hpp"
#include "routing/read_rules.hpp"

// Watches the nodes of all clusters that have several, on a thread of its own, by one connection to each (libpq, beside
// the pools): which are up, which is the primary, how far each has come. And reads the catalogs of the databases that
// are routed, from the primary.
//
//   monitor m(tell);  m.configure(settings);  m.start();  ...  m.stop();
//
// Any thread may call any function. `tell` is called on the monitor's thread, never with a lock held.
namespace forebay {

class monitor {
 public:
  struct listener {
    std::function<void(cluster_view_ptr)> view;  // with each change, and with each round of probes
    // Of a database, by its name on the server. Null: no longer known.
    std::function<void(const std::string& cluster, const std::string& database, read_rules_ptr)> rules;
  };

  explicit monitor(listener tell);
  ~monitor();
  monitor(const monitor&) = delete;
  monitor& operator=(const monitor&) = delete;

  void start();
  void stop();

  // At the start and with each reload. A cluster of one node has a view at once, in which that node is its primary and
  // up, and is not watched.
  void configure(std::shared_ptr<const config::settings> settings);

  // A passive signal: a login on this node failed or a connection was lost, for the node's own reasons. Counts like a
  // probe that failed, and the node is probed at once.
  void suspect(const std::string& node, const std::string& why);
  // The node has said nothing for a while, to nobody of those who asked it: it is probed soon. Counts like a failure,
  // too, until the probe has its answer.
  void doubt(const std::string& node, const std::string& why);
  // Some session waits for its ticket.
  void hurry();
  // False: there is no such node.
  bool drain(const std::string& node, bool yes);

  // A user of this cluster that is not configured, see account_query. `then` is called on the monitor's thread.
  void find_account(const std::string& cluster, const std::string& user, bool fresh,
                    std::function<void(const found_account&)> then);

  // The rules of this database are wanted from now on.
  void watch_catalog(const std::string& cluster, const std::string& database);
  // Something in it may have changed: it is read anew soon.
  void catalog_changed(const std::string& cluster, const std::string& database);

 private:
  class loop;
  std::unique_ptr<loop> loop_;
};

}  // namespace forebay
