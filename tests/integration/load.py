"""Many clients in one thread, for tests under load: each asks, waits for its answer, pauses, and asks again."""

import heapq
import selectors
import threading
import time
from dataclasses import dataclass, field

import wire


@dataclass
class Answer:
    client: int
    number: int  # of its requests
    sql: str
    asked: float  # time.monotonic()
    took: float = 0.0
    rows: list = field(default_factory=list)
    code: str = ""  # of an error: SQLSTATE, or "closed"
    error: str = ""

    @property
    def ended(self):
        return self.asked + self.took

    def __repr__(self):
        return f"<{self.client}.{self.number} {self.code or self.rows} after {self.took * 1000:.0f} ms: {self.error or self.sql}>"


class Load:
    """ask(client, number) is the text of a client's next request. One whose connection has ended makes a new one."""

    def __init__(self, proxy, ask, clients=64, pause=0.1, **login):
        self.proxy, self.ask, self.pause, self.login = proxy, ask, pause, login
        self.answers = []  # complete ones, in the order of their ends
        self.selector = selectors.DefaultSelector()
        self.under_way = {}  # by client
        self.numbers = [0] * clients
        self.wires = [None] * clients
        self.due = []
        for client in range(clients):
            self._connect(client)
            heapq.heappush(self.due, (time.monotonic() + pause * client / clients, client))
        self.stopping = False
        self.failure = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(check=False)

    def since(self, when):
        """Answers to what was asked since then."""
        return [a for a in list(self.answers) if a.asked >= when]

    def stop(self, seconds=20.0, check=True):
        """Asks nothing more, waits for what is under way, and gives all answers. Nothing may be without one."""
        self.stopping = True
        self.thread.join(seconds)
        lost = list(self.under_way.values())
        for w in self.wires:
            if w:
                w.close()
        if check:
            if self.failure:
                raise self.failure
            assert not lost, f"no answer within {seconds} s to {len(lost)} requests: {lost[:5]}"
        return self.answers

    # -- in its thread

    def _connect(self, client):
        w = self.wires[client] = self.proxy.wire(**self.login)
        w.socket.setblocking(False)
        self.selector.register(w.socket, selectors.EVENT_READ, client)

    def _run(self):
        try:
            while not self.stopping or self.under_way:
                now = time.monotonic()
                while not self.stopping and self.due and self.due[0][0] <= now:
                    self._send(heapq.heappop(self.due)[1])
                wait = 0.05 if self.stopping or not self.due else min(0.05, max(0.0, self.due[0][0] - now))
                for key, _ in self.selector.select(wait):
                    self._receive(key.data)
        except BaseException as e:  # noqa: BLE001 - raised in stop()
            self.failure = e

    def _send(self, client):
        if self.wires[client] is None:
            self._connect(client)
        number = self.numbers[client]
        self.numbers[client] += 1
        asked = Answer(client, number, self.ask(client, number), time.monotonic())
        self.under_way[client] = asked
        try:
            self.wires[client].socket.send(wire.query(asked.sql))
        except ConnectionError:
            pass  # reading finds out why

    def _receive(self, client):
        w, answer = self.wires[client], self.under_way.get(client)
        ended = False
        try:
            data = w.socket.recv(65536)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        w.buffer += data
        while len(w.buffer) >= 5 and len(w.buffer) > (size := int.from_bytes(w.buffer[1:5], "big")):
            m = wire.Message(chr(w.buffer[0]), bytes(w.buffer[5 : size + 1]))
            del w.buffer[: size + 1]
            if m.kind == "E" and answer:
                answer.code, answer.error = m.fields["C"], m.fields["M"]
            if m.kind == "D" and answer:
                answer.rows.append([None if v is None else v.decode() for v in m.values])
            ended = ended or m.kind == "Z"
        if not data:
            if answer:
                answer.code = answer.code or "closed"
            self.selector.unregister(w.socket)
            w.close()
            self.wires[client] = None
            ended = True
        if not ended:
            return
        now = time.monotonic()
        if answer:
            answer.took = now - answer.asked
            self.answers.append(answer)
            del self.under_way[client]
            heapq.heappush(self.due, (now + self.pause, client))


def errors(answers):
    return [a for a in answers if a.code]
