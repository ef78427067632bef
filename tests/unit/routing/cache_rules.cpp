#include "routing/cache_rules.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "routing/access.hpp"
#include "routing/cache_functions.hpp"
#include "routing/read_rules.hpp"

// More of it, of a real database: tests/integration/test_cache_rules.py.
namespace forebay {
namespace {

using rows = std::vector<std::pair<std::size_t, std::vector<std::string>>>;

// Functions, relations, types, operators, uses, foreign keys: as the queries of routing/catalog give them.
rows a_database() {
  rows all = {
      {0, {"1", "pg_catalog", "now", "s", "f"}},
      {0, {"2", "pg_catalog", "random", "v", "f"}},
      {0, {"3", "pg_catalog", "to_char", "s", "f"}},
      {0, {"4", "pg_catalog", "lower", "i", "f"}},
      {0, {"5", "pg_catalog", "query_to_xml", "v", "f"}},
      {0, {"20000", "public", "vol", "v", "f"}},
      {0, {"20001", "public", "sta", "s", "f"}},
      {0, {"20002", "public", "imm", "i", "f"}},
      {0, {"20003", "public", "mixed", "i", "f"}},
      {0, {"20004", "public", "mixed", "s", "f"}},
      {0, {"20005", "public", "to_char", "s", "f"}},
      {0, {"20006", "pg_catalog", "random", "v", "f"}},  // of an extension
      {0, {"20007", "public", "total", "v", "t"}},
      {0, {"20008", "public", "same", "s", "f"}},
      {0, {"20009", "public", "age_of", "s", "t"}},
      {1, {"10", "pg_catalog", "pg_type", "r", "p", "f", "f"}},
      {1, {"11", "information_schema", "tables", "v", "p", "f", "f"}},
      {1, {"12", "information_schema", "columns", "v", "p", "f", "f"}},
      {1, {"100", "public", "t", "r", "p", "f", "f"}},
      {1, {"101", "public", "u", "r", "p", "f", "f"}},
      {1, {"102", "other", "u", "r", "p", "f", "f"}},
      {1, {"103", "public", "v", "v", "p", "f", "f"}},
      {1, {"104", "public", "vv", "v", "p", "f", "f"}},
      {1, {"105", "public", "guarded", "r", "p", "t", "f"}},
      {1, {"106", "public", "v_guarded", "v", "p", "f", "f"}},
      {1, {"107", "public", "un", "r", "u", "f", "f"}},
      {1, {"108", "pg_temp_1", "tmp", "r", "t", "f", "f"}},
      {1, {"109", "public", "far", "f", "p", "f", "f"}},
      {1, {"110", "public", "s", "S", "p", "f", "f"}},
      {1, {"111", "public", "m", "m", "p", "f", "f"}},
      {1, {"112", "public", "acting", "r", "p", "f", "t"}},
      {1, {"113", "public", "v_vol", "v", "p", "f", "f"}},
      {1, {"114", "public", "with_vol", "r", "p", "f", "f"}},
      {1, {"115", "public", "v_today", "v", "p", "f", "f"}},
      {1, {"116", "public", "columns", "r", "p", "f", "f"}},
      {1, {"120", "public", "p", "p", "p", "f", "f"}},
      {1, {"121", "public", "p1", "p", "p", "f", "f"}},
      {1, {"122", "public", "p2", "r", "p", "f", "f"}},
      {1, {"123", "public", "p11", "r", "p", "f", "f"}},
      {1, {"124", "public", "p12", "r", "p", "f", "f"}},
      {1, {"130", "public", "k1", "r", "p", "f", "f"}},
      {1, {"131", "public", "k2", "r", "p", "f", "f"}},
      {1, {"132", "public", "k3", "r", "p", "f", "f"}},
      {1, {"133", "public", "k_stop", "r", "p", "f", "f"}},
      {1, {"134", "public", "k_acts", "r", "p", "f", "f"}},
      {2, {"23", "pg_catalog", "int4"}},
      {2, {"25", "pg_catalog", "text"}},
      {2, {"26", "pg_catalog", "json"}},
      {2, {"27", "pg_catalog", "date"}},
      {2, {"1266", "pg_catalog", "timetz"}},
      {2, {"21000", "public", "checked"}},
      {2, {"21001", "public", "json"}},
      {3, {"pg_catalog", "+", "0"}},
      {3, {"public", "===", "20008"}},
      {4, {"r", "103", "r", "100"}},
      {4, {"r", "103", "r", "103"}},  // a view's own rule names it
      {4, {"r", "104", "r", "103"}},
      {4, {"r", "106", "r", "105"}},
      {4, {"r", "113", "f", "20000"}},
      {4, {"w", "114", "f", "20000"}},
      {4, {"r", "115", "m", "0"}},
      {4, {"r", "120", "r", "121"}},
      {4, {"r", "120", "r", "122"}},
      {4, {"r", "121", "r", "123"}},
      {4, {"r", "121", "r", "124"}},
      {4, {"t", "21000", "f", "20001"}},
      {6, {"130", "131", "t"}},
      {6, {"131", "132", "t"}},
      {6, {"131", "133", "f"}},
      {6, {"122", "132", "t"}},
      {6, {"134", "112", "t"}},
  };
  for (const auto* sign : {"=", "<>", "<", ">", "<=", ">="})
    all.push_back({3, {"pg_catalog", sign, "0"}});
  return all;
}

catalog facts_of(const rows& all) {
  catalog facts;
  for (const auto& [query, row] : all)
    REQUIRE(facts.add(query, row));
  return facts;
}

std::string ids(const std::vector<catalog::oid>& all) {
  std::string text;
  for (const auto id : all)
    text += ' ' + std::to_string(id);
  return text;
}

struct database {
  read_rules rules;
  explicit database(const function_lists& lists = {}, const rows& more = {})
      : rules(facts_of([&] {
                auto all = a_database();
                all.insert(all.end(), more.begin(), more.end());
                return all;
              }()),
              lists) {}

