#include "net/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace forebay {

// OpenSSL's end of the connection: the memory of the call that is under way.
struct tls_pipe {
  static int read(BIO* b, char* into, int size) {
    auto& in = static_cast<tls_engine*>(BIO_get_data(b))->in_;
    BIO_clear_retry_flags(b);
    if (in.empty()) {
      BIO_set_retry_read(b);
      return -1;
    }
    const auto n = std::min(in.size(), static_cast<std::size_t>(size));
    std::memcpy(into, in.data(), n);
    in.remove_prefix(n);
    return static_cast<int>(n);
  }
  static int write(BIO* b, const char* from, int size) {
    BIO_clear_retry_flags(b);
    if (auto* out = static_cast<tls_engine*>(BIO_get_data(b))->out_) out->append(from, static_cast<std::size_t>(size));
    return size;
  }
  static long control(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static const auto* const made = [] {
      auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "forebay");
      BIO_meth_set_read(m, &read);
      BIO_meth_set_write(m, &write);
      BIO_meth_set_ctrl(m, &control);
      return m;
    }();
    return made;
  }

  // What a call reads from and writes to, for as long as it lasts.
  tls_pipe(tls_engine& of, std::string_view in, std::string& out) : engine(of) {
    engine.in_ = in;
    engine.out_ = &out;
    ERR_clear_error();
  }
  ~tls_pipe() {
    engine.in_ = {};
    engine.out_ = nullptr;
  }
  tls_pipe(const tls_pipe&) = delete;
  tls_pipe& operator=(const tls_pipe&) = delete;

  tls_engine& engine;
};

namespace {

// Values: OpenSSL's error codes; below zero, what was wrong with a certificate.
class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "tls"; }
  std::string message(int value) const override {
    if (value < 0) return std::string("certificate verify failed: ") + X509_verify_cert_error_string(-value);
    const auto* text = ERR_reason_error_string(static_cast<unsigned long>(value));
    return text ? std::string("TLS: ") + text : "TLS failed";
  }
};

bool is_address(const std::string& peer) {
  unsigned char bytes[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, peer.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, peer.c_str(), bytes) == 1;
}

}  // namespace

const boost::system::error_category& tls_category() {
  static const category made;
  return made;
}

void tls_engine::freer::operator()(ssl_st* p) const {
  SSL_free(p);
}

tls_engine::tls_engine(std::shared_ptr<const tls_context> context, std::string peer, std::string known_as)
    : context_(std::move(context)),
      peer_(std::move(peer)),
      known_as_(std::move(known_as)),
      ssl_(SSL_new(context_->native())) {
  auto* pipe = ssl_ ? BIO_new(tls_pipe::method()) : nullptr;
  if (!pipe) throw std::bad_alloc();
  BIO_set_data(pipe, this);
  BIO_set_init(pipe, 1);
  SSL_set_bio(ssl_.get(), pipe, pipe);
  SSL_set_app_data(ssl_.get(), this);
  if (context_->is_server()) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  if (context_->offers_alpn())
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                        static_cast<unsigned>(alpn.size()));
  const bool numeric = is_address(peer_);
  if (!numeric) SSL_set_tlsext_host_name(ssl_.get(), peer_.c_str());  // RFC 6066: names only
  if (context_->mode() == config::tls_mode::verify_full) {
    auto* rules = SSL_get0_param(ssl_.get());
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int set = numeric ? X509_VERIFY_PARAM_set1_ip_asc(rules, peer_.c_str())
                            : X509_VERIFY_PARAM_set1_host(rules, peer_.c_str(), peer_.size());
    if (set != 1 || peer_.empty()) throw std::runtime_error("no name to verify a certificate by");
  }
  if (const auto known = context_->take_session(known_as_)) SSL_set_session(ssl_.get(), known.get());
}

tls_engine::~tls_engine() = default;

error_code tls_engine::failure(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return {};
    case SSL_ERROR_ZERO_RETURN:
      return asio::error::eof;
    default:
      break;
  }
  const auto code = ERR_peek_error();
  const auto verified = SSL_get_verify_result(ssl_.get());
  const bool of_certificate = ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK;
  const int value = of_certificate ? static_cast<int>(-verified) : static_cast<int>(code);
  ERR_clear_error();
  return {value == 0 ? SSL_R_PROTOCOL_IS_SHUTDOWN : value, tls_category()};
}

error_code tls_engine::shake_hands(std::string_view cipher, std::string& out) {
  input_.append(cipher);
  const tls_pipe call(*this, input_, out);
  const int result = SSL_do_handshake(ssl_.get());
  established_ = result == 1;
  const auto ec = established_ ? error_code() : failure(result);
  input_.erase(0, input_.size() - in_.size());
  if (input_.empty()) std::string().swap(input_);
  return ec;
}

tls_engine::progress tls_engine::read(std::string_view cipher, std::span<char> plain, std::string& out) {
  progress made;
  if (!established_) made.ec = shake_hands(std::exchange(cipher, {}), out);
  if (!established_) return made;
  if (!input_.empty()) cipher = input_.append(cipher);
  const tls_pipe call(*this, cipher, out);
  while (made.bytes < plain.size()) {
    std::size_t n = 0;
    if (const int result = SSL_read_ex(ssl_.get(), plain.data() + made.bytes, plain.size() - made.bytes, &n);
        result != 1) {
      made.ec = failure(result);
      break;
    }
    made.bytes += n;
  }
  made.more = made.bytes == plain.size() && (!in_.empty() || SSL_has_pending(ssl_.get()) == 1);
  if (in_.empty() || made.ec) {
    std::string().swap(input_);
  } else {
    input_ = std::string(in_);
  }
  return made;
}

error_code tls_engine::write(std::string_view plain, std::string& out) {
  const tls_pipe call(*this, {}, out);
  std::size_t taken = 0;
  if (plain.empty()) return {};
  const int result = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &taken);
  return result == 1 ? error_code() : failure(result);
}

void tls_engine::say_goodbye(std::string& out) {
  const tls_pipe call(*this, {}, out);
  if (established_) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

std::string tls_engine::description() const {
  return std::string(SSL_get_version(ssl_.get())) + '/' + SSL_get_cipher_name(ssl_.get());
}

bool tls_engine::peer_is_verified() const {
  return SSL_get0_peer_certificate(ssl_.get()) && SSL_get_verify_result(ssl_.get()) == X509_V_OK &&
         SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE;
}

std::string tls_engine::peer_common_name() const {
  if (!peer_is_verified()) return {};
  const auto* subject = X509_get_subject_name(SSL_get0_peer_certificate(ssl_.get()));
  const int at = X509_NAME_get_index_by_NID(const_cast<X509_NAME*>(subject), NID_commonName, -1);
  if (at < 0) return {};
  const auto* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, value);
  if (size < 0) return {};
  std::string name(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return name.find('\0') == name.npos ? name : std::string();  // else it would be cut where C texts end
}

std::string tls_engine::channel_binding() const {
  if (context_->is_server()) return context_->end_point();
  const auto* certificate = SSL_get0_peer_certificate(ssl_.get());
  return certificate ? end_point_of(certificate) : std::string();
}

bool tls_engine::agreed_on_postgresql() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return std::string_view(reinterpret_cast<const char*>(name), size) == alpn.substr(1);
}

bool tls_engine::resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

int tls_engine::on_session(ssl_st* of, ssl_session_st* fresh) {
  const auto& engine = *static_cast<tls_engine*>(SSL_get_app_data(of));
  engine.context_->keep_session(engine.known_as_, fresh);
  return 1;  // it is ours now
}

}  // namespace forebay
