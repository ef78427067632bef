#include "protocol/wire/proxy_protocol.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>

namespace forebay::wire {
namespace {

using kind = proxy_answer::kind;

constexpr std::string_view text_beginning = "PROXY ";
constexpr std::string_view binary_beginning("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t longest_text = 107;
constexpr std::size_t binary_fixed = 16;

std::uint16_t u16(std::string_view in, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(in[at]) << 8 | static_cast<unsigned char>(in[at + 1]));
}

// Up to the next blank, which is taken too.
std::string_view word(std::string_view& in) {
  const auto end = in.find(' ');
  const auto taken = in.substr(0, end);
  in.remove_prefix(end == in.npos ? in.size() : end + 1);
  return taken;
}

bool is_address(int family, std::string_view text) {
  std::array<unsigned char, 16> ignored{};
  return inet_pton(family, std::string(text).c_str(), ignored.data()) == 1;
}

bool read_port(std::string_view text, std::uint16_t& into) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), into);
  return failure == std::errc{} && end == text.data() + text.size();
}

proxy_answer of_text(std::string_view in) {
  const auto end = in.substr(0, longest_text).find("\r\n");
  if (end == in.npos) return {in.size() < longest_text ? kind::more : kind::malformed};
  proxy_answer answer{kind::found};
  answer.header.size = end + 2;
  auto rest = in.substr(text_beginning.size(), end - text_beginning.size());
  if (rest.find('\0') != rest.npos) return {kind::malformed};
  const auto protocol = word(rest);
  if (protocol == "UNKNOWN") return answer;
  if (protocol != "TCP4" && protocol != "TCP6") return {kind::malformed};
  const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
  const auto source = word(rest), target = word(rest), source_port = word(rest), target_port = word(rest);
  std::uint16_t ignored = 0;
  if (!rest.empty() || !is_address(family, source) || !is_address(family, target) ||
      !read_port(source_port, answer.header.port) || !read_port(target_port, ignored))
    return {kind::malformed};
  answer.header.address = source;
  return answer;
}

proxy_answer of_binary(std::string_view in) {
  if (in.size() < binary_fixed) return {kind::more};
  const auto version = static_cast<unsigned char>(in[12]) >> 4, command = in[12] & 15;
  const auto family = static_cast<unsigned char>(in[13]) >> 4, transport = in[13] & 15;
  const std::size_t length = u16(in, 14);
  if (version != 2 || command > 1 || binary_fixed + length > max_proxy_header) return {kind::malformed};
  if (in.size() < binary_fixed + length) return {kind::more};
  proxy_answer answer{kind::found};
  answer.header.size = binary_fixed + length;
  if (command == 0 || family == 0 || transport != 1) return answer;  // LOCAL; or of what we know nothing
  const auto addresses = in.substr(binary_fixed, length);
  const std::size_t size = family == 1 ? 4 : 16;
  if (family > 2) return answer;  // Unix sockets of the balancer's machine
  if (length < 2 * size + 4) return {kind::malformed};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (!inet_ntop(family == 1 ? AF_INET : AF_INET6, addresses.data(), text.data(), text.size()))
    return {kind::malformed};
  answer.header.address = text.data();
  answer.header.port = u16(addresses, 2 * size);
  return answer;
}

}  // namespace

proxy_answer find_proxy_header(std::string_view in) {
  const auto begins = [&](std::string_view with) { return in.substr(0, with.size()) == with.substr(0, in.size()); };
  if (begins(text_beginning)) return in.size() < text_beginning.size() ? proxy_answer{kind::more} : of_text(in);
  if (begins(binary_beginning)) return of_binary(in);
  return {kind::absent};
}

}  // namespace forebay::wire
