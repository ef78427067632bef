"""Statements of all kinds and where each has to run: P the primary, R a replica. docs/adr/0011 says why.

A line is `P text` or `R text`. After the letter: `!` it fails there, `=` it is sent as it is (else a tag is appended, by
which pg_stat_statements knows it again), `1` in the simple protocol only. SCHEMA is what they speak of.
"""

SCHEMA = """
create table t (id int primary key, name text, n numeric, at timestamptz default now(), doc jsonb, tags text[]);
insert into t select i, 'name ' || i, i * 1.5, '2024-01-01', '{"a": 1}', '{x,y}' from generate_series(1, 20) i;
create table t2 (id int references t, note text);
insert into t2 select i, 'note' from generate_series(1, 10) i;
create table "T 1" ("Id" int, "na""me" text);
create table "tÄbelle" ("Größe" int);
create table serials (id serial, a int);
create unlogged table u (a int);
create sequence s;
create schema other;
create table other.t3 (a int);
create table other.twice (a int);
create unlogged table twice (a int);

create function stable_f(int) returns int language sql stable as 'select $1';
create function immutable_f(int) returns int language sql immutable as 'select $1 + 1';
create function stable_plpgsql(a int) returns int language plpgsql stable as 'begin return (select count(*) + a from t); end';
create function stable_set(int) returns setof t language sql stable as 'select * from t where id <= $1';
create function stable_table(a int) returns table (x int, y text) language plpgsql stable as 'begin return query select id, name from t where id = a; end';
create function variadic_f(variadic int[]) returns int language sql immutable as 'select $1[1]';
create function definer_f() returns bigint language sql stable security definer as 'select count(*) from t';
create function defaults_f(a int default 1, b int default immutable_f(2)) returns int language sql immutable as 'select a + b';
create function volatile_f(int) returns int language sql as 'select $1';
create function volatile_set(int) returns setof int language sql as 'select $1';
create function writer(a int) returns int language plpgsql as 'begin insert into serials (a) values (a); return a; end';
create function lying(a int) returns int language plpgsql stable as 'begin perform writer(a); return a; end';
create function lying_too(a int) returns int language sql stable as 'select writer(a)';
create function lying_loudly(a int) returns int language plpgsql stable as 'begin raise notice ''writing''; perform pg_sleep(0.1); perform writer(a); return a; end';
create function writing_default(a int default nextval('s')) returns bigint language sql immutable as 'select a::bigint';
create function overloaded(int) returns int language sql stable as 'select $1';
create function overloaded(text) returns int language sql volatile as 'select 1';
create function in_two(int) returns int language sql stable as 'select $1';
create function other.in_two(int) returns int language sql volatile as 'select $1';
create function other.stable_other(int) returns int language sql stable as 'select $1';
create function "Mixed Case"(int) returns int language sql stable as 'select $1';
create function "Volatile Case"(int) returns int language sql as 'select $1';
create function total(t) returns numeric language sql as 'select $1.n';
create function label(t) returns text language sql stable as 'select $1.name';
create procedure proc(int) language sql as 'insert into serials (a) values ($1)';
create function truth(int) returns bool language sql as 'select true';
create function step(int, int) returns int language sql as 'select $1 + $2';
create aggregate volatile_sum (int) (sfunc = step, stype = int, initcond = '0');
create aggregate stable_sum (int) (sfunc = int4pl, stype = int, initcond = '0');

create operator === (leftarg = int, rightarg = int, function = int4eq);
create function volatile_eq(int, int) returns bool language sql as 'select $1 = $2';
create operator ==== (leftarg = int, rightarg = int, function = volatile_eq);
create domain checked as int check (truth(value));
create domain positive as int check (value > 0);
create type mood as enum ('sad', 'ok', 'happy');
create type pair as (a int, b int);
create function pair_of(int) returns pair language sql as 'select row($1, 2)::pair';
create cast (int as pair) with function pair_of(int);
create type spot as (x int, y int);
create function spot_of(int) returns spot language sql immutable as 'select row($1, 2)::spot';
create cast (int as spot) with function spot_of(int);

create view plain_view as select id, name from t where id < 10;
create view nested_view as select v.* from plain_view v join t2 using (id);
create view view_of_u as select * from u;
create view view_of_view_of_u as select * from view_of_u;
create view random_view as select id, random() from t;
create view sequence_view as select nextval('s');
create view volatile_view as select volatile_f(id) from t;
create view lock_view as select pg_try_advisory_lock(4711);
create view window_view as select row_number() over (order by id), upper(name), now() from t;
create recursive view numbers (n) as select 1 union all select n + 1 from numbers where n < 5;
create view catalog_view as select relname from pg_class;
create view domain_view as select id::checked from t;
create view operator_view as select id ==== 1 from t;
create materialized view matview as select id, random() as r from t;
create table measured (a int, b text) partition by list (a);
create table measured_1 partition of measured for values in (1);
create table measured_2 partition of measured default;
create table half (a int) partition by list (a);
create table half_1 partition of half for values in (1);
create unlogged table half_2 partition of half for values in (2);
create table parent (a int);
create table child (b int) inherits (parent);
create table parent_u (a int);
create unlogged table child_u () inherits (parent_u);
create table guarded (a int, owner text default current_user);
alter table guarded enable row level security;
create policy own on guarded using (owner = current_user);
create table guarded_v (a int);
alter table guarded_v enable row level security;
create policy v on guarded_v for select using (truth(a));
create table guarded_u (a int);
alter table guarded_u enable row level security;
create policy u on guarded_u using (exists (select from u));
create table noted (a int);
create function note() returns trigger language plpgsql as 'begin insert into serials (a) values (1); return new; end';
create trigger note before insert on noted for each row execute function note();
create table fancy (a int generated always as identity, b int, c int generated always as (b * 2) stored);
create foreign data wrapper nothing;
create server far foreign data wrapper nothing;
create foreign table far_t (a int) server far;
do $$ declare k text; begin
  for k in select 'tables' union select 'sequences' union select 'functions' loop
    execute format('grant all on all %s in schema public, other to app', k);
  end loop; end $$;
grant usage, create on schema other to app;
grant execute on procedure proc to app;
"""

