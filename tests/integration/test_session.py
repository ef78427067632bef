"""What a session does between the lines: messages in pieces, what is left of a COPY, its own end while it waits, resets."""

import time

import pytest

import wire
from harness import eventually, run_threads
from wire import bind, copy_data, copy_done, execute, parse, query, sync

LARGE = "select length('" + "x" * 100_000 + "')"


def in_two(message, at=40_000):
    return message[:at], message[at:]


def test_a_large_parse_behind_a_query_keeps_its_server(forebay):
    """The answer to the query comes while the Parse is still coming in."""
    with forebay(pool={"size": 1}).wire() as w:
        for _ in range(3):
            front, rest = in_two(parse(LARGE, "s"))
            w.send(query("select pg_sleep(0.05)"), front)
            w.until_ready()
            time.sleep(0.05)
            w.send(rest, bind([], "s"), execute(), wire.close_statement("s"), sync())
            assert wire.transcript(w.until_ready()) == "1 2 D:100000 C:SELECT_1 3 Z:I"


@pytest.mark.proxy
def test_a_large_parse_outlives_its_server(forebay, cluster):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as w:
        pid = w.value("select pg_backend_pid()")
        w.run("set search_path = pg_catalog")  # pins: the server stays with the session
        w.run("discard all")
        front, rest = in_two(parse(LARGE, "s"))
        w.send(query("select pg_backend_pid()"), front)
        w.until_ready()
        cluster.sql("select pg_terminate_backend(%s::int)", [pid])
        time.sleep(0.2)
        w.send(rest, bind([], "s"), execute(), sync())
        assert wire.transcript(w.until_ready()) == "1 2 D:100000 C:SELECT_1 Z:I"


def test_no_statement_of_another_batch_is_taken_for_granted(forebay):
    """Whatever is skipped behind an error was not prepared, however fast the next batch follows."""
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as other, proxy.wire() as w:
        other.script(parse("select 'not yours'"), sync())
        other.script(parse("select 'shared'", "o"), sync())
        got = w.script(bind([], "nobody"), parse("select 1"), sync(), bind(), execute(), sync(), ready=2)
        assert got == "E:26000 Z:I E:26000 Z:I"
        got = w.script(bind([], "nobody"), parse("select 'shared'", "s"), sync(), bind([], "s"), execute(), sync(), ready=2)
        assert got == "E:26000 Z:I E:26000 Z:I"
        got = w.script(parse("select * from came_later", "s"), sync(), query("create table came_later (a int)"),
                       parse("select * from came_later", "s"), sync(), bind([], "s"), execute(), sync(), query("drop table came_later"), ready=5)
        assert got == "E:42P01 Z:I C:CREATE_TABLE Z:I 1 Z:I 2 C:SELECT_0 Z:I C:DROP_TABLE Z:I"
        got = w.script(query("discard all"), parse("select 'shared'", "d"), sync(), bind([], "d"), execute(), sync(), ready=3)
        assert [word for word in got.split() if not word.startswith("S:")] == "C:DISCARD_ALL Z:I 1 Z:I 2 D:shared C:SELECT_1 Z:I".split()
        assert w.script(bind([], "d"), execute(), sync()) == "2 D:shared C:SELECT_1 Z:I"
        if not proxy.direct:
            assert other.script(bind([], "o"), execute(), sync()) == "2 D:shared C:SELECT_1 Z:I"


def test_room_is_made_behind_an_error(forebay):
    """With all statements of the server in use, a Parse behind an error and before its Sync."""
    with forebay(pool={"size": 1, "max_prepared_statements": 1}).wire(timeout=5) as w:
        w.script(parse("select 1", "a"), sync())
        w.send(parse("nonsense"), wire.flush())
        w.receive_until("E")
        assert w.script(parse("select 2", "b"), bind([], "b"), sync()) == "Z:I"
        assert w.script(bind([], "a"), execute(), sync()) == "2 D:1 C:SELECT_1 Z:I"


@pytest.mark.proxy
def test_what_is_left_of_a_copy_keeps_no_server(forebay, table):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as w, proxy.wire(timeout=5) as other:
        w.send(query("copy items from stdin"))
        w.receive_until("G")
        front, rest = in_two(copy_data("ignored\n" * 12_000))
        w.send(copy_data("not a row\n"), front)
        w.until_ready()
        w.send(rest, copy_done())
        time.sleep(0.2)
        assert other.value("select 1") == "1"
        assert w.value("select 2") == "2"


