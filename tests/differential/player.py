"""Plays a script on an endpoint and writes down what comes, session by session."""

import re
import select
import time

from model import BARRIER, CLOSED, Step, wire
import transcript

# CopyFail ends a COPY and is ignored otherwise; Sync ends a batch; then CloseCompletes in a row, which Close gives in
# every state, also in a failed transaction, and which no generated script asks for in such number.
CLOSES = 6
BARRIER_MESSAGES = [wire.copy_fail("barrier"), wire.sync(), *[wire.close_statement("barrier")] * CLOSES, wire.sync()]

# SQL after which a session in transaction mode may keep its server. Seen too often costs only a larger pool.
TRACKED = rb"(application_name|client_encoding|datestyle|intervalstyle|standard_conforming_strings|time|timezone|names|local|transaction)\b"
PINS = re.compile(rb"\b(temp|temporary|pg_temp|set_config|hold|listen|load|prepare)\b|advisory|(^|[;\0])\s*set\s+(session\s+)?(?!" + TRACKED
                  + rb")", re.I)
SET = re.compile(rb"\bset\b", re.I)
DOUBT = 0.5  # seconds of silence after which a hang is taken for one where it is a known one
NOTHING = "? nothing comes"


class Unfit(Exception):
    """The script is wrong: what it waits for does not come from PostgreSQL itself."""


class Session:
    def __init__(self, name, endpoint, dbname, user, startup, patience, exact, hopeless):
        self.exact, self.hopeless = exact, hopeless
        self.name, self.lines, self.step, self.ended = name, [], -1, False
        self.status, self.open_batch, self.pinned, self.closes = None, False, False, 0
        self.wire = wire.Wire(endpoint.host, endpoint.port, patience)
        self.wire.socket.setblocking(False)
        self.patience = patience
        self.be_patient()
        self.send(wire.startup({"user": user, "database": dbname, **startup}))
        self._log_in()

    def _log_in(self):
        """ParameterStatus messages in the order of their names: their order at login is nobody's promise."""
        parameters = []
        while not self.ended:
            m = self.receive()
            if m is None or m.kind == "Z":
                break
            if m.kind == "S":
                parameters.append(self.lines.pop()[1])
        if self.lines:
            self.lines[-1:-1] = [(-1, p) for p in sorted(parameters)]

    def _sort_parameters(self):
        """Those that come in a row: their order is nobody's promise either."""
        first = len(self.lines)
        while first and self.lines[first - 1][0] == self.step and self.lines[first - 1][1].startswith("S "):
            first -= 1
        self.lines[first:] = sorted(self.lines[first:])

    def note(self, line):
        self.lines.append((self.step, line))

    def end(self, line):
        self.note(line)
        self.ended = True
        self.wire.close()

    @property
    def holds(self):
        """Whether it may keep its server from other sessions."""
        return not self.ended and (self.pinned or self.open_batch or self.status != "I")

    def be_patient(self):
        self.deadline = time.monotonic() + self.patience
        self.doubt = min(time.monotonic() + DOUBT, self.deadline)

    def await_socket(self, writing=False):
        """Until it can be read, or, if asked for, written. A TimeoutError in the end, or in doubt where there is no hope."""
        watched = [self.wire.socket]
        while not any(select.select(watched, watched if writing else [], [], max(self.doubt - time.monotonic(), 0))):
            if self.doubt == self.deadline or self.hopeless(self):
                raise TimeoutError
            self.doubt = self.deadline

    def send(self, data):
        """Reads while it cannot write: a server that waits for its replies to be read does not read. A lost connection is
        noticed when reading."""
        while data and not self.ended:
            try:
                data = data[self.wire.socket.send(data[:65536]) :]
            except BlockingIOError:
                try:
                    self.await_socket(writing=True)
                    self.wire._fill()
                except BlockingIOError:
                    pass
                except TimeoutError:
                    self.end("? does not take what is sent")
                except (OSError, wire.Closed):
                    return
            except OSError:
                return

    def receive(self):
        """The next message; None when there will be none."""
        if self.ended:
            return None
        try:
            while len(self.wire.buffer) < 5 or len(self.wire.buffer) <= int.from_bytes(self.wire.buffer[1:5], "big"):
                self._fill()
        except (TimeoutError, OSError):
            self.end(NOTHING)
            return None
        except wire.Closed as e:
            self.end(transcript.RESET if isinstance(e.__cause__, ConnectionError) else transcript.CLOSED)
            return None
        m = self.wire.receive()
        self.note(transcript.line(m, self.exact))
        if m.kind == "S":
            self._sort_parameters()
        if m.kind == "Z":
            self.status = m.status
        self.closes = self.closes + 1 if m.kind == "3" else 0
        return m

    def _fill(self):
        try:
            self.wire._fill()
        except BlockingIOError:
            self.await_socket()

    def wait(self, until):
        if isinstance(until, int):
            until = "Z" * until
        for kind in until or "":
            after_closes = 0
            while True:
                m = self.receive()
                if m is None:
                    return
                if kind == BARRIER and m.kind == "Z" and after_closes >= CLOSES:
                    break
                after_closes = self.closes
                if m.kind == kind:
                    break

    def play(self, number, step):
        if self.ended:
            return
        self.step = number
        self.be_patient()
        messages = step.messages + (BARRIER_MESSAGES if step.until == BARRIER else [])
        data, at = b"".join(messages), 0
        for cut in [*sorted(c for c in step.cuts if c < len(data)), len(data)]:
            self.send(data[at:cut])
            at = cut
        # SET beside a string of several statements: Forebay does not tell which of them set what.
        self.pinned = self.pinned or any(PINS.search(m[5:]) for m in messages) or (b";" in data and any(SET.search(m[5:]) for m in messages))
        self.wait(step.until)
        asked = sum(m[:1] in b"QSF" for m in messages)
        whole = step.until == BARRIER or (step.until == asked and asked > 0 and messages[-1][:1] in b"QSF")
        if messages or step.until:
            self.open_batch = not whole


