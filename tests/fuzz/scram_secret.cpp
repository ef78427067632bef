#include "input.hpp"
#include "protocol/fsm/login_as_server.hpp"
#include "protocol/fsm/scram.hpp"

// PostgreSQL's stored form of a password: what is understood, is written again so that it means the same.
namespace forebay::fuzz {
namespace {

void run(std::string_view text) {
  const auto stored = fsm::stored_secret::from_text(std::string(text));
  const auto secret = fsm::scram_secret::parse(text);
  expect(secret.has_value() == (stored.what == fsm::stored_secret::kind::scram));
  if (!secret) return;
  expect(secret->iterations >= 1 && secret->iterations <= fsm::scram_max_iterations && !secret->salt.empty());
  expect(secret->stored_key.size() == 32 && secret->server_key.size() == 32);
  const auto again = fsm::scram_secret::parse(secret->text());
  expect(again && again->text() == secret->text() && again->salt == secret->salt &&
         again->iterations == secret->iterations);
}

std::vector<std::string> seeds() {
  return {fsm::scram_secret::derive("secret", "saltsaltsaltsalt", 1).text(),
          fsm::scram_secret::derive("secret", "s", 1).text(),
          "md5" + std::string(32, 'a'),
          "SCRAM-SHA-256$10000000:c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
          "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=",
          "SCRAM-SHA-256$4096:c2FsdA==$AAAA:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=",
          "secret"};
}

const registered here{{"scram_secret", run, seeds}};

}  // namespace
}  // namespace forebay::fuzz
