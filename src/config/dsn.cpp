#include "config/dsn.hpp"

#include <algorithm>
#include <array>

#include "config/examine.hpp"
#include "config/notation.hpp"

namespace forebay::config {
namespace {

constexpr std::array<std::string_view, 2> schemes{"postgres://", "postgresql://"};
constexpr std::array<std::string_view, 3> sslmodes{"disable", "prefer", "allow"};
constexpr std::array<std::string_view, 3> sslmodes_later{"require", "verify-ca", "verify-full"};

struct malformed {
  const char* at;  // inside the DSN
  std::string text;
};

std::string_view cut(std::string_view& rest, std::size_t end) {  // up to `end`, or everything; the delimiter is dropped
  const auto taken = rest.substr(0, end);
  rest.remove_prefix(std::min(end == rest.npos ? end : end + 1, rest.size()));
  return taken;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
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

user parse_user(std::string_view text) {
  const auto colon = text.find(':');
  const auto password = colon == text.npos ? std::string_view{} : text.substr(colon + 1);
  user made;
  made.name = percent_decoded(text.substr(0, colon));
  made.password = percent_decoded(password);
  made.admin = true;
  if (const auto complaint = complain_name(made.name); !complaint.empty())
    throw malformed{text.data(), "the user name " + complaint};
  return made;
}

node parse_node(std::string_view text) {
  node made;
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
    if (text.find(':') != colon) throw malformed{text.data(), "an IPv6 address goes in brackets, as in [::1]:5432"};
    host = text.substr(0, colon);
  }
  if (colon != text.npos) port = text.substr(colon + 1);

  made.host = host.empty() ? "localhost" : percent_decoded(host);
  if (const auto complaint = complain_host(made.host); !complaint.empty())
    throw malformed{host.data(), "host: " + complaint};
  if (port.empty()) return made;
  const auto number = parse_port(port);
  if (!number) throw malformed{port.data(), "the port must be a number from 1 to 65535"};
  made.port = *number;
  return made;
}

void refuse_parameter(std::string_view text) {
  const auto equals = text.find('=');
  if (percent_decoded(text.substr(0, equals)) != "sslmode" || equals == text.npos)
    throw malformed{text.data(), "of the parameters only sslmode is available in this version"};
  const auto value = percent_decoded(text.substr(equals + 1));
  if (std::ranges::find(sslmodes, value) != sslmodes.end()) return;
  const auto later = std::ranges::find(sslmodes_later, value);
  const auto subject = later == sslmodes_later.end()
                           ? "this sslmode does not exist"
                           : "sslmode " + in_quotes(*later) + " is not available in this version";
  throw malformed{text.data() + equals + 1, subject + "; use " + listed(sslmodes)};
}

settings parse(std::string_view dsn, report& out) {
  const auto scheme = std::ranges::find_if(schemes, [&](std::string_view s) { return dsn.starts_with(s); });
  if (scheme == schemes.end()) throw malformed{dsn.data(), "wanted postgres://user:password@host:5432/database"};

  auto rest = dsn.substr(scheme->size());
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  auto hosts = rest.substr(0, end);
  rest.remove_prefix(end);
  const auto at = hosts.rfind('@');
  if (at == hosts.npos) {
    const bool hidden = rest.find('@') != rest.npos;
    throw malformed{hosts.data(),
                    hidden ? "no user before the first slash or question mark; in a password write %2F and %3F for them"
                           : "the user is missing; wanted postgres://user:password@host"};
  }
  settings made;
  made.source = command_line;
  made.users.push_back(parse_user(cut(hosts, at)));
  if (made.users.front().password.empty()) made.auth.type = auth_type::trust;

  cluster main;
  main.name = "main";
  const auto nodes = (path{} / "cluster")[0] / "nodes";
  for (bool more = true; more;) {
    const auto comma = hosts.find(',');
    more = comma != hosts.npos;
    const auto one = cut(hosts, comma);
    const auto column = static_cast<std::uint32_t>(one.data() - dsn.data() + 1);
    if (one.empty() && (more || !main.nodes.empty())) throw malformed{one.data(), "the host is missing"};
    out.locate(nodes[main.nodes.size()] / "host", {1, column});
    main.nodes.push_back(parse_node(one));
  }
  made.clusters.push_back(std::move(main));

  if (rest.starts_with('/')) {
    rest.remove_prefix(1);
    const auto name = rest.substr(0, rest.find('?'));
    if (const auto decoded = percent_decoded(name); !decoded.empty() && !complain_name(decoded).empty())
      throw malformed{name.data(), "the database name " + complain_name(decoded)};
    rest.remove_prefix(name.size());
  }
  if (rest.starts_with('?')) rest.remove_prefix(1);
  while (!rest.empty())
    refuse_parameter(cut(rest, rest.find('&')));
  return made;
}

}  // namespace

bool looks_like_dsn(std::string_view text) {
  return text.starts_with("postgres:") || text.starts_with("postgresql:") || text.find("://") != text.npos;
}

loaded from_dsn(std::string_view dsn, const overrides& instead) {
  report out(std::string{command_line});
  settings made;
  try {
    made = parse(dsn, out);
    apply(instead, made, out);
    examine(made, out);
  } catch (const malformed& e) {
    out.error_at({1, static_cast<std::uint32_t>(e.at - dsn.data() + 1)}, "DSN: " + e.text);
  }
  return out.finish(std::move(made));
}

}  // namespace forebay::config
