"""Differences that the documentation tells of, one line and one reason each. Whatever is not here is a bug."""

import re

from transcript import CLOSED, RESET

POSITION = re.compile(r" P='\d+'")
MALFORMED = "E FATAL 08P01 'invalid "
TERMINATE = b"X\0\0\0\4"
IN_COPY = "E ERROR 08P01 'unexpected message type 0x58 during COPY"


def within_copy(script, d):
    """Whether Terminate is sent in a COPY FROM STDIN that fails before the server reads it."""
    return any(TERMINATE in s.messages for s in script.steps[d.step : d.step + 1]) and d.index > 0 and d.direct[d.index - 1][1].startswith("G ")


def starts_with(line, *heads):
    return line is not None and line.startswith(heads)


def any_sent(script, *words):
    return any(w in m.lower() for s in script.steps for m in s.messages for w in words)


def sent_in_step(script, d, *words):
    return any(w in m.lower() for s in script.steps[d.step : d.step + 1] if s.session == d.session for m in s.messages for w in words)


# (reason, what is seen: (script, difference, mode) -> bool)
KNOWN = [
    ("docs/life_of_a_query.md: bytes that are no protocol end the connection; PostgreSQL keeps it where only a body is wrong",
     lambda script, d, mode: d.got is not None and d.got.startswith(MALFORMED) and " message'" in d.got),
    ("docs/life_of_a_query.md: answers in a batch without Sync are not waited for behind Terminate",
     lambda script, d, mode: d.got in (CLOSED, RESET) and any(TERMINATE in s.messages for s in script.steps[d.step : d.step + 1])
     and not any(line.startswith("Z ") for _, line in d.direct[d.index:])),
    ("docs/manual/differences.md: within one batch, what follows a RESET of what was asked for at login sees the server's default",
     lambda script, d, mode: d.session in script.startup and sent_in_step(script, d, b"reset ", b"discard all")),
    ("docs/manual/differences.md: positions in errors of SQL about names are those in a text with a longer name",
     lambda script, d, mode: d.want is not None and d.got is not None and " P='" in d.want and POSITION.sub("", d.want) == POSITION.sub("", d.got)),
    ("docs/manual/differences.md: what an EXECUTE that is parsed runs is described as it is at the Describe",
     lambda script, d, mode: starts_with(d.want, "n", "T") and starts_with(d.got, "n", "T") and any_sent(script, b"execute ")),
    ("docs/life_of_a_query.md: what a COPY has answered when Terminate comes may be told, PostgreSQL does not",
     lambda script, d, mode: d.want == CLOSED and (d.got or "").startswith("C COPY ") and any(TERMINATE in s.messages for s in script.steps[d.step : d.step + 1])),
    ("docs/life_of_a_query.md: Terminate within COPY FROM STDIN ends it as if the client had gone; the server is kept for others",
     lambda script, d, mode: d.got in (CLOSED, RESET) and ((d.want or "").startswith(IN_COPY) or within_copy(script, d))),
]


def known_difference(script, difference, mode):
    """The reason, or None."""
    for reason, seen in KNOWN:
        if seen(script, difference, mode):
            return reason
    return None
