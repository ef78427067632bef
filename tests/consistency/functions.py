"""Every function, operator and cast of the system, with arguments from the seed: what is a hit in a changed world must be what PostgreSQL says in it.

The world that changes: the time and the date (the server's clock is set), transaction ids, the log, sequences, locks, statistics, who else is there, which server
process answers. Settings do not: they are in the key, which the kind `oracle` checks. Then the words of clocks, in texts and parameters, in every way to write them.
"""

import itertools
import random

import checker
import wire
from checker import Tally

# Values of each type, as they stand in SQL. Of times some on either side of a change to summer time.
VALUES = {
    "bool": ["true", "null::bool"], "int2": ["3::int2", "-1::int2"], "int4": ["7", "0"], "int8": ["12::int8", "-5::int8"], "float4": ["1.5::float4"], "float8": ["0.25::float8", "2::float8"],
    "numeric": ["3.14", "10::numeric"], "text": ["'abc'::text", "'12:00'::text", "'UTC'::text", "'2026-03-08 02:30'::text", "'America/New_York'::text", "'day'::text", "'YYYY-MM-DD HH24:MI'::text", "'select 1'::text",
                                                 "'f.facts'::text", "'work_mem'::text", "'simple'::text", "'a.b'::text", "'1'::text"],
    "varchar": ["'abc'::varchar"], "bpchar": ["'ab '::bpchar"], "name": ["'f'::name", "'app'::name", "'facts'::name"], "\"char\"": ["'a'::\"char\""], "bytea": ["'\\xdead'::bytea"], "cstring": ["'12'::cstring", "'2026-03-08'::cstring"],
    "date": ["'2026-03-08'::date", "'2026-07-01'::date"], "time": ["'12:00'::time", "'02:30'::time"], "timetz": ["'12:00+02'::timetz", "'12:00'::time"], "timestamp": ["'2026-03-08 02:30'::timestamp", "'2026-07-01'::timestamp"],
    "timestamptz": ["'2026-03-08 12:30+00'::timestamptz", "'2026-07-01 00:00+02'::timestamptz"], "interval": ["'1 day 02:00'::interval", "'1 month'::interval", "'12:00'::time"],
    "json": ["'{\"a\": [1, \"2026-03-08\"]}'::json", "'[1]'::json"], "jsonb": ["'{\"a\": [1, \"2026-03-08 12:00:00\"]}'::jsonb", "'[1]'::jsonb", "'\"12:00:00\"'::jsonb"], "jsonpath": ["'$.a'::jsonpath", "'$.a[1].datetime()'::jsonpath", "'$.datetime()'::jsonpath",
                                                                                                                           "'$.datetime() < \"12:00:00+01\".datetime()'::jsonpath"],
    "xml": ["'<a/>'::xml"], "uuid": ["'00000000-0000-0000-0000-000000000001'::uuid"], "inet": ["'10.0.0.1/8'::inet"], "cidr": ["'10.0.0.0/8'::cidr"], "macaddr": ["'08:00:2b:01:02:03'::macaddr"], "macaddr8": ["'08:00:2b:01:02:03:04:05'::macaddr8"],
    "bit": ["B'101'"], "varbit": ["B'101'::varbit"], "money": ["'12.5'::money"], "point": ["'(1,2)'::point"], "line": ["'{1,2,3}'::line"], "lseg": ["'[(0,0),(1,1)]'::lseg"], "box": ["'((0,0),(1,1))'::box"], "path": ["'[(0,0),(1,1)]'::path"],
    "polygon": ["'((0,0),(1,1),(1,0))'::polygon"], "circle": ["'<(0,0),1>'::circle"], "tsvector": ["'a b'::tsvector"], "tsquery": ["'a & b'::tsquery"], "pg_lsn": ["'0/1'::pg_lsn"], "xid": ["'3'::xid"], "xid8": ["'3'::xid8"], "cid": ["'3'::cid"], "tid": ["'(0,1)'::tid"],
    "oid": ["(select min(id) from f.facts)::oid", "1259::oid", "16384::oid"], "regclass": ["'f.facts'::regclass"], "regproc": ["'now'::regproc"], "regtype": ["'int4'::regtype"], "regconfig": ["'simple'::regconfig"], "regdictionary": ["'simple'::regdictionary"],
    "int4range": ["'[1,5)'::int4range"], "int8range": ["'[1,5)'::int8range"], "numrange": ["'[1,5)'::numrange"], "daterange": ["'[2026-01-01,2026-03-08)'::daterange"], "tsrange": ["'[2026-01-01,2026-03-08)'::tsrange"], "tstzrange": ["'[2026-01-01,2026-03-08)'::tstzrange"],
    "int4multirange": ["'{[1,5)}'::int4multirange"], "int8multirange": ["'{[1,5)}'::int8multirange"], "nummultirange": ["'{[1,5)}'::nummultirange"], "datemultirange": ["'{[2026-01-01,2026-03-08)}'::datemultirange"], "tsmultirange": ["'{[2026-01-01,2026-03-08)}'::tsmultirange"],
    "tstzmultirange": ["'{[2026-01-01,2026-03-08)}'::tstzmultirange"], "_text": ["array['a', '1']"], "_int4": ["array[1, 2]"], "_int2": ["array[1]::int2[]"], "_int8": ["array[1]::int8[]"], "_float8": ["array[1]::float8[]"], "_float4": ["array[1]::float4[]"], "_numeric": ["array[1.5]"],
    "_timestamptz": ["array['2026-03-08 12:30+00'::timestamptz]"], "_date": ["array['2026-03-08'::date]"], "_interval": ["array['1 day'::interval]"], "_name": ["array['a'::name]"], "_char": ["array['a'::\"char\"]"], "_bool": ["array[true]"], "_oid": ["array[1259]::oid[]"], "int2vector": ["'1 2'::int2vector"],
    "oidvector": ["'1 2'::oidvector"], "record": ["row(1, 'a')", "row('2026-03-08 12:00+00'::timestamptz)"], "anyelement": ["7", "'2026-03-08 12:30+00'::timestamptz"], "anyarray": ["array[1, 2]", "array['2026-03-08 12:30+00'::timestamptz]"], "anynonarray": ["'abc'::text", "'2026-03-08 12:30+00'::timestamptz"],
    "anyenum": ["'a'::f.letters"], "anyrange": ["'[1,5)'::int4range"], "anymultirange": ["'{[1,5)}'::int4multirange"], "anycompatible": ["7"], "anycompatiblearray": ["array[1, 2]"], "anycompatiblenonarray": ["7"], "anycompatiblerange": ["'[1,5)'::int4range"], "anycompatiblemultirange": ["'{[1,5)}'::int4multirange"],
    "\"any\"": ["7", "'2026-03-08 12:30+00'::timestamptz"], "refcursor": ["'c'::refcursor"], "pg_snapshot": ["'1:3:2'::pg_snapshot"], "txid_snapshot": ["'1:3:2'::txid_snapshot"], "aclitem": ["'app=r/app'::aclitem"], "gtsvector": [], "pg_node_tree": [],
}
COLUMNS = {"time": "t", "timestamp": "ts", "timestamptz": "tstz", "date": "d", "interval": "i", "text": "x", "int4": "n", "jsonb": "j"}  # of f.facts

