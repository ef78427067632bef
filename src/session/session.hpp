#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "net/deadline.hpp"
#include "net/stream.hpp"
#include "pool/pool.hpp"
#include "session/caching_state.hpp"
#include "session/client_state.hpp"
#include "session/console_session.hpp"
#include "session/exchange.hpp"
#include "session/handshake.hpp"
#include "session/shard.hpp"

// One client connection, from its first byte to its last, on one worker's thread.
//
// It is driven by four events: either side's socket readable or writable. Each reads once, lets the pure parts
// (handshake, exchange) turn the bytes into bytes for either side, writes, and says what it waits for now: a
// side is read only while the other takes what it brings, so memory stays bounded and both directions flow at once.
// While it has no server connection, a session holds its socket, its state and no buffer.
//
// After its client is gone a session lives on until the server connection it holds is put in order (session_end.cpp).
namespace forebay {

// How long a session may take for what; zero: as long as it likes.
struct session_limits {
  config::duration login{}, checkout{}, query{}, idle_transaction{}, transaction{}, client_idle{};

  enum class what : std::uint8_t {
    nothing,
    login,
    checkout,
    silence,      // not a byte from its replica: nothing ends, but others are told
    late_cancel,  // the server is still at what the client asked before it ended the session
    cleaning,     // the server is to end what the client left
    query,
    replica_down,     // and what it has begun to say may still come
    cancelled_query,  // cancelled for its time-out, and still running
    transaction,
    idle_transaction,
    idle,
  };
  struct due {
    session_limits::what what = session_limits::what::nothing;
    steady::time_point at = steady::time_point::max();
  };

  static session_limits of(const config::settings& settings, const config::user* user);
};

// What a session knows of the way of its requests, where they may go different ways.
struct routing_state {
  enum class batch : std::uint8_t { none, judged, running };

  route_wish wish;
  bool explains = false;    // forebay.explain
  const char* reason = "";  // why the primary
  std::string about;
  std::size_t batch_size = 0;
  batch at = batch::none;
  bool on_replica = false;    // its server, or the one it waits for
  std::string begin;          // of the transaction it has open on a replica, if that can go on elsewhere
  bool one_snapshot = false;  // for all of that transaction: what has been read ties it to its server
  std::string resume;         // the same, to be begun again on the primary's server
  bool only_primary = false;  // the request at hand, after a replica has refused it
  std::size_t node = 0;       // by its index in the view of this generation
  std::uint64_t generation = 0;
  bool unanswered = false;         // the replica was asked, and not a byte has come
  steady::time_point looked_at{};  // when its silence was last thought about
  bool is_down = false;            // the replica, after its answer has begun or in a transaction
  steady::time_point heard_at{};   // anything of it
  std::uint64_t failed = 0;        // nodes that have failed the request which is asked again, a bit for each
  std::uint64_t ticket = 0;        // for its last write, while it is not known how far that is
  lsn written{};
  std::string request;    // what the replica was asked, if nothing of another transaction is behind it
  bool answered = false;  // something of its answer has gone to the client: it is too late to ask again
};

// What a session knows of itself until it has logged in.
struct login_progress {
  shard::newcomers::iterator place;
  account known{};
  bool waits = false;        // for what is asked about it, or for its turn
  bool had_to_wait = false;  // it was its turn
  bool knows_account = false, knows_system_user = false;
};

class session final : public pool::waiter, public std::enable_shared_from_this<session> {
 public:
  session(shard& home, stream client);
  ~session() override;
  void start();

  // A cancel request with this key arrived.
  void cancel(std::string_view key);
  // Ends at the next transaction boundary, at once when there is none to wait for.
  void drain();
  void kill(const std::string& reason);
  // Too many clients are logging in, and it takes longest.
  void give_way();
  // Ends here and now, its server connection with it: the process is about to end.
  void abandon();

  enum class stage : std::uint8_t { login, greeting, ready, relay, console, ended };
  struct info {
    std::uint32_t number = 0;
    std::string user, database, address, local_address, application_name;
    std::uint16_t port = 0, local_port = 0;
    std::string tls;         // "TLSv1.3/TLS_AES_256_GCM_SHA384"; empty: in clear
    std::string_view state;  // "active", "waiting", "idle", "login"
    std::string_view pin;
    std::uint32_t server_pid = 0;  // of the server connection it holds
    std::string server;            // its node
    std::chrono::system_clock::time_point connected_at, request_at;
    std::chrono::microseconds wait{0};
    std::size_t prepared = 0;
  };
  const char* state_text() const;  // as info::state
  info describe();
  // The server connection it holds, if any: for SHOW SERVERS.
  const server_connection* server() const { return server_.get(); }
  // Where it asked last; null before login and on the console.
  const pool* home_pool() const { return pool_.get(); }
  stage current_stage() const { return stage_; }
  const std::string& database() const { return database_; }
  socket_address client_address() const;                           // as a balancer tells it
  const std::string& replication() const { return replication_; }  // the startup parameter's value
  bool gone() const { return state_.gone; }                        // its client left; it puts its server in order

