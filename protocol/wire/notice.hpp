#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

// Errors, notices and notifications (manual, "Error and Notice Message Fields").
namespace forebay::wire {

enum class severity : std::uint8_t { error, fatal };

// An error as it is told to a user. sqlstate: five characters (manual, "PostgreSQL Error Codes").
struct pg_error {
  std::string sqlstate;
  std::string message;
  std::string detail;
  std::string hint;
  severity level = severity::error;
  std::string others{};  // a server's other fields (P, W, F, L, R ...) as they came: a code and a zero-terminated text

  static pg_error error(std::string sqlstate, std::string message) {
    return {std::move(sqlstate), std::move(message), {}, {}, severity::error, {}};
  }
  static pg_error fatal(std::string sqlstate, std::string message) {
    return {std::move(sqlstate), std::move(message), {}, {}, severity::fatal, {}};
  }

  void encode(writer& w) const;  // as ErrorResponse
  bool operator==(const pg_error&) const = default;
};

// ErrorResponse 'E' and NoticeResponse 'N': fields of a code and a text. A server may leave any of them out, so each
// has an empty text for "not there"; of a code that comes twice the first counts.
template <char Type>
struct fields_message {
  static constexpr char type = Type;
  std::vector<std::pair<char, std::string_view>> fields;

  std::string_view field(char code) const {
    for (const auto& [c, text] : fields) {
      if (c == code) return text;
    }
    return {};
  }
  // V is never translated; servers before 9.6 send S alone.
  std::string_view severity() const { return field('V').empty() ? field('S') : field('V'); }
  std::string_view sqlstate() const { return field('C'); }
  std::string_view message() const { return field('M'); }
  std::string_view detail() const { return field('D'); }
  std::string_view hint() const { return field('H'); }

  pg_error to_pg_error() const;  // with XX000 where there is no SQLSTATE, or what cannot be one

  static result<fields_message> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const fields_message&) const = default;
};
using error_response = fields_message<'E'>;
using notice_response = fields_message<'N'>;
extern template struct fields_message<'E'>;
extern template struct fields_message<'N'>;

// What NOTIFY sent to a channel; pid is the sender's.
struct notification_response {
  static constexpr char type = 'A';
  std::uint32_t pid = 0;
  std::string_view channel;
  std::string_view payload;

  static result<notification_response> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const notification_response&) const = default;
};

}  // namespace forebay::wire