SCHEMA = """
drop schema if exists f cascade;
create schema f authorization app;
set role app;
create type f.letters as enum ('a', 'b');
create table f.facts (id int primary key, t time, ts timestamp, tstz timestamptz, d date, i interval, x text, n int, j jsonb);
insert into f.facts values (1, '12:00', '2026-03-08 02:30', '2026-03-08 12:30+00', '2026-03-08', '1 day', '12:00', 7, '{"a": "12:00:00"}');
create sequence f.numbers;
reset role;
"""
# What changes the world for others as well, waits, or answers by the connection.
NEVER = ("pg_sleep", "pg_advisory", "pg_try_advisory", "pg_terminate", "pg_cancel", "pg_rotate", "pg_reload", "pg_stat_reset", "pg_wal_replay", "pg_switch", "pg_create_", "pg_drop_", "pg_promote", "pg_start", "pg_backup",
         "pg_stop", "pg_logical_", "pg_replication_", "pg_import", "lo_", "set_config", "setseed", "nextval", "setval", "pg_notify", "binary_upgrade", "pg_export", "pg_log_backend", "dblink", "query_to", "table_to", "schema_to",
         "database_to", "cursor_to", "ts_stat", "repeat", "lpad", "rpad", "generate_series", "pg_read", "currtid", "pg_nextoid", "loread", "lowrite", "ts_debug")

