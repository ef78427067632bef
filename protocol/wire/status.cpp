#include "protocol/wire/status.hpp"

namespace forebay::wire {
namespace {

std::optional<std::string_view> read_value(reader& r) {
  const auto size = r.i32();
  if (size == -1) return std::nullopt;
  if (size < -1) return r.fail();
  return r.bytes(static_cast<std::size_t>(size));
}

void write_value(writer& w, const std::optional<std::string_view>& value) {
  w.u32(value ? static_cast<std::uint32_t>(value->size()) : 0xffffffffU);
  if (value) w.bytes(*value);
}

}  // namespace

result<parameter_status> parameter_status::decode(std::string_view body) {
  reader r(body);
  parameter_status m;
  m.name = r.cstring();
  m.value = r.cstring();
  return r.done(m);
}

void parameter_status::encode(writer& w) const {
  w.begin(type);
  w.cstring(name);
  w.cstring(value);
  w.finish();
}

result<ready_for_query> ready_for_query::decode(std::string_view body) {
  reader r(body);
  ready_for_query m;
  m.status = r.byte();
  if (r.ok() && m.status != 'I' && m.status != 'T' && m.status != 'E') return make_error_code(errc::bad_value);
  return r.done(m);
}

void ready_for_query::encode(writer& w) const {
  w.begin(type);
  w.u8(static_cast<std::uint8_t>(status));
  w.finish();
}

result<function_call> function_call::decode(std::string_view body) {
  reader r(body);
  function_call m;
  m.function_oid = r.u32();
  for (auto left = r.u16(); left > 0 && r.ok(); --left) m.argument_formats.push_back(r.u16());
  for (auto left = r.u16(); left > 0 && r.ok(); --left) m.arguments.push_back(read_value(r));
  m.result_format = r.u16();
  return r.done(std::move(m));
}

void function_call::encode(writer& w) const {
  w.begin(type);
  w.u32(function_oid);
  w.u16(static_cast<std::uint16_t>(argument_formats.size()));
  for (const auto format : argument_formats) w.u16(format);
  w.u16(static_cast<std::uint16_t>(arguments.size()));
  for (const auto& argument : arguments) write_value(w, argument);
  w.u16(result_format);
  w.finish();
}

result<function_call_response> function_call_response::decode(std::string_view body) {
  reader r(body);
  function_call_response m;
  m.value = read_value(r);
  return r.done(m);
}

void function_call_response::encode(writer& w) const {
  w.begin(type);
  write_value(w, value);
  w.finish();
}

}  // namespace forebay::wire
