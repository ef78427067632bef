#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The user's word on functions, over all that the catalogs say (`routing.write_functions`, `routing.read_functions`).
// Names as PostgreSQL keeps them: `name`, whatever its schema, or `schema.name`; `*` at the end: any end.
namespace forebay {

struct function_lists {
  std::vector<std::string> write;
  std::vector<std::string> read;
};

bool matches(std::string_view pattern, std::string_view schema, std::string_view name);
bool matches_any(const std::vector<std::string>& patterns, std::string_view schema, std::string_view name);

// A pattern of each that some function would match both: a mistake in the configuration.
std::optional<std::pair<std::string, std::string>> contradiction(const function_lists& lists);

}  // namespace forebay
