#include "protocol/wire/extended.hpp"

namespace forebay::wire {
result<parse> parse::decode(std::string_view body) {
  reader r(body);
  parse m;
  m.name = r.cstring();
  m.query = r.cstring();
  reader ahead = r;
  const std::size_t count = ahead.u16();
  m.parameter_types = r.bytes(2 + 4 * count);
  return r.done(m);
}

std::vector<std::uint32_t> parse::type_oids() const {
  return reader(parameter_types).u32_list();
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
  m.parameter_formats = r.u16_list();
  m.parameters = r.values();
  m.result_formats = r.u16_list();
  return r.done(std::move(m));
}

void bind::encode(writer& w) const {
  w.begin(type);
  w.cstring(portal);
  w.cstring(statement);
  w.list(parameter_formats);
  w.values(parameters);
  w.list(result_formats);
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
  m.types = r.u32_list();
  return r.done(std::move(m));
}

void parameter_description::encode(writer& w) const {
  w.begin(type);
  w.list(types);
  w.finish();
}

}  // namespace forebay::wire
