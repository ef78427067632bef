#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "protocol/fsm/login_as_server.hpp"
#include "protocol/wire/notice.hpp"
#include "protocol/wire/startup.hpp"

// A client's first messages, from its first byte to the proof of its password (PostgreSQL manual, "Start-up").
// Pure: bytes in, bytes out. Lives only until the login is decided.
namespace forebay {

struct client_identity {
  std::string user;
  std::string database;     // as asked; the user's name when none was
  std::string replication;  // value of the `replication` parameter; empty: an ordinary session
  std::vector<std::pair<std::string, std::string>> settings;  // startup parameters and `options`, in their order
  bool long_cancel_key = false;                               // protocol 3.2
};

// What is known of a client whose connection is secured.
struct secured_client {
  std::string common_name;  // of its certificate, which was verified; empty: none
  std::string binding;      // of our own certificate, for SCRAM-SHA-256-PLUS
  bool postgresql = false;  // it said by ALPN what it wants
};

struct cancel_target {
  std::uint32_t pid = 0;
  std::string key;
};

class handshake {
 public:
  // `process_secret` makes the mock salts of unknown users; `overloaded`: the client limit is reached, so whoever
  // wants a session is refused (a cancel request is still served).
  handshake(std::shared_ptr<const config::settings> settings, std::string process_secret, bool overloaded);
  ~handshake();

  enum class state : std::uint8_t {
    more,      // wants more bytes
    secure,    // TLS is to begin, once `out` is sent and with what is left of `in`; then secured(), and feed() goes on
    cancel,    // was a cancel request: see target()
    accepted,  // see identity(); AuthenticationOk is for the caller to send
    refused,   // see error()
  };
  // Takes what it can off the front of `in` and appends what the client is to get to `out`.
  state feed(std::string_view& in, std::string& out);

  // Before the first feed(): the client may ask for TLS, by settings that have a context for it, and may have to.
  void offer_tls() { offers_tls_ = true; }
  void secured(secured_client by) { secured_ = std::move(by); }
  bool is_secured() const { return secured_.has_value(); }
  const std::shared_ptr<const tls_context>& tls() const { return settings_->tls_client.context; }

  const client_identity& identity() const { return identity_; }
  const cancel_target& target() const { return target_; }
  const wire::pg_error& error() const { return error_; }

 private:
  state on_startup_packet(std::string_view body, std::string& out);
  state on_startup_message(const wire::startup_message& message, std::string& out);
  state log_in(std::string& out, std::optional<std::pair<char, std::string_view>> input);
  state let_in(std::string& out);
  state refuse(wire::pg_error error);
  bool has_certificate_of_its_user() const;

  std::shared_ptr<const config::settings> settings_;
  std::string process_secret_;
  bool overloaded_;
  client_identity identity_;
  cancel_target target_;
  wire::pg_error error_;
  std::unique_ptr<fsm::login_as_server> login_;  // from the StartupMessage on
  std::optional<secured_client> secured_;
  bool offers_tls_ = false;
  bool direct_ = false;  // TLS began with the first byte
  bool ssl_asked_ = false;
  bool gss_asked_ = false;
};

// The words of a startup packet's `options` ("-c name=value", "-cname=value", "--name=value", backslash escapes) as
// settings; the error names the word that is none of these.
wire::result<std::vector<std::pair<std::string, std::string>>> parse_options(std::string_view options,
                                                                             std::string& bad_word);

}  // namespace forebay
