"""All ways to write: after each acknowledged one, another session's reads must be what PostgreSQL says itself.

A case is a change (of one of many relations, with values from the seed) in a wrapping (by itself, in a transaction that commits or is rolled
back, prepared, in a DO, ...). Before it all reads are asked until they are hits; behind it they are asked again, in two shapes, and compared with PostgreSQL.
Within a transaction the writer's own reads are compared with those that it asks the server for.
"""

import random

import checker
import harness
import wire
from checker import Tally

SCHEMA = """
drop schema if exists w cascade;
create schema w authorization app;
set role app;
set search_path = w;
create table plain (id int primary key, v int, note text default 'none');
create table parts (id int primary key, v int) partition by range (id);
create table parts_low partition of parts for values from (0) to (5);
create table parts_mid partition of parts for values from (5) to (8) partition by list (id);
create table parts_mid_a partition of parts_mid for values in (5, 6);
create table parts_mid_b partition of parts_mid for values in (7);
create table parts_rest partition of parts default;
create table parent (id int, v int);
create table child (extra int) inherits (parent);
create table grandchild () inherits (child);
create table owner (id int primary key, v int);
create table owned (id int primary key, owner int references owner on delete cascade on update cascade, v int);
create table owned_deeper (id int primary key, owned int references owned on delete cascade);
create table nulled (id int primary key, owner int references owner on delete set null on update set null);
create table defaulted (id int primary key, owner int default 0 references owner on delete set default);
create table self (id int primary key, above int references self on delete cascade, v int);
create table triggered (id int primary key, v int);
create table log (id serial, what text);
create table ruled (id int, v int);
create table ruled_into (id int, v int);
create table counted (id int default 0, v int generated always as (id * 2) stored);
create sequence numbers;
create table defaulting (id int default nextval('numbers'), v int);
create domain small as int check (value < 1000000);
create table domained (id int, v small);
create view seen as select id, v from plain;
create view seen_twice as select id, v from seen where id > 0;
create view checked as select * from owner where v > -1000000000 with check option;
create view joined as select p.id, p.v, o.v as w from plain p join owner o using (id);
create materialized view kept as select sum(v) as v from plain;
create function note() returns trigger language plpgsql as $$ begin insert into w.log (what) values (tg_op || coalesce(new.v, 0)); return new; end $$;
create trigger noted after insert or update on triggered for each row execute function note();
create function instead() returns trigger language plpgsql as $$ begin update w.plain set v = new.v where id = new.id; return new; end $$;
create trigger instead instead of update on joined for each row execute function instead();
create rule r as on insert to ruled do also insert into w.ruled_into values (new.*);
create rule rr as on update to ruled do instead update w.ruled_into set v = new.v where id = new.id;
create function set_plain(i int, x int) returns int language sql as 'update w.plain set v = x where id = i returning v';
create function set_far(i int, x int) returns int language plpgsql as $$ begin execute 'update w.pla' || 'in set v = $2 where id = $1' using i, x; return x; end $$;
create procedure put(i int, x int) language plpgsql as $$ begin update w.plain set v = x where id = i; commit; update w.owner set v = x where id = i; end $$;
reset role;
"""

ROWS = """
set role app; set search_path = w;
truncate plain, parts, parent, child, grandchild, owner, owned, owned_deeper, nulled, defaulted, self, triggered, ruled, ruled_into, log, counted, defaulting, domained;
insert into plain select i, i from generate_series(0, 9) i; insert into parts select i, i from generate_series(0, 9) i;
insert into parent select i, i from generate_series(0, 9) i; insert into child select i, i, i from generate_series(0, 9) i;
insert into grandchild select i, i, i from generate_series(0, 9) i; insert into owner select i, i from generate_series(0, 9) i;
insert into owned select i, i, i from generate_series(0, 9) i; insert into owned_deeper select i, i from generate_series(0, 9) i;
insert into nulled select i, i from generate_series(0, 9) i; insert into defaulted select i, i from generate_series(0, 9) i;
insert into self select i, nullif(i - 1, -1), i from generate_series(0, 9) i; insert into triggered select i, i from generate_series(0, 9) i;
insert into ruled select i, i from generate_series(0, 9) i; insert into domained select i, i from generate_series(0, 9) i;
reset role; reset search_path
"""