FUNCTIONS = """
select p.proname as name, p.proretset as is_set, array(select format_type(t, null) from unnest(p.proargtypes::oid[]) with ordinality u(t, n) order by n) as long,
  array(select typname::text from unnest(p.proargtypes::oid[]) with ordinality u(t, n) join pg_type on pg_type.oid = t order by n) as types
from pg_proc p where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f' and p.oid < 16384
  and not exists (select from unnest(p.proargtypes::oid[] || p.prorettype) t where t in ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype)) order by p.oid
"""
OPERATORS = """
select o.oprname as name, coalesce(l.typname, '') as l, coalesce(r.typname, '') as r from pg_operator o left join pg_type l on l.oid = oprleft left join pg_type r on r.oid = oprright
where oprnamespace = 'pg_catalog'::regnamespace order by o.oid
"""
CASTS = "select s.typname as s, t.typname as t, format_type(t.oid, null) as long from pg_cast c join pg_type s on s.oid = castsource join pg_type t on t.oid = casttarget where c.oid < 16384 order by c.oid"

# What has no name in pg_proc, and what mixes.
OTHERS = ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_user", "session_user", "current_role", "user", "current_catalog", "current_schema", "now()", "statement_timestamp()",
          "{time} at time zone 'America/New_York'", "{time} at time zone interval '1 hour'", "{timestamptz} at time zone 'America/New_York'", "{timestamp} at time zone 'America/New_York'", "extract(epoch from {timestamptz})", "extract(day from {date})", "({time}, {time}) overlaps ({time}, {time})",
          "({timestamptz}, {interval}) overlaps ({timestamptz}, {interval})", "coalesce({timestamptz}, {date})", "greatest({date}, {timestamp})", "{time} between {time} and {time}", "{date} in ({date}, {timestamptz})", "case when {date} < {timestamptz} then 1 end", "({time}) || ''", "array[{timestamptz}]::text[]",
          "{timestamptz}::text", "{timestamptz}::date", "{text}::date", "{text}::timetz", "row({timestamptz})::text", "xmlelement(name a, {timestamptz})", "xmlforest({date} as a)", "json_build_object('a', {timestamptz})", "to_jsonb({timestamptz})", "format('%s', {timestamptz})", "concat({time}, {date})",
          "jsonb_path_query({jsonb}, '$.a.datetime()')", "{jsonb} @? '$.a.datetime()'", "jsonb_path_exists_tz({jsonb}, '$.a.datetime()')", "{timestamptz}::time", "{timestamptz}::timetz", "{time}::timetz", "to_char({timestamptz}, 'TZ OF YYYY')", "date_trunc('day', {timestamptz}, 'America/New_York')", "make_timestamptz(2026, 3, 8, 2, 30, 0)",
          "{timestamptz} + {interval}", "{timestamptz} - {timestamptz}", "age({timestamptz})", "age({timestamptz}, {timestamptz})", "{time} + {interval}", "{date} + {time}", "date_bin({interval}, {timestamp}, {timestamp})", "timezone('UTC', {time})", "timezone('America/New_York', {time})", "timezone(interval '1 hour', {time})",
          "date_part('timezone', {time} at time zone 'America/New_York')", "max({time} at time zone 'America/New_York')", "array_agg({time} at time zone 'Europe/Paris')", "({time} at time zone 'Europe/Paris')::text"]


def value_of(dice, kind):
    known = VALUES.get(kind) or VALUES.get(f'"{kind}"')
    if not known:
        return None
    if kind in COLUMNS and dice.random() < 0.4:
        return COLUMNS[kind]
    return dice.choice(known)


def expressions(cluster, dice):
    """(name, text) of each that there is."""
    for f in cluster.sql(FUNCTIONS):
        if f["name"].startswith(NEVER):
            continue
        values = [value_of(dice, t) for t in f["types"]]
        if None not in values:
            yield f["name"], f'pg_catalog."{f["name"]}"({", ".join(values)})'
    for o in cluster.sql(OPERATORS):
        sides = [value_of(dice, t) if t else "" for t in (o["l"], o["r"])]
        if None not in sides:
            yield o["name"], f"({sides[0]} operator(pg_catalog.{o['name']}) {sides[1]})"
    for c in cluster.sql(CASTS):
        if (value := value_of(dice, c["s"])) is not None:
            yield f"{c['s']}::{c['t']}", f"({value})::{c['long']}"
    for text in OTHERS:
        for kind in COLUMNS:
            while "{" + kind + "}" in text:
                text = text.replace("{" + kind + "}", f"({value_of(dice, kind)})", 1)
        yield text, text


