"""Limits on clients, and bytes nobody should send: they end that one connection, never the process."""

import os
import random
import struct
import time

import pytest

import wire
from harness import SANITIZED, eventually, memory, run_threads

# ---- too many -------------------------------------------------------------------------------------------------------


@pytest.mark.proxy
def test_too_many_clients(forebay):
    proxy = forebay(listen={"max_clients": 3})
    clients = [proxy.wire() for _ in range(3)]
    for _ in range(3):
        with pytest.raises(wire.ServerError) as raised:
            proxy.wire()
        assert raised.value.code == "53300" and raised.value.fields["S"] == "FATAL"
    assert clients[2].value("select 1") == "1"
    clients.pop().close()
    w = eventually(lambda: attempt(proxy), what="a place is free again")
    assert w.value("select 1") == "1"
    w.close()
    for w in clients:
        w.close()


def attempt(proxy):
    try:
        return proxy.wire()
    except wire.ServerError:
        return None


@pytest.mark.proxy
def test_failed_logins_free_their_place(forebay):
    proxy = forebay(listen={"max_clients": 3})
    for n in range(12):
        with pytest.raises((wire.ServerError, wire.Closed)):
            eventually(lambda: proxy.wire(password="wrong"))
        proxy.raw().reset()
        w = proxy.raw()
        w.send(b"\0\0")
        w.close()
    eventually(lambda: attempt(proxy)).close()


# ---- hostile frames -------------------------------------------------------------------------------------------------

