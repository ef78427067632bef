"""Bugs of Forebay that are known and not mended: each script here must differ in transaction mode. One that does not is
reported, so that it moves to the other scripts. `seen` tells when a generated script has met the same bug."""

from typing import Callable, NamedTuple


class Open(NamedTuple):
    reason: str
    scripts: list
    seen: Callable = lambda script, d: False  # (script, difference) -> bool


OPEN: dict[str, Open] = {}


def seen(script, difference, mode):
    """The name of the open bug that a difference comes from, or None."""
    return next((name for name, bug in OPEN.items() if bug.seen(script, difference)), None)
