#include "session/handshake.hpp"

#include <doctest/doctest.h>

#include "protocol/wire/auth.hpp"

using namespace forebay;

namespace {

handshake asks_plain(const std::string& password) {
  auto s = std::make_shared<config::settings>();
  s->auth.type = config::auth_type::plain;
  s->users = {{.name = "app", .password = password}};
  return {std::move(s), "process secret", false};
}

}  // namespace

TEST_CASE("handshake: a long password may arrive in any number of parts") {
  const std::string password(40'000, 'x');
  const auto message = wire::encode(wire::password_message{password});
  for (const std::size_t part : {message.size(), std::size_t{20'000}, std::size_t{1000}}) {
    CAPTURE(part);
    auto h = asks_plain(password);
    std::string kept = wire::encode(wire::startup_message{wire::startup_message::version_3_0, {{"user", "app"}}}), out;
    std::string_view in = kept;
    auto state = h.feed(in, out);
    REQUIRE(state == handshake::state::more);
    kept.clear();
    for (std::size_t at = 0; at < message.size() && state == handshake::state::more; at += part) {
      kept += message.substr(at, part);
      in = kept;
      state = h.feed(in, out);
      kept.erase(0, kept.size() - in.size());
    }
    CHECK(state == handshake::state::accepted);
    CHECK(kept.empty());
  }
}

TEST_CASE("handshake: a login message above PostgreSQL's bound is refused by its header") {
  auto h = asks_plain("x");
  std::string bytes = wire::encode(wire::startup_message{wire::startup_message::version_3_0, {{"user", "app"}}}), out;
  bytes += std::string("p\0\1\0\4", 5);
  std::string_view in = bytes;
  CHECK(h.feed(in, out) == handshake::state::refused);
  CHECK(h.error().sqlstate == "08P01");
}
