#include "session/handshake.hpp"

#include "input.hpp"
#include "protocol/wire/auth.hpp"

// A client's first bytes, whatever the parts in which they arrive: the same outcome, the same bytes taken.
namespace forebay::fuzz {
namespace {

using state = handshake::state;

std::shared_ptr<const config::settings> settings_with(config::auth_type type) {
  auto s = std::make_shared<config::settings>();
  s->auth.type = type;
  s->users = {{.name = "app", .password = "secret"}};
  return s;
}

struct result {
  state end = state::more;
  std::size_t taken = 0;
  std::string out;
  client_identity who;
  cancel_target target;
  wire::pg_error error;
};

result play(const std::shared_ptr<const config::settings>& settings, bool overloaded, std::string_view stream,
            splitter parts, bool tls = false) {
  handshake h(settings, "process secret", overloaded);
  if (tls) h.offer_tls();
  result r;
  std::string kept;
  while (!stream.empty() && r.end == state::more) {
    const auto part = parts.take(stream);
    kept += part;
    r.taken += part.size();
    std::string_view in = kept;
    r.end = h.feed(in, r.out);
    if (r.end == state::introduced) {
      r.end = h.begin({}, r.out);
      if (r.end == state::more) r.end = h.feed(in, r.out);
    }
    kept.erase(0, kept.size() - in.size());
    if (r.end == state::secure) {
      expect(tls && !h.is_secured());
      h.secured({"app", "hash", !kept.empty()});
      kept.clear();  // it was the beginning of a handshake
      r.end = state::more;
    }
  }
  r.taken -= kept.size();
  r.who = h.identity();
  r.target = h.target();
  r.error = h.error();
  return r;
}

void run(std::string_view bytes) {
  static const std::shared_ptr<const config::settings> by_type[] = {
      settings_with(config::auth_type::scram_sha_256), settings_with(config::auth_type::md5),
      settings_with(config::auth_type::plain), settings_with(config::auth_type::trust),
      settings_with(config::auth_type::cert)};
  input in(bytes);
  const auto type = in.below(5);
  const auto how = in.below(8);
  const bool overloaded = how == 7, tls = how == 6;
  const auto seed = in.u32();
  std::string stream;
  while (!in.empty() && stream.size() < 200'000) {  // as it is, or a large message from a few bytes
    if (in.below(2) == 0) {
      stream += in.text();
    } else {
      const auto size = in.u16();
      stream += 'p' + in_u32(size + 4U) + std::string(size, 'x');
    }
  }
  if (tls) {  // what comes with the request for it is refused, what comes behind it is not: parts matter
    play(by_type[type], overloaded, stream, splitter(seed), tls);
    return;
  }
  const auto whole = play(by_type[type], overloaded, stream, splitter(0));
  const auto parts = play(by_type[type], overloaded, stream, splitter(seed));
  expect(whole.end == parts.end && whole.error == parts.error);
  expect(whole.out.size() == parts.out.size());  // salts and nonces are random
  expect(whole.who.user == parts.who.user && whole.who.database == parts.who.database);
  expect(whole.who.settings == parts.who.settings && whole.who.replication == parts.who.replication);
  expect(whole.target.pid == parts.target.pid && whole.target.key == parts.target.key);
  if (whole.end != state::refused) expect(whole.taken == parts.taken);
  if (whole.end == state::accepted) {
    expect(!overloaded && !whole.who.user.empty() && !whole.who.database.empty());
    const auto password = wire::encode(wire::password_message{"secret"});
    expect(type == 3 || (type == 2 && stream.find(password) != stream.npos));
  }
}

std::vector<std::string> seeds() {
  const auto add = [](const auto&... messages) {
    std::string stream;
    ((stream += in_u8(0) + in_text(wire::encode(messages))), ...);
    return stream;
  };
  const wire::startup_message hello{wire::startup_message::version_3_0, {{"user", "app"}, {"options", "-c a=b"}}};
  const wire::startup_message newer{3U << 16 | 9, {{"user", "app"}, {"replication", "on"}, {"_pq_.x", "1"}}};
  const wire::sasl_initial_response first{"SCRAM-SHA-256", true, "n,,n=,r=abc"};
  const auto head = [](std::size_t type, std::size_t overloaded) {
    return in_u8(type) + in_u8(overloaded) + in_u32(0x30000007);
  };
  const auto large = in_u8(1) + std::string("\x50\x00", 2);
  return {head(0, 0) + add(wire::ssl_request{}, wire::gssenc_request{}, hello, first, wire::sasl_response{"c=biws"}),
          head(1, 0) + add(hello, wire::password_message{"md5" + std::string(32, 'a')}),
          head(2, 0) + add(newer, wire::password_message{"secret"}),
          head(2, 0) + add(hello) + large,
          head(3, 0) + add(hello),
          head(3, 7) + add(hello),
          head(4, 6) + add(wire::ssl_request{}, hello),
          head(0, 6) + add(wire::gssenc_request{}, wire::ssl_request{}, hello, first),
          head(0, 6) + in_u8(0) + in_text("\x16\x03\x01") + add(hello),
          head(0, 7) + add(wire::cancel_request{1, "key!"})};
}

const registered here{{"handshake", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