TABLES = ("plain", "parts", "parts_low", "parts_mid", "parts_mid_a", "parts_mid_b", "parts_rest", "parent", "child", "grandchild", "owner", "owned", "owned_deeper",
          "nulled", "defaulted", "self", "triggered", "ruled", "ruled_into", "log", "counted", "defaulting", "domained", "seen", "seen_twice", "checked", "joined")
# One statement of each relation, to the last column, and some that read several.
READS = [f"select * from w.{t} order by 1, 2" for t in TABLES] + [
    "select * from only w.parent order by 1", "select v from w.kept", "select count(*), sum(v) from w.parts where id in (select id from w.seen)",
    "with x as (select * from w.parts_mid) select sum(v) from x", "select (select max(v) from w.grandchild), (select max(v) from w.plain)",
    "select id from w.owner except select owner from w.owned order by 1", "table w.seen_twice order by 1"]

SHAPES = ("simple", "unnamed, described")

# {i}: a key, {j}: another, {v}: a new value.
CHANGES = [
    "update w.plain set v = {v} where id = {i}", "delete from w.plain where id = {i}", "insert into w.plain values ({i}, {v}) on conflict (id) do update set v = excluded.v",
    "insert into w.plain values ({v}, {i})", "truncate w.plain", "update w.plain p set v = {v} from w.owner o where o.id = p.id and p.id = {i}", "delete from w.plain using w.owner o where o.id = plain.id and o.id = {i}",
    "merge into w.plain t using (values ({i}, {v}), ({v}, {i})) n (id, v) on t.id = n.id when matched then update set v = n.v when not matched then insert values (n.id, n.v)",
    "merge into w.parts t using w.owner n on t.id = n.id and n.id = {i} when matched then delete",
    "update w.parts set v = {v} where id = {i}", "update w.parts set id = {v} where id = {i}", "update w.parts_mid set v = {v}", "update w.parts_mid_b set v = {v}", "delete from w.parts_low where id = {i}",
    "insert into w.parts values ({v}, {i})", "truncate w.parts_mid", "truncate w.parts_rest, w.parts_low", "insert into w.parts_rest values ({v}, {i})",
    "update w.parent set v = {v} where id = {i}", "update only w.parent set v = {v} where id = {i}", "update w.child set v = {v} where id = {i}", "delete from w.grandchild where id = {i}", "truncate w.child", "truncate only w.parent",
    "insert into w.grandchild values ({v}, {i}, 0)",
    "update w.owner set id = {v} where id = {i}", "delete from w.owner where id = {i}", "truncate w.owner cascade", "update w.owned set id = {i} where id = {i}", "delete from w.owned where id = {i}", "delete from w.self where id = {i}",
    "update w.owner set v = {v}", "update w.owned set v = {v} where id = {i}",
    "update w.triggered set v = {v} where id = {i}", "insert into w.triggered values ({v}, {i})", "insert into w.ruled values ({i}, {v})", "update w.ruled set v = {v} where id = {i}",
    "insert into w.counted (id) values ({v})", "insert into w.defaulting (v) values ({v})", "update w.domained set v = {v} where id = {i}", "select nextval('w.numbers')",
    "update w.seen set v = {v} where id = {i}", "update w.seen_twice set v = {v} where id = {i}", "delete from w.seen_twice where id = {i}", "insert into w.seen values ({v}, {i})", "update w.checked set v = {v} where id = {i}",
    "update w.joined set v = {v} where id = {i}",
    "with x as (update w.plain set v = {v} where id = {i} returning *) select * from x", "with x as (delete from w.parts where id = {i} returning *) insert into w.plain select {v}, v from x",
    "with x as (insert into w.owner values ({v}, {i}) returning id) insert into w.owned select id, id, 1 from x where false",
    "with recursive r as (select 1 as n union all select n + 1 from r where n < 3), u as (update w.domained set v = {v} where id = {i}) select count(*) from r",
    "select w.set_plain({i}, {v})", "select w.set_far({i}, {v})", "select * from w.set_plain({i}, {v}) x join w.owner o on true", "refresh materialized view w.kept",
    "insert into w.log (what) select note from w.plain where id < {i}",
    "explain (analyze, costs off, timing off, summary off) update w.plain set v = {v} where id = {i}", "copy (update w.plain set v = {v} where id = {i} returning v) to stdout",
]
DDL = [
    "alter table w.plain alter note set default 'x{v}'", "alter table w.domained alter v type bigint using v + 1", "alter table w.plain add column c{v} int default {v}", "create table w.t{v} as select * from w.plain",
    "create or replace view w.seen as select id, v + {i} * 0 as v from w.plain where id <> {i}", "create or replace view w.seen as select id, v from w.plain",
    "alter table w.parts detach partition w.parts_low", "alter table w.parts attach partition w.parts_low for values from (0) to (5)", "alter table w.grandchild no inherit w.child", "alter table w.grandchild inherit w.child",
    "alter table w.log rename what to what_{v}", "drop trigger if exists noted on w.triggered", "create or replace trigger noted after insert or update on w.triggered for each row execute function w.note()",
    "alter table w.plain disable trigger all", "alter table w.owned drop constraint if exists owned_owner_fkey",
    "alter table w.owned add constraint owned_owner_fkey foreign key (owner) references w.owner on delete cascade on update cascade not valid",
    "create or replace rule rr as on update to w.ruled do instead update w.ruled_into set v = {v}", "alter view w.checked alter v set default 3", "select {v} as x into w.into_{v}",
]


