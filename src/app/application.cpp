#include "app/application.hpp"

#include <sys/resource.h>

#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>

#include "admin/console.hpp"
#include "admin/http_pages.hpp"
#include "config/describe.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "net/listener.hpp"
#include "net/resolver.hpp"
#include "net/side_threads.hpp"
#include "net/tls_context.hpp"
#include "pool/connector.hpp"
#include "pool/pool_directory.hpp"
#include "session/session.hpp"
#include "session/shard.hpp"

namespace forebay {
namespace {

constexpr std::chrono::milliseconds upkeep_interval{250};
constexpr std::chrono::milliseconds shutdown_poll{20};
constexpr std::chrono::seconds abandon_timeout{2};
constexpr unsigned side_thread_count = 2;

unsigned worker_count(const config::settings& settings) {
  if (settings.general.workers != 0) return settings.general.workers;
  return std::clamp(std::thread::hardware_concurrency(), 1U, config::max_workers);
}

std::vector<std::unique_ptr<worker>> make_workers(unsigned count) {
  std::vector<std::unique_ptr<worker>> workers;
  for (unsigned i = 0; i < count; ++i)
    workers.push_back(std::make_unique<worker>(i));
  return workers;
}

std::vector<worker*> addresses_of(const std::vector<std::unique_ptr<worker>>& workers) {
  std::vector<worker*> all;
  all.reserve(workers.size());
  for (const auto& w : workers)
    all.push_back(w.get());
  return all;
}

bool keeps_results(const config::settings& settings) {
  return std::ranges::any_of(settings.databases, [&](const auto& each) { return settings.cache_of(each).keeps_any(); });
}

result_store::limits cache_limits(const config::settings& settings) {
  return {.bytes = keeps_results(settings) ? settings.cache.memory.bytes : 0,
          .entry_bytes = settings.cache.max_entry.bytes};
}

// Each client and each server connection is a file descriptor.
void raise_file_limit(std::uint32_t max_clients) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < max_clients + 100) {
    log_warning("few_file_descriptors", {{"limit", static_cast<std::uint64_t>(limit.rlim_cur)},
                                         {"max_clients", max_clients},
                                         {"hint", "raise LimitNOFILE (ulimit -n) or lower listen.max_clients"}});
  }
}

}  // namespace

// Built top down, destroyed bottom up: whoever is referred to stands above whoever refers to it.
struct application::parts {
  explicit parts(config::settings settings)
      : workers(make_workers(worker_count(settings))),
        names(control),
        health({[this](const cluster_view_ptr& view) { on_view(view); },
                [this](const std::string& cluster, const std::string& database, const read_rules_ptr& rules) {
                  on_rules(cluster, database, rules);
                }}),
        connect(names,
                [this](const node& failed, const wire::pg_error& why) { health.suspect(failed.name(), why.message); }),
        pools(addresses_of(workers),
              [this](std::shared_ptr<pool> where, worker& on) { connect.open(std::move(where), on); }),
        shared(pools, connect, health, names),
        doors(control, addresses_of(workers),
              [this](worker& w, stream client) { shared.shards[w.index()]->accept(std::move(client)); }) {
    auto initial = std::make_shared<const config::settings>(std::move(settings));
    pools.reconfigure(initial);
    shared.set_settings(initial);
    shared.cache.store.set_limits(cache_limits(*initial));
    if (keeps_results(*initial)) shared.cache.begin_to_follow(0);
    shared.process_secret = random_bytes(32);
    shared.hear_sisters = [this](const auto& written) { on_sisters(written); };
    shared.aside = [this](std::function<void()> what) { asio::post(slow, std::move(what)); };
    for (const auto& w : workers)
      shared.shards.push_back(std::make_unique<shard>(shared, *w));
    health.configure(std::move(initial));
  }

  template <class Function>
  void to_shards(Function tell) {
    for (const auto& s : shared.shards)
      s->on.post([s = s.get(), tell] { tell(*s); });
  }
  // The pools first: a session that has seen the view finds them.
  void on_view(const cluster_view_ptr& view) {
    const auto primary = view->primary ? view->nodes[*view->primary].name : std::string();
    pools.set_primary(view->name, primary);
    // Another one may lack what the last one had acknowledged.
    const auto [known, first] = primaries.try_emplace(view->name, primary);
    const auto before = std::exchange(known->second, primary);
    if (before != primary) shared.cache.flush([&](const auto& cluster, const auto&) { return cluster == view->name; });
    // What is shared is of another server now, which the catalogs tell when they are read from there.
    if (!before.empty() && !primary.empty() && before != primary)
      shared.cache.for_each([&](const auto& cluster, const auto&, cache_clocks& clocks) {
        if (cluster == view->name) clocks.set_shared_name({});
      });
    shared.set_view(view);
    if (first) await_replicas(view->name);
    to_shards([view](shard& s) { s.set_view(view); });
  }

