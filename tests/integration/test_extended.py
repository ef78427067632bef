"""The extended protocol: the same script sent directly and through Forebay gives the same messages back.

A script is a list of steps (messages, until): until is a number of ReadyForQuery or a string of kinds to read up to.
Through Forebay it runs on a pool of ONE server, and after each step that ends idle another client uses that server with
clashing statement names, other texts and other settings.
"""

import threading

import pytest

import wire
from harness import eventually, run_threads
from wire import (bind, close_portal, close_statement, copy_data, copy_done, copy_fail, describe_portal, describe_statement, execute, flush,
                  function_call, parse, query, sync)

ONE = [parse("select $1::int", types=[23]), bind([1]), describe_portal(), execute()]

SCRIPTS = {
    "unnamed": [([*ONE, sync()], 1), ([*ONE, sync()], 1)],
    "unnamed parsed once, bound again later": [
        ([parse("select $1::int + 1", types=[23]), sync()], 1),
        ([bind([1]), execute(), sync()], 1), ([bind([2]), describe_portal(), execute(), sync()], 1),
        ([describe_statement(), sync()], 1), ([bind([None]), execute(), sync()], 1)],
    "unnamed is gone after a simple query": [
        ([parse("select 1"), sync()], 1), ([query("select 2")], 1), ([bind(), execute(), sync()], 1), ([query("select 3")], 1)],
    "named": [
        ([parse("select $1::text || 'x'", "s1"), sync()], 1), ([describe_statement("s1"), sync()], 1),
        ([bind(["a"], "s1"), execute(), sync()], 1), ([bind(["b"], "s1"), describe_portal(), execute(), sync()], 1),
        ([close_statement("s1"), sync()], 1), ([bind(["c"], "s1"), execute(), sync()], 1)],
    "named, all in one batch": [
        ([parse("select $1::int", "s1"), describe_statement("s1"), bind([5], "s1"), describe_portal(), execute(), close_statement("s1"), sync()], 1)],
    "two names, one text": [
        ([parse("select 1", "a"), parse("select 1", "b"), sync()], 1), ([bind([], "a"), execute(), bind([], "b"), execute(), sync()], 1),
        ([close_statement("a"), sync()], 1), ([bind([], "b"), execute(), sync()], 1), ([bind([], "a"), sync()], 1)],
    "a name used again after close": [
        ([parse("select 1", "a"), sync()], 1), ([close_statement("a"), parse("select 2", "a"), bind([], "a"), execute(), sync()], 1),
        ([bind([], "a"), execute(), sync()], 1)],
    "duplicate name": [
        ([parse("select 1", "a"), sync()], 1), ([parse("select 2", "a"), sync()], 1), ([bind([], "a"), execute(), sync()], 1),
        ([parse("select 1", "a"), bind([], "a"), execute(), sync()], 1)],
    "unknown name": [
        ([bind([], "nobody"), execute(), sync()], 1), ([describe_statement("nobody"), sync()], 1), ([*ONE, sync()], 1),
        ([close_statement("nobody"), close_portal("nobody"), sync()], 1)],
    "unknown portal": [([execute("nobody"), sync()], 1), ([describe_portal("nobody"), sync()], 1), ([*ONE, sync()], 1)],
    "failed parse leaves no trace": [
        ([parse("select * from later_table", "s"), sync()], 1), ([parse("select 1", "s"), bind([], "s"), execute(), sync()], 1),
        ([parse("selec", "t"), bind([], "t"), execute(), sync()], 1), ([bind([], "t"), execute(), sync()], 1)],
    "failed prepare, create, prepare again": [
        ([parse("select * from came_later", "s"), sync()], 1), ([query("create table came_later (a int)")], 1),
        ([parse("select * from came_later", "s"), describe_statement("s"), bind([], "s"), execute(), sync()], 1), ([query("drop table came_later")], 1)],
    "error in the middle of a pipeline": [
        ([parse("select 1", "a"), bind([], "a"), execute(), parse("select 1/0", "b"), bind([], "b"), execute(), parse("select 3", "c"), bind([], "c"),
          execute(), sync(), *ONE, sync()], 2),
        ([bind([], "a"), execute(), sync()], 1), ([bind([], "b"), execute(), sync()], 1), ([bind([], "c"), execute(), sync()], 1)],
    "error first, Sync later": [
        ([parse("nonsense"), bind(), execute(), flush()], "E"), ([*ONE], None), ([sync()], 1), ([*ONE, sync()], 1)],
    "pipeline of many": [([m for n in range(50) for m in (parse(f"select {n}"), bind(), execute())] + [sync()], 1)],
    "many Syncs": [([m for n in range(50) for m in (parse(f"select {n}"), bind(), execute(), sync())], 50)],
    "only Sync": [([sync()], 1), ([sync(), sync(), sync()], 3)],
    "prepared and unprepared mixed": [
        ([parse("select $1::int", "p"), sync()], 1),
        ([bind([1], "p"), execute(), *ONE, bind([3], "p"), execute(), parse("select 4"), bind(), execute(), bind([5], "p"), execute(), sync()], 1)],
    "simple and extended mixed": [
        ([parse("select $1::int", "p"), sync(), query("select 2"), bind([3], "p"), execute(), sync(), query("select 4")], 4)],
    "Flush without Sync": [
        ([parse("select generate_series(1, 3)", "f"), flush()], "1"), ([describe_statement("f"), flush()], "T"), ([bind([], "f"), flush()], "2"),
        ([execute(), flush()], "C"), ([sync()], 1), ([bind([], "f"), execute(), sync()], 1)],
    "portal with row limit": [
        ([query("begin")], 1),
        ([parse("select generate_series(1, 7)"), bind([], "", "c1"), execute("c1", 3), sync()], 1), ([execute("c1", 3), sync()], 1),
        ([execute("c1", 3), sync()], 1), ([close_portal("c1"), sync()], 1), ([query("commit")], 1)],
    "portal with row limit within one batch": [
        ([parse("select generate_series(1, 7)"), bind(), execute("", 2), flush()], "s"), ([execute("", 2), flush()], "s"), ([execute("", 0), sync()], 1)],
    "portal is gone after the transaction": [
        ([parse("select 1", "s"), bind([], "s", "p"), sync()], 1), ([execute("p"), sync()], 1)],
    "two portals at once": [
        ([query("begin")], 1),
        ([parse("select generate_series(1, 4)", "g"), bind([], "g", "x"), bind([], "g", "y"), execute("x", 2), execute("y", 3), execute("x", 2), sync()], 1),
        ([query("rollback")], 1)],
    "transaction in the extended protocol": [
        ([parse("begin"), bind(), execute(), sync()], 1), ([*ONE, sync()], 1), ([parse("select 1/0"), bind(), execute(), sync()], 1), ([*ONE, sync()], 1),
        ([parse("rollback"), bind(), execute(), sync()], 1), ([*ONE, sync()], 1)],
    "statement prepared in a transaction rolled back": [
        ([query("begin")], 1), ([parse("select 42", "keep"), sync()], 1), ([query("rollback")], 1), ([bind([], "keep"), execute(), sync()], 1)],
    "formats": [
        ([parse("select $1::int, $2::text", "s", [23, 25]), bind([b"\0\0\0\7", "t"], "s", "", [1, 0], [1, 0]), describe_portal(), execute(), sync()], 1)],
    "wrong number of parameters": [([parse("select $1::int", "s"), sync()], 1), ([bind([1, 2], "s"), execute(), sync()], 1), ([bind([1], "s"), execute(), sync()], 1)],
    "empty statement": [([parse(""), bind(), describe_portal(), execute(), sync()], 1), ([parse(" -- nothing", "e"), bind([], "e"), execute(), sync()], 1)],
    "several commands in one Parse": [([parse("select 1; select 2"), bind(), execute(), sync()], 1), ([*ONE, sync()], 1)],
    "deallocate in SQL": [
        ([parse("select 1", "d"), sync()], 1), ([query("deallocate d")], 1), ([bind([], "d"), execute(), sync()], 1), ([query("deallocate d")], 1)],
    "deallocate all and discard all": [
        ([parse("select 1", "d"), parse("select 2", "e"), sync()], 1), ([query("deallocate all")], 1), ([bind([], "d"), execute(), sync()], 1),
        ([parse("select 3", "d"), sync()], 1), ([query("discard all")], 1), ([bind([], "d"), execute(), sync()], 1),
        ([parse("select 4", "d"), bind([], "d"), execute(), sync()], 1)],
    "protocol statement executed by SQL": [
        ([parse("select $1::int * 2", "dbl", [23]), sync()], 1), ([query("execute dbl(21)")], 1), ([query("deallocate dbl")], 1)],
    "protocol statements named in SQL": [
        ([parse("select $1::int", "Two Words", [23]), parse("select 'l'", "lower"), sync()], 1), ([query('execute "Two Words"(3)')], 1), ([query("EXECUTE Lower ;")], 1),
        ([query("execute nobody")], 1), ([query("/* a */ deallocate prepare LOWER -- b")], 1), ([bind([], "lower"), execute(), sync()], 1),
        ([query('deallocate "Two Words"'), query("execute lower")], 2), ([parse("select 7", "lower"), bind([], "lower"), execute(), sync(), query("execute lower")], 2),
        ([query("begin"), query("deallocate lower"), query("execute lower"), query("deallocate nobody"), query("rollback")], 5),
        ([query("execute lower")], 1), ([query("deallocate all")], 1)],
    "SQL statement bound by the protocol": [
        ([query("prepare pq(int) as select $1 + 5")], 1), ([bind([1], "pq"), execute(), sync()], 1), ([close_statement("pq"), sync()], 1)],
    "function call": [
        ([function_call(870, "ABC")], 1), ([function_call(4294967295)], 1), ([query("begin"), function_call(870, "X"), query("rollback")], 3)],
    "copy in": [
        ([query("copy copied from stdin")], "G"), ([copy_data("1\tone\n"), copy_data("2\ttwo\n3\tth"), copy_data("ree\n"), copy_done()], 1),
        ([query("select count(*) from copied")], 1)],
    "copy in, all in one write": [([query("copy copied from stdin"), copy_data("1\tone\n"), copy_done(), query("select count(*) from copied")], 2)],
    "copy in given up": [([query("copy copied from stdin")], "G"), ([copy_data("1\tone\n"), copy_fail("no more")], 1), ([query("select count(*) from copied")], 1)],
    "copy in with a bad row": [([query("copy copied from stdin")], "G"), ([copy_data("x\tone\n"), copy_data("2\ttwo\n"), copy_done()], 1), ([query("select 1")], 1)],
    "copy in with a bad row, error before CopyDone": [
        ([query("copy copied from stdin")], "G"), ([copy_data("x\tone\n" * 20000)], "E"), ([copy_data("2\ttwo\n"), copy_done()], 1), ([query("select 1")], 1)],
    "copy in, extended": [
        ([parse("copy copied from stdin"), bind(), describe_portal(), execute(), flush()], "G"), ([copy_data("1\tone\n"), copy_done(), sync()], 1),
        ([query("select count(*) from copied")], 1)],
    "copy in, extended, Sync twice": [
        ([parse("copy copied from stdin", "cp"), bind([], "cp"), execute(), sync()], "G"), ([copy_data("1\tone\n"), copy_done(), sync()], 1),
        ([bind([], "cp"), execute(), sync()], "G"), ([copy_data("bad\n"), copy_done(), sync()], 1), ([query("select count(*) from copied")], 1)],
    "copy in in a transaction": [
        ([query("begin")], 1), ([query("copy copied from stdin")], "G"), ([copy_data("9\tnine\n"), copy_done()], 1), ([query("rollback")], 1),
        ([query("select count(*) from copied")], 1)],
    "copy out": [([query("copy (select generate_series(1, 1000)) to stdout")], 1), ([query("copy (select 1/0) to stdout")], 1)],
    "copy out, extended": [
        ([parse("copy (select generate_series(1, 10)) to stdout", "co"), bind([], "co"), execute(), sync()], 1), ([bind([], "co"), execute(), sync(), *ONE, sync()], 2)],
    "copy out fails in the middle": [([query("copy (select 1 / (5 - n) from generate_series(1, 10) n) to stdout")], 1), ([query("select 1")], 1)],
    "copy in and out in one string": [
        ([query("copy copied from stdin; copy copied to stdout; select 5")], "G"), ([copy_data("1\tone\n"), copy_done()], 1)],
    "result type of a statement changes": [
        ([query("create table shifting (a int)")], 1), ([parse("select * from shifting", "sh"), bind([], "sh"), execute(), sync()], 1),
        ([query("alter table shifting add b int")], 1), ([query("begin"), bind([], "sh"), execute(), sync(), query("rollback")], 3),
        ([query("drop table shifting")], 1)],
    "notices and errors with all fields": [
        ([query("do $$ begin raise notice 'n' using detail = 'd', hint = 'h'; end $$")], 1),
        ([query("do $$ begin raise exception 'e' using detail = 'd', hint = 'h', errcode = 'ABCDE', table = 't', column = 'c'; end $$")], 1)],
    "large parameter": [([parse("select length($1::text), md5($1::text)", "big"), bind(["x" * (1 << 20)], "big"), execute(), sync()], 1), ([bind(["y" * 70000], "big"), execute(), sync()], 1)],
    "large statement text": [
        ([parse("select length('" + "q" * 200000 + "')", "long"), sync()], 1), ([bind([], "long"), execute(), sync()], 1),
        ([describe_statement("long"), close_statement("long"), sync()], 1)],
    "long statement name": [([parse("select 1", "n" * 5000), describe_statement("n" * 5000), sync()], 1), ([bind([], "n" * 5000), execute(), close_statement("n" * 5000), sync()], 1)],
    "Sync, then at once the next Parse": [([*ONE, sync(), parse("select 2", "q"), bind([], "q"), execute(), flush()], "CZC"), ([sync()], 1)],
}