SELECTS = r"""
R select 1
R select
R= select 1
R= SELECT 1
R=     select   2
R=(select 3)
R=((select 3) limit 1)
R= select 1;
R= select 1 ; 
R1=
R1=;
R1=-- nothing but a comment
R= /* a comment */ select 4
R= -- a line of comment
R Select * From t Where id = 1
R SELECT id, name FROM t ORDER BY id DESC LIMIT 5 OFFSET 2
R select * from public.t where name like 'name 1%' and n between 1 and 9
R select distinct on (name) id, name from t order by name, id
R select count(*), sum(n), avg(n)::int from t group by id % 3 having count(*) > 1
R select count(*) filter (where id > 3) from t
R select id, row_number() over w, lag(name) over w from t window w as (partition by id % 2 order by id)
R select percentile_cont(0.5) within group (order by n) from t
R select grouping(id, name), count(*) from t group by grouping sets ((id), (name), ())
R select id from t group by cube (id, name)
R select * from t a join t2 b using (id) left join t2 c on c.id = a.id cross join (values (1), (2)) v (x)
R select * from t natural join t2
R select * from t, lateral (select note from t2 where t2.id = t.id limit 1) l
R select * from t where exists (select 1 from t2 where t2.id = t.id) and id not in (select id from t2 where id > 100)
R select (select max(id) from t2), array(select id from t order by 1)
R select * from t where id = any (array[1, 2, 3]) or (id, name) = (1, 'x')
R select 1 union select 2 union all (select 3 intersect select 3) except values (4)
R values (1, 'a'), (2, 'b')
R table t
R table only t
R select * from only t
R select t.* from t
R select (t).name from t
R select (tags)[1], tags[1:2], doc -> 'a', doc ->> 'a', doc #> '{a}' from t
R select case when id > 3 then 'big' else 'small' end, coalesce(name, ''), nullif(id, 1), greatest(id, 2), least(id, 3) from t
R select row(1, 2), row(t.*) from t
R select name collate "C" from t
R select id is distinct from 3, name is null, true is not unknown from t
R select 'a' || 'b', 1 + 2 * 3 - 4 / 5 % 6, 2 ^ 7, -1, @ -5, 5 !=  3, 1 << 2 | 4 & 8 # 16, ~1
R select name ~ 'x', name !~* 'x', name ilike 'N%', name similar to 'n%', name not like 'x' from t
R select * from t order by id fetch first 3 rows with ties
R! select * from t order by id fetch first (select -1) rows only
R select * from t tablesample system (50)
R select * from t tablesample bernoulli (50) repeatable (1)
R select * from generate_series(1, 3) with ordinality as g (x, n)
R select * from rows from (generate_series(1, 2), unnest(array[1, 2])) as r (a, b)
R select * from json_to_recordset('[{"a": 1}]') as x (a int, b text)
R select * from xmltable('/a/b' passing '<a><b>1</b></a>' columns c int path '.')
R select xmlelement(name a, xmlattributes(1 as b)), xmlserialize(content '<a/>'::xml as text)
R select $$dollar; quoted -- text$$
R select 'insert into t values (1)'
R select 'it''s; delete from t'
R select E'a\'b; drop table t', U&'\0061', B'101', X'1F', 1.5e3, N'x'
R select 'delete' as delete, 1 as update
R select "id" as "DELETE FROM t" from "t"
R select 1 /* ; delete from t */
R select 1 /* nested /* delete */ from t */ + 1
R= select 1 -- ; delete from t
R! select 1 / 0
R! select 'x'::int
R! select no_such_column from t
R! select id from t where id = 'text'
R select exists(select from t), not true or false and true
R select extract(year from at), date_trunc('day', at), at at time zone 'utc', at::date, age(at) from t
R select current_date, current_timestamp, localtime, localtimestamp(2), now(), statement_timestamp(), transaction_timestamp()
R select current_user, session_user, user, current_role, current_catalog, current_schema
R select version(), current_database(), current_schema(), current_schemas(true), pg_typeof(1)
R select position('a' in 'banana'), substring('abc' from 2 for 1), overlay('abc' placing 'x' from 2), trim(both 'x' from 'xax')
R select cast('1' as int), '1'::bigint, int '7', interval '1 day 2 hours', date 'today', timestamp '2024-01-01'
R select 1 where false
R select all id from t
R select id, id from t order by 1, 2 using <
R select * from (select * from (select * from t) a) b where b.id < 3
R select * from t a where id in (1,2,3) and a.id > some (select 0) and a.id <= all (select 100)
R select count(distinct name), string_agg(name, ',' order by id), array_agg(id), json_agg(t), jsonb_object_agg(id, name), bool_and(true), every(true) from t
R select (date '2024-01-01', date '2024-02-01') overlaps (date '2024-01-15', date '2024-03-01')
"""

