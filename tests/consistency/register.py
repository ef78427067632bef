"""Registers: rows that are written with ever new versions and read by many, through a Forebay whose cache is on. Whatever was read must
hold every version that was acknowledged before the read began, and none that was taken back.

/usr/bin/python3 tests/consistency/register.py [--seed N] [--seconds S] [--readers N] [--writers N]
Says how many reads were made, how many of them were hits, and each violation; fails if there is one, or if nothing was a hit.
"""

import argparse
import itertools
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import harness  # noqa: E402
import where  # noqa: E402

KEYS = 24
SCHEMA = """
drop schema if exists register cascade;
create schema register authorization app;
set role app;
create table register.plain (id int primary key, version bigint not null);
create table register.parts (id int, version bigint not null, primary key (id)) partition by range (id);
create table register.parts_low partition of register.parts for values from (0) to (12);
create table register.parts_high partition of register.parts for values from (12) to (1000);
create table register.child (id int primary key, version bigint not null) inherits (register.plain);
create table register.owner (version bigint primary key, id int unique);
create table register.owned (id int primary key, version bigint references register.owner on update cascade on delete cascade);
create view register.seen as select id, version from register.plain;
create view register.both as select p.id, least(p.version, q.version) as version from register.plain p join register.parts q using (id);
reset role;
"""

# How a version of a key is read: all forms of the same registers.
READS = {
    "plain": ["select version from register.plain where id = {id}", "select max(version) from register.plain where id in ({id}, -1)",
              "select max(version) from register.plain, generate_series(1, 20000) where id = {id}",  # long enough to be overtaken
              "select version from register.seen where id = {id}", "with w as (select * from register.plain) select version from w where id = {id}"],
    "parts": ["select version from register.parts where id = {id}", "select version from register.{leaf} where id = {id}"],
    "child": ["select max(version) from register.plain where id = 1000 + {id}", "select version from register.child where id = 1000 + {id}"],
    "owned": ["select version from register.owned where id = {id}", "select o.version from register.owner o join register.owned using (version) where owned.id = {id}"],
}

# How one is written; several statements are a transaction.
WRITES = {
    "plain": ["update register.plain set version = {v} where id = {id}",
              "insert into register.plain values ({id}, {v}) on conflict (id) do update set version = excluded.version",
              "merge into register.plain t using (values ({id}, {v}::bigint)) n (id, v) on t.id = n.id when matched then update set version = n.v",
              "with w as (update register.plain set version = {v} where id = {id} returning id) select count(*) from w",
              "update register.seen set version = {v} where id = {id}",
              "do $$ begin update register.plain set version = {v} where id = {id}; end $$",
              "select 1; update register.plain set version = {v} where id = {id}",
              ("delete from register.plain where id = {id}", "insert into register.plain values ({id}, {v})")],
    "parts": ["update register.parts set version = {v} where id = {id}", "update register.{leaf} set version = {v} where id = {id}",
              ("delete from register.{leaf} where id = {id}", "insert into register.parts values ({id}, {v})")],
    "child": ["update register.plain set version = {v} where id = 1000 + {id}", "update register.child set version = {v} where id = 1000 + {id}"],
    "owned": ["update register.owner set version = {v} where id = {id}"],
}


