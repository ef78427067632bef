#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// IP addresses and networks as values. No sockets.
namespace forebay {

struct ip_address {
  std::array<std::uint8_t, 16> bytes{};
  std::uint8_t size = 0;  // 4, 16, or 0: none, as of a Unix socket

  static std::optional<ip_address> parse(std::string_view text);  // "10.0.0.1", "::1"
  // 4 or 16 bytes in network order; an IPv4 address in the clothes of an IPv6 one (::ffff:10.0.0.1) becomes IPv4.
  static ip_address of(const std::uint8_t* from, std::uint8_t size);
  std::string text() const;

  auto operator<=>(const ip_address&) const = default;  // NOLINT(modernize-use-nullptr): of clang-tidy 14
};

struct ip_network {
  ip_address base;
  ip_address mask;

  // "10.0.0.0/8", "::/0"; an address alone is itself. Bits beyond the mask are passed over.
  static std::optional<ip_network> parse(std::string_view text);
  static std::optional<ip_network> of(const ip_address& base, unsigned prefix);         // nothing: too long a prefix
  static std::optional<ip_network> of(const ip_address& base, const ip_address& mask);  // of different kinds: nothing
  bool contains(const ip_address& who) const;

  auto operator<=>(const ip_network&) const = default;  // NOLINT(modernize-use-nullptr)
};

}  // namespace forebay
