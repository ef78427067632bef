#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/asio.hpp"
#include "net/tls_context.hpp"

struct ssl_st;
struct ssl_session_st;
struct bio_st;

// One TLS connection without its socket: bytes of the network in, the other side's bytes out, and the reverse. OpenSSL
// reads from memory of the caller and writes to it, so a batch costs one recv and one send whatever the number of
// records, and an idle connection holds no buffer. Used by one thread at a time.
namespace forebay {

// A TLS failure: what went wrong in OpenSSL's words ("certificate verify failed: certificate has expired").
const boost::system::error_category& tls_category();

class tls_engine {
 public:
  // peer: whom a client connects to, a name or an address: told to the server, and looked for in its certificate.
  // known_as: one server among those that have this name, whose session the next connection to it may go on with.
  tls_engine(std::shared_ptr<const tls_context> context, std::string peer, std::string known_as = {});
  ~tls_engine();
  tls_engine(const tls_engine&) = delete;
  tls_engine& operator=(const tls_engine&) = delete;

  static constexpr std::string_view alpn = "\012postgresql";  // as it is sent: its length goes ahead

  // How much more than what came in may come out of it: a record that was not complete before.
  static constexpr std::size_t most_held = 17 * 1024;

  struct progress {
    std::size_t bytes = 0;  // of `plain`
    error_code ec;          // eof: the other side has said that nothing follows
    bool more = false;      // `plain` was too small: come again
  };
  // Takes all of `cipher`. `out` grows by what the other side is to get, also with an error.
  progress read(std::string_view cipher, std::span<char> plain, std::string& out);
  // The handshake's next step alone; what is behind it in `cipher` is kept for read().
  error_code shake_hands(std::string_view cipher, std::string& out);
  error_code write(std::string_view plain, std::string& out);
  // Nothing more will be written.
  void say_goodbye(std::string& out);

  bool established() const { return established_; }
  bool holds_input() const { return !input_.empty(); }
  const tls_context& context() const { return *context_; }

  // Once it is established.
  std::string description() const;       // "TLSv1.3/TLS_AES_256_GCM_SHA384"
  std::string peer_common_name() const;  // of a certificate that was verified; else empty
  bool peer_is_verified() const;
  std::string channel_binding() const;  // of the server's certificate: tls-server-end-point; empty: it has none
  bool agreed_on_postgresql() const;    // by ALPN
  bool resumed() const;

  static int on_session(ssl_st* of, ssl_session_st* fresh);  // OpenSSL's callback

 private:
  friend struct tls_pipe;
  error_code failure(int result);

  std::shared_ptr<const tls_context> context_;
  const std::string peer_, known_as_;
  struct freer {
    void operator()(ssl_st* p) const;
  };
  std::unique_ptr<ssl_st, freer> ssl_;
  bool established_ = false;
  std::string input_;  // not taken yet
  // Within a call.
  std::string_view in_;
  std::string* out_ = nullptr;
};

}  // namespace forebay
