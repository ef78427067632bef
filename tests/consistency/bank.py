"""A bank: transfers between accounts in transactions, some of which fail or are given up, while others add up all that there is.

The sum is always the same, every answer is of one moment: the accounts in two tables, partitions and a view add up as well. How often money was moved is never less than what was
acknowledged before a read began, and to a session that reads in turns never less than before, as long as it asks by the same text.
"""

import random
import threading
import time

import checker
import harness
import wire
from checker import SHAPES, Tally

ACCOUNTS, MONEY = 20, 100
SCHEMA = f"""
drop schema if exists bank cascade;
create schema bank authorization app;
set role app;
create table bank.accounts (id int primary key, money int not null check (money >= 0), moves int not null default 0);
create table bank.vaults (id int primary key, money int not null check (money >= 0), moves int not null default 0) partition by hash (id);
create table bank.vaults_0 partition of bank.vaults for values with (modulus 2, remainder 0);
create table bank.vaults_1 partition of bank.vaults for values with (modulus 2, remainder 1);
create view bank.everything as select id, money, moves from bank.accounts union all select id, money, moves from bank.vaults;
create function bank.move(of int, into_ int, much int) returns void language plpgsql as $$ begin
  update bank.accounts set money = money - much, moves = moves + 1 where id = of; update bank.vaults set money = money + much where id = into_; end $$;
insert into bank.accounts select id, {MONEY} from generate_series(1, {ACCOUNTS}) id; insert into bank.vaults select id, {MONEY} from generate_series(1, {ACCOUNTS}) id;
reset role;
"""
TOTAL = 2 * ACCOUNTS * MONEY
SUMS = ["select sum(money), sum(moves) from bank.everything", "select sum(money), sum(moves) from (select * from bank.accounts union all select * from bank.vaults_0 union all select * from bank.vaults_1) x",
        "select (select sum(money) from bank.accounts) + (select sum(money) from bank.vaults), (select sum(moves) from bank.accounts) + (select sum(moves) from bank.vaults)",
        "with a as (select * from bank.accounts), v as (select * from bank.vaults) select sum(m), sum(n) from (select money, moves from a union all select money, moves from v) x (m, n)"]


class Bank:
    def __init__(self, seed):
        self.seed, self.tally, self.moved, self.lock = seed, Tally(), 0, threading.Lock()

    def wrong(self, text):
        self.tally.violations.append(f"seed {self.seed}: {text}")

    def read(self, w, text, shape, before):
        """What it was told of the moves."""
        with self.lock:
            floor = self.moved
            self.tally.reads += 1
        w.send(checker.request(shape, text)[1])
        rows = [m.values for m in w.until_ready() if m.kind == "D"]
        if len(rows) != 1:
            self.wrong(f"{text}: {rows}")
            return before
        money, moves = map(int, rows[0])
        if money != TOTAL:
            self.wrong(f"{text}: {money} and not {TOTAL}")
        if moves < floor or moves < before:
            self.wrong(f"{shape} {text}: {moves} moves, and {floor} were acknowledged, {before} seen before")
        return moves


def reads(proxy, bank, dice, over):
    seen = {}
    with proxy.wire() as w:
        while not over():
            text, shape = dice.choice(SUMS), dice.choice(SHAPES[:3])
            seen[text] = bank.read(w, text, shape, seen.get(text, 0))


def moves(proxy, bank, dice, over):
    with proxy.wire() as w:
        while not over():
            of, into, much = dice.randrange(1, ACCOUNTS + 1), dice.randrange(1, ACCOUNTS + 1), dice.randrange(1, 30)
            way, ends = dice.randrange(4), dice.choice(("commit", "commit", "commit", "rollback"))
            if way == 0:
                messages = [wire.query(f"select bank.move({of}, {into}, {much})")]
            else:
                first = f"update bank.accounts set money = money - {much}, moves = moves + 1 where id = {of}"
                second = f"update bank.{dice.choice(('vaults', 'vaults', f'vaults_{dice.randrange(2)}'))} set money = money + {much} where id = {into}"
                messages = [wire.query(t) for t in ("begin", first, second)]
                if way == 1:
                    messages[1:] = [wire.parse(t) + wire.bind() + wire.execute() + wire.sync() for t in (first, second)]
            status, touched = "I", []
            for m in messages:
                w.send(m)
                replies = w.until_ready()
                status = replies[-1].status
                touched += [r.tag for r in replies if r.kind == "C"]
            if way and status == "T":
                if touched.count("UPDATE 1") == 2 and int(w.value(SUMS[0])) != TOTAL:
                    bank.wrong(f"in its own transaction: {w.value(SUMS[0])} and not {TOTAL}")
                # A partition may not have the row: then nothing came of the half that puts it there.
                ends = ends if touched.count("UPDATE 1") == 2 else "rollback"
            if way:
                w.send(wire.query(ends))
                done = "COMMIT" in [r.tag for r in w.until_ready() if r.kind == "C"]
            else:
                done = bool(touched)
            if done:
                with bank.lock:
                    bank.moved += 1
                    bank.tally.writes += 1
            if dice.random() < 0.5:
                time.sleep(dice.random() * 0.2)  # so that something stays as it is for a while


def check(cluster, proxy, seed, over, readers=3, movers=2):
    cluster.sql(SCHEMA)
    proxy.console("cache flush")
    checker.until_it_caches(proxy, "bank.everything")
    bank = Bank(seed)

    def work(number):
        dice = random.Random(f"{seed} {number}")
        return (moves if number < movers else reads)(proxy, bank, dice, over)

    before = checker.hits(proxy)
    harness.run_threads(readers + movers, work, 3600)
    bank.tally.hits = checker.hits(proxy) - before
    cluster.sql("drop schema if exists bank cascade")
    return bank.tally
