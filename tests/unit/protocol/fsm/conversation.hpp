#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "protocol/fsm/login_step.hpp"
#include "protocol/wire/writer.hpp"

// A login, written down as what the machine says and what it hears, in order:
//
//   const conversation plain = {
//       says(startup_message{...}),
//       hears(authentication{auth_code::cleartext_password, {}}),
//       says(password_message{"secret"}),
//       hears(authentication_ok{}),
//       hears(ready_for_query{'I'}),
//   };
//   play(machine, plain)              start() and resume() for each message heard; checks what is said, gives the last
//   step break_each_step(make, plain, ..)  the same again and again, each time with one message heard gone wrong
namespace forebay::fsm::test {

struct line {
  bool heard;         // else said
  std::string bytes;  // one message or several
};
using conversation = std::vector<line>;

std::string as_bytes(const auto& message) {
  if constexpr (std::is_convertible_v<decltype(message), std::string_view>) {
    return std::string(message);
  } else {
    return wire::encode(message);
  }
}
line says(const auto& message) {
  return {false, as_bytes(message)};
}
line hears(const auto& message) {
  return {true, as_bytes(message)};
}

inline char type_of(std::string_view message) {
  return message.front();
}
// A copy of its own, so that AddressSanitizer sees a read behind the end.
inline std::string body_of(std::string_view message) {
  return std::string(message.substr(5));
}

inline auto resume(auto& machine, const std::string& message) {
  return machine.resume(type_of(message), body_of(message));
}

// Plays lines up to `end`; the last step. None but the last may end the login.
login_step play(auto& machine, const conversation& lines, std::size_t end) {
  auto step = machine.start();
  for (std::size_t i = 0; i < end; ++i) {
    CAPTURE(i);
    if (lines[i].heard) {
      CHECK(step.send == "");  // all that was said is in the script
      REQUIRE(step.state == login_state::more);
      step = resume(machine, lines[i].bytes);
    } else {
      CHECK(step.send == lines[i].bytes);
      step.send.clear();
    }
  }
  CHECK(step.send == "");
  return step;
}
login_step play(auto& machine, const conversation& lines) {
  return play(machine, lines, lines.size());
}

// A refusal as the caller needs it: nothing to send, a fatal error that says something, and no secret in it.
inline void check_refused(const login_step& step, const std::vector<std::string_view>& sqlstates) {
  REQUIRE(step.state == login_state::failed);
  CAPTURE(step.error.message);
  CAPTURE(step.error.sqlstate);
  CHECK(step.send == "");
  CHECK(std::find(sqlstates.begin(), sqlstates.end(), step.error.sqlstate) != sqlstates.end());
  CHECK(step.error.level == wire::severity::fatal);
  CHECK(step.error.message != "");
  CHECK(step.error.message.find("'s secret") == std::string::npos);  // all passwords of these tests have it in them
}

// After the end of a login nothing is done any more, whatever is heard.
void check_over(auto& machine, const conversation& lines) {
  for (const auto& line : lines) {
    if (!line.heard) continue;
    const auto step = resume(machine, line.bytes);
    CHECK(step.state == login_state::failed);
    CHECK(step.send == "");
  }
}

struct breakage {
  std::string what;
  char type;
  std::string body;
};
// Ways in which one message can go wrong: each beginning of its body, bytes behind it, another type.
std::vector<breakage> broken(const std::string& message);

// Each message heard is replaced by each of its broken forms, which must end the login for good, with one of these
// SQLSTATEs. A login that stops before the end is not done.
void break_each_step(const auto& make, const conversation& lines, const std::vector<std::string_view>& sqlstates) {
  for (std::size_t at = 0; at < lines.size(); ++at) {
    if (!lines[at].heard) continue;
    CAPTURE(at);
    auto so_far = make();
    CHECK(play(so_far, lines, at).state == login_state::more);
    for (const auto& wrong : broken(lines[at].bytes)) {
      CAPTURE(wrong.what);
      auto machine = so_far;
      check_refused(machine.resume(wrong.type, wrong.body), sqlstates);
      check_over(machine, lines);
    }
  }
}

}  // namespace forebay::fsm::test
