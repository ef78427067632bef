"""Read-your-writes: what a session has written it finds, whichever node answers, while both replicas replay 200 ms late; and
what others read still goes to the replicas."""

import os
import random
import threading
import time

import pytest

import wire
from harness import SANITIZED, eventually, run_threads
from where import all_nodes, replicas_have_all, routed_reads, until_reads_go_to_replicas

pytestmark = pytest.mark.proxy

SESSIONS = 32
# 100,000 tries take some minutes: FOREBAY_OWN_WRITES=100000
TRIES = int(os.environ.get("FOREBAY_OWN_WRITES", 1000 if SANITIZED else 4000))
DELAY_MS = 200


def delay(cluster, *milliseconds):
    """How late each replica replays what was committed; None: as ever."""
    for node, ms in zip(cluster.replicas, milliseconds):
        with node.connect("postgres") as c:
            c.execute("alter system reset recovery_min_apply_delay" if ms is None else f"alter system set recovery_min_apply_delay = '{ms}ms'")
            c.execute("select pg_reload_conf()")
            wanted = f"{ms}ms" if ms else "0"
            eventually(lambda c=c: c.execute("show recovery_min_apply_delay").fetchone()[0] == wanted, 10, f"{node.name} replays {wanted} late")


@pytest.fixture(scope="module")
def own(cluster):
    cluster.sql("drop table if exists own; create table own (session int primary key, n int not null);"
                f" insert into own select i, 0 from generate_series(0, {2 * SESSIONS}) i; grant all on own to public;"
                " create or replace function write_own(s int, v int) returns int language sql as 'update own set n = v where session = s returning n'")
    replicas_have_all(cluster)
    yield
    delay(cluster, None, None)
    cluster.sql("drop table own; drop function write_own")
    replicas_have_all(cluster)


@pytest.fixture
def late(cluster, own):
    """Both replicas replay commits 200 ms after they were made."""
    delay(cluster, DELAY_MS, DELAY_MS)


def start(forebay, cluster, how="session", **routing):
    """pg_is_in_recovery() is let through, so that a read tells who answered it."""
    proxy = forebay(nodes=all_nodes(cluster), pool={"size": 20}, health={"interval": "100ms"},
                    routing={"read_your_writes": how, "read_functions": ["pg_is_in_recovery"], **routing})
    until_reads_go_to_replicas(proxy, sql="select n, pg_is_in_recovery() from own where session = 0")
    return proxy


# ---- ways to write and to read; each reads what the one before has written --------------------------------------------


def batch(sql, values=(), name=""):
    return wire.parse(sql, name) + wire.bind(values, name) + wire.execute() + wire.sync()


def ask(w, *messages, ready=1):
    """The rows of the last answer."""
    w.send(*messages)
    rows = []
    for m in w.until_ready(ready):
        if m.kind == "E":
            raise wire.ServerError(m.fields)
        if m.kind == "G":
            w.send(*w.copied)
        rows = rows + [[v.decode() for v in m.values]] if m.kind == "D" else [] if m.kind == "T" else rows
    return rows


def update(s, v):
    return f"update own set n = {v} where session = {s}"


def read(s):
    return f"select n, pg_is_in_recovery() from own where session = {s}"


def simple(w, s, v):
    ask(w, wire.query(update(s, v)))
    return ask(w, wire.query(read(s)))


def in_one_write(w, s, v):
    return ask(w, wire.query(update(s, v)), wire.query(read(s)), ready=2)


def extended(w, s, v):
    ask(w, batch("update own set n = $1 where session = $2", [v, s]))
    return ask(w, batch("select n, pg_is_in_recovery() from own where session = $1", [s]))


def extended_in_one_write(w, s, v):
    return ask(w, batch("update own set n = $1 where session = $2", [v, s]), batch("select n, pg_is_in_recovery() from own where session = $1", [s]), ready=2)


def in_one_batch(w, s, v):
    return ask(w, wire.parse(update(s, v)), wire.bind(), wire.execute(), wire.parse(read(s)), wire.bind(), wire.execute(), wire.sync())


def named(w, s, v):
    if not hasattr(w, "named"):
        w.named = ask(w, wire.parse("update own set n = $1 where session = $2", "w"), wire.parse("select n, pg_is_in_recovery() from own where session = $1", "r"), wire.sync())
    ask(w, wire.bind([v, s], "w"), wire.execute(), wire.sync())
    return ask(w, wire.bind([s], "r"), wire.execute(), wire.sync())


def after_a_transaction(w, s, v):
    for sql in ("begin", "select 1", update(s, v), "commit"):
        ask(w, wire.query(sql))
    return ask(w, wire.query(read(s)))


