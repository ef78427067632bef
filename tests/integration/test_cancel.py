"""A cancel reaches the query of its client, and no other."""

import asyncio
import signal
import subprocess

import asyncpg
import psycopg
import pytest

import fake_server
import wire
from harness import PASSWORDS, Background, eventually, run_threads


def sleeper(proxy, cluster, tag):
    """A client whose query is known to run on the server."""
    w = proxy.wire()
    w.send(wire.query(f"select pg_sleep(60) /* {tag} */"))
    eventually(lambda: cluster.backends(f"state = 'active' and query like '%{tag}%'"), what=f"{tag} runs")
    return w


def test_a_running_query(forebay, cluster):
    proxy = forebay(pool={"size": 2})
    with sleeper(proxy, cluster, "cancel_one") as w:
        proxy.cancel(w)
        assert wire.transcript(w.until_ready()) == "T E:57014 Z:I"
        assert w.value("select 1") == "1"


def test_in_a_transaction(forebay, cluster):
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as w:
        w.run("begin")
        w.send(wire.query("select pg_sleep(60) /* cancel_tx */"))
        eventually(lambda: cluster.backends("state = 'active' and query like '%cancel_tx%'"))
        proxy.cancel(w)
        assert wire.transcript(w.until_ready()) == "T E:57014 Z:E"
        w.run("rollback")
        assert w.value("select 1") == "1"


def test_extended_query(forebay, cluster):
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as w:
        w.send(wire.parse("select pg_sleep(60) /* cancel_ext */", "s"), wire.bind([], "s"), wire.execute(), wire.sync(), wire.query("select 5"))
        eventually(lambda: cluster.backends("state = 'active' and query like '%cancel_ext%'"))
        proxy.cancel(w)
        assert wire.transcript(w.until_ready(2)) == "1 2 E:57014 Z:I T D:5 C:SELECT_1 Z:I"


@pytest.mark.proxy
def test_the_pool_is_full(forebay, cluster):
    proxy = forebay(pool={"size": 3})
    sleepers = [sleeper(proxy, cluster, f"full_{n}") for n in range(3)]
    proxy.cancel(sleepers[1])
    assert wire.transcript(sleepers[1].until_ready()) == "T E:57014 Z:I"
    assert len(cluster.backends("state = 'active' and query like '%full_%'")) == 2
    # and all at once
    run_threads(2, lambda n: proxy.cancel(sleepers[(0, 2)[n]]))
    for n in (0, 2):
        assert wire.transcript(sleepers[n].until_ready()) == "T E:57014 Z:I"
    for w in sleepers:
        assert w.value("select 1") == "1"
        w.close()
    proxy.quiet()


@pytest.mark.proxy
def test_a_waiting_client(forebay):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as holder, proxy.wire() as waiter, proxy.wire() as extended:
        holder.run("begin")
        waiter.send(wire.query("select 1"))
        extended.send(wire.parse("select 1"), wire.bind(), wire.execute(), wire.sync(), wire.query("select 2"))
        eventually(lambda: proxy.pool()["cl_waiting"] == 2)
        proxy.cancel(waiter)
        assert wire.transcript(waiter.until_ready()) == "E:57014 Z:I"
        assert proxy.pool()["cl_waiting"] == 1
        proxy.cancel(extended)
        assert wire.transcript(extended.until_ready()) == "E:57014 Z:I"
        assert holder.value("select 1") == "1"
        holder.run("commit")
        assert wire.transcript(extended.until_ready()) == "T D:2 C:SELECT_1 Z:I"
        assert waiter.value("select 3") == "3"


@pytest.mark.proxy
def test_an_idle_client(forebay):
    """Nothing happens, and the next query is not hit, nor the next user of the server."""
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as a, proxy.wire() as b:
        for _ in range(20):
            a.run("select 1")
            proxy.cancel(a)
            assert b.value("select pg_sleep(0.01)::text || 'b'") == "b"
            assert a.value("select pg_sleep(0.01)::text || 'a'") == "a"


@pytest.mark.proxy
def test_wrong_keys_are_ignored(forebay, cluster):
    proxy = forebay(pool={"size": 1})
    with sleeper(proxy, cluster, "wrong_key") as w:
        flipped = bytes([w.secret[0] ^ 1]) + w.secret[1:]
        for pid, secret in ((w.pid, flipped), (w.pid ^ 1, w.secret), (0, b"\0\0\0\0"), (w.pid, b""), (w.pid, w.secret * 3), (w.pid, b"x" * 256)):
            try:
                assert wire.send_cancel(proxy.host, proxy.port, pid, secret) == []
            except ConnectionError:
                pass
        (row,) = cluster.backends("query like '%wrong_key%'")
        assert row["state"] == "active"
        proxy.cancel(w)
        assert wire.transcript(w.until_ready()) == "T E:57014 Z:I"


def test_keys_of_clients_differ(forebay):
    proxy = forebay()
    clients = [proxy.wire() for _ in range(50)]
    assert len({(w.pid, w.secret) for w in clients}) == 50 and len({w.secret for w in clients}) > 45
    for w in clients:
        w.close()


