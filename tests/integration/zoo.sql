-- One of every kind of object that pg_dump writes. Run as superuser in an empty database.
create extension hstore;
create extension pg_trgm;
create extension citext;
create extension postgres_fdw;
create extension file_fdw;
create schema zoo;
create schema "Odd ""schema";
comment on schema zoo is 'animals; '' and " and \ and ü';

create type zoo.kind as enum ('cat', 'dog', 'it''s');
create type zoo.point3 as (x float8, y float8, z numeric(10, 3));
create domain zoo.positive as int constraint above_zero check (value > 0) default 1;
create type zoo.span as range (subtype = float8, subtype_diff = float8mi);
create collation zoo.by_bytes (provider = libc, locale = 'C');
create collation zoo.by_icu (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create sequence zoo.loose as smallint increment by 3 minvalue 5 maxvalue 500 start 11 cache 2 cycle;
select setval('zoo.loose', 17);

create table zoo.types (
  a_smallint smallint, a_int int, a_bigint bigint, a_numeric numeric, a_real real, a_double float8, a_money money, a_bool bool,
  a_char char(5), a_varchar varchar(20), a_text text collate zoo.by_bytes, a_name name, a_bytea bytea, a_date date, a_time time(3), a_timetz timetz,
  a_timestamp timestamp, a_timestamptz timestamptz, an_interval interval, a_uuid uuid, a_json json, a_jsonb jsonb, an_xml xml, an_inet inet,
  a_cidr cidr, a_macaddr macaddr, a_bit bit(5), a_varbit varbit, a_point point, a_box box, a_path path, a_polygon polygon, a_circle circle,
  a_tsvector tsvector, a_tsquery tsquery, an_array int[][], a_text_array text[], a_range int4range, a_multirange nummultirange, a_span zoo.span,
  a_kind zoo.kind, a_composite zoo.point3, a_domain zoo.positive, an_hstore hstore, a_citext citext, an_oid oid, a_regclass regclass, an_lsn pg_lsn);
insert into zoo.types values (
  -32768, 2147483647, -9223372036854775808, 'NaN', 1.1, 'Infinity', '12.34', true, 'ab', 'a'',"\', e'tab\tnew\nline \\. \\N ü', 'n', '\x00ff5c', 'infinity', '12:34:56.789', '01:02:03+04',
  '2024-02-29 01:02:03.456789', '0044-03-15 12:00:00+00 BC', '1 year -2 mons 3 days 04:05:06.7', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a" : [1,null]}', '{"b": "ü\\"}', '<a b="c">d</a>', '::1/64',
  '10.0.0.0/8', '08:00:2b:01:02:03', b'10101', b'1', '(1,2)', '((0,0),(1,1))', '[(0,0),(1,1)]', '((0,0),(1,1),(2,0))', '<(0,0),5>',
  to_tsvector('english', 'The fat cats'), 'fat & cat', '{{1,2},{3,null}}', array['a,b', '"', '', null, 'NULL'], '[1,5)', '{[1.5,2.5),(3,)}', '[1.25,2.5]',
  'it''s', row(1, 'NaN', 2.345), 7, '"a b"=>NULL, c=>"\"d"', 'MiXed', 4294967295, 'pg_class', '16/B374D848');
insert into zoo.types default values;

create table zoo.parents (id int generated always as identity (start 5 increment 5) primary key, name text not null check (name <> ''), kind zoo.kind default 'cat',
  doubled int generated always as (id * 2) stored, big text, unique nulls not distinct (name, kind));
alter table zoo.parents alter column big set storage external, alter column name set statistics 500, alter column big set compression pglz;
alter table zoo.parents set (fillfactor = 70, autovacuum_enabled = false);
insert into zoo.parents (name, kind, big) select 'n' || n, (array['cat', 'dog'])[n % 2 + 1]::zoo.kind, repeat(md5(n::text), n % 300) from generate_series(1, 2000) n;
create table zoo.children (id bigserial, parent int references zoo.parents on delete cascade deferrable initially deferred, at date, primary key (id, at));
insert into zoo.children (parent, at) select n * 5, '2024-01-01'::date + n from generate_series(1, 500) n;
comment on table zoo.parents is 'those above';
comment on column zoo.parents.name is 'what they are called';
comment on constraint parents_pkey on zoo.parents is 'one of each';

create table zoo.visits (at timestamptz not null, place text, visitors int) partition by range (at);
create table zoo.visits_2023 partition of zoo.visits for values from ('2023-01-01') to ('2024-01-01');
create table zoo.visits_2024 partition of zoo.visits for values from ('2024-01-01') to ('2025-01-01') partition by list (place);
create table zoo.visits_2024_north partition of zoo.visits_2024 for values in ('north', null);
create table zoo.visits_2024_rest partition of zoo.visits_2024 default;
create table zoo.hashed (k int, v text) partition by hash (k);
create table zoo.hashed_0 partition of zoo.hashed for values with (modulus 2, remainder 0);
create table zoo.hashed_1 partition of zoo.hashed for values with (modulus 2, remainder 1);
insert into zoo.visits select '2023-01-01'::timestamptz + n * interval '7 hours', (array['north', 'south', 'east'])[n % 3 + 1], n from generate_series(1, 2000) n;
insert into zoo.hashed select n, 'v' || n from generate_series(1, 500) n;
create table zoo.base (id int, note text);
create table zoo.derived (extra int) inherits (zoo.base);
create unlogged table zoo.quick (id int);
create table zoo.typed of zoo.point3 (primary key (x));
create table "Odd ""schema"."Tab le" ("Co l" int, "select" text, dropped int);
alter table "Odd ""schema"."Tab le" drop column dropped;
insert into zoo.base values (1, 'base');
insert into zoo.derived values (2, 'derived', 3);
insert into zoo.typed values (1, 2, 3);
insert into "Odd ""schema"."Tab le" values (1, 'from');

create index on zoo.parents (lower(name) text_pattern_ops) include (kind) where id > 10;
create index by_trigrams on zoo.parents using gin (name gin_trgm_ops);
create index by_place on zoo.visits using brin (at) with (pages_per_range = 16);
create index by_hash on zoo.children using hash (parent);
alter table zoo.parents cluster on parents_pkey;
alter table zoo.children replica identity using index children_pkey;
alter table zoo.base add constraint apart exclude using gist (int4range(id, id, '[]') with &&);
create statistics zoo.together (dependencies, ndistinct, mcv) on kind, name from zoo.parents;

create view zoo.cats with (security_barrier) as select id, name from zoo.parents where kind = 'cat' with local check option;
create recursive view zoo.counted (n) as values (1) union all select n + 1 from counted where n < 5;
create materialized view zoo.summed as select kind, count(*) as many from zoo.parents group by kind;
create unique index on zoo.summed (kind);
create materialized view zoo.unfilled as select 1 as one with no data;
create rule log_it as on delete to zoo.cats do instead update zoo.parents set name = name || ' gone' where id = old.id;

create function zoo.plus_one(int) returns int language sql immutable strict parallel safe cost 5 as 'select $1 + 1';
create function zoo.standard(a int, b int default 2) returns int language sql begin atomic select a + b; end;
create function zoo.rows_of(inout n int, out t text) returns setof record language plpgsql rows 3 set search_path = zoo, pg_catalog security definer as
  $body$ begin for i in 1..n loop n := i; t := $$quoted $1; -- not a comment$$; return next; end loop; end $body$;
create procedure zoo.tidy(inout n int) language plpgsql as $$ begin delete from zoo.quick; commit; n := n + 1; end $$;
create function zoo.step(text, text) returns text language sql immutable as $$ select coalesce($1, '') || $2 $$;
create aggregate zoo.glued (text) (sfunc = zoo.step, stype = text, initcond = '>');
create function zoo.near(zoo.point3, zoo.point3) returns bool language sql immutable as 'select $1.x = $2.x';
create operator zoo.~=~ (leftarg = zoo.point3, rightarg = zoo.point3, function = zoo.near, commutator = operator(zoo.~=~));
create function zoo.to_text(zoo.point3) returns text language sql immutable as $$ select $1.x || '/' || $1.y $$;
create cast (zoo.point3 as text) with function zoo.to_text(zoo.point3) as assignment;
create operator family zoo.whole using btree;
create operator class zoo.reversed for type int using btree family zoo.whole as
  operator 1 > , operator 2 >= , operator 3 = , operator 4 <= , operator 5 < , function 1 btint4cmp(int, int);
create function zoo.on_change() returns trigger language plpgsql as $$ begin new.name := trim(new.name); return new; end $$;
create trigger trimmed before insert or update of name on zoo.parents for each row when (new.name is not null) execute function zoo.on_change('an argument');
alter table zoo.parents disable trigger trimmed;
create constraint trigger late after insert on zoo.children deferrable initially deferred for each row execute function zoo.on_change();
create function zoo.on_ddl() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger zoo_watches on ddl_command_end when tag in ('CREATE TABLE') execute function zoo.on_ddl();
create conversion zoo.to_latin for 'UTF8' to 'LATIN1' from utf8_to_iso8859_1;

create text search dictionary zoo.plain (template = simple, stopwords = english);
create text search configuration zoo.words (copy = english);
alter text search configuration zoo.words alter mapping for asciiword with zoo.plain, english_stem;

create server elsewhere foreign data wrapper postgres_fdw options (host 'db.invalid', dbname 'it''s');
create user mapping for app server elsewhere options (user 'me', password 'pass''word');
create foreign table zoo.far (id int options (column_name 'ID'), name text) server elsewhere options (table_name 'far');
create server files foreign data wrapper file_fdw;
create foreign table zoo.lines (line text) server files options (filename '/dev/null', format 'csv');

alter table zoo.parents enable row level security, force row level security;
create policy own_ones on zoo.parents as restrictive for select to app using (name <> 'hidden');
create publication everything for all tables with (publish = 'insert, update');
create publication some_rows for table zoo.parents (id, name) where (id > 3);
create publication a_schema for tables in schema "Odd ""schema";
create subscription elsewhere connection 'host=db.invalid dbname=x' publication p with (connect = false, slot_name = none);
alter default privileges in schema zoo grant select on tables to app2;
alter default privileges for role app revoke execute on functions from public;
grant usage on schema zoo to app, app2;
grant select (id, name), update (name) on zoo.parents to app2 with grant option;
grant select on all sequences in schema zoo to app;
revoke all on function zoo.plus_one(int) from public;
alter function zoo.standard(int, int) owner to app;

select lo_from_bytea(4711, decode(repeat('00ff5c27', 3000), 'hex'));
comment on large object 4711 is 'large';
grant select on large object 4711 to app;
create foreign data wrapper nothing;
