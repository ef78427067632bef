"""What results may be kept, what they depend on and what a write touches, worked out from the catalogs of a real database."""

import pytest

from rules_tool import ask, tool_queries

SCHEMA = """
create table t (id int primary key, name text, at timestamptz, day date);
create table plain (id int, name text, at timestamptz, day date);
create table with_default (id serial, made timestamptz default now(), by text default current_user);
create table generated (a int, b int generated always as (a + 1) stored, c int generated always as identity);
create unlogged table un (a int);
create sequence s;
create schema other;
create table other.twice (a int);
create table twice (a int);
-- functions
create function imm(int) returns int language sql immutable as 'select 1';
create function sta(int) returns int language sql stable as 'select count(*)::int from t';
create function vol(int) returns int language sql volatile as 'select 1';
create function plp(int) returns int language plpgsql stable as 'begin return (select count(*) from t); end';
create function over(int) returns int language sql immutable as 'select 1';
create function over(text) returns int language sql volatile as 'select 1';
create function half(int) returns int language sql immutable as 'select 1';
create function half(text) returns int language sql stable as 'select 1';
create function lower(int) returns text language sql stable as 'select ''x''';
create function by_default(a int default vol(1)) returns int language sql immutable as 'select a';
create function by_today(a date default current_date) returns date language sql immutable as 'select a';
create function total(t) returns int language sql stable as 'select 1';
create function wtotal(plain) returns int language sql volatile as 'select 1';
create function step(int, int) returns int language sql stable as 'select 1';
create aggregate sta_sum (int) (sfunc = step, stype = int);
create aggregate imm_sum (int) (sfunc = int4pl, stype = int);
create function same(int, int) returns bool language sql stable as 'select true';
create operator === (leftarg = int, rightarg = int, function = same);
create function imm_same(int, int) returns bool language sql immutable as 'select true';
create operator ==== (leftarg = int, rightarg = int, function = imm_same);
create operator !! (rightarg = regclass, function = pg_relation_filenode);
create function yes(int) returns bool language sql stable as 'select true';
create function wyes(int) returns bool language sql volatile as 'select true';
create domain checked as int check (yes(value));
create domain wchecked as int check (wyes(value));
create domain wchecked2 as wchecked check (value > 0);
create domain positive as int check (value > 0);
create domain not_later as date check (value <= current_date);
create domain text as pg_catalog.text;
create type pair as (a int, b int);
create function pair_of(int) returns pair language sql stable as 'select row(1, 2)::pair';
create cast (int as pair) with function pair_of(int);
-- views
create view v as select id, name from t;
create view vv as select v.id from v join plain using (id);
create view v_now as select now() as n, id from t;
create view v_today as select id from t where day = current_date;
create view v_who as select current_user as u, id from t;
create view v_sta as select sta(id) from plain;
create view v_vol as select vol(id) from plain;
create view v_sample as select id from t tablesample system (10);
create view v_place as select ctid as c, id from t;
create view v_cast as select name::date as d from t;
create view v_fine as select at::date as d, at + interval '1 day' as e, upper(name) as n, date_trunc('day', at) as f, id::text as g from t;
create view v_fixed as select timestamptz 'today' as d from t;
create view v_unlogged as select * from un;
create view v_catalog as select relname from pg_class;
create view v_xml as select x.b from xmltable('/a' passing '<a/>' columns b date) x;
create view v_checked as select id::checked from t;
create materialized view m as select id, name from t;
create materialized view m_now as select now() as n from t;
create materialized view m_vol as select vol(id) from t with no data;
create view v_m as select * from m;
create view v_ruled as select id, name from plain;
create rule r as on insert to v_ruled do instead insert into t values (new.id, new.name);
create table shop (s int, opens time, at timestamptz);
create view v_shop as select opens from shop;
create view v_zone as select opens at time zone 'UTC' as at from shop;
create type hours as (opens time, closes time);
create type of_hours as (a hours);
create table in_shop (s of_hours);
create domain hour as time;
create function at_noon(int) returns hour language sql immutable as $$select '12:00'::hour$$;
create function opens_of(out o time[]) language sql immutable as 'select null::time[]';
create function row_of_shop() returns shop language sql immutable as 'select null::shop';
create function zoned(timetz) returns text language sql immutable as 'select $1::text';
create table ruled (a int);
create rule r as on delete to ruled do also delete from plain;
create function trig() returns trigger language plpgsql as 'begin return new; end';
create table triggered (id int primary key);
create trigger tr before update on triggered for each row execute function trig();
create table below_triggered (id int references triggered on delete cascade);
create view v_triggered as select * from plain;
create trigger tr instead of insert on v_triggered for each row execute function trig();
create table above_triggered (id int primary key);
create table cascades_to_triggered (id int primary key references above_triggered on delete cascade);
create trigger tr after delete on cascades_to_triggered for each statement execute function trig();
create table w_default (a int default vol(1));
create table w_check (a int check (vol(a) > 0));
create table w_domain (a wchecked);
create table w_domain2 (a wchecked2[]);
create type boxed as (a wchecked);
create table w_boxed (a boxed);
create table s_domain (a checked);
-- partitions and inheritance
create table p (a int, b int) partition by list (a);
create table p1 partition of p for values in (1);
create table p2 partition of p for values in (2) partition by list (b);
create table p21 partition of p2 for values in (1);
create table p22 partition of p2 for values in (2);
create table parent (a int);
create table child () inherits (parent);
create table grandchild () inherits (child);
create table mixed (a int) partition by list (a);
create table mixed_1 partition of mixed for values in (1);
create table mixed_guarded partition of mixed for values in (2);
alter table mixed_guarded enable row level security;
create table p_trig (a int) partition by list (a);
create table p_trig_1 partition of p_trig for values in (1);
create trigger tr after insert on p_trig for each row execute function trig();
create table p_un (a int) partition by list (a);
create unlogged table p_un_1 partition of p_un for values in (1);
-- foreign keys
create table k1 (id int primary key);
create table k2 (id int primary key references k1 on delete cascade);
create table k3 (id int unique references k2 on delete set null);
create table k4 (id int references k3 (id) on update set default);
create table k5 (id int references k4x) ;
create table k_stop (id int references k2);
create table pk (id int primary key) partition by list (id);
create table pk1 partition of pk for values in (1);
create table of_pk (id int references pk on delete cascade);
create table self (id int primary key, up int references self on delete cascade);
-- row security
create table guarded (a int);
alter table guarded enable row level security;
create policy q on guarded using (a > 0);
create table policed (a int);
create policy q on policed for insert with check (wyes(a));
create view v_guarded as select * from guarded;
create table times (a time with time zone);
create extension postgres_fdw;
create server far foreign data wrapper postgres_fdw;
create foreign table far_t (a int) server far;
create table p_far (a int) partition by list (a);
create foreign table p_far_1 partition of p_far for values in (1) server far;
""".replace("create table k5 (id int references k4x) ;\n", "")

