"""Replicas that fail in every way, under 64 clients: no read fails that another node can answer, and none is lost."""

import time
from collections import Counter
from contextlib import ExitStack

import pytest

import wire
from harness import eventually
from injector import Injector
from load import Load, errors

pytestmark = pytest.mark.proxy

READ = "select inet_server_port()"
ALL_STREAM = "select count(*) filter (where state = 'streaming') as n from pg_stat_replication"


@pytest.fixture
def doors(cluster):
    """An injector before each replica."""
    with ExitStack() as stack:
        yield [stack.enter_context(Injector(r)) for r in cluster.replicas]
    eventually(lambda: cluster.sql(ALL_STREAM)[0]["n"] == 2, 30, "the replicas stream again")


def split(forebay, cluster, replicas, strategy="round_robin", wait=True, **routing):
    nodes = [{"host": n.host, "port": n.port} for n in [cluster.primary, *replicas]]
    proxy = forebay(nodes=nodes, pool={"size": 40}, routing={
        "strategy": strategy, "slow_start": "0s", "read_functions": ["inet_server_port"], **routing})
    if wait:
        uses(proxy, cluster, *cluster.replicas)
    return proxy


def ports(answers):
    return Counter(int(a.rows[0][0]) for a in answers if a.rows)


def uses(proxy, cluster, *nodes, seconds=15):
    """Waits until reads go to all of these nodes and to no other."""
    with proxy.wire() as w:
        def seen():
            found = {int(w.value(READ)) for _ in range(12)}
            return found == {n.port for n in nodes} or None
        eventually(seen, seconds, f"reads go to {[n.name for n in nodes]}")


def reads(proxy, **how):
    return Load(proxy, lambda client, number: READ, **how)


def enough(load, since, count=100):
    eventually(lambda: len(load.since(since)) >= count, what="reads go on")


def row_of(proxy, node):
    return next(r for r in proxy.console("SHOW NODES") if r["node"] == f"{node.host}:{node.port}")



# ---- gone -----------------------------------------------------------------------------------------------------------


def kill(door):
    door.node.kill()


def refuse(door):
    door.refuse()


def stop(door):
    door.node.stop()


@pytest.mark.parametrize("fault", [kill, refuse, stop])
@pytest.mark.parametrize("strategy", ["round_robin", "latency"])
def test_a_replica_goes_and_no_read_fails(forebay, cluster, doors, fault, strategy):
    proxy = split(forebay, cluster, doors, strategy)
    try:
        with reads(proxy) as load:
            enough(load, 0.0)
            fault(doors[0])
            begun = time.monotonic()
            enough(load, begun, 600)
            answers = load.stop()
        assert errors(answers) == []
        assert ports(a for a in answers if a.asked > begun + 0.1).keys() == {cluster.replicas[1].port}
        assert max(a.took for a in answers) < 2, max(answers, key=lambda a: a.took)
    finally:
        if fault is not refuse:
            cluster.replicas[0].start()
        doors[0].normal()
    uses(proxy, cluster, *cluster.replicas)


def test_connections_are_reset_and_no_read_fails(forebay, cluster, doors):
    """The node itself is well: it is used on."""
    proxy = split(forebay, cluster, doors)
    with reads(proxy, pause=0.02) as load:
        enough(load, 0.0)
        for _ in range(20):
            begun = time.monotonic()
            doors[0].reset()
            enough(load, begun, 50)
        answers = load.stop()
    assert errors(answers) == []
    uses(proxy, cluster, *cluster.replicas)


def test_long_reads_under_way_are_asked_again(forebay, cluster, doors):
    """Each of them is at work when its server is killed."""
    proxy = split(forebay, cluster, doors)
    slow = "select inet_server_port(), count(*) from generate_series(1, 3) as n, pg_sleep(0.3)"
    with Load(proxy, lambda client, number: slow, clients=16, pause=0.0) as load:
        enough(load, 0.0, 16)
        begun = time.monotonic()
        doors[0].refuse()
        enough(load, begun, 32)
        answers = load.stop()
    assert errors(answers) == []
    assert all(a.rows[0][1] == "3" for a in answers)


# ---- silent ---------------------------------------------------------------------------------------------------------


def black_hole(door):
    stack = ExitStack()
    door.black_hole()
    stack.callback(door.normal)
    return stack


def freeze(door):
    return door.node.frozen()


