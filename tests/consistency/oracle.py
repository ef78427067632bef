"""Every answer through the cache is, to the byte, what PostgreSQL says to a session that has done the same.

Pairs of sessions, one through Forebay and one straight to PostgreSQL, of several logins, do the same at random: settings of all that shapes a result (for the session, a
transaction, by SET, set_config() and at login), roles, transactions, statements prepared by name and used when settings have changed since, temporary tables that hide others,
and reads in every shape of the protocol, text and binary. Few texts, so that they are hits; what the one says is compared with what the other does.
"""

import random

import checker
import wire
from checker import SHAPES, Tally

LOGINS = ("app", "app2", "plain_user")

SCHEMA = """
drop schema if exists o1 cascade; drop schema if exists o2 cascade; drop role if exists o_reader; drop role if exists o_writer;
create role o_reader; create role o_writer; grant o_reader, o_writer to app, app2;
create schema o1 authorization app; create schema o2 authorization app;
grant usage on schema o1, o2 to public;
set role app;
create type o1.mood as enum ('sad', 'ok', 'happy'); create type o1.pair as (a int, b timestamptz); create domain o1.short as varchar(5);
create table o1.t (id int primary key, at timestamptz, ts timestamp, d date, tm time, i interval, r real, f double precision, n numeric, b bytea, m money, s text, j json, jb jsonb,
  a text[], ta timestamptz[], fa float8[], tr tstzrange, x xml, u uuid, net inet, bits varbit, p point, v tsvector, e o1.mood, c o1.pair, sh o1.short, ch char(5), bo bool, fl "char", nm name);
insert into o1.t select g, '2026-03-08 06:30:00.123456+00'::timestamptz + g * interval '7 hours', '2026-03-08 02:30'::timestamp + g * interval '1 day', '2026-03-08'::date + g, '12:30:15.5'::time + g * interval '1 minute',
  make_interval(0, g, 0, g, g, 0, -g / 3.0), g / 3.0, g / 7.0, g * 1.10, decode(lpad(to_hex(g), 8, '0'), 'hex'), g * 1234.5, 'Zoë \\ ''é'' ' || g, json_build_object('a', g / 3.0, 'at', '2026-03-08 06:30+00'::timestamptz), jsonb_build_object('k', g / 3.0),
  array['a', null, 'b ' || g], array['2026-03-08 06:30+00'::timestamptz], array[g / 3.0, 1e300], tstzrange('2026-03-08 06:30+00', null), xmlelement(name a, g), md5(g::text)::uuid, ('10.0.0.' || g)::inet, B'1010', point(g / 3.0, 1),
  to_tsvector('english', 'running dogs ' || g), 'ok'::o1.mood, row(g::int, '2026-03-08 06:30+00')::o1.pair, 'ab', 'xy', g % 2 = 0, 'q', 'a name' from generate_series(1, 12) g;
create table o2.t as select id + 100 as id, s || ' of the other' as s, at + interval '1 year' as at, d, f, b, m, n from o1.t;
create table o1.only_here as select id, at from o1.t where id < 4;
create table o1.secret as select id, at, s from o1.t; create table o1.columns as select id, at, s from o1.t; create table o1.mine (id int, who text, at timestamptz);
insert into o1.mine select id, (array['app', 'app2', 'plain_user'])[id % 3 + 1], at from o1.t;
alter table o1.mine enable row level security; alter table o1.mine force row level security; create policy p on o1.mine using (who = current_user);
create view o1.who as select current_user::text as me, session_user::text as login, id, at from o1.t where id < 3;
create view o1.of_mine as select * from o1.mine; create view o1.ordered as select id, at, m from o1.t where at > '2026-03-10' order by at desc; create view o2.who as select 'o2'::text as me, id from o2.t;
create view o1.barrier with (security_barrier) as select id, s from o1.secret where id < 5; create view o1.invoker with (security_invoker) as select id, s from o1.secret where id < 5;
create function o1.twice(int) returns int language sql immutable as 'select $1 * 2'; create function o2.twice(int) returns int language sql immutable as 'select $1 * 200';
create function o1.loud(int) returns int language plpgsql immutable as $$ begin raise notice 'loud %', $1; return $1; end $$;
create operator o1.#! (function = o1.twice, rightarg = int); create operator o2.#! (function = o2.twice, rightarg = int);
grant select on o1.t, o2.t, o1.only_here, o1.mine, o1.who, o2.who, o1.of_mine, o1.ordered, o1.barrier, o1.invoker to public;
grant select on o1.secret to app2; grant select on o1.columns to app2; grant select (id, at) on o1.columns to plain_user; grant select on o1.secret to o_reader;
reset role;
"""