NO_CALL = "volatile function "
KEEP = {
    # plain
    "select * from t": "kept t", "select id from plain where id = 1 order by id limit 1": "kept plain", "select 1": "kept", "values (1), (2)": "kept",
    "table t": "kept t", "with x as (select * from t) select * from x join plain using (id)": "kept plain t",
    "with t as (select 1) select * from t": "kept t", "select * from twice": "kept other.twice twice", "select * from public.twice": "kept twice",
    "select * from other.twice": "kept other.twice", "select * from other.t": "unknown relation other.t", "select * from unheard_of": "unknown relation unheard_of",
    "select (select max(id) from plain) from t where exists (select from twice)": "kept other.twice plain t twice",
    "select count(*), sum(id), array_agg(name order by id), string_agg(name, ',') from t group by day having count(*) > 1": "kept t",
    "select * from generated": "kept generated", "select * from with_default": "kept with_default",
    "select * from t, lateral (select * from plain p where p.id = t.id) x": "kept plain t", "(select id from t union all select id from plain) except select 3": "kept plain t",
    # functions
    "select upper(name) from t": "kept t", "select imm(id) from t": "kept t", "select sta(id) from t": "stable function of a user public.sta",
    "select plp(1)": "stable function of a user public.plp", "select vol(1)": "volatile function public.vol", "select over(1)": "volatile function public.over",
    "select half(1)": "stable function of a user public.half", "select lower('A')": "stable function of a user public.lower",
    "select pg_catalog.lower('A')": "kept", "select by_default()": "volatile function public.vol", "select by_today()": "another at any moment",
    "select t.total from t": "stable function of a user public.total", "select t.name from t": "kept t", "select sta_sum(id) from t": "stable function of a user public.step",
    "select imm_sum(id) from t": "kept t", "select unheard_of(1)": "unknown function unheard_of",
    "select now()": "function of the time or the catalogs pg_catalog.now", "select statement_timestamp()": "function of the time or the catalogs pg_catalog.statement_timestamp",
    "select clock_timestamp()": "volatile function pg_catalog.clock_timestamp", "select random()": "volatile function pg_catalog.random",
    "select age(at) from t": "function of the time or the catalogs pg_catalog.age", "select nextval('s')": "volatile function pg_catalog.nextval",
    "select current_setting('work_mem')": "tells of the node pg_catalog.current_setting", "select version()": "function of the time or the catalogs pg_catalog.version",
    "select has_table_privilege('t', 'select')": "function of the time or the catalogs pg_catalog.has_table_privilege",
    "select obj_description(1, 'pg_class')": "function of the time or the catalogs pg_catalog.obj_description",
    "select to_regclass('t')": "function of the time or the catalogs pg_catalog.to_regclass",
    "select current_schemas(true)": "function of the time or the catalogs pg_catalog.current_schemas",
    "select query_to_xml('select 1', true, true, '')": "volatile function pg_catalog.query_to_xml",
    "select table_to_xml('t', true, true, '')": "reads relations that the text does not name pg_catalog.table_to_xml",
    "select * from ts_stat('select to_tsvector(name) from t')": "volatile function pg_catalog.ts_stat",
    "select to_char(at, 'YYYY'), date_trunc('day', at), extract(year from at), date_part('hour', at) from t": "kept t",
    "select at at time zone 'utc' from t": "kept t", "select json_build_object('a', id), to_jsonb(t), json_agg(name) over () from t": "kept t",
    "select * from json_to_recordset('[]') as x(d date)": "function of the time or the catalogs pg_catalog.json_to_recordset",
    "select to_tsvector(name) @@ plainto_tsquery('x') from t": "kept t", "select generate_series(at, at, interval '1 day') from t": "kept t",
    "select concat(name, id), format('%s', at), quote_literal(id), array_to_string(array[1], ',') from t": "kept t",
    "select current_database(), current_schema(), pg_typeof(1)": "kept",
    "select pg_relation_size('t')": "volatile function pg_catalog.pg_relation_size", "select txid_current()": "needs a transaction of the primary pg_catalog.txid_current",
    "select pg_sleep(0)": "volatile function pg_catalog.pg_sleep", "select pg_column_size(name) from t": "function of the time or the catalogs pg_catalog.pg_column_size",
    # values that are none of functions
    "select current_date": "the time", "select * from t where at > current_timestamp": "the time", "select localtime": "the time", "select localtimestamp(0)": "the time",
    "select current_time": "the time", "select current_user, session_user, current_role, current_catalog, current_schema": "kept", "select user from t": "kept t",
    "select * from t tablesample bernoulli (10)": "tablesample", "select ctid from t": "system column", "select t.xmin from t": "system column",
    "select (t).tableoid from t": "system column", "select * from t where tableoid = 1": "system column",
    "select * from xmltable('/a' passing '<a/>' columns b date)": "xmltable",
    # operators and types
    "select 1 === 1": "stable function of a user public.same", "select 1 ==== 1": "kept", "select !! 1": "function of the time or the catalogs pg_catalog.pg_relation_filenode",
    "select at + interval '1 day', at < day, name || id from t": "kept t", "select id::checked from t": "may turn a text into a time checked",
    "select '1'::checked": "stable function of a user public.yes", "select 1::int::checked": "may turn a text into a time checked", "select '1'::positive": "kept",
    "select '1'::not_later": "another at any moment", "select 1::pair": "stable function of a user public.pair_of", "select id::int8, id::pg_catalog.text from t": "kept t",
    "select name::date from t": "may turn a text into a time date", "select date(name) from t": "may turn a text into a time date", "select date(at) from t": "may turn a text into a time date",
    "select cast(name as timestamp) from t": "may turn a text into a time pg_catalog.timestamp", "select '2020-01-01'::date, $1::date": "kept", "select name::tstzrange from t": "may turn a text into a time tstzrange",
    "select '12:00'::timetz": "time with today's time zone pg_catalog.timetz", "select name::time with time zone from t": "may turn a text into a time pg_catalog.timetz",
    "select id::text from t": "may turn a text into a time text",  # a type of the user's has that name
    "select id::varchar(10), id::numeric(10, 2), array[id]::bigint[] from t": "kept t", "select 't'::regclass": "value looked up in the catalogs pg_catalog.regclass",
    "select * from times": "another at any moment", "select * from s_domain": "kept s_domain",
    # relations
    "select * from un": "unlogged relation public.un", "select last_value from s": "sequence public.s", "select * from far_t": "foreign table public.far_t",
    "select * from p_far": "foreign table public.p_far_1", "select * from p_un": "unlogged relation public.p_un_1", "select * from pg_class": "system catalog pg_catalog.pg_class",
    "select * from pg_type": "system catalog pg_catalog.pg_type", "select * from information_schema.tables": "system catalog information_schema.tables",
    "select * from guarded": "row level security public.guarded", "select * from v_guarded": "row level security public.guarded",
    "select * from mixed": "row level security public.mixed_guarded", "select * from mixed_1": "kept mixed_1", "select * from policed": "kept policed",
    "select * from v": "kept t v", "select * from vv": "kept plain t v vv", "select * from v_now": "function of the time or the catalogs pg_catalog.now",
    "select * from v_today": "another at any moment", "select * from v_who": "kept t v_who", "select * from v_sta": "stable function of a user public.sta",
    "select * from v_vol": "volatile function public.vol", "select * from v_sample": "another at any moment", "select * from v_place": "another at any moment",
    "select * from v_cast": "another at any moment", "select * from v_fine": "kept t v_fine", "select * from v_fixed": "kept t v_fixed",
    "select * from v_unlogged": "unlogged relation public.un", "select * from v_catalog": "system catalog pg_catalog.pg_class", "select * from v_xml": "another at any moment",
    "select * from v_checked": "stable function of a user public.yes", "select * from m": "kept m", "select * from m_now": "kept m_now", "select * from v_m": "kept m v_m",
    "select * from p": "kept p p1 p2 p21 p22", "select * from p2": "kept p2 p21 p22", "select * from p21": "kept p21", "select * from parent": "kept child grandchild parent",
    "select * from only parent": "kept child grandchild parent", "select * from child": "kept child grandchild",
    # times of day at a time zone
    "select at at time zone 'UTC', max(id) from t group by 1": "kept t", "select time '12:00' at time zone 'UTC'": "time of day at a time zone", "select timezone('UTC', opens) from shop": "time of day at a time zone",
    "select at at time zone 'UTC' from shop": "time of day at a time zone", "select opens, at from shop": "kept shop", "select opens at time zone 'UTC' from v_shop": "time of day at a time zone", "select ((s).a).opens at time zone 'UTC' from in_shop": "time of day at a time zone",
    "select make_time(1, 2, 3) at time zone 'UTC'": "time of day at a time zone", "select (at_noon(id)) at time zone 'UTC' from t": "time of day at a time zone", "select (row_of_shop()).opens at time zone 'UTC'": "time of day at a time zone",
    "select o at time zone 'UTC' from opens_of() as o": "time of day at a time zone", "select at from v_zone": "another at any moment", "select timetz_hash('12:00')": "time with today's time zone pg_catalog.timetz_hash",
    "select zoned('12:00')": "another at any moment", "select hour '12:00' at time zone 'UTC'": "time of day at a time zone", "select opens at time zone 'UTC' from jsonb_to_record('{}') as x (opens time)": "time of day at a time zone",
    # other statements
    "copy t to stdout": "copy", "copy (select 1) to stdout": "copy", "explain select 1": "explain", "explain analyze select 1": "explain", "show work_mem": "not a query",
    "prepare x as select 1": "not a query", "execute x": "not a query", "declare c cursor for select 1": "not a query", "fetch c": "not a query", "begin": "not a query", "": "no statement",
    "select * from t for update": "for update or share", "select 1; select 2": "several statements", "insert into t values (1)": "not a select",
    "with x as (delete from t returning *) select * from x": "data-modifying statement", "select 1 into x": "into", "select 1 from": "unparsable",
}

