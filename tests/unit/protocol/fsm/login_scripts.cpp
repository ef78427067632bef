#include "login_scripts.hpp"

#include "protocol/wire/status.hpp"

namespace forebay::fsm::test {
namespace {

line start_up() {
  return says(wire::startup_message{wire::startup_message::version_3_0, {{"user", user}, {"database", "app"}}});
}
conversation operator+(conversation a, const conversation& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

conversation greeting() {
  return {
      hears(authentication{}),
      hears(wire::parameter_status{"server_version", "15.4"}),
      hears(wire::parameter_status{"client_encoding", "UTF8"}),
      hears(wire::backend_key_data{4711, "\1\2\3\4"}),
      hears(wire::ready_for_query{'I'}),
  };
}

conversation honest_login(const line& answer, const authentication& question) {
  return conversation{start_up(), hears(question), answer} + greeting();
}

// Proof and signature: Python's hashlib.
conversation scram_login() {
  const auto nonces = nonce + "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const conversation lines = {
      start_up(),
      hears(authentication::sasl({"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"})),
      says(wire::sasl_initial_response{"SCRAM-SHA-256", true, "n,,n=,r=" + nonce}),
      hears(authentication{auth_code::sasl_continue, "r=" + nonces + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4"}),
      says(wire::sasl_response{"c=biws,r=" + nonces + ",p=v78irkQ9SheK1gCKpKjaL3gxjYyAyDfPUXKbobhN3sA="}),
      hears(authentication{auth_code::sasl_final, "v=DTCVM01gaXpk9HVmu/swyR7xdcF8yBcWt/2Yi98VmzQ="}),
  };
  return lines + greeting();
}

std::vector<std::pair<std::string, conversation>> honest_logins() {
  return {
      {"trust", conversation{start_up()} + greeting()},
      {"password", honest_login(says(password_message{password}), {auth_code::cleartext_password, {}})},
      {"md5", honest_login(says(password_message{md5_answer}), {auth_code::md5_password, "salt"})},
      {"scram-sha-256", scram_login()},
  };
}

}  // namespace forebay::fsm::test
