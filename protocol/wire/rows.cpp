#include "protocol/wire/rows.hpp"

namespace forebay::wire {

result<row_description> row_description::decode(std::string_view body) {
  reader r(body);
  row_description m;
  const auto count = r.u16();
  if (r.can_hold(count, 19)) m.fields.reserve(count);  // an empty name and 18 bytes of numbers
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    field f;
    f.name = r.cstring();
    f.table_oid = r.u32();
    f.column = r.u16();
    f.type_oid = r.u32();
    f.type_size = r.i16();
    f.type_modifier = r.i32();
    f.format = r.u16();
    m.fields.push_back(f);
  }
  return r.done(std::move(m));
}

void row_description::encode(writer& w) const {
  w.begin(type);
  w.u16(static_cast<std::uint16_t>(fields.size()));
  for (const auto& f : fields) {
    w.cstring(f.name);
    w.u32(f.table_oid);
    w.u16(f.column);
    w.u32(f.type_oid);
    w.u16(static_cast<std::uint16_t>(f.type_size));
    w.u32(static_cast<std::uint32_t>(f.type_modifier));
    w.u16(f.format);
  }
  w.finish();
}

result<data_row> data_row::decode(std::string_view body) {
  reader r(body);
  data_row m;
  m.values = r.values();
  return r.done(std::move(m));
}

void data_row::encode(writer& w) const {
  w.begin(type);
  w.values(values);
  w.finish();
}

}  // namespace forebay::wire