@pytest.mark.parametrize("fault", [black_hole, freeze])
@pytest.mark.parametrize("strategy, limit", [("round_robin", 2.0), ("least_connections", 2.0), ("latency", 1.0)])
def test_a_replica_falls_silent(forebay, cluster, doors, fault, strategy, limit):
    """Whatever it was asked is asked elsewhere, and it gets nothing more within `limit`."""
    proxy = split(forebay, cluster, doors, strategy)
    with reads(proxy) as load:
        enough(load, 0.0)
        with fault(doors[0]):
            begun = time.monotonic()
            eventually(lambda: time.monotonic() > begun + limit + 1 and len(load.since(begun + limit)) > 200, what="reads go on")
            late = load.since(begun + limit)
            under_way = [a for a in list(load.under_way.values()) if a.asked < time.monotonic() - 0.5]
            assert under_way == [], "all have been answered while it is silent"
            assert row_of(proxy, doors[0])["state"] == "down"
        answers = load.stop()
    assert errors(answers) == []
    assert max(a.took for a in late) < 0.5, f"nobody who asked after {limit} s has met it: {max(late, key=lambda a: a.took)}"
    assert max(a.took for a in answers) < 3
    uses(proxy, cluster, *cluster.replicas)


def test_a_transaction_on_a_silent_replica_ends(forebay, cluster, doors):
    """It cannot go on elsewhere, and does not wait for ever."""
    proxy = split(forebay, cluster, doors)
    with ExitStack() as stack:
        all_of_them = [stack.enter_context(proxy.wire()) for _ in range(4)]
        at = []
        for w in all_of_them:
            w.run("begin read only")
            at.append(int(w.value(READ)))
        assert set(at) == {r.port for r in cluster.replicas}
        doors[0].black_hole()
        eventually(lambda: row_of(proxy, doors[0])["state"] == "down", what="it is found out")
        for w, port in zip(all_of_them, at):
            w.send(wire.query(READ), wire.query("commit") if port != doors[0].node.port else b"")
            if port == doors[0].node.port:
                end = w.until_closed()
                assert [m.fields["C"] for m in end if m.kind == "E"] == ["08006"], end
            else:
                assert "E:" not in wire.transcript(w.until_ready(2))
        doors[0].normal()
    uses(proxy, cluster, *cluster.replicas)


# ---- slow -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay, least, how", [(0.25, 500, {}), (0.05, 100, {"clients": 1, "pause": 0})])
def test_a_slow_replica_is_left_alone_under_latency(forebay, cluster, doors, delay, least, how):
    """Also of one client, for whom nothing else is ever in flight, and where no answer is late enough to be missed."""
    proxy = split(forebay, cluster, doors, "latency")
    with reads(proxy, **how) as load:
        enough(load, 0.0, 300)
        before = ports(load.since(0.0))
        assert min(before[r.port] for r in cluster.replicas) > (0.15 if how == {} else 0) * sum(before.values()), before
        doors[0].delay(delay)  # each way
        begun = time.monotonic()
        eventually(lambda: time.monotonic() > begun + 3)
        doors[0].normal()
        late = [a for a in load.since(begun + 1) if a.asked < begun + 3]
        answers = load.stop()
    assert errors(answers) == []
    share = ports(late)[doors[0].node.port] / len(late)
    assert len(late) > least and share < 0.05, (share, len(late))


def test_a_slow_replica_keeps_its_share_by_turns(forebay, cluster, doors):
    """Round robin does not look at time: slow is not down."""
    proxy = split(forebay, cluster, doors)
    doors[0].delay(0.1)
    with reads(proxy, clients=16) as load:
        begun = time.monotonic()
        enough(load, begun, 300)
        answers = load.stop()
    assert errors(answers) == []
    assert set(ports(answers)) == {r.port for r in cluster.replicas}


def test_a_replica_that_drips(forebay, cluster, doors):
    """A byte at a time is slow, and no error."""
    proxy = split(forebay, cluster, doors, "latency")
    with reads(proxy, clients=16) as load:
        enough(load, 0.0)
        doors[0].drip(1, 0.002)
        begun = time.monotonic()
        enough(load, begun, 300)
        doors[0].normal()
        answers = load.stop()
    assert errors(answers) == []


def test_slow_statements_do_not_make_a_node_bad(forebay, cluster):
    """Nor does an SQL error, or a statement_timeout."""
    proxy = split(forebay, cluster, cluster.replicas)
    asked = ["select pg_sleep(0.7)", "select 1/0", "select pg_sleep(0.5)"]
    with Load(proxy, lambda client, number: asked[client % 3], clients=12, pause=0.01) as load:
        enough(load, 0.0, 400)
        assert {r["state"] for r in proxy.console("SHOW NODES")} == {"up"}
        answers = load.stop()
    assert {a.code for a in answers} == {"", "22012"}
    assert all(int(b["failures"]) == 0 for b in proxy.console("SHOW BREAKERS"))
    assert "node_down" not in proxy.log()


# ---- all of them ----------------------------------------------------------------------------------------------------


def test_all_replicas_are_down_and_come_back(forebay, cluster, doors):
    proxy = split(forebay, cluster, doors)
    with reads(proxy) as load:
        enough(load, 0.0)
        for door in doors:
            door.refuse()
        begun = time.monotonic()
        enough(load, begun, 300)
        late = load.since(begun + 0.2)
        for door in doors:
            door.normal()
        uses(proxy, cluster, *cluster.replicas)
        assert errors(load.stop()) == []
    assert set(ports(late)) == {cluster.primary.port}


