"""Bugs of Forebay that are known and not mended: each script here must differ in transaction mode. One that does not is
reported, so that it moves to the other scripts. `seen` tells when a generated script has met the same bug."""

from typing import Callable, NamedTuple

from model import Script
from wire import bind, execute, parse, query, sync


class Open(NamedTuple):
    reason: str
    scripts: list
    seen: Callable = lambda script, d: False  # (script, difference) -> bool


def sent(script, d, *words):
    """Whether the session has sent one of these up to the step of the difference."""
    return any(w in m.lower() for s in script.steps[: d.step + 1] if s.session == d.session for m in s.messages for w in words)


def starts(line, *heads):
    return line is not None and line.startswith(heads)


OPEN = {
    "statement names in SQL": Open(
        "EXECUTE and DEALLOCATE that are themselves parsed do not know names given by Parse",
        [Script(("a", [parse("select 9", "q"), sync()], 1), ("a", [parse("execute q"), bind(), execute(), sync()], 1))],
        lambda script, d: sent(script, d, b"deallocate ", b"execute ", b"prepare ")
        and (starts(d.got, "E ERROR 26000", "C PREPARE", "1", "2", "t ") or starts(d.want, "E ERROR 26000", "E ERROR 42P05"))),
    "Bind in a failed transaction": Open(
        "a Bind that is wrong in itself is answered by the error of the Parse that Forebay sends ahead of it",
        [
         # b's statement is not on the server where its transaction has failed: the Parse that Forebay injects fails.
         Script(("b", [parse("select $1::int", "s"), sync()], 1), ("a", [query("begin")], 1), ("b", [query("begin"), query("selec")], 2),
                ("b", [bind([], "s"), sync()], 1), servers=2)],
        lambda script, d: starts(d.got, "E ERROR 25P02") and starts(d.want, "E ERROR 08P01", "t")),
}


def seen(script, difference, mode):
    """The name of the open bug that a difference comes from, or None."""
    return next((name for name, bug in OPEN.items() if bug.seen(script, difference)), None)
