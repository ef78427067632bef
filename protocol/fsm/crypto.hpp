#pragma once

#include <string>
#include <string_view>

// The few primitives that logins need, over OpenSSL. Bytes in, bytes out.
namespace forebay::fsm {

std::string sha256(std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);
std::string md5_hex(std::string_view data);
std::string pbkdf2_sha256(std::string_view password, std::string_view salt, unsigned iterations);
std::string base64(std::string_view data);
// False: not base64 as RFC 4648 has it, with its padding and nothing else (blanks, bits left over).
bool base64_decode(std::string_view text, std::string& out);
// In a time that does not tell where they differ.
bool same_bytes(std::string_view a, std::string_view b);

}  // namespace forebay::fsm
