"""SQL about statements that were prepared by the protocol, by the simple protocol and itself parsed."""

from model import CLOSED, Script
from wire import bind, close_statement, describe_portal, describe_statement, execute, parse, query, sync, terminate


def use(name, *values):
    return [bind(values, name), describe_portal(), execute(), sync()]


def run(text, name="", *values):
    return [parse(text, name), describe_statement(name), *use(name, *values)]


def steps(*batches):
    return Script(*(("a", messages, count) for messages, count in batches))


Q = [parse("select 9 as nine", "q"), sync()]
HOLD = [query("begin"), query("select 1")]  # a server: of two, the session that holds none then gets the other
TWICE = [parse("select $1::int * 2", "twice"), sync()]

SCRIPTS = {
    "names: EXECUTE": steps((Q, 1), (run("execute q"), 1), (run("execute q", "e"), 1), (use("e"), 1), ([describe_statement("e"), sync()], 1), (use("q"), 1)),
    "names: EXECUTE with parameters": steps(
        (TWICE, 1), (run("execute twice(21)"), 1), (run("execute twice(4 + 5)", "e"), 1), (run("execute twice"), 1), (run("execute twice(1, 2)"), 1),
        (run("execute twice($1)", "", 1), 1), (run("execute twice($1)", "p", 1), 1), ([query("execute twice"), query("execute twice(5)")], 2)),
    "names: EXECUTE bound with parameters that it has not": steps((Q, 1), ([parse("execute q"), bind([1]), sync()], 1), ([parse("execute q", "e"), bind([1], "e"), sync()], 1)),
    "names: EXECUTE of what returns nothing": steps(
        ([parse("insert into own_a values (77, 'x')", "i"), parse("set timezone = 'Asia/Tokyo'", "z"), parse("set work_mem = '5MB'", "w"), sync()], 1), (run("execute i"), 1), (run("execute i"), 1),
        (run("execute z"), 1), ([query("show timezone")], 1), (run("execute w"), 1), ([query("show work_mem"), query("reset work_mem"), query("show work_mem")], 3),
        ([query("begin"), *run("execute w"), query("rollback"), query("show work_mem")], 4)),
    "names: EXECUTE of LISTEN": Script(("a", [parse("listen c", "l"), sync()], 1), ("a", [parse("execute l"), bind(), execute(), sync()], 1), ("b", [query("notify c")], 1), ("a", [], "A")),
    "names: EXECUTE described when its name is gone": steps((Q, 1), ([parse("execute q", "e"), close_statement("q"), sync()], 1), ([describe_statement("e"), sync()], 1)),
    "names: EXECUTE with a row limit": steps(
        ([parse("select generate_series(1, 5)", "g"), sync()], 1), ([query("begin"), parse("execute g"), bind([], portal="p"), execute("p", 2), sync(), execute("p", 2), close_statement("g"), execute("p"), execute("p"), sync()], 3)),
    "names: DEALLOCATE": steps(
        (Q, 1), (run("deallocate q"), 1), (use("q"), 1), (run("deallocate q"), 1), (run("execute q"), 1), ([query("execute q")], 1), ([*Q, *use("q")], 2), ([query("deallocate q")], 1), (run("deallocate q"), 1)),
    "names: DEALLOCATE PREPARE": steps((Q, 1), (run("DEALLOCATE PREPARE q;"), 1), (use("q"), 1), (Q, 1), (run("/* a */ deallocate -- b\n prepare q", "d"), 1), (use("d"), 1), (use("q"), 1)),
    "names: DEALLOCATE prepared, again and again": steps(
        ([*Q, parse("deallocate q", "d"), sync()], 2), (use("d"), 1), (use("d"), 1), (Q, 1), (use("d"), 1), (use("q"), 1), ([describe_statement("d"), sync()], 1)),
    "names: DEALLOCATE of itself": steps((run("deallocate d", "d"), 1), (use("d"), 1)),
    "names: in one batch": steps(
        ([parse("select 9", "q"), parse("execute q"), bind(), execute(), parse("deallocate q"), bind(), execute(), parse("select 10", "q"), bind([], "q"), execute(), sync()], 1), (use("q"), 1),
        ([parse("deallocate q"), bind(), execute(), bind([], "q"), execute(), sync()], 1), (use("q"), 1)),
    "names: in batches sent at once": steps(
        ([*Q, *run("execute q"), *run("deallocate q"), *run("execute q"), parse("selec"), sync(), *Q, *run("execute q"), query("deallocate q"), *run("execute q")], 9),
        ([execute("nobody"), parse("select 1", "q"), sync(), *run("execute q"), *run("deallocate q"), parse("select 2", "q"), *use("q")], 4)),
    "names: a batch that fails before": steps(
        (Q, 1), ([execute("nobody"), *run("deallocate q")], 1), (use("q"), 1), ([execute("nobody"), *run("execute q")], 1), ([parse("deallocate q"), bind(), execute("nobody"), execute(), sync()], 1), (use("q"), 1)),
    "names: a batch that fails behind": steps((Q, 1), ([parse("deallocate q"), bind(), execute(), execute("nobody"), sync()], 1), (use("q"), 1), ([*Q, *use("q")], 2)),
    "names: DEALLOCATE is not rolled back": steps(
        (Q, 1), ([query("begin"), *run("deallocate q"), *use("q"), query("rollback")], 4), (use("q"), 1), (Q, 1), ([query("begin"), query("deallocate q"), query("rollback"), *use("q")], 4)),
    "names: a failed transaction": steps(
        ([*Q, parse("execute q", "e"), parse("deallocate q", "d"), sync()], 2), ([query("begin"), query("selec")], 2), (use("e"), 1), (use("d"), 1), (run("deallocate q"), 1), (run("execute q"), 1),
        ([describe_statement("d"), sync()], 1), ([query("deallocate q"), query("execute q"), query("rollback")], 3), (use("e"), 1), (use("d"), 1), (use("q"), 1)),
    "names: a transaction that fails in a pipeline": steps(
        (Q, 1), ([query("begin"), query("selec"), *run("execute q"), *run("deallocate q"), query("rollback"), *run("execute q")], 6), (use("q"), 1),
        ([query("begin"), query("selec"), *run("deallocate q"), query("rollback"), query("execute q")], 5)),
    "names: skipped in a savepoint and run behind it": Script(
        ("a", Q, 1), ("b", Q, 1), ("a", [query("begin"), parse("deallocate q"), bind([], portal="p"), sync(), query("savepoint x")], 3), ("a", [execute("nobody"), execute("p"), sync(), query("rollback to x")], 2),
        ("a", [execute("p"), sync(), query("commit")], 2), ("a", use("q"), 1), ("b", use("q"), 1), servers=1),
    "names: a DEALLOCATE that fails, and a Close that is skipped, in a batch before": steps(
        (Q, 1), ([query("begin"), parse("deallocate q"), bind([], portal="p"), sync()], 2), ([query("selec"), execute("p"), sync(), query("rollback"), *run("execute q")], 4),
        ([query("begin"), parse("execute q"), bind([], portal="p"), sync(), query("savepoint x")], 3), ([execute("nobody"), close_statement("q"), sync(), query("rollback to x"), execute("p"), sync()], 3)),
    "names: PREPARE of a name in use": steps(
        (Q, 1), (run("prepare q as select 1"), 1), (run("prepare q(int) as select $1", "p"), 1), (use("q"), 1), ([query("prepare q as select 1;")], 1), (use("q"), 1),
        ([close_statement("q"), sync()], 1), (run("prepare q as select 1"), 1), (run("execute q"), 1), (use("q"), 1), (run("deallocate q"), 1), (use("q"), 1), (use("p"), 1)),
    "names: quoted, and of mixed case": steps(
        ([parse("select 'mixed'", "My Q"), parse("select 'upper'", "Q"), parse("select 'quote'", 'a"b'), *Q], 1), (run('execute "My Q"'), 1), (run('execute "Q"'), 1), (run("EXECUTE Q"), 1),
        (run('execute "a""b"'), 1), (run('deallocate "Q"'), 1), (run('execute "Q"'), 1), (run("execute q"), 1), (run('DEALLOCATE Q'), 1), (run("execute q"), 1), (run('deallocate prepare "My Q"'), 1), (use("My Q"), 1)),
    "names: called as keywords are": steps(
        ([parse("select 'all'", "all"), parse("select 'transaction'", "transaction"), parse("select 'prepare'", "prepare"), sync()], 1), (run('execute "all"'), 1), (run('deallocate "all"'), 1), (use("all"), 1), (use("transaction"), 1),
        (run('prepare "transaction" as select 1'), 1), (run("execute transaction"), 1), (run("deallocate prepare"), 1), (use("prepare"), 1), (run("deallocate prepare transaction"), 1), (use("transaction"), 1)),
    "names: one that ends between Bind and Execute": steps(
        (Q, 1), ([parse("execute q"), bind(), close_statement("q"), execute(), sync()], 1), (use("q"), 1), (Q, 1), ([parse("deallocate q"), bind(), close_statement("q"), execute(), sync()], 1), (use("q"), 1),
        (Q, 1), ([parse("deallocate q", "d"), bind([], "d", "one"), bind([], "d", "two"), execute("one"), execute("two"), sync()], 1), (use("q"), 1)),
    "names: other errors in the text": steps((Q, 1), (run("execute q q"), 1), (run("deallocate q; select 1"), 1), (run("execute"), 1), (run("deallocate"), 1), (run("prepare q"), 1), (use("q"), 1)),
    "names: deallocated by several on one server": Script(
        ("a", Q, 1), ("b", Q, 1), ("a", run("deallocate q"), 1), ("b", use("q"), 1), ("a", use("q"), 1), ("b", run("execute q"), 1), ("b", run("deallocate q"), 1), ("b", use("q"), 1),
        ("a", Q, 1), ("a", run("execute q"), 1), ("b", run("execute q"), 1), servers=1),
    "names: unnamed ones of several on one server": Script(
        ("a", [*Q, parse("execute q"), sync()], 2), ("b", [parse("select 'b'", "q"), parse("execute q"), sync()], 1), ("a", use(""), 1), ("b", use(""), 1), ("a", [describe_statement(""), sync()], 1),
        ("b", [describe_statement(""), sync()], 1), ("a", [close_statement(""), *use("")], 1), ("b", use(""), 1), servers=1),
    "names: the text of one is the name of another's": Script(
        ("a", [parse("select 'a'", "q"), parse("execute q", "e"), sync()], 1), ("b", [parse("select 'b', 2", "q"), parse("execute q", "e"), sync()], 1), ("a", use("e"), 1), ("b", use("e"), 1),
        ("a", [describe_statement("e"), sync()], 1), ("b", [describe_statement("e"), sync()], 1), ("a", [bind([1], "e"), sync()], 1), servers=1),
    "names: on another server": Script(
        ("b", HOLD, 2), ("a", [parse("select 'elsewhere'", "q"), parse("execute q", "e"), parse("deallocate q", "d"), parse("execute q"), sync()], 1), ("c", HOLD, 2), ("b", [query("commit")], 1), ("a", use(""), 1), ("a", use("e"), 1), ("a", [describe_statement("e"), sync()], 1), ("a", use("d"), 1),
        ("c", [query("commit")], 1), ("a", use("q"), 1), ("a", use("e"), 1), ("a", use(""), 1), servers=2),
    "names: behind DEALLOCATE ALL": steps(
        ([*Q, parse("execute q", "e"), sync()], 2), ([query("deallocate all"), *use("e"), *run("execute q"), *Q, *run("execute q")], 5), ([parse("deallocate all"), bind(), execute(), *run("execute q")], 1), (run("execute q"), 1)),
    "names: PREPARE and Parse of one name at once": steps(
        ([query("prepare q as select 1"), *Q, *use("q")], 3), (use("q"), 1), ([parse("prepare p as select 2"), bind(), execute(), parse("select 3", "p"), sync(), *use("p")], 2),
        ([query("selec; prepare r as select 1"), parse("select 4", "r"), sync()], 2), (use("r"), 1), ([query("deallocate q"), query("deallocate p")], 2), (use("r"), 1)),
    "names: PREPARE and Parse of one name at once, in vain": Script(
        ("a", [query("begin"), query("selec"), query("prepare q as select 1"), *Q, query("rollback")], 5), ("b", [query("select 1")], 1), ("a", use("q"), 1), servers=1),
    "names: by Parse beside those of PREPARE": Script(
        ("a", [query("prepare x as select 1")], 1), ("a", [parse("select 'a'", "q"), sync()], 1), ("a", [query("deallocate x")], 1), ("b", use("q"), 1), ("a", use("q"), 1),
        ("a", [close_statement("q"), sync()], 1), ("a", use("q"), 1), ("b", Q, 1), ("b", use("q"), 1), ("a", use("q"), 1)),
    "names: by Parse beside those of PREPARE, and what they do": Script(
        ("a", [query("prepare x as select 1")], 1), ("a", [parse("create temp table tmp (a int)", "t"), parse("set work_mem = '5MB'", "w"), *use("t"), *use("w")], 2),
        ("a", [close_statement("t"), close_statement("w"), sync(), query("deallocate x")], 2), ("a", [query("select count(*) from tmp"), query("show work_mem"), terminate()], CLOSED),
        ("b", [query("select count(*) from tmp"), query("show work_mem")], 2), servers=1),
    "names: by Parse beside those of PREPARE, closed": Script(
        ("a", [query("prepare x as select 1")], 1), ("a", [parse("select 'a'", "q"), sync()], 1), ("a", [query("deallocate x")], 1), ("a", [close_statement("q"), sync()], 1),
        ("b", [query("select 1")], 1), servers=1),
    "names: two of one text": steps(
        ([parse("select 9 as nine", "r"), *Q], 1), ([parse("execute q"), bind([], portal="p"), parse("deallocate r"), bind(), execute(), execute("p"), sync()], 1), (use("q"), 1), (use("r"), 1), (run("execute q"), 1)),
    "names: many deallocated": steps(*(([parse(f"select {n}", f"s{n}"), bind([], f"s{n}"), execute(), parse(f"deallocate s{n - 1}"), bind(), execute(), sync()], 1) for n in range(5))),
    **{f"names in a string: {text}": Script(
        ("a", [parse("select 9", "q"), parse("select $1::int", "Q r"), parse("set application_name = 'by r'", "sets"), sync()], 1),
        ("a", [query(text)], 1), ("a", [bind([], "q"), execute(), sync(), query("execute q"), query("show application_name")], 3), ("b", [query("select 1")], 1))
       for text in (
           "select 1; execute q", "deallocate q; select 1", "select 1; prepare q as select 2", "execute q; execute \"Q r\"(4); execute q", "deallocate q; execute q",
           "deallocate q; prepare q as select 8; execute q", "execute nobody; execute q", "execute q; select 1 / 0; deallocate q", "begin; deallocate q; rollback; select 3",
           "execute \"Q r\"; execute q", "execute sets; execute q", "begin; execute sets; rollback; execute q", "explain execute q", "explain analyze execute sets",
           "create temp table by_q as execute q; select * from by_q", "explain execute nobody", "/* execute q; */ execute /* q */ q; select 'execute q;'", "deallocate q; deallocate q")},
    "names in a string: what comes right behind": Script(
        ("a", [parse("select 9", "q"), sync()], 1), ("a", [query("deallocate q; select 1"), bind([], "q"), sync(), parse("select 8", "q"), bind([], "q"), execute(), sync(),
                                                          query("select 2; execute q"), query("deallocate q; select 1"), query("execute q")], 6)),
    "names in a string: in a failed transaction": Script(
        ("a", [parse("select 9", "q"), sync(), query("begin; select 1 / 0")], 2), ("a", [query("execute q; select 1"), query("rollback; execute q")], 2)),
    "EXECUTE of an EXECUTE": Script(
        ("a", [parse("set application_name = 'inner'", "i"), parse("execute i", "e"), parse("execute e", "f"), sync()], 1), ("a", [query("execute f")], 1),
        ("a", [parse("execute f"), describe_statement(""), bind(), execute(), sync(), query("show application_name")], 2), ("b", [query("show application_name")], 1)),
    "EXECUTE of a DEALLOCATE": Script(
        ("a", [parse("select 9", "q"), parse("deallocate q", "d"), sync()], 1), ("a", [query("execute d")], 1), ("a", [bind([], "q"), sync(), query("execute d")], 2)),
    "EXECUTE of a DEALLOCATE in a string": Script(
        ("a", [parse("select 9", "q"), parse("deallocate q", "d"), sync()], 1), ("a", [query("execute d; select 1"), bind([], "q"), sync(), query("select 2; execute d")], 3)),
    "EXECUTE of a PREPARE of its own name": Script(("a", [parse("prepare t as select 5 + 1", "t"), query("execute t"), sync()], 2)),
    "EXECUTE of a DEALLOCATE of its own name": Script(("a", [parse("deallocate d", "d"), sync()], 1), ("a", [query("execute d"), query("execute d")], 2)),
    "a name in use, beside one of an empty statement": Script(
        ("a", [parse("", "nobody"), parse("select 1", "t"), sync(), parse("select 2", "t"), sync()], 2), ("b", [query("begin")], 1),
        ("a", [parse("select 3", "t"), sync()], 1), servers=2),
    "EXECUTE of itself": Script(("a", [parse("execute q", "q"), sync()], 1), ("a", [query("execute q")], 1)),
    "names in a string: skipped behind an error": Script(
        ("b", [parse("select 9", "q"), sync()], 1), ("a", [query("begin")], 1), ("b", [bind(), query("execute q; select 2"), query("execute q"), sync(), *use("q")], 2)),
    "names in a Query that is skipped": Script(
        ("a", [parse("select 9", "q"), sync(), parse("select 8"), sync()], 2), ("a", [describe_statement("nobody"), query("deallocate q"), sync()], 1),
        ("a", [bind(), execute(), sync(), *use("q")], 2)),
    "names in a Query behind a Parse that is known": Script(
        ("a", [parse("select 9", "q"), sync()], 1), ("a", [parse("select 9", "r"), query("execute q"), sync()], 2)),
    "a PREPARE that is parsed beside one by SQL": Script(
        ("b", [parse("insert into own_b values ($1, 'p5')", "s"), sync()], 1),
        ("b", [query("prepare s as select 3 + 1"), parse("prepare s as select 4 + 1", "u"), bind([], "u"), execute(), sync()], 2)),
    **{f"a name given beside those of PREPARE, behind {text}": Script(
        ("a", [query("prepare t as select 3 + 1")], 1), ("a", [parse(text, "u"), bind([], "u"), execute(), parse("select", "t"), sync(), terminate()], CLOSED),
        ("b", [bind([], "t"), sync()], 1), servers=1) for text in ("discard all", "deallocate all")},
    "a name in use by SQL is refused to what is about one that Parse gave": Script(
        ("b", [parse("select $1::int + 4", "s"), sync()], 1),
        ("b", [query("prepare r as select 1; prepare u as select 2"), parse("execute s", "u"), sync(), parse("select 5", "t"), sync(), parse("execute s(3)", "t"), sync(),
               parse("execute s(3)", "v"), describe_statement("v"), bind([], "v"), execute(), sync(), query("deallocate all"), *use("s")], 6)),
    "names in a string: two of one statement": Script(
        ("a", [parse("select 9", "q"), parse("select 9", "nobody"), sync()], 1), ("a", [query("select 1; prepare q as select 2")], 1)),
}
