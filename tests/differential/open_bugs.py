"""Bugs of Forebay that are known and not mended: each script here must differ in transaction mode. One that does not is
reported, so that it moves to the other scripts. `seen` tells when a generated script has met the same bug."""

from typing import Callable, NamedTuple

from model import BARRIER, Script
from wire import bind, copy_fail, execute, parse, query, sync


class Open(NamedTuple):
    reason: str
    scripts: list
    seen: Callable = lambda script, d: False  # (script, difference) -> bool


def starts(line, *heads):
    return line is not None and line.startswith(heads)


OPEN = {
    "a Query skipped or not behind a failed COPY": Open(
        "what follows may answer either, so the server stays with its client",
        [Script(("a", [parse("copy own_a from stdin"), bind(), execute(), sync(), copy_fail("no"), query(""), sync(), query("")], BARRIER),
                ("b", [query("select 1")], 1), servers=1)],
        lambda script, d: starts(d.got, "E ERROR 53300", "! closed") and any(m[:1] == b"P" and b"copy own_" in m for s in script.steps for m in s.messages)),
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
