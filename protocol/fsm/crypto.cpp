#include "protocol/fsm/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

namespace forebay::fsm {
namespace {

const unsigned char* raw(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}
unsigned char* raw(std::string& s) {
  return reinterpret_cast<unsigned char*>(s.data());
}

}  // namespace

std::string sha256(std::string_view data) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(raw(data), data.size(), raw(digest));
  return digest;
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), raw(data), data.size(), raw(digest), &size);
  return digest;
}

std::string md5_hex(std::string_view data) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  EVP_Digest(data.data(), data.size(), raw(digest), &size, EVP_md5(), nullptr);
  static constexpr char hex[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += hex[static_cast<unsigned char>(digest[i]) >> 4];
    text += hex[static_cast<unsigned char>(digest[i]) & 15];
  }
  return text;
}

std::string pbkdf2_sha256(std::string_view password, std::string_view salt, unsigned iterations) {
  std::string key(SHA256_DIGEST_LENGTH, '\0');
  PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw(salt), static_cast<int>(salt.size()),
                    static_cast<int>(iterations), EVP_sha256(), static_cast<int>(key.size()), raw(key));
  return key;
}

std::string base64(std::string_view data) {
  std::string text((data.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(raw(text), raw(data), static_cast<int>(data.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

bool base64_decode(std::string_view text, std::string& out) {
  out.clear();
  if (text.empty()) return true;
  const auto padding = text.ends_with("==") ? 2U : text.ends_with('=') ? 1U : 0U;
  out.resize(text.size() / 4 * 3 + 3);
  const int size = EVP_DecodeBlock(raw(out), raw(text), static_cast<int>(text.size()));
  if (size < 3) return false;
  out.resize(static_cast<std::size_t>(size) - padding);  // OpenSSL decodes padding as zeros
  // It also skips blanks and hyphens at the ends and ignores the bits that are left over. There is one text for some
  // bytes, so that nothing can be changed on the way without notice.
  return base64(out) == text;
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace forebay::fsm
