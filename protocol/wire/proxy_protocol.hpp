#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What a load balancer puts in front of a client's first byte: whose connection it is (HAProxy's "The PROXY protocol",
// versions 1 and 2). Pure.
namespace forebay::wire {

struct proxy_header {
  std::string address;  // as a number; empty: the balancer's own connection, or nothing is known of the client's
  std::uint16_t port = 0;
  std::size_t size = 0;  // of the header
};

struct proxy_answer {
  enum class kind : std::uint8_t {
    absent,
    more,
    malformed,
    found
  };  // more: it may be one, or is one that is not whole
  kind what = kind::absent;
  proxy_header header{};
};

inline constexpr std::size_t max_proxy_header = 4096;  // with what balancers add to the addresses

// Of the bytes that have come so far. No first message of the PostgreSQL protocol, and no TLS handshake, begins like
// one.
proxy_answer find_proxy_header(std::string_view in);

}  // namespace forebay::wire