def test_all_replicas_are_down_and_the_primary_is_not_to_be_asked(forebay, cluster, doors):
    proxy = split(forebay, cluster, doors, fallback_to_primary=False)
    for door in doors:
        door.refuse()
    with proxy.wire() as w:
        def refused():
            try:
                w.run(READ)
                return None
            except wire.ServerError as e:
                return e
        e = eventually(refused)
        assert e.code == "57P03" and "replica" in e.fields["M"], e
        begun = time.monotonic()
        assert refused().code == "57P03"
        assert time.monotonic() - begun < 1, "at once"
        w.run("create temporary table written (n int)")  # the primary serves what it is for
    with proxy.wire() as w:
        for door in doors:
            door.normal()
        eventually(lambda: refused() is None, what="a replica is back")
    uses(proxy, cluster, *cluster.replicas)


# ---- from the start, and by reload ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["refuse", "black_hole"])
def test_start_with_a_replica_that_does_not_answer(forebay, cluster, doors, fault):
    getattr(doors[0], fault)()
    proxy = split(forebay, cluster, doors, wait=False)
    uses(proxy, cluster, cluster.replicas[1])
    doors[0].normal()
    uses(proxy, cluster, *cluster.replicas)


def test_reload_with_a_replica_down(forebay, cluster, doors):
    proxy = split(forebay, cluster, doors)
    with reads(proxy) as load:
        doors[0].refuse()
        uses(proxy, cluster, cluster.replicas[1])
        proxy.write_config(pool={"size": 30})
        proxy.console("RELOAD")
        begun = time.monotonic()
        enough(load, begun, 300)
        assert set(ports(load.since(begun))) == {cluster.replicas[1].port}
        doors[0].normal()
        uses(proxy, cluster, *cluster.replicas)
        assert errors(load.stop()) == []


def test_reload_takes_a_replica_away_and_adds_it(forebay, cluster):
    both = [{"host": n.host, "port": n.port} for n in [cluster.primary, *cluster.replicas]]
    proxy = split(forebay, cluster, cluster.replicas)
    with reads(proxy) as load, Load(proxy, lambda c, n: "select pg_sleep(0.2), inet_server_port()", clients=8, pause=0.0) as long:
        for _ in range(3):
            proxy.write_config(nodes=both[:2])
            proxy.console("RELOAD")
            uses(proxy, cluster, cluster.replicas[0])
            proxy.write_config(nodes=both)
            proxy.console("RELOAD")
            uses(proxy, cluster, *cluster.replicas)
        assert errors(load.stop()) == []
        assert errors(long.stop()) == []


def test_drain_and_resume(forebay, cluster):
    proxy = split(forebay, cluster, cluster.replicas)
    name = f"{cluster.replicas[0].host}:{cluster.replicas[0].port}"
    with reads(proxy) as load, Load(proxy, lambda c, n: "select pg_sleep(0.2)", clients=8, pause=0.0) as long:
        for _ in range(3):
            proxy.console(f"NODE DRAIN {name}")
            uses(proxy, cluster, cluster.replicas[1])
            assert row_of(proxy, cluster.replicas[0])["state"] == "drained"
            eventually(lambda: row_of(proxy, cluster.replicas[0])["in_flight"] == "0", what="what it had is done")
            proxy.console(f"NODE RESUME {name}")
            uses(proxy, cluster, *cluster.replicas)
        assert errors(load.stop()) == []
        assert errors(long.stop()) == []


# ---- 25006 ----------------------------------------------------------------------------------------------------------


def test_a_function_that_is_wrongly_called_stable(forebay, cluster):
    """A replica refuses what it does with 25006; the primary does it. The client sees nothing of that."""
    cluster.sql("set synchronous_commit = on; create table if not exists liars (n int); grant all on liars to public;"
                " create or replace function keeps(n int) returns int volatile language sql as"
                " 'insert into liars values (n) returning n * 2';"
                " create or replace function lies(n int) returns int stable language plpgsql as 'begin return keeps(n); end'")
    try:
        there = "select 1 from pg_proc where proname = 'lies'"
        eventually(lambda: all(r.psql(there).stdout for r in cluster.replicas), what="the replicas have it")
        proxy = split(forebay, cluster, cluster.replicas)
        with Load(proxy, lambda c, n: f"select lies({c * 1000 + n})", clients=8, pause=0.01) as load:
            enough(load, 0.0, 200)
            answers = load.stop()
        assert errors(answers) == []
        assert all(a.rows == [[str(2 * (a.client * 1000 + a.number))]] for a in answers)
        assert sorted(r["n"] for r in cluster.sql("select n from liars")) == sorted(a.client * 1000 + a.number for a in answers)
        assert "sqlstate=25006" in proxy.log() or '"25006"' in proxy.log(), proxy.log()[-500:]
    finally:
        cluster.sql("drop function lies, keeps; drop table liars")