COLUMNS = "at ts d tm i r f n b m s j jb a ta fa tr x u net bits p v e c sh ch bo fl nm".split()
# {c}: a column, {k}: a key.
TEXTS = ["select {c} from o1.t where id = {k}", "select id, {c}, {c2} from o1.t order by id limit 3", "select ({c})::text from o1.t where id = {k}", "select {c} || '' from o1.t where id = {k}", "select row(id, {c}) from o1.t where id = {k}", "select array_agg({c}) from o1.t where id < 3",
         "select to_jsonb(t) from o1.t where id = {k}", "select format('%s', {c}), concat({c}, '-') from o1.t where id = {k}", "select json_agg({c}) from o1.t where id < 3", "select t from o1.t where id = {k}", "select c, (c).b from o1.t where id = {k}",
         "select id from o1.t where at > '2026-03-09 00:00' order by id", "select id from o1.t where d = '03/10/2026'", "select id from o1.t where d = '10.03.2026'", "select '01/02/2026'::date", "select '2026-03-08 02:30'::timestamptz", "select id from o1.t where m > '2.000,00'", "select '1,234.5'::money",
         "select interval '1 2:03:04'", "select interval '-1 month 1 day'", "select '{{a,NULL}}'::text[]", "select 'a\\141b', E'a\\141b'", "select 'Zoë'", "select '\\xdeadbeef'::bytea", "select 1/3.0::float8, 1e15::float8", "select id from o1.t where s = null", "select '<a/>b'::xml", "select xmlparse(document '<a/>')",
         "select to_char(at, 'TMMonth TMDay YYYY HH24 TZ'), to_char(n, 'L999D99'), to_char(d, 'Day') from o1.t where id = {k}", "select date_trunc('day', at), extract(hour from at), at::text, timezone('UTC', at) from o1.t where id = {k}", "select to_tsvector('running dogs'), to_tsquery('dogs & running')", "select to_tsquery('the')",
         "select id from o1.t where v @@ plainto_tsquery('dog') order by id", "select * from t where id in ({k}, 100 + {k})", "select s from t order by id limit 2", "select id, f from t order by id limit 2", "select twice({k})", "select #! {k}", "select o1.loud({k})", "select me, id from who order by id limit 2", "select * from only_here order by id", "table only_here",
         "select me, login, at from o1.who order by id", "select current_user, session_user, current_schema, current_schemas(false)", "select current_schema", "select current_database(), current_catalog", "select * from o1.secret where id = {k}", "select id, at from o1.columns where id = {k}", "select * from o1.columns where id = {k}", "select s from o1.columns where id = {k}",
         "select * from o1.mine order by id", "select * from o1.of_mine order by id", "select * from o1.barrier order by id", "select * from o1.invoker order by id", "select * from o1.ordered", "select s from o1.t order by s collate \"C\" desc limit 3", "select upper(s), lower(s), length(s), s from o1.t where id = {k}", "values (1, '2026-03-08 06:30'::timestamptz), (2, null)",
         "select current_setting('TimeZone'), current_setting('search_path')", "select pg_typeof(e), e, e::text from o1.t where id = {k}", "select enum_range(null::o1.mood)", "select 1 where false", "select from o1.t where id < 4", "select null, ''", "select 1/0", "select nothing", "with q as (select at from o1.t where id = {k}) select * from q, q as r",
         "select t.at from o1.t join o2.t as t2 on t2.id = t.id + 100 where t.id = {k}", "select sum(m), avg(n), stddev(f) from o1.t", "select jsonb_build_object('at', at, 'f', f, 'b', b) from o1.t where id = {k}", "select {c} as \"a ë\" from o1.t where id = {k}", "select cast(r as float8), r::text, fa from o1.t where id = {k}", "select unnest(ta), unnest(fa) from o1.t where id = {k}",
         "/* a comment */ select {c} from o1.t where id = {k}", "select {c} from o1.t where id = {k} -- behind it"]