  // What was cached by the catalog as it was is not served any more.
  void on_rules(const std::string& cluster, const std::string& database, const read_rules_ptr& rules) {
    auto& clocks = shared.cache.clocks_of(cluster, database);
    // What was written before its name was known, others may take for told; of what they have written nothing was
    // heard.
    const bool first = clocks.shared_name().empty();
    clocks.all().begins();
    if (rules) clocks.set_shared_name(rules->where().database);
    const auto ticket = shared.take_ticket(shared.view_of(cluster));  // behind the name: later ones are heard
    first && !clocks.has_written() ? clocks.all().heard(ticket) : clocks.all().wrote(ticket);
    clocks.all().ends();
    // Whoever has written by the rules of before finds that they have changed.
    if (rules) clocks.schema_heard(rules->confirmed_at() - steady::duration(1));
    to_shards([=](shard& s) { s.set_rules(cluster, database, rules); });
  }

  // What sisters have written without our hearing it may be anything, and replicas may not have it yet. Of all
  // clusters, or one.
  void await_replicas(const std::string& cluster = {}) {
    shared.cache.for_each([&](const auto& name, const auto&, cache_clocks& clocks) {
      if (!cluster.empty() && name != cluster) return;
      clocks.all().heard(shared.take_ticket(shared.view_of(name)));
    });
  }

  // Their writes are in no result that was read before now, and a replica has to have them.
  void on_sisters(const std::vector<sister_news::item>& written) {
    for (const auto& each : written) {
      if (each.database.empty()) {
        await_replicas();
        continue;
      }
      shared.cache.for_each([&](const auto& cluster, const auto& database, cache_clocks& clocks) {
        if (clocks.shared_name() != each.database) return;
        if (each.relation == cache_clocks::of_schema) {
          clocks.schema_heard(steady::now());
          health.catalog_changed(cluster, database);
          return;
        }
        clocks.of(each.relation).heard(shared.take_ticket(shared.view_of(cluster)));
      });
    }
  }

  std::map<std::string, std::string> primaries;  // by cluster, as last heard of
  std::vector<std::unique_ptr<worker>> workers;
  side_threads side{side_thread_count};
  asio::thread_pool slow{1};    // for what may block: it posts to workers
  asio::io_context control{1};  // a look-up that it drops belongs to a coroutine of a worker
  resolver names;
  monitor health;  // tells nothing before start() nor after stop()
  connector connect;
  pool_directory pools;
  proxy shared;
  std::unique_ptr<control_surface> surface;
  std::unique_ptr<admin::http_server> pages;  // until the end, so that a shutdown can be seen
  listener doors;
  std::mutex reloading;
  asio::signal_set signals{control};
  asio::steady_timer upkeep{control};
  asio::steady_timer ending{control};
  steady::time_point deadline_of_shutdown{};
  bool stopping = false;
  bool abandoning = false;
};

application::application(options wanted, config::settings settings)
    : wanted_(std::move(wanted)), parts_(std::make_unique<parts>(std::move(settings))) {}

application::~application() = default;

int application::run() {
  auto& p = *parts_;
  const auto settings = p.shared.settings();
  log_setup(settings->general.log_level, settings->general.log_format == config::log_format::json);
  std::signal(SIGPIPE, SIG_IGN);
  raise_file_limit(settings->listen.max_clients);

  p.surface = std::make_unique<control_surface>(
      control_surface{p.shared, [this] { return reload(); },
                      [this](bool at_once) { asio::post(parts_->control, [this, at_once] { shut_down(at_once); }); },
                      [this] { return parts_->stopping; }, std::chrono::system_clock::now(), FOREBAY_VERSION});
  p.shared.make_console = make_console_factory(*p.surface);

  for (const auto& w : p.workers) {
    w->side = &p.side;
    w->start();
  }
  p.to_shards([](shard& s) { s.start(); });
  p.health.start();
  if (!open_doors()) {
    stop();
    return 1;
  }
  watch_signals();
  keep_up();
  log_info("started", {{"version", FOREBAY_VERSION}, {"workers", p.workers.size()}, {"config", settings->source}});
  p.control.run();
  log_info("stopped");
  return 0;
}

