"""What a session remembers: transactions, settings, temporary things, notices."""

from model import CLOSED, Script
from wire import bind, describe_statement, execute, flush, parse, query, sync, terminate

NAMES = ("timezone", "datestyle", "intervalstyle", "application_name", "client_encoding", "standard_conforming_strings", "search_path", "work_mem",
         "statement_timeout", "extra_float_digits", "default_transaction_isolation", "bytea_output")
SHOW = query("select " + ", ".join(f"current_setting('{n}')" for n in NAMES))


def extended(sql):
    return [parse(sql), bind(), execute(), sync()]


def q(session, *texts):
    """Each text a step of its own, awaited."""
    return [(session, [query(t)], 1) for t in texts]


def show(*sessions):
    return [(s, [SHOW], 1) for s in sessions]


def life(*texts):
    """Session a runs these; after each both look at their settings."""
    return Script(*(step for t in texts for step in [*q("a", t), *show("a", "b")]))


def in_transaction(*texts):
    """As life(), but b looks at its own only at the end."""
    return Script(*show("b"), *(step for t in texts for step in [*q("a", t), *show("a")]), *show("b"))


def among(question, *texts):
    """After each text of session a others look whether something of it shows: one of them is on the same thread of Forebay, and would
    be given a server that a does not keep."""
    return Script(*(step for t in texts for step in [*q("a", t), *q("b", question), *q("c", question)]), servers=2)


