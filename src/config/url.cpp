#include "config/url.hpp"

#include <algorithm>

#include "config/notation.hpp"

namespace forebay::config {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view cut(std::string_view& rest, std::size_t end) {
  const auto taken = rest.substr(0, end);
  rest.remove_prefix(std::min(end == rest.npos ? end : end + 1, rest.size()));
  return taken;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1, low = high < 0 ? -1 : hex_digit(text[i + 2]);
    if (low < 0) throw malformed{text.data() + i, "wanted two hexadecimal digits after %; a % itself is written %25"};
    if (high == 0 && low == 0) throw malformed{text.data() + i, "%00 is not allowed"};
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

address parse_host_port(std::string_view text, std::string_view usual_host, std::uint16_t usual_port) {
  address made{std::string(usual_host), usual_port};
  auto host = text, port = std::string_view{};
  auto colon = text.rfind(':');
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) throw malformed{text.data(), "the bracket is not closed"};
    host = text.substr(1, end - 1);
    if (host.find(':') == host.npos) throw malformed{host.data(), "wanted an IPv6 address in the brackets"};
    colon = end + 1 < text.size() ? end + 1 : text.npos;
    if (colon != text.npos && text[colon] != ':')
      throw malformed{text.data() + colon, "wanted a colon and a port here"};
  } else if (colon != text.npos) {
    if (text.find(':') != colon)
      throw malformed{text.data(), "an IPv6 address goes in brackets, as in [::1]:" + std::to_string(usual_port)};
    host = text.substr(0, colon);
  }
  if (colon != text.npos) port = text.substr(colon + 1);

  if (!host.empty()) made.host = percent_decoded(host);
  if (const auto complaint = complain_host(made.host); !complaint.empty())
    throw malformed{host.data(), "host: " + complaint};
  if (port.empty()) return made;
  const auto number = parse_port(port);
  if (!number) throw malformed{port.data(), "the port must be a number from 1 to 65535"};
  made.port = *number;
  return made;
}

}  // namespace forebay::config