  std::string keep(const std::string& sql) const {
    const auto access = read_access(sql);
    const auto why = rules.caching().why_not(access);
    if (why) return why->reason + (why->name.empty() ? "" : ' ' + why->name);
    return "kept" + ids(rules.caching().depends_on(access));
  }
  std::string write(const std::string& sql) const {
    const auto written = rules.caching().written_by(read_access(sql));
    return written ? "writes" + ids(*written) : "anything";
  }
};

TEST_CASE("cache_rules: what may be kept, and what it depends on") {
  const database of;
  struct {
    const char *sql, *verdict;
  } const cases[] = {
      {"select 1 + 1", "kept"},
      {"select * from t", "kept 100"},
      {"select * from u", "kept 101 102"},
      {"select * from other.u", "kept 102"},
      {"with u as (select 1) select * from u, t", "kept 100 101 102"},
      {"select * from unheard_of", "unknown relation unheard_of"},
      {"select * from v", "kept 100 103"},
      {"select * from vv", "kept 100 103 104"},
      {"select * from m", "kept 111"},
      {"select * from p", "kept 120 121 122 123 124"},
      {"select * from p1", "kept 121 123 124"},
      {"select * from p11", "kept 123"},
      {"select * from columns", "kept 116"},  // the user's own
      {"select * from guarded", "row level security public.guarded"},
      {"select * from v_guarded", "row level security public.guarded"},
      {"with guarded as (select 1) select * from guarded", "row level security public.guarded"},
      {"select * from un", "unlogged relation public.un"},
      {"select * from tmp", "temporary relation pg_temp_1.tmp"},
      {"select * from far", "foreign table public.far"},
      {"select * from s", "sequence public.s"},
      {"select * from pg_type", "system catalog pg_catalog.pg_type"},
      {"select * from information_schema.tables", "system catalog information_schema.tables"},
      {"select * from v_today", "another at any moment"},
      {"select imm(1), pg_catalog.lower('a'), pg_catalog.to_char(1, '9')", "kept"},
      {"select sta(1)", "stable function of a user public.sta"},
      {"select mixed(1)", "stable function of a user public.mixed"},
      {"select to_char(1, '9')", "stable function of a user public.to_char"},
      {"select now()", "function of the time or the catalogs pg_catalog.now"},
      {"select vol(1)", "volatile function public.vol"},
      {"select random()", "volatile function pg_catalog.random"},
      {"select t.total from t", "volatile function public.total"},
      {"select t.age_of from t", "stable function of a user public.age_of"},
      {"select total from t", "kept 100"},
      {"select 1 === 1", "stable function of a user public.same"},
      {"select '1'::checked", "stable function of a user public.sta"},
      {"select '12:00'::timetz", "time with today's time zone pg_catalog.timetz"},
      {"select a::int, a::text, '2020-01-01'::date from t", "kept 100"},
      {"select a::date from t", "may turn a text into a time date"},
      {"select a::public.json from t", "may turn a text into a time public.json"},
      {"select a::json from t", "may turn a text into a time json"},  // by some search path
      {"select a::pg_catalog.json from t", "kept 100"},
      {"select current_date", "the time"},
      {"explain select 1", "explain"},
      {"show a", "not a query"},
      {"insert into t values (1)", "not a select"},
  };
  for (const auto& c : cases) {
    CAPTURE(std::string(c.sql));
    CHECK(of.keep(c.sql) == c.verdict);
  }
  CHECK(database({}, {{3, {"public", "<", "20008"}}}).keep("select 1") == "stable function of a user public.same");
  CHECK(database(function_lists{{}, {"vol", "sta"}}).keep("select vol(1)") ==
        "volatile function public.vol");  // it may still vary
  CHECK(database(function_lists{{"imm"}, {}}).keep("select imm(1)") == "in write_functions public.imm");
}

TEST_CASE("cache_rules: what is written") {
  const database of;
  struct {
    const char *sql, *written;
  } const cases[] = {
      {"select * from t", "writes"},
      {"select pg_catalog.now(), sta(1), imm(1)", "writes"},
      {"select vol(1)", "anything"},
      {"select random()", "anything"},  // the extension's
      {"select query_to_xml('x')", "anything"},
      {"select * from v_vol", "anything"},
      {"select t.total from t", "anything"},
      {"select unheard_of(1)", "anything"},
      {"begin", "writes"},
      {"insert into t values (1)", "writes 100"},
      {"insert into u values (1)", "writes 101 102"},
      {"delete from other.u", "writes 102"},
      {"insert into unheard_of values (1)", "anything"},
      {"insert into public.tmp values (1)", "anything"},
      {"insert into t values (vol(1))", "anything"},
      {"insert into t select * from v_vol", "anything"},
      {"update vv set a = 1", "writes 100 103 104"},
      {"insert into p values (1)", "writes 120 121 122 123 124"},
      {"insert into p1 values (1)", "writes 120 121 123 124"},
      {"insert into p11 values (1)", "writes 120 121 123"},
      {"refresh materialized view m", "writes 111"},
      {"insert into k1 values (1)", "writes 130"},
      {"insert into k1 values (1) on conflict (a) do update set a = 1", "writes 130 131 132"},
      {"delete from k1", "writes 130 131 132"},
      {"update k2 set a = 1", "writes 131 132"},
      {"delete from k3", "writes 132"},
      {"delete from p2", "writes 120 122 132"},
      {"delete from p", "writes 120 121 122 123 124 132"},
      {"truncate k1", "writes 130"},
      {"truncate k1 cascade", "writes 130 131 132 133"},
      {"insert into acting values (1)", "anything"},
      {"delete from k_acts", "anything"},
      {"insert into k_acts values (1)", "writes 134"},
      {"insert into with_vol values (1)", "anything"},
      {"select * from with_vol", "writes"},
      {"insert into far values (1)", "anything"},
      {"delete from pg_type", "anything"},
      {"create table x ()", "anything"},
      {"select 1; select 1", "anything"},
  };
  for (const auto& c : cases) {
    CAPTURE(std::string(c.sql));
    CHECK(of.write(c.sql) == c.written);
  }
  const database told(function_lists{{"imm"}, {"vol", "public.total"}});
  CHECK(told.write("select vol(1)") == "writes");
  CHECK(told.write("insert into with_vol values (1)") == "writes 114");
  CHECK(told.write("select imm(1)") == "anything");
  CHECK(database({}, {{3, {"public", "<", "20000"}}}).write("select 1") == "anything");
}

TEST_CASE("cache_rules: nothing is known, nothing is kept") {
  const read_rules none(catalog{}, {});
  CHECK(none.caching().why_not(read_access("select 1")));
  CHECK(!none.caching().written_by(read_access("insert into t values (1)")));
  CHECK(none.caching().written_by(read_access("begin")));
}

TEST_CASE("cache_functions: of the system's own") {
  for (const auto* name : {"to_char", "date_lt_timestamptz", "json_agg", "current_schema"})
    CHECK(is_stable_by_settings(name));
  for (const auto* name :
       {"now", "age", "to_regclass", "json_to_record", "current_setting", "timetz", "current_schemas"})
    CHECK(!is_stable_by_settings(name));
  for (const auto* name : {"nextval", "random", "pg_advisory_lock", "set_config"})
    CHECK(is_volatile_but_harmless(name));
  for (const auto* name : {"query_to_xml", "ts_stat", "ts_rewrite", "cursor_to_xml", "unheard_of"})
    CHECK(!is_volatile_but_harmless(name));
}

}  // namespace
}  // namespace forebay
