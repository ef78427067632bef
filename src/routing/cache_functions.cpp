#include "routing/cache_functions.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace forebay {
namespace {

// `*` at the end: any end. Of `timezone` one overload takes today's offset: see cache_rules::why_not().
constexpr auto by_settings = std::to_array<std::string_view>({
    // Times and the time zone; what operators and casts of views call by name.
    "date",
    "date_eq_*",
    "date_ge_*",
    "date_gt_*",
    "date_le_*",
    "date_lt_*",
    "date_ne_*",
    "date_part",
    "date_trunc",
    "extract",
    "generate_series",
    "interval_pl_timestamptz",
    "make_timestamptz",
    "overlaps",
    "time",
    "timestamp",
    "timestamp_eq_*",
    "timestamp_ge_*",
    "timestamp_gt_*",
    "timestamp_le_*",
    "timestamp_lt_*",
    "timestamp_ne_*",
    "timestamptz",
    "timestamptz_eq_*",
    "timestamptz_ge_*",
    "timestamptz_gt_*",
    "timestamptz_le_*",
    "timestamptz_lt_*",
    "timestamptz_mi_interval",
    "timestamptz_ne_*",
    "timestamptz_pl_interval",
    "timezone",
    "to_char",
    "to_date",
    "to_timestamp",
    // Text of values, and of their locale.
    "anytextcat",
    "array_to_string",
    "concat",
    "concat_ws",
    "convert",
    "convert_from",
    "convert_to",
    "format",
    "length",
    "money",
    "numeric",
    "quote_literal",
    "quote_nullable",
    "textanycat",
    "to_number",
    // JSON made of values. Not values made of JSON: their input may be that of a date.
    "array_to_json",
    "json_agg",
    "json_agg_transfn",
    "json_build_array",
    "json_build_object",
    "json_object_agg",
    "json_object_agg_transfn",
    "jsonb_agg",
    "jsonb_agg_finalfn",
    "jsonb_agg_transfn",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object_agg_finalfn",
    "jsonb_object_agg_transfn",
    "row_to_json",
    "to_json",
    "to_jsonb",
    // Text search, by a configuration.
    "json_to_tsvector",
    "jsonb_to_tsvector",
    "phraseto_tsquery",
    "plainto_tsquery",
    "to_tsquery",
    "to_tsvector",
    "ts_headline",
    "ts_match_tq",
    "ts_match_tt",
    "websearch_to_tsquery",
    // Who and where one is, as the result is kept for.
    "current_database",
    "current_schema",
    "current_user",
    "session_user",
    // What only DDL changes.
    "enum_first",
    "enum_last",
    "enum_range",
    "pg_typeof",
});

constexpr auto harmless = std::to_array<std::string_view>({
    "bernoulli",
    "clock_timestamp",
    "current_query",
    "currval",
    "gen_random_uuid",
    "lastval",
    "lo_*",  // large objects are read by volatile functions only
    "loread",
    "lowrite",
    "nextval",
    "pg_advisory_*",
    "pg_blocking_pids",
    "pg_cancel_backend",
    "pg_control_*",
    "pg_current_logfile",
    "pg_current_wal_*",
    "pg_database_size",
    "pg_export_snapshot",
    "pg_get_*",
    "pg_indexes_size",
    "pg_is_in_recovery",
    "pg_is_wal_replay_paused",
    "pg_jit_available",
    "pg_last_*",
    "pg_lock_status",
    "pg_logical_emit_message",
    "pg_ls_*",
    "pg_notification_queue_usage",
    "pg_notify",
    "pg_partition_ancestors",
    "pg_partition_tree",
    "pg_prepared_xact",
    "pg_relation_size",
    "pg_reload_conf",
    "pg_safe_snapshot_blocking_pids",
    "pg_sequence_last_value",
    "pg_show_*",
    "pg_sleep*",
    "pg_stat_*",
    "pg_switch_wal",
    "pg_table_size",
    "pg_tablespace_size",
    "pg_terminate_backend",
    "pg_total_relation_size",
    "pg_try_advisory_*",
    "pg_xact_*",
    "random",
    "set_config",
    "setseed",
    "setval",
    "system",
    "timeofday",
    "txid_status",
});

bool is_one_of(std::span<const std::string_view> patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](auto p) {
    return p.ends_with('*') ? name.starts_with(p.substr(0, p.size() - 1)) : name == p;
  });
}

}  // namespace

bool is_stable_by_settings(std::string_view name) {
  return is_one_of(by_settings, name);
}

bool takes_time_with_zone(std::string_view name) {
  return name.find("timetz") != name.npos;
}

bool is_volatile_but_harmless(std::string_view name) {
  return is_one_of(harmless, name);
}

}  // namespace forebay
