#include "config/values.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "config/redis_url.hpp"

namespace forebay::config {
namespace {

std::string_view type_name(const item& found) {
  static constexpr std::string_view names[] = {
      "a date or time", "true or false", "a whole number", "a number with a point", "a text", "a list", "a table"};
  return names[found.value.index()];
}

template <class Int>
void read_number(const item& from, Int& into, const slot& at) {
  const auto* number = std::get_if<std::int64_t>(&from.value);
  if (!number) return at.wrong_type("a whole number", from);
  const auto max = std::min<std::int64_t>(at.wanted.max, std::numeric_limits<Int>::max());
  if (*number < at.wanted.min || *number > max)
    return at.out.error(at.where, std::to_string(*number) + " is out of range: " + std::to_string(at.wanted.min) +
                                      " to " + std::to_string(max));
  into = static_cast<Int>(*number);
}

}  // namespace

void slot::wrong_type(std::string_view wanted_type, const item& found) const {
  std::string text = "wanted " + std::string(wanted_type);
  if (!example.empty()) text += ", as in " + example;
  out.error(where, text + "; found " + std::string(type_name(found)));
}

void read_value(const item& from, bool& into, const slot& at) {
  const auto* value = std::get_if<bool>(&from.value);
  if (!value) return at.wrong_type("true or false", from);
  into = *value;
}

void read_value(const item& from, std::uint16_t& into, const slot& at) {
  read_number(from, into, at);
}
void read_value(const item& from, std::uint32_t& into, const slot& at) {
  read_number(from, into, at);
}

void read_value(const item& from, double& into, const slot& at) {
  double value = -1;
  if (const auto* whole = std::get_if<std::int64_t>(&from.value)) {
    value = static_cast<double>(*whole);
  } else if (const auto* number = std::get_if<double>(&from.value)) {
    value = *number;
  } else if (const auto* text = std::get_if<std::string>(&from.value)) {
    const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value);
    const bool is_percentage = failure == std::errc{} && std::string_view(end) == "%";
    value = is_percentage ? value / 100 : -1;
  } else {
    return at.wrong_type("a part of a whole", from);
  }
  if (!(value >= 0 && value <= 1))
    return at.out.error(at.where, R"(wanted a part of a whole: 0 to 1, or "0%" to "100%")");
  into = value;
}

void read_value(const item& from, byte_size& into, const slot& at) {
  const auto* text = std::get_if<std::string>(&from.value);
  if (!text) return at.wrong_type("a size with its unit", from);
  const auto value = parse_size(*text);
  if (!value)
    return at.out.error(at.where, in_quotes(*text) + R"( is not a size; wanted "0", "512KiB", "64MiB" or "1GiB")");
  if (const byte_size least{static_cast<std::uint64_t>(at.wanted.min)}; value->bytes < least.bytes)
    return at.out.error(at.where, to_string(*value) + " is too small: at least " + to_string(least));
  into = *value;
}

void read_value(const item& from, std::vector<std::string>& into, const slot& at) {
  const auto* list = std::get_if<array>(&from.value);
  if (!list) return at.wrong_type("a list of texts", from);
  into.clear();
  for (std::size_t i = 0; i < list->size(); ++i) {
    const slot element{at.where[i], at.wanted, at.example, at.out};
    at.out.locate(element.where, (*list)[i].at);
    read_value((*list)[i], into.emplace_back(), element);  // even if refused: indexes are those of the file
  }
}

void read_value(const item& from, std::string& into, const slot& at) {
  const auto* text = std::get_if<std::string>(&from.value);
  if (!text) return at.wrong_type("a text", from);
  auto complaint = at.wanted.complain ? at.wanted.complain(*text) : std::string();
  if (text->find('\0') != text->npos) complaint = "a zero byte is not allowed";  // ends every text of the protocol
  if (at.wanted.required && text->empty()) complaint = "must not be empty";
  if (!complaint.empty()) return at.out.error(at.where, complaint);
  into = *text;
}

void read_value(const item& from, duration& into, const slot& at) {
  const auto* text = std::get_if<std::string>(&from.value);
  if (!text) return at.wrong_type("a time with its unit", from);
  const auto value = parse_duration(*text);
  if (!value)
    return at.out.error(
        at.where, in_quotes(*text) + R"( is not a time; wanted "250ms", "5s", "10m", "1h" or "7d", at most ten years)");
  if (const duration least(at.wanted.min); *value < least)
    return at.out.error(at.where, to_string(*value) + " is too short: at least " + to_string(least));
  into = *value;
}

void read_value(const item& from, password_source& into, const slot& at) {
  const auto* content = std::get_if<table>(&from.value);
  if (!content) {
    if (!std::holds_alternative<std::string>(from.value)) return at.wrong_type("a text", from);
    into.from = password_source::kind::text;
    return read_value(from, into.text, at);
  }
  static constexpr std::array<std::string_view, 5> keys{"", "environment", "file", "command", "timeout"};
  int sources = 0;
  bool unknown = false;
  for (const auto& each : *content) {
    const auto found = std::find(keys.begin() + 1, keys.end(), each.name);
    const slot inner{at.where / each.name, at.wanted, "", at.out};
    at.out.locate(inner.where, each.at);
    if (found == keys.end()) {
      unknown = true;
      at.out.error(at.where, in_quotes(each.name) + " is no key of it; wanted file, environment or command");
    } else if (each.name == "timeout") {
      static constexpr rule some_time{.min = 1};
      read_value(each.value, into.timeout, slot{inner.where, some_time, "timeout = \"5s\"", at.out});
    } else {
      into.from = static_cast<password_source::kind>(found - keys.begin());
      static constexpr rule some_text{.required = true};
      read_value(each.value, into.where, slot{inner.where, some_text, "", at.out});
      ++sources;
    }
  }
  if (sources != 1 && !unknown)
    at.out.error(at.where, "wanted one of file, environment and command, as in { file = \"/run/secrets/db\" }");
}

