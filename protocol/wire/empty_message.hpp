#pragma once

#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace forebay::wire {

// A message that consists of its type alone.
template <char Type, class Self>
struct empty_message {
  static constexpr char type = Type;
  static result<Self> decode(std::string_view body) { return reader(body).done(Self{}); }
  void encode(writer& w) const { w.empty(Type); }
  friend constexpr bool operator==(const Self&, const Self&) { return true; }
};

}  // namespace forebay::wire
