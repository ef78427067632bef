#pragma once

#include <string>

#include "protocol/wire/notice.hpp"

namespace forebay::fsm {

enum class login_state : unsigned char { more, done, failed };

// What a login machine wants done: bytes to send, and how it stands.
struct login_step {
  std::string send;
  login_state state = login_state::more;
  wire::pg_error error{};  // of login_state::failed
};

}  // namespace forebay::fsm
