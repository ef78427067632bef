"""What Forebay once did in another way than PostgreSQL, as the generated scripts showed."""

from model import BARRIER, CLOSED, Script
from wire import bind, close_statement, copy_data, copy_done, copy_fail, describe_statement, execute, flush, message, parse, query, sync, terminate


def use(name, *values):
    return [bind(values, name), execute(), sync()]


def steps(*batches):
    return Script(*(("a", messages, count) for messages, count in batches))


SHOW = [("b", [query("show work_mem")], 1), ("a", [query("show work_mem")], 1)]


def in_savepoint(text, failing, *behind, replies=1):
    """The portal p of the text is there before a savepoint, fails or not within, and is executed behind it."""
    return Script(
        ("a", [query("begin"), parse(text), bind([], portal="p"), sync(), query("savepoint x")], 3), ("a", failing, replies),
        ("a", [query("rollback to x"), execute("p"), sync(), query("commit")], 3), *behind, servers=1)


SCRIPTS = {
    "Parse of a known text in a failed transaction": Script(
        ("a", [parse("select 1", "s"), sync(), query("begin"), query("selec"), parse("select 1", "t"), sync(), query("rollback"), *use("t")], 6)),
    "Parse of a known text in a transaction that failed before": Script(
        ("a", [parse("select 1", "s"), sync(), query("begin"), query("selec")], 3), ("a", [parse("select 1", "t"), sync()], 1),
        ("a", [query("rollback"), *use("s")], 2)),
    "Terminate behind Sync": Script(("a", [sync(), terminate()], CLOSED)),
    "Terminate behind a reply": Script(("a", [query("select 1")], None), ("a", [terminate()], CLOSED)),
    "Terminate behind an INSERT": Script(
        ("a", [query("insert into own_a values (77, 'x')"), terminate()], CLOSED), ("b", [query("select count(*) from own_a")], 1)),
    "Terminate behind a large answer in a batch without Sync": Script(
        ("a", [bind(), sync(), parse("select $1::text || '7'"), bind(["w" * 70000], portal="p"), execute("p", 2), terminate()], CLOSED), ("b", [query("select 1")], 1)),
    "a Query without an end": steps(
        ([parse("select 8"), sync(), message("Q", b"no end"), bind(), execute(), sync(), message("Q", b"a\0b\0"), bind(), sync()], 5)),
    "a large error ahead of a malformed message": Script(
        ("a", [parse("select $1::int"), bind(["w" * 70000]), execute(), message("y", b"")], CLOSED)),
    "an unknown message behind an error": Script(("a", [execute(), message("y", b"")], CLOSED)),
    "an unknown message behind a Parse of a known text": steps(([parse("select 1", "s"), sync()], 1), ([parse("select 1", "t"), message("y", b"")], CLOSED)),
    "an unknown message behind a skipped Query": Script(
        ("a", [execute("nobody"), query("begin"), message("y", b"")], CLOSED), ("b", [query("select 1")], 1), servers=1),
    "a statement that ended before its error": steps(([parse("select 1 / 0"), bind(), execute(), parse("select 2", "y"), sync(), *use("y")], 2)),
    "a statement discarded before its use": steps(([parse("select 1", "s"), sync(), query("discard all"), *use("s")], 3)),
    "parsed behind DISCARD ALL": Script(
        ("a", [query("discard all"), parse("select 2", "s"), sync()], 2), ("b", [parse("select 2", "s"), *use("s")], 1), servers=1),
    "parsed behind DEALLOCATE ALL": Script(
        ("a", [query("deallocate all"), parse("select 2", "s"), sync()], 2), ("b", [parse("select 2", "s"), *use("s")], 1), servers=1),
    "parsed in a batch behind DEALLOCATE ALL": steps(
        ([parse("deallocate all"), bind(), execute(), parse("select 2", "s"), *use("s")], 1), (use("s"), 1)),
    "a protocol statement deallocated by SQL": steps(([parse("select 1", "s"), sync()], 1), ([query("deallocate s")], 1)),
    "a protocol statement executed by SQL": steps(([parse("select $1::int * 2", "dbl"), sync()], 1), ([query("execute dbl(21)")], 1)),
    "Parse of a name again behind a skipped one": steps(
        ([execute("nobody"), parse("select 1", "t"), sync(), parse("select 2", "t"), sync()], 2), ([parse("select 3", "t"), sync()], 1)),
    "unnamed Parse again behind a skipped one": steps(([execute("nobody"), parse("select 1"), sync(), parse("select 1"), sync()], 2), (use(""), 1)),
    "use behind a skipped Close": steps(([parse("select 1", "u"), execute("nobody"), close_statement("u"), sync(), *use("u")], 2)),
    "ParameterStatus of RESET ALL": steps(([query("set timezone = 'Asia/Tokyo'")], 1), ([query("reset all")], 1)),
    "RESET of a startup parameter": Script(
        ("a", [query("set timezone = 'UTC'")], 1), ("a", [query("reset timezone")], 1), startup={"a": {"timezone": "Asia/Tokyo"}}),
    "DISCARD ALL of a startup parameter": Script(("a", [query("discard all")], 1), startup={"a": {"timezone": "Asia/Tokyo"}}),
    "RESET ALL of a startup parameter": Script(("a", [query("reset all")], 1), startup={"a": {"application_name": "x"}}),
    "RESET of a startup parameter that was not set since": Script(("a", [query("reset timezone")], 1), ("a", [query("show timezone")], 1), startup={"a": {"timezone": "Asia/Tokyo"}}),
    "two queries skipped behind an error": Script(
        ("b", [parse("select 7"), sync()], 1), ("a", [execute(), query(""), query(""), sync(), bind([]), sync()], 2), ("a", [parse("select 8"), sync()], 1),
        ("a", [execute(), query(""), query("select 1"), bind([]), sync(), *use("")], 2), servers=1),
    "a setting in the server's spelling at once": Script(
        ("b", [query("set datestyle = 'German'")], 1), ("a", [query("show datestyle")], 1), servers=1, startup={"a": {"DateStyle": "German"}, "b": {"DateStyle": "SQL, DMY"}}),
    "where an error about a name comes from": Script(("a", [parse("select 1", "s"), parse("select 1", "s"), sync()], 1), exact=True),
    "a Close within COPY": Script(("a", [query("copy own_a from stdin"), close_statement("x")], BARRIER)),
    "a Parse of a known text within COPY": Script(
        ("a", [parse("select 1", "x"), sync()], 1), ("a", [query("copy own_a from stdin"), parse("select 1", "y")], BARRIER)),
    "a Bind within COPY, behind DEALLOCATE ALL": Script(("a", [query("deallocate all"), query("copy own_a from stdin"), bind()], CLOSED)),
    "a Bind within COPY behind a batch without Sync": Script(("a", [close_statement("x"), query("copy own_a from stdin"), bind()], CLOSED)),
    "a Bind behind an Execute that is a COPY, of a statement the server has not": Script(
        ("a", [parse("select 1", "s"), sync()], 1), ("b", [query("begin")], 1), ("a", [query("begin")], 1), ("b", [query("commit")], 1),
        ("a", [parse("copy own_a from stdin"), bind(), execute(), bind([], "s")], CLOSED), servers=2),
    "a Parse within COPY of what was prepared before a table changed": Script(
        ("a", [parse("select 1", "s"), sync(), query("create table made(a int)")], 2),
        ("a", [query("copy own_a from stdin"), parse("select 1", "t")], CLOSED)),
    "a Query behind a failed COPY": Script(
        ("a", [parse("copy own_a from stdin"), bind(), execute(), sync(), copy_data("bad\n"), query("")], BARRIER)),
    "a Query behind a COPY that was given up": Script(
        ("a", [parse("copy own_a from stdin"), bind(), execute(), sync(), copy_fail("given up"), query("select 1")], BARRIER),
        ("b", [query("select 2")], 1), servers=1),
    "a Query skipped or not behind a COPY that was given up": Script(
        ("a", [parse("copy own_a from stdin"), bind(), execute(), sync(), copy_fail("no"), query(""), sync(), query("")], BARRIER),
        ("b", [query("select 1")], 1), servers=1),
    "the unnamed statement of another behind a Query within COPY": Script(
        ("b", [parse("copy own_b from stdin"), bind(), execute(), sync(), copy_data("bad\n"), query("")], BARRIER),
        ("a", [describe_statement("")], BARRIER), servers=1),
    "a name that was parsed in vain behind a failed COPY": steps(
        ([parse("copy own_a from stdin"), bind(), execute(), copy_data("bad\n"), sync(), query("")], 2),
        ([execute(), parse("select 1", "t"), sync(), bind([], "t"), sync()], 2)),
    "the unnamed statement behind a failed COPY": steps(
        ([parse("copy own_b from stdin"), bind(), execute(), sync(), copy_fail("given up"), sync(), bind(), sync()], 2)),
    "a COPY that fails before it reads its Sync": Script(
        ("a", [query("create table made(a int); create function fails() returns trigger language plpgsql as 'begin raise ''no''; end';"
                     "create trigger t before insert on made execute function fails()")], 1),
        ("a", [parse("copy made from stdin"), bind(), execute(), sync(), copy_data("1\n"), copy_done(), sync(), query("select 1")], 3),
        ("a", [query("copy made from stdin"), sync(), copy_data("1\n"), copy_done(), sync(), query("select 1"), query("drop function fails cascade")], 5)),
    "two COPYs in a Query, Syncs and requests behind them": Script(
        ("a", [query("copy own_a from stdin; copy own_a from stdin"), sync(), copy_data("31\tx\n"), sync(), copy_done(), sync(), copy_data("bad\n"), copy_done(),
               sync(), parse("select 1"), bind(), execute(), sync(), query("select 2")], BARRIER)),
    "a Bind behind a failed COPY": Script(
        ("a", [query("copy own_a (id) from stdin (format csv)"), copy_data("22\ty\n"), bind([], "nobody", "p")], BARRIER),
        ("c", [query("rollback")], 1), servers=1),
    "a server lost in COPY": Script(
        ("a", [query("copy own_a from stdin"), query("select 1"), *[copy_data("1\ty\n")] * 9], CLOSED), ("c", [query("select 1")], 1), servers=1),
    "a Bind behind an Execute that is a COPY": Script(("a", [parse("copy own_a from stdin"), bind(), execute(), bind()], CLOSED)),
    "Parse of a name that SQL prepared": steps(([query("prepare q as select 1")], 1), ([parse("select 9", "q"), sync()], 1)),
    "a name that SQL prepared, used and closed by the protocol": steps(
        ([query("prepare q as select 1")], 1), (use("q"), 1), ([close_statement("q"), parse("select 9", "q"), *use("q"), query("execute q")], 2)),
    "a name that was parsed beside one that SQL prepared": Script(
        ("a", [query("prepare q as select 1")], 1), ("a", [parse("select 2", "s"), sync()], 1), ("a", [query("deallocate q")], 1),
        ("a", [bind([], "s"), close_statement("s"), sync()], 1), ("a", [query("discard all")], 1), ("b", [bind([], "s"), sync()], 1), servers=1),
    "a name that was parsed beside one that SQL prepared is nobody else's": Script(
        ("a", [query("prepare q as select 1")], 1), ("a", [parse("select 2", "s"), sync()], 1), ("a", [query("deallocate q")], 1),
        ("b", [bind([], "s"), sync()], 1)),
    "a setting behind DISCARD ALL in a batch": steps(
        ([parse("discard all"), bind(), execute(), query("set application_name = 'app2'"), query("set timezone = 'Asia/Tokyo'")], 2), ([query("show timezone")], 1)),
    "a Bind behind DISCARD ALL in a batch": steps(
        ([parse("select 1", "s"), sync()], 1), ([parse("discard all", "t"), bind([], "t"), execute(), bind([], "s"), sync(), bind([], "t"), sync()], 2)),
    "a setting reported behind a failed COPY": steps(
        ([query("begin; set local timezone = 'America/Lima'"), parse("copy own_a from stdin"), bind(), execute(), sync(), copy_data("bad\n"), parse("select 1")], BARRIER)),
    "PREPARE in SQL of a name that was parsed": steps(
        ([parse("select 9", "q"), sync()], 1), ([query("prepare q as select 1")], 1), ([query("execute q")], 1)),
    "Terminate behind a COPY": Script(("a", [query("copy own_a from stdin"), copy_done(), terminate()], CLOSED)),
    "an error about a statement that is closed behind it": steps(
        ([parse("select $1::int", "s"), sync()], 1), ([bind([], "s"), close_statement("s"), sync()], 1)),
    "an error about one of two names": steps(
        ([parse("select $1::int", "s"), parse("select $1::int", "t"), bind([], "s"), sync()], 1), ([bind([], "t"), sync()], 1)),
    "options that are refused": Script(("b", [], None), startup={"b": {"options": "nonsense"}}),
    "a ROLLBACK behind an error, in an unfinished string": Script(
        ("a", [query("select 5; selec 3; rollback to t"), parse("reset search_path", "nobody"), bind([], statement="nobody", portal="p"), execute("p")], BARRIER),
        ("b", [query("rollback")], 1)),
    "a Parse and Sync behind an Execute within COPY": Script(
        ("c", [parse("copy own_c from stdin")], BARRIER), ("c", [execute("", 5), parse("select 1"), sync(), bind([]), execute(), sync()], BARRIER)),
    "an error in a string about a name that is closed behind it": Script(
        ("c", [parse("select 10 / $1::int", "s"), sync()], 1), ("c", [query(" execute s; select 'x'::int"), close_statement("s"), sync()], 2)),
    "PREPARE in a string, of a name that is closed behind it": Script(
        ("a", [parse("select 1", "s"), query("select 7; prepare s as select 7 + 1"), close_statement("s"), sync()], 2)),
    "an error about a name behind DISCARD ALL beside one that SQL prepared": Script(
        ("b", [parse("select failing(6)", "s"), query(" prepare t as select 2 + 1"), sync(), parse("discard all", "r"), bind([], statement="r"), execute("", 2)], None),
        ("b", [describe_statement("s")], BARRIER)),
    "DEALLOCATE in a string, closed behind it, of a text with another name": Script(
        ("a", [parse("select $1::text || '5'", "t"), parse("select $1::text || '5'", "s"), query("deallocate t; select 5"), close_statement("t"), bind(["a"], "s"), execute(), sync()], 2)),
    "a batch behind DISCARD ALL, while the server is asked what keeps it": Script(
        ("a", [parse("discard all"), bind(), execute(), query("prepare s as select 7 + 1"), query("rollback")], 2),
        ("a", [parse("select date '2020-01-02'"), bind(), execute(), sync()], 1), startup={"a": {"DateStyle": "German"}}),
    "a request while the server is asked what keeps it, which takes a while": Script(
        ("a", [query("select count(pg_advisory_lock(n)) from generate_series(1, 3000) n")], 1), ("a", [query("reset datestyle; select pg_advisory_unlock(1)")], 1),
        ("a", [query("select date '2020-01-02'")], 1), ("a", [query("select pg_advisory_unlock_all()")], 1), startup={"a": {"DateStyle": "German"}}),
    "a Query behind DISCARD ALL of a startup parameter": Script(
        ("a", [query("select count(*) from generate_series(1, 300000)"), query("discard all")], None), ("a", [query("select date '2020-01-02'")], 3), startup={"a": {"DateStyle": "German"}}),
    "a batch behind DISCARD ALL of a startup parameter": Script(
        ("a", [parse("discard all"), bind(), execute(), sync(), parse("select date '2020-01-02'"), bind(), execute(), sync(), query("select date '2020-01-02'")], 3),
        startup={"a": {"DateStyle": "German"}}),
    "a setting as it was, behind DISCARD ALL in a batch": steps(
        ([query("set timezone = 'Asia/Tokyo'")], 1), ([parse("discard all"), bind(), execute(), query("set timezone = 'Asia/Tokyo'")], 1), ([query("show timezone")], 1)),
    "a snapshot taken by a Parse of ours": Script(
        ("a", [parse("select 1"), execute(), query("")], BARRIER), ("a", [describe_statement(""), query("begin isolation level repeatable read")], 1)),
    "a wrong Bind in a failed transaction, on a server that lacks the statement": Script(
        ("b", [parse("select $1::int", "s"), sync()], 1), ("a", [query("begin")], 1), ("b", [query("begin"), query("selec")], 2),
        ("b", [bind([], "s"), sync()], 1), servers=2),
    "a COPY parsed ahead of a Query that is skipped": steps(
        ([parse("copy own_a from stdin"), execute(), query("")], BARRIER), ([bind(), execute(), sync()], BARRIER)),
    "an unknown message behind a COPY that has taken the Sync": Script(
        ("b", [parse("copy own_b from stdin"), bind(), execute(), sync(), copy_done(), message("y", b"what")], CLOSED)),
    "a constant parsed behind the SET that it is read by": Script(
        ("a", [query("set datestyle = 'German'"), parse("select date '01/02/2020' - date '2020-01-01'", "s"), sync()], 2),
        ("b", [parse("select date '01/02/2020' - date '2020-01-01'", "s"), *use("s")], 1), servers=1),
    "a SET behind a string that is no SQL": Script(
        ("a", [query("selec 7; release t"), query("set client_encoding = 'latin1'")], 2), ("b", [query("select 1")], 1), servers=1),
    "skipped up to a Sync, while another one asks": Script(
        ("a", [execute("nobody"), flush()], "E"), ("a", [flush()], None), ("b", [query("select 1")], None), ("a", [sync()], 1), ("b", [], BARRIER), servers=1),
    "a COPY parsed behind DEALLOCATE ALL": steps(
        ([query("deallocate all"), parse("copy own_a from stdin", "s"), sync()], 2), ([bind([], "s"), execute(), sync()], BARRIER)),
    "EXECUTE of a SET in a string": Script(
        ("a", [parse("set work_mem = '5MB'", "w"), sync()], 1), ("a", [query("execute w; select 1")], 1), ("b", [query("show work_mem")], 1),
        ("a", [query("show work_mem")], 1), servers=1),
    "where a last word comes from": Script(("a", [query("copy own_a from stdin"), query("select 1")], CLOSED), exact=True),
    "a RESET parsed behind DEALLOCATE ALL": Script(
        ("a", [query("deallocate all"), parse("reset work_mem", "s"), sync()], 2), ("a", [bind([], "s"), execute(), sync()], 1), ("a", [query("show work_mem")], 1),
        startup={"a": {"work_mem": "5MB"}}),
    "skipped in a savepoint and run behind it: DEALLOCATE ALL": in_savepoint("deallocate all", [execute("nobody"), execute("p"), sync()], ("a", [parse("select 2", "s"), *use("s")], 1), ("b", [parse("select 2", "s"), *use("s")], 1)),
    "skipped in a savepoint and run behind it: SET": in_savepoint("set work_mem = '5MB'", [execute("nobody"), execute("p"), sync()], *SHOW),
    "skipped in a savepoint and run behind it: LISTEN": in_savepoint("listen c", [execute("nobody"), execute("p"), sync()], ("b", [query("notify c")], 1), ("a", [], "A")),
    "refused in a failed transaction and run behind a savepoint": in_savepoint("set work_mem = '5MB'", [query("selec"), execute("p"), sync()], *SHOW, replies=2),
    "a portal of this name is there already": in_savepoint("set work_mem = '5MB'", [parse("select 1", "t"), bind([], "t", "p"), sync()], *SHOW),
    "a portal of this name is there already, which is no SET": in_savepoint("select 1", [parse("set work_mem = '5MB'", "t"), bind([], "t", "p"), sync()], *SHOW),
    "a Bind that is skipped with its Execute": in_savepoint("set work_mem = '5MB'", [execute("nobody"), parse("set work_mem = '6MB'", "t"), bind([], "t", "p"), execute("p"), sync()], *SHOW),
    "a portal skipped, run and run again, all sent at once": Script(
        ("a", [query("begin"), parse("set work_mem = '5MB'"), bind([], portal="p"), sync(), query("savepoint x"), execute("nobody"), execute("p"), sync(), query("rollback to x"), execute("p"), sync(),
               query("savepoint y"), execute("p"), sync(), query("rollback to y"), query("commit")], 10), *SHOW, servers=1),
    "a setting between two executions of one EXECUTE": Script(
        ("a", [parse("select set_config('work_mem', '5MB', false)", "q"), query("begin"), parse("execute q"), bind([], portal="p"), execute("p", 1), sync(), query("set work_mem = '6MB'"), execute("p"), sync(), query("commit")], 5),
        *SHOW, servers=1),
}
