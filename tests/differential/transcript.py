"""Messages of a server as lines that must be equal, and where two transcripts differ."""

import hashlib
import struct
import textwrap

RESET = "! reset"  # closed with something of ours unread: what was on its way to us may be lost
CLOSED = "! closed"
FIRST_OWN_OID = 16384  # oids from here on are given out by the running server: they differ between two runs


def text(value, most=120):
    """Readable, and different for different values of any size."""
    if value is None:
        return "null"
    if len(value) <= most:
        return repr(value)[1:]
    return f"{value[:40]!r}... {len(value)} bytes, {hashlib.sha256(value).hexdigest()[:12]}"


def _columns(body):
    (count,), at, words = struct.unpack_from("!H", body), 2, []
    for _ in range(count):
        end = body.index(b"\0", at)
        table, number, kind, size, modifier, form = struct.unpack_from("!IhIhih", body, end + 1)
        table, kind = ("own" if oid >= FIRST_OWN_OID else oid for oid in (table, kind))
        words.append(f"{body[at:end].decode(errors='replace')}:{table}.{number}:{kind}/{size}/{modifier}:{form}")
        at = end + 19
    return " ".join(words)


def line(m, exact=False):
    """One message; file, line and routine of an error only where the script asks for it."""
    if m.kind in "EN":
        fields = m.fields
        head = f"{m.kind} {fields.get('S')} {fields.get('C')} {text(fields.get('M', '').encode(), 400)}"
        return head + "".join(f" {k}={v!r}" for k, v in sorted(fields.items()) if k not in ("SCM" if exact else "SCMFLR"))
    if m.kind == "T":
        return f"T {_columns(m.body)}"
    if m.kind == "D":
        return "D " + ", ".join(text(v) for v in m.values)
    if m.kind == "Z":
        return f"Z {m.status}"
    if m.kind == "S":
        return "S " + m.body[:-1].decode(errors="replace").replace("\0", " = ")
    if m.kind == "C":
        return f"C {m.tag}"
    if m.kind == "A":
        return "A " + text(m.body[4:])  # without the pid
    if m.kind == "K":
        return "K"  # pid and cancel key
    return f"{m.kind} {text(m.body)}".removesuffix(" ''")


def starts(line, *heads):
    return line is not None and line.startswith(heads)


class Difference:
    """The first place where a session's transcripts differ. `want` is None where the direct one has ended."""

    def __init__(self, session, index, want, got, direct, proxied):
        self.session, self.index, self.want, self.got = session, index, want, got
        self.direct, self.proxied = direct, proxied

    @property
    def before(self):
        return self.direct[self.index - 1][1] if self.index else None

    @property
    def step(self):
        """The step in which it came, counted from 0."""
        side = self.proxied if self.got is not None else self.direct
        return side[self.index][0]

    def side_by_side(self, width=78, context=3, most=14):
        start, rows = max(0, self.index - context), [("PostgreSQL", "Forebay")]
        for n in range(start, min(max(len(self.direct), len(self.proxied)), self.index + most)):
            pair = [f"[{s[n][0]}] {s[n][1]}" if n < len(s) else "" for s in (self.direct, self.proxied)]
            rows.append(pair)
        lines = [f"session {self.session}, from its message {start + 1} on, [step]; first difference at {self.index + 1}:"]
        for number, (left, right) in enumerate(rows):
            same = number == 0 or left.partition("] ")[2] == right.partition("] ")[2]
            left, right = (textwrap.wrap(t, width) or [""] for t in (left, right))
            for n in range(max(len(left), len(right))):
                cells = (side[n] if n < len(side) else "" for side in (left, right))
                lines.append(f"{next(cells):{width}} {' ' if same else '#'} {next(cells)}".rstrip())
        return "\n".join(lines)


def first_difference(direct, proxied):
    """Of two plays {session: [(step, line)]}; of several sessions the one whose difference came in the earliest step."""
    found = []
    for session in direct:
        left, right = direct[session], proxied[session]
        for n in range(max(len(left), len(right))):
            want, got = (s[n][1] if n < len(s) else None for s in (left, right))
            if want == RESET and right[-1] in ((left[n][0], CLOSED), (left[n][0], RESET)):
                break  # Forebay has handed on what PostgreSQL's own client did not get to see
            if want != got and not (want == CLOSED and got == RESET):
                found.append(Difference(session, n, want, got, left, right))
                break
    return min(found, key=lambda d: d.step, default=None)
