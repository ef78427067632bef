#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/wire/notice.hpp"

// What a command answers, and its bytes in the protocol (PostgreSQL manual, "Message Formats"). Pure.
namespace forebay::admin {

enum class column_type : std::uint8_t { text, int4, int8 };

struct column {
  std::string_view name;
  column_type type = column_type::text;
};
using columns = std::span<const column>;

using cell = std::variant<std::monostate, std::string, std::int64_t>;  // null, of a text column, of a number column
using row = std::vector<cell>;

// A count too large for a bigint is shown as the largest.
cell number(std::integral auto n) {
  if constexpr (std::is_unsigned_v<decltype(n)>) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(n, INT64_MAX));
  } else {
    return std::int64_t{n};
  }
}

struct outcome {
  std::vector<row> rows;  // as wide as the command's columns
  std::string notice;     // said before the result
  std::string notice_detail;
  std::optional<wire::pg_error> error;  // instead of everything else
  std::function<void()> afterwards;     // once the client has its answer
};

inline outcome rows(std::vector<row> all) {
  outcome out;
  out.rows = std::move(all);
  return out;
}
inline wire::pg_error error(std::string sqlstate, std::string message, std::string hint = {}) {
  auto e = wire::pg_error::error(std::move(sqlstate), std::move(message));
  e.hint = std::move(hint);
  return e;
}
inline outcome failed(wire::pg_error why) {
  outcome out;
  out.error = std::move(why);
  return out;
}

using formats = std::vector<std::uint16_t>;  // as in Bind: none (all text), one for all, or one per column

void append_row_description(wire::writer& w, columns shown, const formats& how = {});
void append_rows(wire::writer& w, columns shown, std::span<const row> rows, const formats& how = {});
void append_notice(wire::writer& w, std::string_view message, std::string_view detail);

}  // namespace forebay::admin