# What connections may add to the process, whatever length they declare; a sanitizer keeps freed memory for a while.
GROWTH = (256 if SANITIZED else 16) << 20
LENGTHS = [0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def still_serves(proxy):
    assert proxy.alive()
    with proxy.wire(timeout=5) as w:
        assert w.value("select 1") == "1"


def ends(w, code=("08P01", "08000", "28000", "0A000")):
    """The connection ends, with at most one error, of these codes. Half-closing lets the other side see our end."""
    replies = w.until_closed()
    errors = [m for m in replies if m.kind == "E"]
    assert len(errors) <= 1 and all(m.fields["C"] in code for m in errors), replies
    return replies


@pytest.mark.proxy
@pytest.mark.parametrize("length", [*LENGTHS, 4, 7, 10001, 65536, 1 << 24])
def test_startup_packets_of_impossible_length(forebay, length):
    proxy = forebay()
    before = memory(proxy.pid)
    for _ in range(20):
        with proxy.raw(timeout=10) as w:
            w.send(struct.pack("!I", length) + b"\0\3\0\0user\0app\0\0")
            w.socket.shutdown(1)
            ends(w)
    assert memory(proxy.pid) - before < 8 << 20  # nothing of the declared size was allocated
    still_serves(proxy)


@pytest.mark.proxy
def test_startup_packets_of_odd_content(forebay):
    proxy = forebay()
    bodies = [
        b"", b"\0\3\0\0", b"\0\3\0\0\0", b"\0\3\0\0user", b"\0\3\0\0user\0", b"\0\3\0\0user\0app", b"\0\3\0\0user\0app\0", b"\0\3\0\0\0\0\0\0",
        b"\0\3\0\0user\0\0database\0app\0\0", b"\0\3\0\0database\0app\0\0", b"\0\2\0\0user\0app\0\0", b"\0\4\0\0user\0app\0\0", b"\xff\xff\xff\xff",
        b"\0\3\0\0user\0app\0user\0app2\0\0" + b"trailing", b"\x04\xd2\x16\x2e", b"\x04\xd2\x16\x2e" + b"\0" * 4, b"\x04\xd2\x16\x2e" + b"\0" * 2000,
        b"\x04\xd2\x16\x2fmore", os.urandom(500),
    ]
    for body in bodies:
        with proxy.raw(timeout=10) as w:
            w.send(struct.pack("!I", len(body) + 4) + body)
            w.socket.shutdown(1)
            try:
                w.until_closed()
            except (ValueError, struct.error):
                pass  # a bare 'N' to an SSLRequest is no message
    still_serves(proxy)


@pytest.mark.proxy
def test_large_startup_packets(forebay):
    proxy = forebay()
    with proxy.wire(application_name="x" * 60, options="-c work_mem=5MB" + " " * 9000) as w:
        assert w.value("show work_mem") == "5MB"
    with proxy.raw() as w:
        w.send(wire.startup({"user": "app", "database": "app", "application_name": "y" * 20000}))
        ends(w)


@pytest.mark.proxy
def test_any_type_as_first_message(forebay):
    """CVE-2015-4054: a message of the running protocol where the startup packet belongs."""
    proxy = forebay()
    for kind in range(256):
        with proxy.raw(timeout=10) as w:
            w.send(bytes([kind]) + struct.pack("!I", 9) + b"abcd\0")
            w.socket.shutdown(1)
            ends(w)
    still_serves(proxy)


@pytest.mark.proxy
def test_any_type_instead_of_a_password(forebay):
    proxy = forebay()
    for kind in range(256):
        with proxy.raw(timeout=10) as w:
            w.send(wire.startup({"user": "app", "database": "app"}), bytes([kind]) + struct.pack("!I", 9) + b"abcd\0")
            w.socket.shutdown(1)
            replies = w.until_closed()
            assert all(m.kind in "RE" for m in replies)
            assert all(m.fields["C"] in ("08P01", "28P01", "28000") for m in replies if m.kind == "E")
    still_serves(proxy)


@pytest.mark.proxy
def test_any_type_after_login(forebay):
    """Unknown types are protocol violations; known ones with a body that makes no sense are errors, answered or ending."""
    proxy = forebay(pool={"size": 2})
    for kind in range(256):
        with proxy.wire(timeout=10) as w:
            w.send(bytes([kind]) + struct.pack("!I", 9) + b"\xff\xff\xff\xff\xff", wire.sync())
            replies = w.until_ready_or_closed()
            assert all(m.kind in "EZ3IGHWnN" for m in replies), (kind, replies)
            if chr(kind) not in "BCDEFHPQSXcdfp":
                assert [m.fields["C"] for m in replies if m.kind == "E"] == ["08P01"], (kind, replies)
    proxy.quiet()
    still_serves(proxy)


@pytest.mark.proxy
@pytest.mark.parametrize("length", LENGTHS)
def test_impossible_lengths_after_login(forebay, cluster, length):
    proxy = forebay(pool={"size": 2})
    before = memory(proxy.pid)
    for kind in b"QPBDECHSFXdcfp\x00":
        for in_transaction in (False, True):
            with proxy.wire(timeout=10) as w:
                if in_transaction:
                    w.run("begin")
                w.send(bytes([kind]) + struct.pack("!I", length) + b"select 1\0" * 20)
                w.socket.shutdown(1)
                ends(w)
    assert memory(proxy.pid) - before < GROWTH
    cluster.nothing_left()
    proxy.quiet()
    still_serves(proxy)


MALFORMED = {
    "Query without terminator": wire.message("Q", b"select 1"),
    "Query with two strings": wire.message("Q", b"select 1\0select 2\0"),
    "empty Query body": wire.message("Q", b""),
    "Parse without type count": wire.message("P", b"\0select 1\0"),
    "Parse with too few types": wire.message("P", b"\0select 1\0\0\5\0\0"),
    "Parse with a negative count": wire.message("P", b"\0select 1\0\xff\xff"),
    "Parse with trailing bytes": wire.message("P", b"\0select 1\0\0\0xyz"),
    "Bind with a length beyond its end": wire.message("B", b"\0\0\0\0\0\1\x7f\xff\xff\xffab\0\0"),
    "Bind with length -2": wire.message("B", b"\0\0\0\0\0\1\xff\xff\xff\xfe\0\0"),
    "Bind with too many values": wire.message("B", b"\0\0\0\0\xff\xff"),
    "Bind without names": wire.message("B", b""),
    "Describe of nothing": wire.message("D", b""),
    "Describe of X": wire.message("D", b"Xname\0"),
    "Describe without terminator": wire.message("D", b"Sname"),
    "Close of nothing": wire.message("C", b""),
    "Execute without limit": wire.message("E", b"\0"),
    "Execute with trailing bytes": wire.message("E", b"\0\0\0\0\0\0"),
    "Sync with a body": wire.message("S", b"abc"),
    "Flush with a body": wire.message("H", b"abc"),
    "FunctionCall cut short": wire.message("F", b"\0\0\0"),
}


@pytest.mark.proxy
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_bodies(forebay, cluster, name):
    """PostgreSQL answers 08P01; so do we (the connection may end where PostgreSQL's would not, nobody else notices)."""
    proxy = forebay(pool={"size": 1})
    with proxy.wire(timeout=10) as w:
        w.run("select 1")
        w.send(MALFORMED[name], wire.sync())
        replies = w.until_ready_or_closed()
        errors = [m.fields["C"] for m in replies if m.kind == "E"]
        assert errors and set(errors) <= {"08P01", "26000", "34000", "22P03", "22023"} or name in ("Sync with a body", "Flush with a body", "Query with two strings"), replies
    with proxy.wire(timeout=5) as other:  # on the same server
        assert other.run("select 2, (select count(*) from pg_prepared_statements where name = '')")[0][0] == "2"
    cluster.nothing_left()
    proxy.quiet()


@pytest.mark.proxy
def test_one_byte_at_a_time(forebay):
    proxy = forebay()
    w = proxy.raw()
    whole = w.send
    w.send = lambda *messages: [whole(bytes([byte])) for byte in b"".join(messages)]
    w.login("app", "app", "app-secret")
    for _ in range(3):
        assert w.value("select 'one byte at a time'") == "one byte at a time"
        assert w.script(wire.parse("select $1::text"), wire.bind(["x"]), wire.execute(), wire.sync()) == "1 2 D:x C:SELECT_1 Z:I"
    w.close()


@pytest.mark.proxy
def test_cut_at_random_places(forebay):
    random.seed(20)
    with forebay(pool={"size": 1}).wire() as w:
        stream = b"".join(wire.parse(f"select {n}, $1::text", f"s{n % 7}" if n % 3 else "") + wire.bind([f"v{n}" * (n % 50)], f"s{n % 7}" if n % 3 else "")
                          + wire.execute() + (wire.close_statement(f"s{n % 7}") if n % 3 else b"") + wire.sync() + wire.query(f"select {n}")
                          for n in range(100))
        at = 0
        while at < len(stream):
            size = random.choice((1, 2, 3, 5, 17, 100, 1000))
            w.send(stream[at : at + size])
            at += size
        rows = [m.values[0] for m in w.until_ready(200) if m.kind == "D"]
        assert rows == [str(n // 2).encode() for n in range(200)]


@pytest.mark.proxy
def test_random_bytes(forebay, cluster):
    """Several at once, before and after login; nothing of it disturbs a good client."""
    proxy = forebay(pool={"size": 3}, general={"workers": 4})

    def one(n):
        rng = random.Random(n)
        with (proxy.raw(timeout=10) if n % 2 else proxy.wire(timeout=10)) as w:
            try:
                for _ in range(10):
                    kind = rng.choice(b"QPBDECHSFdcf") if n % 2 == 0 else rng.randrange(256)
                    body = rng.randbytes(rng.choice((0, 1, 4, 20, 300)))
                    w.send(bytes([kind]) + struct.pack("!I", len(body) + rng.choice((4, 4, 4, 5, 3))) + body)
                w.socket.shutdown(1)
                w.until_closed()
            except (OSError, ValueError, struct.error, wire.Closed):
                pass

    with proxy.wire() as good:
        for round_number in range(6):
            run_threads(30, lambda n, r=round_number: one(n + 30 * r))
            assert good.value("select 1") == "1"
    cluster.nothing_left()
    proxy.quiet()


@pytest.mark.proxy
def test_huge_declared_message_is_not_allocated(forebay):
    """A Query of 900 MiB is announced and never sent."""
    proxy = forebay()
    before = memory(proxy.pid)
    clients = []
    for kind in b"QPBd":
        w = proxy.wire()
        if kind == ord("d"):
            w.send(wire.query("create temp table sink (t text)"))
            w.until_ready()
            w.send(wire.query("copy sink from stdin"))
            w.receive_until("G")
        w.send(bytes([kind]) + struct.pack("!I", 900 << 20) + b"x" * 100000)
        clients.append(w)
    with proxy.wire() as other:
        assert other.value("select 1") == "1"
    assert memory(proxy.pid) - before < GROWTH
    for w in clients:
        w.reset()
    proxy.quiet()


@pytest.mark.proxy
def test_copy_messages_out_of_place_are_ignored(forebay):
    """As PostgreSQL does: CopyData, CopyDone and CopyFail outside COPY are dropped."""
    with forebay(pool={"size": 1}).wire() as w:
        w.send(wire.copy_data("x"), wire.copy_done(), wire.copy_fail("y"), wire.query("select 1"))
        assert wire.transcript(w.until_ready()) == "T D:1 C:SELECT_1 Z:I"


@pytest.mark.proxy
def test_an_idle_proxy_is_idle(forebay):
    """No busy loop: with 50 idle clients it uses next to no CPU."""
    proxy = forebay()
    clients = [proxy.wire() for _ in range(50)]
    for w in clients:
        w.run("select 1")

    def ticks():
        with open(f"/proc/{proxy.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(2)  # the measurement itself, not a synchronisation
    assert ticks() - before < 20
    for w in clients:
        w.close()
