#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "protocol/wire/error.hpp"
#include "protocol/wire/writer.hpp"

// What the tests of all messages share.
namespace forebay::wire::test {

using namespace std::string_view_literals;  // "..."sv keeps the zero bytes

// Bytes that operator new gave out on this thread so far.
std::size_t allocated();

inline std::string_view body_of(std::string_view message) {
  return message.substr(5);
}

template <class Message>
void check_fails(std::string_view body, errc why) {
  const auto decoded = Message::decode(body);
  REQUIRE(decoded.has_error());
  CHECK(decoded.error() == make_error_code(why));
}

// The same, and nothing was allocated on the way, whatever the body claims to hold.
template <class Message>
void check_claim_fails(std::string_view body) {
  const auto before = allocated();
  const auto failed = Message::decode(body).has_error();
  const auto after = allocated();
  CHECK(failed);
  CHECK(after == before);
}

// `message` is these bytes, both ways; `bytes` starts with type and length.
template <class Message>
void check_bytes(const Message& message, std::string_view bytes) {
  CHECK(encode(message) == bytes);
  REQUIRE(bytes.front() == Message::type);
  const auto decoded = Message::decode(body_of(bytes));
  REQUIRE(decoded.has_value());
  CHECK(*decoded == message);
}

// The same for a message whose last field says where it ends: no beginning of it is a message, and nothing may follow.
template <class Message>
void check_message(const Message& message, std::string_view bytes) {
  check_bytes(message, bytes);
  const auto body = body_of(bytes);
  for (std::size_t size = 0; size < body.size(); ++size) {
    CAPTURE(size);
    // A copy of its own, so that AddressSanitizer sees a read behind the end.
    const std::string prefix(body.substr(0, size));
    check_fails<Message>(prefix, errc::truncated);
  }
  check_fails<Message>(std::string(body) + '\0', errc::trailing_bytes);
}

}  // namespace forebay::wire::test