CTES = r"""
R with x as (select 1 a) select * from x
R with x as (select id from t), y as (select * from x) select * from y join t using (id)
R with recursive r (n) as (select 1 union all select n + 1 from r where n < 10) select * from r
R with x as materialized (select * from t) select * from x
R with x as not materialized (values (1)) table x
R WITH "X y" AS (SELECT 1) SELECT * FROM "X y"
R with recursive r (id) as (select 1 union all select id + 1 from r where id < 5) search depth first by id set o select * from r
R with recursive r (id) as (select 1 union select id % 3 + 1 from r) cycle id set c using p select * from r
R with t as (select 1 as mine) select mine from t
R select * from (with x as (select 1 a) select a from x) y
P with u as (select 1 as a) select * from u
P with x as (insert into t2 values (1, 'cte') returning *) select * from x
P with x as (update t2 set note = 'b' where id = 1 returning id) select * from x
P with x as (delete from t2 where note = 'cte' returning 1) select count(*) from x
P with a as (select 1), b as (with c as (select 2) select * from c), d as (delete from t2 where false) select * from a
P with x as (select 1 a) insert into t2 select a, 'from cte' from x
P with x as (select 1 a) update t2 set note = 'c' from x where x.a = t2.id
P with x as (select 1 a) delete from t2 using x where false
P with x as (select * from t for update) select * from x
P with x as (select nextval('s') n) select * from x
P with x as (select * from u) select * from x
P with recursive r (n) as (select 1 union all select volatile_f(n + 1) from r where n < 3) select * from r
P with x as (merge into t2 using t on false when matched then do nothing) select 1
P select * from (with x as (select volatile_f(1) a) select a from x) y
"""

WRITES = r"""
P insert into t2 values (1, 'x')
P insert into t2 (id) select id from t limit 1
P insert into t2 default values
P insert into t2 values (2, 'r') returning *
P insert into t (id, name) values (1, 'again') on conflict (id) do nothing
P insert into t (id, name) values (1, 'again') on conflict (id) do update set name = excluded.name returning id
P INSERT INTO t2 VALUES (3, 'upper')
P=    insert into t2 values (4, 'spaces')
P=/* a comment */ insert into t2 values (5, 'comment')
P=-- a comment
P update t2 set note = 'y' where id = 1
P update t2 set note = t.name from t where t.id = t2.id and t.id = 1
P update t2 set (id, note) = (select 1, 'z') where id = 1
P update only t2 set note = 'y' where false
P update t2 set note = default where id = 1 returning note
P delete from t2 where id = 3
P delete from t2 using t where t.id = t2.id and t.id = 4
P delete from t2 where false returning *
P merge into t2 using (values (1)) v (id) on t2.id = v.id when matched then update set note = 'merged' when not matched then insert values (v.id, 'new')
P truncate other.twice
P truncate table only serials restart identity cascade
P insert into measured values (1, 'x')
P insert into noted values (1)
P insert into fancy (b) values (1) returning c
P insert into "T 1" values (1, 'x')
P! insert into no_such_table values (1)
P! insert into t values (1)
P! insert into far_t values (1)
P insert into u values (1)
P insert into guarded values (1)
"""

