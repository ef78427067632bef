#include "config/redis_url.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "config/url.hpp"

namespace forebay::config {
namespace {

constexpr std::uint16_t usual_port = 6379;

struct scheme {
  std::string_view text;
  bool cluster;
};
constexpr std::array<scheme, 2> schemes{{{"redis://", false}, {"redis+cluster://", true}}};

void parse_login(std::string_view text, redis_server& into) {
  const auto colon = text.find(':');
  if (colon == text.npos) throw malformed{text.data(), "wanted user:password or :password before the @"};
  into.user = percent_decoded(text.substr(0, colon));
  into.password = percent_decoded(text.substr(colon + 1));
  if (into.password.empty()) throw malformed{text.data(), "the password is missing before the @"};
}

std::uint32_t parse_database(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || end != text.data() + text.size())
    throw malformed{text.data(), "the database is a number, as in redis://host:6379/0"};
  return number;
}

redis_server parse(std::string_view url) {
  const auto known = std::ranges::find_if(schemes, [&](const auto& s) { return url.starts_with(s.text); });
  if (known == schemes.end())
    throw malformed{url.data(), "wanted redis://:password@host:6379/0 or redis+cluster://host:6379,host:6379"};
  redis_server made;
  made.cluster = known->cluster;
  auto rest = url.substr(known->text.size());
  auto hosts = cut(rest, rest.find('/'));
  if (const auto at = hosts.rfind('@'); at != hosts.npos) parse_login(cut(hosts, at), made);
  for (bool more = true; more;) {
    const auto comma = hosts.find(',');
    more = comma != hosts.npos;
    const auto one = cut(hosts, comma);
    if (one.empty()) throw malformed{one.data(), "the host is missing"};
    made.hosts.push_back(parse_host_port(one, "localhost", usual_port));
  }
  if (!made.cluster && made.hosts.size() > 1)
    throw malformed{hosts.data(), "one host only; several are for redis+cluster://"};
  if (rest.empty()) return made;
  if (made.cluster) throw malformed{rest.data(), "a Redis Cluster has no databases"};
  made.database = parse_database(rest);
  return made;
}

}  // namespace

std::optional<redis_server> parse_redis_url(std::string_view text, std::string& complaint) {
  try {
    return parse(text);
  } catch (const malformed& e) {
    complaint = e.text;
    return std::nullopt;
  }
}

std::string redis_url(const redis_server& of) {
  std::string out(schemes[of.cluster ? 1 : 0].text);
  if (!of.user.empty()) out.append(of.user).append(1, '@');
  for (const auto& each : of.hosts) {
    if (&each != &of.hosts.front()) out += ',';
    const bool v6 = each.host.find(':') != std::string::npos;
    if (v6) out += "[";
    out += each.host;
    out.append(v6 ? "]:" : ":").append(std::to_string(each.port));
  }
  if (of.database != 0) out.append(1, '/').append(std::to_string(of.database));
  return out;
}

}  // namespace forebay::config
