#include "protocol/wire/extended.hpp"

namespace forebay::wire {
namespace {

template <class Int>
std::vector<Int> read_list(reader& r, std::size_t count) {
  std::vector<Int> list;
  if (count > r.remaining() / sizeof(Int)) {
    r.fail();
    return list;
  }
  list.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    if constexpr (sizeof(Int) == 2) list.push_back(r.u16());
    if constexpr (sizeof(Int) == 4) list.push_back(r.u32());
  }
  return list;
}

void write_formats(writer& w, const std::vector<std::uint16_t>& formats) {
  w.u16(static_cast<std::uint16_t>(formats.size()));
  for (const auto format : formats) w.u16(format);
}

}  // namespace

result<parse> parse::decode(std::string_view body) {
  reader r(body);
  parse m;
  m.name = r.cstring();
  m.query = r.cstring();
  m.parameter_types = r.rest();
  reader types(m.parameter_types);
  const std::size_t count = types.u16();
  types.bytes(count * 4);
  if (!types.ok()) return make_error_code(errc::truncated);
  if (types.remaining() != 0) return make_error_code(errc::trailing_bytes);
  return r.done(m);
}

std::vector<std::uint32_t> parse::type_oids() const {
  reader r(parameter_types);
  const auto count = r.u16();
  return read_list<std::uint32_t>(r, count);
}

void parse::encode(writer& w) const {
  w.begin(type);
  w.cstring(name);
  w.cstring(query);
  w.bytes(parameter_types);
  w.finish();
}

result<bind_names> bind_names::decode_front(std::string_view body) {
  reader r(body);
  bind_names m;
  m.portal = r.cstring();
  m.statement = r.cstring();
  m.rest = r.rest();
  return r.done(m);
}

result<bind> bind::decode(std::string_view body) {
  reader r(body);
  bind m;
  m.portal = r.cstring();
  m.statement = r.cstring();
  m.parameter_formats = read_list<std::uint16_t>(r, r.u16());
  const std::size_t count = r.u16();
  if (count > r.remaining() / 4) return make_error_code(errc::truncated);
  m.parameters.reserve(count);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    const auto size = r.i32();
    if (size < -1) return make_error_code(errc::bad_value);
    if (size == -1) {
      m.parameters.emplace_back(std::nullopt);
    } else {
      m.parameters.emplace_back(r.bytes(static_cast<std::size_t>(size)));
    }
  }
  m.result_formats = read_list<std::uint16_t>(r, r.u16());
  return r.done(std::move(m));
}

void bind::encode(writer& w) const {
  w.begin(type);
  w.cstring(portal);
  w.cstring(statement);
  write_formats(w, parameter_formats);
  w.u16(static_cast<std::uint16_t>(parameters.size()));
  for (const auto& parameter : parameters) {
    w.u32(parameter ? static_cast<std::uint32_t>(parameter->size()) : 0xffffffffU);
    if (parameter) w.bytes(*parameter);
  }
  write_formats(w, result_formats);
  w.finish();
}

result<execute> execute::decode(std::string_view body) {
  reader r(body);
  execute m;
  m.portal = r.cstring();
  m.max_rows = r.u32();
  return r.done(m);
}

void execute::encode(writer& w) const {
  w.begin(type);
  w.cstring(portal);
  w.u32(max_rows);
  w.finish();
}

result<parameter_description> parameter_description::decode(std::string_view body) {
  reader r(body);
  parameter_description m;
  m.types = read_list<std::uint32_t>(r, r.u16());
  return r.done(std::move(m));
}

void parameter_description::encode(writer& w) const {
  w.begin(type);
  w.u16(static_cast<std::uint16_t>(types.size()));
  for (const auto oid : types) w.u32(oid);
  w.finish();
}

}  // namespace forebay::wire
