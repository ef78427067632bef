#pragma once

#include <bitset>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "protocol/wire/error.hpp"

// Splits a byte stream into messages: type byte, four bytes of length that count themselves, body
// (PostgreSQL manual, "Message Flow" and "Message Formats"). Small messages are handed out whole, large ones and
// those of the types named at construction in pieces as the bytes arrive, so that a 1 GiB row never sits in memory.
//
//   framer f{backend_splittable};
//   std::string_view in = bytes_received;             // what was kept from last time, then what is new
//   while (true) {
//     auto r = f.next(in);                            // takes a piece off the front of `in`
//     if (!r) fail(r.error());                        // hostile length: end the connection
//     if (!*r) break;                                 // needs more: keep `in` (at most whole_limit + 5 bytes)
//     use(**r);
//   }
//
// The framer allocates nothing and keeps no bytes; one lives in each connection.
namespace forebay::wire {

class type_set {
 public:
  constexpr type_set() = default;
  type_set(std::initializer_list<char> types) {
    for (char t : types)
      bits_.set(static_cast<unsigned char>(t));
  }
  bool contains(char type) const { return bits_[static_cast<unsigned char>(type)]; }

 private:
  std::bitset<256> bits_;
};

struct piece {
  char type = 0;
  std::uint32_t body_size = 0;  // declared size of the whole body (the length field less 4)
  std::string_view raw;         // the bytes of this piece as on the wire; the first piece starts with the header
  bool first = false;
  bool last = false;

  bool whole() const { return first && last; }
  std::string_view body() const { return first ? raw.substr(5) : raw; }
};

class framer {
 public:
  static constexpr std::uint32_t header_size = 5;
  // Messages of at most this many bytes are handed out whole unless their type is splittable. A longer one comes in
  // pieces, the first of which holds at least this many bytes, so the names at the front of a Bind are always in it.
  static constexpr std::uint32_t whole_limit = 16 * 1024;
  // PostgreSQL's own bound on one message (PQ_LARGE_MESSAGE_LIMIT, 1 GiB less one byte).
  static constexpr std::uint32_t max_body = 0x3fffffff;

  framer() = default;
  explicit framer(const type_set* splittable) : splittable_(splittable) {}

  // Takes the next piece off the front of `in`; nullopt when `in` is too short for one. Errors: length_too_small
  // (length field below 4), length_too_large (above max_body). After an error every call fails the same way.
  result<std::optional<piece>> next(std::string_view& in);

  // True between messages: no piece of an unfinished message was handed out.
  bool at_boundary() const { return remaining_ == 0; }

 private:
  const type_set* splittable_ = nullptr;  // null: none
  std::uint32_t remaining_ = 0;           // bytes of the current message still to come
  std::uint32_t body_size_ = 0;
  char type_ = 0;
  errc failure_{};
};

// Takes the message at the front of `in` off it, where a framer that stands there would hand it out whole because all
// of it is there. False: it would not, and nothing is taken.
inline bool take_whole(std::string_view& in, piece& to) {
  if (in.size() < framer::header_size) return false;
  const auto byte = [&](std::size_t at) { return std::uint32_t{static_cast<unsigned char>(in[at])}; };
  const std::uint32_t length = byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
  const std::uint32_t body = length - 4;  // too small a length makes it too large
  const std::size_t total = std::size_t{length} + 1;
  if (body > framer::max_body || in.size() < total) return false;
  to = {in.front(), body, in.substr(0, total), true, true};
  in.remove_prefix(total);
  return true;
}

// Visits what is there of messages at the front of `in`, by a framer that stands there; ends at what is none.
template <class See>
void for_each_piece(framer at, std::string_view in, See see) {
  while (const auto next = at.next(in)) {
    if (!*next) return;
    see(**next);
  }
}

}  // namespace forebay::wire
