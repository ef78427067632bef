#pragma once

#include <limits>
#include <string>

#include "config/notation.hpp"
#include "config/report.hpp"

// One typed value out of the document (`read_value`), for people (`show_value`), and as TOML (`toml_value`).
// The type of the struct's member chooses the overload; a new type of value is three functions here.
namespace forebay::config {

// What a key asks of its value beyond the type.
struct rule {
  std::int64_t min = 0;  // of numbers, of times in milliseconds, and of sizes in bytes
  std::int64_t max = std::numeric_limits<std::uint32_t>::max();
  std::string (*complain)(std::string_view) =
      nullptr;                    // of texts, alone or in a list: what is wrong, empty when nothing is
  std::string_view example = {};  // as TOML; empty: the default is the example
  bool required = false;
  bool secret = false;  // never shown, neither in a message nor on the console
  bool fixed = false;   // as it was at the start until the end: a reload does not change it
};

// Where one value is being read to.
struct slot {
  path where;
  const rule& wanted;
  std::string example;  // "size = 20"
  report& out;

  void wrong_type(std::string_view wanted_type, const item& found) const;
};

void read_value(const item& from, bool& into, const slot& at);
void read_value(const item& from, std::uint16_t& into, const slot& at);
void read_value(const item& from, std::uint32_t& into, const slot& at);
void read_value(const item& from, std::string& into, const slot& at);
void read_value(const item& from, duration& into, const slot& at);
void read_value(const item& from, double& into, const slot& at);  // a part of a whole: 0 to 1, or "80%"
void read_value(const item& from, byte_size& into, const slot& at);
void read_value(const item& from, std::vector<std::string>& into, const slot& at);
void read_value(const item& from, address& into, const slot& at);
void read_value(const item& from, std::vector<address>& into, const slot& at);
void read_value(const item& from, std::optional<address>& into, const slot& at);       // "": none
void read_value(const item& from, std::optional<redis_server>& into, const slot& at);  // "": none
void read_value(const item& from, std::vector<ip_network>& into, const slot& at);
// A text, or where to get it: { file = "..." }, { environment = "..." }, { command = "...", timeout = "5s" }.
void read_value(const item& from, password_source& into, const slot& at);
void read_value(const item& from, std::vector<node>& into,
                const slot& at);  // these five in read.cpp: they have keys of their own
void read_value(const item& from, std::vector<cache_rule>& into, const slot& at);
void read_value(const item& from, routing_override& into, const slot& at);
void read_value(const item& from, cache_override& into, const slot& at);
void read_value(const item& from, tls_override& into, const slot& at);

// The index of the word in `known`, or -1 after an error.
int read_word(const item& from, std::span<const std::string_view> known, std::span<const std::string_view> later,
              const slot& at);

template <worded E>
void read_value(const item& from, E& into, const slot& at) {
  const int index = read_word(from, words<E>::known, words<E>::later, at);
  if (index >= 0) into = static_cast<E>(index);
}

template <class T>
void read_value(const item& from, std::optional<T>& into, const slot& at) {
  read_value(from, into.emplace(), at);
}

inline std::string show_value(bool value) {
  return value ? "true" : "false";
}
inline std::string show_value(std::uint16_t value) {
  return std::to_string(value);
}
inline std::string show_value(std::uint32_t value) {
  return std::to_string(value);
}
inline std::string show_value(const std::string& value) {
  return value;
}
inline std::string show_value(duration value) {
  return to_string(value);
}
inline std::string show_value(worded auto value) {
  return std::string(to_string(value));
}
inline std::string show_value(byte_size value) {
  return to_string(value);
}
std::string show_value(double value);
std::string show_value(const std::vector<std::string>& value);
std::string show_value(const std::vector<address>& value);
std::string show_value(const std::optional<address>& value);
std::string show_value(const std::optional<redis_server>& value);  // without its password
std::string show_value(const std::vector<ip_network>& value);
std::string show_value(const password_source& value);  // never the password
std::string show_value(const std::vector<node>& value);
std::string show_value(const std::vector<cache_rule>& value);  // these four in describe.cpp
std::string show_value(const routing_override& value);
std::string show_value(const cache_override& value);
std::string show_value(const tls_override& value);

template <class T>
std::string show_value(const std::optional<T>& value) {
  return value ? show_value(*value) : "";
}

inline std::string toml_value(std::integral auto value) {
  return show_value(value);
}
inline std::string toml_value(const std::string& value) {
  return in_quotes(value);
}
inline std::string toml_value(double value) {
  return show_value(value);
}
inline std::string toml_value(byte_size value) {
  return in_quotes(show_value(value));
}
std::string toml_value(const std::vector<std::string>& value);
inline std::string toml_value(duration value) {
  return in_quotes(show_value(value));
}
inline std::string toml_value(worded auto value) {
  return in_quotes(to_string(value));
}
std::string toml_value(const std::vector<address>& value);
std::string toml_value(const std::vector<ip_network>& value);
inline std::string toml_value(const password_source&) {
  return "\"\"";
}
inline std::string toml_value(const std::optional<address>& value) {
  return in_quotes(show_value(value));
}
inline std::string toml_value(const std::optional<redis_server>& value) {
  return in_quotes(show_value(value));
}
inline std::string toml_value(const std::vector<node>&) {
  return "";
}
inline std::string toml_value(const std::vector<cache_rule>&) {
  return "";
}
inline std::string toml_value(const routing_override&) {
  return "";
}
inline std::string toml_value(const cache_override&) {
  return "";
}
inline std::string toml_value(const tls_override&) {
  return "";
}

template <class T>
std::string toml_value(const std::optional<T>& value) {
  return value ? toml_value(*value) : "";
}

}  // namespace forebay::config
