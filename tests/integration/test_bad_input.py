"""What no parser likes: it goes on to PostgreSQL, its error comes back as it is, and Forebay keeps neither a scratch nor the bytes."""

import pytest

import wire
from harness import eventually, memory
from wire import bind, copy_data, copy_done, describe_statement, execute, message, parse, query, sync

pytestmark = pytest.mark.proxy

MIB = 1 << 20
DEEP = 100_000


def raw(kind, *parts):
    return message(kind, b"".join(p if isinstance(p, bytes) else p.encode() for p in parts))


def both(text):
    """As a simple query and in a named and an unnamed Parse; what follows is answered as ever."""
    text = text if isinstance(text, bytes) else text.encode()
    return [raw("Q", text, "\0"), raw("P", "\0", text, "\0\0\0"), sync(), raw("P", "named\0", text, "\0\0\0"), describe_statement("named"), sync(),
            query("select 'after'")]


NESTED = {
    "parentheses": "select " + "(" * DEEP + "1" + ")" * DEEP,
    "parentheses that do not end": "select " + "(" * DEEP,
    "function calls": "select " + "abs(" * DEEP + "1" + ")" * DEEP,
    "sub-selects": "select * from " + "(select * from " * DEEP + "shared" + ") x" * DEEP,
    "casts and signs": "select " + "- " * DEEP + "1" + "::int" * DEEP,
    "comments": "/*" * 5000 + " select 1 " + "*/" * 5000,  # PostgreSQL takes quadratic time
    "arrays": "select " + "array[" * DEEP + "1" + "]" * DEEP,
    "case": "select " + "case when true then " * DEEP + "1" + " end" * DEEP,
    "not": "select " + "not " * DEEP + "true",
    "dollar quotes": "select " + "".join(f"$q{n}$" for n in range(DEEP // 10)),
}
NO_SQL = {
    "unknown words": "frobnicate the table into nowhere", "garbage": "\x01\x02 ~ @@@ \\ ` { } \u00fc\u4e2d", "a string that does not end": "select 'abc",
    "a comment that does not end": "select 1 /* and", "dollar quotes that do not end": "select $x$ and", "an identifier that does not end": 'select "abc',
    "an empty identifier": 'select ""', "a parameter of none": "select $0", "a parameter out of range": "select $99999999999", "a long identifier": "select " + "x" * 100_000,
    "a bad escape": "select E'\\xqq', U&'\\d800'", "numbers": "select 1e999999999, 0x, 1__0", "only quotes": "'" * 99_999, "only semicolons": ";" * DEEP,
    "an operator of nothing": "select " + "<" * 5000 + " 1",
}
BAD_BYTES = (b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80")  # no start, cut off, surrogate, too high, too long
SCRIPTS = {
    **{f"nested: {name}": both(text) for name, text in NESTED.items()},
    **{f"no SQL: {name}": both(text) for name, text in NO_SQL.items()},
    "UTF-8: in a text": [m for bad in BAD_BYTES for m in both(b"select '" + bad + b"'")],
    "UTF-8: in a parameter": [m for bad in BAD_BYTES for m in (parse("select length($1::text)"), bind([bad]), execute(), sync())],
    "UTF-8: in names of portals": [m for bad in BAD_BYTES for m in (
        raw("D", "P", bad, "\0"), sync(), raw("C", "P", bad, "\0"), sync(), parse("select 1"), raw("B", bad, "\0\0\0\0\0\0\0\0"), sync(), raw("E", bad, "\0\0\0\0\0"), sync())],
    "UTF-8: in COPY": [m for bad in BAD_BYTES for m in (query("create temp table if not exists t (a text)"), query("copy t from stdin"), copy_data(b"x" + bad + b"\n"), copy_done())],
}


def play(endpoint, messages):
    """Every message of the answer, whole: errors with all their fields."""
    with endpoint.wire(timeout=50) as w:
        w.send(*messages)
        return [(m.kind, m.body) for m in w.until_ready(sum(m[:1] in b"QS" for m in messages))]


def brief(replies):
    return [(kind, len(body), body[:200]) for kind, body in replies]


@pytest.mark.parametrize("name", SCRIPTS)
def test_errors_are_those_of_postgresql(forebay, cluster, name):
    proxy = forebay(pool={"size": 1})
    assert brief(play(proxy, SCRIPTS[name])) == brief(play(cluster.primary, SCRIPTS[name]))
    # The same server, the same process, another client.
    with proxy.wire() as w:
        assert w.value("select 'well'") == "well"
    proxy.quiet()


@pytest.mark.release_only
@pytest.mark.slow(120)
@pytest.mark.parametrize("text", ["select 1 -- ", "selec 1 -- ", "select length('", "\xff"], ids=["comment", "error", "literal", "no UTF-8"])
def test_64_mib_of_text(forebay, cluster, text):
    """A whole Parse must be kept until it is answered, and is not kept longer where it fails, or its client has gone and no server
    has it."""
    text = text.encode("latin1") + b"y" * (64 * MIB - len(text) - 2) + b"')"[: 2 if text.endswith("('") else 0]
    proxy = forebay(pool={"size": 1, "max_prepared_statements": 1})
    with proxy.wire() as w:
        w.run("select 1")
    before = memory(proxy.pid)
    for messages in ([raw("Q", text, "\0")], [raw("P", "\0", text, "\0\0\0"), describe_statement(), sync()], [raw("P", "named\0", text, "\0\0\0"), describe_statement("named"), sync()]):
        assert brief(play(proxy, messages)) == brief(play(cluster.primary, messages))
    with proxy.wire() as w:  # takes the place of the large ones on the server
        w.run("select 1")
        w.send(parse("select 2", "small"), sync())
        w.until_ready()
    eventually(lambda: memory(proxy.pid) - before < 8 * MIB, 10, f"memory as before, {before // MIB} MiB")
    proxy.quiet()