  void granted(checkout_result result) override;

  // From its shard: more is known of its cluster, for which it waits; or a node is down or another one the primary.
  void on_view();
  void on_nodes_changed(const known_cluster& cluster);
  void follow_writes();

  // From the hub of its channels, on its worker. Settled: what its transaction said about channels is done; else why
  // not.
  void on_channels_settled(const wire::pg_error* failure);
  void on_notification(const notification& n);
  void on_notifications_lost();

 private:
  // Events, each within guard(): an exception ends the session it comes from, and nothing else.
  template <class Event>
  void guard(Event event);
  void end_by(const std::exception& e);
  static void on_client(void* self, readiness what);
  static void on_server(void* self, readiness what);
  static void on_time(void* self);
  void on_client_readable();
  void on_client_writable();
  void on_server_readable();
  void on_server_writable();
  void on_granted(checkout_result result);
  void on_deadline();
  session_limits::due next_due() const;
  void arm_deadline();
  void give_up_waiting();
  void finish_event();  // writes what the event gathered, then says what it waits for
  void await_next();

  // From the client.
  void process(std::string_view in);
  // False: not without a server connection; comes again. `rest` is what the client has sent behind it.
  bool take(const wire::piece& p, std::string_view rest);
  bool take_piece(const wire::piece& p, std::string_view rest);
  void fail_request(const wire::piece& p, wire::pg_error error);
  void answer_ready();
  void resume_held();
  void process_kept();
  void relay_from_client(std::string_view in);
  // What the client sends now waits until a server was had, or an answer.
  bool holds_input() const {
    return waiting_ || held_ || retrying_ || console_busy_ || settling_ || (login_ && login_->waits) ||
           stage_ == stage::greeting;
  }

  // Login (session_login.cpp).
  void process_login(std::string_view in);
  void secure(std::string_view received);
  void note_lost_in_login(const error_code& why);
  client_origin origin() const;
  bool may_log_in();
  void ask_account(bool fresh);
  void ask_system_user();
  void on_account(const found_account& found);
  void go_on_with_login(handshake::state state, std::string out);
  void resume_login();
  void end_login();
  void enter();
  void enter_console();
  void enter_pool();
  void begin_greeting();
  void end_greeting();
  std::string parameter_messages() const;
  void greet(std::string_view parameter_messages);
  void process_console(std::string_view in);
  void on_console_answer(const console_session::answer& answer);

  // Where it goes (session_route.cpp).
  void answer_about_itself(const wire::piece& p);
  void explain(std::string_view what);
  std::string last_route() const;
  void judge(const wire::piece& p, std::string_view rest);
  bool must_leave_replica();
  void leave_replica();
  enum class lookout : std::uint8_t { served, waits, refused };  // refused: see refusal_
  lookout get_server();
  lookout try_elsewhere(wire::pg_error error);
  void wait_for_view();
  bool stop_waiting();
  void note_own_write();
  void remember_request(const wire::piece& p);
  void note_answer();
  void note_silence();
  void give_replica_up();
  bool is_retried(const wire::piece& reply);
  void learn_write();
  void take_names_back();
  bool retry_elsewhere(const wire::pg_error& why, bool on_primary);

  // What was read before, and what is written (session_cache.cpp).
  enum class cached : std::uint8_t { yes, no, later };  // later: somebody else asks the same
  cached ask_cache(const wire::piece& p, std::string_view rest);
  bool comes_from_cache_in_turn(const wire::piece& p, std::string_view rest);
  const char* why_not_cached(cache_desk& desk, const std::optional<cache_request>& request);
  cached begin_fill(cache_desk& desk, const cache_request& request, const cache_key& key, cache_verdict verdict,
                    bool refresh);
  cached bypass(const char* reason, std::string about = {});
  cached give_from_cache(const cache_request& request, const cache_entry& hit);
  bool wait_for_flight(cache_flight& flight);
  void wait_for_cache();
  void on_flight_ended();
  void prepare_sharing(cache_fill& fill);
  bool look_in_redis();
  bool on_looked(std::uint64_t wait, cache_entry_ptr found);
  cached give_what_redis_had(cache_desk& desk, const wire::piece& p, std::string_view rest);
  void share(const cache_fill& fill, const cacheable_reply& reply, std::chrono::microseconds cost);
  void note_fill_sent();
  void note_reply(char type, std::size_t gathered_before);
  error_code write_to_client();
  void note_writes(const wire::piece& p);
  void note_writes_of(cache_desk& desk, std::string_view text, bool within);
  void note_unknown_write(cache_desk& desk);
  void add_writes(const cache_writes& found, bool within);
  void acknowledge_writes();
  std::string last_cache() const;

