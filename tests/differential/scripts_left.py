"""What sessions keep and leave: pins that end and begin, channels, and what the next one finds on the server."""

from model import BARRIER, CLOSED, Script
from scripts_sessions import among, q
from wire import bind, close_statement, execute, parse, query, sync, terminate

LARGE = f"/* {'x' * 20000} */"  # too large to be read as a whole
LOCKS = "select count(*) from pg_locks where locktype like 'adv%' and pid = pg_backend_pid()"
CHANNELS = "select count(*) from pg_listening_channels()"
HIDDEN = "do $$ begin perform set_config('work_mem', '2MB', false); end $$"


def leaves(*texts, then):
    """Session a leaves these behind, b looks for it."""
    return Script(*q("a", *texts), ("a", [terminate()], CLOSED), *q("b", *then), servers=1)


SCRIPTS = {
    "others: one lock of two": among(LOCKS, "select pg_advisory_lock(7)", "select pg_advisory_lock(7)", "select pg_advisory_unlock(7)", "select pg_advisory_unlock(7)"),
    "others: a lock right behind an unlock": Script(
        *q("a", "select pg_advisory_lock(7)", "select pg_advisory_unlock(7)", "select pg_advisory_lock(8)"), *q("b", LOCKS), *q("c", LOCKS),
        *q("a", "select pg_advisory_unlock(8)"), servers=2),
    "others: the server is theirs behind an unlock": Script(*q("a", "select pg_advisory_lock(7)", "select pg_advisory_unlock(7)"), *q("b", LOCKS), servers=1),
    "others: settings in DO": among("show work_mem", HIDDEN, "show work_mem"),
    "others: settings in a large text": among("show work_mem", f"{LARGE} set work_mem = '2MB'", "show work_mem"),
    "others: listening in a large text": among(CHANNELS, f"{LARGE} listen hear", "unlisten *"),
    "left: settings in DO": leaves(HIDDEN, then=["show work_mem"]),
    "left: channels": leaves(f"{LARGE} listen hear", "create temp table tmp (a int)", then=[CHANNELS]),
    "left: statements of both kinds": Script(
        ("a", [parse("select 1", "s"), bind([], "s"), execute(), sync()], 1), *q("a", "prepare q as select 2"), ("a", [terminate()], CLOSED),
        ("b", [parse("select 1", "s"), bind([], "s"), execute(), sync()], 1), servers=1),
    "left: a statement and a lock": leaves("prepare q as select 2", "select pg_advisory_lock(7)", then=["execute q", LOCKS]),
    "left: a temporary table made right behind DISCARD ALL": Script(
        ("a", [query("discard all"), query("create temp table tmp (a int)")], 2), *q("a", "select count(*) from tmp"), ("a", [terminate()], CLOSED),
        *q("b", "select count(*) from tmp"), servers=1),
    "left: nothing, by DISCARD ALL right behind a temporary table": Script(
        ("a", [query("create temp table tmp (a int)"), query("discard all")], 2), *q("b", "select count(*) from tmp"), *q("a", "select count(*) from tmp"), servers=1),
    "left: a transaction": Script(
        *q("a", "begin", "insert into own_a values (9, 'x')"), ("a", [terminate()], CLOSED), *q("b", "select count(*) from own_a", "select 1"), servers=1),
    "channels: a transaction rolled back": Script(
        *q("a", "listen other", "begin", "listen hear", "rollback", "notify hear", "notify other", "begin", "unlisten other", "rollback", "notify other"), ("b", [], BARRIER)),
    "channels: a string that fails": Script(*q("a", "listen other", "listen hear; select 1/0", "notify hear", "notify other")),
    "channels: a savepoint": Script(
        *q("a", "begin", "listen one", "savepoint s", "listen two", "rollback to s", "listen three", "commit", "notify one", "notify two", "notify three")),
    "schema: a plan made before, of another": Script(
        *q("a", "create table x (a int)"), ("b", [parse("select * from x", "s"), bind([], "s"), execute(), sync()], 1), *q("a", "alter table x add b int"),
        ("b", [close_statement("s"), parse("select * from x", "s"), bind([], "s"), execute(), sync()], 1), servers=1),
    "schema: a plan made before, of a change that no tag tells": Script(
        *q("a", "create table x (a int)"), ("b", [parse("select * from x", "s"), bind([], "s"), execute(), sync()], 1), *q("a", "do $$ begin alter table x add b int; end $$"),
        ("b", [bind([], "s"), sync()], 1), ("b", [close_statement("s"), parse("select * from x", "s"), bind([], "s"), execute(), sync()], 1), servers=1),
    "schema: a plan made while another changes it": Script(
        *q("a", "create function f() returns int language sql as 'select 1'", "begin", "drop function f()",
           "create function f() returns text language sql as $$ select 'two' $$"),
        ("b", [parse("select f()", "s"), bind([], "s"), execute(), sync()], 1), *q("a", "commit", "begin", "select 1"),
        ("b", [close_statement("s"), parse("select f()", "s"), bind([], "s"), execute(), sync()], 1), *q("a", "rollback", "drop function f()"), servers=2),
}
