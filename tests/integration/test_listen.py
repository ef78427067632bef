"""LISTEN and NOTIFY in transaction mode: one server connection listens for all clients of a database."""

import asyncio

import asyncpg
import pytest
from harness import eventually
from wire import bind, execute, parse, query, sync

pytestmark = pytest.mark.proxy


def notified(w, count=1):
    """(pid, channel, payload) of the next notifications."""
    got = []
    while len(got) < count:
        m = w.receive()
        if m.kind == "A":
            channel, payload = m.body[4:-1].split(b"\0")
            got.append((int.from_bytes(m.body[:4], "big"), channel.decode(), payload.decode()))
    return got


def payloads(w, count=1):
    return [payload for _, _, payload in notified(w, count)]


def listeners(cluster):
    """Server connections whose last query was a LISTEN."""
    return [r["pid"] for r in cluster.sql("select pid from pg_stat_activity where query like '%LISTEN \"%' and query not like '%/* forebay%'"
                                          " and pid <> pg_backend_pid()")]


def pins(proxy):
    return {row["pin_reason"] for row in proxy.console("show clients") if row["database"] == "app"}


def test_many_clients_listen_over_one_connection_and_keep_no_server(forebay, cluster):
    proxy = forebay(pool={"size": 1})
    clients = [proxy.wire() for _ in range(12)]
    for n, w in enumerate(clients):
        w.run(f"listen everybody; listen only_{n}")
    assert len(listeners(cluster)) == 1 and pins(proxy) == {""}
    with proxy.wire() as other:
        other.run("notify everybody, 'all'")
        other.run("notify only_7, 'seven'; notify only_8, 'eight'")
    for n, w in enumerate(clients):
        assert payloads(w) == ["all"]
        if n in (7, 8):
            assert payloads(w) == [{7: "seven", 8: "eight"}[n]]
        w.run("select 1")
        w.nothing_comes(0.01)
    servers = proxy.console("show servers")
    assert sorted(s["pin_reason"] for s in servers) == ["", "listen"]
    for w in clients:
        w.close()
    eventually(lambda: listeners(cluster) == [])
    proxy.quiet()


def test_own_notifications_come_before_ready(forebay):
    with forebay().wire() as w:
        w.run("listen c")
        w.send(query("notify c, 'mine'"))
        replies = w.until_ready()
        assert [m.kind for m in replies] == ["C", "A", "Z"]
        assert int.from_bytes(replies[1].body[:4], "big") == w.pid
        w.send(parse("select pg_notify('c', $1)"), bind(["two"]), execute(), sync())
        assert [m.kind for m in w.until_ready()] == ["1", "2", "D", "C", "A", "Z"]
        w.run("begin")
        w.run("notify c, 'three'")
        w.nothing_comes()
        w.send(query("commit"))
        assert [m.kind for m in w.until_ready()] == ["C", "A", "Z"]


def test_within_a_transaction_nothing_is_delivered(forebay):
    proxy = forebay()
    with proxy.wire() as w, proxy.wire() as other:
        w.run("listen c")
        w.run("begin")
        other.run("notify c, 'later'")
        w.nothing_comes()
        w.send(query("select 1"))
        assert [m.kind for m in w.until_ready()] == ["T", "D", "C", "Z"]
        w.send(query("commit"))
        assert payloads(w) == ["later"]


def test_what_is_rolled_back_was_never_said(forebay):
    proxy = forebay()
    with proxy.wire() as w, proxy.wire() as other:
        w.run("begin")
        w.run("listen a")
        w.run("savepoint s")
        w.run("listen b")
        w.run("rollback to s")
        w.run("listen c")
        w.run("commit")
        w.run("begin; listen d; unlisten a; rollback")
        other.run("notify a, 'a'; notify b, 'b'; notify d, 'd'; notify c, 'c'")
        assert payloads(w, 2) == ["a", "c"]
        w.run("unlisten a")
        other.run("notify a, 'no'; notify c, 'yes'")
        assert payloads(w) == ["yes"]
        for forget in ("unlisten *", "discard all"):
            w.run(forget)
            other.run("notify c, 'no'; notify a, 'no'")
            w.run("listen other")
            other.run("notify other, 'yes'")
            assert payloads(w) == ["yes"]


def test_a_channel_is_left_when_its_last_listener_leaves(forebay, cluster):
    proxy = forebay()
    with proxy.wire() as a, proxy.wire() as b, proxy.wire() as other:
        a.run('listen "A b"; listen stays')
        b.run('listen "A b"')
        a.run('unlisten "A b"')
        other.run("notify \"A b\", 'still'")
        assert payloads(b) == ["still"]
        b.close()
        eventually(lambda: [r for r in cluster.sql("select query from pg_stat_activity") if 'UNLISTEN "A b"' in (r["query"] or "")])
        other.run("notify stays, 'here'")
        assert payloads(a) == ["here"]


def test_errors_are_the_servers(forebay):
    with forebay().wire() as w:
        for sql, code in (("listen", "42601"), ("begin; select 1/0", "22012"), ("listen c", "25P02")):
            with pytest.raises(Exception) as e:
                w.run(sql)
            assert code in str(e.value)
        w.run("rollback")
        w.run("listen c; select 1")


def test_extended_protocol_and_prepared(forebay):
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as w, proxy.wire() as other:
        assert w.script(parse("listen c", "l"), sync()) == other.script(parse("select 1", "l"), sync())
        for _ in range(2):
            replies = w.script(bind([], "l"), execute(), sync())
            assert "LISTEN" in str(replies) and "UNLISTEN" not in str(replies)
        other.run("notify c, 'x'")
        assert payloads(w) == ["x"]


