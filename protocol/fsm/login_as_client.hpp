#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/fsm/login_step.hpp"
#include "protocol/fsm/scram.hpp"
#include "protocol/fsm/stored_secret.hpp"
#include "protocol/wire/startup.hpp"

// Logs in to PostgreSQL: from the StartupMessage to the first ReadyForQuery (manual, "Start-up"). The server is not
// trusted: whatever it sends out of turn, without bounds or without the proof of SCRAM ends the login.
//
//   login_as_client machine(parameters, {user, password}, nonce, &cache);
//   step = machine.start();              // the StartupMessage; then for each message of the server:
//   step = machine.resume(type, body);   // until done or failed
namespace forebay::fsm {

struct client_credentials {
  std::string user;
  std::string password;              // in clear, or "md5..." for servers that ask md5; empty: none
  std::optional<scram_keys> keys{};  // instead, for servers that ask SCRAM
};

class login_as_client {
 public:
  struct session_facts {
    std::uint32_t backend_pid = 0;
    std::string cancel_key;
    std::vector<std::pair<std::string, std::string>> parameters;  // ParameterStatus, in their order
  };

  // parameters: of the StartupMessage, `user` included. nonce: random bytes. cache: read and refreshed, may be null.
  // binding: over TLS, the hash of the server's certificate that SCRAM binds to (see scram.hpp); empty: none.
  login_as_client(std::vector<std::pair<std::string, std::string>> parameters, client_credentials credentials,
                  std::string_view nonce, scram_cache* cache,
                  std::uint32_t version = wire::startup_message::version_3_0, std::string binding = {});

  login_step start() const;
  login_step resume(char type, std::string_view body);
  const session_facts& session() const { return facts_; }  // complete once done

 private:
  enum class phase : unsigned char {
    first,           // the server says what it wants
    sasl_challenge,  // our first SCRAM message is out
    sasl_outcome,    // our proof is out, the server's is to come
    proved,          // all that was asked is given: only AuthenticationOk may follow
    accepted,        // parameters and keys, then ReadyForQuery
    ended,
  };
  login_step on_authentication(std::string_view body);
  login_step on_md5(std::string_view salt);
  login_step on_sasl(const std::vector<std::string_view>& mechanisms);
  login_step on_ready(std::string_view body);
  login_step on_parameter(std::string_view body);
  login_step on_key(std::string_view body);
  login_step on_error(std::string_view body);
  login_step on_negotiation(std::string_view body);
  login_step no_password(std::string_view asked);
  login_step fail(std::string why, std::string_view sqlstate = "08P01");
  login_step out_of_turn(char type);

  std::vector<std::pair<std::string, std::string>> parameters_;
  client_credentials credentials_;
  stored_secret::kind secret_;  // what credentials_.password is
  scram_client scram_;
  std::uint32_t version_;  // asked for, then agreed on
  phase phase_ = phase::first;
  std::size_t collected_ = 0;
  session_facts facts_;
};

}  // namespace forebay::fsm