WRITE = {
    # nothing
    "select * from t": "writes", "select 1": "writes", "select now(), random(), nextval('s'), gen_random_uuid(), clock_timestamp(), setval('s', 1)": "writes",
    "select imm(1), sta(1), plp(1)": "writes", "select * from t for update": "writes", "select * from v_sta": "writes", "show work_mem": "writes", "set work_mem = 1": "writes",
    "begin": "writes", "commit": "writes", "savepoint a": "writes", "lock t": "writes", "listen a": "writes", "notify a": "writes", "vacuum t": "writes", "analyze": "writes",
    "explain delete from t": "writes", "copy t to stdout": "writes", "declare c cursor for select * from t": "writes", "fetch c": "writes", "discard all": "writes", "": "writes",
    "set constraints all deferred": "writes", "select pg_notify('a', 'b'), pg_sleep(0), set_config('a.b', 'c', true), pg_advisory_lock(1)": "writes", "deallocate all": "writes",
    # rows
    "insert into t values (1)": "writes t", "insert into t select * from plain": "writes t", "INSERT INTO public.twice VALUES (1)": "writes twice", "insert into twice values (1)": "writes other.twice twice",
    "insert into t (id) values (1) on conflict do nothing": "writes t", "insert into t (id) values (1) on conflict (id) do update set name = 'x'": "writes t",
    "update t set name = 'x' where id = 1": "writes t", "update t set name = p.name from plain p": "writes t", "delete from t using plain": "writes t", "delete from t where current of c": "writes t",
    "merge into t using plain p on p.id = t.id when matched then delete when not matched then insert values (p.id)": "writes t",
    "truncate t": "writes t", "truncate t, plain restart identity": "writes plain t", "copy t from stdin": "writes t", "copy t (id) from stdin where id > imm(1)": "writes t",
    "with x as (insert into t values (1) returning *) select * from x": "writes t", "with x as (delete from t returning *) insert into plain select * from x": "writes plain t",
    "with x as (select 1) update plain set id = 1": "writes plain", "with t as (select 1) delete from t": "writes t",
    "copy (delete from t returning *) to stdout": "writes t", "copy (update t set id = 1 returning *) to '/tmp/x'": "writes t",
    "explain analyze insert into t values (1)": "writes t", "explain analyze with x as (delete from plain) select 1": "writes plain",
    "prepare x as insert into t values ($1)": "writes t", "prepare x (int) as update plain set id = $1": "writes plain", "prepare x as select 1": "writes",
    "insert into with_default default values": "writes with_default", "insert into generated (a) values (1)": "writes generated", "update un set a = 1": "writes un",
    "insert into s_domain values (1)": "writes s_domain", "refresh materialized view m": "writes m", "refresh materialized view concurrently m_now": "writes m_now",
    # views
    "insert into v values (1)": "writes t v", "update vv set id = 1": "writes plain t v vv", "delete from v_fine": "writes t v_fine",
    # partitions, children
    "insert into p values (1, 1)": "writes p p1 p2 p21 p22", "update p2 set b = 1": "writes p p2 p21 p22", "delete from p21": "writes p p2 p21", "insert into p1 values (1)": "writes p p1",
    "update parent set a = 1": "writes child grandchild parent", "update only parent set a = 1": "writes child grandchild parent", "delete from child": "writes child grandchild parent",
    "truncate grandchild": "writes child grandchild parent",
    # foreign keys
    "insert into k1 values (1)": "writes k1", "copy k1 from stdin": "writes k1", "delete from k1": "writes k1 k2 k3 k4", "update k2 set id = 1": "writes k2 k3 k4", "delete from k3": "writes k3 k4",
    "delete from k4": "writes k4", "merge into k1 using t on true when not matched then insert values (1)": "writes k1 k2 k3 k4",
    "insert into k1 values (1) on conflict (id) do update set id = 2": "writes k1 k2 k3 k4", "with x as (delete from k2) insert into t values (1)": "writes k2 k3 k4 t",
    "truncate k1": "writes k1", "truncate k1 cascade": "writes k1 k2 k3 k4 k_stop", "truncate k3 cascade": "writes k3 k4", "delete from k_stop": "writes k_stop",
    "delete from pk": "writes of_pk pk pk1", "delete from pk1": "writes of_pk pk pk1", "delete from self": "writes self", "truncate pk1 cascade": "writes of_pk pk pk1",
    # anything
    "select vol(1)": "writes anything", "select public.over(1)": "writes anything", "select by_default()": "writes anything", "select * from v_vol": "writes anything", "select unheard_of()": "writes anything",
    "insert into t values (vol(1))": "writes anything", "update t set id = vol(1)": "writes anything", "insert into t select * from v_vol": "writes anything", "select wtotal from plain": "writes",
    "select plain.wtotal from plain": "writes anything", "select '1'::wchecked": "writes anything", "select '1'::wchecked2": "writes anything", "copy (select vol(1)) to stdout": "writes anything", "declare c cursor with hold for select vol(1)": "writes anything",
    "explain analyze select vol(1)": "writes anything", "insert into unheard_of values (1)": "writes anything", "insert into t select * from unheard_of": "writes anything", "insert into other.t values (1)": "writes anything",
    "select query_to_xml('delete from t', true, true, '')": "writes anything", "select * from ts_stat('x')": "writes anything", "copy t from stdin where id > vol(1)": "writes anything",
    "insert into ruled values (1)": "writes anything", "insert into v_ruled values (1)": "writes anything", "update triggered set id = 1": "writes anything", "insert into triggered values (1)": "writes anything",
    "insert into below_triggered values (1)": "writes below_triggered", "insert into v_triggered values (1)": "writes anything", "delete from above_triggered": "writes anything", "insert into above_triggered values (1)": "writes above_triggered",
    "truncate above_triggered": "writes above_triggered", "truncate above_triggered cascade": "writes anything", "insert into p_trig values (1)": "writes anything", "insert into p_trig_1 values (1)": "writes anything",
    "insert into w_default default values": "writes anything", "insert into w_check values (1)": "writes anything", "insert into w_domain values (1)": "writes anything", "insert into w_domain2 values ('{1}')": "writes anything", "insert into w_boxed values ('(1)')": "writes anything",
    "insert into policed values (1)": "writes anything", "insert into far_t values (1)": "writes anything", "insert into p_far values (1)": "writes anything", "insert into pg_class default values": "writes anything",
    "refresh materialized view m_vol": "writes anything", "create table x ()": "writes anything", "create table x as select 1": "writes anything", "select 1 into x": "writes anything", "drop table t": "writes anything",
    "alter table t add x int": "writes anything", "grant select on t to public": "writes anything", "call x()": "writes anything", "do 'begin end'": "writes anything", "execute x": "writes anything",
    "explain analyze execute x": "writes anything", "insert into t values (1); select 1": "writes anything", "insert into t": "writes anything", "prepare transaction 'x'": "writes anything",
    "commit prepared 'x'": "writes anything", "load 'x'": "writes anything", "reindex table t": "writes anything", "create temp table x (a int)": "writes anything",
    "with x as (select 1 into y) select 1": "writes anything", "explain analyze create table x as select 1": "writes anything",
}