  // The lease.
  void go_on();
  void attach(server_ptr server);
  void release();
  void release_idle();
  void account();
  void process_replies();

  // Channels (session_channels.cpp).
  bool must_settle_channels(const wire::piece& p) const;
  void settle_channels(const wire::piece& ready);
  void tell_out_of_band(std::string message);

  // The end (session_end.cpp).
  void fatal(wire::pg_error error, bool within_reply = false);  // tells the client and lets it go
  void leave();                                                 // the client is gone
  void end_in_order(std::unique_ptr<wire::pg_error> last_words);
  bool goodbye_kept() const;
  bool answered() const;
  void put_in_order();                                // the server, for its next user
  void lose_server(wire::pg_error error, bool told);  // told: of an error in this batch already
  void drop_server(std::string_view failure = {});    // the node's own, if it is that
  void finish();
  void forward_cancel();

  // More replies than this waiting for a client that does not read them, and its requests are not read either.
  static constexpr std::size_t max_client_backlog = 256 * 1024;

  exchange conversation() { return {state_, server_->state, home_.to_server, home_.to_client, home_.sql}; }

  shard& home_;
  stream client_;
  wire::framer framer_;
  client_state state_;
  server_ptr server_;
  std::shared_ptr<destination> to_;             // since its login
  std::shared_ptr<pool> pool_;                  // of the request at hand or the last one
  std::unique_ptr<routing_state> route_;        // the same, where the cluster has several nodes
  std::unique_ptr<caching_state> cache_;        // the same, where there is a cache
  std::shared_ptr<channel_hub> channels_;       // once it has listened
  std::unique_ptr<handshake> handshake_;        // while logging in
  std::unique_ptr<login_progress> login_;       // the same
  std::unique_ptr<console_session> console_;    // on the console
  std::unique_ptr<wire::pg_error> refusal_;     // why no server could be had for the request at hand
  std::unique_ptr<wire::pg_error> last_words_;  // why the session ends when all is answered; null: the client said so
  std::unique_ptr<socket_address> told_;        // its client's address, by the word of a balancer
  std::string user_;
  std::string database_;
  std::string replication_;  // value of the startup parameter
  admission permit_;         // of the node whose server it has or waits for
  std::string cancel_key_;
  session_limits limits_;
  deadline deadline_;  // not later than next_due()
  std::uint32_t number_ = 0;
  std::uint8_t attempts_ = 0;
  stage stage_ = stage::login;
  bool waiting_ = false;   // for a server connection
  bool in_room_ = false;   // waiting, for a node to be there, in no pool's queue
  bool retrying_ = false;  // what it asked is about to be asked again
  bool held_ = false;      // for a reply that decides what the client's next message means
  bool console_busy_ = false;
  bool settling_ = false;  // all waits until its channels are settled, from the ReadyForQuery of its transaction on
  bool notifies_ = false;  // and its server is kept until then: its own notifications come from there
  std::string withheld_;   // that ReadyForQuery
  bool draining_ = false;
  bool hung_up_ = false;     // the client has closed its side
  bool ending_ = false;      // the client will ask nothing more; what it has asked is still to be answered
  bool cleaning_ = false;    // the server was told to end what the client left
  bool cancel_due_ = false;  // if it is not done in a moment, it is cancelled
  steady::time_point connected_at_;
  steady::time_point waiting_since_{};
  steady::time_point leased_at_{};
  steady::time_point request_at_{};
  steady::time_point transaction_at_{};
  steady::time_point active_at_{};  // last heard of the client, or answered it
  steady::time_point timed_out_at_{};
  steady::time_point cleaning_since_{};
};

template <class Event>
void session::guard(Event event) {
  const auto self = shared_from_this();  // the event may be its last
  try {
    event();
  } catch (const std::exception& e) {
    end_by(e);
  }
}

}  // namespace forebay