LOCKS = r"""
P select * from t for update
P select * from t where id = 1 for no key update
P select * from t where id = 1 for share
P select * from t where id = 1 for key share
P select * from t for update skip locked
P select * from t for update nowait
P select * from t, t2 where t.id = t2.id for update of t
P select * from t for update of t for share
P select * from (select * from t where id = 1 for update) x
P select * from t2 where id in (select id from t where id = 1 for share)
P select 1 where exists (select from t for key share)
P (select * from t where id = 1 for update)
P select (select id from t where id = 1 for update)
P SELECT * FROM t FOR UPDATE
P select * from t2 where id = (select id from (select id from t limit 1 for update) q)
P! select 1 union select id from t for update
P! lock table t in access share mode
P lock t2
P! lock table t2 in row exclusive mode
P select 1 into made_into
P select * into temp made_temp from t
P select id into unlogged made_unlogged from t
P drop table if exists made_into, made_unlogged
P create table made_as as select * from t
P create table if not exists made_as as table t
P drop table if exists made_as
P select pg_advisory_lock(1)
P select pg_advisory_unlock(1)
P select pg_advisory_xact_lock(1)
P select pg_try_advisory_lock(1, 2)
P select pg_try_advisory_xact_lock_shared(3)
P select pg_advisory_lock_shared(4)
P select pg_advisory_unlock_all()
P select pg_try_advisory_lock(id) from t where id = 1
P with x as (select pg_advisory_xact_lock(5)) select 1 from x
P select 1 from t where pg_try_advisory_xact_lock(id)
P select * from lock_view
"""

FUNCTIONS = r"""
R select stable_f(1)
R select public.stable_f(1)
R select immutable_f(1)
R select STABLE_F(1)
R select "stable_f"(1)
R select "public"."stable_f"(id) from t
R select "Mixed Case"(1)
R select stable_plpgsql(1)
R select * from stable_set(3)
R select (stable_set(2)).name
R select * from stable_table(1)
R select * from stable_table(a => 1)
R select variadic_f(1, 2, 3)
R select variadic_f(variadic array[1, 2])
R select definer_f()
R select defaults_f()
R select defaults_f(b => 2)
R select other.stable_other(1)
R select public.in_two(1)
R select stable_sum(id) from t
R select stable_sum(id) over (order by id) from t
R select label(t) from t
R select t.label from t
R select * from t order by stable_f(id)
R select * from t where immutable_f(id) = 2
R select id from t limit stable_f(1)
R select upper(lower(initcap('x'))), length('x'), md5('x'), lpad('x', 3), split_part('a,b', ',', 1), format('%s', 1), concat('a', 1)
R select abs(-1), round(1.5), ceil(1.2), floor(1.2), sqrt(4), power(2, 3), mod(5, 2), pi(), width_bucket(5, 0, 10, 5)
R select to_char(now(), 'YYYY'), to_date('2024', 'YYYY'), make_date(2024, 1, 1), date_part('year', now()), justify_days('40 days')
R select jsonb_build_object('a', 1), to_jsonb(1), jsonb_set('{}', '{a}', '1'), jsonb_path_query('[1]', '$[*]'), row_to_json(t) from t
R select to_tsvector('english', 'cats') @@ to_tsquery('english', 'cat'), plainto_tsquery('simple', 'a')
R select array_length(array[1], 1), cardinality('{1}'::int[]), unnest(array[1, 2]), array_append('{1}'::int[], 2), array_to_string(array[1], ',')
R select int4range(1, 5) @> 3, lower(int4range(1, 5)), inet '10.0.0.1' << inet '10.0.0.0/8', point(1, 2) <-> point(3, 4)
R select regexp_replace('abc', 'b', 'x'), regexp_matches('abc', 'b'), regexp_split_to_array('a b', ' ')
R select encode('abc'::bytea, 'hex'), decode('00', 'hex'), sha256('x'::bytea)
R select pg_size_pretty(1000::bigint), pg_column_size(1), has_table_privilege('t', 'select')
R select obj_description(1, 'pg_class'), format_type(23, null), quote_ident('A b'), quote_literal('x')
R select num_nulls(1, null), num_nonnulls(1), string_to_table('a,b', ',')
P select volatile_f(1)
P select public.volatile_f(1)
P select VOLATILE_F(1)
P select "volatile_f" (1)
P select "Volatile Case"(1)
P select volatile_f(id) from t
P select * from t where volatile_f(id) = 1
P select * from t order by volatile_f(id)
P select id from t limit volatile_f(1)
P select count(*) from t group by id having volatile_f(1) = 1
P select * from volatile_set(1)
P select * from rows from (generate_series(1, 2), volatile_set(1)) as r (a, b)
P select * from t, lateral volatile_set(t.id) x
P select case when false then volatile_f(1) else 0 end
P select array(select volatile_f(1))
P select stable_f(volatile_f(1))
P select coalesce(null, volatile_f(1))
P select writer(1)
P select * from writer(2)
P select writing_default()
P select writing_default(1)
P select overloaded(1)
P select overloaded('x'::text)
P select in_two(1)
P select other.in_two(1)
P select total(t) from t
P select t.total from t
P select (t).total from t
P select (x).total from (select t x from t) y
P select volatile_sum(id) from t
P select volatile_sum(id) over (order by id) from t
P select volatile_sum(id) filter (where id > 1) from t
P! select no_such_function(1)
P! select app.no_such_function(1)
P! select other.volatile_f(1)
P select random()
P select setseed(0.5)
P select clock_timestamp(), timeofday()
P select gen_random_uuid()
P select pg_sleep(0)
P select txid_current()
P select pg_current_xact_id()
P select txid_current_snapshot()
P select txid_current_if_assigned()
P select pg_backend_pid()
P select inet_server_port(), inet_client_addr()
P select pg_is_in_recovery()
P select pg_current_wal_lsn()
P! select pg_last_wal_replay_lsn(), pg_wal_replay_pause()
P select pg_postmaster_start_time()
P select set_config('work_mem', '5MB', false)
P select set_config('a.b', 'c', true)
P select current_setting('work_mem')
P select pg_notify('channel', 'payload')
P select pg_export_snapshot()
P select pg_cancel_backend(0)
P select pg_terminate_backend(0)
P! select pg_reload_conf()
P! select pg_switch_wal()
P! select pg_read_file('PG_VERSION')
P select pg_stat_get_numscans(1)
P select pg_relation_size(1::oid)
P select query_to_xml('delete from t2 where false', true, false, '')
P select table_to_xml('t', true, false, '')
P select * from ts_stat('select to_tsvector(name) from t')
"""

