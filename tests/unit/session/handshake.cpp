#include "session/handshake.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "protocol/wire/auth.hpp"

namespace forebay {
namespace {

using state = handshake::state;
using settings_list = std::vector<std::pair<std::string, std::string>>;

std::shared_ptr<const config::settings> configured(config::auth_type type) {
  auto s = std::make_shared<config::settings>();
  s->auth.type = type;
  config::user alice;
  alice.name = "alice";
  alice.password = "secret";
  s->users = {alice};
  return s;
}

template <class Message>
std::string bytes_of(const Message& m) {
  return wire::encode(m);
}

std::string startup(std::vector<std::pair<std::string_view, std::string_view>> parameters,
                    std::uint32_t version = wire::startup_message::version_3_0) {
  return bytes_of(wire::startup_message{version, std::move(parameters)});
}

const std::string ssl = bytes_of(wire::ssl_request{});
const std::string gss = bytes_of(wire::gssenc_request{});

struct outcome {
  state end = state::more;
  std::string out;
  std::string rest;  // not taken
  client_identity who;
  cancel_target target;
  wire::pg_error error;
};

// `size` bytes at a time, as a session does it: what was not taken comes again.
outcome run(const std::string& bytes, config::auth_type type = config::auth_type::trust, bool overloaded = false,
            std::size_t size = std::string::npos) {
  handshake h(configured(type), "process secret", overloaded);
  outcome o;
  std::string kept;
  std::size_t at = 0;
  while (at < bytes.size() && o.end == state::more) {
    kept += bytes.substr(at, size);
    at += std::min(size, bytes.size() - at);
    std::string_view in = kept;
    o.end = h.feed(in, o.out);
    kept = std::string(in);
  }
  o.rest = kept + bytes.substr(at);
  o.who = h.identity();
  o.target = h.target();
  o.error = h.error();
  return o;
}

void check_same(const outcome& a, const outcome& b) {
  CHECK(a.end == b.end);
  CHECK(a.out == b.out);
  CHECK(a.rest == b.rest);
  CHECK(a.who.user == b.who.user);
  CHECK(a.who.settings == b.who.settings);
  CHECK(a.target.key == b.target.key);
  CHECK(a.error == b.error);
}

// The same whole, byte by byte, and in threes.
outcome feed(const std::string& bytes, config::auth_type type = config::auth_type::trust, bool overloaded = false) {
  const auto whole = run(bytes, type, overloaded);
  check_same(run(bytes, type, overloaded, 1), whole);
  check_same(run(bytes, type, overloaded, 3), whole);
  return whole;
}

void refused(const outcome& o, const std::string& sqlstate, const std::string& text) {
  CHECK(o.end == state::refused);
  CHECK(o.error.sqlstate == sqlstate);
  CHECK(o.error.level == wire::severity::fatal);
  CHECK_MESSAGE(o.error.message.find(text) != std::string::npos, o.error.message);
}

TEST_CASE("handshake: who it is and what it asks for") {
  const auto o =
      feed(startup({{"user", "bob"}, {"database", "app"}, {"TimeZone", "UTC"}, {"options", "-c a=b"}}) + "Qrest");
  CHECK(o.end == state::accepted);
  CHECK(o.out.empty());
  CHECK(o.rest == "Qrest");
  CHECK(o.who.user == "bob");
  CHECK(o.who.database == "app");
  CHECK(o.who.replication.empty());
  CHECK_FALSE(o.who.long_cancel_key);
  CHECK(o.who.settings == settings_list{{"a", "b"}, {"TimeZone", "UTC"}});  // as PostgreSQL: options first
}

// What comes before TLS, then over it; `by` is what the handshake of TLS told.
struct over_tls {
  explicit over_tls(config::auth_type type, config::tls_mode mode = config::tls_mode::prefer)
      : h(with(type, mode), "process secret", false) {
    h.offer_tls();
  }
  static std::shared_ptr<const config::settings> with(config::auth_type type, config::tls_mode mode) {
    auto s = std::make_shared<config::settings>(*configured(type));
    s->tls_client.mode = mode;
    s->users[0].cert_names = {"alice.example", "robot"};
    return s;
  }
  outcome feed(const std::string& bytes) {
    outcome o;
    std::string_view in = bytes;
    o.end = h.feed(in, o.out);
    o.rest = std::string(in);
    o.error = h.error();
    o.who = h.identity();
    return o;
  }
  handshake h;
};

TEST_CASE("handshake: TLS begins where it is offered, and nothing may come before it") {
  for (const auto& before : {std::string(), gss}) {
    over_tls client(config::auth_type::trust);
    const auto asked = client.feed(before + ssl);
    CHECK(asked.end == state::secure);
    CHECK(asked.out == (before.empty() ? "S" : "NS"));
    client.h.secured({});
    CHECK(client.feed(startup({{"user", "bob"}})).end == state::accepted);
  }
  for (const auto& behind : {startup({{"user", "bob"}}), std::string("\x16"), std::string(1, '\0')}) {
    const auto injected = over_tls(config::auth_type::trust).feed(ssl + behind);
    refused(injected, "08P01", "unencrypted data");
    CHECK(injected.out.empty());
  }
  for (const auto& again : {ssl, gss}) {
    over_tls client(config::auth_type::trust);
    client.feed(ssl);
    client.h.secured({});
    refused(client.feed(again), "08P01", "encryption was asked for");
  }
}

TEST_CASE("handshake: TLS from the first byte on names its protocol") {
  const std::string hello = "\x16\x03\x01 and so on";
  for (const bool named : {true, false}) {
    over_tls client(config::auth_type::trust);
    const auto begun = client.feed(hello);
    CHECK(begun.end == state::secure);
    CHECK(begun.out.empty());
    CHECK(begun.rest == hello);
    client.h.secured({.postgresql = named});
    const auto o = client.feed(startup({{"user", "bob"}}));
    if (named) CHECK(o.end == state::accepted);
    if (!named) refused(o, "08P01", "ALPN");
  }
  refused(feed(hello + std::string(20, ' ')), "08P01", "invalid length");  // where there is no TLS
  over_tls late(config::auth_type::trust);
  CHECK(late.feed(gss).out == "N");
  refused(late.feed(hello), "08P01", "invalid length");
}

TEST_CASE("handshake: who must have TLS, and who need not") {
  using config::tls_mode;
  for (const auto mode : {tls_mode::allow, tls_mode::prefer})
    CHECK(over_tls(config::auth_type::trust, mode).feed(startup({{"user", "bob"}})).end == state::accepted);
  for (const auto mode : {tls_mode::require, tls_mode::verify_ca, tls_mode::verify_full}) {
    refused(over_tls(config::auth_type::trust, mode).feed(startup({{"user", "bob"}})), "28000", "TLS is required");
    const auto cancel = bytes_of(wire::cancel_request{77, "1234"});
    CHECK(over_tls(config::auth_type::trust, mode).feed(cancel).end == state::cancel);
  }
}

TEST_CASE("handshake: a certificate is its user's by name, or by the names that the user has") {
  const auto log_in = [](const std::string& user, std::optional<secured_client> by) {
    over_tls client(config::auth_type::cert);
    if (by) {
      client.feed(ssl);
      client.h.secured(*by);
    }
    return client.feed(startup({{"user", user}}));
  };
  CHECK(log_in("bob", secured_client{.common_name = "bob"}).end == state::accepted);
  CHECK(log_in("alice", secured_client{.common_name = "alice.example"}).end == state::accepted);
  CHECK(log_in("alice", secured_client{.common_name = "robot"}).end == state::accepted);
  const std::string said = "certificate authentication failed for user \"";
  refused(log_in("alice", secured_client{.common_name = "alice"}), "28000", said + "alice\"");
  refused(log_in("bob", secured_client{.common_name = "alice.example"}), "28000", said + "bob\"");
  refused(log_in("bob", secured_client{}), "28000", said + "bob\"");
  refused(log_in("bob", std::nullopt), "28000", said + "bob\"");
}

TEST_CASE("handshake: channel binding is offered where there is a certificate to bind to") {
  over_tls client(config::auth_type::scram_sha_256);
  client.feed(ssl);
  client.h.secured({.binding = "hash"});
  CHECK(client.feed(startup({{"user", "alice"}})).out ==
        wire::authentication::sasl({"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}));
}

TEST_CASE("handshake: the database is named as the user when none is") {
  CHECK(feed(startup({{"user", "bob"}})).who.database == "bob");
  CHECK(feed(startup({{"user", "bob"}, {"database", ""}})).who.database == "bob");
}

TEST_CASE("handshake: replication") {
  for (const auto* value : {"database", "true", "on", "1", "yes"}) {
    CHECK(feed(startup({{"user", "bob"}, {"replication", value}})).who.replication == value);
  }
  for (const auto* value : {"false", "off", "no", "0"}) {
    const auto o = feed(startup({{"user", "bob"}, {"replication", value}}));
    CHECK(o.who.replication.empty());
    CHECK(o.who.settings.empty());
  }
}

TEST_CASE("handshake: encryption is refused with one byte each, once") {
  for (const auto& first : {ssl, gss, ssl + gss, gss + ssl}) {
    const auto o = feed(first + startup({{"user", "bob"}}));
    CHECK(o.end == state::accepted);
    CHECK(o.out == std::string(first.size() / ssl.size(), 'N'));
  }
  refused(feed(ssl + ssl), "08P01", "twice");
  refused(feed(gss + ssl + gss), "08P01", "twice");
}

TEST_CASE("handshake: a cancel request, also behind a refused SSLRequest and when there are too many clients") {
  for (const bool overloaded : {false, true}) {
    for (const auto& key : {std::string("\0\1\2\3", 4), std::string(32, 'k')}) {
      const auto o = feed(ssl + bytes_of(wire::cancel_request{77, key}), config::auth_type::scram_sha_256, overloaded);
      CHECK(o.end == state::cancel);
      CHECK(o.out == "N");
      CHECK(o.target.pid == 77);
      CHECK(o.target.key == key);
    }
  }
  const auto nobody = feed(bytes_of(wire::cancel_request{77, ""}));
  CHECK(nobody.end == state::cancel);
  CHECK(nobody.target.pid == 0);
}

TEST_CASE("handshake: too many clients") {
  refused(feed(startup({{"user", "alice"}}), config::auth_type::trust, true), "53300", "too many clients");
}

TEST_CASE("handshake: protocol versions") {
  const auto with = [](std::uint32_t major, std::uint32_t minor) {
    return feed(startup({{"user", "bob"}}, major << 16 | minor));
  };
  const auto negotiate = [](std::uint32_t minor) {
    return bytes_of(wire::negotiate_protocol_version{3U << 16 | minor, {}});
  };
  CHECK(with(3, 0).out.empty());
  CHECK(with(3, 1).out == negotiate(0));
  CHECK_FALSE(with(3, 1).who.long_cancel_key);
  CHECK(with(3, 2).out.empty());
  CHECK(with(3, 2).who.long_cancel_key);
  CHECK(with(3, 9999).out == negotiate(2));
  CHECK(with(3, 9999).who.long_cancel_key);
  refused(with(2, 0), "0A000", "2.0");
  refused(with(4, 1), "0A000", "4.1");
  const auto o = feed(startup({{"user", "bob"}, {"_pq_.one", "x"}, {"_pq_.two", "y"}, {"search_path", "z"}}));
  CHECK(o.end == state::accepted);
  CHECK(o.out == bytes_of(wire::negotiate_protocol_version{3U << 16, {"_pq_.one", "_pq_.two"}}));
  CHECK(o.who.settings == settings_list{{"search_path", "z"}});
}

TEST_CASE("handshake: what is no startup packet") {
  const auto sized = [](std::uint32_t size, std::string body) {
    std::string bytes;
    wire::writer w(bytes);
    w.u32(size);
    return bytes + body;
  };
  for (const auto size : {0U, 3U, 4U, 7U, 10001U, 0x7fffffffU, 0xffffffffU}) {
    refused(feed(sized(size, "")), "08P01", "length of startup packet");
  }
  CHECK(feed(sized(10000, "")).end == state::more);
  CHECK(feed(sized(8, "")).end == state::more);
  refused(feed(sized(9, std::string("\0\3\0\0", 4) + "x")), "08P01", "invalid startup packet");  // no end
  refused(feed(startup({})), "28000", "no PostgreSQL user name");
  refused(feed(startup({{"database", "x"}})), "28000", "no PostgreSQL user name");
  refused(feed(startup({{"user", "bob"}, {"options", "-c a=b nonsense"}})), "42601", "nonsense");
}

TEST_CASE("handshake: options that are wrong are told to whom the password is right, as by PostgreSQL") {
  const auto hello = startup({{"user", "alice"}, {"options", "nonsense"}});
  const auto told = feed(hello);
  refused(told, "42601", "nonsense");
  CHECK(told.out == bytes_of(wire::authentication_ok{}));
  CHECK_FALSE(told.error.hint.empty());
  const auto wrong = feed(hello + bytes_of(wire::password_message{"wrong"}), config::auth_type::plain);
  refused(wrong, "28P01", "password");
}

TEST_CASE("handshake: passwords") {
  const auto hello = startup({{"user", "alice"}});
  const auto asked = bytes_of(wire::authentication{wire::auth_code::cleartext_password, {}});
  const auto good = feed(hello + bytes_of(wire::password_message{"secret"}) + "rest", config::auth_type::plain);
  CHECK(good.end == state::accepted);
  CHECK(good.out == asked);
  CHECK(good.rest == "rest");
  const auto bad = feed(hello + bytes_of(wire::password_message{"wrong"}), config::auth_type::plain);
  refused(bad, "28P01", "alice");
  const auto nobody =
      feed(startup({{"user", "nobody"}}) + bytes_of(wire::password_message{"secret"}), config::auth_type::plain);
  refused(nobody, "28P01", "nobody");
  CHECK(nobody.out == bad.out);
  CHECK(feed(hello, config::auth_type::plain).end == state::more);
  CHECK(feed(hello, config::auth_type::scram_sha_256).out == wire::authentication::sasl({"SCRAM-SHA-256"}));
  CHECK(feed(hello, config::auth_type::trust).end == state::accepted);
  CHECK(run(hello, config::auth_type::md5).out.size() == 13);
}

TEST_CASE("handshake: a stored secret goes before a password in clear") {
  auto s = std::make_shared<config::settings>(*configured(config::auth_type::plain));
  s->users[0].secret = "other";
  handshake h(s, "process secret", false);
  const auto bytes = startup({{"user", "alice"}}) + bytes_of(wire::password_message{"other"});
  std::string_view in = bytes;
  std::string out;
  CHECK(h.feed(in, out) == state::accepted);
}

TEST_CASE("handshake: what is no password") {
  const auto hello = startup({{"user", "alice"}});
  const auto typed = [](char type, std::uint32_t length, std::string body) {
    std::string bytes(1, type);
    wire::writer w(bytes);
    w.u32(length);
    return bytes + body;
  };
  const auto plain = config::auth_type::plain;
  CHECK(feed(hello + typed('Q', 6, std::string("x\0", 2)), plain).end == state::refused);
  refused(feed(hello + typed('p', 3, ""), plain), "08P01", "message length");
  refused(feed(hello + typed('p', 0xffffffff, ""), plain), "08P01", "message length");
  CHECK(feed(hello + typed('p', 0x7fffffff, ""), plain).end == state::refused);
  CHECK(run(hello + typed('p', 70000, std::string(20000, 'x')), plain).end == state::refused);
  CHECK(run(hello + typed('p', 60000, std::string(20000, 'x')), plain).end == state::more);
}

handshake asks_plain(const std::string& password) {
  auto s = std::make_shared<config::settings>();
  s->auth.type = config::auth_type::plain;
  s->users = {{.name = "app", .password = password}};
  return {std::move(s), "process secret", false};
}

TEST_CASE("handshake: a long password may arrive in any number of parts") {
  const std::string password(40'000, 'x');
  const auto message = wire::encode(wire::password_message{password});
  for (const std::size_t part : {message.size(), std::size_t{20'000}, std::size_t{1000}}) {
    CAPTURE(part);
    auto h = asks_plain(password);
    std::string kept = wire::encode(wire::startup_message{wire::startup_message::version_3_0, {{"user", "app"}}}), out;
    std::string_view in = kept;
    auto end = h.feed(in, out);
    REQUIRE(end == state::more);
    kept.clear();
    for (std::size_t at = 0; at < message.size() && end == state::more; at += part) {
      kept += message.substr(at, part);
      in = kept;
      end = h.feed(in, out);
      kept.erase(0, kept.size() - in.size());
    }
    CHECK(end == state::accepted);
    CHECK(kept.empty());
  }
}

TEST_CASE("handshake: a login message above PostgreSQL's bound is refused by its header") {
  auto h = asks_plain("x");
  std::string bytes = wire::encode(wire::startup_message{wire::startup_message::version_3_0, {{"user", "app"}}}), out;
  bytes += std::string("p\0\1\0\4", 5);
  std::string_view in = bytes;
  CHECK(h.feed(in, out) == state::refused);
  CHECK(h.error().sqlstate == "08P01");
}

// Options.

std::string parsed(std::string_view options) {
  std::string bad, text;
  const auto list = parse_options(options, bad);
  if (!list) return "bad: " + bad;
  for (const auto& [name, value] : *list)
    text += (text.empty() ? "" : " | ") + name + '=' + value;
  return text;
}

TEST_CASE("handshake: options") {
  CHECK(parsed("") == "");
  CHECK(parsed(" \t\n") == "");
  CHECK(parsed("-c a=b") == "a=b");
  CHECK(parsed("-ca=b") == "a=b");
  CHECK(parsed("--a=b") == "a=b");
  CHECK(parsed("  -c   a=b --c=d\t-ce=f ") == "a=b | c=d | e=f");
  CHECK(parsed("-c a=b=c") == "a=b=c");
  CHECK(parsed("-c a=") == "a=");
  CHECK(parsed("-c a=b\\ c") == "a=b c");
  CHECK(parsed("-c a=b\\\\c") == "a=b\\c");
  CHECK(parsed("-c a=b\\") == "a=b\\");
  CHECK(parsed("--some-name=a-b") == "some_name=a-b");
  CHECK(parsed("-c my.ext=1") == "my.ext=1");
  CHECK(parsed("-c") == "bad: -c");
  CHECK(parsed("-c a") == "bad: -c");
  CHECK(parsed("-c =b") == "bad: -c");
  CHECK(parsed("--=b") == "bad: --=b");
  CHECK(parsed("a=b") == "bad: a=b");
  CHECK(parsed("-x a=b") == "bad: -x");
  CHECK(parsed("-c a=b stray") == "bad: stray");
}

}  // namespace
}  // namespace forebay
