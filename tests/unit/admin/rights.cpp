#include "support.hpp"

#include "admin/command.hpp"

namespace forebay::admin {
namespace {

// Arguments with which the command would do its work.
std::string working(const command& c) {
  const std::string words(c.words);
  if (words == "PAUSE" || words == "RESUME" || words == "KILL" || words == "RECONNECT") return words + " app";
  if (words == "KILL_CLIENT") return words + " 1";
  if (words == "SET") return "SET extra_float_digits = 3";
  return words;
}

bool denied(const std::vector<message>& replies) {
  return sqlstate_in(replies) == "42501";
}

TEST_CASE("every command x {admin, stats, other}") {
  for (const auto& c : all_commands()) {
    CAPTURE(c.words);
    const bool harmless = c.tag() == "SHOW" || c.tag() == "SET" || c.tag() == "RESET" || c.tag() == "DISCARD" ||
                          c.tag() == "BEGIN" || c.tag() == "COMMIT" || c.tag() == "ROLLBACK";
    CHECK((c.needed == right::stats) == harmless);

    house h;
    CHECK_FALSE(h.open("other"));
    CHECK_FALSE(h.open("nobody"));
    const auto watcher = h.open("watcher"), root = h.open("root");
    REQUIRE(watcher);
    REQUIRE(root);
    CHECK(denied(client(*watcher).query(working(c))) == !harmless);
    CHECK(h.reloads == 0);
    CHECK(h.shutdowns.empty());
    CHECK_FALSE(h.pools.paused("app"));
    CHECK_FALSE(denied(client(*root).query(working(c))));
  }
}

TEST_CASE("the extended protocol knows the same rights") {
  house h;
  const auto watcher = h.open("watcher");
  client c(*watcher);
  for (const auto& each : all_commands()) {
    CAPTURE(each.words);
    const auto replies = c.send(wire::encode(wire::parse{"", working(each)}) + wire::encode(wire::bind{}) +
                                wire::encode(wire::execute{}) + wire::encode(wire::sync{}));
    CHECK(denied(replies) == (each.needed == right::admin));
    CHECK(replies.back().type == 'Z');
  }
  CHECK(h.shutdowns.empty());
}

TEST_CASE("no answer holds a secret") {
  house h;
  h.reload_says.wrong = {"forebay.toml:1:1: pool.sizze: unknown key"};
  const auto root = h.open("root");
  client c(*root);
  for (const auto& each : all_commands()) {
    for (const auto& reply : c.query(working(each))) {
      CAPTURE(each.words);
      for (const auto* secret : {"root-secret", "watcher-secret", "forced-secret"}) {
        CHECK(reply.body.find(secret) == std::string::npos);
      }
    }
  }
}

}  // namespace
}  // namespace forebay::admin
