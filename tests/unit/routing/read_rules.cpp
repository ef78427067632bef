#include "routing/read_rules.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "routing/access.hpp"
#include "routing/primary_functions.hpp"

namespace forebay {
namespace {

using rows = std::vector<std::pair<std::size_t, std::vector<std::string>>>;

// Functions, relations, types, operators, uses: as the queries of routing/catalog give them.
rows a_database() {
  return {
      {0, {"1", "pg_catalog", "now", "s", "f"}},
      {0, {"2", "pg_catalog", "random", "v", "f"}},
      {0, {"3", "pg_catalog", "txid_current", "s", "f"}},
      {0, {"4", "pg_catalog", "pg_stat_get_numscans", "s", "f"}},
      {0, {"5", "pg_catalog", "lower", "i", "f"}},
      {0, {"6", "pg_catalog", "nextval", "v", "f"}},
      {0, {"7", "pg_catalog", "count", "i", "f"}},
      {0, {"20", "public", "volatile_f", "v", "f"}},
      {0, {"21", "public", "stable_f", "s", "f"}},
      {0, {"22", "public", "mixed", "i", "f"}},
      {0, {"23", "public", "mixed", "v", "f"}},
      {0, {"24", "other", "stable_f", "v", "f"}},
      {0, {"25", "public", "txid_current", "s", "f"}},
      {0, {"26", "public", "total", "v", "t"}},
      {0, {"27", "public", "age_of", "s", "t"}},
      {0, {"28", "public", "by_default", "i", "f"}},
      {0, {"29", "public", "writing_sum", "i", "f"}},
      {0, {"30", "public", "point_out", "v", "f"}},
      {0, {"31", "public", "same_point", "v", "f"}},
      {0, {"32", "public", "a_point", "s", "f"}},
      {1, {"100", "pg_catalog", "pg_class", "r", "p"}},
      {1, {"101", "pg_catalog", "pg_type", "r", "p"}},
      {1, {"102", "information_schema", "tables", "v", "p"}},
      {1, {"103", "information_schema", "parameters", "v", "p"}},
      {1, {"110", "public", "t1", "r", "p"}},
      {1, {"111", "public", "T1", "r", "u"}},
      {1, {"112", "public", "unlogged", "r", "u"}},
      {1, {"113", "pg_temp_3", "t2", "r", "t"}},
      {1, {"114", "public", "t2", "r", "p"}},
      {1, {"115", "public", "foreign_t", "f", "p"}},
      {1, {"116", "public", "s", "S", "p"}},
      {1, {"117", "public", "parameters", "r", "p"}},
      {1, {"118", "public", "matview", "m", "p"}},
      {1, {"120", "public", "view_of_t1", "v", "p"}},
      {1, {"121", "public", "view_of_unlogged", "v", "p"}},
      {1, {"122", "public", "view_of_view", "v", "p"}},
      {1, {"123", "public", "view_that_writes", "v", "p"}},
      {1, {"124", "public", "parted", "p", "p"}},
      {1, {"125", "public", "guarded", "r", "p"}},
      {1, {"126", "public", "points", "r", "p"}},
      {1, {"127", "public", "view_of_catalog", "v", "p"}},
      {2, {"200", "pg_catalog", "int4"}},
      {2, {"201", "pg_catalog", "text"}},
      {2, {"202", "pg_catalog", "regclass"}},
      {2, {"210", "public", "point2"}},
      {2, {"211", "public", "checked"}},
      {3, {"pg_catalog", "=", "0"}},
      {3, {"pg_catalog", "<>", "0"}},
      {3, {"pg_catalog", "<", "0"}},
      {3, {"pg_catalog", ">", "0"}},
      {3, {"pg_catalog", "<=", "0"}},
      {3, {"pg_catalog", ">=", "0"}},
      {3, {"pg_catalog", "+", "0"}},
      {3, {"public", "+", "21"}},
      {3, {"pg_catalog", "~~", "0"}},
      {3, {"public", "~~", "31"}},
      {3, {"public", "===", "31"}},
      {4, {"r", "120", "r", "110"}},
      {4, {"r", "121", "r", "112"}},
      {4, {"r", "121", "r", "121"}},  // a view's own rule names it
      {4, {"r", "122", "r", "121"}},
      {4, {"r", "123", "f", "20"}},
      {4, {"r", "124", "r", "112"}},
      {4, {"r", "125", "f", "6"}},
      {4, {"r", "126", "t", "210"}},
      {4, {"r", "127", "r", "100"}},
      {4, {"f", "28", "f", "6"}},
      {4, {"f", "29", "f", "20"}},
      {4, {"f", "32", "t", "210"}},
      {4, {"t", "210", "f", "30"}},
      {4, {"t", "211", "f", "20"}},
  };
}

catalog facts_of(const rows& all) {
  catalog facts;
  for (auto [query, row] : all) {
    if (query == 1) row.insert(row.end(), {"f", "f"});
    REQUIRE(facts.add(query, row));
  }
  return facts;
}

std::string verdict(std::string_view sql, const function_lists& lists = {}, const rows& more = {}) {
  auto all = a_database();
  all.insert(all.end(), more.begin(), more.end());
  const read_rules rules(facts_of(all), lists);
  const auto refused = rules.why_not(read_access(std::string(sql)));
  if (!refused) return "read";
  return refused->reason + (refused->name.empty() ? "" : ' ' + refused->name);
}

TEST_CASE("read_rules: what may be read") {
  struct {
    const char *sql, *verdict;
  } const cases[] = {
      {"select * from t1", "read"},
      {"select 1", "read"},
      {"select volatile_f(1)", "volatile function public.volatile_f"},
      {"select public.volatile_f(1)", "volatile function public.volatile_f"},
      {"select public.stable_f(1)", "read"},
      {"select stable_f(1)", "volatile function other.stable_f"},  // by the search path it may be that one
      {"select mixed(1)", "volatile function public.mixed"},
      {"select lower('a'), now(), count(*)", "read"},
      {"select unheard_of()", "unknown function unheard_of"},
      {"select other.lower('a')", "unknown function other.lower"},
      {"select \"Lower\"('a')", "unknown function Lower"},
      {"select txid_current()", "needs a transaction of the primary pg_catalog.txid_current"},
      {"select public.txid_current()", "read"},
      {"select pg_stat_get_numscans(1)", "tells of the node pg_catalog.pg_stat_get_numscans"},
      {"select nextval('s')", "volatile function pg_catalog.nextval"},
      {"select by_default()", "volatile function pg_catalog.nextval"},
      {"select writing_sum(a) from t1", "volatile function public.volatile_f"},
      {"select 1 from t1 order by random()", "volatile function pg_catalog.random"},
      {"prepare p as select volatile_f(1)", "volatile function public.volatile_f"},
      {"declare c cursor for select volatile_f(1)", "volatile function public.volatile_f"},
      {"explain analyze select volatile_f(1)", "volatile function public.volatile_f"},
      {"insert into t1 values (1)", "not a select"},
      // Relations.
      {"table unlogged", "unlogged relation public.unlogged"},
      {"select * from \"T1\"", "unlogged relation public.T1"},
      {"select * from t2", "temporary relation pg_temp_3.t2"},
      {"select * from public.t2", "read"},
      {"select * from pg_temp.t2", "unknown relation pg_temp.t2"},
      {"select * from t3", "unknown relation t3"},
      {"select * from other.t1", "unknown relation other.t1"},
      {"select * from foreign_t", "foreign table public.foreign_t"},
      {"select last_value from s", "sequence public.s"},
      {"select * from matview", "read"},
      {"select * from view_of_t1", "read"},
      {"select * from view_of_unlogged", "unlogged relation public.unlogged"},
      {"select * from view_of_view", "unlogged relation public.unlogged"},
      {"select * from view_that_writes", "volatile function public.volatile_f"},
      {"select * from parted", "unlogged relation public.unlogged"},
      {"select * from guarded", "volatile function pg_catalog.nextval"},
      {"select * from view_of_catalog", "system catalog pg_catalog.pg_class"},
      {"select 1 from pg_class", "system catalog pg_catalog.pg_class"},
      {"select 1 from pg_catalog.pg_class", "system catalog pg_catalog.pg_class"},
      {"select 1 from information_schema.tables", "system catalog information_schema.tables"},
      {"select 1 from tables", "system catalog information_schema.tables"},
      {"select 1 from parameters", "read"},  // the user's own
      {"select 1 from pg_type where typname = 'a'", "read"},
      {"with t9 as (select 1) table t9", "read"},
      {"with unlogged as (select 1) table unlogged", "unlogged relation public.unlogged"},
      {"copy unlogged to stdout", "unlogged relation public.unlogged"},
      // Types.
      {"select 't1'::regclass", "value looked up in the catalogs pg_catalog.regclass"},
      {"select 1::int, 'a'::text", "read"},
      {"select 'a'::unheard_of", "unknown type unheard_of"},
      {"select '1'::checked", "volatile function public.volatile_f"},
      {"select '1'::public.point2", "volatile function public.point_out"},
      {"select * from points", "volatile function public.point_out"},
      {"select a_point()", "volatile function public.point_out"},
      // Operators.
      {"select 1 + 1", "read"},
      {"select 1 === 1", "volatile function public.same_point"},
      {"select 'a' like 'b'", "volatile function public.same_point"},
      {"select 'a' operator(pg_catalog.~~) 'b'", "read"},
      {"select 1 @@@ 1", "unknown operator @@@"},
      // Attributes that are calls.
      {"select t1.total from t1", "volatile function public.total"},
      {"select (t1).total from t1", "volatile function public.total"},
      {"select t1.age_of, t1.volatile_f from t1", "read"},
      {"select total from t1", "read"},
  };
  for (const auto& c : cases) {
    CAPTURE(std::string(c.sql));
    CHECK(verdict(c.sql) == c.verdict);
  }
}

TEST_CASE("read_rules: an operator that compares may be used by any query") {
  CHECK(verdict("select 1", {}, {{3, {"public", "=", "31"}}}) == "volatile function public.same_point");
  CHECK(verdict("select 1", {{}, {"same_point"}}, {{3, {"public", "=", "31"}}}) == "read");
}

TEST_CASE("read_rules: how a login's transactions are isolated") {
  using level = transaction_modes::level;
  const auto isolation = [](const std::string& user, const rows& told) {
    return read_rules(facts_of(told), {}).isolation_of(user);
  };
  CHECK(isolation("a", {{5, {"", "read committed"}}}) == level::read_committed);
  CHECK(isolation("a", {{5, {"", "read committed"}}, {5, {"", "repeatable read"}}}) == level::repeatable_read);
  CHECK(isolation("a", {{5, {"", "read committed"}}, {5, {"a", "Serializable"}}}) == level::serializable);
  CHECK(isolation("b", {{5, {"", "read committed"}}, {5, {"a", "serializable"}}}) == level::read_committed);
  CHECK(isolation("a", {{5, {"", ""}}}) == level::repeatable_read);  // hidden
  CHECK(isolation("a", {}) == level::repeatable_read);
}

TEST_CASE("read_rules: the user's word counts for more") {
  CHECK(verdict("select volatile_f()", {{}, {"volatile_f"}}) == "read");
  CHECK(verdict("select volatile_f()", {{}, {"public.vol*"}}) == "read");
  CHECK(verdict("select volatile_f()", {{}, {"other.*"}}) == "volatile function public.volatile_f");
  CHECK(verdict("select * from view_that_writes", {{}, {"volatile_f"}}) == "read");
  CHECK(verdict("select by_default()", {{}, {"by_default"}}) == "read");
  CHECK(verdict("select txid_current()", {{}, {"txid_current"}}) == "read");
  CHECK(verdict("select 1 === 1", {{}, {"same_point"}}) == "read");
  CHECK(verdict("select stable_f()", {{}, {"other.stable_f"}}) == "read");
  CHECK(verdict("select lower('a')", {{"lower"}, {}}) == "in write_functions pg_catalog.lower");
  CHECK(verdict("select public.stable_f()", {{"public.*"}, {}}) == "in write_functions public.stable_f");
  CHECK(verdict("select (t1).age_of from t1", {{"age_of"}, {}}) == "in write_functions public.age_of");
}

TEST_CASE("read_rules: nothing is known, nothing may be read") {
  const read_rules none(catalog{}, {});
  for (const auto* sql : {"select 1", "table t1", "select now()"})
    CHECK(none.why_not(read_access(sql)));
}

TEST_CASE("catalog: rows of another shape are refused") {
  catalog facts;
  const auto add = [&](std::size_t query, std::vector<std::string> row) { return facts.add(query, row); };
  CHECK(!add(0, {"1", "public", "f", "v"}));
  CHECK(!add(0, {"x", "public", "f", "v", "t"}));
  CHECK(!add(0, {"1x", "public", "f", "v", "t"}));
  CHECK(!add(0, {"1", "public", "f", "x", "t"}));
  CHECK(!add(0, {"1", "public", "f", "v", "true"}));
  CHECK(!add(1, {"1", "public", "t", "r", "x", "f", "f"}));
  CHECK(!add(1, {"1", "public", "t", "i", "p", "f", "f"}));
  CHECK(!add(1, {"1", "public", "t", "r", "p", "x", "f"}));
  CHECK(!add(1, {"1", "public", "t", "r", "p", "f", "x"}));
  CHECK(!add(2, {"", "public", "t"}));
  CHECK(!add(3, {"public", "=", "-1"}));
  CHECK(!add(4, {"r", "1", "x", "2"}));
  CHECK(!add(4, {"r", "1", "f", "99999999999"}));
  CHECK(!add(5, {"1"}));
  CHECK(!add(6, {"1", "2", "x"}));
  CHECK(!add(6, {"1", "", "t"}));
  CHECK(facts.functions.empty());
  CHECK(facts.relations.empty());
  CHECK(facts.uses.empty());
}

TEST_CASE("function_lists: patterns") {
  CHECK(matches("f", "s", "f"));
  CHECK(!matches("f", "s", "ff"));
  CHECK(matches("f*", "s", "ff"));
  CHECK(matches("*", "s", "ff"));
  CHECK(matches("s.f", "s", "f"));
  CHECK(!matches("s.f", "t", "f"));
  CHECK(matches("s.*", "s", "f"));
  CHECK(!matches("s.g*", "s", "f"));
}

TEST_CASE("function_lists: both at once is a mistake") {
  const auto both = [](const char* write, const char* read) { return contradiction({{"x", write}, {"y", read}}); };
  CHECK(both("f", "f") == std::pair<std::string, std::string>("f", "f"));
  CHECK(both("f*", "fg"));
  CHECK(both("fg", "f*"));
  CHECK(both("f*", "fg*"));
  CHECK(both("s.f", "f"));
  CHECK(both("s.*", "f"));
  CHECK(!both("s.f", "t.f"));
  CHECK(!both("f", "g"));
  CHECK(!both("f*", "g*"));
  CHECK(!both("fg", "f"));
}

TEST_CASE("primary_functions: of the system's own") {
  CHECK(why_primary_function("txid_current"));
  CHECK(why_primary_function("pg_stat_get_wal"));
  CHECK(why_primary_function("database_to_xml_and_xmlschema"));
  CHECK(why_primary_function("current_setting"));  // test_primary_functions.py finds no call of it
  CHECK(!why_primary_function("txid_current_x"));
  CHECK(!why_primary_function("now"));
  for (const auto& f : primary_functions())
    CHECK(why_primary_function(f.name) == f.reason);
}

}  // namespace
}  // namespace forebay
