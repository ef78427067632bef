#pragma once

#include <optional>
#include <string>
#include <string_view>

// SCRAM-SHA-256 (RFC 5802, RFC 7677; PostgreSQL manual, "SASL Authentication"), both roles, with and without channel
// binding: over TLS both sides may put a hash of the server's certificate (RFC 5929, tls-server-end-point) into what
// they prove, so that nobody between them can pass a login on.
//
// Passwords are prepared as PostgreSQL does it, see saslprep.hpp.
namespace forebay::fsm {

inline constexpr std::string_view scram_mechanism = "SCRAM-SHA-256";
inline constexpr std::string_view scram_plus_mechanism = "SCRAM-SHA-256-PLUS";
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

// What logs in without the password, where the server's secret has the same salt and iterations. A server learns it
// from its client's proof.
struct scram_keys {
  unsigned iterations = 0;
  std::string salt;
  std::string client_key;
  std::string server_key;

  bool operator==(const scram_keys&) const = default;
};

// The server's role: proves that the client knows the password. Each function is for one call, in this order.
class scram_server {
 public:
  // nonce: printable, of this exchange alone. binding: the hash of our certificate; empty: there is none to bind to.
  scram_server(scram_secret secret, std::string nonce, std::string binding = {})
      : secret_(std::move(secret)), nonce_(std::move(nonce)), binding_(std::move(binding)) {}

  // client-first-message -> server-first-message. plus: by which of the mechanisms. nullopt: malformed, binds where the
  // mechanism does not or the reverse, or was made to believe that we offer no binding.
  std::optional<std::string> first(std::string_view client_first, bool plus = false);
  // client-final-message -> server-final-message. nullopt: malformed or the wrong password.
  std::optional<std::string> final(std::string_view client_final);
  // What the proof told, once it was right.
  const std::optional<scram_keys>& keys() const { return keys_; }

 private:
  std::optional<scram_keys> keys_;
  scram_secret secret_;
  std::string nonce_;
  std::string binding_;
  std::string gs2_header_;
  std::string client_first_bare_;
  std::string server_first_;  // empty: not said yet
  bool answered_ = false;
};

// The client's role.
class scram_client {
 public:
  // cache: read and refreshed; may be null. binding: the hash of the server's certificate; empty: there is none.
  scram_client(std::string password, std::string nonce, scram_cache* cache, std::string binding = {})
      : password_(std::move(password)), nonce_(std::move(nonce)), cache_(cache), binding_(std::move(binding)) {}

  bool can_bind() const { return !binding_.empty(); }
  // plus: by which of the mechanisms; the server offers it and we can bind.
  std::string first(bool plus = false);
  // server-first-message -> client-final-message. nullopt: malformed, a nonce that is not ours, absurd iterations;
  // or keys_differ().
  std::optional<std::string> final(std::string_view server_first);
  // True: the server knows the password too.
  bool verify(std::string_view server_final) const;
  // Instead of the password.
  void use(scram_keys keys) { keys_ = std::move(keys); }
  // The server's secret is not the one that the keys are of.
  bool keys_differ() const { return keys_differ_; }

 private:
  std::string first_bare() const;

  std::string salted_password(const std::string& salt, unsigned iterations);

  std::string password_;
  std::string nonce_;
  scram_cache* cache_;
  std::string binding_;
  std::string gs2_header_ = "n,,";
  std::optional<scram_keys> keys_;
  bool keys_differ_ = false;
  std::string server_signature_;
};

}  // namespace forebay::fsm
