#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/hba.hpp"
#include "core/password.hpp"

// The configuration as plain structs with their defaults. A loaded configuration never changes: a reload makes a new
// one. Names are those of the TOML file (conf/forebay.toml documents each key).
namespace forebay {

class tls_context;  // net/tls_context.hpp: what OpenSSL made of a config::tls

namespace config {

using duration = std::chrono::milliseconds;  // zero: no limit, where a limit is meant
using namespace std::chrono_literals;

struct byte_size {
  std::uint64_t bytes = 0;
  bool operator==(const byte_size&) const = default;
};

inline constexpr unsigned max_workers = 255;  // a client's number has 8 bits for its worker

enum class log_format : std::uint8_t { text, json };
enum class pool_mode : std::uint8_t { transaction, session, statement };
enum class auth_type : std::uint8_t { scram_sha_256, md5, plain, trust, cert, hba };
enum class session_state_policy : std::uint8_t { track, pin, refuse };
enum class node_role : std::uint8_t { automatic, primary, replica };
enum class routing_strategy : std::uint8_t { round_robin, least_connections, weighted, latency, random };
enum class read_your_writes : std::uint8_t { session, off };
enum class cache_mode : std::uint8_t { off, ttl };
enum class user_priority : std::uint8_t { high, normal, low };
enum class tls_mode : std::uint8_t { disable, allow, prefer, require, verify_ca, verify_full };
enum class tls_version : std::uint8_t { v1_2, v1_3 };

struct general {
  unsigned workers = 0;  // 0: one per core
  std::string log_level = "info";
  config::log_format log_format = config::log_format::text;
  duration shutdown_timeout = 30s;
};

struct address {
  std::string host;  // IPv4, IPv6 without brackets, or "*"
  std::uint16_t port = 6432;
  bool operator==(const address&) const = default;
};

struct listen {
  std::vector<address> addresses = {{"127.0.0.1", 6432}};
  std::string unix_socket_dir;  // empty: no Unix socket
  std::uint32_t max_clients = 10000;
  std::uint32_t max_unauthenticated = 1000;     // of them, that have not logged in yet; 0: no limit
  std::vector<ip_network> proxy_protocol_from;  // whose word on other addresses is believed
};

struct http {
  static constexpr std::uint16_t default_port = 9630;
  std::optional<config::address> address;  // nothing: no metrics page
};

struct auth {
  auth_type type = auth_type::scram_sha_256;
  std::string hba_file;  // of auth_type::hba, and with it
  std::string ident_file;
  std::string users_file;
  std::string query;       // finds users that are not configured; empty, but with query_user: default_query
  std::string query_user;  // empty: as who watches the cluster
  password_source query_password;
  std::string query_database;
  duration cache_ttl = 60s;
  duration login_timeout = 60s;
  duration failure_delay = 1s;  // at most, of logins from an address where many failed; 0: none

  std::shared_ptr<const access_rules> rules;  // what the two files say; null: there are none
  bool query_if_allowed = false;              // by the DSN's user, if that one may

  // Of pg_authid: the name, the secret, for how many seconds it is valid (null: for ever), and in as many rows as there
  // are the roles that it is a member of.
  static const char* const default_query;
  bool queries() const { return query_if_allowed || !query.empty() || !query_user.empty(); }
};

inline constexpr std::string_view system_ca = "system";  // as ca_file: whom the system trusts

// How one side's connections are secured: [tls.client], [tls.server], or what a cluster has.
struct tls {
  tls_mode mode = tls_mode::disable;
  std::string cert_file, key_file;  // PEM; the chain from our own certificate on
  std::string ca_file;   // PEM, whom the other side's certificate must come from; "system": whom the system trusts
  std::string crl_file;  // PEM
  tls_version min_version = tls_version::v1_2;
  std::string ciphers;       // of TLS 1.2, in OpenSSL's notation; empty: OpenSSL's own choice
  std::string ciphersuites;  // of TLS 1.3, likewise

