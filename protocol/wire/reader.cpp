#include "protocol/wire/reader.hpp"

namespace forebay::wire {

std::optional<std::string_view> reader::value() {
  const auto size = i32();
  if (size >= 0) return bytes(static_cast<std::size_t>(size));
  if (size != -1) fail(errc::bad_value);
  return std::nullopt;
}

std::vector<std::optional<std::string_view>> reader::values() {
  std::vector<std::optional<std::string_view>> list;
  const auto count = u16();
  if (!can_hold(count, 4)) return list;
  list.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    list.push_back(value());
  return list;
}

std::vector<std::uint16_t> reader::u16_list() {
  std::vector<std::uint16_t> list;
  const auto count = u16();
  if (!can_hold(count, 2)) return list;
  list.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    list.push_back(u16());
  return list;
}

std::vector<std::uint32_t> reader::u32_list() {
  std::vector<std::uint32_t> list;
  const auto count = u16();
  if (!can_hold(count, 4)) return list;
  list.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    list.push_back(u32());
  return list;
}

}  // namespace forebay::wire