SEQUENCES = r"""
P select nextval('s')
P select setval('s', 10)
P! select currval('s')
P! select lastval()
P select * from s
P select last_value from s
P select nextval('public.s'::regclass)
P select nextval('serials_id_seq')
P select id, nextval('s') from t
P select * from t where id = nextval('s')
P select pg_sequence_last_value('s'::regclass)
P select pg_get_serial_sequence('serials', 'id'), 's'::regclass
P select * from sequence_view
P alter sequence s restart
"""

LARGE_OBJECTS = r"""
P select lo_create(0)
P select lo_creat(-1)
P select lo_from_bytea(0, 'x')
P! select lo_get(1)
P! select lo_put(1, 0, 'x')
P! select lo_unlink(1)
P! select lo_open(1, 131072)
P! select lo_import('/nowhere')
P! select loread(0, 1)
"""

RELATIONS = r"""
R select * from plain_view
R select * from nested_view
R select * from window_view
R select * from numbers
R select * from matview
R select * from measured
R select * from measured_1
R select * from measured where a = 1
R select * from parent
R select * from child
R select * from guarded
R select * from noted
R select * from fancy
R select * from half_1
R select * from serials
R select "Id", "na""me" from "T 1"
R select * from public."T 1"
R select "Größe" from "tÄbelle"
R select * from other.t3
R select * from other.twice
R select * from routes.public.t
R select u.id from t u
R select id as u from t
R select * from t as u (a, b)
R select 1 as random, 2 as nextval
P select * from u
P select * from public.u
P select * from "u"
P select * from t join u on u.a = t.id
P select * from t where id in (select a from u)
P select (select count(*) from u)
P select exists (table u)
P table u
P select 1 union all select a from u
P select * from view_of_u
P select * from view_of_view_of_u
P select * from random_view
P select * from volatile_view
P select * from domain_view
P select * from operator_view
P select * from catalog_view
P select * from half
P select * from half_2
P select * from parent_u
P select * from guarded_v
P select * from guarded_u
P select * from twice
P select * from public.twice
P! select * from far_t
P! select * from no_such_table
P! select * from other.t
P! select * from no_such_schema.t
P! select * from "U"
P! select * from pg_temp.t
"""

CATALOGS = r"""
R select typname from pg_type where oid = 23
R select oid, typname from pg_catalog.pg_type
R select enumlabel from pg_enum
R select nspname from pg_namespace
R select attname from pg_attribute where attnum = 1 limit 1
R select rngtypid from pg_range
R select collname from pg_collation limit 1
P select relname from pg_class
P select * from pg_catalog.pg_class limit 1
P select * from pg_proc limit 1
P select count(*) from pg_index
P select * from pg_constraint
P select * from information_schema.tables
P select * from information_schema.columns where table_name = 't'
P select * from pg_tables
P select * from pg_stat_activity
P select * from pg_stat_user_tables
P select * from pg_settings
P select * from pg_locks
P select * from pg_roles
P select * from pg_stat_replication
P select * from pg_sequences
P select * from pg_prepared_statements
P select * from pg_cursors
P select 't'::regclass
P select cast('t' as regclass)
P select 'now'::regproc
P select 'app'::regrole
P select 'public'::regnamespace::text
P select relname from pg_class where oid = 't'::regclass
P select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid limit 1
R select 'int4'::regtype
"""

