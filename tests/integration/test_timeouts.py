"""How long a client may take for what, by [pool] and by [[user]]."""

import os
import signal

import pytest

import wire
from harness import PASSWORDS, eventually

pytestmark = pytest.mark.proxy


def ends_with(w, code):
    """The session's last word, then the end of the stream."""
    (last,) = w.until_closed()
    assert last.kind == "E" and last.fields["S"] == "FATAL" and last.fields["C"] == code, last


def test_query_timeout_cancels_and_keeps_the_connection(forebay, cluster):
    proxy = forebay(pool={"size": 1, "query_timeout": "200ms"})
    with proxy.wire() as w:
        pid = w.value("select pg_backend_pid()")
        w.send(wire.query("select pg_sleep(30)"))
        (error,) = [m for m in w.until_ready() if m.kind == "E"]
        assert error.fields["C"] == "57014" and error.fields["M"] == "canceling statement due to query_timeout"
        assert w.value("select pg_backend_pid()") == pid
        # A transaction may take its time, if its queries do not.
        w.run("begin")
        for _ in range(4):
            w.run("select pg_sleep(0.08)")
        w.run("commit")
        # The server's own word for the same error is not touched.
        w.run("set statement_timeout = '20ms'")
        w.send(wire.query("select pg_sleep(30)"))
        (error,) = [m for m in w.until_ready() if m.kind == "E"]
        assert error.fields["M"] == "canceling statement due to statement timeout"
    cluster.nothing_left()
    proxy.quiet()


def test_each_query_of_a_pipeline_has_its_own_time(forebay):
    proxy = forebay(pool={"size": 1, "query_timeout": "400ms"})
    with proxy.wire() as w:
        w.send(*[wire.query("select pg_sleep(0.15)") for _ in range(5)])
        replies = w.until_ready(5)
        assert not [m for m in replies if m.kind == "E"]


def test_a_server_that_does_not_heed_the_cancel_is_given_up(forebay, cluster):
    proxy = forebay(pool={"size": 2, "query_timeout": "100ms"})
    with proxy.wire(timeout=20) as w, proxy.wire() as other:
        pid = int(w.value("select pg_backend_pid()"))
        w.send(wire.query("select pg_sleep(30)"))
        os.kill(pid, signal.SIGSTOP)
        try:
            ends_with(w, "57014")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert other.value("select 1") == "1"


def test_idle_transaction_timeout(forebay, cluster, table):
    proxy = forebay(pool={"size": 1, "idle_transaction_timeout": "300ms"})
    with proxy.wire() as idle, proxy.wire() as w:
        idle.run("begin; delete from items")
        ends_with(idle, "25P03")
        assert w.value("select count(*) from items") == "3"
        w.send(wire.query("select pg_sleep(0.6)"))  # busy is not idle, and idle outside a transaction is no matter
        assert wire.transcript(w.until_ready()) == "T D: C:SELECT_1 Z:I"
        w.run("begin")
        for _ in range(8):
            w.run("select pg_sleep(0.1)")
        w.run("commit")
    cluster.nothing_left()


def test_transaction_timeout_counts_across_statements(forebay, cluster, table):
    proxy = forebay(pool={"size": 1, "transaction_timeout": "500ms"})
    with proxy.wire() as w, proxy.wire() as calm:
        w.run("begin; delete from items")
        with pytest.raises((wire.Closed, wire.ServerError)) as raised:
            for _ in range(30):
                w.run("select pg_sleep(0.05)")
        if isinstance(raised.value, wire.ServerError):
            assert raised.value.code in ("25P04", "57014")
        for _ in range(12):
            calm.run("select pg_sleep(0.05)")  # many short ones are no long one
        assert calm.value("select count(*) from items") == "3"
    cluster.nothing_left()
    proxy.quiet()


def test_client_idle_timeout(forebay):
    proxy = forebay(pool={"size": 1, "client_idle_timeout": "300ms"})
    with proxy.wire() as idle, proxy.wire() as w:
        w.run("begin")  # idle in a transaction is another matter
        ends_with(idle, "57P05")
        assert w.value("select 1") == "1"
        w.run("commit")
        ends_with(w, "57P05")


@pytest.mark.parametrize("of_pool, of_user", [("0s", "200ms"), ("200ms", "0s")])
def test_a_users_own_time_counts(forebay, of_pool, of_user):
    users = [{"name": "app", "password": PASSWORDS["app"], "query_timeout": of_user}, {"name": "admin", "password": PASSWORDS["admin"], "admin": True}]
    proxy = forebay(pool={"size": 1, "query_timeout": of_pool}, users=users)
    with proxy.wire() as w:
        w.send(wire.query("select pg_sleep(0.6)"))
        expected = "T E:57014 Z:I" if of_user == "200ms" else "T D: C:SELECT_1 Z:I"
        assert wire.transcript(w.until_ready()) == expected


def test_reserve(forebay, cluster):
    proxy = forebay(pool={"size": 1, "reserve_size": 1, "reserve_timeout": "300ms"})
    with proxy.wire() as holder, proxy.wire() as w:
        holder.run("begin")
        assert w.value("select 1") == "1"  # by the reserve, after a while
        eventually(lambda: len(cluster.backends()) == 1, 10, "the reserve is closed when nobody waits")
        holder.run("commit")


def test_limits_of_a_database_and_a_user(forebay, cluster):
    users = [{"name": "app", "password": PASSWORDS["app"]}, {"name": "app2", "password": PASSWORDS["app2"], "max_connections": 1},
             {"name": "admin", "password": PASSWORDS["admin"], "admin": True}]
    proxy = forebay(pool={"size": 5}, users=users, databases=[{"name": "app", "cluster": "main", "max_connections": 2}, {"name": "*", "cluster": "main"}])
    clients = [proxy.wire() for _ in range(3)]
    for w in clients[:2]:
        w.run("begin")
    clients[2].send(wire.query("select 3"))
    eventually(lambda: any(int(r["cl_waiting"]) == 1 for r in proxy.console("show pools")), 10, "the third waits")
    assert len(cluster.backends(dbname="app")) == 2
    with proxy.wire("app2", "bench") as a, proxy.wire("app2", "bench") as b:
        a.run("begin")
        b.send(wire.query("select 4"))
        eventually(lambda: sum(int(r["cl_waiting"]) for r in proxy.console("show pools")) == 2, 10, "app2's second waits too")
        a.run("commit")
        assert wire.transcript(b.until_ready()) == "T D:4 C:SELECT_1 Z:I"
    clients[0].run("commit")
    assert wire.transcript(clients[2].until_ready()) == "T D:3 C:SELECT_1 Z:I"
    for w in clients:
        w.close()
