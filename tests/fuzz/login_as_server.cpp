#include "protocol/fsm/login_as_server.hpp"

#include "input.hpp"
#include "protocol/fsm/login_as_client.hpp"
#include "protocol/wire/auth.hpp"

// A hostile client, which may know the password or not. It must never be let in without: neither by what it sends
// itself, nor by a change to what an honest client would have sent.
namespace forebay::fuzz {
namespace {

using fsm::login_as_server;
using fsm::login_state;
using fsm::stored_secret;

const std::string user = "app";
const std::string right = "secret";

std::string stored_form(std::size_t kind) {
  static const std::string forms[] = {right, fsm::scram_secret::derive(right, "saltsalt", 1).text(),
                                      "md56a422f785c9e20873908ce25d1736ae2", ""};
  return forms[kind];
}

enum class knows : std::uint8_t { password, nothing };

// Choices: the method, what is stored, what the client knows; then per turn its answer, or a message of the input.
void run(std::string_view bytes) {
  input in(bytes);
  const auto how = static_cast<login_as_server::method>(in.below(4));
  const auto kind = in.below(4);
  const auto who = static_cast<knows>(in.below(2));
  const auto form = stored_form(kind);
  login_as_server server(how, user, stored_secret::from_text(form), std::string(login_as_server::entropy_size, 'e'),
                         "process secret");
  // Its honest half. A stored md5 hash is as good as the password where md5 is asked.
  fsm::login_as_client client({}, {user, who == knows::password ? right : "wrong"}, "client nonce", nullptr);
  auto step = server.start();
  bool honest = true;
  for (int turn = 0; step.state == login_state::more && turn < 8; ++turn) {
    if (turn > 0 && in.empty() && !honest) return;
    std::string answer;
    reframed asked;
    expect(asked.feed(step.send, [&](const wire::piece& p) { answer += client.resume(p.type, p.body()).send; }));
    std::string_view framed = answer;
    const auto choice = in.below(3);
    if (choice == 1) {  // one byte of it is another
      const auto at = in.u16() % (answer.size() + 1);
      const auto change = in.u8();
      if (at < answer.size()) answer[at] = static_cast<char>(answer[at] ^ change);
      honest = honest && (at >= answer.size() || change == 0);
    }
    input::message m{};
    if (choice == 2 || framed.empty()) {
      m = in.next_message();
      honest = false;
    } else {
      m = input(framed).next_message();
    }
    const std::string password = m.body.empty() ? "" : std::string(m.body.substr(0, m.body.size() - 1));
    step = server.resume(m.type, m.body);
    if (step.state != login_state::done) continue;
    const bool guessed = how == login_as_server::method::plain && password == right;
    expect(kind != 3 && (who == knows::password || guessed));
  }
  if (how == login_as_server::method::trust) expect(step.state == login_state::done);
  // Judged again by the same secret it is as wrong as before, and by none as well.
  if (step.state == login_state::failed && server.was_wrong()) {
    expect(server.again(stored_secret::from_text(form)).state == login_state::failed);
    expect(server.again({}).state == login_state::failed);
  }
  if (step.state == login_state::done) {
    const auto proof = server.proof();
    expect(proof.password.empty() || proof.password == right || proof.password == form);
  }
  if (step.state == login_state::failed) expect(step.error.level == wire::severity::fatal && step.send.empty());
  // A stored md5 hash is no key to SCRAM; a SCRAM secret is asked for by SCRAM.
  const bool possible = kind < 2 || (kind == 2 && how != login_as_server::method::scram_sha_256);
  const bool lets_in = how == login_as_server::method::trust || (who == knows::password && possible);
  if (honest) expect((step.state == login_state::done) == lets_in);
}

std::vector<std::string> seeds() {
  std::vector<std::string> all;
  for (std::size_t how = 0; how < 4; ++how) {
    for (std::size_t kind = 0; kind < 4; ++kind) {
      for (std::size_t who = 0; who < 2; ++who)
        all.push_back(in_u8(how) + in_u8(kind) + in_u8(who));
    }
    const auto raw = in_u8(how) + in_u8(1) + in_u8(1);
    all.push_back(raw + in_u8(2) + wire::encode(wire::password_message{"guess"}));
    all.push_back(raw + in_u8(2) + wire::encode(wire::sasl_initial_response{fsm::scram_mechanism, true, "n,,n=,r=x"}) +
                  in_u8(2) + wire::encode(wire::sasl_response{"c=biws,r=x,p="}));
    all.push_back(in_u8(how) + in_u8(1) + in_u8(0) + in_u8(0) + in_u8(1) + std::string("\0\x2a\1", 3));
  }
  return all;
}

const registered here{{"login_as_server", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
