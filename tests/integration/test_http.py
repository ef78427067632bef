"""The pages over HTTP: what they say, how they are told, and who cannot hurt them."""

import contextlib
import gzip
import http.client
import json
import os
import signal
import socket
import zlib

import pytest
from prometheus_client.parser import text_string_to_metric_families

import harness
from harness import eventually, free_port
from where import all_nodes, until_reads_go_to_replicas

pytestmark = pytest.mark.proxy


@pytest.fixture
def pages(forebay):
    """A factory of proxies with pages: proxy.http is their port."""
    def start(**sections):
        port = free_port()
        proxy = forebay(http={"address": f"127.0.0.1:{port}"}, **sections)
        proxy.http = port
        return proxy
    return start


def get(proxy, path, method="GET", **headers):
    """(status, header fields, body)"""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", proxy.http, timeout=10)) as c:
        c.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        r = c.getresponse()
        return r.status, dict(r.getheaders()), r.read()


def metrics(proxy):
    """{(name, labels as sorted pairs): value}, by Prometheus' own parser."""
    status, headers, body = get(proxy, "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(body.decode()))
    names = [f.name for f in families]
    assert len(set(names)) == len(names) and all(f.documentation for f in families)
    return {(s.name, *sorted(s.labels.items())): s.value for f in families for s in f.samples}


def value(found, name, **labels):
    return found.get((name, *sorted(labels.items())))


def show(proxy, what):
    with proxy.connect("admin", "forebay") as c:
        cursor = c.execute(f"show {what}")
        names = [d.name for d in cursor.description]
        return [dict(zip(names, r)) for r in cursor.fetchall()]


def test_each_page_is_there(pages):
    proxy = pages()
    assert get(proxy, "/health")[::2] == (200, b"ok\n")
    assert get(proxy, "/ready?by=me")[::2] == (200, b"ok\n")
    assert all(page in get(proxy, "/")[2].decode().split() for page in ("/metrics", "/health", "/ready", "/status"))
    status, headers, body = get(proxy, "/status")
    told = json.loads(body)
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert told["ready"] and not told["draining"] and told["clients"] == 0 and told["max_clients"] == 2000
    node = told["clusters"][0]["nodes"][0]
    assert node["up"] and node["role"] == "primary" and node["writes_breaker"] == "closed"
    assert get(proxy, "/nothing")[0] == 404
    assert get(proxy, "/metrics", "DELETE")[0] == 405 and get(proxy, "/metrics", "DELETE")[1]["Allow"] == "GET, HEAD"
    status, headers, body = get(proxy, "/health", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "3", b"")


def test_the_counters_are_those_of_the_console(pages):
    proxy = pages()
    with proxy.connect() as c:
        for n in range(7):
            c.execute(f"select {n}")
        with c.transaction():
            c.execute("select 1")
    proxy.quiet()
    found = metrics(proxy)
    stats = next(r for r in show(proxy, "stats") if r["database"] == "app")
    for name, column in (("queries", "total_query_count"), ("transactions", "total_xact_count"), ("received_bytes", "total_received"),
                         ("sent_bytes", "total_sent"), ("server_assignments", "total_server_assignment_count")):
        assert value(found, f"forebay_{name}_total", database="*") == stats[column] > 0, name
    assert value(found, "forebay_query_seconds_total", database="*") == pytest.approx(stats["total_query_time"] / 1e6)
    assert value(found, "forebay_info", version="0.1.0") == 1 and value(found, "forebay_workers") == 2
    assert abs(value(found, "process_open_fds") - len(os.listdir(f"/proc/{proxy.pid}/fd"))) <= 1  # the scrape's own
    assert value(found, "process_resident_memory_bytes") > 1e6


def test_clients_and_connections_by_their_state(pages, cluster):
    proxy = pages(pool={"size": 1}, databases=[{"name": "app", "cluster": "main"}, {"name": "*", "cluster": "main"}])
    node = f"{cluster.primary.host}:{cluster.primary.port}"
    with proxy.wire() as holder, proxy.wire() as idle, proxy.wire() as waiter, proxy.wire(dbname="postgres", user="postgres"):
        holder.run("begin")
        waiter.send(harness.wire.query("select 1"))

        def all_there():
            found = metrics(proxy)
            clients = {state: value(found, "forebay_clients", database="app", state=state) for state in ("active", "idle", "waiting")}
            return clients == {"active": 1, "idle": 1, "waiting": 1} and found
        found = eventually(all_there, 10, "each client is in its state")
        assert value(found, "forebay_clients", database="*", state="idle") == 1
        assert value(found, "forebay_server_connections", database="app", node=node, state="active") == 1
        assert value(found, "forebay_waiting_clients", database="app", node=node) == 1
        assert value(found, "forebay_max_wait_seconds", database="app", node=node) > 0
        holder.run("rollback")
        waiter.until_ready()


def test_labels_are_not_what_clients_say(pages, cluster):
    """10,000 names of databases that are not there, or are by "*" only, are one label."""
    proxy = pages()
    for n in range(20):
        with contextlib.suppress(Exception):
            proxy.connect(dbname=f"made_up_{n}").close()
    with proxy.connect(dbname="postgres", user="postgres") as c:
        c.execute("select 1")
    labels = {label for key in metrics(proxy) for label in key[1:] if label[0] == "database"}
    assert labels <= {("database", "*"), ("database", "forebay"), ("database", "")}, labels


def test_the_nodes_and_where_requests_went(pages, cluster):
    proxy = pages(nodes=all_nodes(cluster), routing={"read_your_writes": "off"})
    until_reads_go_to_replicas(proxy)
    with proxy.connect() as c:
        for _ in range(10):
            c.execute("select 1")
        c.execute("create temporary table gone_soon ()")
    found = metrics(proxy)
    for n in show(proxy, "nodes"):
        of = {"cluster": n["cluster"], "node": n["node"]}
        assert value(found, "forebay_node_up", **of) == 1 and value(found, "forebay_node_drained", **of) == 0
        assert value(found, "forebay_node_primary", **of) == (n["role"] == "primary")
        assert value(found, "forebay_node_reads_total", **of) == n["routed_reads"] and value(found, "forebay_node_writes_total", **of) == n["routed_writes"]
        assert (value(found, "forebay_node_replay_lag_seconds", **of) is None) == (n["role"] == "primary")
        for direction in ("reads", "writes"):
            assert value(found, "forebay_breaker_state", direction=direction, **of) == 0
    routed = {dict(k[1:])["reason"]: v for k, v in found.items() if k[0] == "forebay_routed_to_primary_total"}
    assert routed == {r["reason"]: r["requests"] for r in show(proxy, "routes") if r["to"] == "primary"} and routed


def test_ready_tells_when_no_node_serves(pages):
    proxy = pages(nodes=[{"host": "127.0.0.1", "port": free_port()}], pool={"server_connect_timeout": "1s"}, breaker={"failure_threshold": 2, "open_time": "30s"})
    for _ in range(4):
        with pytest.raises(harness.psycopg.Error):
            proxy.connect()
    status, _, body = eventually(lambda: (told := get(proxy, "/ready"))[0] == 503 and told, 10, "it is not ready")
    assert status == 503 and b"cluster main" in body
    assert get(proxy, "/health")[0] == 200


def test_pages_are_there_while_it_shuts_down(pages):
    proxy = pages(general={"shutdown_timeout": "20s"})
    with proxy.wire() as w:
        w.run("begin")
        proxy.process.send_signal(signal.SIGTERM)
        eventually(lambda: get(proxy, "/ready")[0] == 503, 10, "it says so")
        assert b"shutting down" in get(proxy, "/ready")[2] and get(proxy, "/health")[0] == 200
        assert value(metrics(proxy), "forebay_draining") == 1
        w.run("commit")
    proxy.process.wait(10)


def test_pages_are_compressed_and_not_sent_twice(pages):
    proxy = pages()
    status, headers, body = get(proxy, "/metrics", Accept_Encoding="gzip;q=0.5, deflate;q=0.9, br;q=0")
    assert headers["Content-Encoding"] == "deflate" and b"forebay_info" in zlib.decompress(body)
    status, headers, body = get(proxy, "/metrics", Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip" and b"forebay_info" in gzip.decompress(body) and headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in get(proxy, "/health", Accept_Encoding="gzip")[1]  # not worth it
    tag = get(proxy, "/health")[1]["ETag"]
    status, headers, body = get(proxy, "/health", If_None_Match=f'"other", W/{tag}')
    assert (status, body) == (304, b"") and "Content-Length" not in headers and headers["ETag"] == tag
    assert get(proxy, "/health", If_None_Match='"other"')[0] == 200


def raw(proxy, data=b""):
    s = socket.create_connection(("127.0.0.1", proxy.http), timeout=10)
    s.sendall(data)
    return s


def until_closed(s):
    """All that comes."""
    found = b""
    with contextlib.closing(s), contextlib.suppress(ConnectionResetError):
        while piece := s.recv(65536):
            found += piece
    return found


@pytest.mark.parametrize("sent, status", [
    (b"nonsense\r\n\r\n", 400), (b"GET /health HTTP/1.1\r\n" + b"X: " + b"y" * 100000, 431), (b"\x00\x00\x00\x08\x04\xd2\x16\x2f" * 2, 400),
    (b"POST /health HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", 405), (b"GET /health HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", 400),
    (b"GET /health HTTP/9.9\r\n\r\n", 400)], ids=["no HTTP", "a large header", "startup packets", "a body", "a body of GET", "a wrong version"])
def test_what_is_wrong_ends_that_connection_alone(pages, sent, status):
    proxy = pages()
    with contextlib.closing(raw(proxy)) as other:
        s = raw(proxy, sent)
        s.shutdown(socket.SHUT_WR)
        assert until_closed(s).startswith(b"HTTP/1.1 %d " % status)
        other.sendall(b"GET http://here/health?now HTTP/1.1\r\n\r\n")
        assert other.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert get(proxy, "/health")[0] == 200


def test_a_connection_is_kept_and_requests_may_follow_at_once(pages):
    proxy = pages()
    with contextlib.closing(raw(proxy, b"GET /health HTTP/1.1\r\n\r\n" * 3 + b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")) as s:
        assert until_closed(s).count(b"HTTP/1.1 200 ") == 4


def test_silent_connections_do_not_take_the_places_of_others(pages):
    """One too many takes that of the one that has waited longest; clients of PostgreSQL do not notice."""
    proxy = pages()
    kept = [raw(proxy, b"GET /hea") for _ in range(64)]
    try:
        for _ in range(3):
            assert get(proxy, "/health")[0] == 200
        assert until_closed(kept[0]) == b""
        kept[-1].sendall(b"lth HTTP/1.1\r\n\r\n")
        assert kept[-1].recv(4096).startswith(b"HTTP/1.1 200 ")
        with proxy.connect() as c:
            assert c.execute("select 1").fetchone() == (1,)
    finally:
        for s in kept:
            s.close()


def test_no_counter_ever_falls(pages):
    """Whoever asks for databases that are not there waits, and leaves what was counted."""
    proxy = pages()
    before = {}
    for n in range(8):
        with contextlib.suppress(harness.psycopg.Error):
            proxy.connect(dbname=f"made_up_{n}").close()
        if n == 4:
            proxy.process.send_signal(signal.SIGHUP)
        found = {k: v for k, v in metrics(proxy).items() if k[0].endswith("_total") and not k[0].startswith("process_")}
        assert not [(k, v, found.get(k)) for k, v in before.items() if found.get(k, 0) < v]
        before = found
    assert value(before, "forebay_wait_seconds_total", database="*") > 0


def test_a_drained_node_is_not_ready(pages, cluster):
    proxy = pages(nodes=all_nodes(cluster))
    until_reads_go_to_replicas(proxy)
    with proxy.connect("admin", "forebay") as c:
        for n in (*cluster.replicas, cluster.primary):
            assert get(proxy, "/ready")[0] == 200
            c.execute(f"node drain {n.host}:{n.port}")
        eventually(lambda: get(proxy, "/ready")[0] == 503, 10, "nobody serves")
        c.execute(f"node resume {cluster.primary.host}:{cluster.primary.port}")
        eventually(lambda: get(proxy, "/ready")[0] == 200, 10, "one serves again")


def test_no_secret_is_on_a_page(pages, cluster):
    proxy = pages(nodes=all_nodes(cluster))
    with proxy.connect() as c:
        c.execute("select 'between us'")
    told = b"".join(get(proxy, page)[2] for page in ("/", "/metrics", "/status", "/ready"))
    assert not [secret for secret in (*harness.PASSWORDS.values(), "between us") if secret.encode() in told]


def test_an_address_in_use_is_told(forebay):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        proxy = forebay(http={"address": "127.0.0.1:%d" % taken.getsockname()[1]}, start=False)
        proxy.expected_exit = 1
        proxy.start(wait=False)
        assert proxy.process.wait(10) == 1
        assert "listen_failed" in proxy.log() and "(http)" in proxy.log() and "in use" in proxy.log()
