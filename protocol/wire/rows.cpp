#include "protocol/wire/rows.hpp"

namespace forebay::wire {

result<row_description> row_description::decode(std::string_view body) {
  reader r(body);
  row_description m;
  const auto count = r.u16();
  for (std::uint16_t i = 0; i < count && r.ok(); ++i) {
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
  const auto count = r.u16();
  for (std::uint16_t i = 0; i < count && r.ok(); ++i) {
    const auto size = r.i32();
    if (size < -1) return make_error_code(errc::bad_value);
    if (size == -1) {
      m.values.emplace_back(std::nullopt);
    } else {
      m.values.emplace_back(r.bytes(static_cast<std::size_t>(size)));
    }
  }
  return r.done(std::move(m));
}

void data_row::encode(writer& w) const {
  w.begin(type);
  w.u16(static_cast<std::uint16_t>(values.size()));
  for (const auto& value : values) {
    w.u32(value ? static_cast<std::uint32_t>(value->size()) : 0xffffffffU);
    if (value) w.bytes(*value);
  }
  w.finish();
}

}  // namespace forebay::wire
