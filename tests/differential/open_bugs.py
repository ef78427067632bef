"""Bugs of Forebay that are known and not mended: each script here must differ in transaction mode. One that does not is
reported, so that it moves to the other scripts. `seen` tells when a generated script has met the same bug."""

from typing import Callable, NamedTuple

from model import BARRIER, CLOSED, Script
from wire import bind, close_statement, copy_data, execute, parse, query, sync


class Open(NamedTuple):
    reason: str
    scripts: list
    seen: Callable = lambda script, d: False  # (script, difference) -> bool


def sent(script, d, *words):
    """Whether the session has sent one of these up to the step of the difference."""
    return any(w in m.lower() for s in script.steps[: d.step + 1] if s.session == d.session for m in s.messages for w in words)


def by_any(script, *words):
    return any(w in m.lower() for s in script.steps for m in s.messages for w in words)


def starts(line, *heads):
    return line is not None and line.startswith(heads)


def without_quoted(line):
    return "".join(line.split('"')[::2])


def after_error(d):
    """Whether the session has seen an error before the difference."""
    return any(starts(line, "E ERROR") for _, line in d.direct[: d.index])


def use(name, *values):
    return [bind(values, name), execute(), sync()]


OPEN = {
    "server's statement names in errors": Open(
        "an error shows Forebay's own name of a statement when the client's has ended by the time it comes, or another name of the same text",
        [Script(("a", [parse("select $1::int", "s"), sync()], 1), ("a", [bind([], "s"), close_statement("s"), sync()], 1)),
         Script(("a", [parse("select $1::int", "s"), parse("select $1::int", "t"), bind([], "s"), sync()], 1), ("a", [bind([], "t"), sync()], 1))],
        lambda script, d: "forebay_" in (d.got or "") or (starts(d.want, "E") and starts(d.got, "E") and without_quoted(d.want) == without_quoted(d.got))),
    "statement names in SQL": Open(
        "PREPARE in SQL and Parse do not know each other's names; nor do EXECUTE and DEALLOCATE, when they are themselves parsed",
        [Script(("a", [query("prepare q as select 1")], 1), ("a", [parse("select 9", "q"), sync()], 1)),
         Script(("a", [parse("select 9", "q"), sync()], 1), ("a", [query("prepare q as select 1")], 1))],
        lambda script, d: sent(script, d, b"deallocate ", b"execute ", b"prepare ")
        and (starts(d.got, "E ERROR 26000", "C PREPARE", "1", "2", "t ") or starts(d.want, "E ERROR 26000", "E ERROR 42P05"))),
    "Bind in a failed transaction": Open(
        "a Bind that is wrong in itself is answered by the error of the Parse that Forebay sends ahead of it",
        [
         # b's statement is not on the server where its transaction has failed: the Parse that Forebay injects fails.
         Script(("b", [parse("select $1::int", "s"), sync()], 1), ("a", [query("begin")], 1), ("b", [query("begin"), query("selec")], 2),
                ("b", [bind([], "s"), sync()], 1), servers=2)],
        lambda script, d: starts(d.got, "E ERROR 25P02") and starts(d.want, "E ERROR 08P01", "t")),
    "messages within COPY": Open(
        "Parse and Close answered by Forebay itself are not seen by a COPY FROM STDIN that they would end: it goes on waiting",
        [Script(("a", [query("copy own_a from stdin"), close_statement("x")], BARRIER)),
         Script(("a", [parse("select 1", "x"), sync()], 1), ("a", [query("copy own_a from stdin"), parse("select 1", "y")], BARRIER))],
        lambda script, d: starts(d.want, "E ERROR 08P01 'unexpected message type")),
    "query behind a failed COPY": Open(
        "a simple Query skipped after an error in an extended COPY (its Sync came within the COPY) is taken to owe ReadyForQuery: FATAL",
        [Script(("a", [parse("copy own_a from stdin"), bind(), execute(), sync(), copy_data("bad\n"), query("")], BARRIER))],
        lambda script, d: ("broke the protocol" in (d.got or "") or starts(d.got, "? ", "Z ")) and sent(script, d, b"copy own_")),
    "server lost in COPY": Open(
        "a server that ended its connection with unread messages behind it keeps its place for seconds: the next client waits in vain",
        [Script(("a", [query("copy own_a (id) from stdin (format csv)"), copy_data("22\ty\n"), bind([], "nobody", "p")], BARRIER), ("c", [query("rollback")], 1), servers=1)],
        lambda script, d: starts(d.got, "? ", "E ERROR 53300") and by_any(script, b"copy own_")),
    "login errors": Open(
        "a refused startup packet: AuthenticationOk is missing before the error, and its HINT",
        [Script(("b", [], None), startup={"b": {"options": "nonsense"}})],
        lambda script, d: d.step == -1 and starts(d.want, "R ") and starts(d.got, "E FATAL")),
    "where errors come from": Open(
        "errors that Forebay words anew lack file, line and routine",
        [Script(("a", [query("copy own_a from stdin"), query("select 1")], CLOSED), exact=True)]),
}


def seen(script, difference, mode):
    """The name of the open bug that a difference comes from, or None."""
    return next((name for name, bug in OPEN.items() if bug.seen(script, difference)), None)
