#include "protocol/wire/notice.hpp"

namespace forebay::wire {
namespace {

void write_field(writer& w, char code, std::string_view text) {
  if (text.empty()) return;
  w.u8(static_cast<std::uint8_t>(code));
  w.cstring(text);
}

bool is_sqlstate(std::string_view text) {
  return text.size() == 5 && text.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == text.npos;
}

}  // namespace

void pg_error::encode(writer& w) const {
  const std::string_view name = level == severity::fatal ? "FATAL" : "ERROR";
  w.begin(error_response::type);
  write_field(w, 'S', name);
  write_field(w, 'V', name);
  write_field(w, 'C', sqlstate);
  write_field(w, 'M', message);
  write_field(w, 'D', detail);
  write_field(w, 'H', hint);
  w.bytes(others);
  w.u8(0);
  w.finish();
}

template <char Type>
result<fields_message<Type>> fields_message<Type>::decode(std::string_view body) {
  reader r(body);
  fields_message m;
  while (r.ok()) {
    const char code = r.byte();
    if (code == '\0') break;
    const auto text = r.cstring();
    if (r.ok()) m.fields.emplace_back(code, text);
  }
  return r.done(std::move(m));
}

template <char Type>
void fields_message<Type>::encode(writer& w) const {
  w.begin(Type);
  for (const auto& [code, text] : fields) {
    w.u8(static_cast<std::uint8_t>(code));
    w.cstring(text);
  }
  w.u8(0);
  w.finish();
}

template <char Type>
pg_error fields_message<Type>::to_pg_error() const {
  const bool ends = severity() == "FATAL" || severity() == "PANIC";
  pg_error error{std::string(is_sqlstate(sqlstate()) ? sqlstate() : "XX000"),
                 std::string(message()),
                 std::string(detail()),
                 std::string(hint()),
                 ends ? wire::severity::fatal : wire::severity::error,
                 {}};
  for (const auto& [code, text] : fields) {
    if (std::string_view("SVCMDH").find(code) == std::string_view::npos) {
      error.others.append(1, code).append(text).append(1, '\0');
    }
  }
  return error;
}

template struct fields_message<'E'>;
template struct fields_message<'N'>;

result<notification_response> notification_response::decode(std::string_view body) {
  reader r(body);
  notification_response m;
  m.pid = r.u32();
  m.channel = r.cstring();
  m.payload = r.cstring();
  return r.done(m);
}

void notification_response::encode(writer& w) const {
  w.begin(type);
  w.u32(pid);
  w.cstring(channel);
  w.cstring(payload);
  w.finish();
}

}  // namespace forebay::wire
