"""What keeps a server for its client in transaction mode: until when, and what is undone for the next."""

import pytest
from harness import eventually
from wire import bind, execute, parse, sync

pytestmark = pytest.mark.proxy


def pin(proxy):
    (client,) = [row for row in proxy.console("show clients") if row["database"] == "app"]
    return client["pin_reason"]


@pytest.mark.parametrize(("reason", "begins", "ends"), [
    ("advisory_lock", ["select pg_advisory_lock(7)"], ["select pg_advisory_unlock(7)"]),
    ("advisory_lock", ["select pg_advisory_lock(7)", "select pg_advisory_lock(7)"], ["select pg_advisory_unlock(7)", "select pg_advisory_unlock(7)"]),
    ("advisory_lock", ["select pg_try_advisory_lock_shared(7)", "begin"], ["select pg_advisory_unlock_all()", "commit"]),
    ("temporary_table", ["create temp table t (a int)"], ["drop table t"]),
    ("temporary_table", ["create temp table t (a int)"], ["discard temp"]),
    ("temporary_table", ["begin", "create temp table t (a int)"], ["rollback"]),
    ("temporary_table", ["create function pg_temp.f() returns int language sql as 'select 1'", "create temp table t ()"], ["drop table t", "drop function pg_temp.f"]),
    ("hold_cursor", ["declare c cursor with hold for select 1", "declare d cursor with hold for select 1"], ["close c", "close all"]),
    ("prepared_statement", ["prepare p as select 1", "prepare q as select 1"], ["deallocate p", "deallocate q"]),
    ("temporary_table", ["create temp table t (a int)", "select pg_advisory_lock(7)"], ["drop table t", "select pg_advisory_unlock(7)"]),
])
def test_a_pin_ends_with_its_reason(forebay, reason, begins, ends):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as w:
        for sql in begins:
            w.run(sql)
        for sql in ends:
            assert pin(proxy) == reason or (len(begins) > 1 and pin(proxy))
            w.run(sql)
        eventually(lambda: pin(proxy) == "" and proxy.pool()["sv_idle"] == 1)
        with proxy.wire() as other:
            assert other.value("select 1") == "1"


def test_temp_buffers_pin(forebay):
    """They can be set only before the first use of a temporary table: there may be a server that had one."""
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as used, proxy.wire() as w:
        used.run("create temp table t as select 1 as a")
        w.run("set temp_buffers = '9MB'")
        assert sorted(row["pin_reason"] for row in proxy.console("show clients") if row["database"] == "app") == ["setting", "temporary_table"]
        used.run("drop table t")
        eventually(lambda: proxy.pool()["sv_idle"] == 1)
        assert w.value("show temp_buffers") == "9MB"
        w.run("discard all")
        assert w.value("show temp_buffers") == "8MB"


@pytest.mark.parametrize(("act", "look"), [
    ("select pg_advisory_lock(7)", "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"),
    ("create temp table t (a int)", "select count(*) from pg_class where relnamespace = pg_my_temp_schema()"),
    ("declare c cursor with hold for select 1", "select count(*) from pg_cursors"),
    ("begin; create temp table t (a int); savepoint s", "select count(*) from pg_class where relnamespace = pg_my_temp_schema()"),
])
def test_only_what_was_left_is_undone(forebay, act, look):
    """The server stays, and what others have prepared on it too."""
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as other:
        other.script(parse("select 'kept'", "k"), sync())
        server = other.value("select pg_backend_pid()")
        for goodbye in (lambda w: w.close(), lambda w: w.reset()):
            w = proxy.wire()
            w.run(act)
            goodbye(w)
            assert other.value("select pg_backend_pid()") == server
            assert other.value(look) == "0"
            assert other.value("select count(*) from pg_prepared_statements where not from_sql") == "1"
        assert other.script(bind([], "k"), execute(), sync()) == "2 D:kept C:SELECT_1 Z:I"


@pytest.mark.parametrize(("act", "reason", "stays"), [
    ("set session authorization app", "setting", True),
    ("load 'auto_explain'", "load", False),  # for good: nothing unloads a library
])
def test_what_only_an_administrator_can_leave(forebay, act, reason, stays):
    proxy = forebay(pool={"size": 1})
    with proxy.wire(user="postgres") as other:
        server = other.value("select pg_backend_pid()")
        w = proxy.wire(user="postgres")
        w.run(act)
        assert sorted(row["pin_reason"] for row in proxy.console("show clients") if row["database"] == "app") == ["", reason]
        w.close()
        assert other.value("select session_user") == "postgres"
        assert (other.value("select pg_backend_pid()") == server) == stays