def after_a_transaction_in_one_write(w, s, v):
    return ask(w, *(wire.query(sql) for sql in ("begin", update(s, v), "commit", read(s))), ready=4)


def after_several_statements(w, s, v):
    ask(w, wire.query(f"begin; {update(s, v)}; commit"))
    return ask(w, wire.query(read(s)))


def by_cte(w, s, v):
    ask(w, wire.query(f"with x as ({update(s, v)} returning *) select * from x"))
    return ask(w, wire.query(read(s)))


def by_function(w, s, v):
    ask(w, wire.query(f"select write_own({s}, {v})"))
    return ask(w, wire.query(read(s)))


def by_insert(w, s, v):
    ask(w, wire.query(f"delete from own where session = {s}"))
    ask(w, wire.query(f"insert into own values ({s}, {v})"))
    return ask(w, wire.query(read(s)))


def by_copy(w, s, v):
    ask(w, wire.query(f"delete from own where session = {s}"))
    w.send(wire.query("copy own from stdin"))
    w.receive_until("G")
    ask(w, wire.copy_data(f"{s}\t{v}\n"), wire.copy_done())
    return ask(w, wire.query(read(s)))


def by_prepared_transaction(w, s, v):
    for sql in ("begin", update(s, v), f"prepare transaction 'own {s}'", f"commit prepared 'own {s}'"):
        ask(w, wire.query(sql))
    return ask(w, wire.query(read(s)))


def by_sql_execute(w, s, v):
    for sql in (f"prepare p as {update(s, v)}", "execute p", "deallocate p"):
        ask(w, wire.query(sql))
    return ask(w, wire.query(read(s)))


def by_do(w, s, v):
    ask(w, wire.query(f"do $$ begin {update(s, v)}; end $$"))
    return ask(w, wire.query(read(s)))


def in_a_transaction_that_reads_only(w, s, v):
    ask(w, wire.query(update(s, v)))
    ask(w, wire.query("begin read only"))
    rows = ask(w, wire.query(read(s)))
    ask(w, wire.query("commit"))
    return rows


def after_an_error(w, s, v):
    ask(w, wire.query(update(s, v)))
    with pytest.raises(wire.ServerError):
        ask(w, wire.query("select 1 / 0"))
    return ask(w, wire.query(read(s)))


def by_hint(w, s, v):
    """Whoever asks for a replica by name is not asking for an old answer."""
    ask(w, wire.query(update(s, v)))
    return ask(w, wire.query("/* forebay: route=replica */ " + read(s)))


WAYS = [in_one_write, extended, extended_in_one_write, in_one_batch, named, after_a_transaction, after_a_transaction_in_one_write,
        after_several_statements, by_cte, by_function, by_insert, by_copy, by_prepared_transaction, by_sql_execute, by_do,
        in_a_transaction_that_reads_only, after_an_error, by_hint]


# ---- tests ----------------------------------------------------------------------------------------------------------


