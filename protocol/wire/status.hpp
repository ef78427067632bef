#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/wire/empty_message.hpp"

// The session's state as the server tells it, and the function call subprotocol (manual, "Message Formats").
namespace forebay::wire {

// A setting's value, at login and whenever it changes.
struct parameter_status {
  static constexpr char type = 'S';
  std::string_view name;
  std::string_view value;

  static result<parameter_status> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const parameter_status&) const = default;
};

struct ready_for_query {
  static constexpr char type = 'Z';
  char status = 'I';  // 'I' idle, 'T' in a transaction, 'E' in a failed one

  static result<ready_for_query> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const ready_for_query&) const = default;
};

struct terminate : empty_message<'X', terminate> {};

// Call of a function by its oid, without SQL. Formats: 0 text, 1 binary; none: all text; one: for all.
struct function_call {
  static constexpr char type = 'F';
  std::uint32_t function_oid = 0;
  std::vector<std::uint16_t> argument_formats;
  std::vector<std::optional<std::string_view>> arguments;  // nullopt: NULL
  std::uint16_t result_format = 0;

  static result<function_call> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const function_call&) const = default;
};

struct function_call_response {
  static constexpr char type = 'V';
  std::optional<std::string_view> value;  // nullopt: NULL

  static result<function_call_response> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const function_call_response&) const = default;
};

}  // namespace forebay::wire