TYPES = r"""
R select 1::positive
R select 'ok'::mood
R select 'ok'::mood > 'sad'
P select row(1, 2)::pair
R select 1::spot
R select (row(1, 2)::spot).x
R select '{1,2}'::int[]
R select 1::public.positive
R select '1'::pg_catalog.int4
R select null::mood[]
R select 1 === 2
R select 1 operator(public.===) 2
R select 1 operator(pg_catalog.+) 2
R select enum_range(null::mood)
P select 1::checked
P select cast(1 as checked)
P select id::public.checked from t
P select '{1}'::checked[]
P select 1::pair
P select 1 ==== 2
P select 1 operator(public.====) 2
P select * from t where id ==== 1
P select * from t order by id ==== 1
P! select 1 @@@@ 2
P! select 1::no_such_type
P! select 1 operator(other.===) 2
"""

COPIES = r"""
R copy t to stdout
R copy t (id, name) to stdout
R COPY public.t TO STDOUT WITH (FORMAT csv, HEADER)
R copy t to stdout (format binary)
R copy (select * from t where id < 3) to stdout
R copy (values (1), (2)) to stdout csv
R copy (with x as (select 1) select * from x) to stdout
R copy (table t) to stdout
R! copy matview to stdout
R copy "T 1" to stdout
P copy u to stdout
P! copy no_such_table to stdout
P copy (select * from u) to stdout
P copy (select volatile_f(1)) to stdout
P copy (select nextval('s')) to stdout
P copy (select * from t for update) to stdout
P copy (insert into t2 values (1, 'copied') returning *) to stdout
P copy (update t2 set note = 'k' where id = 1 returning *) to stdout
P copy (delete from t2 where note = 'copied' returning *) to stdout
P copy (with x as (delete from t2 where false returning 1) select * from x) to stdout
P! copy t to '/tmp/forebay-no-such-folder/x'
P! copy t from '/tmp/forebay-no-such-folder/x'
P! copy (select 1) to program 'true'
P! copy t from program 'true'
R! copy plain_view to stdout
"""

EXPLAINS = r"""
R explain select 1
R explain select * from t
R EXPLAIN VERBOSE SELECT * FROM t
R explain (verbose, costs off) select * from t
R explain (format json) select * from t
R explain analyze select * from t
R explain (analyze, timing off) select * from t
R explain (analyze true, buffers) select * from plain_view
R explain analyze verbose with x as (select 1) select * from x
R explain insert into t2 values (1, 'x')
R explain update t2 set note = 'x'
R explain delete from t2
R explain (analyze false) insert into t2 values (1, 'x')
R explain (analyze off) delete from t2
R explain (analyze 0) delete from t2
R explain (analyze, analyze false) delete from t2
R explain merge into t2 using t on t.id = t2.id when matched then do nothing
R explain select * from t for update
R explain with x as (delete from t2 returning 1) select * from x
R explain values (1)
R explain declare c cursor for select * from t
P explain analyze insert into t2 values (1, 'analyzed')
P explain (analyze) update t2 set note = 'x' where false
P explain (analyze true) delete from t2 where false
P explain (analyze on) delete from t2 where false
P explain (analyze 1) delete from t2 where false
P explain (analyze false, analyze) delete from t2 where false
P explain (buffers, analyze 'true', costs off) delete from t2 where false
P explain analyze select volatile_f(1)
P explain analyze select * from u
P explain select volatile_f(1)
P explain select * from u
P explain analyze select * from t for update
P explain analyze with x as (delete from t2 where false returning 1) select * from x
P explain analyze create table explained as select 1
P explain create table explained2 as select 1
P! explain execute no_such_statement
P explain refresh materialized view matview
P drop table if exists explained
"""

