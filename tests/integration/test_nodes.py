"""Clusters of several nodes, where role = "auto" (the default) leaves it to Forebay to find the primary; and the ways to name a node."""

import time

import pytest

import harness
import wire
from harness import Background, PASSWORDS, eventually, free_port, run_threads

pytestmark = pytest.mark.proxy

AT_ONCE = 5  # seconds; whoever waited for checkout_timeout would wait for 30


class Refusing:
    """A node on whose port nobody listens."""

    host = "127.0.0.1"

    def __init__(self):
        self.port = free_port()


def by_file(forebay, nodes, role="auto", **sections):
    """Without `role`, as the default is."""
    said = {} if role == "auto" else {"role": role}
    return forebay(nodes=[{"host": n.host, "port": n.port, **said} for n in nodes], **sections)


def by_dsn(forebay, nodes):
    """The nodes on the command line, and no file."""
    proxy = forebay(start=False)
    hosts = ",".join(f"{n.host}:{n.port}" for n in nodes)
    proxy.start(arguments=[harness.BINARY, f"postgres://app:{PASSWORDS['app']}@{hosts}/app", "--listen", f"127.0.0.1:{proxy.port}", "--workers", "2"])
    return proxy


ways = pytest.mark.parametrize("start", [by_file, by_dsn])


def is_served_by(proxy, node):
    """20 clients at once, the first of this proxy among them, get to that node."""
    def one(_):
        with proxy.wire() as w:
            return w.run("select inet_server_port(), pg_is_in_recovery()")

    standby = "f" if node is proxy.cluster.primary else "t"
    assert run_threads(20, one) == [[[str(node.port), standby]]] * 20


def refusal(proxy, count=10):
    """What each of this many clients hears when it asks, which must be at once."""
    def one(_):
        start = time.monotonic()
        with pytest.raises(wire.ServerError) as raised:
            proxy.wire(timeout=40).run("select 1")
        assert time.monotonic() - start < AT_ONCE
        return raised.value

    return run_threads(count, one)


# ---- the primary is found -------------------------------------------------------------------------------------------


@ways
def test_the_primary_comes_last(forebay, cluster, start):
    proxy = start(forebay, [*cluster.replicas, cluster.primary])
    is_served_by(proxy, cluster.primary)
    assert "is a standby" not in proxy.log(), "no client's connection is spent on finding out"


@ways
def test_the_primary_comes_first(forebay, cluster, start):
    proxy = start(forebay, [cluster.primary, *cluster.replicas])
    is_served_by(proxy, cluster.primary)
    assert "is a standby" not in proxy.log()


@ways
def test_the_first_node_refuses_connections(forebay, cluster, start):
    is_served_by(start(forebay, [Refusing(), cluster.primary]), cluster.primary)


@ways
def test_one_node_refuses_and_one_is_a_standby(forebay, cluster, start):
    is_served_by(start(forebay, [Refusing(), cluster.replicas[0], cluster.primary]), cluster.primary)


def test_every_pool_finds_it(forebay, cluster):
    """Of other databases and users too, at the same time."""
    proxy = by_file(forebay, [*cluster.replicas, cluster.primary], general={"workers": 4})

    def one(number):
        with proxy.wire(("app", "app2")[number % 2], ("app", "bench", "other")[number % 3]) as w:
            return w.run("select inet_server_port(), current_user, current_database()")[0]

    rows = run_threads(24, one)
    assert {tuple(r) for r in rows} == {(str(cluster.primary.port), u, d) for u in ("app", "app2") for d in ("app", "bench", "other")}


def test_the_lag_of_a_replica_is_a_number_and_a_primary_has_none(forebay, cluster):
    proxy = by_file(forebay, [*cluster.replicas, cluster.primary])
    is_served_by(proxy, cluster.primary)
    with proxy.wire("admin", "forebay") as w:
        def lags():
            return [(role, ms, size) for _, _, role, _, _, _, ms, size, *_ in w.run("show nodes")]

        eventually(lambda: all(ms and size for role, ms, size in lags() if role == "replica"), what="the lag is known")
        assert [lag for lag in lags() if lag[0] == "primary"] == [("primary", None, None)]
        assert all(ms.isdigit() and size.isdigit() for role, ms, size in lags() if role == "replica")


def test_a_node_said_to_be_the_replica_is_not_tried(forebay, cluster):
    replica, primary = cluster.replicas[0], cluster.primary
    proxy = forebay(nodes=[{"host": replica.host, "port": replica.port, "role": "replica"}, {"host": primary.host, "port": primary.port}])
    is_served_by(proxy, primary)
    assert "is a standby" not in proxy.log()


def test_a_standby_alone_serves(forebay, cluster):
    """With one node there is nothing to choose from: whoever names a standby means it."""
    is_served_by(by_file(forebay, cluster.replicas[:1]), cluster.replicas[0])


# ---- it is not ------------------------------------------------------------------------------------------------------


def waits_in_vain(proxy, sql):
    """Writes are held back for a primary to come, until checkout_timeout."""
    with proxy.wire() as w:
        start = time.monotonic()
        with pytest.raises(wire.ServerError) as raised:
            w.run(sql)
        assert time.monotonic() - start > SOON and raised.value.code == "57P03", raised.value