def missed_of(proxy, way, count, sessions=SESSIONS):
    """How many of so many tries, of all sessions together, did not read what they had just written."""
    def one(session):
        missed = []
        with proxy.wire() as w:
            for v in range(1, count // sessions + 1):
                rows = way(w, session, v)
                if len(rows) != 1 or rows[0][0] != str(v):
                    missed.append((v, rows))
        return missed
    return [m for missed in run_threads(sessions, one, 1500) for m in missed]


class Readers:
    """Sessions that only read, meanwhile: how often, and how many of that on a replica."""

    def __init__(self, proxy, count=2):
        self.proxy, self.go_on, self.answers = proxy, True, []
        self.threads = [threading.Thread(target=self._read, daemon=True) for _ in range(count)]

    def _read(self):
        with self.proxy.wire() as w:
            while self.go_on:
                self.answers.append(w.run(read(0))[0][1])
                time.sleep(0.002)  # not to be alone on the machine

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.go_on = False
        for t in self.threads:
            t.join(20)


@pytest.mark.slow(1800 if TRIES > 20000 else 180)
def test_own_writes_are_found_and_others_read_on_replicas(forebay, cluster, late):
    proxy = start(forebay, cluster)
    before = routed_reads(proxy)
    with Readers(proxy) as readers:
        assert missed_of(proxy, simple, TRIES) == []
    grown = {node: count - before.get(node, 0) for node, count in routed_reads(proxy).items()}
    primary = f"{cluster.primary.host}:{cluster.primary.port}"
    assert all(count > 0 for node, count in grown.items() if node != primary), grown
    assert len(readers.answers) > 50 and readers.answers.count("t") > 0.9 * len(readers.answers), (readers.answers.count("t"), len(readers.answers))


@pytest.mark.parametrize("way", WAYS)
def test_own_writes_are_found_whatever_the_way(forebay, cluster, late, way):
    assert missed_of(start(forebay, cluster), way, 16 * 12, sessions=16) == []


@pytest.mark.slow(120)
def test_reads_return_to_replicas_and_never_too_soon(forebay, cluster, late):
    """Each session reads on and on until a replica has answered: not before it has replayed the write, and soon after."""
    proxy = start(forebay, cluster)

    def one(session):
        reads = 0
        dice = random.Random(session)
        with proxy.wire() as w:
            for v in range(1, 11):
                begun = time.monotonic()
                ask(w, wire.query(update(session, v)))
                written = time.monotonic()
                while True:
                    value, on_replica = ask(w, wire.query(read(session)))[0]
                    reads += 1
                    assert value == str(v), (session, v, value, on_replica)
                    if on_replica == "t":
                        break
                    assert time.monotonic() - written < 10, "reads do not return to the replicas"
                    time.sleep(dice.uniform(0, 0.01))
                assert time.monotonic() - begun >= DELAY_MS / 1000, "no replica has it that soon"
        return reads

    assert sum(run_threads(SESSIONS, one, 100)) > SESSIONS * 10 * 2


def test_what_others_have_written_is_not_waited_for(forebay, cluster, late):
    """A session that has not written reads on a replica while another one's write is not there yet."""
    proxy = start(forebay, cluster)
    with proxy.wire() as writer, proxy.wire() as reader:
        for v in range(1, 20):
            ask(writer, wire.query(update(1, v)))
            assert ask(reader, wire.query(read(1)))[0][1] == "t"


@pytest.mark.parametrize("by", ["set", "startup option"])
def test_a_session_reads_what_another_one_has_told_of(forebay, cluster, late, by):
    """SHOW forebay.last_write here, forebay.read_after there: after a reconnect, or in another process."""
    proxy = start(forebay, cluster)
    for v in range(1, 6):
        with proxy.wire() as w:
            ask(w, wire.query(update(5, v)))

            def last_write():
                at = w.value("show forebay.last_write")
                return at if "/" in at else None
            at = eventually(last_write, 10, "it is known how far it has written")
        with proxy.wire(**({"options": f"-c forebay.read_after={at}"} if by == "startup option" else {})) as w:
            if by == "set":
                w.run(f"set forebay.read_after = '{at}'")
            assert w.run(read(5))[0][0] == str(v)
            eventually(lambda: w.run(read(5)) == [[str(v), "t"]], 10, "in time a replica has it")


def test_with_one_replica_in_time_it_is_the_one(forebay, cluster, late):
    """One lags, the other does not: own writes are read there, soon, and never on the first."""
    delay(cluster, DELAY_MS, None)
    replicas_have_all(cluster)
    proxy = start(forebay, cluster)
    before = routed_reads(proxy)
    with proxy.wire() as w:
        for v in range(1, 6):
            ask(w, wire.query(update(1, v)))
            begun = time.monotonic()

            def on_replica():
                value, replica = ask(w, wire.query(read(1)))[0]
                assert value == str(v)
                return replica == "t"
            eventually(on_replica, 5, "it is read on the replica that has it")
            assert time.monotonic() - begun < 5
    name = f"{cluster.replicas[1].host}:{cluster.replicas[1].port}"
    assert routed_reads(proxy)[name] > before.get(name, 0)


def test_off_misses(forebay, cluster, late):
    """So the tests above can fail."""
    proxy = start(forebay, cluster, how="off")
    assert len(missed_of(proxy, simple, SESSIONS * 10)) > SESSIONS
    assert len(missed_of(proxy, extended, SESSIONS * 5)) > SESSIONS // 2


def test_off_for_one_database(forebay, cluster, late):
    proxy = forebay(nodes=all_nodes(cluster), health={"interval": "100ms"}, routing={"read_functions": ["pg_is_in_recovery"]},
                    databases=[{"name": "app", "cluster": "main"}, {"name": "stale", "dbname": "app", "cluster": "main", "routing": {"read_your_writes": "off"}}])
    until_reads_go_to_replicas(proxy, "stale")
    until_reads_go_to_replicas(proxy, "app")
    for dbname in ("app", "stale"):
        with proxy.wire(dbname=dbname) as w:
            found = [simple(w, 3, v)[0] for v in range(100, 120)]
        assert ([str(v) for v in range(100, 120)] == [f[0] for f in found]) == (dbname == "app"), (dbname, found)
