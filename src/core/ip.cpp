#include "core/ip.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace forebay {

std::optional<ip_address> ip_address::parse(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != copy.npos) return std::nullopt;
  ip_address made;
  made.size = copy.find(':') == copy.npos ? 4 : 16;
  if (inet_pton(made.size == 4 ? AF_INET : AF_INET6, copy.c_str(), made.bytes.data()) != 1) return std::nullopt;
  return of(made.bytes.data(), made.size);
}

ip_address ip_address::of(const std::uint8_t* from, std::uint8_t size) {
  static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (size == 16 && std::equal(mapped.begin(), mapped.end(), from)) return of(from + mapped.size(), 4);
  ip_address made;
  made.size = size;
  std::copy_n(from, size, made.bytes.begin());
  return made;
}

std::string ip_address::text() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (size != 0) inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

std::optional<ip_network> ip_network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto base = ip_address::parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  if (slash == text.npos) return of(*base, base->size * 8U);
  const auto digits = text.substr(slash + 1);
  unsigned prefix = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return of(*base, prefix);
}

std::optional<ip_network> ip_network::of(const ip_address& base, unsigned prefix) {
  if (base.size == 0 || prefix > base.size * 8U) return std::nullopt;
  ip_network made{base, {}};
  made.mask.size = base.size;
  for (unsigned bit = 0; bit < prefix; ++bit)
    made.mask.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80U >> (bit % 8));
  return of(base, made.mask);
}

std::optional<ip_network> ip_network::of(const ip_address& base, const ip_address& mask) {
  if (base.size == 0 || base.size != mask.size) return std::nullopt;
  ip_network made{base, mask};
  for (std::size_t i = 0; i < made.base.bytes.size(); ++i)
    made.base.bytes[i] &= mask.bytes[i];
  return made;
}

bool ip_network::contains(const ip_address& who) const {
  if (who.size != base.size || who.size == 0) return false;
  for (std::size_t i = 0; i < who.size; ++i)
    if ((who.bytes[i] & mask.bytes[i]) != base.bytes[i]) return false;
  return true;
}

}  // namespace forebay