COMMANDS = r"""
P create table made (a int)
P alter table made add b int
P create index on made (a)
P comment on table made is 'x'
P grant select on made to public
P revoke select on made from public
P create index concurrently made_c on made (a)
P analyze made
P vacuum made
P vacuum (analyze) made
P cluster made using made_c
P reindex table made
P drop table made
P create view made_view as select 1
P create or replace view made_view as select 1
P drop view if exists made_view
P create function made_function() returns int language sql stable as 'select 1'
P drop function if exists made_function()
P create schema made_schema
P drop schema if exists made_schema
P create type made_type as (a int)
P drop type if exists made_type
P create sequence made_sequence
P drop sequence if exists made_sequence
P create temp table made_temporary (a int)
P create temp sequence made_temp_sequence
P create temp view made_temp_view as select 1
P! create extension no_such_extension
P! create role made_role
P! create database made_database
P! alter system set work_mem = '5MB'
P! refresh materialized view matview
P call proc(1)
P CALL public.proc(2)
P do $$ begin perform 1; end $$
P do 'begin insert into serials (a) values (1); end'
P unlisten *
P notify channel, 'x'
P checkpoint
P discard all
P discard plans
P discard temp
P deallocate all
P! prepare transaction 'x'
P! commit prepared 'x'
P! rollback prepared 'x'
P! fetch next from no_such_cursor
P! move all in no_such_cursor
P! close no_such_cursor
P! declare c cursor for select 1
P declare c cursor with hold for select 1
P! execute no_such_statement
P! execute no_such_statement(1, 2)
P! deallocate no_such_statement
P reassign owned by app to app
P security label on table t is null
P set constraints all immediate
P import foreign schema x from server far into public
P load 'plpgsql'
P show work_mem
P show all
P show transaction_read_only
P show in_hot_standby
P show server_version
P SHOW TIME ZONE
P commit
P rollback
P abort
P end
P begin
P start transaction
P begin read write
P begin isolation level serializable
P begin isolation level serializable read only
P begin isolation level repeatable read
P begin transaction isolation level read committed, read write
P! savepoint a
P! release a
P! rollback to a
P! alter table t rename to t_renamed_but_not_owned
P! drop table t
P! truncate t
"""

TEXTS = r"""
P1! select from where
P1! selec 1
P1! select 1 from
P1! insert into
P1! garbage
P1! select 'unfinished
P1! select "unfinished
P1! select $$unfinished
P1! select 1 /* unfinished
P1! select (1
P1! select 1)
P1! with x as (select 1)
P1! explain
P1! copy t
P1! select * from t where
P1=! 123
P1=! 'text'
P1= select 1; select 2
P1= select 1; insert into t2 values (1, 'several')
P1= insert into t2 values (1, 'several'); select 1
P1= select 1;; select 2;
P1= begin; select 1; commit
P1= begin; insert into t2 values (1, 'several'); commit
P1= begin read only; select 1; commit
P1= select 1; delete from t2 where false; select 2
P1= set work_mem = '5MB'; select 1
P1=! select 1; select 1 / 0; select 3
P1=! select 1; garbage
P1= select 1; /* x */ select volatile_f(1)
P= /* forebay: route=primary */ select 1
P= /*forebay:route=primary*/ select 2
P= /* forebay: route = primary */ select 3
P= /* forebay: cache=off, route=primary */ select 4
P= /* FIRST */ /* forebay: route=primary */ select 5
P= /* forebay: ROUTE=PRIMARY */ select 6
P= /* forebay: route=primary */ select * from t
P= /* forebay: route=primary */ copy t to stdout
P= /* forebay: route=primary */ explain select 1
P= /* forebay: route=primary, route=replica */ select 7
R= /* forebay: route=replica */ select 1
R= /* forebay: route=replica */ select * from t
R= /* forebay: route=replica */ select inet_server_port()
R= /* forebay: route=replica */ select random()
R= /* forebay: cache=off */ select 2
R= /* forebay: route=elsewhere */ select 3
R= /* forebay: */ select 4
R= /* no forebay: route=primary */ select 5
R= /* route=primary */ select 6
R= select /* forebay: route=primary */ 7
R= select 8 /* forebay: route=primary */
R= -- forebay: route=primary
R= /*NO LOAD BALANCE*/ select 9
R= /* traceparent='00-abc-def-01' */ select 10
R= select 11 /* application='rails',controller='x' */
P= /* forebay: route=replica */ insert into t2 values (1, 'hint')
P= /* forebay: route=replica */ delete from t2 where false
P= /* forebay: route=replica */ select * from t for update
P= /* forebay: route=replica */ with x as (delete from t2 where false returning 1) select * from x
P= /* forebay: route=replica */ create table if not exists made_by_hint (a int)
P1= /* forebay: route=replica */ select 1; select 2
P= /* forebay: route=replica */ set constraints all deferred
P= /* forebay: route=replica */ copy (delete from t2 where false returning 1) to stdout
"""

