#include <string>
#include <string_view>
#include <vector>

#include "conversation.hpp"
#include "login_scripts.hpp"
#include "protocol/fsm/crypto.hpp"
#include "protocol/fsm/login_as_client.hpp"
#include "protocol/wire/auth.hpp"
#include "protocol/wire/notice.hpp"
#include "protocol/wire/status.hpp"

// Servers that lie, or ask for what we have not got.
namespace forebay::fsm::test {
namespace {

using namespace std::string_view_literals;

// The last step after these messages, none of which but the last may end it.
login_step hear(login_as_client& machine, const std::vector<std::string>& messages) {
  auto step = machine.start();
  for (const auto& message : messages) {
    REQUIRE(step.state == login_state::more);
    step = resume(machine, message);
  }
  return step;
}
login_step hear(const std::vector<std::string>& messages, const std::string& with = password) {
  auto machine = client(with);
  return hear(machine, messages);
}

const std::string ok = as_bytes(authentication{});
const std::string clear = as_bytes(authentication{auth_code::cleartext_password, {}});
const std::string md5 = as_bytes(authentication{auth_code::md5_password, "salt"});
const std::string sasl = authentication::sasl({"SCRAM-SHA-256"});
const std::string challenge = scram_login()[3].bytes;
const std::string signature = scram_login()[5].bytes;
const std::string ready = as_bytes(wire::ready_for_query{'I'});

TEST_CASE("login_as_client: a server must prove that it knows the password before it says that we are in") {
  check_refused(hear({sasl, ok}), {"08P01"});
  check_refused(hear({sasl, challenge, ok}), {"28000", "08P01"});
  for (const auto data : {"", "v=", "v=AAAA", "e=invalid-proof", "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}) {
    check_refused(hear({sasl, challenge, as_bytes(authentication{auth_code::sasl_final, data})}), {"28000"});
  }
  // The right signature, but of another challenge.
  for (const auto other : {",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=5", ",s=c2FsdA==,i=4"}) {
    const auto data = "r=" + nonce + "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0" + other;
    check_refused(hear({sasl, as_bytes(authentication{auth_code::sasl_continue, data}), signature}), {"28000"});
  }
  // What is said would be right, but not under this name.
  const auto renamed = [](std::string message, auth_code code) {
    message[8] = static_cast<char>(code);
    return message;
  };
  check_refused(hear({sasl, challenge, renamed(signature, auth_code::sasl_continue)}), {"28000"});
  check_refused(hear({sasl, renamed(challenge, auth_code::sasl_final)}), {"08P01"});
  check_refused(hear({sasl, renamed(challenge, auth_code::sasl)}), {"08P01"});
  check_refused(hear({sasl, signature}), {"08P01"});
  check_refused(hear({sasl, challenge, challenge}), {"28000", "08P01"});
  check_refused(hear({signature}), {"08P01", "28000"});
  check_refused(hear({challenge}), {"08P01", "28000"});
  CHECK(hear({sasl, challenge, signature, ok}).state == login_state::more);
}

TEST_CASE("login_as_client: a server asks once: not again in a weaker way") {
  for (const auto& again : {clear, md5, sasl, challenge, signature}) {
    for (const auto& first : {clear, md5})
      check_refused(hear({first, again}), {"08P01"});
    check_refused(hear({sasl, challenge, signature, again}), {"08P01"});
    check_refused(hear({ok, again}), {"08P01"});
    if (again != challenge) check_refused(hear({sasl, again}), {"08P01"});
    if (again != signature) check_refused(hear({sasl, challenge, again}), {"08P01", "28000"});
  }
  check_refused(hear({ok, ok}), {"08P01"});
}

TEST_CASE("login_as_client: what we cannot answer is not the server's fault") {
  const auto hash = "md5" + md5_hex(password + user);
  const auto secret = scram_secret::derive(password, "salt", 2).text();
  struct {
    std::string question, password;
  } const cases[] = {
      {clear, ""},
      {md5, ""},
      {sasl, ""},  // none is configured
      {clear, hash},
      {sasl, hash},  // a hash must not be sent, and is not enough
      {clear, secret},
      {md5, secret},
      {sasl, secret},
      {clear, secret + 'x'},
      {md5, secret + 'x'},
      {sasl, secret + 'x'},  // broken
      {authentication::sasl({}), password},
      {authentication::sasl({"SCRAM-SHA-256-PLUS"}), password},
      {authentication::sasl({"SCRAM-SHA-1", "OAUTHBEARER"}), password},
      {authentication::sasl({"scram-sha-256"}), password},
      {authentication::sasl({"SCRAM-SHA-25"}), password},
      {as_bytes(authentication{auth_code::sasl, "SCRAM-SHA-256"}), password},  // a list without an end
      {as_bytes(authentication{auth_code::gss, {}}), password},
      {as_bytes(authentication{auth_code::sspi, {}}), password},
      {as_bytes(authentication{auth_code::kerberos_v5, {}}), password},
      {as_bytes(authentication{auth_code::gss_continue, "x"}), password},
  };
  for (const auto& c : cases) {
    CAPTURE(&c - cases);
    check_refused(hear({c.question}, c.password), {"28000"});
  }
  CHECK(hear({ok}, "").state == login_state::more);
}

TEST_CASE("login_as_client: a password that only begins like a hash is one") {
  for (const auto& text : {"md5"s, "md5 secret"s, "md5" + std::string(32, 'x'), "md5" + std::string(31, 'a')}) {
    const auto step = hear({clear}, text);
    CHECK(step.state == login_state::more);
    CHECK(step.send == as_bytes(password_message{text}));
    CHECK(hear({sasl}, text).state == login_state::more);
  }
}

TEST_CASE("login_as_client: methods that nobody knows") {
  for (const auto code : {"\0\0\0\x01"sv, "\0\0\0\x04"sv, "\0\0\0\x06"sv, "\0\0\0\x0d"sv, "\xff\xff\xff\xff"sv, ""sv,
                          "\0\0\0"sv, "\0\0\0\0\0"sv, "\0\0\0\x05"sv, "\0\0\0\x05salty"sv}) {
    auto machine = client();
    machine.start();
    check_refused(machine.resume('R', std::string(code)), {"08P01"});
  }
}

TEST_CASE("login_as_client: nonces, salts and iterations of a hostile server (CVE-2026-6665)") {
  const auto with = [](const std::string& data) {
    return hear({sasl, as_bytes(authentication{auth_code::sasl_continue, data})});
  };
  for (const std::size_t size : {1024, 4096, 65000}) {
    const auto nonces = nonce + std::string(size, 'n');
    const auto step = with("r=" + nonces + ",s=" + base64(std::string(size, 's')) + ",i=1");
    CHECK(step.state == login_state::more);
    const auto body = body_of(step.send);
    CHECK(body.starts_with("c=biws,r=" + nonces + ",p="));
    CHECK(body.size() == 9 + nonces.size() + 3 + 44);
    check_refused(with("r=" + std::string(size, 'n') + ",s=c2FsdA==,i=1"), {"08P01"});
    check_refused(with("r=" + nonces + ",s=" + std::string(size, '=') + ",i=1"), {"08P01"});
    check_refused(with("r=" + nonces + ",s=c2FsdA==,i=" + std::string(size, '1')), {"08P01"});
  }
  for (const auto iterations : {"0", "-1", "10000001", "4294967297", ""}) {
    check_refused(with("r=" + nonce + "x,s=c2FsdA==,i=" + iterations), {"08P01"});
  }
  check_refused(with("r=" + nonce + ",s=c2FsdA==,i=1"), {"08P01"});
  check_refused(with(""), {"08P01"});
}

TEST_CASE("login_as_client: nothing that belongs after AuthenticationOk is taken before it") {
  const auto parameter = as_bytes(wire::parameter_status{"server_version", "15.4"});
  const auto key = as_bytes(wire::backend_key_data{1, "abcd"});
  for (const auto& early : {parameter, key, ready}) {
    for (const auto& so_far :
         {std::vector<std::string>{}, {clear}, {md5}, {sasl}, {sasl, challenge}, {sasl, challenge, signature}}) {
      auto messages = so_far;
      messages.push_back(early);
      auto machine = client();
      check_refused(hear(machine, messages), {"08P01"});
      CHECK(machine.session().parameters.empty());
      CHECK(machine.session().cancel_key == "");
    }
  }
}

TEST_CASE("login_as_client: a server that is not idle after login") {
  for (const auto status : {"T"sv, "E"sv, "X"sv, "\0"sv, ""sv, "II"sv, "i"sv}) {
    auto machine = client();
    hear(machine, {ok});
    check_refused(machine.resume('Z', std::string(status)), {"08P01"});
  }
}

TEST_CASE("login_as_client: parameters without end") {
  const auto parameters_until_refused = [](const std::string& value) {
    auto machine = client();
    auto step = hear(machine, {ok});
    std::size_t bytes = 0;
    while (step.state == login_state::more && bytes < 200'000) {
      step = resume(machine, as_bytes(wire::parameter_status{"name", value}));
      bytes += 6 + value.size();
    }
    check_refused(step, {"08P01"});
    return bytes;
  };
  for (const auto& value : {""s, "x"s, std::string(1000, 'x'), std::string(65000, 'x'), std::string(150'000, 'x')}) {
    const auto bytes = parameters_until_refused(value);
    CHECK(bytes > 65536);
    CHECK(bytes <= 65536 + 6 + value.size());
  }
  for (const auto body : {""sv, "name"sv, "name\0"sv, "name\0value"sv, "name\0value\0x"sv}) {
    auto machine = client();
    hear(machine, {ok});
    check_refused(machine.resume('S', std::string(body)), {"08P01"});
  }
}

TEST_CASE("login_as_client: errors with a field missing, empty, twice or without end (CVE-2026-6666)") {
  const wire::error_response whole{
      {{'S', "ERROR"}, {'V', "ERROR"}, {'C', "42601"}, {'M', "what"}, {'D', "more"}, {'H', "help"}}};
  const auto told = [](const wire::error_response& error) {
    const auto step = hear({as_bytes(error)});
    check_refused(step, {"42601", "XX000"});
    return step.error;
  };
  CHECK(told(whole) == wire::pg_error{"42601", "what", "more", "help", wire::severity::fatal});
  for (std::size_t i = 0; i < whole.fields.size(); ++i) {
    CAPTURE(i);
    auto missing = whole, empty = whole, twice = whole;
    missing.fields.erase(missing.fields.begin() + static_cast<std::ptrdiff_t>(i));
    empty.fields[i].second = {};
    twice.fields.emplace_back(whole.fields[i].first, "again");
    CHECK(told(missing) == told(empty));
    CHECK(told(twice) == told(whole));  // the first counts
  }
  CHECK(told({}).sqlstate == "XX000");
  const auto bytes = body_of(as_bytes(whole));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    auto machine = client();
    machine.start();
    check_refused(machine.resume('E', bytes.substr(0, size)), {"08P01"});
  }
  auto machine = client();
  machine.start();
  check_refused(machine.resume('E', bytes + 'x'), {"08P01"});
}

TEST_CASE("login_as_client: an SQLSTATE is five letters or digits, or none") {
  for (const auto code : {"4260", "426011", "42 01", "42\n01", "4260a", "\xff\xff\xff\xff\xff", "-----"}) {
    CAPTURE(code);
    check_refused(hear({as_bytes(wire::error_response{{{'C', code}, {'M', "what"}}})}), {"XX000"});
  }
  check_refused(hear({as_bytes(wire::error_response{{{'C', std::string(60000, 'X')}, {'M', "what"}}})}), {"XX000"});
  check_refused(hear({as_bytes(wire::error_response{{{'C', "XX0A9"}, {'M', "what"}}})}), {"XX0A9"});
}

}  // namespace
}  // namespace forebay::fsm::test
