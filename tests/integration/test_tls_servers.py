"""TLS to PostgreSQL: every sslmode, certificates both ways, channel binding, and servers that play foul."""

import shutil
import signal
import socket
import ssl
import struct
import threading
from pathlib import Path

import psycopg
import pytest

import harness
import wire
from certificates import Authority, Pair
from fake_server import FakeServer, error, ready
from harness import PASSWORDS, eventually

pytestmark = pytest.mark.proxy

SEES_TLS = "select coalesce((select version || ' ' || coalesce(client_dn, '-') from pg_stat_ssl where pid = pg_backend_pid() and ssl), 'clear')"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


class Server(harness.Cluster):
    """A PostgreSQL of its own that speaks TLS. Its hba rules are what a test says."""

    def __init__(self, ca):
        super().__init__(replicas=1)
        self.ca, self.data = ca, Path(self.dir, "primary")
        self.show(ca.issue("postgres", "localhost", "DNS:localhost,IP:127.0.0.1", kind="rsa"))
        self.put("ca.crt", Path(ca.cert))
        self.sql("create role cert_user login")
        self.sql("alter system set ssl_ca_file = 'ca.crt'")
        self.turn("on")

    def put(self, name, source):
        target = self.data / name
        shutil.copy(source, target)
        owner = self.data.stat()
        shutil.os.chown(target, owner.st_uid, owner.st_gid)
        target.chmod(0o600)

    def show(self, pair):
        self.put("server.crt", pair.cert)
        self.put("server.key", pair.key)

    def reload(self):
        before = self.sql("select pg_conf_load_time()::text t")[0]["t"]
        self.sql("select pg_reload_conf()")
        eventually(lambda: self.sql("select pg_conf_load_time()::text t")[0]["t"] != before, what="PostgreSQL has reloaded")

    def turn(self, on):
        self.sql(f"alter system set ssl = {on}")
        self.reload()
        # Each process reads it when it comes round to it.
        eventually(lambda: self.speaks_tls() == (on == "on"), what=f"ssl is {on}")

    def speaks_tls(self):
        with self.primary.raw() as w:
            w.send(wire.SSL_REQUEST_PACKET)
            return w.read_exactly(1) == b"S"

    def rules(self, *lines):
        """These for TCP before what is there always."""
        rules = self.data / "pg_hba.conf"
        kept = getattr(self, "kept_rules", None) or rules.read_text()
        self.kept_rules = kept
        rules.write_text("\n".join(lines) + "\n" + kept)
        self.reload()


@pytest.fixture(scope="module")
def server(ca):
    made = Server(ca)
    yield made
    made.stop()


@pytest.fixture
def proxy_to(server, request):
    """proxy_to(mode="require", ...): keys of [tls.server]."""
    request.node.proxies = proxies = []

    def start(host="127.0.0.1", more=None, **keys):
        more = {"databases": [{"name": "*", "cluster": "main"}], **(more or {}), "tls.server": keys}
        more.setdefault("nodes", [{"host": host, "port": server.primary.port, "role": "primary"}])
        proxies.append(harness.Forebay(server, **more))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.stop()


def sees(proxy, user="app"):
    with proxy.wire(user) as w:
        return w.value(SEES_TLS)


def fails(proxy, words, user="app"):
    with pytest.raises(wire.ServerError) as raised:
        proxy.wire(user)
    assert words in raised.value.fields["M"], raised.value.fields["M"]


# ---- modes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode, with_tls, without", [
    ("disable", "clear", "clear"), ("allow", "clear", "clear"), ("prefer", "TLSv1.3 -", "clear"),
    ("require", "TLSv1.3 -", None), ("verify-ca", "TLSv1.3 -", None), ("verify-full", "TLSv1.3 -", None)])
def test_modes(server, ca, proxy_to, mode, with_tls, without):
    proxy = proxy_to(mode=mode, **({"ca_file": ca.cert} if mode.startswith("verify") else {}))
    assert sees(proxy) == with_tls
    shown = [r["tls"] for r in proxy.console("SHOW SERVERS") if r["database"] == "app"]
    assert shown and all(t.startswith("TLSv1.3/TLS_") if with_tls != "clear" else t == "" for t in shown)
    server.turn("off")
    try:
        proxy.console("RECONNECT")
        eventually(lambda: not server.backends(), what="all are closed")
        if without:
            assert sees(proxy) == without
        else:
            with pytest.raises(wire.ServerError, match="does not offer TLS"), proxy.wire() as w:
                w.value("select 1")
    finally:
        server.turn("on")


