#include "session/handshake.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <tuple>

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

// All that can be done with these bytes, where nothing is known but the configuration.
state drive(handshake& h, std::string_view& in, std::string& out) {
  auto end = h.feed(in, out);
  if (end != state::introduced) return end;
  end = h.begin({}, out);
  return end == state::more ? h.feed(in, out) : end;
}

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
    o.end = drive(h, in, o.out);
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
    s->users.emplace_back().name = "bob";
    return s;
  }
  outcome feed(const std::string& bytes) {
    outcome o;
    std::string_view in = bytes;
    o.end = drive(h, in, o.out);
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
  refused(log_in("carol", secured_client{.common_name = "carol"}), "28000", said + "carol\"");  // not listed
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

TEST_CASE("handshake: replication, as PostgreSQL reads it: what the rules take for one must be one there") {
  const auto with = [](const char* value) { return feed(startup({{"user", "bob"}, {"replication", value}})); };
  CHECK(with("database").who.replication == "database");
  for (const auto* value : {"true", "t", "TRUE", "tr", "on", "1", "yes", "Y"})
    CHECK(with(value).who.replication == "true");
  for (const auto* value : {"false", "f", "FALSE", "off", "of", "no", "n", "0"}) {
    const auto o = with(value);
    CHECK(o.who.replication.empty());
    CHECK(o.who.settings.empty());
  }
  for (const auto* value : {"", "o", "Database", "2", "truely", "maybe"})
    CHECK(with(value).error.sqlstate == "22023");
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
  CHECK(drive(h, in, out) == state::accepted);
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
    auto end = drive(h, in, out);
    REQUIRE(end == state::more);
    kept.clear();
    for (std::size_t at = 0; at < message.size() && end == state::more; at += part) {
      kept += message.substr(at, part);
      in = kept;
      end = drive(h, in, out);
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
  CHECK(drive(h, in, out) == state::refused);
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

struct ruled {
  std::shared_ptr<config::settings> settings = std::make_shared<config::settings>();
  std::shared_ptr<config::access_rules> rules = std::make_shared<config::access_rules>();

  ruled() {
    settings->auth.type = config::auth_type::hba;
    settings->auth.rules = rules;
    settings->users = {{.name = "alice", .password = "secret"}};
  }
  config::hba_rule& add(config::hba_rule::connection type, config::login_method method, std::string user = "all") {
    auto& made = rules->rules.emplace_back();
    made.type = type;
    made.databases = {{"all"}};
    made.users = {{std::move(user)}};
    made.method = method;
    made.place = "hba:" + std::to_string(rules->rules.size());
    return made;
  }
  handshake from(client_origin origin) const { return {settings, "process secret", false, origin}; }
};

client_origin tcp(const char* address = "10.0.0.1") {
  return {.address = ip_address::parse(address).value()};
}

const auto hello_alice = startup({{"user", "alice"}, {"database", "app"}});

// Until it is known who it is.
handshake::wish introduce(handshake& h, const std::string& bytes = hello_alice) {
  std::string_view in = bytes;
  std::string out;
  REQUIRE(h.feed(in, out) == state::introduced);
  return h.wants();
}

TEST_CASE("handshake: rules") {
  using connection = config::hba_rule::connection;
  using config::login_method;
  ruled r;
  const auto begin = [&](client_origin origin, bool secured = false) {
    auto h = r.from(origin);
    if (secured) h.secured({});
    introduce(h);
    std::string out;
    const auto end = h.begin({}, out);
    return std::tuple(end, out, h.error().message, h.about());
  };
  CHECK(std::get<2>(begin(tcp())) ==
        "no pg_hba.conf entry for host \"10.0.0.1\", user \"alice\", database \"app\", no encryption");
  CHECK(std::get<2>(begin({})) ==
        "no pg_hba.conf entry for host \"[local]\", user \"alice\", database \"app\", no encryption");
  r.add(connection::hostssl, login_method::trust);
  r.add(connection::host, login_method::reject, "alice");
  CHECK(std::get<2>(begin(tcp())) ==
        "pg_hba.conf rejects connection for host \"10.0.0.1\", user \"alice\", database \"app\", no encryption");
  CHECK(std::get<3>(begin(tcp())) == "hba:2");
  CHECK(std::get<0>(begin(tcp(), true)) == state::accepted);
  r.rules->rules.clear();
  r.add(connection::host, login_method::plain);
  CHECK(std::get<1>(begin(tcp())) == bytes_of(wire::authentication{wire::auth_code::cleartext_password, {}}));
  CHECK(std::get<0>(begin(tcp())) == state::more);
}

TEST_CASE("handshake: peer") {
  ruled r;
  r.add(config::hba_rule::connection::local, config::login_method::peer);
  const auto as = [&](const char* name) {
    auto h = r.from({});
    CHECK(introduce(h).system_user);
    std::string out;
    const auto end = h.begin({.system_user = name}, out);
    if (end == state::refused) {
      CHECK(h.error().sqlstate == "28000");
      CHECK(h.error().message == "Peer authentication failed for user \"alice\"");
    }
    return end;
  };
  CHECK(as("alice") == state::accepted);
  CHECK(as("bob") == state::refused);
  CHECK(as("") == state::refused);
  r.rules->rules[0].map = "m";
  r.rules->maps.push_back({"m", {"bob"}, {"alice"}, "ident:1"});
  CHECK(as("bob") == state::accepted);
  CHECK(as("alice") == state::refused);
}

TEST_CASE("handshake: groups are asked for where a rule depends on them") {
  ruled r;
  r.settings->auth.query_user = "q";
  r.add(config::hba_rule::connection::host, config::login_method::trust, "+staff");
  r.add(config::hba_rule::connection::host, config::login_method::reject);
  const auto with = [&](std::optional<std::vector<std::string>> groups) {
    auto h = r.from(tcp());
    CHECK(introduce(h).account);
    std::string out;
    return h.begin({.groups = std::move(groups)}, out);
  };
  CHECK(with(std::vector<std::string>{"staff"}) == state::accepted);
  CHECK(with(std::vector<std::string>{"other"}) == state::refused);
  CHECK(with(std::nullopt) == state::refused);
}

TEST_CASE("handshake: a user that the configuration does not know") {
  auto s = std::make_shared<config::settings>(*configured(config::auth_type::plain));
  s->auth.query_user = "q";
  const auto password = bytes_of(wire::password_message{"word"});
  const auto secret = fsm::stored_secret::from_text("word"), old = fsm::stored_secret::from_text("old");
  std::string out;
  SUBCASE("known users are not asked for") {
    handshake h(s, "process secret", false);
    CHECK_FALSE(introduce(h).account);
  }
  SUBCASE("the right password, at once or by a newer account") {
    for (const bool at_once : {true, false}) {
      handshake h(s, "process secret", false);
      CHECK(introduce(h, startup({{"user", "bob"}})).account);
      REQUIRE(h.begin({.secret = at_once ? secret : old}, out) == state::more);
      std::string_view in = password;
      CHECK(h.feed(in, out) == (at_once ? state::accepted : state::doubted));
      if (!at_once) CHECK(h.again({.secret = secret}, out) == state::accepted);
      CHECK(h.proof().password == "word");
    }
  }
  SUBCASE("wrong twice, and no third time") {
    handshake h(s, "process secret", false);
    introduce(h, startup({{"user", "bob"}}));
    REQUIRE(h.begin({.secret = old, .note = "a note"}, out) == state::more);
    std::string_view in = password;
    CHECK(h.feed(in, out) == state::doubted);
    CHECK(h.again({.note = "another"}, out) == state::refused);
    CHECK(h.error().sqlstate == "28P01");
    CHECK(h.about() == "another");
  }
}

TEST_CASE("handshake: what a SCRAM proof tells") {
  auto s = std::make_shared<config::settings>();
  const auto stored = fsm::scram_secret::derive("secret", "salt of the server", 4096);
  s->users = {{.name = "alice", .secret = stored.text()}};
  handshake h(s, "process secret", false);
  introduce(h);
  std::string out;
  REQUIRE(h.begin({}, out) == state::more);
  fsm::scram_client client("secret", "nonce", nullptr);
  const auto say = [&](const std::string& bytes) {
    out.clear();
    std::string_view in = bytes;
    return h.feed(in, out);
  };
  REQUIRE(say(bytes_of(wire::sasl_initial_response{fsm::scram_mechanism, true, client.first()})) == state::more);
  const auto last = client.final(std::string_view(out).substr(9)).value();
  REQUIRE(say(bytes_of(wire::sasl_response{last})) == state::accepted);
  const auto proof = h.proof();
  CHECK(proof.password.empty());
  REQUIRE(proof.keys);
  CHECK(proof.keys->salt == "salt of the server");
  // And it opens a server with the same secret.
  fsm::scram_server server(stored, "servernonce");
  fsm::scram_client passed("", "ournonce", nullptr);
  passed.use(*proof.keys);
  const auto challenge = server.first(passed.first()).value();
  const auto answer = server.final(passed.final(challenge).value());
  REQUIRE(answer);
  CHECK(passed.verify(*answer));
  fsm::scram_server other(fsm::scram_secret::derive("secret", "another salt", 4096), "servernonce");
  CHECK_FALSE(passed.final(other.first(passed.first()).value()));
  CHECK(passed.keys_differ());
}

TEST_CASE("handshake: md5 asks an unknown user what it asks known ones") {
  auto s = std::make_shared<config::settings>();
  s->auth.type = config::auth_type::md5;
  const auto scram = fsm::scram_secret::derive("x", "salt", 4096).text();
  const auto asks_scram = [&](const std::string& user) {
    handshake h(s, "process secret", false);
    introduce(h, startup({{"user", user}}));
    std::string out;
    h.begin({}, out);
    return out == wire::authentication::sasl({"SCRAM-SHA-256"});
  };
  s->users = {{.name = "a", .password = "x"}};
  CHECK_FALSE(asks_scram("nobody"));
  s->users = {{.name = "a", .secret = scram}};
  CHECK(asks_scram("nobody"));
  s->users = {{.name = "a", .secret = scram}, {.name = "b", .password = "x"}};
  int scrams = 0;
  for (int i = 0; i < 100; ++i) {
    const auto name = "nobody" + std::to_string(i);
    scrams += asks_scram(name) ? 1 : 0;
    CHECK(asks_scram(name) == asks_scram(name));
  }
  CHECK((scrams > 20 && scrams < 80));
}

TEST_CASE("handshake: whose connection it is") {
  ruled r;
  auto& rule = r.add(config::hba_rule::connection::host, config::login_method::trust);
  rule.from = config::hba_rule::origin::network;
  rule.network = ip_network::parse("192.0.2.0/24").value();
  const std::string header = "PROXY TCP4 192.0.2.7 10.0.0.2 4711 6432\r\n";
  const auto end_of = [&](const std::string& bytes, bool trusted, std::size_t part) {
    auto origin = tcp();
    origin.may_be_told = trusted;
    auto h = r.from(origin);
    std::string out, kept;
    auto end = state::more;
    for (std::size_t at = 0; at < bytes.size() && end == state::more; at += part) {
      kept += bytes.substr(at, part);
      std::string_view in = kept;
      end = drive(h, in, out);
      kept = std::string(in);
    }
    if (end == state::accepted) CHECK((h.told() && h.told()->address == "192.0.2.7" && h.told()->port == 4711));
    return end;
  };
  for (const std::size_t part : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    CHECK(end_of(header + hello_alice, true, part) == state::accepted);
    CHECK(end_of(hello_alice, true, part) == state::refused);            // from the balancer itself
    CHECK(end_of(header + hello_alice, false, part) == state::refused);  // whose word is not believed
    CHECK(end_of(header + header + hello_alice, true, part) == state::refused);
    CHECK(end_of("PROXY TCP4 nonsense\r\n" + hello_alice, true, part) == state::refused);
    CHECK(end_of(ssl + header, true, part) == state::refused);
  }
}

}  // namespace
}  // namespace forebay
