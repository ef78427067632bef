#include "admin/metrics.hpp"

#include <dirent.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <optional>

#include "admin/gather_shards.hpp"
#include "session/session.hpp"

namespace forebay::admin {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using labels = std::vector<ClientMetric::Label>;

// What only the workers know.
struct of_worker {
  std::map<std::pair<std::string, std::string>, double> clients;  // by database and state
  std::map<std::string, double> reasons;                          // of requests on a primary
  std::map<std::string, double> bypasses;                         // of requests that the cache was not asked for
};

class page {
 public:
  explicit page(const control_surface& surface)
      : process_(surface.process), settings_(surface.process.settings()), started_at_(surface.started_at) {
    gauge("forebay_info", "Forebay itself; always 1.").add(1, {{"version", surface.version}});
    gauge("forebay_draining", "Whether it is shutting down.").add(surface.stopping() ? 1 : 0);
    gauge("forebay_workers", "Threads that serve clients.").add(static_cast<double>(process_.shards.size()));
    add_process();
    add_traffic();
    add_pools();
    add_nodes();
    add_cache();
  }

  void add_workers(const std::vector<of_worker>& workers) {
    of_worker all;
    for (const auto& one : workers) {
      for (const auto& [key, count] : one.clients)
        all.clients[{label_of(key.first), key.second}] += count;
      for (const auto& [reason, count] : one.reasons)
        all.reasons[reason] += count;
      for (const auto& [reason, count] : one.bypasses)
        all.bypasses[reason] += count;
    }
    gauge("forebay_clients_max", "Clients that may be connected at one time.").add(settings_->listen.max_clients);
    gauge("forebay_clients", "Connected clients. waiting: for a server connection.");
    for (const auto& [key, count] : all.clients)
      add(count, {{"database", key.first}, {"state", key.second}});
    counter("forebay_routed_to_primary_total", "Requests to a primary whose cluster has replicas, by the reason why.");
    for (const auto& [reason, count] : all.reasons)
      add(count, {{"reason", reason}});
    counter("forebay_cache_bypasses_total", "Requests that the result cache was not asked for, by the reason why.");
    for (const auto& [reason, count] : all.bypasses)
      add(count, {{"reason", reason}});
  }

  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  // As the configuration calls it. Who logs in has not said yet.
  std::string label_of(const std::string& database) const {
    if (is_console_database(database)) return "forebay";
    const auto* known = settings_->find_database(database);
    return known ? known->name : "";
  }

  page& family(const char* name, const char* help, MetricType type) {
    families_.push_back({name, help, type, {}});
    return *this;
  }
  page& gauge(const char* name, const char* help) { return family(name, help, MetricType::Gauge); }
  page& counter(const char* name, const char* help) { return family(name, help, MetricType::Counter); }

  // To the family begun last.
  page& add(double value, labels of = {}) {
    auto& to = families_.back();
    ClientMetric made;
    made.label = std::move(of);
    (to.type == MetricType::Counter ? made.counter.value : made.gauge.value) = value;
    to.metric.push_back(std::move(made));
    return *this;
  }