SCRIPTS = {
    "others: settings": among("show work_mem", "set work_mem = '2MB'", "show work_mem", "reset work_mem", "set work_mem to '3MB'; select 1", "show work_mem"),
    "others: set_config": among("show work_mem", "select set_config('work_mem', '2MB', false)", "show work_mem"),
    "others: advisory locks": among(
        "select count(*) from pg_locks where locktype like 'adv%' and pid = pg_backend_pid()", "select pg_advisory_lock(7)", "select 1", "select pg_advisory_unlock(7)", "select pg_advisory_unlock(7)"),
    "others: cursors": among("select count(*) from pg_cursors", "declare h cursor with hold for select id from shared order by id", "fetch 2 from h", "fetch 2 from h", "close h"),
    "others: temporary tables": among("select to_regclass('tmp')::text", "create temp table tmp (a int)", "insert into tmp values (1)", "drop table tmp"),
    "others: prepared in SQL": among("select count(*) from pg_prepared_statements where from_sql", "prepare q as select 1", "execute q", "deallocate q"),
    "others: nothing is left to them": Script(
        *q("a", "set work_mem = '2MB'", "create temp table tmp (a int)", "listen hear", "prepare s as select 1", "select pg_advisory_lock(7)",
           "declare h cursor with hold for select 1", "select set_config('search_path', 'pg_catalog', false)"),
        ("a", [terminate()], CLOSED),
        *q("b", "show work_mem", "show search_path", "select to_regclass('tmp')::text", "select count(*) from pg_listening_channels()", "execute s", "fetch h",
           "select count(*) from pg_locks where locktype like 'adv%' and pid = pg_backend_pid()"), servers=1),
    "others: the server is theirs again": Script(*q("a", "create temp table tmp (a int)", "discard all"), *q("b", "select 1", "select to_regclass('tmp')::text"), servers=1),
    "others: listening": among("select count(*) from pg_listening_channels()", "listen hear", "select 1", "unlisten *"),
    "transaction: savepoints": Script(
        *q("a", "begin", "insert into own_a values (3, 'x')", "savepoint s", "insert into own_a values (3, 'y')", "select 1", "rollback to s", "select count(*) from own_a",
           "release s", "commit", "select count(*) from own_a"), *q("b", "rollback", "commit", "savepoint s", "release s", "rollback to s")),
    "transaction: warnings": Script(*q("a", "begin", "begin", "commit", "commit", "rollback and chain", "begin; begin", "rollback; rollback")),
    "transaction: chain, isolation, read only": Script(
        *q("a", "begin isolation level serializable, read only", "show transaction_isolation", "insert into own_a values (9, 'x')", "rollback and chain",
           "show transaction_isolation", "commit and chain", "select 1", "rollback"), *q("b", "show transaction_isolation", "set transaction read only", "show transaction_read_only")),
    "transaction: failed, extended": Script(
        ("a", extended("begin"), 1), ("a", extended("select 1/0"), 1), ("a", extended("select 2"), 1), ("a", [describe_statement(), sync()], 1), ("a", extended("commit"), 1), *q("b", "select 1")),
    "transaction: an implicit one in a string": Script(*q("a", "select 1; set local work_mem = '1MB'; show work_mem", "show work_mem", "begin; select 1", "select 2; commit; select 3")),
    "transaction: prepared for two-phase commit": Script(
        *q("a", "begin", "insert into own_a values (4, 'x')", "prepare transaction 'diff'", "select count(*) from own_a", "commit prepared 'diff'", "select count(*) from own_a",
           "rollback prepared 'nothing'")),
    "settings: reported ones": life("set timezone = 'Asia/Tokyo'", "set datestyle = 'German'", "set intervalstyle = 'iso_8601'", "set application_name = 'a'", "set application_name = ''",
                                    "set client_encoding = 'latin1'", "set standard_conforming_strings = off", "reset timezone", "reset all"),
    "settings: reported ones in odd spellings": life("SET TimeZone TO 'UTC'", "set time zone 'Europe/Oslo'", "set time zone -3", "set names 'latin1'", "set session timezone = 'Asia/Tokyo'",
                                                     "set datestyle to sql, mdy", "set timezone to default", "/* c */ set /* d */ datestyle = 'iso'", "set \"TimeZone\" = 'UTC'"),
    "settings: others": life("set work_mem = '2MB'", "set search_path = pg_catalog, public", "set statement_timeout = '1h'", "set extra_float_digits = 0", "reset work_mem",
                             "set work_mem to default", "set bytea_output = escape", "reset all"),
    "settings: refused values": life("set timezone = 'Nowhere/Land'", "set work_mem = 'x'", "set nothing = 1", "set my.own = 'x'", "set client_encoding = 'klingon'"),
    "settings: SET LOCAL": in_transaction("set local timezone = 'Asia/Tokyo'", "begin", "set local timezone = 'Asia/Tokyo'", "set local work_mem = '3MB'", "commit"),
    "settings: undone by ROLLBACK": in_transaction("begin", "set timezone = 'Asia/Tokyo'", "set work_mem = '3MB'", "set application_name = 'x'", "rollback"),
    "settings: undone by ROLLBACK TO": in_transaction("begin", "set timezone = 'Asia/Tokyo'", "savepoint s", "set timezone = 'Europe/Oslo'", "set local datestyle = 'German'", "rollback to s", "commit"),
    "settings: kept by COMMIT": in_transaction("begin", "set timezone = 'Asia/Tokyo'", "set local timezone = 'Europe/Oslo'", "commit", "reset timezone"),
    "settings: undone by an error": in_transaction("begin", "set timezone = 'Asia/Tokyo'", "commit and chain", "set datestyle = 'German'", "rollback"),
    "settings: in strings of several": life("set timezone = 'Asia/Tokyo'; set work_mem = '5MB'", "select 1; set datestyle = 'German'", "set timezone = 'Europe/Oslo'; select 1/0", "begin; set timezone = 'UTC'; commit"),
    "settings: in DO": life("do $$ begin perform set_config('timezone', 'Asia/Tokyo', false); end $$", "do $$ begin set work_mem = '6MB'; end $$"),
    "settings: set_config": life("select set_config('timezone', 'Asia/Tokyo', false)", "select set_config('work_mem', '7MB', false), set_config('datestyle', 'German', false)",
                                 "select set_config('timezone', 'UTC', true)", "select set_config('search_path', '', false)"),
    "settings: in the extended protocol": Script(
        *(step for sql in ("set timezone = 'Asia/Tokyo'", "set work_mem = '8MB'", "reset timezone", "select set_config('timezone', 'Europe/Oslo', false)") for step in [("a", extended(sql), 1), *show("a", "b")]),
        ("a", [parse("set timezone = 'UTC'", "tz"), sync()], 1), *show("a", "b"), ("a", [bind([], "tz"), execute(), flush()], "C"), ("a", [sync()], 1), *show("a", "b")),
    "settings: in a pipeline": Script(
        ("a", [query("set timezone = 'Asia/Tokyo'"), SHOW, query("set timezone = 'UTC'"), SHOW], 4), *show("b"), ("a", [query("begin"), query("set datestyle = 'German'"), query("selec"), query("rollback"), SHOW], 5), *show("b", "a")),
    "settings: each session its own": Script(
        *q("a", "set timezone = 'Asia/Tokyo'", "set application_name = 'a'"), *q("b", "set timezone = 'Europe/Oslo'", "set datestyle = 'German'"), *show("a", "b", "c"),
        *q("c", "set application_name = 'c'"), *show("a", "b", "c"), *q("a", "reset application_name"), *show("a", "b", "c"), servers=1),
    "settings: DISCARD ALL": Script(*q("a", "set timezone = 'Asia/Tokyo'", "set application_name = 'a'", "discard all"), *show("a", "b"), *q("a", "set work_mem = '9MB'", "discard all"), *show("a", "b"), *q("a", "begin", "discard all", "rollback")),
    "settings: at startup": Script(
        *show("a", "b"), *q("a", "set timezone = 'UTC'"), *show("a", "b"), *q("a", "reset timezone", "reset search_path"), *show("a", "b"), *q("a", "set datestyle = 'SQL'", "discard all"), *show("a", "b"),
        *q("a", "set application_name = 'z'", "reset all"), *show("a", "b"),
        startup={"a": {"timezone": "Asia/Tokyo", "search_path": "pg_catalog, public", "application_name": "start", "extra_float_digits": "2"}, "b": {"DateStyle": "German", "client_encoding": "latin1"}}),
    "settings: options at startup": Script(*show("a", "b", "c"), *q("a", "discard all"), *show("a"), startup={
        "a": {"options": "-c work_mem=3MB -ctimezone=Asia/Tokyo --statement_timeout=1h"}, "b": {"options": "-c application_name=with\\ blank"}, "c": {"options": ""}}),
    "settings: refused at startup": Script(*show("b"), startup={"a": {"timezone": "Nowhere"}, "b": {}}),
    "settings: unknown at startup": Script(*show("b"), startup={"a": {"no_such_setting": "1"}, "b": {"my.own": "x"}}),
    "settings: bad options at startup": Script(*show("b"), startup={"a": {"options": "-c nothing=1"}, "b": {}, "c": {"options": "nonsense"}}),
    "settings: encodings in texts": Script(*q("a", "set client_encoding = 'latin1'"), ("a", [query("select 'é', length('é')")], 1), ("b", [query("select 'é', length('é')")], 1), *q("a", "select no_such_column_é")),
    "temporary: table": Script(*q("a", "create temp table t (x int)", "insert into t values (1), (2)", "select * from t order by x"), *q("b", "select * from t"), *q("a", "drop table t", "select * from t")),
    "temporary: shadows a real table": Script(*q("a", "create temp table shared (x int)", "select count(*) from shared"), *q("b", "select count(*) from shared"), *q("a", "discard temp", "select count(*) from shared")),
    "temporary: ON COMMIT DROP": Script(*q("a", "begin", "create temp table t (x int) on commit drop", "insert into t values (1)", "select * from t", "commit", "select * from t"), *q("b", "select * from t")),
    "temporary: CREATE TEMP AS, view, sequence": Script(*q("a", "create temporary table t as select 1 as x", "create temp view v as select * from t", "create temp sequence s", "select nextval('s'), x from v"), *q("b", "select * from v"), *q("a", "discard all", "select * from v")),
    "sequences: currval": Script(*q("a", "create sequence public.seq", "select nextval('seq')"), *q("b", "select nextval('seq')"), *q("a", "drop sequence seq")),
    "locks: advisory": Script(*q("a", "select pg_advisory_lock(41)", "select pg_advisory_unlock(41)", "select pg_advisory_unlock(41)", "begin; select pg_advisory_xact_lock(42); commit")),
    "listen and notify": Script(*q("a", "listen chan", "notify chan, 'one'", "begin", "notify chan, 'two'", "notify chan, 'three'", "commit", "unlisten chan", "notify chan"), *q("b", "notify chan, 'four'")),
    "notices and errors": Script(*q("a", "select noisy(1), noisy(2)", "select failing(3)", "do $$ begin raise warning 'w'; raise info 'i'; raise log 'l'; end $$", "drop table if exists nothing"), ("a", extended("select noisy(4)"), 1),
                                 *q("b", "set client_min_messages = error", "select noisy(5)"), *q("a", "select noisy(6)")),
    "errors: constraint fields": Script(*q("a", "insert into own_a values (1, 'x')", "insert into own_a values (null, 'x')", "select 1 from own_b where nothing = 1", "select 'x'::int")),
    "session: role": Script(*q("a", "set role nobody_at_all", "set session authorization nobody", "select current_user, session_user", "show is_superuser"), *q("b", "select current_user")),
}
