"""What may be read on a replica, worked out from the catalogs of a real database; and what may, is read on one."""

import psycopg
import pytest

import harness
from rules_tool import ask, tool_queries

SCHEMA = """
create table t1 (id int primary key, name text);
create unlogged table u (a int);
create sequence s;
create function volatile_f(int) returns int language sql as 'select 1';
create function stable_f(int) returns int language sql stable as 'select 1';
create function yes(int) returns bool language sql as 'select true';
create function total(t1) returns int language sql as 'select 1';
create function by_default(a int default nextval('s')) returns int language sql immutable as 'select a';
create function step(int, int) returns int language sql as 'select 1';
create aggregate writing_sum (int) (sfunc = step, stype = int);
create aggregate plain_sum (int) (sfunc = int4pl, stype = int);
create function same(int, int) returns bool language sql as 'select true';
create operator === (leftarg = int, rightarg = int, function = same);
create domain checked as int check (yes(value));
create domain plain as int check (value > 0);
create type pair as (a int, b int);
create function pair_of(int) returns pair language sql as 'select row(1, 2)::pair';
create cast (int as pair) with function pair_of(int);
create type pair3 as (a int);
create function text_of(pair3) returns text language sql as 'select ''x''';
create cast (pair3 as text) with function text_of(pair3) as implicit;
create function a_pair3() returns pair3 language sql stable as 'select row(1)::pair3';
create table pairs (p pair);
create table pairs3 (p pair3[]);
create view v1 as select * from t1;
create view of_u as select * from u;
create view of_view as select * from of_u;
create view random_view as select random() r;
create view lock_view as select pg_try_advisory_lock(1);
create view sequence_view as select nextval('s');
create view deep_view as select 1 a where exists (select from t1 where id = any (array(select coalesce((select txid_current()), 1))));
create view operator_view as select id === 1 from t1;
create view sum_view as select writing_sum(id) over (partition by name) from t1;
create view domain_view as select id::checked from t1;
create view good_view as select row_number() over (order by id), sum(id) over w, upper(name), now(), name like 'a%' from t1 window w as ();
create view settings_view as select name from pg_settings;
create materialized view m as select random() r;
create table parted (a int) partition by list (a);
create table parted_1 partition of parted for values in (1);
create table parted_u (a int) partition by list (a);
create unlogged table parted_u_1 partition of parted_u for values in (1);
create table parent (a int);
create unlogged table child () inherits (parent);
create table guarded (a int);
alter table guarded enable row level security;
create policy p on guarded for select using (yes(a));
create table guarded_by_u (a int);
create policy p on guarded_by_u using (exists (select from u));
create table guarded_inserts (a int);
create policy p on guarded_inserts for insert with check (yes(a));
create foreign data wrapper nothing;
create server far foreign data wrapper nothing;
create foreign table far_t (a int) server far;
create schema "S 1";
create table "S 1"."T""1" ("Id" int);
create unlogged table "S 1".t1 (id int);
"""

READ = [
    "select * from public.t1", "select stable_f(1), public.stable_f(1)", "select * from v1", "select * from good_view", "select * from m",
    "select * from parted", "select * from guarded_inserts", "select plain_sum(id) from v1", "select 1::plain", "select * from pairs",
    'select "Id" from "S 1"."T""1"', "with x as (select 1 a) select * from x join lateral (values (1), (2)) y (b) on a = b",
    "explain insert into v1 values (1)", "explain update v1 set name = default", "explain delete from v1 where id in (1, 2)",
    "explain select * from v1 for update", "explain (analyze false) insert into v1 values (1)", "explain analyze select * from v1",
    "explain declare c cursor for table v1",
    "select typname from pg_type where oid = 23", "select 'int4'::regtype, to_tsvector('english'::regconfig, 'a')",
    "select count(*) filter (where id > 1), percentile_cont(0.5) within group (order by id) from v1 group by grouping sets ((), (name))",
    "select json_build_object('a', 1) ->> 'a', jsonb '{}' @> '{}', array[1] || 2, '{1}'::int[]", 
    "select * from public.t1 tablesample system (10)", "select * from generate_series(1, 3) g order by 1 limit 1 offset 1",
    "select a.id, a.name from v1 a", "select extract(year from now()), current_user, date 'today', interval '1 day'", "show work_mem", "",
    "select * from xmltable('/a' passing '<a/>' columns b int default 1)", "select * from json_to_recordset('[]') as x(a int, b text)",
    "(select 1 union all select 2) except values (3)", "select version(), pg_typeof(1), current_schema()",
]
PRIMARY = {
    "select * from t1": 'unlogged relation S 1.t1',  # by some search path
    "select volatile_f(1)": "volatile function public.volatile_f",
    "select * from u": "unlogged relation public.u",
    "select * from of_u": "unlogged relation public.u",
    "select * from of_view": "unlogged relation public.u",
    "select * from random_view": "volatile function pg_catalog.random",
    "select * from lock_view": "volatile function pg_catalog.pg_try_advisory_lock",
    "select * from sequence_view": "volatile function pg_catalog.nextval",
    "select * from deep_view": "needs a transaction of the primary pg_catalog.txid_current",
    "select * from operator_view": "volatile function public.same",
    "select * from sum_view": "volatile function public.step",
    "select * from domain_view": "volatile function public.yes",
    "select * from settings_view": "system catalog pg_catalog.pg_settings",
    "select * from parted_u": "unlogged relation public.parted_u_1",
    "select * from parent": "unlogged relation public.child",
    "select * from guarded": "volatile function public.yes",
    "select * from guarded_by_u": "unlogged relation public.u",
    "select * from far_t": "foreign table public.far_t",
    "select last_value from s": "sequence public.s",
    "select by_default()": "volatile function pg_catalog.nextval",
    "select writing_sum(id) from v1": "volatile function public.step",
    "select 1 === 1": "volatile function public.same",
    "select 1::checked": "volatile function public.yes",
    "select 1::pair": "volatile function public.pair_of",
    "select * from pairs3": "volatile function public.text_of",
    "select a_pair3()": "volatile function public.text_of",
    "select v.total from public.t1 v": "volatile function public.total",
    "select (v).total from public.t1 v": "volatile function public.total",
    "select relname from pg_class": "system catalog pg_catalog.pg_class",
    "select * from information_schema.tables": "system catalog information_schema.tables",
    "select 'v1'::regclass": "value looked up in the catalogs pg_catalog.regclass",
    "select * from v1 tablesample nothing (10)": "sampling method of an extension",
    "select currval('s')": "volatile function pg_catalog.currval",
    "select set_config('a.b', 'c', false)": "volatile function pg_catalog.set_config",
    "select * from dropped": "unknown relation dropped",
}