@pytest.fixture(scope="module")
def keeping(cluster):
    cluster.sql("create database keeping")
    with cluster.primary.connect("postgres", "keeping") as c:
        c.execute(SCHEMA)
        yield c
    cluster.sql("drop database keeping with (force)")


@pytest.mark.proxy
def test_what_may_be_kept_and_what_it_depends_on(keeping):
    assert dict(zip(KEEP, ask(keeping, KEEP, "keep"))) == KEEP


@pytest.mark.proxy
def test_what_a_statement_writes(keeping):
    assert dict(zip(WRITE, ask(keeping, WRITE, "write"))) == WRITE


@pytest.mark.proxy
def test_the_fingerprint_changes_with_whatever_matters(keeping):
    fingerprint = tool_queries()[-1]
    for text in ("alter table t enable row level security", "alter table t disable row level security", "create trigger tr after insert on t for each row execute function trig()",
                 "drop trigger tr on t", "create rule r as on update to t do nothing", "drop rule r on t", "alter table k_stop drop constraint k_stop_id_fkey",
                 "alter table k_stop add foreign key (id) references k2 on update cascade", "alter table plain alter id set default vol(1)", "alter table plain alter id drop default",
                 "alter table plain add check (vol(id) > 0)", "alter table only plain drop constraint plain_id_check", "alter table child no inherit parent", "alter table t add times timetz",
                 "alter table t add w wchecked", "alter function sta(int) immutable", "create or replace view v_now as select statement_timestamp() as n, id from t"):
        before = keeping.execute(fingerprint).fetchone()
        assert keeping.execute(fingerprint).fetchone() == before
        keeping.execute(text)
        assert keeping.execute(fingerprint).fetchone() != before, text


@pytest.mark.proxy
def test_what_is_called_unknown_does_write_elsewhere(keeping):
    """The closures are no superstition: rows of each table that is named do change."""
    keeping.execute("insert into k1 values (1); insert into k2 values (1); insert into k3 values (1)")
    keeping.execute("delete from k1")
    assert [keeping.execute(f"select count(*) from {name}").fetchone()[0] for name in ("k1", "k2", "k3")] == [0, 0, 1]
    keeping.execute("insert into p21 values (2, 1); update p2 set b = 2")
    assert keeping.execute("select count(*) from p22").fetchone()[0] == 1
    keeping.execute("insert into v_ruled values (7, 'x')")
    assert keeping.execute("select count(*) from t where id = 7").fetchone()[0] == 1
    assert keeping.execute("select ('to'\n'day')::date = current_date, ('{n\\ow}'::timestamptz[])[1] = now()").fetchone() == (True, True)
