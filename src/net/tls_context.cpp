#include "net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "config/notation.hpp"
#include "net/tls.hpp"

namespace forebay {
namespace {

using config::in_quotes;

template <class T, void (*Free)(T*)>
struct freer {
  void operator()(T* p) const { Free(p); }
};
template <class T, void (*Free)(T*)>
using owner = std::unique_ptr<T, freer<T, Free>>;

void free_bio(BIO* b) {
  BIO_free(b);
}
using bio_ptr = owner<BIO, free_bio>;
using x509_ptr = owner<X509, X509_free>;
using key_ptr = owner<EVP_PKEY, EVP_PKEY_free>;

bio_ptr over(const std::string& text) {
  return bio_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string why() {
  const auto* text = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return text ? text : "unknown reason";
}

void free_infos(STACK_OF(X509_INFO) * infos) {
  sk_X509_INFO_pop_free(infos, X509_INFO_free);
}

// A key is never asked for its pass phrase: nobody is there to answer.
int no_pass_phrase(char*, int, int, void*) {
  return -1;
}

// As PostgreSQL: who names protocols and not ours is refused, who names none is not asked.
int select_postgresql(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                      unsigned length, void*) {
  const auto& ours = tls_engine::alpn;
  unsigned char* chosen = nullptr;
  const auto found = SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(ours.data()),
                                           static_cast<unsigned>(ours.size()), offered, length);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

std::string end_point_of(const x509_st* certificate) {
  int hash = NID_undef;
  if (X509_get_signature_info(const_cast<X509*>(certificate), &hash, nullptr, nullptr, nullptr) != 1) return {};
  if (hash == NID_md5 || hash == NID_sha1) hash = NID_sha256;
  const auto* algorithm = EVP_get_digestbynid(hash);
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!algorithm || X509_digest(certificate, algorithm, bytes, &size) != 1) return {};
  return {reinterpret_cast<const char*>(bytes), size};
}

// Reads the files and fills a context.
class tls_context::maker {
 public:
  maker(tls_context& into, std::vector<config::tls_fault>& faults)
      : made_(into), from_(into.settings_), faults_(faults), digest_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
  }

  bool make() {
    made_.ctx_ = SSL_CTX_new(made_.is_server() ? TLS_server_method() : TLS_client_method());
    ERR_clear_error();
    set_rules();
    set_ciphers();
    if (!from_.cert_file.empty()) load_certificate();
    if (!from_.ca_file.empty()) load_trust();
    if (made_.is_server() || from_.mode >= config::tls_mode::verify_ca) set_verification();
    set_digest();
    return good_;
  }

 private:
  void fail(std::string_view key, std::string text) {
    faults_.push_back({std::string(key), std::move(text), false});
    good_ = false;
  }

  void digest(std::string_view text) {
    const auto size = text.size();
    EVP_DigestUpdate(digest_.get(), &size, sizeof size);
    EVP_DigestUpdate(digest_.get(), text.data(), size);
  }

  std::string read(std::string_view key, const std::string& file) {
    constexpr std::streamsize most = 16 << 20;
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    std::ostringstream content;
    if (in) content << in.rdbuf();
    if (!in || content.tellp() > most) {
      fail(key, in_quotes(file) + " cannot be read: " + (errno ? std::strerror(errno) : "it is no file, or too large"));
      return {};
    }
    auto text = std::move(content).str();
    digest(text);
    if (text.empty()) fail(key, in_quotes(file) + " is empty");
    return text;
  }

