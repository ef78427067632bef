#include "protocol/wire/auth.hpp"

namespace forebay::wire {

std::vector<std::string_view> authentication::mechanisms() const {
  std::vector<std::string_view> names;
  reader r(data);
  while (r.ok()) {
    const auto name = r.cstring();
    if (name.empty()) break;
    names.push_back(name);
  }
  if (!r.ok() || r.remaining() != 0) names.clear();
  return names;
}

result<authentication> authentication::decode(std::string_view body) {
  reader r(body);
  authentication m;
  m.code = static_cast<auth_code>(r.u32());
  m.data = r.rest();
  switch (m.code) {
    case auth_code::ok:
    case auth_code::kerberos_v5:
    case auth_code::cleartext_password:
    case auth_code::gss:
    case auth_code::sspi:
      if (!m.data.empty()) r.fail(errc::trailing_bytes);
      break;
    case auth_code::md5_password:
      if (m.data.size() != 4) r.fail(m.data.size() < 4 ? errc::truncated : errc::trailing_bytes);
      break;
    case auth_code::gss_continue:
    case auth_code::sasl:
    case auth_code::sasl_continue:
    case auth_code::sasl_final:
      break;
    default:
      r.fail(errc::bad_value);
  }
  return r.done(m);
}

void authentication::encode(writer& w) const {
  w.begin(type);
  w.u32(static_cast<std::uint32_t>(code));
  w.bytes(data);
  w.finish();
}

std::string authentication::sasl(const std::vector<std::string_view>& mechanisms) {
  std::string list;
  for (const auto name : mechanisms)
    list.append(name).push_back('\0');
  list.push_back('\0');
  return wire::encode(authentication{auth_code::sasl, list});
}

result<password_message> password_message::decode(std::string_view body) {
  reader r(body);
  password_message m;
  m.password = r.cstring();
  return r.done(m);
}

void password_message::encode(writer& w) const {
  w.begin(type);
  w.cstring(password);
  w.finish();
}

result<sasl_initial_response> sasl_initial_response::decode(std::string_view body) {
  reader r(body);
  sasl_initial_response m;
  m.mechanism = r.cstring();
  const auto data = r.value();
  m.has_data = data.has_value();
  m.data = data.value_or(std::string_view{});
  return r.done(m);
}

void sasl_initial_response::encode(writer& w) const {
  w.begin(type);
  w.cstring(mechanism);
  w.value(has_data ? std::optional(data) : std::nullopt);
  w.finish();
}

void sasl_response::encode(writer& w) const {
  w.begin(type);
  w.bytes(data);
  w.finish();
}

}  // namespace forebay::wire
