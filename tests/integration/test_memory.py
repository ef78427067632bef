"""Memory is bounded per client, and does not depend on the size of results, requests or the client's patience."""

import resource
import threading
import time

import pytest

import wire
from harness import eventually, memory

pytestmark = [pytest.mark.proxy, pytest.mark.release_only]

MIB = 1 << 20


@pytest.mark.slow(180)
def test_idle_clients(forebay):
    """At most 2.5 KiB each beyond the start."""
    count = 5000
    proxy = forebay(listen={"max_clients": 6000}, general={"workers": 2}, auth={"type": "trust"})
    warm = [proxy.wire() for _ in range(50)]
    for w in warm:
        w.run("select 1")
    eventually(lambda: proxy.pool()["sv_active"] == 0)
    before = memory(proxy.pid)
    clients = []
    for _ in range(count):
        clients.append(proxy.wire())
    for w in clients[::10]:
        w.run("select 1")  # some have worked: their buffers must be gone again
    each = (memory(proxy.pid) - before) / count
    print(f"{each:.0f} bytes per idle client")
    for w in clients + warm:
        w.close()
    assert each <= 2.5 * 1024
    proxy.quiet()


def test_slow_reader_of_a_large_result(forebay):
    """256 MiB of 8 KiB rows: resident memory grows by less than 8 MiB, whatever the pace of the client."""
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as w:
        w.run("select 1")
    before, most = memory(proxy.pid), 0
    with proxy.wire(receive_buffer=65536) as w:
        w.send(wire.query("select repeat('x', 8192) from generate_series(1, 32768)"))
        w.receive_until("D")
        # read nothing for as long as anything still moves in the proxy: until its memory stands still
        last = -1
        while last != memory(proxy.pid):
            last = memory(proxy.pid)
            most = max(most, last)
            time.sleep(0.2)
        rows = 1
        while True:
            m = w.receive()
            if m.kind == "Z":
                break
            rows += m.kind == "D"
            if rows % 1024 == 0:
                most = max(most, memory(proxy.pid))
    assert rows == 32768
    assert most - before < 8 * MIB


def test_one_huge_row(forebay):
    proxy = forebay()
    with proxy.wire() as w:
        w.run("select 1")
        before = memory(proxy.pid)
        watch, most = threading.Event(), [0]

        def look():
            while not watch.wait(0.01):
                most[0] = max(most[0], memory(proxy.pid))

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        assert len(w.value("select repeat('x', 100 * 1024 * 1024)")) == 100 * MIB
        watch.set()
        thread.join()
        assert most[0] - before < 8 * MIB


def test_one_huge_request(forebay):
    """A parameter and a simple query of 64 MiB each pass through in pieces."""
    proxy = forebay()
    with proxy.wire(timeout=40) as w:
        w.run("select 1")
        before = memory(proxy.pid)
        watch, most = threading.Event(), [0]

        def look():
            while not watch.wait(0.01):
                most[0] = max(most[0], memory(proxy.pid))

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        big = "y" * (64 * MIB)
        w.send(wire.parse("select length($1::text)"), wire.bind([big]), wire.execute(), wire.sync())
        assert wire.transcript(w.until_ready()) == f"1 2 D:{64 * MIB} C:SELECT_1 Z:I"
        w.send(wire.query(f"select length('{big}')"))
        assert wire.transcript(w.until_ready()) == f"T D:{64 * MIB} C:SELECT_1 Z:I"
        watch.set()
        thread.join()
        assert most[0] - before < 16 * MIB


def test_copy_in_faster_than_the_server(forebay, cluster, table):
    """The server waits for a lock; what the client sends meanwhile is not piled up."""
    proxy = forebay()
    with proxy.wire() as w, cluster.primary.wire() as locker:
        w.run("select 1")
        before = memory(proxy.pid)
        locker.run("begin; lock items in access exclusive mode")
        w.send(wire.query("copy items from stdin"))
        block = b"".join(wire.copy_data(f"{n}\t{'z' * 1000}\n") for n in range(1000, 2000))
        sent = [0]

        def pour():
            try:
                for _ in range(64):
                    w.socket.sendall(block)
                    sent[0] += 1
            except OSError:
                pass  # the test ends the connection below

        thread = threading.Thread(target=pour, daemon=True)
        thread.start()
        last = -1
        while last != sent[0]:  # until the pressure has come back to the client
            last = sent[0]
            time.sleep(0.3)
        assert sent[0] < 64 and memory(proxy.pid) - before < 8 * MIB
        w.reset()
        locker.run("rollback")
    cluster.nothing_left()
    proxy.quiet()


def test_no_growth_over_many_sessions(forebay):
    """Connect, prepare, query, leave: a thousand times."""
    proxy = forebay(pool={"size": 3, "max_prepared_statements": 50})

    def round_of(count, first):
        for n in range(first, first + count):
            with proxy.wire() as w:
                w.send(wire.parse(f"select {n}, $1::text", "s"), wire.bind(["x" * 2000], "s"), wire.execute(), wire.sync())
                w.until_ready()

    round_of(300, 0)
    before = memory(proxy.pid)
    round_of(700, 1000)
    assert memory(proxy.pid) - before < 3 * MIB


def test_memory_runs_out(forebay):
    """It ends the session that asks for more than there is; the others go on."""
    proxy = forebay()
    bystander = proxy.wire()
    assert bystander.value("select 1") == "1"
    with open(f"/proc/{proxy.pid}/statm", encoding="ascii") as f:
        size = int(f.read().split()[0]) * resource.getpagesize()
    resource.prlimit(proxy.pid, resource.RLIMIT_AS, (size + 32 * MIB, resource.RLIM_INFINITY))
    greedy = proxy.wire()
    with pytest.raises((wire.ServerError, wire.Closed, OSError)) as raised:
        greedy.send(wire.parse("named", "select '" + "x" * (60 * MIB) + "'"))
        greedy.run("select 1")
    if raised.type is wire.ServerError:
        assert raised.value.code == "53200"
    greedy.close()
    for _ in range(3):
        assert bystander.value("select 1") == "1"
        assert proxy.wire().value("select 1") == "1"
    assert "session_failed" in proxy.log()
    bystander.close()
    proxy.quiet()