@pytest.mark.parametrize("mode, rule, expected", [
    ("allow", "hostssl", "TLSv1.3 -"), ("allow", "hostnossl", "clear"),
    ("prefer", "hostssl", "TLSv1.3 -"), ("prefer", "hostnossl", "clear"),
    ("require", "hostnossl", None), ("disable", "hostssl", None)])
def test_what_the_server_wants(server, proxy_to, mode, rule, expected):
    server.rules(f"{rule} all app2 127.0.0.1/32 scram-sha-256", "host all app2 127.0.0.1/32 reject")
    proxy = proxy_to(mode=mode)
    if expected:
        assert sees(proxy, "app2") == expected
    else:
        fails(proxy, "pg_hba.conf rejects connection", "app2")
    server.rules()


def test_verification(server, ca, proxy_to, tmp_path):
    stranger = Authority(tmp_path, "stranger")
    fails(proxy_to(mode="verify-ca", ca_file=stranger.cert), "certificate verify failed")
    assert sees(proxy_to(mode="verify-full", ca_file=ca.cert, host="localhost")) == "TLSv1.3 -"
    server.show(ca.issue("elsewhere", "elsewhere", "DNS:elsewhere,IP:127.0.0.9"))
    server.reload()
    try:
        assert sees(proxy_to(mode="verify-ca", ca_file=ca.cert)) == "TLSv1.3 -"
        fails(proxy_to(mode="verify-full", ca_file=ca.cert), "IP address mismatch")
        fails(proxy_to(mode="verify-full", ca_file=ca.cert, host="localhost"), "hostname mismatch")
        revoked = ca.issue("revoked", "localhost", "DNS:localhost,IP:127.0.0.1")
        server.show(revoked)
        server.reload()
        assert sees(proxy_to(mode="verify-full", ca_file=ca.cert)) == "TLSv1.3 -"
        fails(proxy_to(mode="verify-full", ca_file=ca.cert, crl_file=ca.revoke(revoked)), "certificate revoked")
    finally:
        server.show(ca.issue("postgres", "localhost", "DNS:localhost,IP:127.0.0.1", kind="rsa"))
        server.reload()


def test_versions_and_ciphers(proxy_to):
    proxy = proxy_to(mode="require", min_version="1.3", ciphersuites="TLS_CHACHA20_POLY1305_SHA256")
    assert sees(proxy) == "TLSv1.3 -"
    assert {r["tls"] for r in proxy.console("SHOW SERVERS")} == {"TLSv1.3/TLS_CHACHA20_POLY1305_SHA256"}


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_cert_login(server, ca, proxy_to, kind):
    """PostgreSQL lets in whoever has the certificate: the role has no password at all."""
    server.rules("hostssl all cert_user 127.0.0.1/32 cert")
    own = ca.issue(f"cert_user_{kind}", "cert_user", kind=kind)
    users = {"users": [{"name": "cert_user", "password": "of the client"}, {"name": "admin", "password": PASSWORDS["admin"], "admin": True}]}
    proxy = proxy_to(mode="verify-full", ca_file=ca.cert, cert_file=own.cert, key_file=own.key, more=users)
    with proxy.wire("cert_user", password="of the client") as w:
        assert w.value(SEES_TLS) == "TLSv1.3 /CN=cert_user"
    bare = proxy_to(mode="require", more=users)
    with pytest.raises(wire.ServerError, match="client certificate"):
        bare.wire("cert_user", password="of the client")
    server.rules()


def test_per_cluster(server, ca, proxy_to):
    proxy = proxy_to(mode="disable", more={"cluster_keys": {"tls": {"mode": "verify-full", "ca_file": ca.cert}}})
    assert sees(proxy) == "TLSv1.3 -"


def test_watched_over_tls(server, ca, proxy_to):
    """The monitor's connections have the cluster's settings as well."""
    nodes = [{"host": n.host, "port": n.port} for n in server.nodes.values()]
    server.rules("hostnossl all all 127.0.0.1/32 reject")
    try:
        proxy = proxy_to(mode="require", more={"nodes": nodes, "cluster_keys": {"user": "app", "password": PASSWORDS["app"]}})
        eventually(lambda: server.backends("application_name = 'forebay monitor'"), what="the primary is watched")
        assert sees(proxy) == "TLSv1.3 -"
    finally:
        server.rules()