class Play:
    """What came, by session; `needed` is the number of servers without which sessions would wait for each other.
    `hopeless` tells of the transcripts up to a silence whether waiting longer would show nothing new."""

    def __init__(self, script, endpoint, dbname, user, patience, order=None, hopeless=lambda transcripts: False):
        self.names, self.sessions, self.needed, self.statuses, self.hopeless = script.sessions, {}, 1, set(), hopeless
        try:
            self._play(script, lambda name: Session(name, endpoint, dbname, user, script.startup.get(name, {}), patience, script.exact, self._hopeless), order)
        finally:
            for s in self.sessions.values():
                s.wire.close()
        self.transcripts = {s.name: s.lines for s in self.sessions.values()}

    def _hopeless(self, silent):
        lines = {name: self.sessions[name].lines if name in self.sessions else [] for name in self.names}
        return self.hopeless({**lines, silent.name: [*silent.lines, (silent.step, NOTHING)]})

    def _play(self, script, login, order):
        for name in script.sessions:
            self.sessions[name] = login(name)
        for number, step in enumerate(script.steps):
            session = self.sessions[step.session]
            self.needed = max(self.needed, 1 + sum(s.holds for s in self.sessions.values() if s is not session))
            session.play(number, step)
        # Who holds a server ends first, so that the others need not wait for it.
        self.order = order or sorted(self.sessions, key=lambda name: not self.sessions[name].holds)
        for name in self.order:
            session = self.sessions[name]
            session.play(len(script.steps), Step(name, [], BARRIER))
            session.play(len(script.steps) + 1, Step(name, [wire.terminate()], CLOSED))
        self.statuses = {line for s in self.sessions.values() for _, line in s.lines if line.startswith("Z ")}

    @property
    def hung(self):
        return any(line.startswith("? ") for lines in self.transcripts.values() for _, line in lines)

