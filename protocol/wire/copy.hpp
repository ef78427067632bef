#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/wire/empty_message.hpp"

// COPY (manual, "COPY Operations").
namespace forebay::wire {

// Any part of the data; its borders mean nothing.
struct copy_data {
  static constexpr char type = 'd';
  std::string_view data;

  static result<copy_data> decode(std::string_view body) { return copy_data{body}; }
  void encode(writer& w) const {
    w.begin(type);
    w.bytes(data);
    w.finish();
  }
  bool operator==(const copy_data&) const = default;
};

struct copy_done : empty_message<'c', copy_done> {};

struct copy_fail {
  static constexpr char type = 'f';
  std::string_view reason;

  static result<copy_fail> decode(std::string_view body) {
    reader r(body);
    copy_fail m;
    m.reason = r.cstring();
    return r.done(m);
  }
  void encode(writer& w) const {
    w.begin(type);
    w.cstring(reason);
    w.finish();
  }
  bool operator==(const copy_fail&) const = default;
};

// CopyInResponse 'G', CopyOutResponse 'H', CopyBothResponse 'W'.
template <char Type>
struct copy_response {
  static constexpr char type = Type;
  std::uint8_t format = 0;                    // 0 text, 1 binary
  std::vector<std::uint16_t> column_formats;  // the same, per column

  static result<copy_response> decode(std::string_view body) {
    reader r(body);
    copy_response m;
    m.format = r.u8();
    m.column_formats = r.u16_list();
    return r.done(std::move(m));
  }
  void encode(writer& w) const {
    w.begin(Type);
    w.u8(format);
    w.list(column_formats);
    w.finish();
  }
  bool operator==(const copy_response&) const = default;
};
using copy_in_response = copy_response<'G'>;
using copy_out_response = copy_response<'H'>;
using copy_both_response = copy_response<'W'>;

}  // namespace forebay::wire
