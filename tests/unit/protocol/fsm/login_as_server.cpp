#include "protocol/fsm/login_as_server.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "conversation.hpp"
#include "protocol/fsm/crypto.hpp"
#include "protocol/wire/auth.hpp"

namespace forebay::fsm::test {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using method = login_as_server::method;
using kind = stored_secret::kind;
using wire::auth_code;
using wire::authentication;
using wire::password_message;

const std::string user = "ann";
const std::string password = "ann's secret";
const std::string wrong = "bob's secret";
const std::string entropy = "0123456789abcdefghijklmnopqrstuvwxyzABCD";
const std::string md5_salt = entropy.substr(0, 4);
const std::string server_nonce = base64(entropy.substr(16, 18));

constexpr method all_methods[] = {method::plain, method::md5, method::scram_sha_256};
constexpr kind all_kinds[] = {kind::none, kind::clear, kind::md5, kind::scram};

stored_secret stored_as(kind what, const std::string& clear = password) {
  switch (what) {
    case kind::clear:
      return {what, clear};
    case kind::md5:
      return {what, "md5" + md5_hex(clear + user)};
    case kind::scram:
      return {what, scram_secret::derive(clear, "some salt", 2).text()};
    default:
      return {};
  }
}

login_as_server server(method how, stored_secret secret, const std::string& name = user) {
  return {how, name, std::move(secret), entropy, "process secret"};
}

std::string md5_answer(const std::string& clear, const std::string& salt = md5_salt) {
  return "md5" + md5_hex(md5_hex(clear + user) + salt);
}

// A client that answers whatever it is asked with its password, as libpq; what was said and heard, and how it ended.
struct outcome {
  conversation lines;
  login_step last;
};
outcome log_in(login_as_server machine, const std::string& with) {
  outcome seen;
  scram_client scram(with, "cnonce", nullptr);
  auto step = machine.start();
  bool verified = true;
  while (true) {
    if (!step.send.empty()) seen.lines.push_back(says(step.send));
    if (step.state != login_state::more) break;
    const auto body = body_of(step.send);
    const auto asked = authentication::decode(body);
    REQUIRE(asked.has_value());
    std::string answer;
    if (asked->code == auth_code::cleartext_password) {
      answer = as_bytes(password_message{with});
    } else if (asked->code == auth_code::md5_password) {
      answer = as_bytes(password_message{md5_answer(with, std::string(asked->data))});
    } else if (asked->code == auth_code::sasl) {
      CHECK(asked->mechanisms() == std::vector<std::string_view>{"SCRAM-SHA-256"});
      answer = as_bytes(wire::sasl_initial_response{"SCRAM-SHA-256", true, scram.first()});
    } else {
      REQUIRE(asked->code == auth_code::sasl_continue);
      answer = as_bytes(wire::sasl_response{*scram.final(asked->data)});
      verified = false;
    }
    seen.lines.push_back(hears(answer));
    step = resume(machine, answer);
  }
  if (step.state == login_state::done && !verified) {
    const auto body = body_of(step.send);
    CHECK(authentication::decode(body)->code == auth_code::sasl_final);
    CHECK(scram.verify(authentication::decode(body)->data));
  }
  seen.last = step;
  return seen;
}

// The login of `password`, as a script that other tests break.
conversation script(method how, kind what) {
  const auto seen = log_in(server(how, stored_as(what)), password);
  REQUIRE(seen.last.state == login_state::done);
  return seen.lines;
}

void check_wrong_password(const login_step& step, const std::string& name = user) {
  check_refused(step, {"28P01"});
  CHECK(step.error.message == "password authentication failed for user \"" + name + '"');
  CHECK(step.error.detail == "");
  CHECK(step.error.hint == "");
}

TEST_CASE("login_as_server: trust asks nothing, and hears nothing") {
  for (const auto what : all_kinds) {
    auto machine = server(method::trust, stored_as(what));
    const auto step = machine.start();
    CHECK(step.state == login_state::done);
    CHECK(step.send == "");
    check_refused(resume(machine, as_bytes(password_message{password})), {"08P01"});
  }
}

TEST_CASE("login_as_server: plain") {
  for (const auto what : {kind::clear, kind::md5, kind::scram}) {
    const conversation lines = {
        says(authentication{auth_code::cleartext_password, {}}),
        hears(password_message{password}),
    };
    auto machine = server(method::plain, stored_as(what));
    CHECK(play(machine, lines).state == login_state::done);
    check_over(machine, lines);
  }
}

TEST_CASE("login_as_server: md5") {
  for (const auto what : {kind::clear, kind::md5}) {
    const conversation lines = {
        says(authentication{auth_code::md5_password, md5_salt}),
        hears(password_message{md5_answer(password)}),
    };
    auto machine = server(method::md5, stored_as(what));
    CHECK(play(machine, lines).state == login_state::done);
    check_over(machine, lines);
  }
}

// Proof and signature: Python's hashlib.
TEST_CASE("login_as_server: SCRAM, also where md5 is the method and the secret is SCRAM's") {
  const auto nonces = "cnonce" + server_nonce;
  const conversation lines = {
      says(authentication::sasl({"SCRAM-SHA-256"})),
      hears(wire::sasl_initial_response{"SCRAM-SHA-256", true, "n,,n=,r=cnonce"}),
      says(authentication{auth_code::sasl_continue, "r=" + nonces + ",s=c29tZSBzYWx0,i=2"}),
      hears(wire::sasl_response{"c=biws,r=" + nonces + ",p=RkGuqYf1I+lFwIncAlT642FK4IW3i25AvVLQqweWkfE="}),
      says(authentication{auth_code::sasl_final, "v=1Zb0tKsr12A261ajFSWPYe0VD5utZCalhAV0aL+PYhA="}),
  };
  for (const auto how : {method::md5, method::scram_sha_256}) {
    auto machine = server(how, stored_as(kind::scram));
    CHECK(play(machine, lines).state == login_state::done);
    check_over(machine, lines);
  }
}

TEST_CASE("login_as_server: every method with every stored form: the right password in, all others out") {
  for (const auto how : all_methods) {
    for (const auto what : all_kinds) {
      CAPTURE(static_cast<int>(how));
      CAPTURE(static_cast<int>(what));
      const bool possible = what != kind::none && !(how == method::scram_sha_256 && what == kind::md5);
      const auto right = log_in(server(how, stored_as(what)), password);
      CHECK((right.last.state == login_state::done) == possible);
      if (!possible) check_wrong_password(right.last);
      for (const auto& other : {wrong, std::string(), password + ' ', password.substr(1), "ANN'S SECRET"s, user,
                                stored_as(what).text, std::string(60000, 'p')}) {
        if (other == password) continue;
        CAPTURE(other.substr(0, 50));
        if (what == kind::clear && other == stored_as(what).text) continue;
        check_wrong_password(log_in(server(how, stored_as(what)), other).last);
      }
    }
  }
}

TEST_CASE("login_as_server: the stored text itself is no answer to a challenge") {
  for (const auto what : {kind::clear, kind::md5}) {
    for (const auto& answer : {stored_as(kind::md5).text, password, "md5"s, ""s, md5_hex(password + user),
                               md5_answer(password, "9999"), md5_answer(password).substr(3)}) {
      auto machine = server(method::md5, stored_as(what));
      machine.start();
      check_wrong_password(resume(machine, as_bytes(password_message{answer})));
    }
  }
  // What the machine compares with when there is no secret must not be one.
  for (const auto& inner : {std::string(32, '?'), std::string(32, '0'), std::string(), md5_hex(user)}) {
    auto machine = server(method::md5, {});
    machine.start();
    check_wrong_password(resume(machine, as_bytes(password_message{"md5" + md5_hex(inner + md5_salt)})));
  }
}

TEST_CASE("login_as_server: a wrong password ends it, the right one does not help any more") {
  for (const auto how : all_methods) {
    for (const auto what : {kind::clear, kind::scram}) {
      const auto right = script(how, what);
      auto machine = server(how, stored_as(what));
      auto step = machine.start();
      if (right.size() > 2) step = resume(machine, right[1].bytes);
      check_refused(resume(machine, as_bytes(password_message{wrong})), {"28P01"});
      check_over(machine, right);
    }
  }
}

TEST_CASE("login_as_server: an empty password is never right (CVE-2017-7546)") {
  for (const auto& secret : {stored_secret{}, stored_secret{kind::clear, ""}, stored_as(kind::md5, ""),
                             stored_as(kind::scram, ""), stored_secret::from_text("")}) {
    check_wrong_password(log_in(server(method::plain, secret), "").last);
  }
  for (const auto how : all_methods) {
    check_wrong_password(log_in(server(how, {kind::clear, ""}), "").last);
    check_wrong_password(log_in(server(how, stored_secret::from_text("")), "").last);
  }
}

TEST_CASE("login_as_server: long passwords") {
  for (const std::size_t size : {1000, 9999, 65535}) {
    const std::string text(size, 'p');
    for (const auto how : all_methods) {
      for (const auto what : {kind::clear, kind::scram}) {
        CHECK(log_in(server(how, stored_as(what, text)), text).last.state == login_state::done);
        check_wrong_password(log_in(server(how, stored_as(what, text)), text.substr(1)).last);
      }
    }
  }
}

TEST_CASE("login_as_server: passwords beyond ASCII, as typed and as stored") {
  const std::string composed = "p\u00e4ss, ann's secret\u00a0", decomposed = "pa\u0308ss, ann's secret ";
  for (const auto how : {method::plain, method::md5, method::scram_sha_256}) {
    CHECK(log_in(server(how, stored_as(kind::scram, composed)), decomposed).last.state == login_state::done);
    CHECK(log_in(server(how, stored_as(kind::clear, composed)), composed).last.state == login_state::done);
  }
  CHECK(log_in(server(method::scram_sha_256, stored_as(kind::clear, decomposed)), composed).last.state ==
        login_state::done);
}

TEST_CASE("login_as_server: an unknown user is told and shown what a known one with a wrong password is") {
  for (const auto how : all_methods) {
    const auto unknown = log_in(server(how, {}, "ann"), wrong);
    check_wrong_password(unknown.last);
    for (const auto what : {kind::clear, kind::md5}) {
      const auto known = log_in(server(how, stored_as(what)), wrong);
      CHECK(known.last.error == unknown.last.error);
      REQUIRE(known.lines.size() == unknown.lines.size());
      for (std::size_t i = 0; i < known.lines.size(); ++i) {
        CHECK(known.lines[i].heard == unknown.lines[i].heard);
        if (!known.lines[i].heard) CHECK(known.lines[i].bytes == unknown.lines[i].bytes);  // with the salt
      }
    }
  }
}

std::string salt_of(const std::string& name, const std::string& random, const std::string& of_process) {
  login_as_server machine(method::scram_sha_256, name, {}, random, of_process);
  machine.start();
  const auto step = resume(machine, as_bytes(wire::sasl_initial_response{"SCRAM-SHA-256", true, "n,,n=,r=cnonce"}));
  const auto at = step.send.find(",s=");
  REQUIRE(at != std::string::npos);
  CHECK(step.send.ends_with(",i=4096"));
  return step.send.substr(at + 3, 24);
}

TEST_CASE("login_as_server: the salt of an unknown user is that of the name, and looks like PostgreSQL's") {
  const auto salt = salt_of("bob", entropy, "process secret");
  std::string bytes;
  REQUIRE(base64_decode(salt, bytes));
  CHECK(bytes.size() == 16);
  CHECK(salt_of("bob", std::string(40, 'x'), "process secret") == salt);
  CHECK(salt_of("bobby", entropy, "process secret") != salt);
  CHECK(salt_of("bob", entropy, "other") != salt);  // nobody can compute it
}

TEST_CASE("login_as_server: challenges are of this login alone") {
  const auto challenges = [](method how, const std::string& random) {
    login_as_server machine(how, user, stored_as(kind::clear), random, "process secret");
    auto first = machine.start().send;
    if (how == method::scram_sha_256)
      return resume(machine, as_bytes(wire::sasl_initial_response{"SCRAM-SHA-256", true, "n,,n=,r=cnonce"})).send;
    return first;
  };
  for (const auto how : {method::md5, method::scram_sha_256}) {
    CHECK(challenges(how, entropy) != challenges(how, std::string(40, 'x')));
  }
  // No byte of the md5 salt is in the nonce: one is sent in clear while the other is still to be used.
  CHECK(server_nonce.size() == 24);
}

TEST_CASE("login_as_server: a password before it is due, and after") {
  for (const auto how : {method::trust, method::plain, method::md5, method::scram_sha_256}) {
    auto machine = server(how, stored_as(kind::clear));
    check_refused(resume(machine, as_bytes(password_message{password})), {"08P01"});
  }
  // SCRAM: the proof first, and the first message twice.
  const auto lines = script(method::scram_sha_256, kind::scram);
  auto machine = server(method::scram_sha_256, stored_as(kind::scram));
  machine.start();
  check_refused(resume(machine, lines[3].bytes), {"08P01"});
  check_over(machine, lines);
  auto other = server(method::scram_sha_256, stored_as(kind::scram));
  play(other, lines, 3);
  check_refused(resume(other, lines[1].bytes), {"28P01", "08P01"});
  check_over(other, lines);
}

TEST_CASE("login_as_server: whatever goes wrong at whatever step ends the login") {
  for (const auto how : all_methods) {
    for (const auto what : {kind::clear, kind::md5, kind::scram}) {
      if (how == method::scram_sha_256 && what == kind::md5) continue;
      CAPTURE(static_cast<int>(how));
      CAPTURE(static_cast<int>(what));
      const auto lines = script(how, what);
      break_each_step([&] { return server(how, stored_as(what)); }, lines, {"08P01", "28P01"});
    }
  }
}

TEST_CASE("login_as_server: malformed first messages of SCRAM") {
  for (const auto body : {
           ""sv,
           "\0"sv,
           "SCRAM-SHA-256"sv,
           "SCRAM-SHA-256\0"sv,
           "SCRAM-SHA-256\0\0\0\0"sv,
           "SCRAM-SHA-256\0\0\0\0\0"sv,
           "SCRAM-SHA-256\0\xff\xff\xff\xff"sv,  // no initial response
           "SCRAM-SHA-256\0\x7f\xff\xff\xffn,,n=,r=abc"sv,
           "SCRAM-SHA-256\0\xff\xff\xff\xfen,,n=,r=abc"sv,
           "SCRAM-SHA-256\0\0\0\0\x0bn,,n=,r=abcd"sv,
           "SCRAM-SHA-256\0\0\0\0\x0cn,,n=,r=abc"sv,
           "scram-sha-256\0\0\0\0\x0bn,,n=,r=abc"sv,
           "SCRAM-SHA-1\0\0\0\0\x0bn,,n=,r=abc"sv,
           "\0\0\0\0\x0bn,,n=,r=abc"sv,
           "SCRAM-SHA-256-PLUS\0\0\0\0\x0bn,,n=,r=abc"sv,
           "SCRAM-SHA-256\0\0\0\0\x0dp=x,,n=,r=abc"sv,
       }) {
    CAPTURE(body);
    auto machine = server(method::scram_sha_256, stored_as(kind::scram));
    machine.start();
    check_refused(machine.resume('p', std::string(body)), {"08P01"});
  }
}

TEST_CASE("login_as_server: the forms of a secret are told by their text") {
  const auto scram = stored_as(kind::scram).text;
  const auto md5 = stored_as(kind::md5).text;
  CHECK(stored_secret::from_text("").what == kind::none);
  CHECK(stored_secret::from_text(scram).what == kind::scram);
  CHECK(stored_secret::from_text(md5).what == kind::md5);
  CHECK(stored_secret::from_text("md5").what == kind::clear);
  CHECK(stored_secret::from_text(md5 + '0').what == kind::clear);
  CHECK(stored_secret::from_text("md5" + std::string(32, 'x')).what == kind::clear);
  CHECK(stored_secret::from_text(password).what == kind::clear);
}

TEST_CASE("login_as_server: a secret that is broken lets nobody in, least of all who knows its text") {
  const auto scram = stored_as(kind::scram).text;
  for (const auto& text : {scram + 'x', scram.substr(0, scram.size() - 1), "SCRAM-SHA-256$"s,
                           "SCRAM-SHA-256$99999999" + scram.substr(scram.find(':'))}) {
    CAPTURE(text);
    for (const auto how : all_methods) {
      for (const auto& with : {text, password})
        check_wrong_password(log_in(server(how, stored_secret::from_text(text)), with).last);
    }
  }
}

TEST_CASE("login_as_server: md5 secrets in capitals are md5 secrets, not passwords") {
  auto text = stored_as(kind::md5).text;
  for (auto& c : text) {
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  }
  text[0] = 'm', text[1] = 'd';
  for (const auto how : {method::plain, method::md5}) {
    CHECK(log_in(server(how, stored_secret::from_text(text)), password).last.state == login_state::done);
    check_wrong_password(log_in(server(how, stored_secret::from_text(text)), text).last);
  }
}

}  // namespace
}  // namespace forebay::fsm::test