# ---- words of clocks ------------------------------------------------------------------------------------------------

WORDS = ("now", "today", "tomorrow", "yesterday")
SPELLINGS = ["'{w}'", "'{W}'", "' {w} '", "E'{e}'", "U&'{u}'", "$${w}$$", "$a${w}$a$", "'{a}'\n'{b}'", "'{a}' -- x\n  '{b}'", "E'{a}\\\n{b}'", "'{w} 00:00'", "'{w}'::text", "('{w}')", "'{w}'::varchar(20)", "'{a}' || '{b}'", "concat('{a}', '{b}')", "lower('{W}')",
             "replace('{a}xx{b}', 'xx', '')", "reverse(reverse('{w}'))", "convert_from('\\x{h}', 'UTF8')", "decode('{h}', 'hex')::text", "(select '{w}')", "(values ('{w}'))", "x.w", "substr('x{w}', 2)", "chr({c}) || '{rest}'", "trim('{w} ')", "left('{w}xx', {n})", "'{a}{{}}{b}'"]
TARGETS = ["{s}::{t}", "cast({s} as {t})", "{t} {s}", "'{{' || {s} || '}}'", "({s})::text::{t}", "array[{s}]::{t}[]", "('{{' || {s} || '}}')::{t}[]", "row({s})::f.moment", "({s})::f.day_of", "coalesce({s}::{t}, null)", "date({s})", "timestamptz({s})", "\"timestamp\"({s})",
           "json_populate_record(null::f.moment, json_build_object('at', {s}))", "(jsonb_populate_record(null::f.moment, jsonb_build_object('at', {s}))).at", "json_to_record(json_build_object('a', {s}))", "to_char({s}::{t}, 'YYYY')", "facts.{c} < {s}", "{s} < facts.{c}", "facts.{c} in ({s})",
           "facts.{c} between {s} and 'infinity'", "case {s} when 'x' then null else {s}::{t} end", "greatest(facts.{c}, {s})", "('[' || {s} || ',)')::{r}", "{r}({s}, null)", "generate_series({s}::timestamptz, {s}::timestamptz, '1 day')", "extract(day from {t} {s})", "age({s}::timestamptz)", "age({t} {s}, {t} '2020-01-01')",
           "date_trunc('day', {t} {s})", "xmlelement(name a, {s}::{t})", "(xpath('/a/text()', xmlelement(name a, {s})))[1]::text::{t}", "unnest(array[{s}])::{t}", "string_to_array({s}, ',')::{t}[]"]
PARAMETERS = ["$1::{t}", "cast($1 as {t})", "facts.{c} < $1", "$1 < facts.{c}", "coalesce($1, facts.{c})", "$1::text::{t}", "array[$1]::{t}[]", "$1::{t}[]", "json_populate_record(null::f.moment, $1)", "$1::{r}", "greatest(facts.{c}, $1)", "date($1)", "row($1)::f.moment"]


def word_texts(dice):
    """(text, values)"""
    while True:
        word = dice.choice(WORDS)
        kind = dice.choice(["date", "timestamp", "timestamptz"])
        at = dice.randrange(1, len(word))
        spelled = dice.choice(SPELLINGS).format(w=word, W=word.upper(), a=word[:at], b=word[at:], h=word.encode().hex(), e="".join(f"\\x{ord(c):02x}" for c in word), u="".join(f"\\{ord(c):04x}" for c in word), c=ord(word[0]),
                                                rest=word[1:], n=len(word))
        words = {"t": kind, "c": {"date": "d", "timestamp": "ts", "timestamptz": "tstz"}[kind], "r": {"date": "daterange", "timestamp": "tsrange", "timestamptz": "tstzrange"}[kind]}
        x = ", f.words x" if spelled == "x.w" else ""
        if dice.random() < 0.3:
            yield f"select {dice.choice(PARAMETERS).format(**words)} from f.facts", [dice.choice([word, f" {word}", "{" + word + "}", f'{{"at": "{word}"}}', f"[{word},)", word.upper(), f"{word} 12:00", f"({word})"])]
        else:
            yield f"select {dice.choice(TARGETS).format(s=spelled, **words)} from f.facts{x}", []


