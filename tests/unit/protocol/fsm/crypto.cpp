#include "protocol/fsm/crypto.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace forebay::fsm {
namespace {

using namespace std::string_view_literals;

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

TEST_CASE("crypto: SHA-256 (FIPS 180-4)") {
  CHECK(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("crypto: HMAC-SHA-256 (RFC 4231)") {
  CHECK(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  CHECK(hex(hmac_sha256("", "")) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("crypto: PBKDF2-HMAC-SHA-256 (RFC 7914, 11: the first 32 bytes)") {
  CHECK(hex(pbkdf2_sha256("passwd", "salt", 1)) == "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  CHECK(hex(pbkdf2_sha256("Password", "NaCl", 80000)) ==
        "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
  CHECK(pbkdf2_sha256("", "salt", 1) != pbkdf2_sha256("x", "salt", 1));
}

TEST_CASE("crypto: MD5 (RFC 1321)") {
  CHECK(md5_hex("") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(md5_hex("message digest") == "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST_CASE("crypto: base64 (RFC 4648), both ways") {
  const std::pair<std::string_view, std::string_view> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {"\xfb\xff\0"sv, "+/8A"},
  };
  for (const auto& [bytes, text] : vectors) {
    CAPTURE(text);
    CHECK(base64(bytes) == text);
    std::string decoded = "left over";
    CHECK(base64_decode(text, decoded));
    CHECK(decoded == bytes);
  }
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
    std::string decoded;
    CHECK(base64_decode(base64(bytes), decoded));
    CHECK(decoded == bytes);
  }
}

TEST_CASE("crypto: there is one base64 text for some bytes; all others are refused") {
  for (const auto text : {
           "Z"sv,        "Zg"sv,       "Zg="sv,      "Zg==="sv,        "="sv,        "=="sv,
           "===="sv,     "Zm9v="sv,    "Zm9vZ==="sv,  // lengths, padding
           "Zg==Zg=="sv, "Z=g="sv,     "=Zg="sv,      // padding within
           " Zg=="sv,    "Zg== "sv,    "Zm9\n"sv,    "\nZm9v\n\n\n"sv, "Zm9\0"sv,    "Zm9v\0\0\0\0"sv,  // blanks
           "Zm9-"sv,     "Zm9v----"sv, "----"sv,     "Zm9_"sv,         "Zm9v,aaa"sv, "Zm9\x80"sv,
           "Zm9\xff"sv,                           // other characters
           "Zh=="sv,     "Zo=="sv,     "Zm9="sv,  // bits that count for nothing
       }) {
    CAPTURE(text);
    std::string decoded;
    CHECK_FALSE(base64_decode(text, decoded));
  }
}

TEST_CASE("crypto: same bytes") {
  CHECK(same_bytes("", ""));
  CHECK(same_bytes("abc", "abc"));
  CHECK_FALSE(same_bytes("abc", "abd"));
  CHECK_FALSE(same_bytes("abc", "abcd"));
  CHECK_FALSE(same_bytes("abc", ""));
  CHECK_FALSE(same_bytes("a\0b"sv, "a\0c"sv));
}

}  // namespace
}  // namespace forebay::fsm
