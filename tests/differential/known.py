"""Differences that the documentation tells of, one line and one reason each. Whatever is not here is a bug."""

import re

from transcript import CLOSED, RESET, starts

POSITION = re.compile(r" P='\d+'")
MALFORMED = "E FATAL 08P01 'invalid "
TERMINATE = b"X\0\0\0\4"
IN_COPY = "E ERROR 08P01 'unexpected message type 0x58 during COPY"


def sent(script, d, *words, since=0):
    """Whether the session has sent one of these in the steps from `since` to that of the difference."""
    return any(w in m.lower() for s in script.steps[since : d.step + 1] if s.session == d.session for m in s.messages for w in words)


def terminates(script, d):
    return any(TERMINATE in s.messages for s in script.steps[d.step : d.step + 1])


def within_copy(script, d):
    """Whether Terminate is sent in a COPY FROM STDIN that fails before the server reads it."""
    return terminates(script, d) and after_copy_starts(d)


def after_copy_starts(d):
    return d.before is not None and d.before.startswith("G ")


# (reason, what is seen: (script, difference, mode) -> bool)
KNOWN = [
    ("docs/life_of_a_query.md: bytes that are no protocol end the connection; PostgreSQL keeps it where only a body is wrong",
     lambda script, d, mode: starts(d.got, MALFORMED) and " message'" in d.got),
    ("docs/life_of_a_query.md: answers in a batch without Sync are not waited for behind Terminate",
     lambda script, d, mode: d.got in (CLOSED, RESET) and terminates(script, d)
     and not any(line.startswith("Z ") for _, line in d.direct[d.index:])),
    ("docs/manual/differences.md: within one batch, what follows a RESET of what was asked for at login sees the server's default",
     lambda script, d, mode: d.session in script.startup and sent(script, d, b"reset ", b"discard all", since=d.step)
     and starts(d.want, "D ") and starts(d.got, "D ")),
    ("docs/manual/differences.md: positions in errors of SQL about names are those in a text with a longer name",
     lambda script, d, mode: d.want is not None and d.got is not None and " P='" in d.want and sent(script, d, b"prepare ", b"execute ", b"deallocate ")
     and POSITION.sub("", d.want) == POSITION.sub("", d.got)),
    ("docs/manual/differences.md: what an EXECUTE that is parsed runs is described as it is at the Describe",
     lambda script, d, mode: (starts(d.want, "n", "T") and starts(d.got, "n", "T") or starts(d.want, "E ERROR 26000 'prepared") and starts(d.got, "n"))
     and sent(script, d, b"execute ")),
    ("docs/manual/differences.md: what was answered when Terminate comes may be told, PostgreSQL does not",
     lambda script, d, mode: d.want == CLOSED and terminates(script, d) and not any(line.startswith("Z ") for _, line in d.proxied[d.index:])),
    ("docs/manual/differences.md: an unknown message within COPY FROM STDIN ends the connection without the COPY's error",
     lambda script, d, mode: starts(d.got, "E FATAL 08P01 'invalid frontend message type") and starts(d.want, "E ERROR")
     and (starts(d.want, "E ERROR 08P01 'unexpected message type") or after_copy_starts(d))),
    ("docs/life_of_a_query.md: what ends the server's process outside of a transaction does not end the client's connection",
     lambda script, d, mode: starts(d.want, "E FATAL XX000 'EndTransactionBlock: ") and starts(d.got, "E ERROR XX000 'EndTransactionBlock: ")),
    ("docs/manual/differences.md: a RESET of what was asked for at login takes the unnamed statement in session mode",
     lambda script, d, mode: mode == "session" and d.session in script.startup and sent(script, d, b"reset ", b"discard all")
     and starts(d.got, "E ERROR 26000 'unnamed prepared statement")),
    ("docs/manual/differences.md: a statement that executes itself finds no name",
     lambda script, d, mode: starts(d.want, "E ERROR 54001") and starts(d.got, "E ERROR 26000") and sent(script, d, b"execute ")),
    ("docs/manual/differences.md: BEGIN with an isolation level finds that a Parse of Forebay's has taken a snapshot",
     lambda script, d, mode: starts(d.got, "E ERROR 25001") and starts(d.want, "C BEGIN") and sent(script, d, b"isolation level")),
    ("docs/manual/differences.md: a wrong Bind in a failed transaction is answered as any statement there",
     lambda script, d, mode: starts(d.got, "E ERROR 25P02") and starts(d.want, "E ERROR 08P01", "t")),
    ("docs/life_of_a_query.md: Terminate within COPY FROM STDIN ends it as if the client had gone; the server is kept for others",
     lambda script, d, mode: d.got in (CLOSED, RESET) and (starts(d.want, IN_COPY) or within_copy(script, d))),
]


def known_difference(script, difference, mode):
    """The reason, or None."""
    for reason, seen in KNOWN:
        if seen(script, difference, mode):
            return reason
    return None
