#pragma once

#include "admin/result.hpp"

// The columns of every result: PgBouncer 1.25's in its order and its units, then our own.
namespace forebay::admin::shown {

using enum column_type;

inline constexpr column version[] = {{"version"}};
inline constexpr column config[] = {{"key"}, {"value"}, {"default"}, {"changeable"}};
inline constexpr column state[] = {{"key"}, {"value"}};
inline constexpr column lists[] = {{"list"}, {"items", int4}};
inline constexpr column mem[] = {{"name"}, {"size", int4}, {"used", int4}, {"free", int4}, {"memtotal", int8}};
inline constexpr column dns_hosts[] = {{"hostname"}, {"ttl", int8}, {"addrs"}};

inline constexpr column databases[] = {{"name"},
                                       {"host"},
                                       {"port", int4},
                                       {"database"},
                                       {"force_user"},
                                       {"pool_size", int4},
                                       {"min_pool_size", int4},
                                       {"reserve_pool_size", int4},
                                       {"server_lifetime", int4},
                                       {"pool_mode"},
                                       {"load_balance_hosts"},
                                       {"max_connections", int4},
                                       {"current_connections", int4},
                                       {"max_client_connections", int4},
                                       {"current_client_connections", int4},
                                       {"paused", int4},
                                       {"disabled", int4},
                                       {"cluster"}};

inline constexpr column users[] = {{"name"},
                                   {"pool_size"},
                                   {"reserve_pool_size"},
                                   {"pool_mode"},
                                   {"max_user_connections", int4},
                                   {"current_connections", int4},
                                   {"max_user_client_connections", int4},
                                   {"current_client_connections", int4},
                                   {"admin", int4},
                                   {"stats", int4}};

inline constexpr column pools[] = {{"database"},
                                   {"user"},
                                   {"cl_active", int4},
                                   {"cl_waiting", int4},
                                   {"cl_active_cancel_req", int4},
                                   {"cl_waiting_cancel_req", int4},
                                   {"sv_active", int4},
                                   {"sv_active_cancel", int4},
                                   {"sv_being_canceled", int4},
                                   {"sv_idle", int4},
                                   {"sv_used", int4},
                                   {"sv_tested", int4},
                                   {"sv_login", int4},
                                   {"maxwait", int4},
                                   {"maxwait_us", int4},
                                   {"pool_mode"},
                                   {"load_balance_hosts"},
                                   {"paused", int4}};

// SHOW CLIENTS, SERVERS and SOCKETS.
inline constexpr column sockets[] = {{"type"},
                                     {"user"},
                                     {"database"},
                                     {"replication"},
                                     {"state"},
                                     {"addr"},
                                     {"port", int4},
                                     {"local_addr"},
                                     {"local_port", int4},
                                     {"connect_time"},
                                     {"request_time"},
                                     {"wait", int4},
                                     {"wait_us", int4},
                                     {"close_needed", int4},
                                     {"ptr"},
                                     {"link"},
                                     {"remote_pid", int4},
                                     {"tls"},
                                     {"application_name"},
                                     {"prepared_statements", int4},
                                     {"id", int4},
                                     {"pin_reason"},
                                     {"server_pid", int4}};

inline constexpr column stats[] = {{"database"},
                                   {"total_server_assignment_count", int8},
                                   {"total_xact_count", int8},
                                   {"total_query_count", int8},
                                   {"total_received", int8},
                                   {"total_sent", int8},
                                   {"total_xact_time", int8},
                                   {"total_query_time", int8},
                                   {"total_wait_time", int8},
                                   {"total_client_parse_count", int8},
                                   {"total_server_parse_count", int8},
                                   {"total_bind_count", int8},
                                   {"avg_server_assignment_count", int8},
                                   {"avg_xact_count", int8},
                                   {"avg_query_count", int8},
                                   {"avg_recv", int8},
                                   {"avg_sent", int8},
                                   {"avg_xact_time", int8},
                                   {"avg_query_time", int8},
                                   {"avg_wait_time", int8},
                                   {"avg_client_parse_count", int8},
                                   {"avg_server_parse_count", int8},
                                   {"avg_bind_count", int8}};

// SHOW STATS_TOTALS and STATS_AVERAGES.
inline constexpr column half_stats[] = {{"database"},
                                        {"server_assignment_count", int8},
                                        {"xact_count", int8},
                                        {"query_count", int8},
                                        {"bytes_received", int8},
                                        {"bytes_sent", int8},
                                        {"xact_time", int8},
                                        {"query_time", int8},
                                        {"wait_time", int8},
                                        {"client_parse_count", int8},
                                        {"server_parse_count", int8},
                                        {"bind_count", int8}};

inline constexpr column nodes[] = {{"cluster"},
                                   {"node"},
                                   {"role"},
                                   {"state"},
                                   {"reason"},
                                   {"breaker"},
                                   {"replay_lag_ms", int8},  // null: not known, or not a replica
                                   {"lag_bytes", int8},
                                   {"latency_us", int8},  // of the last probe
                                   {"connections", int4},
                                   {"in_flight", int4},
                                   {"routed_reads", int8},  // to it as a replica
                                   {"routed_writes", int8},
                                   {"weight", int4},
                                   {"priority", int4}};

inline constexpr column breakers[] = {{"cluster"},
                                      {"node"},
                                      {"direction"},
                                      {"state"},
                                      {"reason"},
                                      {"open_for_ms", int8},
                                      {"failures_in_a_row", int4},
                                      {"requests", int8},  // within the window
                                      {"failures", int8},
                                      {"opened", int8},  // since the start
                                      {"refused", int8}};

inline constexpr column routes[] = {{"to"}, {"node"}, {"reason"}, {"requests", int8}};

inline constexpr column cache[] = {{"item"}, {"value", int8}};

inline constexpr column cache_entries[] = {
    {"database"},        {"user"},         {"statement"},     {"bytes", int8},
    {"rows", int8},      {"hits", int8},   {"cost_us", int8},  // what a hit saves
    {"age_ms", int8},    {"ttl_ms", int8},                     // of it left
    {"relations", int4}, {"holds"}};

inline constexpr column totals[] = {{"name"}, {"value", int8}};

}  // namespace forebay::admin::shown
