#include <doctest/doctest.h>

#include <string>

#include "routing/access.hpp"
#include "support.hpp"

// What a text changes, and whether what it reads may be kept, as far as the text tells.
namespace forebay {
namespace {

using kind = sql_access::kind;

std::string names_of(const std::vector<sql_name>& names) {
  std::string text;
  for (const auto& n : names)
    text += ' ' + (n.schema.empty() ? "" : n.schema + '.') + n.name;
  return text;
}

std::string change_of(const sql_access& a) {
  static constexpr const char* kinds[] = {"nothing", "rows", "keys", "cascade", "anything"};
  return kinds[static_cast<int>(a.changes)] + names_of(a.written);
}

TEST_CASE("writes: what a text changes") {
  struct {
    const char *sql, *change;
  } const cases[] = {
      {"select 1", "nothing"},
      {"select f() from t for update", "nothing"},
      {"show a", "nothing"},
      {"set a = 1", "nothing"},
      {"set session characteristics as transaction read only", "nothing"},
      {"set transaction snapshot 'x'", "nothing"},
      {"reset transaction_isolation", "nothing"},
      {"show all", "nothing"},
      {"begin", "nothing"},
      {"commit and chain", "nothing"},
      {"rollback to a", "nothing"},
      {"deallocate all", "nothing"},
      {"declare c cursor for select f() for update", "nothing"},
      {"fetch c", "nothing"},
      {"close c", "nothing"},
      {"listen a", "nothing"},
      {"unlisten a", "nothing"},
      {"notify a", "nothing"},
      {"lock t", "nothing"},
      {"vacuum full t", "nothing"},
      {"analyze t", "nothing"},
      {"checkpoint", "nothing"},
      {"discard all", "nothing"},
      {"set constraints all immediate", "nothing"},
      {"copy t to stdout", "nothing"},
      {"copy t to '/tmp/x'", "nothing"},
      {"", "nothing"},
      {"insert into t values (1)", "rows t"},
      {"insert into s.t select * from u", "rows s.t"},
      {"insert into t values (1) on conflict do nothing", "rows t"},
      {"insert into t values (1) on conflict (a) do update set b = 1", "keys t"},
      {"update t set a = 1 from u", "keys t"},
      {"update only t x set a = 1", "keys t"},
      {"delete from t using u", "keys t"},
      {"delete from t where current of c", "keys t"},
      {"merge into t using u on true when not matched then insert values (1)", "keys t"},
      {"with x as (insert into t values (1) returning *), y as (update u set a = 1) insert into w table x",
       "keys t u w"},
      {"with x as (insert into t values (1) returning *) table x", "rows t"},
      {"with t as (select 1) insert into t table t", "rows t"},
      {"truncate t, s.u", "rows t s.u"},
      {"truncate t cascade", "cascade t"},
      {"refresh materialized view m", "rows m"},
      {"copy t from stdin", "rows t"},
      {"copy t from program 'x' where f(a)", "rows t"},
      {"copy (delete from t returning *) to stdout", "keys t"},
      {"copy (insert into t values (1) returning *) to '/tmp/x'", "rows t"},
      {"explain delete from t", "nothing"},
      {"explain analyze delete from t", "keys t"},
      {"explain (analyze off) with x as (delete from t) select 1", "nothing"},
      {"explain analyze with x as (delete from t) select 1", "keys t"},
      {"prepare p as delete from t", "keys t"},
      {"prepare p as select 1", "nothing"},
      {"execute p", "anything"},
      {"select 1 into t", "anything"},
      {"with x as (select 1 into t) select 1", "anything"},
      {"create table t as select 1", "anything"},
      {"explain analyze create table t as select 1", "anything"},
      {"explain analyze execute p", "anything"},
      {"create table t ()", "anything"},
      {"alter table t add a int", "anything"},
      {"drop table t", "anything"},
      {"grant all on t to a", "anything"},
      {"do 'x'", "anything"},
      {"call p()", "anything"},
      {"load 'x'", "anything"},
      {"cluster", "anything"},
      {"reindex table t", "anything"},
      {"prepare transaction 'x'", "anything"},
      {"commit prepared 'x'", "anything"},
      {"rollback prepared 'x'", "anything"},
      {"insert into t values (1); select 1", "anything"},
      {"insert into", "anything"},
  };
  for (const auto& c : cases) {
    CAPTURE(std::string(c.sql));
    access_reader reader;
    CHECK(change_of(*reader.writes_of(c.sql)) == c.change);
    CHECK(change_of(read_access(c.sql)) == c.change);
    // The short cut of who does not ask for writes may only say more.
    const auto quick = reader.access_of(c.sql);
    CHECK((quick->changes == sql_access::change::anything || change_of(*quick) == c.change));
  }
}

TEST_CASE("writes: what a write names is named as of a read") {
  access_reader reader;
  const auto names = [&](const char* sql) {
    const auto a = reader.writes_of(sql);
    CHECK(a->what == kind::primary);
    return names_of(a->functions) + " |" + names_of(a->relations) + " |" + names_of(a->types) + " |" +
           names_of(a->operators);
  };
  CHECK(names("insert into t select f(a)::s.x from u where a === 1 returning g()") == " f g | t u | s.x | ===");
  CHECK(names("update t set a = f() where b in (select c from u)") == " f | t u | |");
  CHECK(names("merge into t using u on f() when matched and g() then update set a = h()") == " f g h | t u | |");
  CHECK(names("copy t from stdin where f(a)") == " f | | |");
  CHECK(names("copy (select f() from t) to '/tmp/x'") == " f | t | |");
  CHECK(names("declare c cursor with hold for select f() from t") == " f | t | |");
  CHECK(names("prepare p (s.x) as insert into t values (f())") == " f | t | s.x |");
  CHECK(names("explain analyze insert into t values (f())") == " f | t | |");
  CHECK(names("select f() from t for update") == " f | t | |");
}

TEST_CASE("writes: texts that differ in literals are read once") {
  access_reader reader;
  const auto first = reader.writes_of("insert into t values (1, 'a')");
  CHECK(reader.writes_of("insert into t values (22, 'it''s') -- b") != first);
  CHECK(reader.writes_of("insert into t values (22, 'it''s')") == first);
  CHECK(reader.writes_of("update t set a = 1.5 where b = 'x'") == reader.writes_of("update t set a = 2 where b = ''"));
  CHECK(reader.parsed() == 3);
  // Who does not ask pays nothing.
  CHECK(access_reader().access_of("insert into t values (1)")->written.empty());
  access_reader other;
  other.access_of("insert into t values (1)");
  CHECK(other.parsed() == 0);
  // A read is the same for both, and what a replica has refused may have written anything.
  CHECK(reader.access_of("select 1 from t") == reader.writes_of("select 2 from t"));
  reader.learn_write("select 3 from t");
  CHECK(change_of(*reader.writes_of("select 4 from t")) == "anything");
}

TEST_CASE("writes: what is of this moment only") {
  struct {
    const char *sql, *why;
  } const cases[] = {
      {"select * from t", ""},
      {"select current_date", "the time"},
      {"select current_time(1)", "the time"},
      {"select a from t where b < localtimestamp", "the time"},
      {"select current_user, session_user, user, current_role, current_catalog, current_schema", ""},
      {"select * from t tablesample system (1)", "tablesample"},
      {"select ctid from t", "system column"},
      {"select t.xmin from t", "system column"},
      {"select (t).tableoid from t", "system column"},
      {"select x.cmin, x.a, x.oid from t x", "system column"},
      {"select oid, ctids from t", ""},
      {"select * from xmltable('/a' passing '<a/>' columns b int)", "xmltable"},
      {"copy t to stdout", "copy"},
      {"explain select 1", "explain"},
      {"", "no statement"},
  };
  for (const auto& c : cases) {
    CAPTURE(std::string(c.sql));
    const auto access = read_access(c.sql);
    CHECK(access.what == kind::read);
    CHECK(std::string(access.fleeting ? access.fleeting : "") == c.why);
  }
}

TEST_CASE("writes: what is cast to from more than a literal or a parameter") {
  const auto conversions = [](const char* sql) { return names_of(read_access(sql).conversions); };
  CHECK(conversions("select '2020-01-01'::date, $1::date, date 'x', cast(1 as int)").empty());
  CHECK(conversions("select a::date, cast(b as s.x), ('a' || 'b')::timestamp") == " date pg_catalog.timestamp s.x");
  CHECK(conversions("select 'a'::text::date") == " date");
  CHECK(conversions("select date(a), pg_catalog.timestamptz(b), date('x'), lower(c), date(a, b)") ==
        " date pg_catalog.timestamptz");
}

}  // namespace
}  // namespace forebay
