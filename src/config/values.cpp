#include "config/values.hpp"

#include <algorithm>

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
  into = *value;
}

void read_value(const item& from, std::vector<address>& into, const slot& at) {
  const auto* list = std::get_if<array>(&from.value);
  if (!list) return at.wrong_type("a list of addresses", from);
  into.clear();
  for (std::size_t i = 0; i < list->size(); ++i) {
    const slot element{at.where[i], at.wanted, at.example, at.out};
    at.out.locate(element.where, (*list)[i].at);
    auto& made = into.emplace_back(address{});  // even if refused: indexes are those of the file
    const auto* text = std::get_if<std::string>(&(*list)[i].value);
    if (!text) {
      element.wrong_type("an address", (*list)[i]);
      continue;
    }
    auto parsed = parse_address(*text);
    if (!parsed.complaint.empty()) at.out.error(element.where, parsed.complaint);
    made = std::move(parsed.value);
  }
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

std::string show_value(const std::vector<address>& value) {
  std::string out;
  for (const auto& each : value)
    out += (out.empty() ? "" : ", ") + to_string(each);
  return out;
}

std::string show_value(const std::vector<node>& value) {
  std::string out;
  for (const auto& each : value) {
    out += (out.empty() ? "" : ", ") + to_string(address{each.host, each.port});
    if (each.role != node_role::automatic) out += " (" + std::string(to_string(each.role)) + ")";
  }
  return out;
}

std::string toml_value(const std::vector<address>& value) {
  std::string out;
  for (const auto& each : value)
    out += (out.empty() ? "" : ", ") + in_quotes(to_string(each));
  return "[" + out + "]";
}

}  // namespace forebay::config
