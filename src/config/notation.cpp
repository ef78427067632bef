#include "config/notation.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>

namespace forebay::config {
namespace {

template <class Int>
std::optional<Int> parse_number(std::string_view text) {
  Int value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

struct unit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr unit units[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
struct size_unit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr size_unit size_units[] = {
    {"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"", 1}};
constexpr std::uint64_t largest = 1ULL << 50;
constexpr std::int64_t longest = 3650LL * 86'400'000;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// Optimal string alignment: insertions, deletions, replacements, and swaps of neighbours count one each.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = std::exchange(last, now);
  }
  return last[b.size()];
}

bool is_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return false;
  for (int padding = 0; padding < 2 && text.back() == '='; ++padding)
    text.remove_suffix(1);
  return text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == text.npos;
}

bool is_sha256_key(std::string_view text) {  // 32 bytes
  return text.size() == 44 && text[42] != '=' && text[43] == '=' && is_base64(text);
}

constexpr std::string_view scram_prefix = "SCRAM-SHA-256$";

bool is_scram_secret(std::string_view text) {
  text.remove_prefix(scram_prefix.size());
  const auto colon = text.find(':'), dollar = text.find('$');
  if (colon == text.npos || dollar == text.npos || colon > dollar) return false;
  const auto iterations = parse_number<std::int32_t>(text.substr(0, colon));
  const auto keys = text.substr(dollar + 1);
  const auto middle = keys.find(':');
  return iterations && *iterations > 0 && is_base64(text.substr(colon + 1, dollar - colon - 1)) &&
         middle != keys.npos && is_sha256_key(keys.substr(0, middle)) && is_sha256_key(keys.substr(middle + 1));
}

bool is_md5_secret(std::string_view text) {
  return text.starts_with("md5") && text.size() == 35 &&
         text.find_first_not_of("0123456789abcdefABCDEF", 3) == text.npos;
}

}  // namespace

std::optional<duration> parse_duration(std::string_view text) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = parse_number<std::int64_t>(text.substr(0, digits));
  const auto found = std::ranges::find(units, text.substr(digits), &unit::name);
  if (!count || found == std::end(units) || *count > longest / found->milliseconds) return {};
  return duration(*count * found->milliseconds);
}

std::string to_string(duration value) {
  if (value == duration::zero()) return "0s";
  const auto fits = std::ranges::find_if(units, [&](const unit& u) { return value.count() % u.milliseconds == 0; });
  return std::to_string(value.count() / fits->milliseconds) + std::string(fits->name);
}

std::optional<byte_size> parse_size(std::string_view text) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = parse_number<std::uint64_t>(text.substr(0, digits));
  const auto found = std::ranges::find(size_units, text.substr(digits), &size_unit::name);
  if (!count || found == std::end(size_units) || *count > largest / found->bytes) return {};
  return byte_size{*count * found->bytes};
}

std::string to_string(byte_size value) {
  if (value.bytes == 0) return "0";
  const auto fits = std::ranges::find_if(size_units, [&](const size_unit& u) { return value.bytes % u.bytes == 0; });
  return std::to_string(value.bytes / fits->bytes) + std::string(fits->name);
}

bool is_ip_address(const std::string& host) {
  in6_addr room;
  return inet_pton(AF_INET, host.c_str(), &room) == 1 || inet_pton(AF_INET6, host.c_str(), &room) == 1;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_number<std::uint16_t>(text);
  return port && *port > 0 ? port : std::nullopt;
}

parsed_address parse_address(std::string_view text, std::uint16_t default_port) {
  address value{.host = {}, .port = default_port};
  const auto port_text = ':' + std::to_string(default_port);
  auto host = text, port = std::string_view{};
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) return {{}, "the bracket is not closed"};
    host = text.substr(1, end - 1);
    has_port = end + 1 < text.size();
    port = text.substr(end + 1);
    if (has_port && !port.starts_with(':')) return {{}, "wanted a colon and a port after the bracket"};
    if (has_port) port.remove_prefix(1);
  } else if (const auto colon = text.rfind(':'); colon != text.npos) {
    if (text.find(':') != colon) return {{}, "an IPv6 address goes in brackets, as in \"[::1]" + port_text + "\""};
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  value.host = host;
  if (host != "*" && host != "localhost" && !is_ip_address(value.host))
    return {{},
            in_quotes(host) + " is not an IP address; wanted one with a port, as in \"127.0.0.1" + port_text +
                "\" or \"*" + port_text + "\""};
  if (has_port) {
    const auto number = parse_port(port);
    if (!number) return {{}, "the port is out of range: 1 to 65535"};
    value.port = *number;
  }
  return {value, ""};
}