SOON = 0.4  # seconds; checkout_timeout is a little more
impatient = {"pool": {"size": 10, "checkout_timeout": "500ms"}}


@pytest.mark.parametrize("role", ["auto", "replica"])
def test_all_nodes_are_standbys(forebay, cluster, table, role):
    """They answer what reads; nobody takes what writes."""
    proxy = by_file(forebay, cluster.replicas, role=role, **impatient)
    with proxy.wire() as w:
        eventually(lambda: reads_count(w) == "3", 10, "a read is answered by a standby")
    waits_in_vain(proxy, "insert into items values (4, 'four')")
    assert len(proxy.console("show pools")) >= 1  # the console, which asks for the pools, still answers


def reads_count(w):
    try:
        return w.value("select count(*) from items")
    except wire.ServerError:
        return None


def test_all_nodes_refuse_connections(forebay):
    proxy = by_file(forebay, [Refusing(), Refusing(), Refusing()], **impatient)
    for e in refusal(proxy):
        assert e.code == "57P03", e
    assert all(n["state"] == "down" and "refused" in n["reason"].lower() for n in proxy.console("show nodes"))


def test_the_primary_stops_and_comes_back(forebay, cluster, table):
    """Meanwhile reads are answered by the standby, and a write waits; sessions go on."""
    proxy = by_file(forebay, [cluster.replicas[0], cluster.primary])
    with proxy.wire() as w, proxy.wire() as other:
        w.run("set timezone = 'Asia/Tokyo'")
        other.run("select 1")
        eventually(lambda: proxy.console("show nodes")[0]["routed_reads"] != "0" or not w.run("select count(*) from items"), 10, "a read is answered by a standby")
        try:
            cluster.primary.stop()
            eventually(lambda: proxy.console("show nodes")[1]["state"] == "down", 5, "the primary is seen to be down")
            for _ in range(3):
                assert w.run("select count(*) from items") == [["3"]]
            written = Background(lambda: other.run("insert into items values (4, 'four')"))
            eventually(lambda: [c for c in proxy.console("show clients") if c["state"] == "waiting"], 5, "the write waits")
        finally:
            cluster.primary.start()
        written.result()
        assert cluster.sql("select count(*) as n from items")[0]["n"] == 4
        assert w.value("show timezone") == "Asia/Tokyo"
    proxy.quiet()
    eventually(lambda: len(cluster.sql("select 1 from pg_stat_replication where state = 'streaming'")) == 2, 20, "replicas stream again")


# ---- how a node is named --------------------------------------------------------------------------------------------


class Named:
    """The primary by another name."""

    def __init__(self, host, port):
        self.host, self.port = host, port


def by_name(cluster):
    return Named("localhost", cluster.primary.port)


def by_socket_folder(cluster):
    return Named(cluster.sockets, cluster.primary.port)


names = pytest.mark.parametrize("name", [by_name, by_socket_folder])
UNKNOWN = Named("no-such-host.invalid", 5432)  # RFC 6761: never resolves


@names
@pytest.mark.parametrize("way", ["file", "dsn"])
def test_a_node_is_reached(forebay, cluster, name, way):
    node = name(cluster)
    proxy = by_file(forebay, [node]) if way == "file" else by_dsn(forebay, [Named(node.host.replace("/", "%2F"), node.port)])

    def one(number):
        with proxy.wire() as w:
            address = w.value("select inet_server_addr()")
            assert address == (None if name is by_socket_folder else "127.0.0.1"), address
            return w.value(f"select {number}")

    assert run_threads(20, one) == [str(n) for n in range(20)]


@names
def test_a_query_is_cancelled_there(forebay, cluster, name):
    """A cancel is a connection of its own."""
    proxy = by_file(forebay, [name(cluster)])
    with proxy.wire() as w:
        w.send(wire.query("select pg_sleep(60) /* named */"))
        eventually(lambda: cluster.backends("state = 'active' and query like '%named%'"), what="the query runs")
        proxy.cancel(w)
        assert wire.transcript(w.until_ready()) == "T E:57014 Z:I"


def test_the_socket_folder_of_a_server_that_is_down(forebay, cluster):
    for e in refusal(by_file(forebay, [Named(cluster.sockets, free_port())])):
        assert e.code in ("08006", "57P03") and cluster.sockets in e.fields["M"] and "no such file" in e.fields["M"].lower(), e


@ways
def test_a_name_that_does_not_resolve(forebay, start):
    """Whoever waits hears at once, and what the matter is; so do those who come later."""
    proxy = start(forebay, [UNKNOWN])
    for _ in range(2):
        for e in refusal(proxy):
            assert e.code in ("08006", "57P03"), e  # the latter from the breaker, once it is open
            assert UNKNOWN.host in e.fields["M"] and "not found" in e.fields["M"].lower(), e
    assert "resolve_failed" in proxy.log()


@ways
def test_the_first_name_does_not_resolve(forebay, cluster, start):
    is_served_by(start(forebay, [UNKNOWN, cluster.primary]), cluster.primary)