STATES_THAT_STAY = {"SQL statement bound by the protocol"}


def canonical(messages):
    """What must be equal: kinds and bodies, errors by severity, SQLSTATE, text, detail and hint."""
    result = []
    for m in messages:
        if m.kind in "EN":
            result.append((m.kind, tuple(sorted((k, v) for k, v in m.fields.items() if k in "SVCMDHtcnsd"))))
        elif m.kind == "T":
            result.append((m.kind, without_table_oids(m)))
        else:
            result.append((m.kind, m.body))
    return result


def without_table_oids(row_description):
    """A table dropped and made again has another oid."""
    body, at = bytearray(row_description.body), 2
    for _ in range(int.from_bytes(body[:2], "big")):
        at = body.index(0, at) + 1
        body[at : at + 4] = b"\0\0\0\0"
        at += 18
    return bytes(body)


def play(w, script, between=lambda: None):
    """All replies, step by step."""
    steps = []
    for messages, until in script:
        w.send(*messages)
        if until is None:
            steps.append([])
            continue
        if isinstance(until, int):
            replies = w.until_ready(until)
        else:
            replies = []
            for kind in until:
                replies += w.receive_until(kind)
        steps.append(replies)
        if replies[-1].kind == "Z" and replies[-1].status == "I":
            between()
    return steps


