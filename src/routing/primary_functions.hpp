#pragma once

#include <span>
#include <string_view>

// The system's own functions and relations of which the catalogs alone do not tell where they may run.
namespace forebay {

struct primary_function {
  std::string_view name;  // in pg_catalog; `*` at the end: any end
  const char* reason;
};
// Not volatile, and yet the primary's: they fail on a standby, or answer by the server, the connection or the snapshot
// they run on. tests/integration/test_primary_functions.py calls all there are on a standby.
std::span<const primary_function> primary_functions();
// Null: may run anywhere that its volatility allows.
const char* why_primary_function(std::string_view name);

// System catalogs that drivers ask for types when they connect. All others are the primary's.
bool is_catalog_for_drivers(std::string_view name);

// Types whose values are looked up in the catalogs by name: regclass and its like.
bool is_type_of_catalogs(std::string_view name);

}  // namespace forebay
