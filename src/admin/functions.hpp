#pragma once

#include "admin/command.hpp"

// The functions behind the table of commands.
namespace forebay::admin {

// What the configuration and the process are (show_settings.cpp).
void show_help(invocation in);
void show_version(invocation in);
void show_config(invocation in);
void show_databases(invocation in);
void show_users(invocation in);
void show_state(invocation in);
void show_nothing(invocation in);  // rows that only PgBouncer has
void show_driver_setting(invocation in);
void set_setting(invocation in);
void ignore(invocation in);

// What is connected (show_connections.cpp).
void show_pools(invocation in);
void show_clients(invocation in);
void show_servers(invocation in);
void show_sockets(invocation in);
void show_lists(invocation in);
void show_mem(invocation in);

// What was done (show_stats.cpp).
void show_stats(invocation in);
void show_stats_totals(invocation in);
void show_stats_averages(invocation in);
void show_totals(invocation in);

// The nodes (show_nodes.cpp).
void show_nodes(invocation in);
void show_breakers(invocation in);
void show_routes(invocation in);
void node_drain(invocation in);
void node_resume(invocation in);

// The result cache (show_cache.cpp).
void show_cache(invocation in);
void show_cache_entries(invocation in);
void cache_flush(invocation in);

// What changes something (actions.cpp).
void reload(invocation in);
void pause(invocation in);
void resume(invocation in);
void kill(invocation in);
void kill_client(invocation in);
void reconnect(invocation in);
void shutdown(invocation in);

// What drivers ask for and set without being told to.
struct driver_setting {
  std::string_view name;  // in upper case
  std::string_view value;
  column shown[1];
};
inline constexpr driver_setting driver_settings[] = {
    {"CLIENT_ENCODING", "UTF8", {{"client_encoding"}}},
    {"DEFAULT_TRANSACTION_ISOLATION", "read committed", {{"default_transaction_isolation"}}},
    {"TRANSACTION_ISOLATION", "read committed", {{"transaction_isolation"}}},
    {"STANDARD_CONFORMING_STRINGS", "on", {{"standard_conforming_strings"}}},
    {"DATESTYLE", "ISO", {{"DateStyle"}}},
    {"TIMEZONE", "GMT", {{"TimeZone"}}},
    {"EXTRA_FLOAT_DIGITS", "2", {{"extra_float_digits"}}},
    {"APPLICATION_NAME", "", {{"application_name"}}},
};

// "transaction", "session", "statement".
std::string_view name_of(config::pool_mode mode);

}  // namespace forebay::admin