# Texts that differ in nothing but literals, names, or what is around them: a verdict must not be taken for another's.
TWINS = r"""
R= select name from t where id = 1
R= select name from t where id = 2
R= select name from t where id = 3000000000
R= select name from t where id = -1
R= select name from t where id = 1.5
R= select name from t where name = 'a'
R= select name from t where name = 'it''s'
R= select name from t where name = E'it\'s'
R= select name from t where name = $$a$$
R= select name from t where name = 'volatile_f(1)'
P= select name from t where name = volatile_f(1)::text
R= select stable_f(1)
P= select volatile_f(1)
R= select stable_f(2)
P= select volatile_f(2)
R= select 1::positive
P= select 1::checked
R= select 2::positive
P= select 2::checked
R= select interval '1 day'
R= select interval '2 days'
P= select 't'::regclass
P= select 't2'::regclass
R= select 't'::text
R= explain (analyze 0) delete from t2 where id = 7777
P= explain (analyze 1) delete from t2 where id = 7777
R= explain (analyze 'off') delete from t2 where id = 7777
P= explain (analyze 'on') delete from t2 where id = 7777
R= select 'a' || 'b' from t
R= select * from t limit 1
R= select * from t limit 2
P= select * from t limit 1 for update
P= select * from t limit 2 for update
R= select 'x' -- for update
R= select 'for update' from t
R= select '/*' from t
P= select '/*' from t for update /* */
R= select '--' from t
P= select '--' from u
R= select * from t where id in (1, 2, 3)
R= select * from t where id in (1, 2, 3, 4)
R= select * from t where name in ('a;b', 'c')
R= select "id" from "t" where "id" = 5
P= select "id" from "t" where "id" = nextval('s')
R= values (1)
R= values (1, 2)
P= values (volatile_f(1))
R= table t2
P= table u
R= select * from parent where a = 5
P= select * from parent_u where a = 5
"""

# With parameters, in the extended protocol: text, values.
PARAMETERS = [
    ("R", "select $1::int", ["1"]), ("R", "select * from t where id = $1", ["2"]), ("R", "select * from t where name = $1 and id < $2", ["x", "5"]),
    ("R", "select stable_f($1)", ["1"]), ("R", "select * from t limit $1", ["3"]), ("R", "select $1::text || $2", ["a", "b"]),
    ("R", "select $1::positive", ["1"]), ("R", "select * from t where id = any ($1::int[])", ["{1,2}"]), ("R", "values ($1::int)", ["1"]),
    ("R", "select $1::text", ["delete from t"]), ("R", "select $1::text", [None]), ("R!", "select 1 / $1::int", ["0"]),
    ("R", "select t.label from t where id = $1", ["1"]), ("R", "with x as (select $1::int a) select * from x", ["1"]),
    ("P", "select volatile_f($1)", ["1"]), ("P", "select nextval($1)", ["s"]), ("P", "select * from u where a = $1", ["1"]),
    ("P", "insert into t2 values ($1, $2)", ["1", "bound"]), ("P", "update t2 set note = $1 where id = $2", ["b", "1"]),
    ("P", "delete from t2 where note = $1", ["bound"]), ("P", "select * from t where id = $1 for update", ["1"]), ("P", "select $1::checked", ["1"]),
    ("P", "with x as (insert into t2 values ($1, $2) returning *) select * from x", ["1", "bound"]), ("P", "select $1::regclass", ["t"]),
    ("P", "select set_config($1, $2, false)", ["a.b", "c"]), ("P", "select pg_advisory_xact_lock($1)", ["1"]), ("P", "select overloaded($1::int)", ["1"]),
    ("P!", "select no_such_function($1::int)", ["1"]), ("P!", "select currval($1)", ["s"]),
]

THEMES = {name.lower(): text for name, text in list(globals().items()) if name.isupper() and isinstance(text, str) and name != "SCHEMA"}


class Case:
    def __init__(self, theme, side, text, values=(), fails=False, tagged=True, simple_only=False):
        self.theme, self.side, self.text, self.values = theme, side, text, values
        self.fails, self.tagged, self.simple_only = fails, tagged, simple_only

    def __repr__(self):
        return f"{self.side} {self.text!r}"


def read(theme, text):
    """The cases of a theme. A comment to the end of the line takes what would be the next line's with it."""
    for line in text.strip("\n").split("\n"):
        mark, _, sql = line.partition(" ")
        if "=" in mark:  # what follows the sign is the text, its white space included
            mark, _, sql = line.partition("=")
            if "!" in sql[:1]:
                mark, sql = mark + "!", sql[1:]
            mark += "="
        if sql.lstrip().startswith("--") and mark[0] == "P":
            sql += "\ninsert into t2 values (6, 'line')"
        elif sql.lstrip().startswith("-- a line") or sql.lstrip().startswith("-- forebay"):
            sql += "\nselect 5"
        yield Case(theme, mark[0], sql, (), "!" in mark, "=" not in mark, "1" in mark)


CASES = [case for theme, text in THEMES.items() for case in read(theme, text)]
CASES += [Case("parameters", mark[0], text, values, "!" in mark) for mark, text, values in PARAMETERS]