def noise(other):
    """Another client on the same server: the same names with other texts, the unnamed statement, settings."""
    def act():
        other.send(parse("select 'noise'"), bind(), execute(), sync())
        other.until_ready()
        for name in ("s1", "s", "a", "p", "d"):
            other.send(close_statement(name), parse(f"select 'noise {name}', $1::text", name), bind(["n"], name), execute(), sync())
            assert wire.transcript(other.until_ready()) == f"3 1 2 D:noise {name},n C:SELECT_1 Z:I"
        for setting in ("timezone = 'Asia/Tokyo'", "datestyle = 'German'", "application_name = 'noise'"):
            other.run(f"set {setting}")
        assert other.value("show timezone") == "Asia/Tokyo"
    return act


@pytest.fixture
def copied(cluster):
    cluster.sql("drop table if exists copied; create table copied (id int, name text); alter table copied owner to app")
    yield
    cluster.sql("drop table copied")


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("name", SCRIPTS)
def test_same_as_direct(forebay, cluster, copied, name, size):
    script = SCRIPTS[name]
    if name == "result type of a statement changes" and size > 1:
        pytest.skip("a server that had not prepared the statement yet does not refuse it")
    with cluster.primary.wire() as w:
        expected = play(w, script)
    cluster.sql("truncate copied")
    proxy = forebay(pool={"size": size})
    with proxy.wire() as w, proxy.wire(timeout=5) as other:
        between = (lambda: None) if name in STATES_THAT_STAY else noise(other)
        actual = play(w, script, between)
    for n, (got, want) in enumerate(zip(actual, expected)):
        assert wire.transcript(got) == wire.transcript(want), f"step {n + 1}"
        assert canonical(got) == canonical(want), f"step {n + 1}"
    proxy.quiet()


