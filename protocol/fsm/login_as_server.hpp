#pragma once

#include <functional>
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
// known one, with a salt that is always the same for this name, and fails in the same words after the same time.
namespace forebay::fsm {

// What a client's login has told, by which a server lets us in as the same user.
struct login_proof {
  std::string password;  // in clear, or "md5..."; empty: not told
  std::optional<scram_keys> keys;

  bool empty() const { return password.empty() && !keys; }
  bool operator==(const login_proof&) const = default;
};

class login_as_server {
 public:
  enum class method : unsigned char { trust, plain, md5, scram_sha_256 };
  static constexpr std::size_t entropy_size = 40;  // random bytes for one login: nonce, salts

  // What SCRAM stores of a password with this salt: a millisecond's work, which the caller may remember. It is done for
  // users without a password in clear, too, or it would tell who has one. None: it is done where it is needed, for a
  // process without such users.
  using deriver = std::function<scram_secret(std::string_view password, std::string_view salt)>;

  // binding: over TLS, the hash of our certificate that SCRAM may bind to (see scram.hpp); empty: none.
  login_as_server(method how, std::string user, stored_secret secret, std::string entropy,
                  std::string_view process_secret, std::string binding = {}, deriver derive = {});

  login_step start();
  login_step resume(char type, std::string_view body);
  // Once the password was wrong: whether it is right by this secret. What SCRAM has proved cannot be judged anew.
  bool was_wrong() const { return was_wrong_; }
  login_step again(stored_secret secret);
  // Once done.
  login_proof proof() const;

 private:
  enum class awaiting : unsigned char { nothing, clear_password, md5_password, sasl_initial, sasl_final };
  bool offers_scram() const;
  login_step on_clear(std::string_view password);
  login_step on_md5(std::string_view answer);
  login_step on_sasl_initial(std::string_view body);
  login_step on_sasl_final(std::string_view body);
  login_step wrong_password();
  static login_step malformed(std::string what);
  scram_secret scram_secret_to_prove() const;

  method how_;
  std::string user_;
  stored_secret secret_;
  std::string entropy_;
  std::string mock_salt_;
  std::string binding_;
  deriver derive_;
  std::string answer_;  // by plain and md5
  bool was_wrong_ = false;
  awaiting awaiting_ = awaiting::nothing;
  std::optional<scram_server> scram_;
};

}  // namespace forebay::fsm
