"""Bugs of Forebay that are known and not mended: each script here must differ in transaction mode. One that does not is
reported, so that it moves to the other scripts. `seen` tells when a generated script has met the same bug."""

from typing import Callable, NamedTuple

from model import BARRIER, Script
from transcript import starts
from wire import bind, describe_statement, execute, parse, query, sync


class Open(NamedTuple):
    reason: str
    scripts: list
    seen: Callable = lambda script, d: False  # (script, difference) -> bool


def texts(script, d, kinds):
    """SQL that the session has sent up to the step of the difference, in messages of these kinds, with the statement's name."""
    for m in (m for s in script.steps[: d.step + 1] if s.session == d.session for m in s.messages if m[:1] in kinds):
        name, sql = (b"", m[5:-1]) if m[:1] == b"Q" else m[5:].split(b"\0")[:2] if m.count(b"\0", 5) > 1 else (b"", b"")
        yield name, sql.lower().lstrip(b" ;")


ABOUT_NAMES = (b"execute ", b"deallocate ", b"prepare ")


def executed_itself(script, d):
    """Whether EXECUTE names a statement that is SQL about a name."""
    named = {name for name, sql in texts(script, d, b"P") if name and sql.startswith(ABOUT_NAMES)}
    return any(sql.startswith(b"execute " + name) for _, sql in texts(script, d, b"PQ") for name in named)


OPEN = {
    "statement names in what is executed by SQL": Open(
        "EXECUTE of a DEALLOCATE or PREPARE, or of itself, does not find the name",
        [Script(("a", [parse("select 9", "q"), parse("deallocate q", "d"), sync()], 1), ("a", [query("execute d")], 1)),
         Script(("a", [parse("execute q", "q"), sync()], 1), ("a", [query("execute q")], 1))],
        lambda script, d: executed_itself(script, d) and starts(d.got, "E ERROR 26000")),
    "a snapshot taken by a Parse of ours": Open(
        "BEGIN with an isolation level, by a Query in an unfinished batch, finds that the Parse that Forebay sends ahead has looked at tables",
        [Script(("a", [parse("select 1"), execute(), query("")], BARRIER), ("a", [describe_statement(""), query("begin isolation level repeatable read")], 1))],
        lambda script, d: starts(d.got, "E ERROR 25001")),
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