@pytest.mark.proxy
@pytest.mark.parametrize("how", ["timeout", "cancel", "kill"])
def test_leaving_the_queue_with_much_sent(forebay, how):
    """A session that reads no more because it has kept enough is held by the queue alone."""
    proxy = forebay(pool={"size": 1, "checkout_timeout": "500ms" if how == "timeout" else "30s"})
    with proxy.wire() as holder:
        holder.run("begin")
        for _ in range(5):
            with proxy.wire() as w:
                w.send(parse("select $1"), *[bind(["x" * 1000])] * 40, sync())
                eventually(lambda: proxy.pool()["cl_waiting"] == 1)
                if how == "cancel":
                    proxy.cancel(w)
                elif how == "kill":
                    proxy.console(f"KILL_CLIENT {w.pid}")
                first = w.receive()
                assert first.fields["C"] == {"timeout": "53300", "cancel": "57014", "kill": "57P01"}[how]
            eventually(lambda: proxy.pool()["cl_waiting"] == 0)
        holder.run("commit")
        with proxy.wire() as w:
            assert w.value("select 1") == "1"


@pytest.mark.parametrize("how", ["reset all", "discard all", "reset timezone"])
def test_startup_settings_come_back(forebay, how):
    with forebay(pool={"size": 2}).wire(TimeZone="Asia/Tokyo", options="-c search_path=pg_catalog -c work_mem=5MB") as w:
        w.run("set timezone = 'Europe/Paris'")
        w.run("set work_mem = '7MB'")
        w.run(how)
        for _ in range(3):
            assert w.value("show timezone") == "Asia/Tokyo"
            assert w.value("show search_path") == "pg_catalog"
            assert w.value("show work_mem") == ("7MB" if how == "reset timezone" else "5MB")


def test_reset_of_one_setting_leaves_the_others(forebay):
    with forebay(pool={"size": 2}).wire(options="-c search_path=pg_catalog -c work_mem=5MB") as w:
        w.run("set search_path = public")
        w.run("set work_mem = '7MB'")
        w.run("reset work_mem")
        w.run("reset lock_timeout")
        for _ in range(3):
            assert w.value("show search_path") == "public"
            assert w.value("show work_mem") == "5MB"


@pytest.mark.proxy
@pytest.mark.parametrize("sql", ["set /* local */ search_path = nowhere", "create /* a comment */ temp table leak (a int)",
                                 "create temp table leak (a int); create temp table gone (a int) on commit drop"])
def test_nothing_leaks_whatever_the_comments(forebay, sql):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as w:
        w.run(sql)
    with proxy.wire() as other:
        assert other.value("show search_path") != "nowhere"
        assert other.value("select count(*) from pg_class where relname = 'leak'") == "0"


@pytest.mark.proxy
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_what_was_sent_behind_discard_all_does_not_stay(forebay, mode):
    """Its client goes before any of it is answered."""
    proxy = forebay(pool={"size": 1, "mode": mode})
    with proxy.wire() as w:
        w.run("select 1")
        w.send(query("select count(*) from generate_series(1, 300000)"), query("discard all"), query("create temp table left_over (a int)"))
        w.reset()
    with proxy.wire() as w:
        assert w.value("select to_regclass('pg_temp.left_over') is null") == "t"


@pytest.mark.proxy
def test_a_database_that_a_reload_took_away_costs_no_logins(forebay, cluster):
    databases = [{"name": "app", "cluster": "main"}, {"name": "sales", "cluster": "main", "dbname": "other"}]
    proxy = forebay(databases=databases)
    with proxy.wire(dbname="sales", timeout=5) as w:
        assert w.value("select current_database()") == "other"
        proxy.write_config(databases=databases[:1])
        proxy.console("RELOAD")
        with pytest.raises(wire.ServerError) as raised:
            w.run("select 1")
        assert raised.value.code == "57P01"
        eventually(lambda: cluster.sql("select count(*) as n from pg_stat_activity where datname = 'other'")[0]["n"] == 0)


@pytest.mark.proxy
def test_a_grant_and_its_time_out_at_once(forebay):
    """Time-outs about as long as the wait: now and then a server is on its way to who has just given up."""
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as w:
        w.run("select 1")  # from here on clients log in without a server
    proxy.write_config(pool={"checkout_timeout": "3ms"})
    proxy.console("RELOAD")

    def work(_):
        with proxy.wire() as w:
            for _ in range(300):
                try:
                    assert w.value("select 1 from pg_sleep(0.001)") == "1"
                except wire.ServerError as e:
                    assert e.code == "53300"

    run_threads(24, work)


def test_copy_behind_a_reset_in_one_transaction(forebay, table):
    with forebay().wire() as w:
        w.run("begin; reset work_mem")
        w.send(query("copy items from stdin"), copy_data("77\tcopied\n"), copy_done())
        assert [m.kind for m in w.until_ready()] == ["G", "C", "Z"]
        w.run("commit")
        assert w.value("select name from items where id = 77") == "copied"


def test_a_savepoint_in_a_text_too_large_to_be_read(forebay):
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as a, proxy.wire() as b:
        a.run("begin; set work_mem = '7MB'; savepoint s")
        a.run("rollback to s; select '" + "x" * 20_000 + "'")
        a.run("commit")
        assert a.value("show work_mem") == "7MB"
        for _ in range(3):
            assert b.value("show work_mem") == "4MB"