@pytest.mark.proxy
def test_long_keys_of_protocol_3_2(forebay, cluster):
    proxy = forebay()
    w = proxy.wire(protocol=wire.PROTOCOL_3_2)
    if w.negotiated is not None:  # refused with NegotiateProtocolVersion: then the key has its old length
        assert len(w.secret) == 4
    else:
        assert 4 <= len(w.secret) <= 256
    w.send(wire.query("select pg_sleep(60) /* long_key */"))
    eventually(lambda: cluster.backends("state = 'active' and query like '%long_key%'"))
    proxy.cancel(w)
    assert wire.transcript(w.until_ready()) == "T E:57014 Z:I"
    w.close()


@pytest.mark.proxy
@pytest.mark.parametrize("protocol", [(3 << 16) | 9999, (3 << 16) | 7])
def test_newer_minor_protocols_are_negotiated(forebay, protocol):
    with forebay().wire(protocol=protocol, **{"_pq_.test_protocol_negotiation": ""}) as w:
        assert w.negotiated is not None
        assert b"_pq_.test_protocol_negotiation\0" in w.negotiated
        assert w.value("select 1") == "1"


@pytest.mark.proxy
def test_storm_of_cancels_hits_nobody_else(forebay):
    proxy = forebay(pool={"size": 3}, general={"workers": 4})
    victims = [proxy.wire() for _ in range(6)]
    bystanders = [proxy.wire() for _ in range(6)]
    stop = []

    def victim(w):
        hits = 0
        while not stop:
            w.send(wire.query("select pg_sleep(0.003)"))
            words = wire.transcript(w.until_ready())
            hits += "57014" in words
            assert words in ("T D: C:SELECT_1 Z:I", "E:57014 Z:I", "T E:57014 Z:I", "T D: E:57014 Z:I")
        return hits

    def bystander(w):
        try:
            for _ in range(300):
                w.send(wire.query("select pg_sleep(0.002)"))
                assert wire.transcript(w.until_ready()) == "T D: C:SELECT_1 Z:I"
        finally:
            stop.append(True)

    def storm(w):
        while not stop:
            proxy.cancel(w)

    jobs = [Background(lambda w=w: victim(w)) for w in victims] + [Background(lambda w=w: storm(w)) for w in victims]
    run_threads(6, lambda n: bystander(bystanders[n]), 50)
    for job in jobs:
        job.result()
    for w in victims + bystanders:
        assert w.value("select 1") == "1"
        w.close()
    proxy.quiet()


@pytest.mark.proxy
def test_cancel_while_the_server_cannot_be_reached(forebay, cluster):
    """A cancel that cannot be delivered is dropped; the query goes on."""
    release = []

    def serve(c, number):
        if number > 0:  # the cancel's connection: never answered
            c.until_closed()
            return
        c.read_startup()
        c.greet()
        while True:
            m = c.receive()
            if m.kind == "Q" and b"slow" in m.body:
                eventually(lambda: release, 20)
                c.answer_one_row("late")
            elif m.kind == "Q":
                c.answer_one_row("x")
            elif m.kind == "X":
                return

    server = fake_server.FakeServer(serve)
    try:
        proxy = forebay(nodes=[{"host": "127.0.0.1", "port": server.port, "role": "primary"}], pool={"size": 1},
                        users=[{"name": "app", "password": PASSWORDS["app"]}, {"name": "admin", "password": PASSWORDS["admin"], "admin": True}])
        with proxy.wire() as w:
            w.send(wire.query("select slow"))
            canceller = Background(lambda: proxy.cancel(w))
            eventually(lambda: server.connections >= 2, what="the cancel was tried")
            release.append(True)
            assert wire.transcript(w.until_ready()) == "T D:late C:SELECT_1 Z:I"
            canceller.result(20)
    finally:
        server.stop()


def test_psql_interrupted(forebay, cluster):
    proxy = forebay()
    process = subprocess.Popen(["psql", "-X", "-c", "select pg_sleep(60) /* psql_int */"], env=proxy.env(), stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: cluster.backends("state = 'active' and query like '%psql_int%'"))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert "canceling statement due to user request" in err
    cluster.nothing_left()


def test_psycopg_cancel(forebay, cluster):
    with forebay().connect() as c:
        job = Background(lambda: c.execute("select pg_sleep(60) /* psycopg_cancel */"))
        eventually(lambda: cluster.backends("state = 'active' and query like '%psycopg_cancel%'"))
        c.cancel()
        with pytest.raises(psycopg.errors.QueryCanceled):
            job.result()
        assert c.execute("select 1").fetchone() == (1,)


def test_asyncpg_task_cancelled(forebay, cluster):
    proxy = forebay(pool={"size": 1})

    async def body():
        c = await asyncpg.connect(proxy.url())
        task = asyncio.ensure_future(c.fetchval("select pg_sleep(60) /* asyncpg_cancel */"))
        await asyncio.get_running_loop().run_in_executor(
            None, lambda: eventually(lambda: cluster.backends("state = 'active' and query like '%asyncpg_cancel%'")))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await c.fetchval("select 1") == 1
        await c.close()

    asyncio.run(body())
    cluster.nothing_left()
