#include "protocol/fsm/scram.hpp"

#include "input.hpp"
#include "protocol/fsm/crypto.hpp"

// Both roles against each other, with somebody between them who may change any message.
namespace forebay::fuzz {
namespace {

// One change to a message, as the input says; none at its end.
std::string tampered(input& in, std::string message) {
  const auto at = in.u8() % (message.size() + 1);
  switch (in.below(5)) {
    case 1:
      if (at < message.size()) message[at] = static_cast<char>(in.u8());
      break;
    case 2:
      message.insert(at, in.text());
      break;
    case 3:
      message.erase(at, in.u8());
      break;
    case 4:
      message = in.text();
      break;
    default:
      break;
  }
  return message;
}

// The same but for the bits of the last base64 digit that carry nothing.
bool same_proof(std::string_view sent, std::string_view got) {
  constexpr std::size_t loose = 2;  // one digit and '='
  return got.size() == sent.size() && got.substr(0, got.size() - loose) == sent.substr(0, sent.size() - loose);
}

void run(std::string_view bytes) {
  input in(bytes);
  const auto how = in.below(4);
  const bool right = how % 2 == 0, bound = how >= 2;
  const std::string binding = bound ? "hash" : "";
  const auto iterations = 1 + static_cast<unsigned>(in.below(4));
  fsm::scram_cache cache;
  fsm::scram_server server(fsm::scram_secret::derive("secret", "saltsalt", iterations), "servernonce", binding);
  fsm::scram_client client(right ? "secret" : "wrong", "clientnonce", &cache, binding);

  const auto hello = client.first(bound);
  const auto hello_got = tampered(in, hello);
  const auto challenge = server.first(hello_got, bound);
  expect(challenge || hello_got != hello);
  if (!challenge) return;
  const auto challenge_got = tampered(in, *challenge);
  if (costly(challenge_got)) return;
  const auto proof = client.final(challenge_got);
  expect(proof || challenge_got != *challenge || hello_got != hello);
  if (!proof) return;
  const auto proof_got = tampered(in, *proof);
  const bool untouched = hello_got == hello && challenge_got == *challenge;
  const auto outcome = server.final(proof_got);
  if (outcome) expect(right && untouched && same_proof(*proof, proof_got));
  if (right && untouched && proof_got == *proof) expect(outcome.has_value());
  if (!outcome) {
    expect(!client.verify(tampered(in, "v=" + fsm::base64(std::string(32, 'x')))));
    return;
  }
  const auto outcome_got = tampered(in, *outcome);
  const auto value = std::string_view(outcome_got).substr(0, outcome_got.find(','));  // what follows may be anything
  expect(client.verify(outcome_got) ? same_proof(*outcome, value) : outcome_got != *outcome);
}

std::vector<std::string> seeds() {
  const std::string none("\0\0", 2);
  return {none,
          std::string("\1\0", 2),
          std::string("\2\0", 2),
          std::string("\2\0\0\4", 4) + in_text("p=tls-server-end-point,,n=,r=clientnonce"),
          none + none + std::string("\3\1,", 3),
          none + std::string("\0\4", 2) + in_text("n,,n=,r=clientnonce"),
          none + none + std::string("\0\4", 2) + in_text("r=clientnonceservernonce,s=c2FsdHNhbHQ=,i=1"),
          none + none + none + std::string("\0\4", 2) + in_text("c=biws,r=clientnonceservernonce,p=AAAA"),
          none + none + none + none + std::string("\0\4", 2) + in_text("v=AAAA")};
}

const registered here{{"scram", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
