#include "session/effects.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace forebay;

namespace {

bool temporary(std::string_view text) {
  return (scan_effects(text) & effect::temporary) != 0;
}

// As a large query arrives: in these pieces.
bool finds(effect::mask wanted, std::initializer_list<std::string> pieces) {
  effect::mask found = effect::none;
  std::string tail;
  for (const auto& piece : pieces) {
    found |= scan_effects_of_piece(tail, piece);
    tail = effects_tail_of(tail, piece);
  }
  return (found & wanted) != 0;
}

}  // namespace

TEST_CASE("effects: ON COMMIT DROP speaks for its own table only") {
  CHECK(temporary("create temp table a (x int)"));
  CHECK_FALSE(temporary("create temp table a (x int) on commit drop"));
  CHECK_FALSE(temporary("create temp table a on commit drop as select 1; select 2"));
  CHECK_FALSE(temporary("create temp table a (x int) on commit drop; create temp table b (x int) on commit drop"));
  CHECK(temporary("create temp table a (x int); create temp table b (x int) on commit drop"));
  CHECK(temporary("create temp table a (x int); select 1 /* ; commit drop */"));
  CHECK(temporary("create temp table a as select 'on commit drop'"));
  CHECK(temporary("create temp table pg_temp.a as select 1 where 'commit drop' <> ''"));
}

TEST_CASE("effects: the zero byte that ends a Query is no second statement") {
  const std::string set = "set timezone = 'UTC';";
  CHECK(scan_effects(set) == effect::none);
  CHECK(scan_effects({set.c_str(), set.size() + 1}) == effect::none);
  CHECK(scan_effects({"begin;\0", 7}) == effect::none);
}

TEST_CASE("effects: words are found over the border of two pieces") {
  CHECK(finds(effect::set_function, {"select set_con", "fig('a', 'b', false)"}));
  CHECK(finds(effect::advisory_lock, {"select pg_adv", "iso", "ry_lock(1)"}));
  CHECK(finds(effect::temporary, {"create", " temp table a ()"}));
}

TEST_CASE("effects: however much white space there is at the border of two pieces") {
  const std::string blanks(100, ' ');
  CHECK(finds(effect::temporary, {"create" + blanks, "temp table a ()"}));
  CHECK(finds(effect::temporary, {"create", blanks + "temp table a ()"}));
  CHECK(finds(effect::temporary, {"create", blanks, blanks, "temp table a ()"}));
  CHECK(finds(effect::hold_cursor, {"declare c cursor with" + blanks, "hold for select 1"}));
}

TEST_CASE("effects: what a piece ends in the middle of takes nothing back") {
  CHECK(finds(effect::temporary, {"create temp table a (b int default", " 1, on commit drop", "ped int)"}));
  CHECK(finds(effect::temporary, {"create te", "mp table a as select on commit drop", "ped from b"}));
}
