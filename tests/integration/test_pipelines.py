"""Many clients with deep pipelines, more statements than servers may keep, and socket buffers that hold next to nothing."""

import asyncio
import contextlib
import itertools
import os
import random
import select
import socket
import threading
import time

import pytest

import wire
from harness import run_threads
from wire import bind, execute, parse, query, sync

SECONDS = float(os.environ.get("FOREBAY_SOAK_SECONDS", 4))  # of test_prepared_statements_of_many_clients
CLIENTS, DEPTH, STATEMENTS, SERVERS, LIMIT = 64, 16, 100, 4, 20
COUNT = "select pg_backend_pid(), count(*) from pg_prepared_statements"


async def next_message(reader):
    head = await reader.readexactly(5)
    return wire.Message(chr(head[0]), await reader.readexactly(int.from_bytes(head[1:], "big") - 4))


async def answers(reader, batches):
    """The rows of so many batches, each a list of texts; fails on any error."""
    rows = []
    while batches:
        m = await next_message(reader)
        assert m.kind != "E", m.fields
        if m.kind == "D":
            rows.append([v.decode() for v in m.values])
        batches -= m.kind == "Z"
    return rows


class Pipeliner:
    """One client. Half of its statements' texts are everybody's, half its own."""

    def __init__(self, number, proxy):
        self.number, self.random, self.asked, self.most, self.servers = number, random.Random(number), 0, 0, set()
        self.wire = proxy.wire()
        self.value = itertools.count()

    async def live(self, until):
        reader, writer = await asyncio.open_connection(sock=self.wire.socket)
        texts = [f"select {n}, 'of {'all' if n % 2 else self.number}', $1::text" for n in range(STATEMENTS)]
        for n in range(0, STATEMENTS, DEPTH):
            chunk = list(enumerate(texts))[n : n + DEPTH]
            writer.write(b"".join(parse(text, f"s{k}") + sync() for k, text in chunk))
            await answers(reader, len(chunk))
        while time.monotonic() < until:
            await self.pipeline(reader, writer)
        writer.close()

    async def pipeline(self, reader, writer):
        """So many statements, in as many batches or in one, and in between a look at the server it came to."""
        whole, look = self.random.random() < 0.5, self.random.randrange(DEPTH)
        messages, expected = [], []
        for n in range(DEPTH):
            if n == look:
                messages += [parse(COUNT), bind(), execute()]
                expected.append(None)
            else:
                k, value = self.random.randrange(STATEMENTS), f"{self.number}.{next(self.value)}"
                messages += [bind([value], f"s{k}"), execute()]
                expected.append([str(k), f"of {'all' if k % 2 else self.number}", value])
            messages += [] if whole else [sync()]
        writer.write(b"".join(messages + ([sync()] if whole else [])))
        rows = await answers(reader, 1 if whole else DEPTH)
        pid, count = rows[look]
        assert rows[:look] + [None] + rows[look + 1 :] == expected
        self.servers.add(pid)
        self.most = max(self.most, int(count))
        self.asked += DEPTH


@pytest.mark.proxy
@pytest.mark.slow(int(SECONDS) + 60)
def test_prepared_statements_of_many_clients(forebay):
    """64 clients, pipelines of 16, 100 statements each, over 4 servers that may keep 20: every answer is right, and no server ever
    has more. FOREBAY_SOAK_SECONDS makes it last longer."""
    proxy = forebay(pool={"size": SERVERS, "max_prepared_statements": LIMIT})
    clients = [Pipeliner(n, proxy) for n in range(CLIENTS)]

    async def together():
        await asyncio.gather(*(c.live(time.monotonic() + SECONDS) for c in clients))

    asyncio.run(together())
    print(f"{sum(c.asked for c in clients)} statements, at most {max(c.most for c in clients)} on a server")
    assert all(c.asked >= DEPTH for c in clients)
    assert len(set().union(*(c.servers for c in clients))) == SERVERS
    assert LIMIT / 2 < max(c.most for c in clients) <= LIMIT
    proxy.quiet()


# ---- both directions at once, through sockets that hold next to nothing ---------------------------------------------------------

TINY = 4096


def tiny(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TINY)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TINY)
    return s


class Narrow:
    """A relay before PostgreSQL whose sockets have tiny buffers: what Forebay sends is taken in small portions."""

    host = "127.0.0.1"

    def __init__(self, server):
        self.server, self.sockets = server, []
        self.listener = tiny(socket.socket())
        self.listener.bind((self.host, 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = tiny(socket.socket())
                server.connect((self.server.host, self.server.port))
            except OSError:
                return
            self.sockets += [client, server]
            for source, target in ((client, server), (server, client)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    @staticmethod
    def _pass_on(source, target):
        try:
            while data := source.recv(TINY):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()
        for s in self.sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)  # a thread that waits for it keeps it from being closed
            s.close()


def duplex(w, data, deadline):
    """Sends all of it, and reads only while nothing can be sent, as libpq does; then reads up to the last ReadyForQuery of `data`."""
    w.socket.setblocking(False)
    data = memoryview(data)
    while data:
        assert time.monotonic() < deadline, f"{len(data)} bytes are not taken"
        readable, writable, _ = select.select([w.socket], [w.socket], [], 1)
        if writable:
            data = data[w.socket.send(data[:TINY]) :]
        elif readable:
            w._fill()
    w.socket.setblocking(True)
    w.socket.settimeout(max(deadline - time.monotonic(), 0.1))


@pytest.mark.proxy
@pytest.mark.parametrize("narrow_server", [False, True], ids=["tiny client", "tiny client and server"])
def test_full_duplex_through_tiny_buffers(forebay, cluster, narrow_server):
    """Large parameters and large results at once, in one pipeline: neither side waits for the other for ever."""
    batches, size, seconds = 40, 300_000, 40
    relay = Narrow(cluster.primary) if narrow_server else cluster.primary
    proxy = forebay(pool={"size": 2}, nodes=[{"host": relay.host, "port": relay.port, "role": "primary"}])

    def one(number):
        deadline = time.monotonic() + seconds
        with wire.Wire(proxy.host, proxy.port, prepare=tiny) as w:
            w.login("app", "app", "app-secret")
            pattern = [f"{number}.{n}." for n in range(batches)]
            messages = [parse("select $1::text, repeat($2, $3)", "big", [25, 25, 23])]
            for p in pattern:
                messages += [bind([p * (size // len(p)), p, size // len(p)], "big"), execute(), sync()]
            messages.append(query(f"select {number}"))
            duplex(w, b"".join(messages), deadline)
            rows = [m.values for m in w.until_ready(batches + 1) if m.kind == "D"]
            assert rows[-1] == [str(number).encode()]
            return all(row == [(p * (size // len(p))).encode()] * 2 for row, p in zip(rows, pattern)) and len(rows) == batches + 1

    try:
        assert all(run_threads(4, one, seconds + 5))
        proxy.quiet()
    finally:
        if narrow_server:
            relay.close()
