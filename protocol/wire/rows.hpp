#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

// Results (manual, "Message Formats": RowDescription, DataRow).
namespace forebay::wire {

struct row_description {
  static constexpr char type = 'T';
  struct field {
    std::string_view name;
    std::uint32_t table_oid = 0;
    std::uint16_t column = 0;
    std::uint32_t type_oid = 25;  // text
    std::int16_t type_size = -1;  // bytes; negative: variable
    std::int32_t type_modifier = -1;
    std::uint16_t format = 0;  // 0 text, 1 binary
    bool operator==(const field&) const = default;
  };
  std::vector<field> fields;

  static result<row_description> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const row_description&) const = default;
};

struct data_row {
  static constexpr char type = 'D';
  std::vector<std::optional<std::string_view>> values;  // nullopt: NULL

  static result<data_row> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const data_row&) const = default;
};

}  // namespace forebay::wire
