#include "routing/access.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

#include "routing/sql_scan.hpp"
#include "support.hpp"

namespace forebay {
namespace {

using kind = sql_access::kind;

struct row {
  std::string sql, verdict;
};

void check(std::initializer_list<row> rows) {
  for (const auto& [sql, verdict] : rows) {
    CAPTURE(sql);
    CHECK(words_of(read_access(sql)) == verdict);
    access_reader reader;  // its short cuts must not differ, but in the reason
    const auto found = reader.access_of(sql);
    CHECK((found->what == kind::primary ? "primary" : words_of(*found)) ==
          std::string(verdict).substr(0, found->what == kind::primary ? 7 : std::string::npos));
  }
}

TEST_CASE("access: what reads") {
  check({
      {"", "read"},
      {" ; -- nothing", "read"},
      {"select 1", "read"},
      {"SELECT * FROM t1", "read r:t1"},
      {"\n\t ( SELECT 1 ) ;", "read"},
      {"/* a */ -- b\n select 1 -- c", "read"},
      {"select volatile_f(1), public.volatile_f(1)", "read f:volatile_f,public.volatile_f"},
      {"values (f(1)), (g())", "read f:f,g"},
      {"table s.t", "read r:s.t"},
      {"table \"T1\"", "read r:T1"},
      {"select * from T1, \"a b\".\"c\"\"d\", db.s.x", "read r:t1,a b.c\"d,s.x"},
      {"select * from only p, q*", "read r:p,q"},
      {"with x as (select f() from t), y as (table u) select * from x, y, z", "read f:f r:t,u,z c:x,y"},
      {"with x as (select 1) select * from s.x", "read r:s.x"},
      {"with recursive r as (select 1 union all select n + 1 from r) search depth first by n set o cycle n set c using "
       "p "
       "select * from r",
       "read c:r o:+"},
      {"select * from t tablesample bernoulli (f()) repeatable (g())", "read f:f,g r:t"},
      {"select * from t tablesample system_rows (1)", "primary: sampling method of an extension"},
      // Functions at every place.
      {"select (select a() from (select b() where c()) x where d() in (select e()) group by f() having g() order by "
       "h() "
       "limit i() offset j())",
       "read f:a,b,c,d,e,f,g,h,i,j"},
      {"select * from a() x, lateral b() with ordinality, rows from (c(), d()) y join e() on f() left join g() using "
       "(k)",
       "read f:a,b,c,d,e,f,g"},
      {"select distinct on (a()) 1, case b() when c() then d() else e() end, coalesce(f(), g()), greatest(h(), i())",
       "read f:a,b,c,d,e,f,g,h,i"},
      {"select count(*) filter (where a()) over (partition by b() order by c() rows between d() preceding and current "
       "row), sum(1) over w from t window w as (partition by e())",
       "read f:a,b,c,count,d,e,sum r:t"},
      {"select percentile_cont(a()) within group (order by b()), array_agg(1 order by c())",
       "read f:a,array_agg,b,c,percentile_cont"},
      {"select 1 from t group by grouping sets ((), (a()), rollup (b()), cube (c())) having grouping(x) > 0",
       "read f:a,b,c r:t o:>"},
      {"select array[a(), b()], row(c()), (d()).*, (array[1])[e()], f(x => g(), variadic h())",
       "read f:a,b,c,d,e,f,g,h"},
      {"select exists (select a()), 1 = any (select b()), 1 < all (array[c()]), 1 in (d()), e() between f() and g()",
       "read f:a,b,c,d,e,f,g o:<,="},
      {"select a() is null, b() is true, not c(), d() is distinct from e(), f() collate \"C\", g()::s.t",
       "read f:a,b,c,d,e,f,g o:= t:s.t"},
      {"select * from xmltable('/a' passing a() columns b int default b()) x, json_to_recordset(c()) as y(z s.t)",
       "read f:a,b,c,json_to_recordset t:pg_catalog.int4,s.t"},
      {"select xmlelement(name a, b()), xmlserialize(content c() as text)", "read f:b,c t:text"},
      {"select json_build_object('a', nextval('s')), to_jsonb(x) -> y()",
       "read f:json_build_object,nextval,to_jsonb,y o:->"},
      {"select extract(year from a()), position('a' in b()), trim(c()), a like b escape 'c', d() at time zone 'utc'",
       "read "
       "f:a,b,c,d,pg_catalog.btrim,pg_catalog.extract,pg_catalog.like_escape,pg_catalog.position,pg_catalog.timezone "
       "o:~~"},
      {"select a() union all (select b() intersect select c()) except values (d())", "read f:a,b,c,d"},
      {"select current_user, current_date, localtimestamp(0), current_catalog, session_user, current_schema", "read"},
      // Operators and types.
      {"select 1 operator(s.+) 2, - x, a !== b", "read o:!==,-,s.+"},
      {"select * from t order by a using operator(s.<), b using >", "read r:t o:>,s.<"},
      {"select 1 operator(s.=) any (select 2)", "read o:s.="},
      {"select 't1'::regclass, cast(1 as s.t), s.t 'a', x::u[], date 'today'", "read t:date,regclass,u,s.t"},
      // A column may be a function.
      {"select (t).fname, t.gname, s.t.hname, x.*, (f()).iname.jname, bare from t",
       "read f:f r:t a:fname,gname,hname,iname,jname"},
      {"select f.* from f() f", "read f:f"},
      {"select $1, $2::int from t where a = $3", "read r:t o:= t:pg_catalog.int4"},
  });
}

TEST_CASE("access: what only the primary runs") {
  for (const std::string sql : {"insert into t values (1)",
                                "update t set a = 1",
                                "delete from t",
                                "truncate t",
                                "merge into t using u on true "
                                "when matched then delete",
                                "create table t ()",
                                "create table t as select 1",
                                "refresh materialized view v",
                                "listen c",
                                "unlisten c",
                                "notify c",
                                "lock t",
                                "vacuum",
                                "analyze",
                                "call p()",
                                "do 'begin end'",
                                "load 'x'",
                                "discard all",
                                "set constraints all deferred",
                                "checkpoint",
                                "cluster",
                                "reindex table t",
                                "grant all on t to a",
                                "comment on table t is 'x'",
                                "alter table t add a int",
                                "drop table t",
                                "import foreign schema a from server b into c",
                                "explain create table t as select 1"}) {
    CAPTURE(sql);
    CHECK(read_access(sql).what == kind::primary);
    CHECK(access_reader().access_of(sql)->what == kind::primary);
  }
  check({
      {"select 1; select 2", "primary: several statements"},
      {"begin; select 1", "primary: several statements"},
      {"select 1 from", "primary: unparsable"},
      {"select 'a", "primary: unparsable"},
      {"merge merge", "primary: unparsable"},
      {"select 1 into t", "primary: into"},
      {"select 1 union select 2 into t", "primary: into"},
      {"select 1 into temp t union select 2", "primary: into"},
      {"with x as (select 1 into t) select * from x", "primary: into"},
      {"select * from t for update", "primary: for update or share"},
      {"select * from t for no key update of t nowait", "primary: for update or share"},
      {"select * from t for share skip locked", "primary: for update or share"},
      {"select * from t for key share", "primary: for update or share"},
      {"select * from (select * from t for update) x", "primary: for update or share"},
      {"select (select a from t where exists (select 1 from u for key share) limit 1)", "primary: for update or share"},
      {"with x as (with y as (select * from t for update) table y) table x", "primary: for update or share"},
      {"(select * from t for update) union all table u", "primary: for update or share"},
      {"with x as (insert into t values (1) returning *) select * from x", "primary: data-modifying statement"},
      {"with x as (update t set a = 1) select 1", "primary: data-modifying statement"},
      {"with x as (delete from t) select 1", "primary: data-modifying statement"},
      {"with x as (select 1) insert into t table x", "primary: not a select"},
      {"select * from (with x as (delete from t returning *) table x) y", "primary: data-modifying statement"},
      {"prepare transaction 'x'", "primary: two-phase commit"},
      {"commit prepared 'x'", "primary: two-phase commit"},
      {"rollback prepared 'x'", "primary: two-phase commit"},
  });
}

TEST_CASE("access: COPY") {
  check({
      {"copy t to stdout", "read r:t"},
      {"copy s.t (a, b) to stdout with (format csv, header, force_quote (a))", "read r:s.t"},
      {"COPY (select f() from t) TO STDOUT csv", "read f:f r:t"},
      {"copy (values (f())) to stdout", "read f:f"},
      {"copy (with x as (select 1) table x) to stdout", "read c:x"},
      {"copy (select * from t for update) to stdout", "primary: for update or share"},
      {"copy (select 1 into x) to stdout", "primary: into"},
      {"copy (with x as (insert into t values (1) returning *) table x) to stdout",
       "primary: data-modifying statement"},
      {"copy (delete from t returning *) to stdout", "primary: data-modifying statement"},
      {"copy t from stdin", "primary: copy from"},
      {"copy t to '/tmp/x'", "primary: copy to a file"},
      {"copy (select 1) to program 'cat'", "primary: copy to a file"},
  });
}

TEST_CASE("access: EXPLAIN") {
  check({
      {"explain select f() from t", "read f:f r:t"},
      {"explain verbose select 1", "read"},
      {"explain (costs off, format json) table t", "read r:t"},
      {"explain insert into t select f() from u on conflict (a) do update set b = default", "read f:f r:t,u"},
      {"explain update t set (a, b) = (select c, d from u)", "read r:t,u"},
      {"explain delete from t where a = 1", "read r:t o:="},
      {"explain merge into t using u on true when matched then delete", "read r:t,u"},
      {"explain delete from t where current of c", "primary: not known to read only"},
      {"explain select * from t for update", "read r:t"},
      {"explain with x as (delete from t) select 1", "read r:t"},
      {"explain (analyze false) insert into t values (1)", "read r:t"},
      {"explain (analyze off) insert into t values (1)", "read r:t"},
      {"explain (analyze 0) insert into t values (1)", "read r:t"},
      {"explain (analyze, analyze 'f') insert into t values (1)", "read r:t"},
      {"explain (analyze false, analyze) insert into t values (1)", "primary: data-modifying statement"},
      {"explain (analyze 2) insert into t values (1)", "primary: data-modifying statement"},
      {"explain (analyze 'o') insert into t values (1)", "primary: data-modifying statement"},
      {"explain analyze insert into t values (1)", "primary: data-modifying statement"},
      {"explain (ANALYZE, buffers) delete from t", "primary: data-modifying statement"},
      {"explain analyze select f() from t", "read f:f r:t"},
      {"explain analyze select * from t for update", "primary: for update or share"},
      {"explain analyze with x as (delete from t) select 1", "primary: data-modifying statement"},
      {"explain select 1 into t", "primary: into"},
      {"explain create table t as select 1", "primary: explain of no query"},
      {"explain declare c cursor for select f()", "read f:f"},
      {"explain analyze declare c cursor for select * from t for update", "primary: for update or share"},
      {"explain execute p", "primary: explain of no query"},
      {"explain analyze execute p", "primary: explain of no query"},
  });
}

TEST_CASE("access: statements and cursors of SQL") {
  check({
      {"prepare p as select f($1)", "prepare p f:f"},
      {"prepare P(int, s.t) as table t", "prepare p r:t t:pg_catalog.int4,s.t"},
      {"prepare p as insert into t values (1)", "primary: prepare of no select"},
      {"prepare p as select 1 for update", "primary: for update or share"},
      {"execute p", "execute p"},
      {"execute \"P\"(1, f())", "execute P f:f"},
      {"create table t as execute p", "primary: not a select"},
      {"deallocate p", "deallocate p"},
      {"deallocate prepare all", "deallocate"},
      {"declare c cursor for select f() from t", "cursor c f:f r:t"},
      {"declare c binary scroll cursor without hold for select 1", "cursor c"},
      {"declare c cursor with hold for select 1", "primary: cursor with hold"},
      {"declare c cursor for select * from t for update", "primary: for update or share"},
      {"fetch all from c", "cursor c"},
      {"move 5 in c", "cursor c"},
      {"close c", "cursor c"},
      {"close all", "cursor"},
  });
}

TEST_CASE("access: transactions and settings") {
  check({
      {"begin", "begin"},
      {"start transaction", "begin"},
      {"BEGIN WORK READ ONLY", "begin read only"},
      {"begin isolation level serializable, read only, deferrable", "begin serializable read only deferrable"},
      {"start transaction isolation level repeatable read read write not deferrable",
       "begin repeatable read read write not deferrable"},
      {"begin read only, read write", "begin read write"},
      {"begin transaction isolation level read committed", "begin read committed"},
      {"commit", "commit"},
      {"end and chain", "commit chain"},
      {"rollback work and no chain", "rollback"},
      {"abort and chain", "rollback chain"},
      {"savepoint a", "savepoint a"},
      {"release a", "savepoint a"},
      {"rollback to savepoint a", "savepoint a"},
      {"set transaction read only", "set transaction read only"},
      {"set transaction isolation level read uncommitted, read write", "set transaction read uncommitted read write"},
      {"set transaction snapshot 'x'", "primary: snapshot of another transaction"},
      {"set session characteristics as transaction isolation level serializable", "set characteristics serializable"},
      {"set transaction_read_only = off", "set transaction read write"},
      {"set transaction_read_only = f", "set transaction read write"},
      {"set transaction_read_only = false", "set transaction read write"},
      {"set transaction_read_only to 'No'", "set transaction read write"},
      {"set transaction_read_only = 0", "set transaction read write"},
      {"set transaction_read_only = o", "set transaction read write"},  // what is no word
      {"set local Transaction_Read_Only = 'TRU'", "set transaction read only"},
      {"set transaction_isolation = 'Repeatable Read'", "set transaction repeatable read"},
      {"set transaction_isolation = 'what'", "set transaction serializable"},
      {"set transaction_deferrable = on", "set transaction deferrable"},
      {"set transaction_read_only to default", "primary: transaction mode reset"},
      {"reset transaction_isolation", "primary: transaction mode reset"},
      {"set work_mem = 1", "set work_mem"},
      {"set local a.b = 1", "set a.b local"},
      {"set default_transaction_read_only = on", "set default_transaction_read_only"},
      {"reset work_mem", "set work_mem"},
      {"reset all", "set"},
      {"show work_mem", "show work_mem"},
      {"show transaction isolation level", "show transaction_isolation"},
      {"show all", "primary: a setting of the node"},
      {"show In_Hot_Standby", "primary: a setting of the node"},
      {"show transaction_read_only", "primary: a setting of the node"},
  });
}

TEST_CASE("access: settings under which the grammar would be wrong") {
  const auto with = [](const char* text, const char* name, const char* value) {
    return reads_as_written(text, *parameter_set::intern({{name, value, true}}));
  };
  CHECK(reads_as_written("select '\\', '\xc3\xa9'", *parameter_set::empty()));
  CHECK(with("select '\\'", "standard_conforming_strings", "on"));
  CHECK(with("select ''", "standard_conforming_strings", "off"));
  CHECK(!with("select '\\'", "standard_conforming_strings", "off"));
  CHECK(with("select '\xc3\xa9'", "client_encoding", "UTF8"));
  CHECK(with("select 'a'", "client_encoding", "SJIS"));
  CHECK(!with("select '\x83\x5c'", "client_encoding", "SJIS"));
  CHECK(!with("select '\x83\x5c'", "client_encoding", "gb18030"));
}

}  // namespace
}  // namespace forebay
