#include "cache/redis_slots.hpp"

#include <doctest/doctest.h>

namespace forebay {
namespace {

redis_reply text(std::string what) {
  return {.is = redis_reply::kind::text, .text = std::move(what), .items = {}};
}
redis_reply number(std::int64_t what) {
  return {.is = redis_reply::kind::number, .text = {}, .number = what, .items = {}};
}
redis_reply list(std::vector<redis_reply> items) {
  return {.is = redis_reply::kind::list, .text = {}, .items = std::move(items)};
}
redis_reply error(std::string what) {
  return {.is = redis_reply::kind::error, .text = std::move(what), .items = {}};
}

TEST_CASE("slots of keys, as the specification has them") {
  CHECK(redis_slot("123456789") == 0x31C3);
  CHECK(redis_slot("foo") == 12182);
  CHECK(redis_slot("") == 0);
}

TEST_CASE("redirects") {
  const auto moved = redis_redirect::of(error("MOVED 3999 127.0.0.1:6381"));
  REQUIRE(moved);
  CHECK(moved->for_good);
  CHECK(moved->slot == 3999);
  CHECK(moved->node == "127.0.0.1:6381");
  CHECK_FALSE(redis_redirect::of(error("ASK 0 ::1:7000"))->for_good);
  CHECK(redis_redirect::of(error("MOVED 1 :7000"))->node == ":7000");
  for (const auto* wrong :
       {"MOVED", "MOVED x a:1", "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED 1 a", "MOVED 1", "ERR 1 a:1"})
    CHECK_FALSE(redis_redirect::of(error(wrong)));
  CHECK_FALSE(redis_redirect::of(text("MOVED 1 a:1")));
}

TEST_CASE("what CLUSTER SLOTS says") {
  redis_slots slots;
  CHECK(slots.node_of(5).empty());
  CHECK(slots.read(list({list({number(0), number(9), list({text("a"), number(1)})}),
                         list({number(10), number(16383), list({text(""), number(2)}), list({text("b"), number(3)})})}),
                   "asked"));
  CHECK(slots.node_of(0) == "a:1");
  CHECK(slots.node_of(10) == "asked:2");
  CHECK(slots.has("a:1"));
  CHECK_FALSE(slots.has("b:3"));
  slots.set(10, "c:4");
  CHECK(slots.node_of(10) == "c:4");

  const auto node = list({text("a"), number(1)});
  for (const auto& wrong :
       {number(1), list({number(1)}), list({list({number(0), number(1)})}), list({list({number(2), number(1), node})}),
        list({list({number(-1), number(1), node})}), list({list({number(0), number(16384), node})}),
        list({list({number(0), number(1), list({})})})})
    CHECK_FALSE(slots.read(wrong, "asked"));
  CHECK(slots.node_of(10) == "c:4");  // as it was
}

}  // namespace
}  // namespace forebay