@pytest.fixture(scope="module")
def rules_database(cluster):
    """A database with all that matters, on the primary and on the first replica."""
    cluster.sql("create database rules")
    with cluster.primary.connect("postgres", "rules") as c:
        c.execute(SCHEMA)
        lsn = c.execute("select pg_current_wal_insert_lsn()::text").fetchone()[0]
    with cluster.replicas[0].connect("postgres") as c:
        harness.eventually(lambda: c.execute(f"select pg_last_wal_replay_lsn() >= '{lsn}'").fetchone()[0], 20, "the replica has the schema")
    yield "rules"
    cluster.sql("drop database rules with (force)")


@pytest.mark.proxy
def test_what_the_primary_has_to_run(cluster, rules_database):
    with cluster.primary.connect("postgres", rules_database) as c:
        assert dict(zip(PRIMARY, ask(c, PRIMARY))) == PRIMARY


@pytest.mark.proxy
def test_what_may_be_read_is_read_on_a_replica(cluster, rules_database):
    with cluster.replicas[0].connect("postgres", rules_database) as c:
        assert dict(zip(READ, ask(c, READ))) == dict.fromkeys(READ, "read")
        for text in READ:
            c.execute(text)
        with c.cursor().copy("copy public.t1 to stdout") as copy:
            assert list(copy) == []


@pytest.mark.proxy
def test_temporary_relations_of_any_session_count(cluster, rules_database):
    with cluster.primary.connect("postgres", rules_database) as c:
        c.execute("create temp table v1 (id int)")
        texts = ["select * from v1", "select * from public.v1", "select * from pg_temp.v1"]
        found = ask(c, texts)
        assert found[0].startswith("temporary relation pg_temp") and found[1:] == ["read", "unknown relation pg_temp.v1"]


@pytest.mark.proxy
def test_on_a_replica_the_unlogged_and_the_writing_fail_indeed(cluster, rules_database):
    """The reasons are no superstition."""
    with cluster.replicas[0].connect("postgres", rules_database) as c:
        for text in ("select * from u", "select * from of_view", "select * from sequence_view", "select * from parted_u", "select by_default()",
                     "select txid_current()", "select 1 from public.t1 for update", "create temp table x ()"):
            with pytest.raises(psycopg.Error) as e:
                c.execute(text)
            assert e.value.sqlstate in ("25006", "0A000", "42P17"), (text, e.value)


@pytest.mark.proxy
def test_the_fingerprint_changes_with_whatever_matters(cluster, rules_database):
    fingerprint = tool_queries()[-1]
    with cluster.primary.connect("postgres", rules_database) as c:
        for text in ("create function made(int) returns int language sql stable as 'select 1'", "alter function made(int) volatile",
                     "create or replace view v1 as select id, name from t1 where id > 0", "alter materialized view m rename to n", "drop view random_view",
                     "alter table t1 add more pair", "create policy q on guarded using (yes(a))", "drop policy q on guarded",
                     "alter table parted detach partition parted_1", "alter table guarded set unlogged", "drop function made(int)",
                     "alter view v1 set schema \"S 1\"", "alter domain plain add check (value < 9)", "create temp table v2 ()"):
            before = c.execute(fingerprint).fetchone()
            assert c.execute(fingerprint).fetchone() == before
            c.execute("insert into public.t1 values (1); delete from public.t1; analyze public.t1")
            assert c.execute(fingerprint).fetchone() == before
            c.execute(text)
            assert c.execute(fingerprint).fetchone() != before, text
