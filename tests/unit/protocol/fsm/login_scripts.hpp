#pragma once

#include <string>
#include <utility>
#include <vector>

#include "conversation.hpp"
#include "protocol/fsm/login_as_client.hpp"
#include "protocol/wire/auth.hpp"

// Logins to honest servers, word for word, and the client that they are for.
namespace forebay::fsm::test {

using namespace std::string_literals;
using wire::auth_code;
using wire::authentication;
using wire::password_message;

inline const std::string user = "ann";
inline const std::string password = "ann's secret";
inline const std::vector<std::pair<std::string, std::string>> parameters = {{"user", user}, {"database", "app"}};
// The client's nonce of RFC 7677's example.
inline const std::string nonce = "rOprNGfwEbeRWgbNEkqO";
inline const std::string nonce_bytes = "\xac\xea\x6b\x34\x67\xf0\x11\xb7\x91\x5a\x06\xcd\x12\x4a\x8e";
inline const std::string md5_answer = "md5962fae1fca50a19bb2fbdc6582e16d50";  // to the salt "salt"

inline login_as_client client(const std::string& with = password) {
  return {parameters, {user, with}, nonce_bytes, nullptr};
}

// AuthenticationOk and what follows it.
conversation greeting();
// A method that asks once and is answered once.
conversation honest_login(const line& answer, const authentication& question);
conversation scram_login();
// Each method by its name.
std::vector<std::pair<std::string, conversation>> honest_logins();

}  // namespace forebay::fsm::test
