"""TLS of clients: which are let in, what they may have, and what happens to those who play foul."""

import asyncio
import os
import signal
import socket
import ssl
import struct
import threading
from pathlib import Path

import asyncpg
import psycopg
import pytest

import wire
from certificates import Authority
from harness import PASSWORDS, eventually, memory, run

pytestmark = pytest.mark.proxy


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def pair(ca):
    """A server's, for localhost."""
    return ca.issue("server", "localhost", "DNS:localhost,IP:127.0.0.1")


@pytest.fixture
def secured(forebay, pair):
    """secured(mode="require", ...) starts a proxy that speaks TLS; keywords are keys of [tls.client], sections in `more`."""
    def start(more=None, **keys):
        return forebay(**{**(more or {}), "tls.client": {"mode": "require", "cert_file": pair.cert, "key_file": pair.key, **keys}})
    return start


def context(ca=None, pair=None, **attributes):
    made = ssl.create_default_context(cafile=ca.cert) if ca else ssl._create_unverified_context(ssl.PROTOCOL_TLS_CLIENT)
    if pair:
        made.load_cert_chain(pair.cert, pair.key)
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def alpn(made, *names):
    made.set_alpn_protocols(list(names))
    return made


def login(proxy, made, user="app", server_hostname="localhost", direct=False, **more):
    w = proxy.raw()
    try:
        (w.secure_directly if direct else w.secure)(made, server_hostname)
        return w.login(user, "app", PASSWORDS.get(user), **more)
    except BaseException:
        w.close()
        raise


# ---- clients that are let in ----------------------------------------------------------------------------------------


def test_psql(secured):
    proxy = secured()
    done = proxy.psql("select 40 + 2", PGSSLMODE="require")
    assert done.stdout.strip() == "42"
    with proxy.connect(sslmode="require"):
        row = next(r for r in proxy.console("SHOW CLIENTS", secure=True) if r["user"] == "app")
        assert row["tls"].startswith("TLSv1.3/TLS_")


