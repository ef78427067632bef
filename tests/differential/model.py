"""What a script is, and how it is written down so that it can be pasted into a file of scripts."""

import struct
import sys
from pathlib import Path
from typing import NamedTuple, Union

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import wire  # noqa: E402

BARRIER = "|"  # wait: the player appends messages whose replies cannot be mistaken, whatever state the session is in
CLOSED = "!"  # wait: the other side closes


class Step(NamedTuple):
    """One session sends some messages, cut into several writes at these offsets, and waits: for so many ReadyForQuery,
    for messages of these kinds one after the other, for BARRIER, for CLOSED, or (None) for nothing."""

    session: str
    messages: list
    until: Union[int, str, None] = None
    cuts: tuple = ()


class Script:
    """Steps, startup parameters by session, and the number of servers it shall share where that is known better than
    the player can see (Play.needed). `exact`: where in PostgreSQL's source an error comes from must be equal too."""

    def __init__(self, *steps, startup=None, servers=None, exact=False):
        self.steps = [s if isinstance(s, Step) else Step(*s) for s in steps]
        self.startup = startup or {}
        self.servers = servers
        self.exact = exact

    @property
    def sessions(self):
        return sorted({s.session for s in self.steps} | set(self.startup))

    def with_steps(self, steps):
        return Script(*steps, startup=self.startup, servers=self.servers, exact=self.exact)

    def __eq__(self, other):
        return vars(self) == vars(other)


# ---- Python literals ------------------------------------------------------------------------------------------------


def text_literal(value):
    """A literal; runs of one character, as large parameters are, in short."""
    for start in range(0, min(len(value), 200)):
        run = len(value) - start
        one = value[start : start + 1]
        if run > 60 and value[start : start + 61] == one * 61:
            end = start
            while end < len(value) and value[end : end + 1] == one:
                end += 1
            parts = [repr(value[:start])] if start else []
            parts.append(f"{one!r} * {end - start}")
            if end < len(value):
                parts.append(text_literal(value[end:]))
            return " + ".join(parts)
    return repr(value)


def _texts(body, count):
    parts = body.split(b"\0", count)
    return [p.decode() for p in parts[:count]], parts[count]


def _counted(body, at, form):
    (count,) = struct.unpack_from("!H", body, at)
    size = struct.calcsize(form)
    values = [struct.unpack_from("!" + form, body, at + 2 + n * size)[0] for n in range(count)]
    return values, at + 2 + count * size


def _bind_literal(body):
    (portal, statement), rest = _texts(body, 2)
    formats, at = _counted(rest, 0, "h")
    (count,) = struct.unpack_from("!H", rest, at)
    at += 2
    values = []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", rest, at)
        at += 4
        raw = None if length < 0 else rest[at : at + length]
        at += max(length, 0)
        try:
            values.append(raw if raw is None else raw.decode())
        except UnicodeDecodeError:
            values.append(raw)
    result_formats, _ = _counted(rest, at, "h")
    words = [f"[{', '.join('None' if v is None else text_literal(v) for v in values)}]"]
    named = [("statement", statement), ("portal", portal), ("formats", formats), ("result_formats", result_formats)]
    return f"bind({', '.join(words + [f'{k}={v!r}' for k, v in named if v])})"


def _literal_by_kind(kind, body):
    if kind == "Q":
        return f"query({text_literal(body[:-1].decode())})"
    if kind == "P":
        (name, sql), rest = _texts(body, 2)
        types, _ = _counted(rest, 0, "I")
        more = (f", {text_literal(name)}" if name else "") + (f", types={types}" if types else "")
        return f"parse({text_literal(sql)}{more})"
    if kind == "B":
        return _bind_literal(body)
    if kind in "DC":
        call = {"D": "describe", "C": "close"}[kind] + {"S": "_statement", "P": "_portal"}[chr(body[0])]
        return f"{call}({text_literal(body[1:-1].decode())})"
    if kind == "E":
        (portal,), rest = _texts(body, 1)
        (limit,) = struct.unpack("!i", rest)
        return f"execute({portal!r}, {limit})" if limit else f"execute({portal!r})" if portal else "execute()"
    if kind == "d":
        return f"copy_data({text_literal(body)})"
    if kind == "f":
        return f"copy_fail({body[:-1].decode()!r})"
    return {"S": "sync()", "H": "flush()", "X": "terminate()", "c": "copy_done()"}[kind]


def message_literal(data):
    """The builder's call that makes these bytes; the bytes themselves where there is none (malformed ones)."""
    kind = chr(data[0])
    try:
        literal = _literal_by_kind(kind, data[5:])
        if eval(literal, vars(wire)) == data:  # noqa: S307 - made a line above
            return literal
    except (KeyError, ValueError, IndexError, struct.error):
        pass
    if len(data) >= 5 and struct.unpack("!I", data[1:5])[0] == len(data) - 1:
        return f"message({kind!r}, {text_literal(data[5:])})"
    return text_literal(data)


def until_literal(until):
    return {BARRIER: "BARRIER", CLOSED: "CLOSED"}.get(until, repr(until))


def script_literal(script):
    lines = ["Script("]
    for s in script.steps:
        cuts = f", {tuple(s.cuts)!r}" if s.cuts else ""
        lines.append(f"    ({s.session!r}, [{', '.join(map(message_literal, s.messages))}], {until_literal(s.until)}{cuts}),")
    if script.startup:
        lines.append(f"    startup={script.startup!r},")
    if script.servers:
        lines.append(f"    servers={script.servers},")
    if script.exact:
        lines.append("    exact=True,")
    return "\n".join(lines + [")"])
