#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Appends messages to a string: begin(), fields, finish(), which fills in the length. The reverse of reader.
namespace forebay::wire {

class writer {
 public:
  explicit writer(std::string& out) : out_(out) {}

  void u8(std::uint8_t v) { out_ += static_cast<char>(v); }
  void u16(std::uint16_t v) { integer(v, 2); }
  void u32(std::uint32_t v) { integer(v, 4); }
  void bytes(std::string_view v) { out_ += v; }
  // Ends at a zero byte within `v`, as it would for the reader: what follows would be taken for the next field.
  void cstring(std::string_view v) {
    out_ += v.substr(0, v.find('\0'));
    out_ += '\0';
  }
  void value(const std::optional<std::string_view>& v) {
    u32(v ? static_cast<std::uint32_t>(v->size()) : 0xffffffffU);
    if (v) bytes(*v);
  }
  // Lists of at most 65535 items.
  void values(const std::vector<std::optional<std::string_view>>& list) {
    u16(static_cast<std::uint16_t>(list.size()));
    for (const auto& v : list)
      value(v);
  }
  void list(const std::vector<std::uint16_t>& items) {
    u16(static_cast<std::uint16_t>(items.size()));
    for (const auto v : items)
      u16(v);
  }
  void list(const std::vector<std::uint32_t>& items) {
    u16(static_cast<std::uint16_t>(items.size()));
    for (const auto v : items)
      u32(v);
  }

  void begin(char type) {
    out_ += type;
    begin_untyped();
  }
  // Startup packets have no type byte.
  void begin_untyped() {
    length_at_ = out_.size();
    out_.append(4, '\0');
  }
  void finish() {
    const auto length = static_cast<std::uint32_t>(out_.size() - length_at_);
    for (std::size_t i = 0; i < 4; ++i)
      out_[length_at_ + i] = static_cast<char>(length >> (24 - 8 * i));
  }
  // A message without a body.
  void empty(char type) {
    begin(type);
    finish();
  }

 private:
  void integer(std::uint32_t v, int size) {
    for (int i = size - 1; i >= 0; --i)
      out_ += static_cast<char>(v >> (8 * i));
  }

  std::string& out_;
  std::size_t length_at_ = 0;
};

template <class Message>
std::string encode(const Message& message) {
  std::string bytes;
  writer w(bytes);
  message.encode(w);
  return bytes;
}

}  // namespace forebay::wire
