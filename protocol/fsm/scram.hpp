#pragma once

#include <optional>
#include <string>
#include <string_view>

// SCRAM-SHA-256 (RFC 5802, RFC 7677; PostgreSQL manual, "SASL Authentication"), both roles, without channel binding.
//
// Passwords are prepared as PostgreSQL does it, see saslprep.hpp.
namespace forebay::fsm {

inline constexpr std::string_view scram_mechanism = "SCRAM-SHA-256";
inline constexpr std::string_view scram_secret_prefix = "SCRAM-SHA-256$";
inline constexpr unsigned scram_default_iterations = 4096;
inline constexpr unsigned scram_max_iterations = 1'000'000;  // a hostile server must not keep a thread busy for ever

// What a server stores of a password: "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>".
struct scram_secret {
  unsigned iterations = scram_default_iterations;
  std::string salt;
  std::string stored_key;
  std::string server_key;

  static std::optional<scram_secret> parse(std::string_view text);
  static scram_secret derive(std::string_view password, std::string_view salt, unsigned iterations);
  std::string text() const;
};

// The costly part of a client's login, the same as long as the password and the server's salt are the same.
struct scram_cache {
  std::string password;
  std::string salt;
  unsigned iterations = 0;
  std::string salted_password;
};

// The server's role: proves that the client knows the password. Each function is for one call, in this order.
class scram_server {
 public:
  // nonce: printable, of this exchange alone.
  scram_server(scram_secret secret, std::string nonce) : secret_(std::move(secret)), nonce_(std::move(nonce)) {}

  // client-first-message -> server-first-message. nullopt: malformed, or wants channel binding.
  std::optional<std::string> first(std::string_view client_first);
  // client-final-message -> server-final-message. nullopt: malformed or the wrong password.
  std::optional<std::string> final(std::string_view client_final);

 private:
  scram_secret secret_;
  std::string nonce_;
  std::string gs2_header_;
  std::string client_first_bare_;
  std::string server_first_;  // empty: not said yet
  bool answered_ = false;
};

// The client's role.
class scram_client {
 public:
  // cache: read and refreshed; may be null.
  scram_client(std::string password, std::string nonce, scram_cache* cache)
      : password_(std::move(password)), nonce_(std::move(nonce)), cache_(cache) {}

  std::string first() const;
  // server-first-message -> client-final-message. nullopt: malformed, a nonce that is not ours, absurd iterations.
  std::optional<std::string> final(std::string_view server_first);
  // True: the server knows the password too.
  bool verify(std::string_view server_final) const;

 private:
  std::string password_;
  std::string nonce_;
  scram_cache* cache_;
  std::string server_signature_;
};

}  // namespace forebay::fsm
