#include "config/dsn.hpp"

#include <algorithm>
#include <array>

#include "config/examine.hpp"
#include "config/notation.hpp"
#include "config/url.hpp"

namespace forebay::config {
namespace {

constexpr std::array<std::string_view, 2> schemes{"postgres://", "postgresql://"};

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

// libpq's names; all of them are about TLS.
struct parameter {
  std::string_view name, key;  // key: of the cluster's tls
  void (*store)(std::string value, const char* at, tls_override& into);
};

template <worded E>
E word_of(std::string_view value, std::span<const std::string_view> known, std::string_view what, const char* at) {
  const auto found = std::ranges::find(known, value);
  if (found == known.end()) throw malformed{at, "this " + std::string(what) + " does not exist; use " + listed(known)};
  return static_cast<E>(found - known.begin());
}

constexpr std::array<std::string_view, 2> protocol_versions{"TLSv1.2", "TLSv1.3"};

constexpr std::array parameters{
    parameter{"sslmode", "mode",
              [](std::string value, const char* at, tls_override& into) {
                into.mode = word_of<tls_mode>(value, words<tls_mode>::known, "sslmode", at);
              }},
    parameter{"sslrootcert", "ca_file",
              [](std::string value, const char*, tls_override& into) { into.ca_file = std::move(value); }},
    parameter{"sslcert", "cert_file",
              [](std::string value, const char*, tls_override& into) { into.cert_file = std::move(value); }},
    parameter{"sslkey", "key_file",
              [](std::string value, const char*, tls_override& into) { into.key_file = std::move(value); }},
    parameter{"sslcrl", "crl_file",
              [](std::string value, const char*, tls_override& into) { into.crl_file = std::move(value); }},
    parameter{"ssl_min_protocol_version", "min_version",
              [](std::string value, const char* at, tls_override& into) {
                into.min_version = word_of<tls_version>(value, protocol_versions, "version", at);
              }},
};

void read_parameter(std::string_view text, std::string_view dsn, tls_override& into, report& out) {
  const auto equals = text.find('=');
  const auto found = std::ranges::find(parameters, percent_decoded(text.substr(0, equals)), &parameter::name);
  if (found == parameters.end() || equals == text.npos) {
    std::array<std::string_view, parameters.size()> names;
    std::ranges::transform(parameters, names.begin(), &parameter::name);
    throw malformed{text.data(), "unknown parameter; there are " + listed(names)};
  }
  const auto* value = text.data() + equals + 1;
  found->store(percent_decoded(text.substr(equals + 1)), value, into);
  const auto column = static_cast<std::uint32_t>(value - dsn.data() + 1);
  out.locate((path{} / "cluster")[0] / "tls" / found->key, {1, column});
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
  if (made.users.front().password.empty()) {
    made.auth.type = auth_type::trust;
  } else {
    made.auth.query_if_allowed = true;
  }

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

  std::string dbname;
  if (rest.starts_with('/')) {
    rest.remove_prefix(1);
    const auto name = rest.substr(0, rest.find('?'));
    dbname = percent_decoded(name);
    if (!dbname.empty() && !complain_name(dbname).empty())
      throw malformed{name.data(), "the database name " + complain_name(dbname)};
    rest.remove_prefix(name.size());
  }
  made.clusters.front().dbname = dbname;
  if (rest.starts_with('?')) rest.remove_prefix(1);
  const bool has_parameters = !rest.empty();
  auto& tls = made.clusters.back().tls;
  while (!rest.empty())
    read_parameter(cut(rest, rest.find('&')), dsn, tls, out);
  // All of them are about TLS, so TLS is wanted: as libpq has it where nothing else is said.
  if (has_parameters && !tls.mode) tls.mode = tls.ca_file == system_ca ? tls_mode::verify_full : tls_mode::prefer;
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
    examine_tls(made, instead.make_tls, out);
  } catch (const malformed& e) {
    out.error_at({1, static_cast<std::uint32_t>(e.at - dsn.data() + 1)}, "DSN: " + e.text);
  }
  return out.finish(std::move(made));
}

}  // namespace forebay::config
