"""A TCP fault injector: a port that passes everything on to a node's, until it is told to do otherwise."""

import asyncio
import socket
import struct
import threading

from harness import free_port


class Injector:
    """Has `host` and `port` as a node has. Each of its modes holds until the next one:

    normal()            passes all on
    refuse()            the listener is closed, connections are reset
    black_hole()        accepts and keeps connections, and passes nothing on; what was said meanwhile follows with normal()
    delay(seconds)      each way
    drip(size, pause)   so many bytes at a time
    reset() ends the connections there are, whatever the mode."""

    host = "127.0.0.1"

    def __init__(self, node):
        self.node = node
        self.port = free_port()
        self._server = None
        self._pairs = set()  # of writers, of one connection each
        self._late = self._size = self._pause = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._begin())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def normal(self):
        self._run(self._set())

    def refuse(self):
        self._run(self._refuse())

    def black_hole(self):
        self._run(self._set(hole=True))

    def delay(self, seconds):
        self._run(self._set(late=seconds))

    def drip(self, size=1, pause=0.001):
        self._run(self._set(size=size, pause=pause))

    def reset(self):
        self._run(self._reset())

    def connections(self):
        return len(self._pairs)

    def close(self):
        self._run(self._refuse())
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    # -- in the loop's thread

    def _run(self, what):
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _begin(self):
        self._open = asyncio.Event()
        self._open.set()
        await self._listen()

    async def _listen(self):
        self._server = await asyncio.start_server(self._accept, self.host, self.port, backlog=512)

    async def _set(self, hole=False, late=0, size=0, pause=0):
        self._late, self._size, self._pause = late, size, pause
        self._open.clear() if hole else self._open.set()
        if self._server is None:
            await self._listen()

    async def _refuse(self):
        if self._server:
            self._server.close()
            self._server = None
        await self._reset()

    async def _reset(self):
        for writer in [w for pair in self._pairs for w in pair]:
            # Not an end of stream, but a reset.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _end(self):
        rest = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _accept(self, reader, writer):
        pair = Pair([writer])
        self._pairs.add(pair)
        try:
            await self._open.wait()
            there, to = await asyncio.open_connection(self.node.host, self.node.port)
            pair.append(to)
            for w in pair:
                w.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.gather(self._pump(reader, to), self._pump(there, writer))
        except OSError:
            pass
        finally:
            self._pairs.discard(pair)
            for w in pair:
                w.transport.abort()

    async def _pump(self, reader, writer):
        """What comes is late by the same for all of it: reading goes on meanwhile."""
        under_way = asyncio.Queue()

        async def write():
            while (chunk := await under_way.get())[1]:
                due, data = chunk
                await asyncio.sleep(max(0, due - self._loop.time()))
                await self._open.wait()
                step = self._size or len(data)
                for at in range(0, len(data), step):
                    writer.write(data[at : at + step])
                    await writer.drain()
                    if self._size:
                        await asyncio.sleep(self._pause)
            if writer.can_write_eof():
                writer.write_eof()

        writing = asyncio.ensure_future(write())
        try:
            while data := await reader.read(65536):
                under_way.put_nowait((self._loop.time() + self._late, data))
            under_way.put_nowait((0, b""))
            await writing
        finally:
            writing.cancel()


class Pair(list):
    """Writers to both ends; one of a kind."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__
