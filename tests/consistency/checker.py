"""What the kinds of the checker share: what was counted, and requests in every shape that the cache knows."""

import itertools
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("integration", "differential")]

import harness  # noqa: E402
import wire  # noqa: E402

CACHED = {"mode": "ttl", "ttl": "10m"}


@dataclass
class Tally:
    """Of one run of one kind. A cache that never hits is right as well: hits are told beside violations."""

    reads: int = 0
    hits: int = 0
    writes: int = 0
    violations: list = field(default_factory=list)

    def add(self, other):
        self.reads += other.reads
        self.hits += other.hits
        self.writes += other.writes
        self.violations += other.violations

    def __str__(self):
        rate = f" ({100 * self.hits / self.reads:.0f} %)" if self.reads else ""
        return f"{self.reads} reads, {self.hits} hits{rate}, {self.writes} writes, {len(self.violations)} violations"


def hits(proxy):
    return next(int(row["value"]) for row in proxy.console("show cache") if row["item"] == "hits")


def last_cache(w):
    return w.value("show forebay.last_cache")


def until_it_caches(proxy, table, user="app", dbname="app"):
    """The catalogs as they are now are known: this table is in them."""
    text = f"select count(*) from {table} where false"
    with proxy.wire(user, dbname) as w:
        harness.eventually(lambda: w.run(text) and last_cache(w) == "hit", 20, lambda: f"a hit, and not {last_cache(w)}")


# ---- requests: a text and its parameters, in a shape ----------------------------------------------------------------

SHAPES = ("simple", "unnamed", "unnamed, described", "named", "named, described")


def request(shape, text, values=(), binary=False, named=None):
    """(what has to be prepared before it, or None; the request up to its Sync). `named`: statements of this connection, by text."""
    if shape == "simple":
        return None, wire.query(text)
    name, before, front = "", None, b""
    if shape.startswith("named"):
        if text not in named:
            named[text] = f"s{next(NUMBERS)}"
            before = wire.parse(text, named[text]) + wire.sync()
        name = named[text]
    else:
        front = wire.parse(text)
    described = wire.describe_portal() if shape.endswith("described") else b""
    return before, front + wire.bind(values, name, result_formats=[1] if binary else ()) + described + wire.execute() + wire.sync()


NUMBERS = itertools.count()
UNTOLD = {"F", "L", "R", "W"}  # of an error: where in PostgreSQL's source, and in a function by the names of when it was first run


def answer(w, messages):
    """All that comes back, up to ReadyForQuery, as it can be compared."""
    w.send(messages)
    return [(m.kind, {k: v for k, v in m.fields.items() if k not in UNTOLD} if m.kind in "EN" else m.body) for m in w.until_ready()]


def without_tables(reply):
    """Of row descriptions the oid of the table is left out: of a temporary one it is the session's."""
    def of(body):
        out, at = bytearray(body), 2
        for _ in range(struct.unpack_from("!H", body)[0]):
            at = body.index(0, at) + 1
            out[at : at + 4] = bytes(4)
            at += 18
        return bytes(out)

    return [(kind, of(body) if kind == "T" else body) for kind, body in reply]


def shown(reply):
    """An answer to read: types, rows, errors."""
    words = []
    for kind, body in reply:
        if kind == "D":
            words.append(str([None if v is None else v[:60] for v in wire.Message(kind, body).values]))
        elif kind in "EN":
            words.append(f"{kind} {body.get('C')} {body.get('M')}")
        else:
            words.append(kind)
    return " ".join(words)[:300]


class ends_in:
    """Whether so many seconds are over; they begin when it is first asked, behind all preparations."""

    def __init__(self, seconds):
        self.seconds, self.lock, self.deadline = seconds, threading.Lock(), None

    def __call__(self):
        with self.lock:
            if self.deadline is None:
                self.deadline = time.monotonic() + self.seconds
        return time.monotonic() >= self.deadline