WORD_SCHEMA = """
create type f.moment as (at timestamptz); create domain f.day_of as date; create table f.words as select 'today'::text as w union all select 'now' limit 1;
alter type f.moment owner to app; alter domain f.day_of owner to app; alter table f.words owner to app;
"""


# ---- the check ------------------------------------------------------------------------------------------------------

START, STEPS = 1767261600, (86400 * 200 + 7 * 3600, -86400 * 90, 86400 * 365 * 3 + 11 * 3600 + 59)  # 2026-01-01 10:00 UTC


class Check:
    def __init__(self, cluster, proxy, clock, seed):
        self.cluster, self.proxy, self.clock, self.dice, self.seed, self.tally = cluster, proxy, clock, random.Random(seed), seed, Tally()
        clock.set(START)
        cluster.sql(SCHEMA)
        cluster.sql(WORD_SCHEMA)
        proxy.console("cache flush")
        checker.until_it_caches(proxy, "f.words")
        self.zones = ("UTC", "America/New_York")

    def sessions(self, endpoint):
        """One per time zone, in which they are asked in turns."""
        made = [endpoint.wire() for _ in self.zones]
        for w, zone in zip(made, self.zones):
            w.run(f"set timezone = '{zone}'")
            w.run("set statement_timeout = '5s'")
        return made

    @staticmethod
    def is_hit(w, asked, times=1):
        """Whether it is one now, or when it is asked often enough."""
        for _ in range(times):
            w.send(asked, wire.query("show forebay.last_cache"))
            failed = any(m.kind == "E" for m in w.until_ready())
            said = next(m.values[0] for m in w.until_ready() if m.kind == "D")
            if failed or said == b"hit" or said.startswith(b"bypass"):
                return not failed and said == b"hit"
        return False

    def change_the_world(self, step):
        self.clock.set(START + sum(STEPS[: step + 1]))
        self.cluster.sql("select nextval('f.numbers'), txid_current(), pg_notify('f', 'x'), pg_advisory_lock(hashtext('f')), pg_switch_wal()")
        self.cluster.sql("select pg_stat_reset()")

    def check(self, requests):
        """requests: [(what is asked, zone, the request)]"""
        through = self.sessions(self.proxy)
        # Twice: among what is asked is what may write anything, and empties the cache.
        kept = [r for r in requests if self.is_hit(through[r[1]], r[2], 3)]
        checker.until_it_caches(self.proxy, "f.words")  # what may be DDL, too: then nothing is kept for a while
        kept = [r for r in kept if self.is_hit(through[r[1]], r[2], 3)]
        self.tally.reads += len(requests)
        before = checker.hits(self.proxy)
        for step in range(len(STEPS)):
            self.change_the_world(step)
            direct = self.sessions(self.cluster.primary)
            for text, zone, asked in kept:
                got, want = (checker.answer(w[zone], asked) for w in (through, direct))
                if got != want:
                    self.tally.violations.append(f"seed {self.seed}: {text} at {self.zones[zone]}, step {step}: {checker.shown(got)}, and PostgreSQL says {checker.shown(want)}")
            self.tally.reads += len(kept)
            for w in direct:
                w.close()
        self.tally.hits += checker.hits(self.proxy) - before
        for w in through:
            w.close()
        self.clock.set(START)


def check(cluster, proxy, seed, over, clock, part=1.0):
    """`part`: of what there is, so much."""
    c = Check(cluster, proxy, clock, seed)
    words = word_texts(c.dice)
    while True:
        texts = [t for _, t in expressions(cluster, c.dice) if c.dice.random() < part]
        requests = [(t, c.dice.randrange(2), wire.query(f"select {t} from f.facts")) for t in texts]
        for text, values in itertools.islice(words, int(1000 * part)):
            asked = wire.parse(text) + wire.bind(values) + wire.describe_portal() + wire.execute() + wire.sync() if values else wire.query(text)
            requests.append((f"{text} {values}", c.dice.randrange(2), asked))
        c.check(requests)
        if over():
            break
    cluster.sql("select pg_advisory_unlock_all()")
    clock.set(0)
    cluster.sql("drop schema if exists f cascade")
    return c.tally
