#include "protocol/wire/startup.hpp"

namespace forebay::wire {

void startup_message::encode(writer& w) const {
  w.begin_untyped();
  w.u32(version);
  for (const auto& [name, value] : parameters) {
    w.cstring(name);
    w.cstring(value);
  }
  w.u8(0);
  w.finish();
}

void ssl_request::encode(writer& w) const {
  w.begin_untyped();
  w.u32(code);
  w.finish();
}

void gssenc_request::encode(writer& w) const {
  w.begin_untyped();
  w.u32(code);
  w.finish();
}

void cancel_request::encode(writer& w) const {
  w.begin_untyped();
  w.u32(code);
  w.u32(pid);
  w.bytes(key);
  w.finish();
}

namespace {

template <class Message>
result<startup_packet> whole(const reader& r, Message message) {
  auto decoded = r.done(std::move(message));
  if (!decoded) return decoded.error();
  return startup_packet(*std::move(decoded));
}

}  // namespace

result<startup_packet> decode_startup_packet(std::string_view body) {
  if (body.size() > max_startup_packet) return make_error_code(errc::length_too_large);
  reader r(body);
  const auto code = r.u32();
  switch (code) {
    case ssl_request::code:
      return whole(r, ssl_request{});
    case gssenc_request::code:
      return whole(r, gssenc_request{});
    case cancel_request::code: {
      cancel_request m;
      m.pid = r.u32();
      m.key = r.rest();
      if (m.key.empty()) r.fail();
      if (m.key.size() > max_cancel_key) r.fail(errc::bad_value);
      return whole(r, m);
    }
    default:
      break;
  }
  startup_message m;
  m.version = code;
  if (!r.ok()) return make_error_code(errc::truncated);
  if (code >> 16 != 3) return startup_packet(m);
  while (r.ok()) {
    const auto name = r.cstring();
    if (name.empty()) break;
    const auto value = r.cstring();
    m.parameters.emplace_back(name, value);
  }
  return whole(r, std::move(m));
}

result<backend_key_data> backend_key_data::decode(std::string_view body) {
  reader r(body);
  backend_key_data m;
  m.pid = r.u32();
  m.key = r.rest();
  if (m.key.size() < 4) r.fail();
  if (m.key.size() > max_cancel_key) r.fail(errc::bad_value);
  return r.done(m);
}

void backend_key_data::encode(writer& w) const {
  w.begin(type);
  w.u32(pid);
  w.bytes(key);
  w.finish();
}

result<negotiate_protocol_version> negotiate_protocol_version::decode(std::string_view body) {
  reader r(body);
  negotiate_protocol_version m;
  m.version = r.u32();
  const auto count = r.u32();
  if (!r.can_hold(count, 1)) return r.done(m);
  while (m.unknown_options.size() < count && r.ok())
    m.unknown_options.push_back(r.cstring());
  return r.done(std::move(m));
}

void negotiate_protocol_version::encode(writer& w) const {
  w.begin(type);
  w.u32(version);
  w.u32(static_cast<std::uint32_t>(unknown_options.size()));
  for (const auto option : unknown_options)
    w.cstring(option);
  w.finish();
}

}  // namespace forebay::wire
