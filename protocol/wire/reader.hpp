#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/wire/error.hpp"

// Cursor over a message body. Failure is sticky: after one, every read gives zero or an empty view and ok() stays
// false, so a decoder reads all its fields and asks once, at the end, by done(). Counts and sizes are compared with
// what remains before anything is allocated. Integers are big-endian (manual, "Message Data Types").
namespace forebay::wire {

class reader {
 public:
  explicit reader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() { return integer(4); }
  std::int16_t i16() { return static_cast<std::int16_t>(u16()); }
  std::int32_t i32() { return static_cast<std::int32_t>(u32()); }
  char byte() { return static_cast<char>(u8()); }

  // Up to the next zero byte, which is taken too.
  std::string_view cstring() {
    const auto end = rest_.find('\0');
    if (end == std::string_view::npos) return fail();
    const auto text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::string_view bytes(std::size_t count) {
    if (count > rest_.size()) return fail();
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::string_view rest() { return bytes(rest_.size()); }
  std::size_t remaining() const { return rest_.size(); }

  // A 32-bit size and so many bytes; size -1, which comes back as nullopt, is NULL.
  std::optional<std::string_view> value();
  // A 16-bit count, and so many of these.
  std::vector<std::optional<std::string_view>> values();
  std::vector<std::uint16_t> u16_list();
  std::vector<std::uint32_t> u32_list();
  // Whether `count` items of at least `size` bytes each can still come; fails when not.
  bool can_hold(std::size_t count, std::size_t size) {
    if (count > rest_.size() / size) fail();
    return ok();
  }

  bool ok() const { return failure_ == errc{}; }
  // The first failure is the one that done() reports.
  std::string_view fail(errc why = errc::truncated) {
    if (ok()) failure_ = why;
    rest_ = {};
    return {};
  }

  // The message, if every field was there and nothing is left.
  template <class Message>
  result<Message> done(Message message) const {
    if (!ok()) return make_error_code(failure_);
    if (!rest_.empty()) return make_error_code(errc::trailing_bytes);
    return message;
  }

 private:
  std::uint32_t integer(std::size_t size) {
    std::uint32_t value = 0;
    for (const char c : bytes(size))
      value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }

  std::string_view rest_;
  errc failure_{};
};

}  // namespace forebay::wire
