#include "routing/effects.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace forebay {
namespace {

std::string names(effect::mask m) {
  static constexpr const char* all[] = {"setting",    "set_function", "advisory_lock", "temporary", "hold_cursor",
                                        "listen",     "prepare",      "load",          "several",   "reset_all",
                                        "deallocate", "reset",        "savepoint"};
  std::string text;
  for (unsigned i = 0; i < std::size(all); ++i) {
    if (m & (1U << i)) text += (text.empty() ? "" : " ") + std::string(all[i]);
  }
  return text;
}

struct row {
  const char *sql, *effects;
};

TEST_CASE("effects: what takes the settings of the login") {
  for (const std::string sql : {"discard all", "select 1; DISCARD ALL", "reset all", "reset timezone"}) {
    CAPTURE(sql);
    CHECK((scan_effects(sql) & effect::resets) != 0);
  }
  for (const std::string sql : {"deallocate all", "deallocate prepare all", "discard temp", "select 1"}) {
    CAPTURE(sql);
    CHECK((scan_effects(sql) & effect::resets) == 0);
  }
}

TEST_CASE("effects: of a text") {
  const std::vector<row> table = {
      {"", ""},
      {"select 1", ""},
      {"select 1;", ""},
      {"select 1 ; \n", ""},
      {"select 1; select 2", ""},
      {"  ( select 1 )", ""},
      // SET.
      {"set search_path = x", "setting"},
      {"SET Search_Path TO x;", "setting"},
      {"set session search_path = x", "setting"},
      {"set session authorization bob", "setting"},
      {"set session characteristics as transaction read only", "setting"},
      {"set role bob", "setting"},
      {"set local search_path = x", ""},
      {"set local.x = 1", "setting"},
      {"set local . x = 1", "setting"},
      {"set transaction isolation level serializable", ""},
      {"set constraints all deferred", ""},
      {"set timezone = x", ""},
      {"set TimeZone = x;", ""},
      {"set \"TimeZone\" = x", ""},
      {"set session timezone = x", ""},
      {"set time zone x", ""},
      {"set names x", ""},
      {"set application_name = x", ""},
      {"set client_encoding = x", ""},
      {"set datestyle = x", ""},
      {"set intervalstyle = x", ""},
      {"set standard_conforming_strings = off", ""},
      {"set default_transaction_read_only = on", ""},
      {"set timezone.x = 1", "setting"},
      {"set my.timezone = 1", "setting"},
      {"set timezone = 'x'; set search_path = y", "setting several"},
      {"set local x = 1; set search_path = y", "setting several"},
      {"set /* local */ search_path = x", "setting"},
      {"set /* timezone */ search_path = x", "setting"},
      {"set -- local\nsearch_path = x", "setting"},
      {"-- x\nset search_path = x", "setting"},
      {"/* x /* nested */ set timezone = y */ set search_path = x", "setting"},
      {"/* never closed set search_path = x", ""},
      {"-- set search_path = x", ""},
      {"begin; set search_path = x", "several"},
      {"begin; /* a */ set search_path = x", "several"},
      {"begin;\n-- set\nreset search_path", "several"},
      {"begin; savepoint a; rollback to a", "several savepoint"},
      {"update t set a = 1; update t set b = 2", ""},
      {"savepoint a", "savepoint"},
      {"release savepoint a", "savepoint"},
      {"rollback to a", "savepoint"},
      {"ROLLBACK WORK TO SAVEPOINT a", "savepoint"},
      {"rollback", ""},
      {"rollback and chain", ""},
      {"select setseed(0.5)", "set_function"},
      {"set", "setting"},
      {"setting", ""},
      {"update t set search_path = 1", ""},
      {"select set_config('x', 'y', false)", "set_function"},
      {"select pg_catalog.\"set_config\"('x', 'y', false)", "set_function"},
      {"select reset_config()", ""},
      // RESET.
      {"reset search_path", "reset"},
      {"set datestyle to default", "reset"},
      {"SET DateStyle=DEFAULT;", "reset"},
      {"set session timezone = default", "reset"},
      {"set time zone local", "reset"},
      {"set time zone default", "reset"},
      {"set timezone = 'local'", ""},
      {"set application_name to local", ""},
      {"reset search_path;", "reset"},
      {"reset all", "reset_all"},
      {"reset /* x */ all", "reset_all"},
      {"reset all; select 1", "setting reset_all"},
      {"reset x; select 1", "setting"},
      // Locks.
      {"select pg_advisory_lock(1)", "advisory_lock"},
      {"select PG_TRY_ADVISORY_LOCK(1)", "advisory_lock"},
      {"select pg_advisory_lock_shared(1)", "advisory_lock"},
      {"select pg_try_advisory_lock_shared(1)", "advisory_lock"},
      {"select pg_advisory_xact_lock(1)", ""},
      {"select pg_advisory_unlock(1)", ""},
      {"select my_pg_advisory_lock(1)", ""},
      // Temporary tables.
      {"create temp table t ()", "temporary"},
      {"create temporary table t ()", "temporary"},
      {"create or replace temp view v as select 1", "temporary"},
      {"create local temp table t ()", "temporary"},
      {"create global temporary table t ()", "temporary"},
      {"select 1 into temp t", "temporary"},
      {"select 1 into temporary table t", "temporary"},
      {"create table pg_temp.t ()", "temporary"},
      {"create/**/temp/**/table t ()", "temporary"},
      {"create /* a b c */ temp table t ()", "temporary"},
      {"create -- a b c\n temp table t ()", "temporary"},
      {"select '/*'; create temp table t (); select '*/'", "temporary"},
      {"select '--'; create temp table t ()", "temporary"},
      {"select temp from weather", ""},
      {"create table temp ()", ""},
      {"create temp table t () on commit drop", ""},
      {"create temp table t () ON  COMMIT\nDROP as select 1", ""},
      {"create temp table t () on commit delete rows", "temporary"},
      {"create temp table t (); create temp table u () on commit drop", "temporary"},
      {"create temp table t () on commit drop; create temp table u ()", "temporary"},
      {"create temp table t (); select 1 /* on commit drop */", "temporary"},
      {"create temp table t () -- on commit drop", "temporary"},
      {"create temp table t as select 'on commit drop'", "temporary"},
      {"create temp table t as select \"on commit drop\"", "temporary"},
      {"create temp table t as select $$ on commit drop $$", "temporary"},
      {"create table pg_temp.t () on commit drop", "temporary"},
      {"create temp table t as select a as drop from b", "temporary"},
      {"select 1 as commit drop from t; create temp table t ()", "temporary"},
      {"create temp table t () on commit drop as select 1 as commit drop; create temp table u ()", "temporary"},
      {"select 1 on commit drop", ""},
      // The rest.
      {"listen c", "listen"},
      {"LISTEN c; select 1", "listen"},
      {"load 'x'", "load"},
      {"prepare p as select 1", "prepare"},
      {"prepare transaction 'x'", ""},
      {"deallocate p", ""},
      {"deallocate all", "deallocate"},
      {"deallocate prepare all", "deallocate"},
      {"discard all", "deallocate"},
      {"discard plans", ""},
      {"declare c cursor with hold for select 1", "hold_cursor"},
      {"declare c cursor with /* x */ hold for select 1", "hold_cursor"},
      {"declare c cursor without hold for select 1", ""},
      {"select 1; set search_path = x; create temp table t ()", "temporary several"},
  };
  for (const auto& r : table) {
    const std::string sql = r.sql, effects = r.effects;
    CAPTURE(sql);
    std::string sorted = names(scan_effects(sql));
    CHECK(sorted == names([&] {
            effect::mask m = 0;
            for (unsigned i = 0; i < 13; ++i) {
              if ((' ' + effects + ' ').find(' ' + names(1U << i) + ' ') != std::string::npos) m |= 1U << i;
            }
            return m;
          }()));
    // As the body of a Query has it.
    CHECK(scan_effects(sql) == scan_effects(sql + '\0'));
  }
}

TEST_CASE("effects: SQL about a prepared statement, and about none") {
  for (const std::string sql :
       {"execute q", " ; EXECUTE \"Q\"(1)", "/* a */ deallocate prepare q", "prepare q as select 1",
        "prepare \"transaction\" as select 1", "execute q; select 1", "select 1; deallocate q", "explain execute q"}) {
    CAPTURE(sql);
    CHECK((scan_effects(sql) & effect::statement_name) != 0);
  }
  for (const std::string sql : {"prepare transaction 'x'", "select 1; executed q", "executed q", "discard all"}) {
    CAPTURE(sql);
    CHECK((scan_effects(sql) & effect::statement_name) == 0);
  }
}

TEST_CASE("effects: of a text in pieces, cut anywhere") {
  const std::vector<row> table = {
      {"select pg_try_advisory_lock_shared(1)", "advisory_lock several"},
      {"select set_config('a', 'b', false)", "set_function several"},
      {"select 1; create temp table t ()", "temporary several"},
      {"declare c cursor with hold for select 1", "hold_cursor several"},
      {"select 1; deallocate all", "several deallocate"},
      {"create /* x */ temp table t ()", "temporary several"},
      {"select 1", "several"},
  };
  for (const auto& [sql, effects] : table) {
    const std::string_view text(sql);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      CAPTURE(text.substr(0, cut));
      CAPTURE(text.substr(cut));
      const auto tail = effects_tail_of({}, text.substr(0, cut));
      CHECK(names(scan_effects(text.substr(0, cut)) | scan_effects_of_piece(tail, text.substr(cut))) == effects);
    }
    // And a byte at a time.
    effect::mask found = effect::none;
    std::string tail;
    for (const char& c : text) {
      found |= scan_effects_of_piece(tail, {&c, 1});
      tail = effects_tail_of(tail, {&c, 1});
      CHECK(tail.size() <= effects_tail);
    }
    CHECK(names(found) == effects);
  }
}

TEST_CASE("effects: a tail is bounded, whatever the pieces") {
  CHECK(effects_tail_of({}, std::string(1000, 'x')).size() == effects_tail);
  CHECK(effects_tail_of(std::string(1000, 'x'), "y").size() == effects_tail);
}

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
  CHECK(finds(effect::temporary, {"create te", "mp table abcde (x int, y int) on commit drop", "ped int)"}));
}

}  // namespace
}  // namespace forebay
