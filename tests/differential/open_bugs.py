"""Bugs of Forebay that are known and not mended: each script here must differ in transaction mode. One that does not is
reported, so that it moves to the other scripts. `seen` tells when a generated script has met the same bug."""

from typing import Callable, NamedTuple

from model import Script
from transcript import starts
from wire import bind, execute, parse, query, sync


class Open(NamedTuple):
    reason: str
    scripts: list
    seen: Callable = lambda script, d: False  # (script, difference) -> bool


OPEN = {
    "PREPARE that is parsed beside one by SQL": Open(
        "a PREPARE parsed while SQL's own names may keep the server does not know that its name was given by Parse",
        [Script(("b", [parse("insert into own_b values ($1, 'p5')", "s"), sync()], 1),
                ("b", [query("prepare s as select 3 + 1"), parse("prepare s as select 4 + 1", "u"), bind([], statement="u"), execute(), sync()], 2))],
        lambda script, d: starts(d.want, "E ERROR 42P05") and starts(d.got, "C PREPARE")),
}


def seen(script, difference, mode):
    """The name of the open bug that a difference comes from, or None."""
    return next((name for name, bug in OPEN.items() if bug.seen(script, difference)), None)
