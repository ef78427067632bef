#include "config/dsn.hpp"

#include <algorithm>
#include <array>

#include "config/examine.hpp"
#include "config/notation.hpp"
#include "config/url.hpp"

namespace forebay::config {
namespace {

constexpr std::array<std::string_view, 2> schemes{"postgres://", "postgresql://"};
constexpr std::array<std::string_view, 3> sslmodes{"disable", "prefer", "allow"};
constexpr std::array<std::string_view, 3> sslmodes_later{"require", "verify-ca", "verify-full"};

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
  const auto at = parse_host_port(text, "localhost", 5432);
  node made;
  made.host = at.host;
  made.port = at.port;
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