def test_dsn(server, ca, request):
    def start(query):
        proxy = harness.Forebay(server, start=False)
        request.node.proxies = [proxy]
        dsn = f"postgres://app:{PASSWORDS['app']}@localhost:{server.primary.port}/app?{query}"
        proxy.start(arguments=[harness.BINARY, dsn, "--listen", f"127.0.0.1:{proxy.port}"])
        return proxy

    proxy = start(f"sslmode=verify-full&sslrootcert={ca.cert}")
    try:
        assert sees(proxy) == "TLSv1.3 -"
    finally:
        proxy.stop()


def test_large_both_ways(proxy_to):
    proxy = proxy_to(mode="require")
    with proxy.wire() as w:
        big = "y" * 3_000_000
        assert w.value(f"select md5('{big}') = md5(repeat('y', 3000000))") == "t"
        assert w.value("select repeat('z', 20000000)") == "z" * 20_000_000
    with proxy.connect() as c, c.cursor() as cursor:
        cursor.execute("create temp table t (a text)")
        with cursor.copy("copy t from stdin") as copy:
            for _ in range(2000):
                copy.write("x" * 1000 + "\n")
        assert cursor.execute("select sum(length(a)) from t").fetchone() == (2_000_000,)


def test_connections_change_workers(server, proxy_to):
    """Few connections, many clients on several workers: each is taken over while it is idle."""
    proxy = proxy_to(mode="require", more={"general": {"workers": 4}, "pool": {"size": 2}})

    def work(number):
        with proxy.wire() as w:
            for i in range(150):
                assert w.value(f"select {number} * 1000 + {i}") == str(number * 1000 + i)

    harness.run_threads(8, work)
    assert len(server.backends()) <= 2


# ---- channel binding ------------------------------------------------------------------------------------------------


def scripted(proxy_to, ca, serve, sections=None, **keys):
    """A proxy of a server that is a script, behind real TLS."""
    server = FakeServer(serve)
    return server, proxy_to(more={"nodes": [{"host": "127.0.0.1", "port": server.port, "role": "primary"}], **(sections or {})},
                            **{"mode": "verify-full", "ca_file": ca.cert, **keys})


def tls_context(pair):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pair.cert, pair.key)
    return made


def begin_tls(c, made):
    assert c.read_exactly(8) == wire.SSL_REQUEST_PACKET
    c.send(b"S")
    c.socket = made.wrap_socket(c.socket, server_side=True)


@pytest.mark.parametrize("whose", ["the server's", "another"])
def test_binds_to_a_real_server(server, ca, proxy_to, whose):
    """Somebody in between who passes on what both say is let in with the server's own certificate and key, and is found out
    with another that the proxy trusts as much: the login is bound to what the proxy saw."""
    pair = (Pair(server.data, "server") if whose == "the server's" else ca.issue("between", "localhost", "IP:127.0.0.1"))
    made = tls_context(pair)

    def serve(c, _):
        begin_tls(c, made)
        with server.primary.raw() as inner:
            inner.secure(ssl._create_unverified_context(ssl.PROTOCOL_TLS_CLIENT))

            def pump(a, b):
                try:
                    while data := a.recv(65536):
                        b.sendall(data)
                except OSError:
                    pass
                for s in (a, b):
                    try:
                        s.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass

            back = threading.Thread(target=pump, args=(inner.socket, c.socket), daemon=True)
            back.start()
            pump(c.socket, inner.socket)
            back.join(10)

    between, proxy = scripted(proxy_to, ca, serve)
    if whose == "the server's":
        assert sees(proxy) == "TLSv1.3 -"
    else:
        fails(proxy, "channel binding check failed")
    proxy.stop()
    between.stop()