def by_itself(s, d):
    yield s.run(d())


def extended(s, d):
    yield s.extended(d())


def named_twice(s, d):
    text = d()
    yield s.send(wire.parse(text, "w"), wire.sync())
    yield s.send(wire.bind(statement="w"), wire.execute(), wire.sync())
    yield s.send(wire.bind(statement="w"), wire.describe_portal(), wire.execute(), wire.close_statement("w"), wire.sync())


def in_a_pipeline(s, d):
    batch = [wire.parse(d()) + wire.bind() + wire.execute() + wire.sync() for _ in range(2)]
    yield s.send(batch[0] + wire.query("select 1") + batch[1], ready=3)


def one_sync(s, d):
    """An implicit transaction of several executions."""
    yield s.send(wire.parse(d()) + wire.bind() + wire.execute() + wire.parse(d()) + wire.bind() + wire.execute() + wire.sync())


def a_row_at_a_time(s, d):
    yield s.send(wire.parse(d()) + wire.bind() + wire.execute(limit=1) + wire.execute() + wire.sync())


def committed(s, d):
    yield s.run("begin")
    for _ in range(2):
        yield s.run(d())
        yield s.run("rollback to a" if s.failed() else "savepoint a")
    yield s.run("commit")


def rolled_back(s, d):
    yield s.run("begin isolation level repeatable read")
    yield s.extended(d())
    yield s.run("rollback")


def partly_rolled_back(s, d):
    yield s.run("begin")
    yield s.run(d())
    yield s.run("savepoint a")
    yield s.run(d())
    yield s.run("rollback to a")
    yield s.run("release a")
    yield s.run("commit and chain")
    yield s.run(d())
    yield s.run("end")


def in_one_string(s, d):
    yield s.run(f"select 1; {d()}; select 2")


def transaction_in_one_string(s, d):
    yield s.run(f"begin; {d()}; commit; select 1")


def left_open_in_one_string(s, d):
    yield s.run(f"begin; {d()}")
    yield s.run("commit")


def in_a_do(s, d):
    yield s.run("do $do$ begin perform 1; execute $x$" + d() + "$x$; end $do$")


def prepared_by_sql(s, d):
    yield s.run(f"prepare p as {d()}")
    yield s.run("execute p")
    yield s.run("deallocate p")


def executed_by_parse(s, d):
    yield s.run(f"prepare p as {d()}")
    yield s.extended("execute p")
    yield s.run("deallocate p")


