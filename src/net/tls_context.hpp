#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"

struct ssl_ctx_st;
struct ssl_session_st;
struct x509_st;

// What one side's TLS connections share: certificates, whom to trust, versions. Made of a config::tls by reading its
// files, once; a reload makes another, and connections keep the one they began with. Any thread may use it.
namespace forebay {

// RFC 5929, tls-server-end-point, of a certificate. Empty: its signature has no hash that it could be made with.
std::string end_point_of(const x509_st* certificate);

class tls_context {
 public:
  // Null: `faults` says why. Texts name files, never what is in them.
  static std::shared_ptr<const tls_context> make(const config::tls& from, config::tls_role role,
                                                 std::vector<config::tls_fault>& faults);
  // One for clients of other protocols than PostgreSQL's offers no ALPN.
  static std::shared_ptr<const tls_context> make_plain_client(const config::tls& from,
                                                              std::vector<config::tls_fault>& faults);
  ~tls_context();
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

  bool is_server() const { return role_ == config::tls_role::server; }
  const config::tls& settings() const { return settings_; }  // without a context of its own
  config::tls_mode mode() const { return settings_.mode; }
  // The same settings, and the same in the files.
  bool same_as(const tls_context& other) const { return digest_ == other.digest_; }
  // A handshake may take a millisecond or more: not for a thread on which others wait. It does not for a server whose
  // key is quick and who asks for no certificates; a client verifies with whatever key the server has.
  bool is_costly() const { return costly_; }
  bool offers_alpn() const { return alpn_; }
  // Of a server's own certificate.
  const std::string& end_point() const { return end_point_; }
  ssl_ctx_st* native() const { return ctx_; }

  // The last session with this server, so that the next connection need not prove it all again. Null: none. Each serves
  // once: by a ticket that is shown twice two connections could be told to be of one client (RFC 8446, C.4).
  using session_ptr = std::unique_ptr<ssl_session_st, void (*)(ssl_session_st*)>;
  session_ptr take_session(const std::string& peer) const;
  void keep_session(const std::string& peer, ssl_session_st* owned) const;

 private:
  class maker;
  tls_context(config::tls from, config::tls_role role) : settings_(std::move(from)), role_(role) {}

  config::tls settings_;
  config::tls_role role_;
  ssl_ctx_st* ctx_ = nullptr;
  bool costly_ = true;
  bool alpn_ = true;
  std::string end_point_;
  std::string digest_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, session_ptr> sessions_;
};

}  // namespace forebay
