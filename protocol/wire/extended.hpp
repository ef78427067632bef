#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/wire/empty_message.hpp"

// The extended query protocol (manual, "Extended Query").
namespace forebay::wire {

struct parse {
  static constexpr char type = 'P';
  std::string_view name;  // empty: the unnamed statement
  std::string_view query;
  std::string_view parameter_types{"\0\0", 2};  // a 16-bit count and that many 32-bit type oids, as on the wire

  std::vector<std::uint32_t> type_oids() const;

  static result<parse> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const parse&) const = default;
};

// The front of a Bind: what a proxy needs to know of it. The rest is parameters and formats, see bind.
struct bind_names {
  std::string_view portal;
  std::string_view statement;
  std::string_view rest;  // what follows in `body`, untouched; a large Bind goes on behind it

  static result<bind_names> decode_front(std::string_view body);
};

struct bind {
  static constexpr char type = 'B';
  std::string_view portal;
  std::string_view statement;
  std::vector<std::uint16_t> parameter_formats;             // 0 text, 1 binary; none: all text; one: for all
  std::vector<std::optional<std::string_view>> parameters;  // nullopt: NULL
  std::vector<std::uint16_t> result_formats;

  static result<bind> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const bind&) const = default;
};

// What Describe and Close share: kind 'S' (statement) or 'P' (portal), and a name.
template <char Type>
struct target_message {
  static constexpr char type = Type;
  char kind = 'S';
  std::string_view name;

  static result<target_message> decode(std::string_view body) {
    reader r(body);
    target_message m;
    m.kind = r.byte();
    m.name = r.cstring();
    if (m.kind != 'S' && m.kind != 'P') r.fail(errc::bad_value);
    return r.done(m);
  }
  void encode(writer& w) const {
    w.begin(Type);
    w.u8(static_cast<std::uint8_t>(kind));
    w.cstring(name);
    w.finish();
  }
  bool operator==(const target_message&) const = default;
};
using describe = target_message<'D'>;
using close = target_message<'C'>;

struct execute {
  static constexpr char type = 'E';
  std::string_view portal;
  std::uint32_t max_rows = 0;  // 0: all

  static result<execute> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const execute&) const = default;
};

struct sync : empty_message<'S', sync> {};
struct flush : empty_message<'H', flush> {};
struct parse_complete : empty_message<'1', parse_complete> {};
struct bind_complete : empty_message<'2', bind_complete> {};
struct close_complete : empty_message<'3', close_complete> {};
struct no_data : empty_message<'n', no_data> {};
struct portal_suspended : empty_message<'s', portal_suspended> {};

struct parameter_description {
  static constexpr char type = 't';
  std::vector<std::uint32_t> types;

  static result<parameter_description> decode(std::string_view body);
  void encode(writer& w) const;
  bool operator==(const parameter_description&) const = default;
};

}  // namespace forebay::wire