def two_phases(s, d):
    yield s.run("begin")
    yield s.run(d())
    yield s.run("prepare transaction 'w'")
    yield s.run("commit prepared 'w'")


def a_portal_of_an_earlier_batch(s, d):
    yield s.run("begin")
    yield s.send(wire.parse(d()), wire.bind(portal="p"), wire.sync())
    yield s.send(wire.execute("p"), wire.sync())
    yield s.send(wire.parse("commit"), wire.bind(portal="c"), wire.sync())
    yield s.send(wire.execute("c"), wire.sync())


def with_a_comment(s, d):
    yield s.run(f"/* a; select */ -- b\n {d()} /* c */;")


def where_current_of(s, d):
    yield s.run("begin")
    yield s.run(f"declare c cursor for select * from w.plain where id = {s.dice.randrange(10)} for update")
    yield s.run("fetch c")
    yield s.run(s.dice.choice([f"update w.plain set v = {s.value()} where current of c", "delete from w.plain where current of c"]))
    yield s.run("commit")


def copied(s, d):
    table, columns = s.dice.choice([("plain", 3), ("parts", 2), ("parts_rest", 2), ("child", 3), ("owner", 2), ("triggered", 2)])
    rows = "".join("\t".join(str(s.value()) for _ in range(columns)) + "\n" for _ in range(3))
    yield s.send(wire.query(f"copy w.{table} from stdin"), wire.copy_data(rows), wire.copy_done())


def copied_extended(s, d):
    yield s.send(wire.parse("copy w.parts from stdin") + wire.bind() + wire.execute(), wire.copy_data(f"{s.value()}\t1\n"), wire.copy_done(), wire.sync())


def called(s, d):
    yield s.run(f"call w.put({s.dice.randrange(10)}, {s.value()})")


def called_extended(s, d):
    yield s.extended(f"call w.put({s.dice.randrange(10)}, {s.value()})")


def by_function_call(s, d):
    yield s.send(wire.function_call(s.oid_of("w.set_plain"), s.dice.randrange(10), s.value()))


def with_parameters(s, d):
    yield s.send(wire.parse("update w.plain set v = $1 where id = $2") + wire.bind([s.value(), s.dice.randrange(10)]) + wire.execute() + wire.sync())


def with_a_name_of_the_search_path(s, d):
    yield s.run("set search_path = w")
    yield s.run(d().replace("w.", ""))
    yield s.run("reset search_path")


def over_16_kib(s, d):
    yield s.run(d() + " " * 17000)


WRAPPINGS = [by_itself, extended, named_twice, in_a_pipeline, one_sync, a_row_at_a_time, committed, rolled_back, partly_rolled_back, in_one_string, transaction_in_one_string,
             left_open_in_one_string, in_a_do, prepared_by_sql, executed_by_parse, two_phases, a_portal_of_an_earlier_batch, with_a_comment, where_current_of, copied, copied_extended, called,
             called_extended, by_function_call, with_parameters, with_a_name_of_the_search_path, over_16_kib]


class Writer:
    """A session that writes. What it sends may fail: that, too, must leave nothing stale."""

    def __init__(self, proxy, cluster, dice):
        self.w, self.cluster, self.dice, self.status, self.last = proxy.wire(), cluster, dice, "I", 10

    def value(self):
        self.last += 1
        return self.last

    def oid_of(self, name):
        return self.cluster.sql("select %s::regproc::oid::int as oid", [name])[0]["oid"]

    def send(self, *messages, ready=1):
        self.w.send(*messages)
        replies = self.w.until_ready(ready)
        self.status = replies[-1].status
        return [m.fields.get("M") for m in replies if m.kind == "E"]

    def run(self, text):
        return self.send(wire.query(text))

    def extended(self, text):
        return self.send(wire.parse(text) + wire.bind() + wire.execute() + wire.sync())

    def failed(self):
        return self.status == "E"


