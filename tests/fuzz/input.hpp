#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/wire/framer.hpp"
#include "target.hpp"

// Reads a fuzzer's input as choices and texts from the front, so that a change of one byte changes one thing. At the
// end everything is zero or empty. The writing half makes seeds.
namespace forebay::fuzz {

class input {
 public:
  explicit input(std::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() { return integer(4); }
  std::size_t below(std::size_t count) { return u8() % count; }
  std::string_view bytes(std::size_t most) {
    const auto taken = rest_.substr(0, most);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view text() { return bytes(u16()); }
  std::string_view rest() { return bytes(rest_.size()); }

  struct message {
    char type;
    std::string_view body;
  };
  // As on the wire, but a length that is too large or too small means what is there.
  message next_message() {
    const auto type = static_cast<char>(u8());
    const auto length = u32();
    return {type, bytes(length < 4 ? 0 : length - 4)};
  }

 private:
  std::uint32_t integer(std::size_t size) {
    std::uint32_t value = 0;
    for (const char c : bytes(size))
      value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }

  std::string_view rest_;
};

inline std::string in_u8(std::size_t value) {
  return {static_cast<char>(value)};
}
inline std::string in_u32(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift);
  return out;
}
inline std::string in_text(std::string_view text) {
  return in_u8(text.size() >> 8) + in_u8(text.size() & 255) + std::string(text);
}

// Sizes of the parts in which a stream arrives, from a number in the input.
class splitter {
 public:
  explicit splitter(std::uint32_t seed) : state_(seed | 1), most_(std::size_t{1} << (seed >> 28)) {}

  // Takes a part off the front, at least one byte. A seed of zero means everything at once, and so does a long time.
  std::string_view take(std::string_view& in) {
    if (state_ == 1 || ++taken_ > 2000) return std::exchange(in, {});
    state_ = state_ * 1664525 + 1013904223;
    const auto size = std::min(in.size(), 1 + (state_ >> 8) % most_);
    const auto part = in.substr(0, size);
    in.remove_prefix(size);
    return part;
  }

 private:
  std::uint32_t state_;
  std::size_t most_;
  int taken_ = 0;
};

// Whether a stream is messages, one after the other: feeds a framer, and keeps what it cannot take yet.
class reframed {
 public:
  // Calls visit(piece) for each; returns false once the stream is none.
  template <class Visitor>
  bool feed(std::string_view bytes, Visitor&& visit) {
    kept_ += bytes;
    std::string_view in = kept_;
    while (true) {
      const auto next = framer_.next(in);
      if (!next) return false;
      if (!*next) break;
      expect(!(*next)->raw.empty());
      visit(**next);
    }
    kept_.erase(0, kept_.size() - in.size());
    return true;
  }
  bool feed(std::string_view bytes) {
    return feed(bytes, [](const wire::piece&) {});
  }
  bool at_boundary() const { return kept_.empty() && framer_.at_boundary(); }

 private:
  wire::framer framer_;
  std::string kept_;
};

// SCRAM's iterations are the peer's to choose, up to ten millions: too slow for a fuzzer.
inline bool costly(std::string_view text) {
  for (auto at = text.find("i="); at != text.npos; at = text.find("i=", at + 2)) {
    const auto digits = std::min(text.find_first_not_of("0123456789", at + 2), text.size()) - at - 2;
    if (digits > 4) return true;
  }
  return false;
}

}  // namespace forebay::fuzz
