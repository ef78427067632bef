"""Settings that PostgreSQL does not report, and resets: through transactions, savepoints, pipelines and portals."""

from model import Script
from scripts_sessions import SHOW, extended, in_transaction, life, q, show
from wire import bind, describe_statement, execute, flush, parse, query, sync

TOKYO = {"timezone": "Asia/Tokyo", "search_path": "pg_catalog, public", "work_mem": "3MB"}


def at_startup(*steps):
    return Script(*steps, startup={"a": TOKYO})


SCRIPTS = {
    "settings: undone with savepoints": in_transaction(
        "set work_mem = '2MB'", "begin", "savepoint s", "set work_mem = '3MB'", "savepoint t", "set search_path = pg_catalog", "set timezone = 'Asia/Tokyo'", "select 1/0",
        "rollback to t", "release t", "set work_mem = '4MB'", "rollback to s", "set statement_timeout = '1h'", "commit", "select 1"),
    "settings: savepoints of one name": in_transaction(
        "begin", "savepoint s", "set work_mem = '3MB'", "savepoint s", "set work_mem = '4MB'", "rollback to s", "release s", "rollback to s", "set work_mem = '5MB'", "release s", "commit"),
    "settings: taken back by ROLLBACK TO without an error": Script(
        *q("a", "begin", "set work_mem = '3MB'", "savepoint s", "set work_mem = '4MB'", "rollback to s", "commit"), *q("b", "show work_mem"), *q("a", "show work_mem"), servers=1),
    "settings: taken back by a COMMIT that fails": Script(
        *q("a", "create table x (a int unique deferrable initially deferred)", "begin", "set work_mem = '3MB'", "savepoint s", "insert into x values (1), (1)", "commit"),
        *q("b", "show work_mem"), *q("a", "show work_mem"), servers=1),
    "settings: strings of several statements": life(
        "begin; set work_mem = '3MB'; savepoint s; set work_mem = '4MB'; rollback to s; commit", "set work_mem = '5MB'; select 1/0", "begin; set work_mem = '6MB'; commit; set work_mem = '7MB'; select 1/0",
        "begin; set work_mem = '8MB'; rollback; set search_path = public", "select ';set work_mem = 1'; set statement_timeout = 77000", "set local work_mem = '9MB'; select current_setting('work_mem')"),
    "settings: COMMIT of what has failed": in_transaction("begin", "set work_mem = '3MB'", "selec", "commit", "begin", "set work_mem = '4MB'", "commit and chain", "set work_mem = '5MB'", "rollback"),
    "settings: two-phase commit": in_transaction("begin", "set work_mem = '3MB'", "insert into own_a values (5, 'x')", "prepare transaction 'p'", "rollback prepared 'p'"),
    "settings: characteristics of the session": life(
        "set session characteristics as transaction isolation level serializable, read only", "select current_setting('transaction_isolation'), current_setting('transaction_read_only')",
        "set session characteristics as transaction read write", "reset default_transaction_isolation", "set transaction_isolation = serializable"),
    "settings: values in odd spellings": life(
        "set search_path to \"$user\", PUBLIC, 'a b', \"select\"", "set search_path = ''", "set search_path = '\"x y\", z'", "set schema 'pg_catalog'", "set work_mem = 2222", "set extra_float_digits = -1",
        "set bytea_output to 'escape'", "set statement_timeout = 1.5e3", "/* c */ set /* d */ work_mem -- e\n= '3MB' ; ", "set work_mem = E'4\\x4dB'"),
    "settings: a portal's first rows": Script(
        *show("a", "b"), ("a", [parse("select set_config('work_mem', '3MB', false) from generate_series(1, 3)"), bind(), execute(limit=1), sync()], 1), *show("a", "b"),
        ("a", [parse("select set_config('work_mem', '4MB', false)"), bind(), execute(limit=1), execute(limit=1), sync()], 1), *show("a", "b")),
    "settings: portals by name": Script(
        ("a", [parse("set work_mem = '3MB'", "s"), parse("set search_path = public", "t"), sync()], 1), ("a", [bind([], "s", "p"), bind([], "t", "q"), execute("q"), sync()], 1), *show("a", "b"),
        ("a", [bind([], "s", "p"), bind([], "t", "q"), flush(), execute("p"), execute("q"), execute("p"), sync()], 1), *show("a", "b")),
    "settings: undone in a pipeline": Script(
        ("a", [parse("set work_mem = '3MB'"), bind(), execute(), parse("selec"), parse("set work_mem = '4MB'"), bind(), execute(), sync(), SHOW], 2), *show("b", "a"),
        ("a", [*extended("begin"), *extended("set work_mem = '5MB'"), *extended("selec"), *extended("commit"), *extended("set search_path = public"), SHOW], 6), *show("b", "a")),
    "settings: RESET of what was asked for at startup": at_startup(
        *q("a", "set work_mem = '4MB'", "reset work_mem"), *show("a", "b"), *q("a", "reset timezone", "show timezone", "set timezone = 'UTC'", "begin", "reset timezone", "show timezone", "reset search_path"),
        *show("a"), *q("a", "rollback", "show timezone"), *show("a", "b"), ("a", extended("reset timezone"), 1), *show("a"), *q("a", "begin", "reset all"), *show("a"), *q("a", "rollback"), *show("a", "b")),
    "settings: SET TO DEFAULT of what was asked for at startup": at_startup(
        *q("a", "set timezone = 'UTC'", "set timezone to default", "show timezone", "set datestyle = 'German'", "begin", "set datestyle = default", "show datestyle"), *show("a"), *q("a", "rollback", "show datestyle"),
        *q("a", "set time zone local", "show timezone", "set work_mem to default", "set application_name = default"), *show("a", "b")),
    "settings: RESET in a pipeline": at_startup(
        ("a", [query("set timezone = 'UTC'"), query("reset timezone"), SHOW, query("reset all"), SHOW, query("set datestyle = 'German'"), SHOW], 7), *show("b", "a")),
    "settings: RESET ALL and DISCARD ALL of a startup": at_startup(
        *q("a", "discard all", "reset all", "set datestyle = 'German'", "reset all", "set timezone = 'UTC'", "discard all", "reset all; set timezone = 'Europe/Oslo'", "reset timezone; set timezone = 'Europe/Oslo'",
           "begin; reset timezone; rollback"), *show("a", "b")),
    "settings: SET behind a RESET": at_startup(*q("a", "reset all; set work_mem = '9MB'"), *show("a", "b"), *q("a", "set work_mem = '8MB'; reset work_mem; select 1/0"), *show("a", "b")),
    "settings: SET LOCAL and SET in one transaction": in_transaction("begin", "set local work_mem = '3MB'", "set work_mem = '4MB'", "set local work_mem = '5MB'", "commit"),
    "settings: FROM CURRENT": life("begin; set local work_mem = '3MB'; set work_mem from current; commit", "discard all"),
    "settings: reported, LOCAL ahead of what is taken back": Script(
        *q("a", "begin", "set local timezone = 'America/Lima'", "set work_mem = '3MB'", "select 1/0", "rollback", "begin", "set local timezone = 'America/Lima'", "savepoint s",
           "set local timezone = 'UTC'", "set work_mem = '4MB'", "rollback to s", "set work_mem = '5MB'", "rollback"), *show("a", "b")),
    "settings: reported, taken back by an error": Script(
        *q("a", "begin", "set datestyle = 'SQL'", "select 7; set timezone = 'Europe/Oslo'; select 1/0", "commit"), *show("a", "b")),
    "settings: RESET taken back by an error": at_startup(
        *q("a", "set timezone = 'UTC'", "begin", "reset timezone; select 1/0", "rollback", "show timezone", "begin; savepoint s", "reset timezone; select 1/0", "rollback to s", "show timezone",
           "reset timezone; rollback; begin", "set local timezone = 'America/Lima'; set work_mem = '3MB'; select 1/0", "rollback", "reset timezone; commit; begin; set work_mem = '4MB'; rollback"),
        *show("a", "b")),
    "settings: constants are read as each session reads them": Script(
        *q("a", "set datestyle = 'SQL, DMY'", "set timezone = 'Asia/Tokyo'", "set standard_conforming_strings = off", "set client_encoding = 'latin1'"),
        *((s, [parse(text, f"s{n}"), bind([], f"s{n}"), execute(), sync()], 1) for n, text in enumerate(
            ("select '01/02/2020'::date - date '2020-01-01'", "select extract(epoch from '2020-01-01'::timestamptz)", "select length('a\\\\b')", "select length('\u00e9')")) for s in "ab"),
        servers=1),
    "constants another client has had read anew": Script(
        ("a", [parse("select '01/02/2020'::date - '2020-01-01'::date", "s"), sync()], 1), ("b", [query("begin")], 1),
        ("a", [query("set datestyle = 'SQL, DMY'")], 1), ("a", [describe_statement("s"), sync()], 1),
        ("c", [parse("select '01/02/2020'::date - '2020-01-01'::date", "s"), bind([], "s"), execute(), sync()], 1), servers=2),
}
