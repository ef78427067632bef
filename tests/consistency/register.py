"""Registers: rows that are written with ever new versions and read by many. Whatever was read must hold every version that was
acknowledged before the read began, and none that was taken back.

Readers ask for many registers in one pipeline, some of them far more often than others.
"""

import itertools
import random
import re
import threading
import time

import checker
import harness
import where
import wire
from checker import Tally

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
insert into register.plain select id, 0 from generate_series(0, 23) id;
insert into register.parts select id, 0 from generate_series(0, 23) id;
insert into register.child select 1000 + id, 0 from generate_series(0, 23) id;
insert into register.owner select -id, id from generate_series(0, 23) id;
insert into register.owned select id, -id from generate_series(0, 23) id;
reset role;
"""

# How a version of a key is read: all forms of the same registers.
READS = {
    "plain": ["select version from register.plain where id = {id}", "select max(version) as version from register.plain where id in ({id}, -1)",
              "select max(version) as version from register.plain, generate_series(1, 20000) where id = {id}",  # long enough to be overtaken
              "select version from register.seen where id = {id}", "with w as (select * from register.plain) select version from w where id = {id}"],
    "parts": ["select version from register.parts where id = {id}", "select version from register.{leaf} where id = {id}"],
    "child": ["select max(version) as version from register.plain where id = 1000 + {id}", "select version from register.child where id = 1000 + {id}"],
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
    """What has been acknowledged of each register, and what was taken back."""

    def __init__(self, seed):
        self.lock = threading.Lock()
        self.acknowledged = {(kind, key): -key if kind == "owned" else 0 for kind in READS for key in range(KEYS)}
        self.taken_back = set()
        self.versions = itertools.count(1)
        self.tally, self.seed = Tally(), seed

    def written(self, register, version):
        with self.lock:
            self.acknowledged[register] = version
            self.tally.writes += 1

    def read(self, seen, excused):
        """`seen`: (register, text, what was acknowledged before, value or None) of each that was asked for."""
        wrong = [s for s in seen if s[3] is None or s[3] < s[2] or (s[0], s[3]) in self.taken_back]
        with self.lock:
            self.tally.reads += len(seen)
            for register, text, floor, value in wrong:
                if not excused():
                    self.tally.violations.append(f"seed {self.seed}: {register} {text}: {value}, and {floor} was acknowledged before")


def form(text, register, version=0):
    kind, key = register
    return text.format(id=key, v=version, leaf="parts_low" if key < 12 else "parts_high")


def write(proxy, registers, mine, dice, over, pace):
    """The only one that writes to `mine`. Within a transaction it sees its own."""
    with proxy.connect() as c:
        c.prepare_threshold = dice.choice((None, 0, 5))
        while not over():
            version = next(registers.versions)
            register = dice.choice(mine)
            texts = dice.choice(WRITES[register[0]])
            statements = [form(t, register, version) for t in ([texts] if isinstance(texts, str) else texts)]
            dies = dice.random() < 0.2 and not statements[0].startswith("select 1;")
            if dies or len(statements) > 1 or dice.random() < 0.3 and not statements[0].startswith("select 1;"):
                c.execute("begin")
                for s in statements:
                    c.execute(s)
                text = form(dice.choice(READS[register[0]]), register)
                row = c.execute(text).fetchone()
                registers.read([(register, f"{text} in its own transaction", version, row and row[0])], lambda: False)
                if dies:
                    with registers.lock:
                        registers.taken_back.add((register, version))
                    c.execute("rollback")
                    continue
                c.execute("commit")
            else:
                c.execute(statements[0], prepare=False if ";" in statements[0] else None)
            registers.written(register, version)
            if dice.random() < 0.7:
                time.sleep(dice.random() * pace)  # so that something stays as it is for a while


# One column, `version`, a bigint as text: all that a register is answered, by a Query or in the extended protocol.
REPLY = re.compile(rb"(?:1\0\0\0\x04)?(?:2\0\0\0\x04)?(?:T\0\0\0\x20\0\x01version\0.{18})?(?:D\0\0\0.\0\x01(?:\0\0\0.(-?\d+)|\xff\xff\xff\xff))?C\0\0\0\rSELECT \d\0Z\0\0\0\x05I", re.S)


def answers(w, count):
    """The values of so many, None where there is none."""
    got = bytearray()
    while got.count(b"Z\0\0\0\x05I") < count:
        more = w.socket.recv(1 << 16)
        if not more:
            raise wire.Closed("in the middle of answers")
        got += more
    found, at = [], 0
    while at < len(got):
        match = REPLY.match(got, at)
        assert match, f"no answer to a read: {bytes(got[at : at + 300])!r}"
        found.append(None if match[1] is None else int(match[1]))
        at = match.end()
    assert len(found) == count
    return found


def read(proxy, registers, dice, over, has_replicas, most):
    """What a replica that is behind says to a session that has not written is no violation; what the cache says is."""
    shape = dice.choice(("simple", "unnamed", "unnamed, described"))
    all_of_them = list(registers.acknowledged)
    forms = {r: [(text, checker.request(shape, text)[1]) for text in (form(t, r) for t in READS[r[0]])] for r in all_of_them}
    with proxy.wire() as w:
        while not over():
            asked = []
            for _ in range(dice.randrange(1, most + 1)):
                register = all_of_them[min(int(dice.expovariate(0.4)), len(all_of_them) - 1)]  # some far more often than others
                asked.append((register, *dice.choice(forms[register])))
            floors = [registers.acknowledged[register] for register, _, _ in asked]
            w.socket.sendall(b"".join(messages for _, _, messages in asked))
            values = answers(w, len(asked))
            registers.read([(a[0], f"{shape} {a[1]}", floor, value) for a, floor, value in zip(asked, floors, values)],
                           lambda: has_replicas and checker.last_cache(w) != "hit")


def check(cluster, proxy, seed, over, readers=4, writers=2, has_replicas=False, pace=0.3, most=None):
    """`most`: reads in one pipeline."""
    cluster.sql(SCHEMA)
    where.replicas_have_all(cluster)
    registers = Registers(seed)
    of_all = sorted(registers.acknowledged)
    proxy.console("cache flush")
    checker.until_it_caches(proxy, "register.both")
    most = most or (1 if has_replicas else 40)

    def work(number):
        dice = random.Random(f"{seed} {number}")
        try:
            if number < writers:
                return write(proxy, registers, of_all[number::writers], dice, over, pace)
            return read(proxy, registers, dice, over, has_replicas, most if number % 2 else 1)
        except Exception as e:  # noqa: BLE001: a read that fails is as wrong as one that is old
            registers.tally.violations.append(f"seed {seed}: {e!r}")

    before = checker.hits(proxy)
    harness.run_threads(readers + writers, work, 3600)
    registers.tally.hits = checker.hits(proxy) - before
    cluster.sql("drop schema if exists register cascade")
    return registers.tally