  void set_rules() {
    auto* ctx = made_.ctx_;
    SSL_CTX_set_min_proto_version(ctx,
                                  from_.min_version == config::tls_version::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    // Renegotiation lets a client make us work without end. An end of file without a goodbye is an end of file.
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (made_.is_server()) {
      SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
      SSL_CTX_set_num_tickets(ctx, 0);
      SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
      // As PostgreSQL 18. Others, which a client could insist on, take a millisecond or several.
      SSL_CTX_set1_groups_list(ctx, "X25519:P-256");
      SSL_CTX_set_alpn_select_cb(ctx, &select_postgresql, nullptr);
    } else {
      SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
      SSL_CTX_sess_set_new_cb(ctx, &tls_engine::on_session);
    }
  }

  void set_ciphers() {
    auto* ctx = made_.ctx_;
    if (!from_.ciphers.empty() && SSL_CTX_set_cipher_list(ctx, from_.ciphers.c_str()) != 1)
      fail("ciphers", in_quotes(from_.ciphers) + " names no cipher of TLS 1.2, see openssl ciphers -v");
    if (!from_.ciphersuites.empty() && SSL_CTX_set_ciphersuites(ctx, from_.ciphersuites.c_str()) != 1)
      fail("ciphersuites", in_quotes(from_.ciphersuites) + " has a name that is no cipher suite of TLS 1.3");
    ERR_clear_error();
  }

  void load_certificate() {
    const auto chain = read("cert_file", from_.cert_file), key = read("key_file", from_.key_file);
    if (chain.empty() || key.empty()) return;
    auto* ctx = made_.ctx_;
    const auto certificates = over(chain);
    const x509_ptr own(PEM_read_bio_X509_AUX(certificates.get(), nullptr, &no_pass_phrase, nullptr));
    if (!own || SSL_CTX_use_certificate(ctx, own.get()) != 1)
      return fail("cert_file", in_quotes(from_.cert_file) + " has no certificate that can be used: " + why());
    while (x509_ptr next{PEM_read_bio_X509(certificates.get(), nullptr, &no_pass_phrase, nullptr)})
      SSL_CTX_add0_chain_cert(ctx, next.release());
    // The end of the file is the only good reason to have stopped.
    const auto ended = ERR_peek_last_error();
    if (ERR_GET_LIB(ended) != ERR_LIB_PEM || ERR_GET_REASON(ended) != PEM_R_NO_START_LINE)
      return fail("cert_file", in_quotes(from_.cert_file) + " is damaged behind its first certificate: " + why());
    ERR_clear_error();
    check_readers();
    const key_ptr secret(PEM_read_bio_PrivateKey(over(key).get(), nullptr, &no_pass_phrase, nullptr));
    if (!secret)
      return fail("key_file",
                  in_quotes(from_.key_file) + " has no key that can be used; it must be without a pass phrase");
    if (X509_check_private_key(own.get(), secret.get()) != 1 || SSL_CTX_use_PrivateKey(ctx, secret.get()) != 1)
      return fail("key_file", in_quotes(from_.key_file) + " is not the key of the certificate in cert_file");
    if (X509_cmp_current_time(X509_get0_notAfter(own.get())) < 0)
      faults_.push_back({"cert_file", in_quotes(from_.cert_file) + " has expired", true});
    if (made_.is_server()) made_.end_point_ = end_point_of(own.get());
    if (made_.is_server()) made_.costly_ = !is_quick(secret.get());
  }

  // As PostgreSQL, which refuses such a key: nobody else may read it, but for root's, which a group may.
  void check_readers() {
    struct stat about {};
    if (::stat(from_.key_file.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return;
    if ((about.st_mode & (about.st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO)) == 0) return;
    faults_.push_back({"key_file", in_quotes(from_.key_file) + " can be read by others: chmod 600", true});
  }

  // Signs in some 30 microseconds; the others take up to some milliseconds.
  static bool is_quick(EVP_PKEY* key) {
    char group[32] = "";
    std::size_t size = 0;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return true;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
           std::string_view(group) == "prime256v1";
  }

  void load_trust() {
    auto* store = SSL_CTX_get_cert_store(made_.ctx_);
    if (from_.ca_file == config::system_ca) {
      SSL_CTX_set_default_verify_paths(made_.ctx_);
    } else if (add(store, "ca_file", from_.ca_file) == 0) {
      fail("ca_file", in_quotes(from_.ca_file) + " has no certificate");
    }
    if (from_.crl_file.empty()) return;
    if (add(store, "crl_file", from_.crl_file) == 0) fail("crl_file", in_quotes(from_.crl_file) + " has no list");
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  }

  // Certificates, or lists of those revoked, as the key says; how many there were.
  int add(X509_STORE* store, std::string_view key, const std::string& file) {
    const auto text = read(key, file);
    if (text.empty()) return 1;  // said already
    const owner<STACK_OF(X509_INFO), free_infos> all(
        PEM_X509_INFO_read_bio(over(text).get(), nullptr, &no_pass_phrase, nullptr));
    ERR_clear_error();
    int count = 0;
    for (int i = 0; all && i < sk_X509_INFO_num(all.get()); ++i) {
      const auto* each = sk_X509_INFO_value(all.get(), i);
      if (key == "crl_file") {
        if (each->crl && X509_STORE_add_crl(store, each->crl) == 1) ++count;
      } else if (each->x509 && X509_STORE_add_cert(store, each->x509) == 1) {
        if (made_.is_server()) SSL_CTX_add_client_CA(made_.ctx_, each->x509);
        ++count;
      }
    }
    return count;
  }

  void set_verification() {
    if (from_.ca_file.empty()) return;
    const bool needed = from_.mode >= config::tls_mode::verify_ca;
    SSL_CTX_set_verify(made_.ctx_, needed ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER,
                       nullptr);
    made_.costly_ = true;  // the other side chooses the kind of its key, and some take a millisecond to verify
  }

  void set_digest() {
    for (const auto& text :
         {from_.cert_file, from_.key_file, from_.ca_file, from_.crl_file, from_.ciphers, from_.ciphersuites})
      digest(text);
    digest(to_string(from_.mode));
    digest(to_string(from_.min_version));
    digest(made_.is_server() ? "server" : "client");
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(digest_.get(), bytes, &size);
    made_.digest_.assign(reinterpret_cast<const char*>(bytes), size);
  }

  tls_context& made_;
  const config::tls& from_;
  std::vector<config::tls_fault>& faults_;
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> digest_;  // of everything that was read
  bool good_ = true;
};

std::shared_ptr<const tls_context> tls_context::make(const config::tls& from, config::tls_role role,
                                                     std::vector<config::tls_fault>& faults) {
  const std::shared_ptr<tls_context> made(new tls_context(from, role));
  made->settings_.context = nullptr;
  return maker(*made, faults).make() ? made : nullptr;
}

std::shared_ptr<const tls_context> tls_context::make_plain_client(const config::tls& from,
                                                                  std::vector<config::tls_fault>& faults) {
  const std::shared_ptr<tls_context> made(new tls_context(from, config::tls_role::client));
  made->alpn_ = false;
  return maker(*made, faults).make() ? made : nullptr;
}

tls_context::~tls_context() {
  SSL_CTX_free(ctx_);
}

tls_context::session_ptr tls_context::take_session(const std::string& peer) const {
  const std::lock_guard lock(mutex_);
  auto known = sessions_.extract(peer);
  if (known.empty()) return {nullptr, SSL_SESSION_free};
  return std::move(known.mapped());
}

void tls_context::keep_session(const std::string& peer, ssl_session_st* owned) const {
  session_ptr fresh(owned, SSL_SESSION_free);
  const std::lock_guard lock(mutex_);
  sessions_.insert_or_assign(peer, std::move(fresh));
}

}  // namespace forebay