  // Names of Prometheus' own clients.
  void add_process() {
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    counter("process_cpu_seconds_total", "User and system CPU time.")
        .add(seconds(used.ru_utime) + seconds(used.ru_stime));
    double size = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> size >> resident;
    gauge("process_resident_memory_bytes", "Resident memory.")
        .add(resident * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    double open = 0;
    if (DIR* folder = ::opendir("/proc/self/fd")) {
      while (::readdir(folder))
        ++open;
      ::closedir(folder);
    }
    gauge("process_open_fds", "Open file descriptors.").add(std::max(0.0, open - 3));  // ".", ".." and the folder's own
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    gauge("process_max_fds", "Limit of open file descriptors.").add(static_cast<double>(limit.rlim_cur));
    const auto since = std::chrono::duration<double>(started_at_.time_since_epoch());
    gauge("process_start_time_seconds", "Start time, since the epoch.").add(since.count());
  }

  void add_traffic() {
    struct {
      const char *name, *help;
      double (*value)(const traffic_sum&);
    } const all[] = {
        {"forebay_queries_total", "Requests answered.", [](auto& t) { return double(t.queries); }},
        {"forebay_transactions_total", "Transactions ended.", [](auto& t) { return double(t.transactions); }},
        {"forebay_server_assignments_total", "Times that a client got a server connection.",
         [](auto& t) { return double(t.checkouts); }},
        {"forebay_received_bytes_total", "Sent by clients.", [](auto& t) { return double(t.bytes_from_clients); }},
        {"forebay_sent_bytes_total", "Sent to clients.", [](auto& t) { return double(t.bytes_to_clients); }},
        {"forebay_query_seconds_total", "Time that servers took for requests.",
         [](auto& t) { return 1e-6 * double(t.query_us); }},
        {"forebay_transaction_seconds_total", "Time that clients held a server connection in transactions.",
         [](auto& t) { return 1e-6 * double(t.transaction_us); }},
        {"forebay_wait_seconds_total", "Time that clients waited for a server connection.",
         [](auto& t) { return 1e-6 * double(t.wait_us); }},
    };
    std::map<std::string, traffic_sum> by_label;
    for (const auto& [database, t] : process_.pools.traffic_by_database())
      by_label[label_of(database)] += t;
    if (const auto* any = settings_->find_database("*")) by_label[any->name] += process_.pools.nameless_traffic();
    for (const auto& each : all) {
      counter(each.name, each.help);
      for (const auto& [database, t] : by_label)
        add(each.value(t), {{"database", database}});
    }
  }

  // Pools of all users together.
  void add_pools() {
    struct sum {
      double active = 0, idle = 0, login = 0, closing = 0, waiting = 0, max_wait = 0;
    };
    std::map<std::pair<std::string, std::string>, sum> all;
    for (const auto& each : process_.pools.all()) {
      const auto s = each.pool->state(steady::now());
      auto& to = all[{label_of(each.database), each.pool->node()->name()}];
      to.active += double(s.open) - s.opening - s.closing - s.idle;
      to.idle += s.idle;
      to.login += s.opening;
      to.closing += s.closing;
      to.waiting += s.waiting;
      to.max_wait = std::max(to.max_wait, std::chrono::duration<double>(s.max_wait).count());
    }
    gauge("forebay_server_connections", "Connections to servers.");
    for (const auto& [key, s] : all) {
      const std::pair<const char*, double> states[] = {
          {"active", s.active}, {"idle", s.idle}, {"login", s.login}, {"closing", s.closing}};
      for (const auto& [state, count] : states)
        add(count, {{"database", key.first}, {"node", key.second}, {"state", state}});
    }
    gauge("forebay_waiting_clients", "Clients in the queue for a server connection.");
    for (const auto& [key, s] : all)
      add(s.waiting, {{"database", key.first}, {"node", key.second}});
    gauge("forebay_max_wait_seconds", "How long the first in the queue has waited.");
    for (const auto& [key, s] : all)
      add(s.max_wait, {{"database", key.first}, {"node", key.second}});
  }

  void add_cache() {
    const auto c = process_.cache.store.count();
    const auto count = [](std::uint64_t n) { return static_cast<double>(n); };
    gauge("forebay_cache_bytes", "Memory that cached results take.").add(count(c.bytes));
    gauge("forebay_cache_bytes_max", "Memory that they may take.").add(count(settings_->cache.memory.bytes));
    gauge("forebay_cache_entries", "Cached results.").add(count(c.entries));
    counter("forebay_cache_requests_total", "Requests that the result cache was asked for. waited: for another's miss.")
        .add(count(c.hits), {{"result", "hit"}})
        .add(count(c.misses), {{"result", "miss"}})
        .add(count(c.waited), {{"result", "waited"}});
    counter("forebay_cache_fills_total", "Results that were kept.").add(count(c.fills));
    counter("forebay_cache_discards_total", "Results that were not kept, by the reason why.")
        .add(count(c.first_misses), {{"reason", "first miss"}})
        .add(count(c.outdated), {{"reason", "written meanwhile"}})
        .add(count(c.too_large), {{"reason", "too large"}})
        .add(count(c.no_room), {{"reason", "worth less than what is there"}});
    counter("forebay_cache_evictions_total", "Results that went for want of room.").add(count(c.evictions));
    counter("forebay_cache_stale_total", "Results found too old, or written to since.").add(count(c.stale));
    counter("forebay_cache_saved_seconds_total", "Time that servers would have taken for the hits.")
        .add(1e-6 * count(c.saved_us));
    const auto& shared = process_.cache.shared;
    counter("forebay_cache_redis_requests_total",
            "Misses that Redis was asked for. late, lost: it did not answer. unfit: what it had was not to be used.")
        .add(count(shared.hits), {{"result", "hit"}})
        .add(count(shared.misses), {{"result", "miss"}})
        .add(count(shared.late), {{"result", "late"}})
        .add(count(shared.lost), {{"result", "lost"}})
        .add(count(shared.unfit), {{"result", "unfit"}});
    counter("forebay_cache_redis_stores_total", "Results that were given to Redis.").add(count(shared.given));
    gauge("forebay_cache_sisters", "Other Forebays that were heard of.").add(count(process_.cache.book.count()));
  }

  // visit(view, node, its index)
  void for_each_node(auto&& visit) {
    for (const auto& view : process_.views())
      for (std::size_t i = 0; i < view->nodes.size(); ++i)
        visit(*view, view->nodes[i], i);
  }

  void add_by_node(auto&& value) {
    for_each_node([&](const cluster_view& view, const node_view& n, std::size_t i) {
      if (const std::optional<double> v = value(view, n, i)) add(*v, {{"cluster", view.name}, {"node", n.name}});
    });
  }

  void add_nodes() {
    using maybe = std::optional<double>;
    const auto seconds = [](auto duration) { return std::chrono::duration<double>(duration).count(); };
    gauge("forebay_node_up", "Whether the node answers and belongs to its cluster.");
    add_by_node([](auto&, const node_view& n, auto) { return n.up ? 1.0 : 0.0; });
    gauge("forebay_node_primary", "Whether writes go there.");
    add_by_node([](const cluster_view& view, auto&, std::size_t i) { return view.primary == i ? 1.0 : 0.0; });
    gauge("forebay_node_drained", "Whether NODE DRAIN keeps requests from it.");
    add_by_node([](auto&, const node_view& n, auto) { return n.draining ? 1.0 : 0.0; });
    gauge("forebay_node_replay_lag_seconds", "How far the replica is behind; not there while it is not known.");
    add_by_node(
        [&](auto&, const node_view& n, auto) { return n.replay_lag ? maybe(seconds(*n.replay_lag)) : maybe(); });
    gauge("forebay_node_lag_bytes", "The same in bytes of the write-ahead log.");
    add_by_node([](auto&, const node_view& n, auto) { return n.lag_bytes ? maybe(double(*n.lag_bytes)) : maybe(); });
    gauge("forebay_node_probe_seconds", "How long the last probe took.");
    add_by_node([&](auto&, const node_view& n, auto) { return seconds(n.latency); });
    gauge("forebay_node_requests_in_flight", "Requests and transactions under way there.");
    add_by_node([](auto&, const node_view& n, auto) { return double(n.state->in_flight.load()); });
    counter("forebay_node_reads_total", "Requests that went there as to a replica.");
    add_by_node([](auto&, const node_view& n, auto) { return double(n.state->routed_reads.load()); });
    counter("forebay_node_writes_total", "Requests that went there as to the primary.");
    add_by_node([](auto&, const node_view& n, auto) { return double(n.state->routed_writes.load()); });
    add_breakers();
  }

  void add_by_breaker(auto&& value) {
    const auto now = steady::now();
    for_each_node([&](const cluster_view& view, const node_view& n, std::size_t) {
      for (const auto& [direction, of] : {std::pair("reads", &n.state->reads), std::pair("writes", &n.state->writes)})
        add(value(of->look(now)), {{"cluster", view.name}, {"node", n.name}, {"direction", direction}});
    });
  }

  void add_breakers() {
    gauge("forebay_breaker_state", "0 closed, 1 half open, 2 open.");
    add_by_breaker([](const breaker::status& s) {
      return s.state == breaker::state::closed ? 0.0 : s.state == breaker::state::half_open ? 1.0 : 2.0;
    });
    counter("forebay_breaker_opened_total", "Times that it opened.");
    add_by_breaker([](const breaker::status& s) { return double(s.opened); });
    counter("forebay_breaker_refused_total", "Requests that it refused.");
    add_by_breaker([](const breaker::status& s) { return double(s.refused); });
  }

  proxy& process_;
  const std::shared_ptr<const config::settings> settings_;
  const std::chrono::system_clock::time_point started_at_;
  std::vector<MetricFamily> families_;
};

}  // namespace

void make_metrics(const control_surface& surface, std::function<void(std::function<std::string()>)> done) {
  gather_shards<of_worker>(
      surface.process,
      [](shard& s) {
        of_worker found;
        s.for_each([&](session& each) { ++found.clients[{each.database(), each.state_text()}]; });
        for (const auto& [reason, count] : s.reasons)
          found.reasons[reason] += static_cast<double>(count);
        for (const auto& [reason, count] : s.cache_bypasses)
          found.bypasses[reason] += static_cast<double>(count);
        return found;
      },
      [&surface, done = std::move(done)](const std::vector<of_worker>& workers) {
        done([&surface, workers] {
          page made(surface);
          made.add_workers(workers);
          return made.text();
        });
      });
}

}  // namespace forebay::admin
