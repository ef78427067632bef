#include "protocol/wire/status.hpp"

namespace forebay::wire {
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
  if (m.status != 'I' && m.status != 'T' && m.status != 'E') r.fail(errc::bad_value);
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
  m.argument_formats = r.u16_list();
  m.arguments = r.values();
  m.result_format = r.u16();
  return r.done(std::move(m));
}

void function_call::encode(writer& w) const {
  w.begin(type);
  w.u32(function_oid);
  w.list(argument_formats);
  w.values(arguments);
  w.u16(result_format);
  w.finish();
}

result<function_call_response> function_call_response::decode(std::string_view body) {
  reader r(body);
  function_call_response m;
  m.value = r.value();
  return r.done(m);
}

void function_call_response::encode(writer& w) const {
  w.begin(type);
  w.value(value);
  w.finish();
}

}  // namespace forebay::wire