@pytest.mark.parametrize("name", [n for n, s in SCRIPTS.items() if sum(len(m) for messages, _ in s for m in messages) < 2500])
def test_same_as_direct_byte_by_byte(forebay, cluster, copied, name):
    """Arriving in the smallest pieces."""
    script = SCRIPTS[name]
    with cluster.primary.wire() as w:
        expected = play(w, script)
    cluster.sql("truncate copied")
    with forebay(pool={"size": 1}).wire() as w:
        single = w.send
        w.send = lambda *messages: [single(bytes([byte])) for byte in b"".join(messages)]
        actual = play(w, script)
    assert [canonical(s) for s in actual] == [canonical(s) for s in expected]


def test_two_clients_same_names_different_texts(forebay):
    proxy = forebay(pool={"size": 1}, general={"workers": 4})

    def one(n):
        with proxy.wire() as w:
            w.send(parse(f"select 'client {n}', $1::int", "stmt"), parse(f"select 'second {n}'", "other"), sync())
            assert wire.transcript(w.until_ready()) == "1 1 Z:I"
            for i in range(30):
                w.send(bind([i], "stmt"), execute(), bind([], "other"), execute(), sync())
                assert wire.transcript(w.until_ready()) == f"2 D:client {n},{i} C:SELECT_1 2 D:second {n} C:SELECT_1 Z:I"
        return True

    assert all(run_threads(8, one))
    proxy.quiet()


