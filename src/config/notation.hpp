#pragma once

#include <array>
#include <concepts>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/config.hpp"

// How single values are written: durations, addresses, enumerations, secrets. Text to value and back; no TOML, no
// places.
namespace forebay::config {

// "250ms", "5s", "10m", "1h", "7d"; nothing for other text or for more than ten years.
std::optional<duration> parse_duration(std::string_view text);
std::string to_string(duration value);  // in the largest unit that divides it

// "127.0.0.1:6432", "[::1]:6432", "*:6432", "localhost:6432"; 6432 where no port is given. Otherwise a complaint.
struct parsed_address {
  address value;
  std::string complaint;  // empty: all is well
};
parsed_address parse_address(std::string_view text, std::uint16_t default_port = 6432);
std::string to_string(const address& value);

// "0", "512", "1KiB", "64MiB", "2GiB", "1TiB"; nothing for other text or for more than 1024 TiB.
std::optional<byte_size> parse_size(std::string_view text);
std::string to_string(byte_size value);  // in the largest unit that divides it

bool is_ip_address(const std::string& host);
std::optional<std::uint16_t> parse_port(std::string_view text);  // 1 to 65535

std::string in_quotes(std::string_view text);  // as a TOML string

// The candidate that was probably meant, or nothing.
std::optional<std::string_view> nearest(std::string_view text, std::span<const std::string_view> candidates);
std::string did_you_mean(std::string_view text,
                         std::span<const std::string_view> candidates);  // "" or `; did you mean "x"?`
std::string listed(std::span<const std::string_view> values);            // `"a", "b" or "c"`

// What is wrong with a text of this kind; empty when nothing is. Never repeats the text.
bool looks_like_secret(std::string_view text);  // says to be a stored secret, well-formed or not
std::string complain_secret(std::string_view text);
std::string complain_name(std::string_view text);
std::string complain_host(std::string_view text);
std::string complain_log_level(std::string_view text);
std::string complain_database_name(std::string_view text);
std::string complain_socket_folder(std::string_view text);
std::string complain_function(std::string_view text);
std::string complain_tag(std::string_view text);
std::string complain_query(std::string_view text);

// The words for an enumeration, in the order of its values; `later` holds words agreed on but not available yet.
template <class E>
struct words;

template <>
struct words<log_format> {
  static constexpr std::array<std::string_view, 2> known{"text", "json"};
  static constexpr std::array<std::string_view, 0> later{};
};
template <>
struct words<pool_mode> {
  static constexpr std::array<std::string_view, 3> known{"transaction", "session", "statement"};
  static constexpr std::array<std::string_view, 0> later{};
};
template <>
struct words<auth_type> {
  static constexpr std::array<std::string_view, 6> known{"scram-sha-256", "md5", "plain", "trust", "cert", "hba"};
  static constexpr std::array<std::string_view, 0> later{};
};
template <>
struct words<session_state_policy> {
  static constexpr std::array<std::string_view, 3> known{"track", "pin", "refuse"};
  static constexpr std::array<std::string_view, 0> later{};
};
template <>
struct words<node_role> {
  static constexpr std::array<std::string_view, 3> known{"auto", "primary", "replica"};
  static constexpr std::array<std::string_view, 0> later{};
};
template <>
struct words<routing_strategy> {
  static constexpr std::array<std::string_view, 5> known{"round_robin", "least_connections", "weighted", "latency",
                                                         "random"};
  static constexpr std::array<std::string_view, 0> later{};
};
template <>
struct words<read_your_writes> {
  static constexpr std::array<std::string_view, 2> known{"session", "off"};
  static constexpr std::array<std::string_view, 0> later{};
};
template <>
struct words<cache_mode> {
  static constexpr std::array<std::string_view, 2> known{"off", "ttl"};
  static constexpr std::array<std::string_view, 3> later{"bounded", "snapshot", "strict"};
};
template <>
struct words<user_priority> {
  static constexpr std::array<std::string_view, 3> known{"high", "normal", "low"};
  static constexpr std::array<std::string_view, 0> later{};
};

template <>
struct words<tls_mode> {
  static constexpr std::array<std::string_view, 6> known{"disable", "allow",     "prefer",
                                                         "require", "verify-ca", "verify-full"};
  static constexpr std::array<std::string_view, 0> later{};
};
template <>
struct words<tls_version> {
  static constexpr std::array<std::string_view, 2> known{"1.2", "1.3"};
  static constexpr std::array<std::string_view, 0> later{};
};

template <class E>
concept worded = requires {
  words<E>::known.size();
};

template <worded E>
constexpr std::string_view to_string(E value) {
  return words<E>::known[static_cast<std::size_t>(value)];
}

}  // namespace forebay::config
