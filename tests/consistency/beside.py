"""Writes beside Forebay, of which mode `ttl` promises nothing until the time is over, and which mode `bounded` will have to see.

Each of BESIDE: how it is written, and why `ttl` cannot know. `is_seen` says whether a read through Forebay, which was a hit before, has it.
"""

import checker
import harness
import wire

SCHEMA = """
drop schema if exists b cascade; create schema b authorization app;
set role app;
create table b.t (id int primary key, v int); insert into b.t values (1, 1); create table b.of (id int primary key); insert into b.of values (1);
create table b.by (id int primary key, v int references b.of on delete cascade); insert into b.by values (1, 1);
create view b.seen as select v from b.t; create table b.parts (id int) partition by list (id); create table b.parts_1 partition of b.parts for values in (1); insert into b.parts values (1);
reset role;
"""
READ = "select (select sum(v) from b.t), (select count(*) from b.by), (select count(*) from b.parts), (select max(v) from b.seen)"


def straight(cluster, proxy, other):
    cluster.sql("update b.t set v = 2")


def another_proxy(cluster, proxy, other):
    with other.wire() as w:
        w.run("update b.t set v = 2")


def cascade(cluster, proxy, other):
    cluster.sql("delete from b.of")


def partition(cluster, proxy, other):
    cluster.sql("truncate b.parts_1")


def copy(cluster, proxy, other):
    with cluster.primary.connect() as c, c.cursor().copy("copy b.t from stdin") as lines:
        lines.write_row((2, 2))


def second_phase(cluster, proxy, other):
    with proxy.wire() as w:
        for text in ("begin", "update b.t set v = 2", "prepare transaction 'beside'"):
            w.run(text)
        harness.eventually(lambda: w.run(READ) and checker.last_cache(w) == "hit", 10, "a hit")
    cluster.sql("commit prepared 'beside'")


BESIDE = {
    "straight to the server": (straight, "another connection to PostgreSQL"),
    "by another proxy": (another_proxy, "a sister's writes are heard of with Redis only, and by hints only"),
    "a cascade straight to the server": (cascade, "another connection to PostgreSQL"),
    "a partition straight to the server": (partition, "another connection to PostgreSQL"),
    "COPY straight to the server": (copy, "another connection to PostgreSQL"),
    "the second phase straight to the server": (second_phase, "its first was through Forebay; it commits elsewhere"),
}


def is_seen(cluster, proxy, other, write):
    cluster.sql(SCHEMA)
    try:
        proxy.console("cache flush")
        checker.until_it_caches(proxy, "b.parts")
        with proxy.wire() as w, cluster.primary.wire() as direct:
            harness.eventually(lambda: w.run(READ) and checker.last_cache(w) == "hit", 10, "a hit")
            write(cluster, proxy, other)
            return checker.answer(w, wire.query(READ)) == checker.answer(direct, wire.query(READ))
    finally:
        cluster.sql("drop schema if exists b cascade")