@pytest.mark.proxy
def test_one_text_of_many_clients_is_prepared_once_per_server(forebay, cluster):
    proxy = forebay(pool={"size": 1})
    clients = [proxy.wire() for _ in range(5)]
    for n, w in enumerate(clients):
        w.send(parse("select $1::int as shared_text", f"name{n}"), bind([n], f"name{n}"), execute(), sync())
        assert wire.transcript(w.until_ready()) == f"1 2 D:{n} C:SELECT_1 Z:I"
    (row,) = clients[0].run("select count(*) from pg_prepared_statements where statement like '%shared\\_text%'")
    assert row == ["1"]
    for w in clients:
        w.close()


@pytest.mark.proxy
@pytest.mark.parametrize("limit", [1, 5, 20])
def test_statements_per_server_are_bounded(forebay, limit):
    proxy = forebay(pool={"size": 1, "max_prepared_statements": limit})
    with proxy.wire() as w:
        for n in range(50):
            w.send(parse(f"select {n}, $1::int", f"s{n}"), bind([n], f"s{n}"), execute(), sync())
            assert wire.transcript(w.until_ready()) == f"1 2 D:{n},{n} C:SELECT_1 Z:I"
        assert int(w.value("select count(*) from pg_prepared_statements")) <= limit
        for n in range(50):  # the evicted ones come back
            w.send(bind([n], f"s{n}"), execute(), sync())
            assert wire.transcript(w.until_ready()) == f"2 D:{n},{n} C:SELECT_1 Z:I"
        # more in one batch than the server may keep
        w.send(*(m for n in range(50) for m in (bind([n], f"s{n}"), execute())), sync())
        assert [m.values[0] for m in w.until_ready() if m.kind == "D"] == [str(n).encode() for n in range(50)]
        assert int(w.value("select count(*) from pg_prepared_statements")) <= limit


