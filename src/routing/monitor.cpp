#include "routing/monitor.hpp"

#include "routing/monitor_loop.hpp"

namespace forebay {

monitor::monitor(listener tell) : loop_(std::make_unique<loop>(std::move(tell))) {}

monitor::~monitor() = default;

void monitor::start() {
  loop_->start();
}

void monitor::stop() {
  loop_->stop();
}

void monitor::configure(std::shared_ptr<const config::settings> settings) {
  std::set<std::string> names;
  for (const auto& cluster : settings->clusters)
    for (const auto& node : cluster.nodes)
      names.insert(node.name());
  loop_->set_names(std::move(names));
  loop_->post([&to = *loop_, settings = std::move(settings)] { to.configure(settings); });
}

void monitor::suspect(const std::string& node, const std::string& why) {
  loop_->post([&to = *loop_, node, why] { to.suspect(node, why); });
}

void monitor::doubt(const std::string& node, const std::string& why) {
  loop_->post([&to = *loop_, node, why] { to.doubt(node, why); });
}

// Being woken is enough: each cluster looks at its tickets.
void monitor::hurry() {
  loop_->wake();
}

bool monitor::drain(const std::string& node, bool yes) {
  if (!loop_->knows(node)) return false;
  loop_->post([&to = *loop_, node, yes] { to.drain(node, yes); });
  return true;
}

void monitor::find_account(const std::string& cluster, const std::string& user, bool fresh,
                           std::function<void(const found_account&)> then) {
  loop_->post(
      [&to = *loop_, cluster, user, fresh, then = std::move(then)] { to.find_account(cluster, user, fresh, then); });
}

void monitor::watch_catalog(const std::string& cluster, const std::string& database) {
  loop_->post([&to = *loop_, cluster, database] { to.watch_catalog(cluster, database); });
}

void monitor::catalog_changed(const std::string& cluster, const std::string& database) {
  loop_->post([&to = *loop_, cluster, database] { to.catalog_changed(cluster, database); });
}

}  // namespace forebay
