#include "protocol/fsm/login_as_client.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "conversation.hpp"
#include "login_scripts.hpp"
#include "protocol/fsm/crypto.hpp"
#include "protocol/wire/auth.hpp"
#include "protocol/wire/notice.hpp"
#include "protocol/wire/status.hpp"

namespace forebay::fsm::test {
namespace {

using namespace std::string_view_literals;

TEST_CASE("login_as_client: what honest servers ask, and what they tell") {
  for (const auto& [name, lines] : honest_logins()) {
    CAPTURE(name);
    auto machine = client();
    CHECK(play(machine, lines).state == login_state::done);
    CHECK(machine.session().backend_pid == 4711);
    CHECK(machine.session().cancel_key == "\1\2\3\4");
    using parameters = std::vector<std::pair<std::string, std::string>>;
    CHECK(machine.session().parameters == parameters{{"server_version", "15.4"}, {"client_encoding", "UTF8"}});
    check_over(machine, lines);
  }
}

TEST_CASE("login_as_client: a password that is kept as md5") {
  const auto lines = honest_login(says(password_message{md5_answer}), authentication{auth_code::md5_password, "salt"});
  auto machine = client("md5" + md5_hex(password + user));
  CHECK(play(machine, lines).state == login_state::done);
}

TEST_CASE("login_as_client: the cache spares the hashing of the next login") {
  scram_cache cache;
  for (int i = 0; i < 2; ++i) {
    login_as_client machine(parameters, {user, password}, nonce_bytes, &cache);
    CHECK(play(machine, scram_login()).state == login_state::done);
    CHECK(cache.iterations == 4);
  }
  cache.salted_password[0] ^= 1;
  login_as_client machine(parameters, {user, password}, nonce_bytes, &cache);
  machine.start();
  resume(machine, scram_login()[1].bytes);
  CHECK(resume(machine, scram_login()[3].bytes).send != scram_login()[4].bytes);
}

// What it answers to this offer with this to bind to: the mechanism and the beginning of its first message.
std::string answer_to(const std::vector<std::string_view>& offered, const std::string& binding) {
  login_as_client machine(parameters, {user, password}, nonce_bytes, nullptr, wire::startup_message::version_3_0,
                          binding);
  machine.start();
  const auto offer = authentication::sasl(offered);
  const auto step = machine.resume(offer[0], std::string_view(offer).substr(5));
  if (step.state == login_state::failed) return step.error.message;
  const auto said = wire::sasl_initial_response::decode(std::string_view(step.send).substr(5));
  REQUIRE(said.has_value());
  return std::string(said->mechanism) + ' ' + std::string(said->data.substr(0, said->data.find("n=")));
}

TEST_CASE("login_as_client: binds to the channel where it can") {
  const auto both = std::vector<std::string_view>{scram_plus_mechanism, scram_mechanism};
  CHECK(answer_to(both, "hash") == "SCRAM-SHA-256-PLUS p=tls-server-end-point,,");
  CHECK(answer_to({scram_mechanism, scram_plus_mechanism}, "hash") == "SCRAM-SHA-256-PLUS p=tls-server-end-point,,");
  CHECK(answer_to({scram_mechanism}, "hash") == "SCRAM-SHA-256 y,,");
  CHECK(answer_to({scram_mechanism}, "") == "SCRAM-SHA-256 n,,");
  CHECK(answer_to(both, "") == "SCRAM-SHA-256 n,,");
  CHECK(answer_to({scram_plus_mechanism}, "") == "server offers no SASL mechanism that is supported");
}

TEST_CASE("login_as_client: notices in between are no news") {
  const wire::notice_response notice{{{'S', "WARNING"}, {'V', "WARNING"}, {'C', "01000"}, {'M', "hm"}}};
  for (const auto& [name, lines] : honest_logins()) {
    CAPTURE(name);
    auto machine = client();
    auto step = machine.start();
    for (const auto& line : lines) {
      if (!line.heard) {
        CHECK(step.send == line.bytes);
        continue;
      }
      for (int i = 0; i < 3; ++i) {
        const auto nothing = resume(machine, as_bytes(notice));
        CHECK(nothing.state == login_state::more);
        CHECK(nothing.send == "");
      }
      step = resume(machine, line.bytes);
    }
    CHECK(step.state == login_state::done);
  }
}

TEST_CASE("login_as_client: whatever goes wrong at whatever step ends the login") {
  for (const auto& [name, lines] : honest_logins()) {
    CAPTURE(name);
    break_each_step([] { return client(); }, lines, {"08P01", "28000"});
  }
}

TEST_CASE("login_as_client: the server's error at whatever step is the login's") {
  const wire::error_response error{
      {{'S', "FATAL"}, {'V', "FATAL"}, {'C', "53300"}, {'M', "no"}, {'D', "d"}, {'H', "h"}}};
  for (const auto& [name, lines] : honest_logins()) {
    CAPTURE(name);
    for (std::size_t at = 0; at < lines.size(); ++at) {
      if (!lines[at].heard) continue;
      auto machine = client();
      play(machine, lines, at);
      const auto step = resume(machine, as_bytes(error));
      check_refused(step, {"53300"});
      CHECK(step.error == wire::pg_error{"53300", "no", "d", "h", wire::severity::fatal});
      check_over(machine, lines);
    }
  }
}

TEST_CASE("login_as_client: no message, whenever it comes and whatever is in it, is a login") {
  const auto bodies = {
      ""s, "\0"s, "\0\0\0\0"s, "I"s, "\0\0\0\x0cv=AAAA"s, "\0\0\0\x08\0\0\0\x01"s, std::string(300, '\xff')};
  for (const auto& [name, lines] : honest_logins()) {
    for (std::size_t at = 0; at + 1 < lines.size(); ++at) {
      if (!lines[at].heard) continue;
      auto so_far = client();
      play(so_far, lines, at);
      const bool greeted = at > 1 && lines[at - 1].heard;  // ready without a key is honest then, see below
      for (int type = 0; type < 256; ++type) {
        for (const auto& body : bodies) {
          if (type == 'Z' && body == "I" && greeted) continue;
          auto machine = so_far;
          const auto step = machine.resume(static_cast<char>(type), body);
          CHECK(step.send == "");
          CHECK(step.state != login_state::done);
          if (step.state == login_state::failed) check_refused(step, {"08P01", "28000", "XX000"});
        }
      }
    }
  }
}

TEST_CASE("login_as_client: protocol 3.2 is asked for, and taken down") {
  const auto bytes = [](std::string_view key) { return as_bytes(wire::backend_key_data{1, key}); };
  const auto offer = [](std::uint32_t version, std::vector<std::string_view> options = {}) {
    return as_bytes(wire::negotiate_protocol_version{version, std::move(options)});
  };
  const std::string ok = as_bytes(authentication{});
  const std::string long_key(32, 'k'), longest(256, 'k'), short_key(4, 'k');
  const auto newest = wire::startup_message::version_3_2;
  struct {
    std::uint32_t asked;
    std::vector<std::string> heard;
    bool good;
  } const cases[] = {
      {newest, {ok, bytes(long_key)}, true},
      {newest, {ok, bytes(longest)}, true},
      {newest, {ok, bytes(short_key)}, true},
      {newest, {ok, bytes(longest + 'k')}, false},
      {newest, {ok, bytes("kkk")}, false},
      {newest, {ok, bytes("")}, false},
      {newest, {offer(3U << 16), ok, bytes(short_key)}, true},
      {newest, {offer(3U << 16), ok, bytes(long_key)}, false},
      {newest, {offer(0), ok, bytes(short_key)}, true},  // servers before 18 give the minor number alone
      {newest, {offer(0), ok, bytes(long_key)}, false},
      {newest, {offer(newest), ok, bytes(long_key)}, true},
      {newest, {offer(3U << 16 | 3)}, false},  // newer than was asked
      {newest, {offer(3)}, false},
      {newest, {offer(2U << 16)}, false},
      {newest, {offer(4U << 16)}, false},
      {newest, {offer(0xffffffffU)}, false},
      {newest, {offer(3U << 16, {"_pq_.x"})}, false},  // was not asked
      {newest, {ok, offer(3U << 16)}, false},          // too late
      {3U << 16, {ok, bytes(short_key)}, true},
      {3U << 16, {ok, bytes(long_key)}, false},
      {3U << 16, {ok, bytes("kkkkk")}, false},
      {3U << 16, {offer(3U << 16), ok}, true},
      {3U << 16, {offer(newest)}, false},
  };
  for (const auto& c : cases) {
    CAPTURE(&c - cases);
    login_as_client machine(parameters, {user, password}, nonce_bytes, nullptr, c.asked);
    CHECK(machine.start().send == as_bytes(wire::startup_message{c.asked, {{"user", user}, {"database", "app"}}}));
    login_step step;
    for (const auto& message : c.heard) {
      CHECK(step.state == login_state::more);
      step = resume(machine, message);
    }
    if (c.good) {
      CHECK(step.state == login_state::more);
      CHECK(resume(machine, as_bytes(wire::ready_for_query{'I'})).state == login_state::done);
    } else {
      check_refused(step, {"08P01"});
    }
  }
}

TEST_CASE("login_as_client: a server without cancel keys") {
  auto machine = client();
  machine.start();
  resume(machine, as_bytes(authentication{}));
  CHECK(resume(machine, as_bytes(wire::ready_for_query{'I'})).state == login_state::done);
  CHECK(machine.session().backend_pid == 0);
  CHECK(machine.session().cancel_key == "");
}

}  // namespace
}  // namespace forebay::fsm::test