bool application::open_doors() {
  auto& p = *parts_;
  const auto settings = p.shared.settings();
  bool good = true;
  const auto report = [&](const std::string& where, const error_code& ec) {
    if (ec) {
      log_error("listen_failed", {{"address", where}, {"reason", ec.message()}});
      good = false;
    } else {
      log_info("listening", {{"address", where}});
    }
  };
  if (const auto& at = settings->http.address) {
    p.pages = std::make_unique<admin::http_server>(p.control, admin::make_http_pages(*p.surface));
    report(socket_address{at->host, at->port}.text() + " (http)", p.pages->open(at->host, at->port));
  }
  for (const auto& at : settings->listen.addresses) {
    report(socket_address{at.host, at.port}.text(), p.doors.open_tcp(at.host, at.port));
  }
  if (!settings->listen.unix_socket_dir.empty()) {
    const auto& folder = settings->listen.unix_socket_dir;
    const auto port =
        settings->listen.addresses.empty() ? std::uint16_t{6432} : settings->listen.addresses.front().port;
    report(folder + "/.s.PGSQL." + std::to_string(port), p.doors.open_unix(folder, port));
  }
  return good;
}

void application::watch_signals() {
  auto& p = *parts_;
  if (!p.stopping) {
    p.signals.clear();
    for (const int number : {SIGTERM, SIGINT, SIGHUP})
      p.signals.add(number);
  }
  p.signals.async_wait([this](error_code ec, int number) {
    if (ec) return;
    if (number == SIGHUP) {
      reload();
    } else {
      shut_down(parts_->stopping);  // a second one means at once
    }
    watch_signals();
  });
}

void application::keep_up() {
  auto& p = *parts_;
  p.upkeep.expires_after(upkeep_interval);
  p.upkeep.async_wait([this](error_code ec) {
    if (ec) return;
    parts_->pools.maintain(steady::now());
    keep_up();
  });
}

// On the control thread by SIGHUP, on a worker's by RELOAD: one after the other.
reload_result application::reload() {
  auto& p = *parts_;
  const std::lock_guard lock(p.reloading);
  auto fresh = load_settings(wanted_, p.shared.settings().get());
  reload_result result;
  for (const auto& problem : fresh.warnings)
    log_warning("config_warning", {{"where", config::to_string(problem)}});
  for (const auto& problem : fresh.errors) {
    result.wrong.push_back(config::to_string(problem));
    log_error("reload_refused", {{"where", result.wrong.back()}});
  }
  if (!fresh.settings) return result;
  result.kept = config::keep_fixed(*p.shared.settings(), *fresh.settings);
  for (const auto& key : result.kept)
    log_warning("needs_restart", {{"setting", key}});
  const auto settings = std::make_shared<const config::settings>(std::move(*fresh.settings));
  log_setup(settings->general.log_level, settings->general.log_format == config::log_format::json);
  p.shared.set_settings(settings);
  p.shared.cache.store.set_limits(cache_limits(*settings));
  if (keeps_results(*settings)) p.shared.cache.begin_to_follow(static_cast<std::uint32_t>(p.workers.size()));
  p.pools.reconfigure(settings);
  p.health.configure(settings);  // first: workers ask for the catalogs of what is new
  p.to_shards([settings](shard& s) { s.set_settings(settings); });
  p.shared.cache.forget([](const auto&, const auto&) { return true; });  // it was kept by other rules
  log_info("reloaded", {{"config", settings->source}});
  return result;
}

// Clients end at their transaction boundaries; when the time is up, or at once, wherever they are.
void application::shut_down(bool at_once) {
  auto& p = *parts_;
  if (!p.stopping) {
    p.stopping = true;
    const auto timeout = p.shared.settings()->general.shutdown_timeout;
    p.deadline_of_shutdown = steady::now() + timeout;
    log_info("shutting_down", {{"clients", p.shared.clients.load()}, {"timeout_ms", timeout.count()}});
    p.doors.close();
    for (const auto& s : p.shared.shards)
      s->on.post([s = s.get()] { s->drain(); });
    await_last_client();
  }
  if (at_once) p.deadline_of_shutdown = steady::now();
}

void application::await_last_client() {
  auto& p = *parts_;
  const auto now = steady::now();
  if (p.shared.clients.load() == 0 || (p.abandoning && now > p.deadline_of_shutdown + abandon_timeout)) return stop();
  if (now >= p.deadline_of_shutdown && !p.abandoning) {
    p.abandoning = true;
    p.deadline_of_shutdown = now;
    log_warning("clients_cut_off", {{"clients", p.shared.clients.load()}});
    for (const auto& s : p.shared.shards) {
      s->on.post([s = s.get()] { s->for_each([](session& each) { each.abandon(); }); });
    }
  }
  p.ending.expires_after(shutdown_poll);
  p.ending.async_wait([this](error_code ec) {
    if (!ec) await_last_client();
  });
}

void application::stop() {
  auto& p = *parts_;
  p.doors.close();
  p.pools.close();
  p.health.stop();
  p.slow.stop();
  p.slow.join();
  for (const auto& w : p.workers)
    w->stop();
  for (const auto& w : p.workers)
    w->join();
  p.side.stop();
  p.control.stop();
}

}  // namespace forebay
