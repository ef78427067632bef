#pragma once

#include <string_view>

#include "protocol/wire/empty_message.hpp"

// The simple query protocol (manual, "Simple Query").
namespace forebay::wire {

struct query {
  static constexpr char type = 'Q';
  std::string_view sql;

  static result<query> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const query&) const = default;
};

struct command_complete {
  static constexpr char type = 'C';
  std::string_view tag;  // "SELECT 1", "COMMIT" ...

  static result<command_complete> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const command_complete&) const = default;
};

struct empty_query_response : empty_message<'I', empty_query_response> {};

}  // namespace forebay::wire
