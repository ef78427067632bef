#include <doctest/doctest.h>

#include "core/parameters.hpp"

namespace forebay {
namespace {

using entries = std::vector<parameter_set::entry>;

parameters set_of(entries list) {
  return parameter_set::intern(std::move(list));
}

TEST_CASE("equal sets are one object, however they were made") {
  const auto a = set_of({{"TimeZone", "UTC", true}, {"search_path", "app"}});
  const auto b = set_of({{"search_path", "app"}, {"timezone", "UTC", true}});
  CHECK(a == b);
  CHECK(set_of({{"timezone", "CET", true}, {"search_path", "app"}}) != a);
  CHECK(set_of({{"timezone", "UTC", false}, {"search_path", "app"}}) != a);
  CHECK(set_of({{"search_path", "app"}}) != a);
}

TEST_CASE("the empty set is one object") {
  CHECK(set_of({}) == parameter_set::empty());
  CHECK(parameter_set::empty()->entries().empty());
}

TEST_CASE("of two entries of the same name the later one counts") {
  const auto s = set_of({{"a", "1"}, {"b", "2"}, {"A", "3"}});
  REQUIRE(s->entries().size() == 2);
  CHECK(s->find("a")->value == "3");
  CHECK(s->find("a")->name == "A");
}

TEST_CASE("entries are sorted and found without regard to case") {
  const auto s = set_of({{"b", "2"}, {"DateStyle", "ISO"}, {"a.c", "1"}});
  REQUIRE(s->entries().size() == 3);
  CHECK(s->entries()[0].name == "a.c");
  CHECK(s->entries()[1].name == "b");
  CHECK(s->entries()[2].name == "DateStyle");
  REQUIRE(s->find("datestyle"));
  CHECK(s->find("DATESTYLE")->value == "ISO");
  CHECK_FALSE(s->find("dates"));
  CHECK_FALSE(s->find("a"));
  CHECK_FALSE(s->find("zz"));
}

TEST_CASE("with: changed, added, and nothing to change") {
  const auto one = set_of({{"a", "1", true}});
  const auto changed = parameter_set::with(one, "A", "2", true);
  CHECK(changed->find("a")->value == "2");
  CHECK(one->find("a")->value == "1");
  CHECK(parameter_set::with(changed, "a", "1", true) == one);
  CHECK(parameter_set::with(one, "A", "1", true) == one);
  CHECK(parameter_set::with(one, "a", "1", false) != one);
  CHECK(parameter_set::with(one, "b", "9", false)->entries().size() == 2);
}

TEST_CASE("a set nobody holds any more may be made again") {
  for (int i = 0; i < 1000; ++i) {
    const auto s = set_of({{"n", std::to_string(i)}});
    CHECK(s->find("n")->value == std::to_string(i));
  }
  CHECK(set_of({{"n", "5"}}) == set_of({{"n", "5"}}));
}

TEST_CASE("same_name") {
  CHECK(same_name("TimeZone", "timezone"));
  CHECK(same_name("", ""));
  CHECK_FALSE(same_name("timezone", "timezon"));
  CHECK_FALSE(same_name("timezon", "timezone"));
  CHECK_FALSE(same_name("[", "{"));  // apart by the bit that parts upper from lower case
}

TEST_CASE("quote_literal means the same whatever standard_conforming_strings says") {
  CHECK(quote_literal("") == "''");
  CHECK(quote_literal("a b") == "'a b'");
  CHECK(quote_literal("it's") == "'it''s'");
  CHECK(quote_literal("'; DROP TABLE t; --") == "'''; DROP TABLE t; --'");
  CHECK(quote_literal("a\\b") == " E'a\\\\b'");
  CHECK(quote_literal("\\'") == " E'\\\\'''");
}

std::string change(const parameters& have, const parameters& want) {
  return change_sql(*have, *want);
}

TEST_CASE("change_sql: nothing where nothing differs") {
  const auto a = set_of({{"a", "1"}});
  CHECK(change(a, a).empty());
  CHECK(change(parameter_set::empty(), parameter_set::empty()).empty());
  CHECK(change(set_of({{"A", "1", true}}), a).empty());
}

TEST_CASE("change_sql: one SELECT for all that is to be set") {
  const auto have = set_of({{"a", "1"}, {"b", "2"}});
  const auto want = set_of({{"a", "x'y"}, {"b", "2"}, {"c", "3"}});
  CHECK(change(have, want) == "SELECT pg_catalog.set_config('a','x''y',false),pg_catalog.set_config('c','3',false)");
}

TEST_CASE("change_sql: what is not wanted is reset, its name quoted part by part") {
  const auto have = set_of({{"a.b", "1"}, {"weird\"name", "2"}, {"search_path", "app"}});
  CHECK(change(have, parameter_set::empty()) == R"(RESET "a"."b";RESET "search_path";RESET "weird""name")");
  CHECK(change(have, set_of({{"a.b", "2"}, {"weird\"name", "2"}})) ==
        R"(SELECT pg_catalog.set_config('a.b','2',false);RESET "search_path")");
}

TEST_CASE("change_sql: what cannot be set is left alone, both ways") {
  for (const auto* name : {"server_version", "server_encoding", "integer_datetimes", "is_superuser", "in_hot_standby",
                           "session_authorization", "scram_iterations", "IS_SUPERUSER"}) {
    const auto s = set_of({{name, "on", true}});
    CHECK(change(parameter_set::empty(), s).empty());
    CHECK(change(s, parameter_set::empty()).empty());
  }
}

}  // namespace
}  // namespace forebay