BY_PATH = ["select s from t order by id limit 2", "select twice({k})", "select #! {k}", "select me, id from who order by id limit 2", "select count(*) from t where id < 100"]  # what the search path finds
PARAMETERS = [("select {c} from o1.t where id = $1", ["{k}"]), ("select $1::timestamptz, $2::interval", ["2026-03-08 02:30", "1 2:03"]), ("select $1::date", ["03/04/2026"]), ("select $1::money", ["1,234.50"]), ("select id from o1.t where at > $1 order by id", ["2026-03-09 00:00"]),
              ("select $1::text, $1 || 'x'", ["é"]), ("select $1::bytea", ["\\x00ff"]), ("select $1::float8", ["0.1"]), ("select s from t where id = $1", ["{k}"]), ("select $1::text[]", ["{{a,NULL}}"]), ("select id, at + $1::interval from o1.t where id = $2", ["1 month", "{k}"])]

SETTINGS = {
    "TimeZone": ["UTC", "America/New_York", "Asia/Tokyo", "<+03>-03"], "DateStyle": ["ISO, MDY", "German, DMY", "SQL, DMY", "Postgres, MDY", "ISO, YMD"], "IntervalStyle": ["postgres", "iso_8601", "sql_standard", "postgres_verbose"],
    "extra_float_digits": ["-5", "0", "1", "3"], "bytea_output": ["hex", "escape"], "search_path": ["o1", "o2", "o1, o2", "o2, o1", "public", '"$user", public'], "lc_monetary": ["C", "C.UTF-8"], "lc_numeric": ["C", "C.UTF-8"], "lc_time": ["C", "C.UTF-8"],
    "client_encoding": ["UTF8", "LATIN1", "SQL_ASCII"], "standard_conforming_strings": ["on", "off"], "escape_string_warning": ["on", "off"], "array_nulls": ["on", "off"], "xmloption": ["content", "document"], "xmlbinary": ["base64", "hex"], "transform_null_equals": ["on", "off"],
    "default_text_search_config": ["pg_catalog.english", "pg_catalog.simple"], "quote_all_identifiers": ["on", "off"], "backslash_quote": ["on", "safe_encoding"], "row_security": ["on", "off"], "client_min_messages": ["notice", "error", "warning"], "application_name": ["a", "b"],
    "statement_timeout": ["1min", "2min"], "timezone_abbreviations": ["Default", "Australia"], "my.own": ["1", "2"], "enable_seqscan": ["on", "off"], "work_mem": ["4MB", "8MB"], "plan_cache_mode": ["auto", "force_generic_plan"], "gin_fuzzy_search_limit": ["0", "10"],
}
AT_LOGIN = ("TimeZone", "DateStyle", "extra_float_digits", "search_path", "client_encoding", "bytea_output", "application_name", "IntervalStyle")