std::string to_string(const address& value) {
  const bool v6 = value.host.find(':') != value.host.npos;
  return (v6 ? "[" + value.host + "]" : value.host) + ":" + std::to_string(value.port);
}

std::string in_quotes(std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    if (is_control(c)) {
      out += "\\u00";
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[c & 15];
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::optional<std::string_view> nearest(std::string_view text, std::span<const std::string_view> candidates) {
  if (text.size() > 64) return {};
  std::optional<std::string_view> best;
  auto least = text.size() <= 3 ? 2 : std::max<std::size_t>(3, text.size() / 3 + 1);
  for (const auto candidate : candidates) {
    const auto distance = edit_distance(text, candidate);
    if (distance >= least || distance >= candidate.size()) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

std::string did_you_mean(std::string_view text, std::span<const std::string_view> candidates) {
  const auto found = nearest(text, candidates);
  return found ? "; did you mean " + in_quotes(*found) + "?" : "";
}

std::string listed(std::span<const std::string_view> values) {
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += i + 1 == values.size() ? " or " : ", ";
    out += in_quotes(values[i]);
  }
  return out;
}

bool looks_like_secret(std::string_view text) {
  return text.starts_with(scram_prefix) || is_md5_secret(text);
}

std::string complain_secret(std::string_view text) {
  if (text.starts_with(scram_prefix) ? is_scram_secret(text) : is_md5_secret(text)) return "";
  return "not a secret as PostgreSQL stores it; wanted \"SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>\" "
         "or "
         "\"md5\" and 32 hexadecimal digits (a password in clear goes under password)";
}

std::string complain_name(std::string_view text) {
  if (text.empty()) return "must not be empty";
  return std::ranges::any_of(text, is_control) ? "control characters are not allowed in a name" : "";
}

std::string complain_host(std::string_view text) {
  if (text.empty()) return "must not be empty";
  if (text.starts_with('/')) return complain_socket_folder(text);
  if (text.find_first_of("[]") != text.npos) return "an IPv6 address goes here without brackets";
  if (std::ranges::count(text, ':') == 1) return "the port does not belong here; give it as port = 5432";
  if (text.find(':') != text.npos && !is_ip_address(std::string(text))) return "not an IPv6 address";
  if (std::ranges::any_of(text, [](char c) { return is_control(c) || c == ' ' || c == '/' || c == ',' || c == '@'; }))
    return "not a host name, an IP address or the folder of a Unix socket";
  return "";
}

std::string complain_log_level(std::string_view text) {
  static constexpr std::array<std::string_view, 5> levels{"debug", "info", "warning", "error", "off"};
  if (std::ranges::find(levels, text) != levels.end()) return "";
  return in_quotes(text) + " is not one of " + listed(levels) + did_you_mean(text, levels);
}

std::string complain_database_name(std::string_view text) {
  if (text == "forebay" || text == "pgbouncer") return in_quotes(text) + " is reserved for the console";
  return complain_name(text);
}

std::string complain_function(std::string_view text) {
  if (text.find('(') != text.npos) return "wanted the name alone, without parentheses, as in \"app.next_number\"";
  return complain_name(text);
}

std::string complain_query(std::string_view text) {
  if (!text.empty() && text.find("$1") == text.npos) return "the query needs $1, which stands for the user's name";
  return "";
}

std::string complain_tag(std::string_view text) {
  if (text.find_first_of("+, ") != text.npos) return "a tag has no blank, comma or plus sign";
  return complain_name(text);
}

std::string complain_socket_folder(std::string_view text) {
  if (text.empty()) return "";
  if (!text.starts_with('/')) return "wanted the full path of a folder, as in \"/run/forebay\"";
  // sockaddr_un holds 107 bytes, and "/.s.PGSQL.65535" is still to come.
  return text.size() > 107 - 15 ? "the path is too long for a Unix socket: at most 92 bytes" : "";
}

}  // namespace forebay::config