void read_value(const item& from, std::vector<ip_network>& into, const slot& at) {
  std::vector<std::string> texts;
  read_value(from, texts, at);
  into.clear();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (const auto network = ip_network::parse(texts[i])) {
      into.push_back(*network);
    } else if (!at.out.was_refused(at.where[i])) {
      at.out.error(at.where[i], in_quotes(texts[i]) + " is not an address or a network, as in \"10.0.0.0/8\"");
    }
  }
}

void read_value(const item& from, std::vector<address>& into, const slot& at) {
  const auto* list = std::get_if<array>(&from.value);
  if (!list) return at.wrong_type("a list of addresses", from);
  into.clear();
  for (std::size_t i = 0; i < list->size(); ++i) {
    const slot element{at.where[i], at.wanted, at.example, at.out};
    at.out.locate(element.where, (*list)[i].at);
    read_value((*list)[i], into.emplace_back(address{}), element);  // even if refused: indexes are those of the file
  }
}

void read_value(const item& from, address& into, const slot& at) {
  const auto* text = std::get_if<std::string>(&from.value);
  if (!text) return at.wrong_type("an address", from);
  auto parsed = parse_address(*text, into.port);
  if (!parsed.complaint.empty()) at.out.error(at.where, parsed.complaint);
  into = std::move(parsed.value);
}

void read_value(const item& from, std::optional<address>& into, const slot& at) {
  const auto* text = std::get_if<std::string>(&from.value);
  if (text && text->empty()) return into.reset();
  read_value(from, into.emplace(address{.host = {}, .port = http::default_port}), at);
}

void read_value(const item& from, std::optional<redis_server>& into, const slot& at) {
  const auto* text = std::get_if<std::string>(&from.value);
  if (!text) return at.wrong_type("a URL", from);
  into.reset();
  if (text->empty()) return;
  std::string complaint;
  into = parse_redis_url(*text, complaint);
  if (!into) at.out.error(at.where, complaint);
}

int read_word(const item& from, std::span<const std::string_view> known, std::span<const std::string_view> later,
              const slot& at) {
  const auto* text = std::get_if<std::string>(&from.value);
  if (!text) {
    at.wrong_type("one of " + listed(known), from);
    return -1;
  }
  if (const auto found = std::ranges::find(known, *text); found != known.end())
    return static_cast<int>(found - known.begin());
  if (std::ranges::find(later, *text) != later.end()) {
    at.out.error(at.where, in_quotes(*text) + " is not available in this version; use " + listed(known));
  } else {
    at.out.error(at.where, in_quotes(*text) + " is not one of " + listed(known) + did_you_mean(*text, known));
  }
  return -1;
}

std::string show_value(double value) {
  char text[32];
  return {text, std::to_chars(std::begin(text), std::end(text), value).ptr};
}

std::string show_value(const std::vector<std::string>& value) {
  std::string out;
  for (const auto& each : value)
    out += (out.empty() ? "" : ", ") + each;
  return out;
}

std::string show_value(const std::vector<ip_network>& value) {
  std::string out;
  for (const auto& each : value) {
    int bits = 0;
    for (const auto byte : each.mask.bytes)
      bits += std::popcount(byte);
    out += (out.empty() ? "" : ", ") + each.base.text() + "/" + std::to_string(bits);
  }
  return out;
}

std::string show_value(const password_source& value) {
  return value.empty() ? "" : "****";
}

std::string show_value(const std::vector<address>& value) {
  std::string out;
  for (const auto& each : value)
    out += (out.empty() ? "" : ", ") + to_string(each);
  return out;
}

std::string show_value(const std::optional<address>& value) {
  return value ? to_string(*value) : "";
}

std::string show_value(const std::optional<redis_server>& value) {
  return value ? redis_url(*value) : "";
}

std::string show_value(const std::vector<node>& value) {
  std::string out;
  for (const auto& each : value) {
    out += (out.empty() ? "" : ", ") + to_string(address{each.host, each.port});
    std::string more;
    const auto add = [&](std::string text) { more += (more.empty() ? "" : ", ") + text; };
    if (each.role != node_role::automatic) add(std::string(to_string(each.role)));
    if (each.weight != 1) add("weight " + std::to_string(each.weight));
    if (!each.zone.empty()) add("zone " + each.zone);
    if (each.priority != 0) add("priority " + std::to_string(each.priority));
    if (!more.empty()) out += " (" + more + ")";
  }
  return out;
}

std::string toml_value(const std::vector<std::string>& value) {
  std::string out;
  for (const auto& each : value)
    out += (out.empty() ? "" : ", ") + in_quotes(each);
  return "[" + out + "]";
}

std::string toml_value(const std::vector<ip_network>& value) {
  std::string out = "[";  // the default has none
  if (!value.empty()) out += in_quotes(show_value(value));
  return out += ']';
}

std::string toml_value(const std::vector<address>& value) {
  std::string out;
  for (const auto& each : value)
    out += (out.empty() ? "" : ", ") + in_quotes(to_string(each));
  return "[" + out + "]";
}

}  // namespace forebay::config