@pytest.mark.proxy
def test_a_statement_moves_with_its_client_to_another_server(forebay):
    proxy = forebay(pool={"size": 3})
    with proxy.wire() as a, proxy.wire() as b, proxy.wire() as c:
        a.send(parse("select pg_backend_pid() as moving, $1::int", "m"), bind([1], "m"), execute(), sync())
        first = a.until_ready()[2].values[0]
        pids = {first}
        b.run("begin")
        a.send(bind([2], "m"), describe_portal(), execute(), sync())
        pids.add(a.until_ready()[2].values[0])
        c.run("begin")
        a.send(describe_statement("m"), sync())
        assert wire.transcript(a.until_ready()) == "t T Z:I"
        a.send(bind([3], "m"), execute(), sync())
        pids.add(a.until_ready()[1].values[0])
        assert len(pids) >= 2
        b.run("rollback")
        c.run("rollback")


@pytest.mark.proxy
def test_plan_of_a_changed_table_outside_a_transaction(forebay, cluster):
    """"cached plan must not change result type": the statement is prepared again; the client may see it at most once."""
    cluster.sql("drop table if exists shifting; create table shifting (a int); alter table shifting owner to app")
    with forebay(pool={"size": 1}).wire() as w:
        w.send(parse("select * from shifting", "s"), bind([], "s"), execute(), sync())
        assert wire.transcript(w.until_ready()) == "1 2 C:SELECT_0 Z:I"
        cluster.sql("alter table shifting add b int; insert into shifting values (1, 2)")
        for attempt in range(2):
            w.send(bind([], "s"), describe_portal(), execute(), sync())
            words = wire.transcript(w.until_ready())
            if words == "2 T D:1,2 C:SELECT_1 Z:I":
                break
            assert words == "E:0A000 Z:I" and attempt == 0
    cluster.sql("drop table shifting")


def test_a_server_with_an_unsynced_batch_is_not_given_away(forebay, cluster, table):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as a, proxy.wire() as b:
        a.send(parse("insert into items values (50, 'unsynced')"), bind(), execute(), flush())
        a.receive_until("C")
        b.send(query("select count(*) from items"))
        if not proxy.direct:
            eventually(lambda: proxy.pool()["cl_waiting"] == 1)
        a.send(sync())
        assert wire.transcript(a.until_ready()) == "Z:I"
        assert int([m for m in b.until_ready() if m.kind == "D"][0].values[0]) in ((3, 4) if proxy.direct else (4,))


def test_deep_pipeline_does_not_deadlock(forebay):
    """More replies than all socket buffers hold, before the client reads any; written from a second thread."""
    with forebay().wire() as w:
        count = 3000
        writer = threading.Thread(target=lambda: [w.send(parse("select repeat('x', 5000), $1::int"), bind([n]), execute(), sync()) for n in range(count)], daemon=True)
        writer.start()
        seen = 0
        for m in w.until_ready(count):
            if m.kind == "D":
                assert m.values[1] == str(seen).encode()
                seen += 1
        writer.join(10)
        assert seen == count
