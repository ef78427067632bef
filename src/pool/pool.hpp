#pragma once

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "net/worker.hpp"
#include "pool/node.hpp"
#include "pool/server_connection.hpp"
#include "protocol/fsm/scram.hpp"
#include "protocol/wire/notice.hpp"

// The server connections of one (node, database, user), for the whole process. The limit is exact over all workers;
// waiters are served first come, first served, whichever worker they live on.
//
//   checkout: the worker's own idle connection (last used first), else a sibling worker's (taken over), else the
//   caller waits in the queue, and a new connection is opened if the budget has room.
//   checkin:  to the first waiter (handed over to its worker), else idle.
//
// Any thread may call any function. Guarded by the node's mutex.
namespace forebay {

struct pool_limits {
  std::uint32_t size = 20;
  std::uint32_t min_size = 0;
  std::uint32_t reserve_size = 0;  // beyond `size`, while the first waiter has waited for reserve_timeout
  std::chrono::milliseconds reserve_timeout{5'000};
  std::uint32_t max_prepared_statements = 200;
  std::chrono::milliseconds server_lifetime{3'600'000};
  std::chrono::milliseconds server_idle_timeout{600'000};
  std::chrono::milliseconds server_connect_timeout{5'000};
};

// Login on the server. Never logged, never shown.
struct server_login {
  std::string user;
  password_source password;               // in clear, or "md5..."; empty: none
  std::optional<fsm::scram_keys> keys{};  // instead, for servers that ask SCRAM

  bool operator==(const server_login&) const = default;
};

struct checkout_result {
  server_ptr server;
  std::optional<wire::pg_error> error;  // set if and only if there is no server
};

// What one worker did for the clients of a pool. Written by that worker, read by anybody.
struct traffic {
  using counter = std::atomic<std::uint64_t>;
  counter transactions{0};
  counter queries{0};
  counter bytes_from_clients{0};
  counter bytes_to_clients{0};
  counter transaction_us{0};  // time a server was held
  counter query_us{0};        // time from a request to ReadyForQuery
  counter wait_us{0};         // time clients waited for a server
  counter checkouts{0};

  static void add(counter& c, std::uint64_t n) {
    c.store(c.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
};

// The same of all workers together.
struct traffic_sum {
  std::uint64_t transactions = 0, queries = 0, bytes_from_clients = 0, bytes_to_clients = 0;
  std::uint64_t transaction_us = 0, query_us = 0, wait_us = 0, checkouts = 0;

  traffic_sum& operator+=(const std::vector<traffic>& by_worker);
  traffic_sum& operator+=(const traffic_sum& other);
};

class pool : public std::enable_shared_from_this<pool> {
 public:
  // One who waits for a connection; a base of the session. granted() is called once, on the home worker, never from
  // within checkout() or checkin().
  class waiter : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>> {
   public:
    virtual ~waiter() = default;
    virtual void granted(checkout_result result) = 0;

    config::user_priority priority = config::user_priority::normal;

   private:
    friend class pool;
    worker* home_ = nullptr;
    std::shared_ptr<waiter> self_;  // keeps a queued waiter alive
    steady::time_point since_;
    steady::time_point turn_;  // the queue's order
  };

  using opener = std::function<void(std::shared_ptr<pool>, worker&)>;

  // `open` starts a login on a worker and ends in opened() or open_failed(). `spare` is where connections nobody waits
  // for (min_size) are opened.
  struct target {
    std::shared_ptr<forebay::node> node;
    std::string database;     // on the server
    std::string replication;  // value of the startup parameter; such connections serve one client and are then closed
    bool must_be_primary = false;
    std::vector<std::shared_ptr<budget>> budgets{};  // it counts in, besides the node's
    std::shared_ptr<const tls_context> tls{};        // null: in clear

    bool leads_where(const target& other) const {
      return node == other.node && database == other.database && must_be_primary == other.must_be_primary &&
             tls == other.tls;
    }
  };
  pool(target at, server_login login, pool_limits limits, std::size_t workers, worker& spare, opener open);
  ~pool();

  const target& where() const { return target_; }
  const std::shared_ptr<forebay::node>& node() const { return target_.node; }
  const std::string& database() const { return target_.database; }
  bool must_be_primary() const { return target_.must_be_primary; }
  bool for_replication() const { return !target_.replication.empty(); }
  std::vector<std::pair<std::string, std::string>> startup_parameters() const;
  server_login login() const;
  pool_limits limits() const;
  void configure(pool_limits limits, server_login login);

  // A connection at once, or null: then `who` is queued and granted() follows, unless cancel() comes first.
  server_ptr checkout(worker& home, const std::shared_ptr<waiter>& who);
  // True: `who` left the queue and granted() will not be called. False: it was granted already.
  bool cancel(waiter& who);
  void checkin(server_ptr server);

  void opened(server_ptr server);
  // Whoever waits is told at once when no connection is left to hope for, unless `retry` (the server is starting up).
  void open_failed(wire::pg_error error, bool retry);
  // Whether this failure is worth a log line: a new reason, or the same again after a while; then how many were not.
  std::optional<std::uint32_t> announce_failure(const std::string& reason);

  // Every quarter of a second from the control thread: closes what is too old, too long idle or dead, keeps min_size,
  // tries again after a failure.
  void maintain(steady::time_point now);

  // Clients are led elsewhere now: connections close as they come back, and whoever waits or asks is told why and looks
  // for the new pool.
  void retire(wire::pg_error why = served_elsewhere());
  bool retired() const { return retired_.load(std::memory_order_relaxed); }

  // One connection is held for long on behalf of all its clients: `size` counts without it.
  void lend_beyond_size(bool yes);
  // Beside the one that is lent there is a connection for its clients, or a place for one.
  bool has_another() const;

  // No more hand-outs; connections close as they come back. Queued waiters wait on until resume().
  void pause();
  void resume();
  bool paused() const;
  // Opens what its waiters need, if there is room.
  void grow();
  // An idle connection less, if there is one.
  bool close_one_idle();
  void fail_waiters(const wire::pg_error& error);
  void close_idle();
  static wire::pg_error served_elsewhere();  // by another configuration

  struct snapshot {
    std::uint32_t open = 0;  // all, those being opened and closed included: what the limit counts
    std::uint32_t opening = 0;
    std::uint32_t closing = 0;
    std::uint32_t idle = 0;
    std::uint32_t waiting = 0;
    std::chrono::microseconds max_wait{0};
    bool paused = false;
  };
  snapshot state(steady::time_point now) const;
  // Visits the idle connections under the mutex.
  void for_each_idle(const std::function<void(const server_connection&)>& visit) const;

  traffic& traffic_of(const worker& w) { return traffic_[w.index()]; }
  const std::vector<traffic>& all_traffic() const { return traffic_; }

  // The settings a client that logs in with these startup settings gets, in the server's spelling: known once a server
  // was asked. "" stands for no settings: known after the first server login.
  parameters greeting(const std::string& startup_settings) const;
  void remember_greeting(const std::string& startup_settings, parameters settings);
  // The SCRAM proof's costly part, kept from login to login.
  fsm::scram_cache cached_scram() const;
  void keep_scram(fsm::scram_cache cache);

 private:
  friend class server_connection;
  void closing();  // from ~server_connection
  void closed();   // once PostgreSQL has ended its process

  struct plan {  // what to do once the mutex is released
    std::vector<std::pair<std::shared_ptr<pool>, worker*>> open;
    std::vector<server_ptr> close;
    std::vector<std::shared_ptr<pool>> grow;   // found no room before, and may now
    std::vector<std::shared_ptr<pool>> evict;  // one of them is to close an idle connection
  };
  server_ptr take_idle(worker& home);
  std::set<const server_connection*> idle_that_stirred() const;
  bool expired(const server_connection& s, steady::time_point now) const;
  void put_back(server_ptr server, plan& todo, std::unique_lock<std::mutex>& lock);
  void plan_opens(plan& todo);
  bool take_place(plan& todo);
  void give_place_back(plan& todo);
  bool somebody_waits_longer() const;
  std::uint32_t most_now() const;
  server_ptr evict_idle();
  void carry_out(plan todo);
  static void deliver(std::shared_ptr<waiter> who, checkout_result result);
  void enqueue(waiter& who);
  std::shared_ptr<waiter> pop_waiter();
  std::size_t idle_count() const;
  std::uint32_t lasting() const { return open_ - closing_; }

  const target target_;
  forebay::node* const node_ = target_.node.get();
  const std::vector<budget*> budgets_;  // the node's and those of target_
  std::atomic<bool> retired_{false};
  const opener open_server_;
  worker& spare_;
  std::vector<traffic> traffic_;  // by worker

  // Guarded by node_->mutex_.
  server_login login_;
  pool_limits limits_;
  std::vector<std::deque<server_ptr>> idle_;  // by worker; last used at the back
  boost::intrusive::list<waiter> waiters_;
  std::uint32_t open_ = 0;
  std::uint32_t opening_ = 0;
  std::uint32_t closing_ = 0;
  std::uint32_t lent_ = 0;  // beyond the size
  bool paused_ = false;
  wire::pg_error farewell_;  // once it is retired
  bool starting_ = false;    // the server is up but takes no logins yet
  steady::time_point retry_at_{};
  std::string failure_;  // the reason that was announced last
  steady::time_point failure_announced_{};
  std::uint32_t failures_kept_quiet_ = 0;
  std::map<std::string, parameters> greetings_;
  fsm::scram_cache scram_;
};

}  // namespace forebay
