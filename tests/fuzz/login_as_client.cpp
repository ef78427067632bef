#include "protocol/fsm/login_as_client.hpp"

#include "input.hpp"
#include "protocol/fsm/crypto.hpp"
#include "protocol/wire/auth.hpp"
#include "protocol/wire/startup.hpp"
#include "protocol/wire/status.hpp"

// A hostile server: any sequence of messages. It is told the password at most once, in the way it asked for first, and
// after a SCRAM challenge nothing but the server's own proof leads to a session.
namespace forebay::fuzz {
namespace {

using fsm::login_state;

const std::string clear = "secret";
constexpr std::size_t proof_size = 9 + 46;  // of AuthenticationSASLFinal: header and code, then "v=" and 44 digits
constexpr std::string_view nonce = "0123456789abcdefgh";

std::string password_of_kind(std::size_t kind) {
  const std::string kinds[] = {clear, "", "md5" + std::string(32, 'a'),
                               fsm::scram_secret::derive(clear, "salt", 1).text()};
  return kinds[kind];
}

// What a client has proved, of the same secret.
fsm::scram_keys keys_of_proof() {
  const auto salted = fsm::pbkdf2_sha256(clear, "salt", 1);
  return {1, "salt", fsm::hmac_sha256(salted, "Client Key"), fsm::hmac_sha256(salted, "Server Key")};
}

// What only a server that knows the password can say, worked out from the messages before (RFC 5802, 3).
struct exchange {
  std::string hello, challenge, answer;

  std::string proof() const {
    const auto salt_at = challenge.find(",s=") + 3, count_at = challenge.find(",i=", salt_at);
    std::string salt;
    fsm::base64_decode(std::string_view(challenge).substr(salt_at, count_at - salt_at), salt);
    const auto iterations = static_cast<unsigned>(std::stoul(challenge.substr(count_at + 3)));
    const auto all = hello + ',' + challenge + ',' + answer.substr(0, answer.rfind(",p="));
    return fsm::hmac_sha256(fsm::scram_secret::derive(clear, salt, iterations).server_key, all);
  }
};

void run(std::string_view bytes) {
  input in(bytes);
  if (costly(bytes)) return;
  const auto kind = in.below(4);
  const auto password = password_of_kind(kind);
  fsm::scram_cache cache;
  auto* const caching = in.below(2) ? &cache : nullptr;
  const auto keys = kind == 3 ? std::optional(keys_of_proof()) : std::nullopt;
  fsm::login_as_client machine({{"user", "app"}, {"database", "db"}}, {"app", password, keys}, nonce, caching);
  machine.start();
  std::optional<exchange> scram;
  bool proved = false;
  int answers = 0;
  std::size_t received = 0;
  while (!in.empty()) {
    const auto m = in.next_message();
    received += m.body.size();
    if (scram && m.type == 'R' && m.body.starts_with(std::string_view("\0\0\0\x0cv=", 6))) {
      std::string proof;
      fsm::base64_decode(m.body.substr(6, m.body.find(',', 6) - 6), proof);
      proved = proved || (!scram->answer.empty() && proof == scram->proof());
    }
    const auto step = machine.resume(m.type, m.body);
    reframed sent;
    expect(sent.feed(step.send, [&](const wire::piece& p) {
      expect(p.type == 'p');
      if (const auto initial = wire::sasl_initial_response::decode(p.body())) {
        scram.emplace().hello = initial->data.substr(3);
        return;
      }
      if (scram) scram->challenge = m.body.substr(4), scram->answer = p.body();
      ++answers;
      const bool asked = m.type == 'R' && m.body == std::string_view("\0\0\0\3", 4);
      expect(p.body().find(clear) == std::string_view::npos || (asked && kind == 0));
    }));
    expect(sent.at_boundary() && answers <= 1);
    if (step.state == login_state::more) continue;
    expect(step.state != login_state::done || !scram || proved);
    expect(step.state == login_state::done || !step.error.message.empty() || m.type == 'E');
    break;
  }
  std::size_t kept = machine.session().cancel_key.size();
  for (const auto& [name, value] : machine.session().parameters)
    kept += name.size() + value.size();
  expect(kept <= received);
}

std::string greeting() {
  return wire::encode(wire::authentication{}) + wire::encode(wire::parameter_status{"TimeZone", "UTC"}) +
         wire::encode(wire::backend_key_data{1, "key!"}) + wire::encode(wire::ready_for_query{});
}

// The honest server's half, which is always the same as the client's nonce is.
std::string scram_conversation() {
  fsm::login_as_client client({}, {"app", clear}, nonce, nullptr);
  fsm::scram_server server(fsm::scram_secret::derive(clear, "salt", 1), "servernonce");
  const auto offer = wire::authentication::sasl({fsm::scram_mechanism});
  const auto hello = client.resume('R', std::string_view(offer).substr(5)).send;
  const auto first = wire::sasl_initial_response::decode(std::string_view(hello).substr(5));
  const auto challenge = server.first(first->data);
  const auto asked = wire::encode(wire::authentication{wire::auth_code::sasl_continue, *challenge});
  const auto proof = client.resume('R', std::string_view(asked).substr(5)).send;
  const auto final = server.final(std::string_view(proof).substr(5));
  return offer + asked + wire::encode(wire::authentication{wire::auth_code::sasl_final, *final});
}

std::vector<std::string> seeds() {
  const auto plain = wire::encode(wire::authentication{wire::auth_code::cleartext_password, {}});
  const auto md5 = wire::encode(wire::authentication{wire::auth_code::md5_password, "salt"});
  std::vector<std::string> all;
  for (const std::string& kind : {std::string("\0\0", 2), std::string("\2\0", 2), std::string("\3\1", 2)}) {
    for (const auto& asked : {std::string(), plain, md5, scram_conversation()})
      all.push_back(kind + asked + greeting());
  }
  // The proof left out, and another one.
  const auto scram = scram_conversation();
  const auto unproved = scram.substr(0, scram.size() - proof_size);
  const std::string wrong = "v=" + fsm::base64(std::string(32, 'x'));
  all.push_back(std::string("\0\0", 2) + unproved + greeting());
  all.push_back(std::string("\0\0", 2) + unproved + wire::encode(wire::authentication{}) + greeting());
  all.push_back(std::string("\0\0", 2) + unproved +
                wire::encode(wire::authentication{wire::auth_code::sasl_final, wrong}) + greeting());
  all.push_back(std::string("\0\0", 2) + wire::encode(wire::notice_response{{{'M', "hello"}}}) +
                wire::encode(wire::error_response{{{'S', "FATAL"}, {'C', "28P01"}, {'M', "no"}}}));
  all.push_back(std::string("\0\0", 2) + wire::encode(wire::negotiate_protocol_version{3U << 16, {"_pq_.x"}}) +
                greeting());
  return all;
}

const registered here{{"login_as_client", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
