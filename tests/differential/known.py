"""Differences that the documentation tells of, one line and one reason each. Whatever is not here is a bug."""

MALFORMED = "E FATAL 08P01 'invalid "

# (reason, what is seen: (script, difference, mode) -> bool)
KNOWN = [
    ("docs/life_of_a_query.md: bytes that are no protocol end the connection; PostgreSQL keeps it where only a body is wrong",
     lambda script, d, mode: d.got is not None and d.got.startswith(MALFORMED) and " message'" in d.got),
]


def known_difference(script, difference, mode):
    """The reason, or None."""
    for reason, seen in KNOWN:
        if seen(script, difference, mode):
            return reason
    return None