class Registers:
    """What has been acknowledged of each register, and what is under way."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = {(kind, key): 0 for kind in READS for key in range(KEYS)}
        self.taken_back = set()
        self.versions = itertools.count(1)
        self.violations, self.reads, self.writes = [], 0, 0

    def floor(self, register):
        with self.lock:
            return self.acknowledged[register]

    def written(self, register, version):
        with self.lock:
            self.acknowledged[register] = version
            self.writes += 1

    def read(self, register, text, floor, value, excused):
        with self.lock:
            self.reads += 1
            if value is not None and value >= floor and (register, value) not in self.taken_back:
                return
        if not excused():
            self.violations.append(f"{register} {text}: {value}, and {floor} was acknowledged before")


def form(text, register, version=0):
    kind, key = register
    return text.format(id=key, v=version, leaf="parts_low" if key < 12 else "parts_high")


def write(proxy, registers, mine, dice, ends, pace):
    """The only one that writes to `mine`."""
    with proxy.connect() as c:
        while time.monotonic() < ends:
            version = next(registers.versions)
            register = dice.choice(mine)
            texts = dice.choice(WRITES[register[0]])
            statements = [form(t, register, version) for t in ([texts] if isinstance(texts, str) else texts)]
            dies = dice.random() < 0.2 and not statements[0].startswith("select 1;")
            if dies or len(statements) > 1 or dice.random() < 0.3 and not statements[0].startswith("select 1;"):
                c.execute("begin")
                for s in statements:
                    c.execute(s)
                if dies:
                    with registers.lock:
                        registers.taken_back.add((register, version))
                    c.execute("rollback")
                    continue
                c.execute("commit")
            else:
                c.execute(statements[0])
            registers.written(register, version)
            if dice.random() < 0.5:
                time.sleep(dice.random() * pace)  # so that something stays as it is for a while


def read(proxy, registers, dice, ends, has_replicas):
    """What a replica that is behind says to a session that has not written is no violation; what the cache says is."""
    with proxy.connect() as c:
        c.prepare_threshold = dice.choice((None, 0, 5))
        all_of_them = list(registers.acknowledged)
        while time.monotonic() < ends:
            register = all_of_them[min(int(dice.expovariate(0.25)), len(all_of_them) - 1)]  # some far more often than others
            text = form(dice.choice(READS[register[0]]), register)
            floor = registers.floor(register)
            row = c.execute(text).fetchone()

            def excused():
                return has_replicas and last_cache(c) != "hit"

            registers.read(register, text, floor, row[0] if row else None, excused)


def check(proxy, cluster, seed, seconds, readers=6, writers=2, has_replicas=False, pace=0.02):
    """(registers, hits) of one run. The tables are made anew."""
    cluster.sql(SCHEMA)
    for k in range(KEYS):
        cluster.sql(f"insert into register.plain values ({k}, 0); insert into register.parts values ({k}, 0); insert into register.child values"
                    f" (1000 + {k}, 0); insert into register.owner values (-{k}, {k}); insert into register.owned values ({k}, -{k})")
    where.replicas_have_all(cluster)
    registers = Registers()
    for k in range(KEYS):
        registers.acknowledged["owned", k] = -k
    of_all = sorted(registers.acknowledged)
    proxy.console("cache flush")
    # Their catalog is known.
    with proxy.connect() as c:
        c.prepare_threshold = None
        probe = "select count(*) from register.both"
        harness.eventually(lambda: c.execute(probe) and last_cache(c) == "hit", 20, "it caches")
    ends = time.monotonic() + seconds

    def work(number):
        dice = random.Random(f"{seed} {number}")
        if number < writers:
            return write(proxy, registers, of_all[number::writers], dice, ends, pace)
        return read(proxy, registers, dice, ends, has_replicas)

    before = hits(proxy)
    harness.run_threads(readers + writers, work, seconds + 60)
    return registers, hits(proxy) - before


def last_cache(c):
    threshold, c.prepare_threshold = c.prepare_threshold, None  # prepared, it says the same for ever
    try:
        return c.execute("show forebay.last_cache").fetchone()[0]
    finally:
        c.prepare_threshold = threshold


def hits(proxy):
    return next(int(row["value"]) for row in proxy.console("show cache") if row["item"] == "hits")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--readers", type=int, default=6)
    p.add_argument("--writers", type=int, default=2)
    given = p.parse_args()
    cluster = harness.Cluster(replicas=0)
    try:
        proxy = harness.Forebay(cluster, cache={"mode": "ttl", "ttl": "10m"})
        try:
            registers, hit = check(proxy, cluster, given.seed, given.seconds, given.readers, given.writers)
        finally:
            proxy.stop()
    finally:
        cluster.stop()
    print("\n".join(registers.violations[:20]))
    print(f"seed {given.seed}: {registers.reads} reads, {hit} hits, {registers.writes} writes, {len(registers.violations)} violations")
    return 1 if registers.violations or not hit else 0


if __name__ == "__main__":
    sys.exit(main())
