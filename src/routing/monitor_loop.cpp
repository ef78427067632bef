#include "routing/monitor_loop.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/log.hpp"

namespace forebay {

monitor::loop::loop(listener tell) : tell_(std::move(tell)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

monitor::loop::~loop() {
  stop();
  close(wake_);
}

void monitor::loop::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "monitor");
    while (!stopping_) {
      try {
        run();
      } catch (const std::exception& e) {
        log_error("monitor_exception", {{"what", e.what()}});
        poll(nullptr, 0, 100);
      }
    }
    accounts_.clear();
    catalogs_.clear();
    clusters_.clear();
  });
}

void monitor::loop::stop() {
  stopping_ = true;
  wake();
  if (thread_.joinable()) thread_.join();
}

void monitor::loop::post(std::function<void()> what) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(what));
  }
  if (first) wake();
}

void monitor::loop::set_names(std::set<std::string> nodes) {
  const std::lock_guard lock(mutex_);
  names_ = std::move(nodes);
}

bool monitor::loop::knows(const std::string& node) const {
  const std::lock_guard lock(mutex_);
  return names_.contains(node);
}

void monitor::loop::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
}

void monitor::loop::configure(std::shared_ptr<const config::settings> settings) {
  settings_ = std::move(settings);
  const auto now = steady::now();
  std::erase_if(clusters_, [&](const auto& each) { return !settings_->find_cluster(each.first); });
  std::erase_if(catalogs_, [&](const auto& each) { return !settings_->find_cluster(each.first.first); });
  std::erase_if(accounts_, [&](const auto& each) { return !settings_->find_cluster(each.first); });
  for (const auto& each : settings_->clusters) {
    clusters_.try_emplace(each.name, each.name).first->second.configure(*settings_, each, now);
    accounts_.try_emplace(each.name, each.name).first->second.configure(*settings_, each);
  }
  for (auto& [name, each] : catalogs_)
    each.set_lists(settings_->routing, now);
}

void monitor::loop::suspect(const std::string& node, const std::string& why) {
  for (auto& [name, each] : clusters_)
    each.suspect(node, why, steady::now());
}

void monitor::loop::doubt(const std::string& node, const std::string& why) {
  for (auto& [name, each] : clusters_)
    each.doubt(node, why, steady::now());
}

void monitor::loop::drain(const std::string& node, bool yes) {
  for (auto& [name, each] : clusters_)
    each.drain(node, yes);
}

void monitor::loop::find_account(const std::string& cluster, const std::string& user, bool fresh,
                                 account_query::tell then) {
  const auto found = accounts_.find(cluster);
  if (found == accounts_.end()) return then({.failure = "there is no cluster " + cluster});
  const auto now = steady::now();
  found->second.aim(clusters_.at(cluster).source_of_catalogs());
  found->second.find(user, fresh, now, std::move(then));
}

void monitor::loop::watch_catalog(const std::string& cluster, const std::string& database) {
  if (!clusters_.contains(cluster)) return;
  const auto [made, is_new] = catalogs_.try_emplace({cluster, database}, cluster, database);
  if (is_new) made->second.set_lists(settings_->routing, steady::now());
}

void monitor::loop::catalog_changed(const std::string& cluster, const std::string& database) {
  const auto found = catalogs_.find({cluster, database});
  if (found != catalogs_.end()) found->second.changed(steady::now());
}

void monitor::loop::run() {
  while (!stopping_) {
    run_posted();
    run_all(steady::now());
    tell_news();
    sleep();
  }
}

void monitor::loop::run_posted() {
  std::vector<std::function<void()>> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(posted_);
  }
  for (const auto& each : taken)
    each();
}

void monitor::loop::run_all(steady::time_point now) {
  for (auto& [name, each] : clusters_)
    each.run(now);
  for (auto& [name, each] : catalogs_) {
    each.aim(clusters_.at(each.cluster()).source_of_catalogs(), now);
    each.run(now);
  }
  for (auto& [name, each] : accounts_) {
    each.aim(clusters_.at(name).source_of_catalogs());
    each.run(now);
  }
}

void monitor::loop::tell_news() {
  for (auto& [name, each] : clusters_)
    if (auto view = each.take_view(); view && tell_.view) tell_.view(std::move(view));
  for (auto& [name, each] : catalogs_)
    if (auto rules = each.take_rules(); rules && tell_.rules) tell_.rules(each.cluster(), each.database(), *rules);
}

void monitor::loop::sleep() {
  std::vector<pq_connection*> connections;
  auto until = steady::time_point::max();
  const auto now = steady::now();
  for (auto& [name, each] : clusters_) {
    each.add_connections(connections);
    until = std::min(until, each.next(now));
  }
  for (auto& [name, each] : catalogs_) {
    connections.push_back(&each.connection());
    until = std::min(until, each.next());
  }
  for (auto& [name, each] : accounts_) {
    connections.push_back(&each.connection());
    until = std::min(until, each.next());
  }
  // A descriptor below zero is passed over.
  std::vector<pollfd> all{{wake_, POLLIN, 0}};
  for (const auto* each : connections)
    all.push_back({each->fd(), each->events(), 0});
  int timeout = -1;
  if (until != steady::time_point::max()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    timeout = static_cast<int>(std::clamp<decltype(left)>(left, 0, 60'000));
  }
  // One that failed while it was begun or asked has nothing to poll, nor has one that was answered while it was asked.
  const auto has_news = [](auto* each) { return each->take_news() || each->state() == pq_connection::state::failed; };
  if (std::ranges::count_if(connections, has_news) != 0) timeout = 0;
  if (poll(all.data(), all.size(), timeout) <= 0) return;
  std::uint64_t ignored = 0;
  if (all[0].revents != 0 && read(wake_, &ignored, sizeof ignored) < 0) return;
  for (std::size_t i = 0; i < connections.size(); ++i)
    if (all[i + 1].revents != 0) connections[i]->on_ready();
}

}  // namespace forebay
