#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

// Messages before the first typed one, and what the server says about them (manual, "Message Formats"). The four
// startup packets have no type byte: a length, then a code that tells them apart.
namespace forebay::wire {

struct startup_message {
  static constexpr std::uint32_t version_3_0 = 3U << 16;
  static constexpr std::uint32_t version_3_2 = 3U << 16 | 2;

  std::uint32_t version = version_3_0;  // major in the high 16 bits
  std::vector<std::pair<std::string_view, std::string_view>> parameters;

  void encode(writer& w) const;
  bool operator==(const startup_message&) const = default;
};

struct ssl_request {
  static constexpr std::uint32_t code = 80877103;
  void encode(writer& w) const;
  bool operator==(const ssl_request&) const = default;
};

struct gssenc_request {
  static constexpr std::uint32_t code = 80877104;
  void encode(writer& w) const;
  bool operator==(const gssenc_request&) const = default;
};

struct cancel_request {
  static constexpr std::uint32_t code = 80877102;
  std::uint32_t pid = 0;
  std::string_view key;  // 4 bytes in protocol 3.0, up to 256 in 3.2

  void encode(writer& w) const;
  bool operator==(const cancel_request&) const = default;
};

using startup_packet = std::variant<startup_message, ssl_request, gssenc_request, cancel_request>;

// Most bytes of a packet's body (MAX_STARTUP_PACKET_LENGTH of PostgreSQL).
inline constexpr std::size_t max_startup_packet = 10000;
inline constexpr std::size_t max_cancel_key = 256;

// `body`: the packet without its length. A version other than 3.x comes back as a startup_message without parameters.
result<startup_packet> decode_startup_packet(std::string_view body);

// What a cancel_request must name.
struct backend_key_data {
  static constexpr char type = 'K';
  std::uint32_t pid = 0;
  std::string_view key;  // as in cancel_request

  static result<backend_key_data> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const backend_key_data&) const = default;
};

// The answer to a startup_message with a newer minor version or options ("_pq_.") the server does not know.
struct negotiate_protocol_version {
  static constexpr char type = 'v';
  std::uint32_t version = 0;  // newest the server speaks; servers before 18 give the minor number alone
  std::vector<std::string_view> unknown_options;

  static result<negotiate_protocol_version> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const negotiate_protocol_version&) const = default;
};

}  // namespace forebay::wire