class Check:
    def __init__(self, cluster, proxy, seed):
        self.dice, self.tally, self.seed = random.Random(seed), Tally(), seed
        self.cluster, self.proxy = cluster, proxy
        self.direct, self.reader = cluster.primary.wire(), proxy.wire()
        for w in (self.direct, self.reader):
            w.run("set lock_timeout = '20ms'")  # the writer may have locked a table for good
        self.writer = Writer(proxy, cluster, self.dice)
        self.before = checker.hits(proxy)

    def end(self):
        self.tally.hits = checker.hits(self.proxy) - self.before
        for w in (self.direct, self.reader, self.writer.w):
            w.close()
        gone = "not exists (select from pg_locks join pg_class on pg_class.oid = relation where relnamespace = 'w'::regnamespace) as gone"
        harness.eventually(lambda: self.cluster.sql(f"select {gone}")[0]["gone"], 10, "its transactions have ended")

    def told(self, about, text, got, want):
        self.tally.violations.append(f"seed {self.seed}: {about}: {text}: {got}, and PostgreSQL says {want}"[:1000])

    def compare(self, about, shape):
        """One after the other: what waits behind a miss in a pipeline is not kept."""
        asked = [checker.request(shape, t)[1] for t in READS]
        self.direct.send(*asked)
        for text, each in zip(READS, asked):
            want, got = self.answered(self.direct), self.answered(self.reader, each)
            locked = ("E", "55P03") in got or ("E", "55P03") in want
            if got != want and not locked:
                self.told(about, text, got, want)
        self.tally.reads += len(READS)

    @staticmethod
    def answered(w, messages=b""):
        if messages:
            w.send(messages)
        return [(m.kind, m.fields.get("C") if m.kind == "E" else m.body) for m in w.until_ready()]

    def compare_own(self, about):
        """In its transaction: what it asks for is what it is given when it asks for the server."""
        if self.writer.status != "T":
            return
        text = self.dice.choice(READS)
        asked, of_server = (self.answered(self.writer.w, wire.query(t)) for t in (text, "/* forebay: cache=off */ " + text))
        self.writer.status = of_server[-1][1].decode()
        self.tally.reads += 1
        if asked != of_server:
            self.told(about + ", the writer itself", text, asked, of_server)

    def one(self, change, wrapping):
        texts = []

        def made():
            texts.append(change.format(i=self.dice.randrange(10), j=self.dice.randrange(10), v=self.writer.value()))
            return texts[-1]

        checker.until_it_caches(self.proxy, "w.plain")  # behind DDL, the catalogs are read anew
        before = checker.hits(self.proxy)
        for shape in SHAPES * 3:
            self.compare("before", shape)
            before, wanted = checker.hits(self.proxy), before + len(READS)
            if before >= wanted:
                break
        for errors in wrapping(self.writer, made):
            about = f"{wrapping.__name__}: {'; '.join(texts)}{f' ({errors[0]})' if errors else ''}"
            for shape in SHAPES:
                self.compare(about, shape)
            self.compare_own(about)
        if self.writer.status != "I":
            self.writer.run("rollback")
            self.compare(about + "; rollback", SHAPES[0])
        self.tally.writes += 1


def made_anew(cluster, proxy):
    """Beside Forebay, so it is waited for until it is seen."""
    if cluster.sql("select 1 from pg_prepared_xacts where gid = 'w'"):
        cluster.sql("rollback prepared 'w'")
    cluster.sql(SCHEMA)
    cluster.sql(ROWS)
    proxy.console("cache flush")
    checker.until_it_caches(proxy, "w.plain")


def check(cluster, proxy, seed, over):
    made_anew(cluster, proxy)
    c = Check(cluster, proxy, seed)
    try:
        while not over():
            if c.dice.random() < 0.04:
                made_anew(cluster, proxy)
            c.one(c.dice.choice(DDL if c.dice.random() < 0.1 else CHANGES), c.dice.choice(WRAPPINGS))
    finally:
        c.end()
        if cluster.sql("select 1 from pg_prepared_xacts where gid = 'w'"):
            cluster.sql("rollback prepared 'w'")
        cluster.sql("drop schema if exists w cascade")
    return c.tally
