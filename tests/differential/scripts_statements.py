"""Prepared statements and portals of several sessions on few servers."""

from model import BARRIER, Script
from wire import (bind, close_portal, close_statement, describe_portal, describe_statement, execute, flush, parse, query, sync)


def use(name, *values):
    return [bind(values, name), execute(), sync()]


def both(*step):
    """The same step by session a and by session b."""
    return [("a", *step), ("b", *step)]


SCRIPTS = {
    "statements: one name, two texts": Script(
        ("a", [parse("select 'a', $1::int", "s"), sync()], 1), ("b", [parse("select 'b', $1::text", "s"), sync()], 1),
        *both([*use("s", 7)], 1), *both([describe_statement("s"), sync()], 1), ("a", [close_statement("s"), sync()], 1),
        *both([*use("s", 8)], 1), ("a", [parse("select 'new'", "s"), *use("s")], 1), *both([describe_statement("s"), sync()], 1)),
    "statements: one text, two names, one closed": Script(
        ("a", [parse("select $1::int + 1", "x"), sync()], 1), ("b", [parse("select $1::int + 1", "y"), sync()], 1),
        ("a", [close_statement("x"), sync()], 1), ("b", use("y", 1), 1), ("a", use("x", 1), 1), ("b", use("x", 1), 1)),
    "statements: the unnamed one is everybody's own": Script(
        ("a", [parse("select 'a' || $1::text"), sync()], 1), ("b", [bind(["z"]), execute(), sync()], 1),
        ("b", [parse("select 'b'"), sync()], 1), ("a", [bind(["z"]), describe_portal(), execute(), sync()], 1),
        ("b", [describe_statement(""), sync()], 1), ("a", [query("select 1")], 1), ("b", use(""), 1), ("a", use("", "z"), 1)),
    "statements: the unnamed one after a failed Parse": Script(
        ("a", [parse("select 1"), sync()], 1), ("a", [parse("selec"), sync()], 1), ("a", use(""), 1),
        ("b", [parse("select 'b'"), *use("")], 1), ("a", use(""), 1), ("a", [describe_statement(""), sync()], 1)),
    "statements: the unnamed one closed": Script(
        ("a", [parse("select 1"), close_statement(""), *use("")], 1), ("b", [parse("select 2"), sync()], 1), ("a", use(""), 1), ("b", use(""), 1)),
    "statements: a failed Parse leaves no name": Script(
        ("a", [parse("select * from missing", "s"), sync()], 1), ("a", use("s"), 1), ("a", [describe_statement("s"), sync()], 1),
        ("b", [parse("select 'b'", "s"), *use("s")], 1), ("a", use("s"), 1), ("a", [parse("select 'a'", "s"), *use("s")], 1)),
    "statements: a failed Parse in the middle of others": Script(
        ("a", [parse("select 1", "p"), parse("selec", "q"), parse("select 3", "r"), sync(), *use("p"), *use("q"), *use("r")], 4),
        ("a", [parse("select 2", "q"), parse("select 3", "r"), sync(), *use("q"), *use("r")], 3)),
    "statements: a name twice": Script(
        ("a", [parse("select 1", "s"), parse("select 2", "s"), sync()], 1), ("a", use("s"), 1), ("a", [parse("selec", "s"), sync()], 1),
        ("b", [parse("select 3", "s"), *use("s")], 1), ("a", use("s"), 1),
        ("a", [close_statement("s"), parse("select 4", "s"), close_statement("s"), parse("select 5", "s"), *use("s")], 1)),
    "statements: Parse in a transaction that fails afterwards": Script(
        ("a", [query("begin"), parse("select 1", "s"), sync(), query("select 1/0")], 3), ("a", [parse("select 2", "t"), sync()], 1),
        ("a", use("s"), 1), ("a", [close_statement("s"), sync()], 1), ("a", [query("rollback"), *use("s"), *use("t")], 3), ("b", use("s"), 1)),
    "statements: in a failed transaction": Script(
        ("a", [parse("select $1::int", "s"), parse("rollback", "r"), sync()], 1), ("a", [query("begin"), query("selec")], 2),
        ("a", [describe_statement("s"), sync()], 1), ("a", use("s", 1), 1), ("a", [describe_statement("r"), sync()], 1), ("a", use("r"), 1),
        ("a", use("s", 1), 1)),
    "statements: Describe and Close only": Script(
        ("a", [parse("select $1::int, $2::text", "s"), sync()], 1), ("b", [query("select 1")], 1), ("a", [describe_statement("s"), sync()], 1),
        ("b", [describe_statement("s"), sync()], 1), ("a", [close_statement("s"), close_statement("s"), close_statement(""), sync()], 1)),
    "statements: DEALLOCATE in SQL": Script(
        *both([parse("select 1", "s"), parse("select 2", "t"), sync()], 1), ("a", [query("deallocate s")], 1), *both(use("s"), 1),
        ("a", [query("deallocate nobody")], 1), ("b", [query("deallocate all")], 1), *both(use("t"), 1)),
    "statements: DISCARD ALL in SQL": Script(
        *both([parse("select 1", "s"), sync()], 1), ("a", [query("discard all")], 1), *both(use("s"), 1),
        ("a", [parse("select 2", "s"), *use("s")], 1), ("b", use("s"), 1)),
    "statements: DISCARD ALL in a pipeline": Script(
        ("a", [parse("select 1", "s"), sync(), query("discard all"), *use("s"), parse("select 2", "s"), *use("s")], 4)),
    "statements: DEALLOCATE ALL bound": Script(
        ("a", [parse("select 1", "s"), parse("deallocate all", "d"), sync()], 1), ("a", use("d"), 1), ("a", use("s"), 1), ("a", use("d"), 1)),
    "statements: PREPARE and EXECUTE in SQL": Script(
        ("a", [query("prepare q(int) as select $1 * 2")], 1), ("a", [query("execute q(4)")], 1), ("a", use("q", 5), 1),
        ("a", [describe_statement("q"), sync()], 1), ("a", [query("prepare q as select 1")], 1), ("a", [parse("select 9", "q"), sync()], 1),
        ("a", [query("deallocate q")], 1), ("a", [query("execute q(4)")], 1), ("b", [query("execute q(4)")], 1)),
    "statements: PREPARE in a string of two": Script(
        ("a", [query("prepare q as select 1; execute q")], 1), ("a", [query("execute q")], 1), ("b", [query("execute q")], 1)),
    "statements: SQL EXECUTE of a protocol statement": Script(
        ("a", [parse("select $1::int * 2", "dbl"), sync()], 1), ("a", [query("execute dbl(21)")], 1), ("b", [query("execute dbl(21)")], 1)),
    "statements: result type changes": Script(
        ("a", [query("create table x (a int)"), parse("select * from x", "s"), sync(), *use("s")], 3),
        ("a", [query("begin"), query("alter table x add b int"), *use("s"), query("rollback")], 4), ("a", use("s"), 1)),
    "statements: result type changes, parsed again within the transaction": Script(
        ("a", [query("create table x (a int)"), parse("select * from x", "s"), sync(), *use("s")], 3),
        ("a", [query("begin"), query("alter table x add b int"), query("savepoint p"), *use("s")], 4), ("a", [query("rollback to p")], 1),
        ("a", [close_statement("s"), parse("select * from x", "t"), *use("t")], 1), ("a", [*use("t"), query("commit")], 2), ("a", use("t"), 1)),
    "statements: result type changes, seen by another": Script(
        ("a", [query("create table x (a int)"), parse("select * from x", "s"), sync(), *use("s")], 3), ("a", [query("alter table x add b int")], 1), ("a", use("s"), 1),
        ("b", [parse("select * from x", "s"), sync()], 1), ("b", use("s"), 1), servers=1),
    "statements: wrong parameters": Script(
        ("a", [parse("select $1::int", "s"), sync()], 1), ("a", use("s"), 1), ("a", use("s", 1, 2), 1), ("a", use("s", "x"), 1), ("a", use("s", None), 1),
        ("a", [bind([b"\0\0\0\1"], "s", formats=[1], result_formats=[1]), execute(), sync()], 1),
        ("a", [bind([b"\0"], "s", formats=[1]), execute(), sync()], 1), ("a", [bind([1], "s", formats=[7]), execute(), sync()], 1),
        ("a", [bind([1], "s", result_formats=[0, 0, 0]), execute(), sync()], 1)),
    "statements: parameter types given": Script(
        ("a", [parse("select $1", "s", [23]), parse("select $1", "t", [25]), parse("select $1 + $2", "u", [0, 1700]), sync()], 1),
        ("a", [describe_statement("s"), describe_statement("t"), describe_statement("u"), sync()], 1),
        ("a", [parse("select $1", "v", [999999]), sync()], 1), ("b", [parse("select $1", "s", [25]), *use("s", "x")], 1), ("a", use("s", 1), 1)),
    "statements: large ones": Script(
        ("a", [parse("select length($1::text), '" + "q" * 100000 + "' = ''", "n" * 300), sync()], 1, (1, 5, 30, 70000)),
        ("b", [parse("select 1", "n" * 300), *use("n" * 300)], 1), ("a", use("n" * 300, "v" * 200000), 1, (3, 9, 65536)),
        ("a", [describe_statement("n" * 300), close_statement("n" * 300), sync()], 1)),
    "portals: row limits": Script(
        ("a", [parse("select generate_series(1, 5)", "g"), bind([], "g"), execute("", 2), execute("", 2), execute("", 2), execute("", 2), sync()], 1),
        ("b", [query("select 1")], 1), ("a", [execute("", 2), sync()], 1),
        ("a", [query("begin"), bind([], "g", "c"), execute("c", 2), sync()], 2), ("a", [execute("c", 2), sync()], 1), ("a", [query("select 1")], 1),
        ("a", [describe_portal("c"), execute("c"), execute("c"), sync()], 1), ("a", [query("commit"), execute("c"), sync()], 2)),
    "portals: suspended, waiting with Flush": Script(
        ("a", [parse("select generate_series(1, 3)"), bind([]), execute("", 1), flush()], "s"), ("a", [execute("", 1), flush()], "s"),
        ("a", [execute("", 1), flush()], "s"), ("a", [execute("", 1), flush()], "C"), ("a", [sync()], 1), ("b", [query("select 1")], 1)),
    "portals: names": Script(
        ("a", [query("begin"), parse("select 1", "s"), bind([], "s", "p"), sync()], 2), ("a", [bind([], "s", "p"), sync()], 1),
        ("a", [query("rollback"), query("begin"), bind([], "s", "p"), close_portal("p"), bind([], "s", "p"), bind([], "s"), bind([], "s"), sync()], 3),
        ("a", [execute("p"), execute(""), execute("q"), sync(), query("rollback")], 2)),
    "portals: a closed statement's portal": Script(
        ("a", [parse("select 7", "s"), bind([], "s"), close_statement("s"), execute(), sync()], 1), ("a", use("s"), 1)),
    "portals: of UPDATE and of what gives no rows": Script(
        ("a", [parse("update own_a set name = 'x' where id = $1 returning *"), bind([1]), describe_portal(), execute("", 1), execute("", 1), sync()], 1),
        ("a", [parse("insert into own_a values ($1, $2)"), describe_statement(), bind([9, None]), describe_portal(), execute(), execute(), sync()], 1)),
    "portals: cursor in SQL": Script(
        ("a", [query("begin"), query("declare c scroll cursor for select * from shared order by id")], 2), ("a", [query("fetch 2 from c")], 1),
        ("a", [describe_portal("c"), execute("c", 2), sync()], 1), ("a", [query("fetch backward 1 from c; move 3 in c; fetch c")], 1),
        ("a", [query("close c"), query("fetch c"), query("rollback")], 3), ("b", [query("fetch c")], 1)),
    "portals: cursor WITH HOLD": Script(
        ("a", [query("declare h cursor with hold for select id from shared order by id")], 1), ("a", [query("fetch 2 from h")], 1),
        ("b", [query("fetch 2 from h")], 1), ("a", [query("fetch 2 from h")], 1), ("a", [query("close h")], 1), ("a", [query("fetch 2 from h")], 1)),
    "portals: cursor in a string": Script(("a", [query("begin; declare c cursor for select 1; fetch c; commit; fetch c")], 1), ("b", [], BARRIER)),
}
