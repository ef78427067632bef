#pragma once

#include <array>

#include "config/pattern.hpp"
#include "config/values.hpp"

// The table of everything a configuration file may say. Reading, SHOW CONFIG and the test of conf/forebay.toml all go
// by it: a new key is one line here and one in conf/forebay.toml.
namespace forebay::config {

template <class Struct>
struct key {
  std::string_view name;
  rule wanted;
  void (*read)(const item& from, Struct& into, const slot& at);
  std::string (*show)(const Struct& from);
  std::string (*toml)(const Struct& from);
  void (*copy)(const Struct& from, Struct& into);
};

template <class>
struct member;
template <class Struct, class Value>
struct member<Value Struct::*> {
  using owner = Struct;
};

template <auto Member>
constexpr auto key_for(std::string_view name, rule wanted = {}) {
  using owner = typename member<decltype(Member)>::owner;
  return key<owner>{name,
                    wanted,
                    [](const item& from, owner& into, const slot& at) { read_value(from, into.*Member, at); },
                    [](const owner& from) { return show_value(from.*Member); },
                    [](const owner& from) { return toml_value(from.*Member); },
                    [](const owner& from, owner& into) { into.*Member = from.*Member; }};
}

inline constexpr std::array general_keys{
    key_for<&general::workers>("workers", {.max = max_workers, .fixed = true}),
    key_for<&general::log_level>("log_level", {.complain = complain_log_level}),
    key_for<&general::log_format>("log_format"),
    key_for<&general::shutdown_timeout>("shutdown_timeout"),
};

inline constexpr std::array listen_keys{
    key_for<&listen::addresses>("addresses", {.fixed = true}),
    key_for<&listen::unix_socket_dir>(
        "unix_socket_dir", {.complain = complain_socket_folder, .example = R"("/run/forebay")", .fixed = true}),
    key_for<&listen::max_clients>("max_clients", {.min = 1, .max = 1'000'000}),
    key_for<&listen::max_unauthenticated>("max_unauthenticated", {.max = 1'000'000}),
    key_for<&listen::proxy_protocol_from>("proxy_protocol_from", {.example = R"(["10.0.0.0/8"])"}),
};

inline constexpr std::array http_keys{
    key_for<&http::address>("address", {.example = R"("127.0.0.1:9630")", .fixed = true}),
};

inline constexpr std::array auth_keys{
    key_for<&auth::type>("type"),
    key_for<&auth::hba_file>("hba_file", {.example = R"("pg_hba.conf")"}),
    key_for<&auth::ident_file>("ident_file", {.example = R"("pg_ident.conf")"}),
    key_for<&auth::users_file>("users_file", {.example = R"("users.txt")"}),
    key_for<&auth::query>(
        "query", {.complain = complain_query, .example = R"("SELECT name, secret FROM auth.users WHERE name = $1")"}),
    key_for<&auth::query_user>("query_user", {.example = R"("forebay")"}),
    key_for<&auth::query_password>("query_password", {.example = R"("...")", .secret = true}),
    key_for<&auth::query_database>("query_database", {.example = R"("postgres")"}),
    key_for<&auth::cache_ttl>("cache_ttl"),
    key_for<&auth::login_timeout>("login_timeout"),
    key_for<&auth::failure_delay>("failure_delay"),
};

inline constexpr std::array tls_keys{
    key_for<&tls::mode>("mode"),
    key_for<&tls::cert_file>("cert_file", {.example = R"("server.crt")"}),
    key_for<&tls::key_file>("key_file", {.example = R"("server.key")"}),
    key_for<&tls::ca_file>("ca_file", {.example = R"("ca.crt")"}),
    key_for<&tls::crl_file>("crl_file", {.example = R"("ca.crl")"}),
    key_for<&tls::min_version>("min_version"),
    key_for<&tls::ciphers>("ciphers", {.example = R"("ECDHE+AESGCM")"}),
    key_for<&tls::ciphersuites>("ciphersuites", {.example = R"("TLS_AES_256_GCM_SHA384")"}),
};

inline constexpr std::array tls_override_keys{
    key_for<&tls_override::mode>("mode", {.example = R"("verify-full")"}),
    key_for<&tls_override::cert_file>("cert_file", {.example = R"("forebay.crt")"}),
    key_for<&tls_override::key_file>("key_file", {.example = R"("forebay.key")"}),
    key_for<&tls_override::ca_file>("ca_file", {.example = R"("ca.crt")"}),
    key_for<&tls_override::crl_file>("crl_file", {.example = R"("ca.crl")"}),
    key_for<&tls_override::min_version>("min_version", {.example = R"("1.3")"}),
    key_for<&tls_override::ciphers>("ciphers", {.example = R"("ECDHE+AESGCM")"}),
    key_for<&tls_override::ciphersuites>("ciphersuites", {.example = R"("TLS_AES_256_GCM_SHA384")"}),
};

inline constexpr std::array pool_keys{
    key_for<&pool::mode>("mode"),
    key_for<&pool::size>("size", {.min = 1, .max = 100'000}),
    key_for<&pool::min_size>("min_size", {.max = 100'000}),
    key_for<&pool::max_prepared_statements>("max_prepared_statements", {.min = 1, .max = 1'000'000}),
    key_for<&pool::server_lifetime>("server_lifetime"),
    key_for<&pool::server_idle_timeout>("server_idle_timeout"),
    key_for<&pool::server_connect_timeout>("server_connect_timeout"),
    key_for<&pool::reserve_size>("reserve_size", {.max = 100'000}),
    key_for<&pool::reserve_timeout>("reserve_timeout"),
    key_for<&pool::checkout_timeout>("checkout_timeout"),
    key_for<&pool::query_timeout>("query_timeout"),
    key_for<&pool::idle_transaction_timeout>("idle_transaction_timeout"),
    key_for<&pool::transaction_timeout>("transaction_timeout"),
    key_for<&pool::client_idle_timeout>("client_idle_timeout"),
    key_for<&pool::on_session_state>("on_session_state"),
    key_for<&pool::application_name_add_host>("application_name_add_host"),
};

inline constexpr std::array routing_keys{
    key_for<&routing::read_write_split>("read_write_split"),
    key_for<&routing::strategy>("strategy"),
    key_for<&routing::read_your_writes>("read_your_writes"),
    key_for<&routing::max_replay_lag>("max_replay_lag"),
    key_for<&routing::max_lag_bytes>("max_lag_bytes"),
    key_for<&routing::fallback_to_primary>("fallback_to_primary"),
    key_for<&routing::zone>("zone", {.example = R"("eu-1a")"}),
    key_for<&routing::slow_start>("slow_start"),
    key_for<&routing::write_functions>("write_functions",
                                       {.complain = complain_function, .example = R"(["app.next_number"])"}),
    key_for<&routing::read_functions>("read_functions", {.complain = complain_function, .example = R"(["app.price"])"}),
};

inline constexpr std::array routing_override_keys{
    key_for<&routing_override::read_write_split>("read_write_split", {.example = "false"}),
    key_for<&routing_override::strategy>("strategy", {.example = R"("latency")"}),
    key_for<&routing_override::read_your_writes>("read_your_writes", {.example = R"("off")"}),
    key_for<&routing_override::max_replay_lag>("max_replay_lag", {.example = R"("1m")"}),
    key_for<&routing_override::max_lag_bytes>("max_lag_bytes", {.example = R"("64MiB")"}),
    key_for<&routing_override::fallback_to_primary>("fallback_to_primary", {.example = "false"}),
};

inline constexpr std::array health_keys{
    key_for<&health::interval>("interval", {.min = 100}),
    key_for<&health::timeout>("timeout", {.min = 10}),
    key_for<&health::rise>("rise", {.min = 1, .max = 100}),
    key_for<&health::fall>("fall", {.min = 1, .max = 100}),
};

inline constexpr std::array breaker_keys{
    key_for<&breaker::failure_threshold>("failure_threshold", {.max = 1'000'000}),
    key_for<&breaker::window>("window", {.min = 100}),
    key_for<&breaker::error_rate>("error_rate"),
    key_for<&breaker::open_time>("open_time", {.min = 1}),
    key_for<&breaker::max_open_time>("max_open_time", {.min = 1}),
    key_for<&breaker::half_open_probes>("half_open_probes", {.min = 1, .max = 1000}),
};

inline constexpr std::array cache_keys{
    key_for<&cache::mode>("mode"),
    key_for<&cache::memory>("memory", {.min = 1 << 20}),
    key_for<&cache::max_entry>("max_entry", {.min = 1 << 10}),
    key_for<&cache::ttl>("ttl", {.min = 1}),
    key_for<&cache::redis>("redis"),
    key_for<&cache::compress_over>("compress_over"),
    key_for<&cache::rules>("rule", {.example = R"([ { tables = ["public.users"], ttl = "10s" } ])"}),
};

inline constexpr std::array cache_rule_keys{
    key_for<&cache_rule::tables>("tables", {.complain = complain_name, .example = R"(["public.users"])"}),
    key_for<&cache_rule::statement>("statement", {.complain = complain_pattern, .example = R"('from users\b')"}),
    key_for<&cache_rule::user>("user", {.complain = complain_name, .example = R"("app")"}),
    key_for<&cache_rule::database>("database", {.complain = complain_name, .example = R"("app")"}),
    key_for<&cache_rule::ttl>("ttl", {.min = 1, .example = R"("10s")"}),
    key_for<&cache_rule::mode>("mode", {.example = R"("off")"}),
    key_for<&cache_rule::tags>("tags", {.complain = complain_tag, .example = R"(["auth"])"}),
};

inline constexpr std::array cache_override_keys{
    key_for<&cache_override::mode>("mode", {.example = R"("ttl")"}),
    key_for<&cache_override::ttl>("ttl", {.min = 1, .example = R"("10s")"}),
};

inline constexpr std::array cluster_keys{
    key_for<&cluster::name>("name", {.complain = complain_name, .example = R"("main")", .required = true}),
    key_for<&cluster::nodes>("nodes", {.example = R"([ { host = "10.0.0.1", port = 5432 } ])", .required = true}),
    key_for<&cluster::user>("user", {.example = R"("forebay")"}),
    key_for<&cluster::password>("password", {.example = R"("...")", .secret = true}),
    key_for<&cluster::dbname>("dbname", {.example = R"("postgres")"}),
    key_for<&cluster::tls>("tls", {.example = R"({ mode = "verify-full", ca_file = "ca.crt" })"}),
};

inline constexpr std::array node_keys{
    key_for<&node::host>("host", {.complain = complain_host, .example = R"("10.0.0.1")", .required = true}),
    key_for<&node::port>("port", {.min = 1, .max = 65535}),
    key_for<&node::role>("role"),
    key_for<&node::weight>("weight", {.max = 1000}),
    key_for<&node::zone>("zone", {.example = R"("eu-1a")"}),
    key_for<&node::priority>("priority", {.max = 1000}),
    key_for<&node::max_connections>("max_connections", {.max = 1'000'000}),
};

inline constexpr std::array database_keys{
    key_for<&database::name>("name", {.complain = complain_database_name, .example = R"("*")", .required = true}),
    key_for<&database::cluster>("cluster", {.example = R"("main")"}),
    key_for<&database::dbname>("dbname", {.example = R"("app")"}),
    key_for<&database::user>("user", {.example = R"("app")"}),
    key_for<&database::password>("password", {.example = R"("...")", .secret = true}),
    key_for<&database::mode>("pool_mode", {.example = R"("session")"}),
    key_for<&database::pool_size>("pool_size", {.min = 1, .max = 100'000, .example = "20"}),
    key_for<&database::max_connections>("max_connections", {.max = 1'000'000}),
    key_for<&database::routing>("routing", {.example = R"({ strategy = "latency" })"}),
    key_for<&database::cache>("cache", {.example = R"({ mode = "ttl", ttl = "10s" })"}),
};

inline constexpr std::array user_keys{
    key_for<&user::name>("name", {.complain = complain_name, .example = R"("app")", .required = true}),
    key_for<&user::password>("password", {.example = R"("...")", .secret = true}),
    key_for<&user::secret>("secret",
                           {.complain = complain_secret, .example = R"("SCRAM-SHA-256$...")", .secret = true}),
    key_for<&user::cert_names>("cert_names", {.complain = complain_name, .example = R"(["app.example.com"])"}),
    key_for<&user::mode>("pool_mode", {.example = R"("session")"}),
    key_for<&user::pool_size>("pool_size", {.min = 1, .max = 100'000, .example = "20"}),
    key_for<&user::max_connections>("max_connections", {.max = 1'000'000}),
    key_for<&user::priority>("priority"),
    key_for<&user::query_timeout>("query_timeout", {.example = R"("30s")"}),
    key_for<&user::idle_transaction_timeout>("idle_transaction_timeout", {.example = R"("1m")"}),
    key_for<&user::transaction_timeout>("transaction_timeout", {.example = R"("10m")"}),
    key_for<&user::client_idle_timeout>("client_idle_timeout", {.example = R"("1h")"}),
    key_for<&user::admin>("admin"),
    key_for<&user::stats>("stats"),
};

template <class Struct, std::size_t Count>
constexpr std::span<const key<Struct>> every(const std::array<key<Struct>, Count>& keys) {
  return keys;
}

// visit(name, member of settings, keys) for each [table]. A name with a dot is a table within a table.
void for_each_section(auto&& visit) {
  visit("general", &settings::general, every(general_keys));
  visit("listen", &settings::listen, every(listen_keys));
  visit("http", &settings::http, every(http_keys));
  visit("auth", &settings::auth, every(auth_keys));
  visit("tls.client", &settings::tls_client, every(tls_keys));
  visit("tls.server", &settings::tls_server, every(tls_keys));
  visit("pool", &settings::pool, every(pool_keys));
  visit("routing", &settings::routing, every(routing_keys));
  visit("health", &settings::health, every(health_keys));
  visit("breaker", &settings::breaker, every(breaker_keys));
  visit("cache", &settings::cache, every(cache_keys));
}

// The same for each [[table]].
void for_each_list(auto&& visit) {
  visit("cluster", &settings::clusters, every(cluster_keys));
  visit("database", &settings::databases, every(database_keys));
  visit("user", &settings::users, every(user_keys));
}

// visit(name, keys) for each [[table]] within another.
void for_each_inner_list(auto&& visit) {
  visit("cluster.nodes", every(node_keys));
  visit("cache.rule", every(cache_rule_keys));
}

// Agreed on for later versions: whoever writes one is told so, instead of being told that it does not exist.
inline constexpr auto later_keys = std::to_array<std::string_view>({
    "warming",
    "telemetry",
    "alert",
    "cache.max_staleness",
    "cluster.routing",
    "cluster.health",
    "cluster.breaker",
    "database.cache.max_staleness",
    "database.tls",
});

}  // namespace forebay::config