  std::shared_ptr<const tls_context> context;  // what the files held when they were read; null: no TLS
};

// What a cluster has instead of [tls.server].
struct tls_override {
  std::optional<tls_mode> mode;
  std::optional<std::string> cert_file, key_file, ca_file, crl_file;
  std::optional<tls_version> min_version;
  std::optional<std::string> ciphers, ciphersuites;
};

struct pool {
  pool_mode mode = pool_mode::transaction;
  std::uint32_t size = 20;
  std::uint32_t min_size = 0;
  std::uint32_t max_prepared_statements = 200;
  duration server_lifetime = 1h;
  duration server_idle_timeout = 10min;
  duration server_connect_timeout = 5s;
  std::uint32_t reserve_size = 0;
  duration reserve_timeout = 5s;
  duration checkout_timeout = 30s;
  duration query_timeout = 0s;
  duration idle_transaction_timeout = 0s;
  duration transaction_timeout = 0s;
  duration client_idle_timeout = 0s;
  session_state_policy on_session_state = session_state_policy::track;
  bool application_name_add_host = false;
};

struct routing {
  bool read_write_split = true;
  routing_strategy strategy = routing_strategy::round_robin;
  config::read_your_writes read_your_writes = config::read_your_writes::session;
  duration max_replay_lag = 10s;
  byte_size max_lag_bytes;  // 0: no limit
  bool fallback_to_primary = true;
  std::string zone;  // where this proxy is; empty: all nodes are alike
  duration slow_start = 10s;
  std::vector<std::string> write_functions;  // "schema.name" or "name"
  std::vector<std::string> read_functions;
};

// What a database has instead of [routing].
struct routing_override {
  std::optional<bool> read_write_split;
  std::optional<routing_strategy> strategy;
  std::optional<config::read_your_writes> read_your_writes;
  std::optional<duration> max_replay_lag;
  std::optional<byte_size> max_lag_bytes;
  std::optional<bool> fallback_to_primary;
};

struct health {
  duration interval = 1s;
  duration timeout = 1s;
  std::uint32_t rise = 2;
  std::uint32_t fall = 2;
};

struct breaker {
  std::uint32_t failure_threshold = 5;  // in a row; 0: not looked at
  duration window = 10s;
  double error_rate = 0.5;  // of 20 requests or more within the window; 0: not looked at
  duration open_time = 1s;
  duration max_open_time = 30s;
  std::uint32_t half_open_probes = 1;
};

// Where results are shared with other Forebays.
struct redis_server {
  std::vector<address> hosts;  // one, or some of a Redis Cluster
  bool cluster = false;
  std::string user;  // empty: the default user
  std::string password;
  std::uint32_t database = 0;
  bool operator==(const redis_server&) const = default;
};

// Some statements, and what the result cache does with them. All that is given must match.
struct cache_rule {
  std::vector<std::string> tables;  // it reads one of them: "schema.name" or "name"
  std::string statement;            // a regular expression (config/pattern.hpp) that is found in its text
  std::string user;                 // the client's
  std::string database;             // as the client calls it
  // What is not given is as without the rule.
  std::optional<duration> ttl;
  std::optional<cache_mode> mode;
  std::vector<std::string> tags;  // entries are dropped by them
};

struct cache {
  cache_mode mode = cache_mode::off;
  byte_size memory{256 << 20};   // for all entries together
  byte_size max_entry{1 << 20};  // a larger reply is not kept
  duration ttl = 300s;
  std::optional<redis_server> redis;
  byte_size compress_over{1 << 10};  // of what goes to Redis
  std::vector<cache_rule> rules;     // the first that matches a statement counts

  bool keeps_any() const;
};

// What a database has instead of [cache].
struct cache_override {
  std::optional<cache_mode> mode;
  std::optional<duration> ttl;
};

struct node {
  std::string host;
  std::uint16_t port = 5432;
  node_role role = node_role::automatic;
  std::uint32_t weight = 1;  // 0: only when no other node is left
  std::string zone;
  std::uint32_t priority = 0;         // lower goes first
  std::uint32_t max_connections = 0;  // over all pools of this node; 0: no limit

  std::string name() const;  // "host:port", "[::1]:port", "/folder:port"
};

struct cluster {
  std::string name;
  std::vector<node> nodes;
  // By which Forebay itself logs in to watch the nodes. Empty: see settings::watcher_of().
  std::string user;
  password_source password;
  std::string dbname;
  tls_override tls;
  config::tls to_nodes;  // how its nodes are reached: [tls.server] with what it has instead
};

struct database {
  std::string name;  // "*": every name without an entry of its own
  std::string cluster;
  std::string dbname;        // name on the server; empty: as the client says
  std::string user;          // forced server login; empty: the client's own name
  password_source password;  // of that login
  std::optional<pool_mode> mode;
  std::optional<std::uint32_t> pool_size;
  std::uint32_t max_connections = 0;  // over all pools of this database; 0: no limit
  routing_override routing;
  cache_override cache;
};

struct user {
  std::string name;
  password_source password;  // in clear, of clients and for the servers
  std::string secret;        // "SCRAM-SHA-256$..." or "md5...", of clients; then the password is for the servers alone
  std::vector<std::string> cert_names;  // common names whose certificates log in as this user; empty: its own name
  std::optional<pool_mode> mode;
  std::optional<std::uint32_t> pool_size;
  std::uint32_t max_connections = 0;  // over all pools of this user; 0: no limit
  user_priority priority = user_priority::normal;
  std::optional<duration> query_timeout;
  std::optional<duration> idle_transaction_timeout;
  std::optional<duration> transaction_timeout;
  std::optional<duration> client_idle_timeout;
  bool admin = false;
  bool stats = false;
};

struct settings {
  config::general general;
  config::listen listen;
  config::http http;
  config::auth auth;
  tls tls_client;  // whoever connects to us
  tls tls_server;  // whom we connect to
  config::pool pool;
  config::routing routing;
  config::health health;
  config::breaker breaker;
  config::cache cache;
  std::vector<cluster> clusters;
  std::vector<database> databases;
  std::vector<user> users;  // of the file and of users_file, the file's first
  std::string source;       // the file's path, or "command line"

  const user* find_user(std::string_view name) const;
  const database* find_database(std::string_view name) const;  // exact name, else "*"
  const cluster* find_cluster(std::string_view name) const;

  struct watcher {
    std::string user;
    password_source password;
    std::string dbname;
  };
  // How to log in to a cluster's nodes to watch them: what it says itself; else as one of its databases does, as
  // auth.query_user, or as the first user whose password is known. Nothing: nobody is known who could.
  std::optional<watcher> watcher_of(const cluster& of) const;
  tls tls_of(const cluster& of) const;  // [tls.server] with what the cluster has instead
  // The same, to ask auth.query.
  std::optional<watcher> asker_of(const cluster& of) const;
  config::routing routing_of(const database& of) const;  // [routing] with what the database has instead
  config::cache cache_of(const database& of) const;      // the same of [cache]; a rule that matches goes before it
};

}  // namespace config
}  // namespace forebay
