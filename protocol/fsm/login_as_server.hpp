#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/fsm/login_step.hpp"
#include "protocol/fsm/scram.hpp"
#include "protocol/fsm/stored_secret.hpp"

// Authenticates a client after its StartupMessage (manual, "Start-up" and "SASL Authentication").
//
//   login_as_server machine(method, user, secret, entropy, process_secret);
//   step = machine.start();                 // then for each message of the client, until done or failed:
//   step = machine.resume(type, body);
//
// AuthenticationOk and what follows it is for the caller to send. An unknown user goes through the same exchange as a
// known one, with a salt that is always the same for this name, and fails in the same words.
namespace forebay::fsm {

class login_as_server {
 public:
  enum class method : unsigned char { trust, plain, md5, scram_sha_256 };
  static constexpr std::size_t entropy_size = 40;  // random bytes for one login: nonce, salts

  // binding: over TLS, the hash of our certificate that SCRAM may bind to (see scram.hpp); empty: none.
  login_as_server(method how, std::string user, stored_secret secret, std::string entropy,
                  std::string_view process_secret, std::string binding = {});

  login_step start();
  login_step resume(char type, std::string_view body);

 private:
  enum class awaiting : unsigned char { nothing, clear_password, md5_password, sasl_initial, sasl_final };
  bool offers_scram() const;
  login_step on_clear(std::string_view password);
  login_step on_md5(std::string_view answer);
  login_step on_sasl_initial(std::string_view body);
  login_step on_sasl_final(std::string_view body);
  login_step wrong_password() const;
  static login_step malformed(std::string what);
  scram_secret scram_secret_to_prove() const;

  method how_;
  std::string user_;
  stored_secret secret_;
  std::string entropy_;
  std::string mock_salt_;
  std::string binding_;
  awaiting awaiting_ = awaiting::nothing;
  std::optional<scram_server> scram_;
};

}  // namespace forebay::fsm
