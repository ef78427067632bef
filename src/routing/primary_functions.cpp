#include "routing/primary_functions.hpp"

#include <algorithm>
#include <array>

namespace forebay {
namespace {

constexpr const char* transaction_number = "needs a transaction of the primary";
constexpr const char* snapshot = "tells of the server's snapshot";
constexpr const char* wal = "not to be had during recovery";
constexpr const char* node = "tells of the node";
constexpr const char* connection = "tells of the server's session";
constexpr const char* unnamed = "reads relations that the text does not name";

constexpr std::array all_functions = std::to_array<primary_function>({
    {"txid_current", transaction_number},
    {"txid_current_if_assigned", transaction_number},
    {"pg_current_xact_id", transaction_number},
    {"pg_current_xact_id_if_assigned", transaction_number},
    {"txid_current_snapshot", snapshot},
    {"pg_current_snapshot", snapshot},
    {"pg_walfile_name", wal},
    {"pg_walfile_name_offset", wal},
    {"pg_replication_origin_oid", wal},
    {"pg_get_replication_slots", node},
    {"pg_stat_get_*", node},
    {"pg_postmaster_start_time", node},
    {"pg_conf_load_time", node},
    {"pg_config", node},
    {"pg_available_extension*", node},
    {"pg_tablespace_location", node},
    {"pg_show_all_settings", node},
    {"current_setting", node},  // transaction_read_only and in_hot_standby are settings
    {"inet_server_addr", node},
    {"inet_server_port", node},
    {"inet_client_addr", connection},
    {"inet_client_port", connection},
    {"pg_backend_pid", connection},
    {"pg_listening_channels", connection},
    {"pg_cursor", connection},
    {"pg_prepared_statement", connection},
    {"pg_my_temp_schema", connection},
    {"pg_is_other_temp_schema", connection},
    {"table_to_xml*", unnamed},
    {"schema_to_xml*", unnamed},
    {"database_to_xml*", unnamed},
});

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& all, std::string_view name) {
  return std::find(all.begin(), all.end(), name) != all.end();
}

}  // namespace

std::span<const primary_function> primary_functions() {
  return all_functions;
}

const char* why_primary_function(std::string_view name) {
  for (const auto& f : all_functions) {
    const bool any_end = f.name.ends_with('*');
    if (any_end ? name.starts_with(f.name.substr(0, f.name.size() - 1)) : name == f.name) return f.reason;
  }
  return nullptr;
}

bool is_catalog_for_drivers(std::string_view name) {
  static constexpr std::array<std::string_view, 6> all = {"pg_type",      "pg_range",     "pg_enum",
                                                          "pg_namespace", "pg_attribute", "pg_collation"};
  return is_one_of(all, name);
}

// Not regtype, regconfig, regdictionary and regcollation: what they name is hardly made and used at the same time.
bool is_type_of_catalogs(std::string_view name) {
  static constexpr std::array<std::string_view, 7> all = {"regclass",    "regproc", "regprocedure", "regoper",
                                                          "regoperator", "regrole", "regnamespace"};
  return is_one_of(all, name);
}

}  // namespace forebay
