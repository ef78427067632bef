#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "protocol/fsm/login_as_server.hpp"
#include "protocol/wire/notice.hpp"
#include "protocol/wire/proxy_protocol.hpp"
#include "protocol/wire/startup.hpp"

// A client's first messages, from its first byte to the proof of its password (PostgreSQL manual, "Start-up").
// Pure: bytes in, bytes out. What it cannot know itself it asks its caller for, who may take its time. Lives only until
// the login is decided.
//
//   state = h.feed(in, out);                  until it is no longer `more`
//   introduced: h.wants() says what; then     state = h.begin(known, out);
//   doubted:    the account, asked anew, and  state = h.again(known, out);
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

// Where it comes from, and what only the system can say.
struct client_origin {
  ip_address address{};                                 // none: a Unix socket
  bool may_be_told = false;                             // from a balancer, that may tell whose connection it is
  std::vector<ip_network> (*own_networks)() = nullptr;  // see config::hba_client
  std::vector<ip_address> (*own_addresses)() = nullptr;
};

// What is known of a user beyond the configuration.
struct account {
  fsm::stored_secret secret{};
  std::optional<std::vector<std::string>> groups{};  // roles that it is a member of; nothing: not known
  std::string note{};                                // for the log: why there is no secret
  std::string system_user{};                         // who the client is on this machine; empty: not known
};

class handshake {
 public:
  // `process_secret` makes the mock salts of unknown users; `overloaded`: the client limit is reached, so whoever
  // wants a session is refused (a cancel request is still served). `derive`: see fsm::login_as_server, with the user's
  // name; none: whoever has a password in clear costs its time again.
  using deriver =
      std::function<fsm::scram_secret(const std::string& user, std::string_view password, std::string_view salt)>;
  handshake(std::shared_ptr<const config::settings> settings, std::string process_secret, bool overloaded,
            client_origin origin = {}, deriver derive = {});
  ~handshake();

  enum class state : std::uint8_t {
    more,    // wants more bytes
    secure,  // TLS is to begin, once `out` is sent and with what is left of `in`; then secured(), and feed() goes on
    introduced,  // it is known who it is: see identity() and wants()
    doubted,     // the password is wrong, by an account that may be outdated
    cancel,      // was a cancel request: see target()
    accepted,    // see identity() and proof(); AuthenticationOk is for the caller to send
    refused,     // see error()
  };
  // Takes what it can off the front of `in` and appends what the client is to get to `out`.
  state feed(std::string_view& in, std::string& out);
  state begin(account known, std::string& out);
  state again(account known, std::string& out);

  struct wish {
    bool account = false;      // what auth.query says
    bool system_user = false;  // of the other side of its Unix socket
  };
  wish wants() const;

  // As a balancer told it; nothing: none did.
  const std::optional<wire::proxy_header>& told() const { return told_; }
  fsm::login_proof proof() const { return login_ ? login_->proof() : fsm::login_proof{}; }
  // For the log: the rule that decided, or what is the matter with the account.
  std::string about() const;

  // Before the first feed(): the client may ask for TLS, by settings that have a context for it, and may have to.
  void offer_tls() { offers_tls_ = true; }
  void secured(secured_client by) { secured_ = std::move(by); }
  bool is_secured() const { return secured_.has_value(); }
  const std::shared_ptr<const tls_context>& tls() const { return settings_->tls_client.context; }

  const client_identity& identity() const { return identity_; }
  const cancel_target& target() const { return target_; }
  const wire::pg_error& error() const { return error_; }

 private:
  state take_proxy_header(std::string_view& in);
  state on_startup_packet(std::string_view body, std::string& out);
  state on_startup_message(const wire::startup_message& message, std::string& out);
  state take(const fsm::login_step& step, std::string& out);
  state log_in(std::string& out, std::optional<std::pair<char, std::string_view>> input);
  state let_in(std::string& out);
  state refuse(wire::pg_error error);
  bool has_certificate_of_its_user(const std::string& map) const;
  state ask_certificate(const std::string& map, std::string& out);
  state follow_rule(const config::hba_rule& rule, std::string& out);
  state refuse_by_rules(std::string_view why);
  state ask_password(fsm::login_as_server::method how, std::string& out);
  config::hba_client client() const;
  fsm::stored_secret secret() const;
  bool would_ask_scram() const;

  std::shared_ptr<const config::settings> settings_;
  std::string process_secret_;
  bool overloaded_;
  client_origin origin_;
  deriver derive_;
  account known_;
  const config::hba_rule* rule_ = nullptr;  // that decides, in settings_
  std::optional<wire::proxy_header> told_;
  client_identity identity_;
  cancel_target target_;
  wire::pg_error error_;
  std::unique_ptr<fsm::login_as_server> login_;  // from begin() on
  bool introduced_ = false;
  bool asked_ = false;    // what is known is from auth.query
  bool doubted_ = false;  // and was asked anew
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