@pytest.mark.parametrize("offers, chosen", [
    ([b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"], (b"SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,")),
    ([b"SCRAM-SHA-256", b"SCRAM-SHA-256-PLUS"], (b"SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,")),
    ([b"SCRAM-SHA-256"], (b"SCRAM-SHA-256", b"y,,"))])
def test_what_is_chosen(ca, proxy_to, offers, chosen):
    made = tls_context(ca.issue("fake", "localhost", "IP:127.0.0.1"))
    seen = []

    def serve(c, _):
        begin_tls(c, made)
        c.read_startup()
        c.send(wire.message("R", struct.pack("!I", 10) + b"".join(o + b"\0" for o in offers) + b"\0"))
        body = c.receive().body
        mechanism, rest = body.split(b"\0", 1)
        seen.append((mechanism, rest[4:rest.index(b"n=")]))

    server, proxy = scripted(proxy_to, ca, serve)
    with pytest.raises(wire.ServerError):
        proxy.wire()
    assert seen[0] == chosen
    server.stop()


# ---- cancel requests ------------------------------------------------------------------------------------------------


def test_a_cancel_goes_by_tls(ca, proxy_to):
    made = tls_context(ca.issue("fake", "localhost", "IP:127.0.0.1"))
    asked, cancelled = [], []

    def serve(c, _):
        begin_tls(c, made)  # fails where the request comes in clear
        if not c.read_startup():
            cancelled.append((c.cancelled, c.socket.version()))
            return
        c.greet()
        c.receive()
        asked.append(True)
        eventually(lambda: cancelled, what="the request has come")
        c.send(error(code="57014"), ready())
        c.until_closed()

    server, proxy = scripted(proxy_to, ca, serve)
    with proxy.wire() as w:
        w.send(wire.query("select 1"))
        eventually(lambda: asked, what="it runs")
        proxy.cancel(w)
        assert [m.fields["C"] for m in w.until_ready() if m.kind == "E"] == ["57014"]
    assert cancelled == [(struct.pack("!II", 4711, 815), "TLSv1.3")]
    assert server.connections == 2 and not server.failures
    server.stop()


def test_a_cancel_of_what_is_secured_never_goes_in_clear(ca, proxy_to):
    """prefer would let a connection go in clear: the key of one that is secured does not."""
    made = tls_context(ca.issue("fake", "localhost", "IP:127.0.0.1"))
    asked, leaked = [], []

    def serve(c, number):
        if number > 0:
            assert c.read_exactly(8) == wire.SSL_REQUEST_PACKET
            c.send(b"N")
            leaked.append(c.socket.recv(100))
            return
        begin_tls(c, made)
        c.read_startup()
        c.greet()
        c.receive()
        asked.append(True)
        eventually(lambda: leaked, what="the request has come")
        c.answer_one_row()
        c.until_closed()

    server, proxy = scripted(proxy_to, ca, serve, mode="prefer")
    with proxy.wire() as w:
        w.send(wire.query("select 1"))
        eventually(lambda: asked, what="it runs")
        proxy.cancel(w)
        w.until_ready()
    assert leaked == [b""] and "cancel_failed" in proxy.log()
    server.stop()


# ---- servers that play foul -----------------------------------------------------------------------------------------


def test_bytes_before_the_handshake_are_refused(ca, proxy_to):
    """CVE-2021-23222: what somebody puts behind the S would be taken for the server's."""
    def serve(c, _):
        assert c.read_exactly(8) == wire.SSL_REQUEST_PACKET
        c.send(b"S" + wire.message("R", struct.pack("!I", 0)))
        c.read_exactly(1)

    server, proxy = scripted(proxy_to, ca, serve, mode="require")
    fails(proxy, "neither yes nor no")
    server.stop()


@pytest.mark.parametrize("mode", ["prefer", "require"])
@pytest.mark.parametrize("answer", [b"E" + b"Fforged text\0\0", b"X", b"\x16\x03\x01", b"NN"])
def test_other_answers(ca, proxy_to, answer, mode):
    """CVE-2024-10977: an error message here comes from nobody knows whom, so its text goes nowhere."""
    def serve(c, _):
        if c.read_exactly(8) == wire.SSL_REQUEST_PACKET:
            c.send(answer)

    server, proxy = scripted(proxy_to, ca, serve, mode=mode)
    with pytest.raises(wire.ServerError) as raised:
        proxy.wire()
    assert "forged" not in str(raised.value) and "forged" not in proxy.log()
    server.stop()


def test_what_we_cannot_answer_is_not_tried_in_clear(ca, proxy_to):
    """28000 in the server's words may mean "without TLS"; where it is ours (GSSAPI is not supported) it does not."""
    made = tls_context(ca.issue("fake", "localhost", "IP:127.0.0.1"))

    def serve(c, _):
        begin_tls(c, made)
        c.read_startup()
        c.send(wire.message("R", struct.pack("!I", 7)))
        c.until_closed()

    server, proxy = scripted(proxy_to, ca, serve, mode="prefer")
    fails(proxy, "GSSAPI")
    assert not server.failures
    server.stop()


@pytest.mark.parametrize("junk", [b"\x00" * 200, b"\x16\x03\x03\xff\xff" + b"a" * 100, b"\x15\x03\x03\x00\x02\x02\x28", b""])
def test_garbage_in_the_handshake(ca, proxy_to, junk):
    def serve(c, _):
        assert c.read_exactly(8) == wire.SSL_REQUEST_PACKET
        c.send(b"S")
        c.read_exactly(5)
        c.send(junk)

    server, proxy = scripted(proxy_to, ca, serve)
    fails(proxy, "could not secure the connection")
    server.stop()


def test_a_silent_handshake_ends_with_the_connect_time(ca, proxy_to):
    def serve(c, _):
        assert c.read_exactly(8) == wire.SSL_REQUEST_PACKET
        c.send(b"S")
        c.until_closed()

    server, proxy = scripted(proxy_to, ca, serve, sections={"pool": {"server_connect_timeout": "1s"}})
    fails(proxy, "timeout")
    server.stop()


# ---- idle connections, and what comes on them -----------------------------------------------------------------------


def test_tickets_and_resumption(ca, proxy_to):
    """A server that hands out session tickets: they come on a connection that is idle by then, and do it no harm; the next
    connection shows one."""
    made = tls_context(ca.issue("fake", "localhost", "IP:127.0.0.1"))
    made.num_tickets = 2
    resumed = []

    def serve(c, _):
        begin_tls(c, made)
        resumed.append(c.socket.session_reused)
        c.read_startup()
        c.greet()
        while (m := c.receive()).kind == "Q":
            c.answer_one_row(str(len(resumed)))
            if b"bye" in m.body:
                return

    server, proxy = scripted(proxy_to, ca, serve)
    with proxy.wire() as w:
        for _ in range(5):
            assert w.value("select 1") == "1"
        assert w.value("select 'bye'") == "1"
        eventually(lambda: proxy.pool()["sv_idle"] == 0, 10, "the server has gone")
        assert w.value("select 1") == "2"
    assert resumed == [False, True]
    server.stop()


def test_a_goodbye_while_idle(ca, proxy_to):
    """close_notify and the end: the connection is replaced unseen."""
    made = tls_context(ca.issue("fake", "localhost", "IP:127.0.0.1"))
    gone = []

    def serve(c, number):
        begin_tls(c, made)
        c.read_startup()
        c.greet()
        c.receive()
        c.answer_one_row(str(number))
        if number == 0:
            c.socket.settimeout(2)
            try:
                c.socket.unwrap()
            except OSError:
                pass
            gone.append(number)
            return
        c.until_closed()

    server, proxy = scripted(proxy_to, ca, serve)
    with proxy.wire() as w:
        assert w.value("select 1") == "0"
        eventually(lambda: gone, what="the server has left")
        assert w.value("select 1") == "1"
    server.stop()


# ---- reload ---------------------------------------------------------------------------------------------------------


def test_reload(server, ca, proxy_to, tmp_path):
    """Without a change connections stay; with one they are replaced as they come back, and transactions end in peace."""
    trusted = tmp_path / "trusted.crt"
    trusted.write_bytes(Path(ca.cert).read_bytes())
    proxy = proxy_to(mode="verify-full", ca_file=str(trusted))
    with proxy.wire() as w:
        pid = w.value("select pg_backend_pid()")
        proxy.signal(signal.SIGHUP)
        eventually(lambda: proxy.log().count(" reloaded ") == 1, what="reloaded")
        assert w.value("select pg_backend_pid()") == pid
        w.run("begin")
        trusted.write_bytes(Path(ca.cert).read_bytes() + Path(Authority(tmp_path, "second").cert).read_bytes())
        proxy.signal(signal.SIGHUP)
        eventually(lambda: proxy.log().count(" reloaded ") == 2, what="reloaded")
        assert w.value("select pg_backend_pid()") == pid
        w.run("commit")
        assert w.value("select pg_backend_pid()") != pid
        trusted.write_text("not a certificate")
        proxy.signal(signal.SIGHUP)
        eventually(lambda: "reload_refused" in proxy.log(), what="refused")
        assert w.value(SEES_TLS) == "TLSv1.3 -"


def test_strict_on_both_sides(server, ca, proxy_to):
    own = ca.issue("proxy", "localhost", "DNS:localhost")
    proxy = proxy_to(mode="verify-full", ca_file=ca.cert,
                     more={"tls.client": {"mode": "require", "cert_file": own.cert, "key_file": own.key}})
    with psycopg.connect(host="localhost", port=proxy.port, user="app", password=PASSWORDS["app"], dbname="app", sslmode="verify-full",
                         sslrootcert=ca.cert, channel_binding="require") as c:
        assert c.execute(SEES_TLS).fetchone() == ("TLSv1.3 -",)
