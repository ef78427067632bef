#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

// Keys of the cache are fields, each behind its length, so that no two different lists of fields are the same bytes.
namespace forebay {

inline void add_key_field(std::string& out, std::string_view field) {
  const auto size = static_cast<std::uint32_t>(field.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out.append(field);
}

// Off the front of what add_key_field() has written.
inline std::string_view take_key_field(std::string_view& in) {
  std::uint32_t size = 0;
  if (in.size() < sizeof size) return {};
  std::memcpy(&size, in.data(), sizeof size);
  const auto field = in.substr(sizeof size, size);
  in.remove_prefix(sizeof size + field.size());
  return field;
}

}  // namespace forebay
