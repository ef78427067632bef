"""Pipelines, errors in them, Flush, COPY, function calls, empty queries, what comes after Terminate."""

from model import BARRIER, CLOSED, Script
from wire import (bind, copy_data, copy_done, copy_fail, describe_portal, describe_statement, execute, flush, function_call, message, parse, query,
                  sync, terminate)

ONE = [parse("select $1::int"), bind([1]), describe_portal(), execute()]
BAD = [parse("select 1 / $1::int"), bind([0]), describe_portal(), execute()]
COPY_IN = [parse("copy own_a from stdin"), bind(), describe_portal(), execute()]
COUNT = query("select count(*), max(name) from own_a")
SELECT_B, SELECT_C = ("b", [query("select 'b'")], 1), ("c", [query("select 'c'")], 1)

SCRIPTS = {
    "pipeline: an error in the first, middle, last": Script(
        ("a", [*BAD, *ONE, sync(), *ONE, *BAD, *ONE, sync(), *ONE, *BAD, sync(), *ONE, sync()], 4), SELECT_B, ("a", [*ONE, sync()], 1)),
    "pipeline: error, Sync later": Script(
        ("a", [*ONE, *BAD, flush()], "E"), ("a", [*ONE, flush()], None), ("a", [parse("select 2", "s"), sync()], 1), SELECT_B,
        ("a", [bind([], "s"), execute(), sync()], 1)),
    "pipeline: named statements after an error": Script(
        ("a", [parse("select 1", "x"), *BAD, parse("select 2", "y"), sync(), bind([], "x"), execute(), sync(), bind([], "y"), execute(), sync()], 3),
        ("a", [parse("select 3", "y"), bind([], "y"), execute(), sync()], 1)),
    "pipeline: two sessions at once": Script(
        ("a", [*ONE, sync(), *ONE, sync()], None), ("b", [*ONE, *BAD, sync(), query("select 2")], None), ("a", [], 2), ("b", [], 2), servers=1),
    "pipeline: simple query in an unsynced batch": Script(("a", [*ONE, query("select 2"), *ONE, sync()], 2), SELECT_B),
    "pipeline: simple query after a failed unsynced batch": Script(
        ("a", [*BAD, query("select 2"), *ONE, sync()], 1), SELECT_B, ("a", [*BAD, flush()], "E"), ("a", [query("select 3"), sync()], 1), SELECT_B),
    "pipeline: begin and commit in one": Script(
        ("a", [m for sql in ("begin", "insert into own_a values (5, 'x')", "select 1/0", "commit") for m in (parse(sql), bind(), execute())] + [sync()], 1),
        ("a", [query("select count(*) from own_a"), query("rollback"), COUNT], 3), SELECT_B),
    "pipeline: implicit transaction": Script(
        ("a", [parse("insert into own_a values (5, 'x')"), bind(), execute(), *BAD, sync(), COUNT], 2),
        ("a", [parse("insert into own_a values (6, 'y')"), bind(), execute(), flush()], "C"), ("a", [sync(), COUNT], 2), SELECT_B),
    "pipeline: only Sync and Flush": Script(("a", [flush()], None), ("a", [sync(), flush(), sync(), sync()], 3), SELECT_B, ("b", [flush(), sync()], 1)),
    "pipeline: Flush step by step": Script(
        ("a", [parse("select $1::int", "f"), flush()], "1"), ("a", [describe_statement("f"), flush()], "tT"), ("a", [bind([5], "f"), flush()], "2"),
        ("a", [describe_portal(), flush()], "T"), ("a", [execute(), flush()], "C"), ("a", [sync()], 1), SELECT_B, ("a", [bind([6], "f"), execute(), sync()], 1)),
    "pipeline: an unfinished batch among others": Script(
        ("a", [parse("select $1::int"), bind([5]), flush()], "2"), SELECT_B, SELECT_C, ("a", [execute(), flush()], "C"), SELECT_B, SELECT_C,
        ("a", [parse("insert into own_a values (5, 'x')"), bind(), execute(), flush()], "C"), SELECT_C, SELECT_B, ("a", [sync(), COUNT], 2), SELECT_B),
    "pipeline: a Flush that is none": Script(
        ("a", [query("begin"), message("H", b"x")], "ZE"), SELECT_B, ("a", [query("select 1"), parse("select 2", "s")], None),
        ("a", [sync(), query("rollback")], 2), SELECT_B),
    "pipeline: cut at every byte": Script(
        ("a", [*ONE, sync(), *BAD, *ONE, sync(), query("select 'cut'")], 3, tuple(range(1, 300))), SELECT_B),
    "pipeline: many in one write": Script(("a", [query(f"select {n}") for n in range(60)], 60), SELECT_B, ("a", [sync()] * 30, 30)),
    "empty: queries": Script(
        ("a", [query(""), query(";"), query(" ; ;-- x\n"), query("/* c */")], 4), ("a", [parse(""), bind(), describe_portal(), execute(), sync()], 1),
        ("a", [query("begin; selec"), query("begin"), query("selec"), query(""), query("rollback")], 5), SELECT_B),
    "strings: of several statements": Script(
        ("a", [query("select 1; select 2; select 3")], 1), ("a", [query("insert into own_a values (3, 'x'); select 1/0; select 2"), COUNT], 2),
        ("a", [query("begin; insert into own_a values (3, 'x'); commit; select 1/0"), COUNT], 2), ("a", [query("select 1; begin")], 1), ("a", [query("commit; select 2")], 1),
        ("a", [query("select 1; selec 2")], 1), SELECT_B),
    "copy in": Script(
        ("a", [query("copy own_a from stdin")], "G"), ("a", [copy_data("7\tse"), copy_data("ven\n8\teight\n"), copy_done()], 1), ("a", [COUNT], 1), SELECT_B),
    "copy in: nothing behind its end": Script(
        ("a", [query("copy own_a from stdin"), copy_data("7\tx\n"), copy_done()], 1), SELECT_B, ("a", [*COPY_IN, copy_data("8\ty\n"), copy_done()], None), ("a", [sync()], 1), SELECT_B,
        ("a", [query("copy own_a from stdin"), copy_fail("no")], 1), SELECT_B, servers=1),
    "copy in: Sync within, one server": Script(
        ("a", [query("copy own_a from stdin")], "G"), ("a", [sync(), copy_data("9\tx\n"), sync(), copy_done()], 1), SELECT_B,
        ("a", [*COPY_IN, flush()], "G"), ("a", [sync(), copy_data("8\ty\n"), copy_done(), sync()], 1), SELECT_B, servers=1),
    "copy in: text, csv, columns": Script(
        ("a", [query("copy own_a (id) from stdin with (format csv, header)"), copy_data("id\n70\n71\n"), copy_done(), COUNT], 2),
        ("a", [query("copy own_a from stdin"), copy_data("9\t\\N\n\\.\n"), copy_done(), COUNT], 2)),
    "copy in: bad row before CopyDone": Script(
        ("a", [query("copy own_a from stdin")], "G"), ("a", [copy_data("bad\n" * 30000)], "EZ"), ("a", [copy_data("x"), copy_done(), COUNT], 1), SELECT_B),
    "copy in: bad row, seen after CopyDone": Script(("a", [query("copy own_a from stdin"), copy_data("bad"), copy_done(), COUNT], 2), SELECT_B),
    "copy in: CopyFail": Script(("a", [query("copy own_a from stdin"), copy_data("9\tx\n"), copy_fail("no"), COUNT], 2), SELECT_B),
    "copy in: Flush and Sync within are ignored": Script(
        ("a", [query("copy own_a from stdin"), flush(), sync(), copy_data("9\tx\n"), sync(), copy_done(), COUNT], 2), SELECT_B),
    "copy in: refused at once": Script(("a", [query("copy nowhere from stdin"), copy_data("9\tx\n"), copy_done(), COUNT], 2), SELECT_B),
    "copy in: another message within": Script(("a", [query("copy own_a from stdin"), copy_data("9\tx\n"), query("select 1")], CLOSED), SELECT_B),
    "copy in: several in a string": Script(
        ("a", [query("copy own_a from stdin; select 1; copy own_a from stdin")], "G"), ("a", [copy_data("7\tx\n"), copy_done()], "G"),
        ("a", [copy_data("8\tx\n"), copy_done()], 1), ("a", [COUNT], 1)),
    "copy in: extended": Script(
        ("a", [*COPY_IN, sync(), copy_data("7\tx\n"), copy_done(), sync()], 1), ("a", [COUNT], 1), SELECT_B,
        ("a", [*COPY_IN, flush()], "G"), ("a", [copy_data("8\ty\n"), copy_done(), sync(), COUNT], 2), SELECT_B),
    "copy in: extended, bad row, Sync twice": Script(
        ("a", [*COPY_IN, sync(), copy_data("bad\n"), copy_done(), sync(), COUNT], 2), SELECT_B,
        ("a", [*COPY_IN, sync(), copy_data("bad\n" * 30000), copy_done(), sync(), COUNT], 2), SELECT_B,
        ("a", [*COPY_IN, sync(), copy_fail("no"), sync(), COUNT], 2), SELECT_B),
    "copy in: extended, refused at once, Sync twice": Script(
        ("a", [parse("copy nowhere from stdin"), bind(), execute(), sync(), copy_data("7\tx\n"), copy_done(), sync(), COUNT], 3), SELECT_B),
    "copy in: a prepared one, again and again": Script(
        ("a", [parse("copy copied from stdin", "cp"), sync()], 1), ("a", [bind([], "cp"), execute(), sync(), copy_data("7\tx\n"), copy_done(), sync()], 1), SELECT_B,
        ("a", [bind([], "cp"), execute(), copy_data("bad\n"), copy_done(), sync()], 1), SELECT_B,
        ("a", [bind([], "cp"), execute(), sync(), copy_fail("x"), sync(), query("select count(*) from copied")], 2)),
    "copy in: the batch goes on afterwards": Script(("a", [*COPY_IN, copy_data("7\tx\n"), copy_done(), *ONE, sync(), COUNT], 2), SELECT_B),
    "copy in: in a transaction": Script(
        ("a", [query("begin"), query("copy own_a from stdin"), copy_data("7\tx\n"), copy_done(), COUNT, query("rollback"), COUNT], 5), SELECT_B),
    "copy out": Script(
        ("a", [query("copy (select * from shared order by id) to stdout"), query("copy (select 1 / (3 - n) from generate_series(1, 9) n) to stdout")], 2),
        ("a", [parse("copy shared to stdout (format csv)", "o"), bind([], "o"), describe_portal(), execute(), sync()], 1), SELECT_B,
        ("a", [bind([], "o"), execute(), *ONE, sync(), query("copy nowhere to stdout")], 2), ("a", [query("copy shared to stdout (format binary)")], 1)),
    "copy: data that belongs to none": Script(("a", [copy_data("x"), copy_done(), copy_fail("y"), query("select 1")], 1), SELECT_B, ("b", [copy_done(), *ONE, sync()], 1)),
    "copy: data that belongs to none, within a batch": Script(("a", [parse("select 1"), copy_data("x"), bind(), copy_done(), execute(), sync()], 1), SELECT_B),
    "function call": Script(
        ("a", [function_call(870, "ABC"), function_call(4294967295), function_call(870)], 3), SELECT_B,
        ("a", [query("begin"), function_call(870, "X"), query("selec"), function_call(870, "X"), query("rollback")], 5),
        ("a", [*ONE, function_call(870, "X"), sync()], 2), ("a", [message("F", b"\0\0")], BARRIER)),
    "terminate: in the middle of a pipeline": Script(("a", [*ONE, sync(), terminate(), *ONE, sync()], CLOSED), SELECT_B),
    "terminate: in a transaction": Script(("a", [query("begin"), query("insert into own_a values (5, 'x')")], 2), ("a", [terminate()], CLOSED), SELECT_B),
    "terminate: in a batch": Script(("a", [parse("insert into own_a values (5, 'x')"), bind(), execute(), flush()], "C"), ("a", [terminate()], CLOSED), SELECT_B),
    "terminate: in COPY": Script(("a", [query("copy own_a from stdin")], "G"), ("a", [copy_data("9\tx\n"), terminate()], CLOSED), SELECT_B),
    "a Parse that is known, behind a batch that has failed in its own transaction": Script(
        ("b", [parse("begin", "t"), bind([], "t"), execute("", 1), execute(), sync(), parse("begin", "u"), parse("select 5", "s"), sync(), query("rollback")], 3)),
    "unknown message type": Script(("a", [*ONE, sync(), message("y", b"")], CLOSED), SELECT_B),
    "big: rows": Script(
        ("a", [query("select repeat('x', 300000), n from generate_series(1, 5) n")], 1), SELECT_B,
        ("a", [parse("select repeat($1, 100000), n from generate_series(1, 6) n"), bind(["yz"]), execute("", 2), execute("", 2), execute(), sync()], 1), SELECT_B),
    "big: parameters": Script(
        ("a", [parse("select length($1), md5($2)", "s", [25, 25]), bind(["p" * 1000000, "q" * 70000], "s"), execute(), sync()], 1, (7, 65536, 500000)), SELECT_B,
        ("a", [bind(["", None], "s"), execute(), bind(["r" * 65530, "s"], "s"), execute(), sync()], 1), SELECT_B),
}