class Pair:
    """Two sessions that do the same."""

    def __init__(self, check, login):
        self.check, self.login, self.dice = check, login, check.dice
        self.ends = ()
        self.log_in()

    def log_in(self):
        self.close()
        asked = {name: self.dice.choice(SETTINGS[name]) for name in self.dice.sample(AT_LOGIN, self.dice.choice((0, 0, 1, 3)))}
        self.through, self.direct = self.ends = [e.wire(self.login, **asked) for e in (self.check.proxy, self.check.cluster.primary)]
        self.named, self.status, self.has_temporary, self.story = {}, "I", False, [f"login as {self.login} {asked}"]

    def close(self):
        for w in self.ends:
            w.close()

    def both(self, text):
        for w in self.ends:
            w.send(wire.query(text))
            self.status = w.until_ready()[-1].status
        self.story.append(text)

    def read(self, text, values, shape, binary):
        if self.status == "E":
            return
        before, asked = checker.request(shape, text, values, binary, self.named)
        if before:
            failed = False
            for w in self.ends:
                w.send(before)
                failed = any(m.kind == "E" for m in w.until_ready())
            self.story.append(f"prepare {text}")
            if failed:
                del self.named[text]
                self.status = self.direct_status()
                return
        got, want = (checker.answer(w, asked) for w in self.ends)
        self.status = want[-1][1].decode()
        self.check.tally.reads += 1
        if got != want and not self.is_known(got, want, shape):
            said = checker.last_cache(self.through) if self.status != "E" else "in a failed transaction"
            if shape.startswith("named") and said != "hit":
                return  # parsed anew on another server (docs/manual/differences.md); what came of it must not be a hit of others
            self.check.tally.violations.append(f"seed {self.check.seed}, {self.login}, {shape}{' binary' if binary else ''}: {text} {values}: {said}: {checker.shown(got)}, and PostgreSQL says {checker.shown(want)}\n    {'; '.join(self.story[-12:])}")
        self.story.append(f"{shape}: {text}")

    def is_known(self, got, want, shape):
        """Oids of temporary tables; a plan that is old to a session, and was made anew for another one's answer; what an immutable
        function says when a plan is made, which for a named statement is another session's."""
        if shape.startswith("named") and [m for m in got if m[0] != "N"] == [m for m in want if m[0] != "N"]:
            return True
        old = want[0][0] == "E" and want[0][1]["C"] == "0A000" or got[0][0] == "E" and got[0][1]["C"] == "0A000"
        return old or self.has_temporary and checker.without_tables(got) == checker.without_tables(want)

    def direct_status(self):
        self.direct.send(wire.sync())
        self.through.send(wire.sync())
        return [w.until_ready()[-1].status for w in self.ends][1]

    def change(self):
        """Of the session, or of what it may do."""
        d = self.dice
        name = d.choice(("search_path", "search_path", "TimeZone", "DateStyle")) if d.random() < 0.4 else d.choice([*SETTINGS])
        value = d.choice(SETTINGS[name]).replace("'", "''")
        quoted = value if name == "search_path" else f"'{value}'"
        what = d.random()
        if what < 0.4:
            self.both(f"set {'local ' if self.status == 'T' and d.random() < 0.5 else ''}{name} = {quoted}")
        elif what < 0.5:
            self.both(f"select set_config('{name}', '{value}', {d.choice(['true', 'false'])})")
        elif what < 0.58:
            self.reset(d.choice([f"reset {name}", f"set {name} to default", "reset all", "discard all"]))
        elif what < 0.62:
            self.both(d.choice(["set role o_reader", "set role none", "set role o_writer", "reset role", "set local role o_reader", "reset role", "reset role", "reset role"]))
        elif what < 0.70 or self.has_temporary and what < 0.8:
            self.temporary()
        elif what < 0.88:
            self.both("begin" if self.status == "I" else d.choice(["commit", "rollback", "commit", "rollback to a", "rollback", "savepoint a"]))
        else:
            self.log_in()

    def temporary(self):
        if self.status == "I":
            self.both("discard temp" if self.has_temporary else "create temp table t (id int, s text, at timestamptz, f float8)")
            self.has_temporary = not self.has_temporary

    def reset(self, text):
        if text != "discard all":
            self.both(text)
        elif self.status == "I":
            self.both(text)
            self.named, self.has_temporary = {}, False


class Check:
    def __init__(self, cluster, proxy, seed):
        self.cluster, self.proxy, self.seed, self.dice, self.tally = cluster, proxy, seed, random.Random(seed), Tally()

    def texts(self):
        d = self.dice
        what = d.random()
        text, values = (d.choice(BY_PATH), []) if what < 0.25 else (d.choice(TEXTS), []) if what < 0.85 else d.choice(PARAMETERS)
        words = {"c": d.choice(COLUMNS), "c2": d.choice(COLUMNS), "k": d.randrange(1, 4)}
        return text.format(**words), [v.format(**words) for v in values]

    def play(self, over):
        pairs = [Pair(self, login) for login in (*LOGINS, "app")]
        # Few, so that several sessions ask the same; others after a while.
        while not over():
            asked = []
            for _ in range(4):
                text, values = self.texts()
                shape = self.dice.choice(SHAPES[1:] if values else SHAPES)
                asked.append((text, values, shape, shape != "simple" and self.dice.random() < 0.3))
                if self.dice.random() < 0.5 and shape != "simple":
                    asked.append((text, values, self.dice.choice(SHAPES[1:]), self.dice.random() < 0.3))
            for _ in range(80):
                pair = self.dice.choice(pairs)
                if self.dice.random() < 0.1:
                    pair.change()
                text, values, shape, binary = self.dice.choice(asked)
                for _ in range(self.dice.choice((1, 3))):
                    pair.read(text, values, shape, binary)
                if pair.status == "E" or pair.status == "T" and self.dice.random() < 0.3:
                    pair.both("rollback")
        for pair in pairs:
            pair.close()


def check(cluster, proxy, seed, over):
    cluster.sql(SCHEMA)
    proxy.console("cache flush")
    checker.until_it_caches(proxy, "o1.t")
    c = Check(cluster, proxy, seed)
    before = checker.hits(proxy)
    try:
        c.play(over)
        c.tally.hits = checker.hits(proxy) - before
    finally:
        proxy.quiet() if hasattr(proxy, "quiet") else None
        cluster.sql("drop schema if exists o1 cascade; drop schema if exists o2 cascade; drop role if exists o_reader; drop role if exists o_writer")
    return c.tally
