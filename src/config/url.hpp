#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.hpp"

// The pieces that connection URLs are made of (RFC 3986), for people who type them: each complaint knows its place.
namespace forebay::config {

struct malformed {
  const char* at;  // inside the URL
  std::string text;
};

// Up to `end`, or everything; the delimiter is dropped.
std::string_view cut(std::string_view& rest, std::size_t end);
// These throw malformed.
std::string percent_decoded(std::string_view text);
// "host", "host:port", "[::1]:port", ":port".
address parse_host_port(std::string_view text, std::string_view usual_host, std::uint16_t usual_port);

}  // namespace forebay::config