def test_what_waits_for_an_answer_that_waits_for_the_hub(forebay):
    with forebay().wire() as w:
        w.send(query("listen c; reset all"), query("select 7"))
        assert [m.kind for m in w.until_ready(2)] == ["C", "C", "Z", "T", "D", "C", "Z"]


def test_more_listeners_at_once_than_servers(forebay):
    proxy = forebay(pool={"size": 2, "checkout_timeout": "10s"})
    clients = [proxy.wire() for _ in range(16)]
    for n, w in enumerate(clients):
        w.send(query(f"begin; listen c{n}; commit"))
    for w in clients:
        assert [m.kind for m in w.until_ready()] == ["C", "C", "C", "Z"]
        w.close()


def test_a_channel_that_is_left_and_taken_again_in_one_transaction(forebay):
    proxy = forebay()
    with proxy.wire() as w, proxy.wire() as other:
        other.run("listen another")
        w.run("listen x")
        w.run("begin; unlisten *; listen x; commit")
        w.run("listen y")
        other.run("notify x, 'still'")
        assert payloads(w) == ["still"]


def test_a_client_that_leaves_while_the_hub_is_at_work(forebay, cluster):
    proxy = forebay(pool={"size": 1})
    for n in range(20):
        w = proxy.wire()
        w.send(query(f"listen c{n}"), query("select pg_sleep(100)"))
        w.close()
    with proxy.wire() as other:
        assert other.value("select 1") == "1"
    eventually(lambda: listeners(cluster) == [])
    cluster.nothing_left()


def test_the_clients_encoding(forebay):
    proxy = forebay()
    with proxy.wire(client_encoding="latin1") as w, proxy.wire() as other:
        w.run("listen c")
        other.run("listen c")
        other.send(query("notify c, 'é'"))
        assert payloads(other) == ["é"]
        m = w.receive()
        assert m.kind == "A" and m.body.endswith(b"c\0\xe9\0")


def test_a_lost_connection_is_replaced_and_told_of(forebay, cluster):
    proxy = forebay()
    with proxy.wire() as w, proxy.wire() as other:
        w.run("listen c")
        (pid,) = listeners(cluster)
        cluster.sql(f"select pg_terminate_backend({pid})")
        notice = w.receive()
        assert notice.kind == "N" and "may have been lost" in notice.fields["M"]
        eventually(lambda: [p for p in listeners(cluster) if p != pid])
        w.run("select 1")
        other.run("notify c, 'again'")
        assert payloads(w) == ["again"]


def test_pause_takes_the_connection_and_resume_gives_it_back(forebay, cluster):
    proxy = forebay()
    with proxy.wire() as w, proxy.wire() as other:
        w.run("listen c")
        other.run("select 1")
        proxy.console("pause app")
        assert listeners(cluster) == []
        proxy.console("resume app")
        eventually(lambda: listeners(cluster))
        other.run("notify c, 'on'")
        assert payloads(w) == ["on"]


def test_pause_while_a_listen_settles(forebay, cluster):
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as w, proxy.wire() as other:
        for n in range(5):
            w.send(query(f"listen c{n}"))
            proxy.console("pause app")
            proxy.console("resume app")
            assert "".join(m.kind for m in w.until_ready()).strip("N") == "CZ"  # it may be told of the interruption
            eventually(lambda: listeners(cluster))
            other.run(f"notify c{n}, 'on'")
            assert payloads(w) == ["on"]


def test_no_connection_to_listen_over(forebay, cluster):
    proxy = forebay(databases=[{"name": "app", "cluster": "main", "max_connections": 1}], pool={"checkout_timeout": "1s"})
    with proxy.wire() as w:
        with pytest.raises(Exception):
            w.run("listen c")
            w.run("select 1")
    with proxy.wire() as w:
        assert w.value("select 1") == "1"


def test_asyncpg_listeners(forebay):
    proxy = forebay(pool={"size": 2})

    async def work():
        got = asyncio.Queue()
        clients = [await asyncpg.connect(proxy.url()) for _ in range(6)]
        for n, c in enumerate(clients):
            await c.add_listener("news", lambda c, pid, channel, payload, n=n: got.put_nowait((n, payload)))
        await clients[0].execute("select pg_notify('news', 'hello')")
        assert sorted([await asyncio.wait_for(got.get(), 10) for _ in clients]) == [(n, "hello") for n in range(6)]
        await clients[1].reset()
        await clients[0].execute("notify news, 'again'")
        assert sorted([await asyncio.wait_for(got.get(), 10) for _ in clients[1:]]) == [(n, "again") for n in range(6) if n != 1]
        for c in clients:
            await c.close()

    asyncio.run(work())


def test_session_mode_listens_by_itself(forebay, cluster):
    with forebay(pool={"mode": "session"}).wire() as w:
        w.run("listen c")
        w.send(query("notify c, 'x'"))
        assert [m.kind for m in w.until_ready()] == ["C", "A", "Z"]


def test_many_notifications_among_many_clients(forebay):
    """Every listener gets all of them, in order, whatever it does meanwhile."""
    proxy = forebay(pool={"size": 3})
    clients = [proxy.wire() for _ in range(8)]
    for w in clients:
        w.run("listen c")
    with proxy.wire() as other:
        for n in range(200):
            other.run(f"notify c, '{n}'")
            if n % 10 == 0:
                clients[n // 10 % 8].send(query("begin; select 1; commit"))
    for w in clients:
        assert payloads(w, 200) == [str(n) for n in range(200)]
        w.close()