@pytest.mark.parametrize("kind", ["ec", "rsa", "p384", "ed25519"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_kinds_of_keys(forebay, ca, kind, version):
    pair = ca.issue(f"server-{kind}-{version}", "localhost", "DNS:localhost", kind=kind)
    proxy = forebay(**{"tls.client": {"mode": "require", "cert_file": pair.cert, "key_file": pair.key}})
    at = ssl.TLSVersion.TLSv1_2 if version == "1.2" else ssl.TLSVersion.TLSv1_3
    with login(proxy, context(ca, minimum_version=at, maximum_version=at)) as w:
        assert w.socket.version() == f"TLSv{version}"
        assert w.value("select repeat('x', 100000)") == "x" * 100000  # many records


def test_psycopg_as_strict_as_can_be(secured, ca):
    proxy = secured()
    strict = {"host": "localhost", "sslmode": "verify-full", "sslrootcert": ca.cert, "channel_binding": "require"}
    with proxy.connect(**strict) as c:
        assert c.execute("select 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="certificate"):
        proxy.connect(**{**strict, "host": "127.0.0.2", "hostaddr": "127.0.0.1"})
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        proxy.connect(**strict, password="wrong")


def test_asyncpg(secured, ca):
    proxy = secured()

    async def talk():
        c = await asyncpg.connect(host="localhost", port=proxy.port, user="app", password=PASSWORDS["app"], database="app",
                                  ssl=context(ca), statement_cache_size=10)
        try:
            return await c.fetchval("select $1::int + 1", 41)
        finally:
            await c.close()

    assert asyncio.run(talk()) == 42


@pytest.mark.parametrize("mode", ["allow", "prefer"])
def test_both_ways(secured, mode):
    proxy = secured(mode=mode)
    assert proxy.psql("select 1", PGSSLMODE="require").stdout.strip() == "1"
    assert proxy.psql("select 1", PGSSLMODE="disable").stdout.strip() == "1"


def test_require(secured):
    proxy = secured()
    with pytest.raises(wire.ServerError) as refused:
        proxy.wire()
    assert refused.value.code == "28000" and "TLS is required" in refused.value.fields["M"]


def test_disable(forebay):
    proxy = forebay()
    w = proxy.raw()
    w.send(wire.SSL_REQUEST_PACKET)
    assert w.read_exactly(1) == b"N"
    w.close()


def test_unix_socket_needs_none(secured, tmp_path):
    os.chmod(tmp_path, 0o755)
    proxy = secured({"listen": {"unix_socket_dir": str(tmp_path)}})
    with wire.Wire(str(tmp_path), proxy.port) as w:
        w.send(wire.SSL_REQUEST_PACKET)
        assert w.read_exactly(1) == b"N"
        assert w.login("app", "app", PASSWORDS["app"]).value("select 1") == "1"


def test_direct(secured, ca):
    proxy = secured()
    with login(proxy, alpn(context(ca), "postgresql"), direct=True) as w:
        assert w.socket.selected_alpn_protocol() == "postgresql"
        assert w.value("select 1") == "1"
    # Without naming its protocol, as PostgreSQL 17.
    with pytest.raises((wire.ServerError, wire.Closed)) as refused:
        login(proxy, context(ca), direct=True)
    assert "ALPN" in str(refused.value)
    with pytest.raises((ssl.SSLError, wire.Closed)):
        login(proxy, alpn(context(ca), "http/1.1"), direct=True)
    with pytest.raises((ssl.SSLError, wire.Closed)):
        login(proxy, alpn(context(ca), "http/1.1"))
    # Named by SSLRequest, ALPN may be there or not.
    login(proxy, alpn(context(ca), "postgresql")).close()


def test_versions_and_ciphers(secured, ca):
    proxy = secured(min_version="1.3", ciphersuites="TLS_CHACHA20_POLY1305_SHA256")
    with login(proxy, context(ca)) as w:
        assert w.socket.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        login(proxy, context(ca, maximum_version=ssl.TLSVersion.TLSv1_2))
    proxy.write_config(**{"tls.client": {"min_version": "1.2", "ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"}})
    proxy.signal(signal.SIGHUP)

    def chosen():
        with login(proxy, context(ca, maximum_version=ssl.TLSVersion.TLSv1_2)) as w:
            return w.socket.cipher()[0]

    eventually(lambda: " reloaded " in proxy.log(), what="reloaded")
    assert chosen() == "ECDHE-ECDSA-AES128-GCM-SHA256"


def test_cancel(secured, ca):
    proxy = secured()
    with login(proxy, context(ca)) as w:
        w.send(wire.query("select pg_sleep(30)"))
        eventually(lambda: proxy.cluster.backends("query like '%pg_sleep(30)%' and state = 'active'"), what="it runs")
        with proxy.raw() as c:
            c.secure(context(ca), "localhost")
            c.send(wire.cancel_request(w.pid, w.secret))
            assert c.until_closed() == []
        assert [m.fields["C"] for m in w.until_ready() if m.kind == "E"] == ["57014"]


def test_large_both_ways(secured, ca):
    proxy = secured()
    with login(proxy, context(ca)) as w:
        big = "y" * 3_000_000
        assert w.value(f"select md5('{big}') = md5(repeat('y', 3000000))") == "t"
        assert w.value("select repeat('z', 20000000)") == "z" * 20_000_000
        # A pipeline in one record and in many: answers in order.
        w.send(*[wire.query(f"select {i}") for i in range(200)])
        values = [m.values[0] for m in w.until_ready(200) if m.kind == "D"]
        assert values == [str(i).encode() for i in range(200)]


def test_one_byte_records(secured, ca):
    proxy = secured()
    with login(proxy, context(ca)) as w:
        for byte in wire.query("select 'slowly'"):
            w.send(bytes([byte]))
        assert [m.values[0] for m in w.until_ready() if m.kind == "D"] == [b"slowly"]


# ---- channel binding ------------------------------------------------------------------------------------------------


def test_channel_binding_is_offered_and_a_stripped_offer_noticed(secured, ca):
    proxy = secured(mode="prefer")
    with proxy.raw() as w:
        w.secure(context(ca), "localhost")
        w.send(wire.startup({"user": "app", "database": "app"}))
        offered = w.receive().body[4:].split(b"\0")
        assert offered[:2] == [b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"]
        # "y": I could bind and you do not offer it. But we did.
        first = b"y,,n=,r=abcdefgh"
        w.send(wire.message("p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first))
        assert w.receive().fields["C"] == "08P01"
    with proxy.raw() as w:
        w.send(wire.startup({"user": "app", "database": "app"}))
        assert w.receive().body[4:].split(b"\0")[0] == b"SCRAM-SHA-256"


def test_a_login_passed_on_by_somebody_in_between_fails(secured, ca, tmp_path):
    """Who has a certificate of his own that the client trusts cannot pass its proof on to the proxy."""
    proxy = secured()
    thief = ca.issue("thief", "localhost", "DNS:localhost")
    inner = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inner.load_cert_chain(thief.cert, thief.key)
    door = socket.create_server(("127.0.0.1", 0))

    def pass_on():
        client, _ = door.accept()
        client.recv(8)
        client.sendall(b"S")
        client = inner.wrap_socket(client, server_side=True)
        server = proxy.raw()
        server.secure(context(ca), "localhost")

        def pump(a, b):
            try:
                while data := a.recv(65536):
                    b.sendall(data)
            except OSError:
                pass
            for s in (a, b):
                s.close()

        threading.Thread(target=pump, args=(client, server.socket), daemon=True).start()
        pump(server.socket, client)

    threading.Thread(target=pass_on, daemon=True).start()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="localhost", port=door.getsockname()[1], user="app", password=PASSWORDS["app"], dbname="app",
                        sslmode="verify-full", sslrootcert=ca.cert, channel_binding="require")
    door.close()


# ---- client certificates --------------------------------------------------------------------------------------------

CERT = {"auth": {"type": "cert"}}


def test_cert_login(secured, ca, tmp_path):
    stranger = Authority(tmp_path, "stranger")
    proxy = secured({**CERT, "users": [{"name": "app", "password": PASSWORDS["app"]},
                                       {"name": "app2", "password": PASSWORDS["app2"], "cert_names": ["robot.example", "other"]},
                                       {"name": "admin", "admin": True}]},
                    mode="verify-full", ca_file=ca.cert)
    with login(proxy, context(ca, ca.issue("app"))) as w:
        assert w.value("select current_user") == "app"
    with login(proxy, context(ca, ca.issue("robot", "robot.example")), "app2") as w:
        assert w.value("select current_user") == "app2"
    for wrong, user in [(ca.issue("app2"), "app2"), (ca.issue("somebody"), "app"), (ca.issue("empty", "app x"), "app"),
                        (ca.issue("unlisted"), "unlisted")]:
        with pytest.raises(wire.ServerError) as refused:
            login(proxy, context(ca, wrong), user)
        assert refused.value.code == "28000" and refused.value.fields["M"] == f'certificate authentication failed for user "{user}"'
    for bad in (None, stranger.issue("app")):
        with pytest.raises((ssl.SSLError, ConnectionError, wire.Closed)):
            login(proxy, context(ca, bad))


def test_cert_login_where_certificates_are_no_must(secured, ca):
    proxy = secured(CERT, mode="prefer", ca_file=ca.cert)
    login(proxy, context(ca, ca.issue("app"))).close()
    with pytest.raises(wire.ServerError, match="certificate authentication failed"):
        login(proxy, context(ca))
    with pytest.raises(wire.ServerError, match="certificate authentication failed"):
        proxy.wire()


def test_revoked(secured, ca):
    good, bad = ca.issue("good", "app"), ca.issue("bad", "app")
    proxy = secured(CERT, mode="verify-ca", ca_file=ca.cert, crl_file=ca.revoke(bad))
    login(proxy, context(ca, good)).close()
    with pytest.raises((ssl.SSLError, ConnectionError, wire.Closed)):
        login(proxy, context(ca, bad))
    eventually(lambda: "certificate revoked" in proxy.log(), what="the log says so")


# ---- those who play foul --------------------------------------------------------------------------------------------


def test_bytes_before_the_handshake_are_refused(secured, ca):
    """CVE-2021-23214, CVE-2021-3935."""
    proxy = secured()
    with proxy.raw() as w:
        w.send(wire.SSL_REQUEST_PACKET + wire.startup({"user": "app", "database": "app"}))
        error = w.receive()
        assert error.fields["C"] == "08P01" and "unencrypted data" in error.fields["M"]
        assert w.until_closed() == []
    assert proxy.psql("select 1", PGSSLMODE="require").stdout.strip() == "1"


@pytest.mark.parametrize("junk", [b"\x00" * 300, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05abcde", b"\x16\x03\x01\x02\x00" + b"\xff" * 512,
                                  b"\x15\x03\x03\x00\x02\x02\x28", os.urandom(2000)], ids=range(6))
@pytest.mark.parametrize("direct", [False, True])
def test_garbage_in_the_handshake(secured, ca, junk, direct):
    proxy = secured()
    with proxy.raw() as w:
        if not direct:
            w.send(wire.SSL_REQUEST_PACKET)
            assert w.read_exactly(1) == b"S"
        w.send(junk)
        w.socket.shutdown(socket.SHUT_WR)
        try:
            while w.socket.recv(4096):
                pass
        except ConnectionError:
            pass
    login(proxy, context(ca)).close()


def test_encryption_within_tls_is_refused(secured, ca):
    proxy = secured()
    with proxy.raw() as w:
        w.secure(context(ca), "localhost")
        w.send(wire.SSL_REQUEST_PACKET)
        assert w.receive().fields["C"] == "08P01"


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_slow_handshake_ends_with_the_login_time(forebay, ca, kind):
    pair = ca.issue(f"slow-{kind}", "localhost", "DNS:localhost", kind=kind)
    proxy = forebay(**{"auth": {"login_timeout": "1s"}, "tls.client": {"mode": "require", "cert_file": pair.cert, "key_file": pair.key}})
    hello = bytearray()
    made, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context().wrap_bio(made, out).do_handshake()
    hello += out.read()
    for sent in (0, 1, len(hello) - 1, len(hello)):
        with proxy.raw(timeout=10) as w:
            w.send(wire.SSL_REQUEST_PACKET)
            assert w.read_exactly(1) == b"S"
            w.send(bytes(hello[:sent]))
            try:
                while w.socket.recv(4096):
                    pass
            except ConnectionError:
                pass
    login(proxy, context(ca)).close()


def test_gone_in_the_handshake(secured, ca):
    proxy = secured()
    for _ in range(20):
        w = proxy.raw()
        w.send(wire.SSL_REQUEST_PACKET)
        assert w.read_exactly(1) == b"S"
        w.send(b"\x16\x03\x01\x02")
        w.reset()
    login(proxy, context(ca)).close()
    eventually(lambda: len(proxy.console("SHOW CLIENTS", secure=True)) == 1, what="nobody is left")


# ---- reload ---------------------------------------------------------------------------------------------------------


def serial_of(proxy, ca):
    with proxy.raw() as w:
        w.secure(context(ca), "localhost")
        return w.socket.getpeercert()["serialNumber"]


def test_certificates_change_under_running_connections(secured, ca, pair, tmp_path):
    files = {"cert_file": str(tmp_path / "now.crt"), "key_file": str(tmp_path / "now.key")}

    def put(made):
        Path(files["cert_file"]).write_bytes(Path(made.cert).read_bytes())
        Path(files["key_file"]).write_bytes(Path(made.key).read_bytes())

    put(pair)
    proxy = secured(**files)
    before = serial_of(proxy, ca)
    with login(proxy, context(ca)) as w:
        w.run("begin")
        put(ca.issue("fresh", "localhost", "DNS:localhost", kind="rsa"))
        proxy.signal(signal.SIGHUP)
        eventually(lambda: serial_of(proxy, ca) != before, what="the new certificate is shown")
        after = serial_of(proxy, ca)
        assert w.value("select 1") == "1"
        # A key that does not belong to it: nothing changes, and the log says why.
        Path(files["key_file"]).write_bytes(Path(pair.key).read_bytes())
        proxy.signal(signal.SIGHUP)
        eventually(lambda: "reload_refused" in proxy.log(), what="refused")
        assert "is not the key of the certificate in cert_file" in proxy.log() and "forebay.toml:" in proxy.log()
        assert serial_of(proxy, ca) == after
        os.remove(files["cert_file"])
        with pytest.raises(wire.ServerError, match="No such file"):
            proxy.console("RELOAD", secure=True)
        assert serial_of(proxy, ca) == after
        w.run("commit")


# ---- what it costs --------------------------------------------------------------------------------------------------


@pytest.mark.release_only
def test_memory_of_an_idle_client(secured, ca):
    proxy = secured()
    made = context(ca)
    login(proxy, made).close()
    before = memory(proxy.pid)
    clients = [login(proxy, made) for _ in range(200)]
    each = (memory(proxy.pid) - before) / len(clients)
    print(f"resident per idle client with TLS: {each / 1024:.1f} KiB")
    for c in clients:
        c.close()
    assert each < 40 * 1024


# ---- the configuration ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys, complaint", [
    ({"cert_file": "nowhere.crt"}, r'8:13: tls.client.cert_file: ".*nowhere.crt" cannot be read: No such file or directory'),
    ({"cert_file": "@KEY@"}, "8:13: tls.client.cert_file: .* has no certificate"),
    ({"key_file": "@CERT@"}, "9:12: tls.client.key_file: .* has no key"),
    ({"mode": "verify-full"}, '7:8: tls.client.mode: "verify-full" needs ca_file'),
    ({"mode": "always"}, "7:8: tls.client.mode: "),
    ({"min_version": "1.1"}, '10:15: tls.client.min_version: "1.1"'),
    ({"ciphers": "NONSENSE"}, "10:11: tls.client.ciphers: "),
    ({"ca_file": "@KEY@"}, "10:11: tls.client.ca_file: .* has no certificate"),
    ({"key_fil": "x"}, '10:1: tls.client.key_fil: unknown key; did you mean "key_file"'),
])
def test_mistakes(pair, tmp_path, keys, complaint):
    import harness
    import re
    words = {"@KEY@": pair.key, "@CERT@": pair.cert}
    table = {"mode": "require", "cert_file": pair.cert, "key_file": pair.key,
             **{k: words.get(v, v) for k, v in keys.items()}}
    path = tmp_path / "f.toml"
    path.write_text('[[cluster]]\nname = "main"\nnodes = [ { host = "h" } ]\n\n\n[tls.client]\n' +
                    "\n".join(f'{k} = "{v}"' for k, v in table.items()) + "\n")
    done = run(harness.BINARY, "--check", "--config", path, check=False)
    assert done.returncode == 1
    assert re.search(complaint, done.stderr), done.stderr
