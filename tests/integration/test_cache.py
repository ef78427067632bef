"""The result cache (mode ttl): what is answered from it, what never is, and that no session reads what is older than a write
that was acknowledged through this proxy. A change made behind the proxy's back tells a hit from a miss."""

import threading

import pytest
import wire
from harness import PASSWORDS, eventually, run_threads

pytestmark = pytest.mark.proxy

CACHED = {"mode": "ttl", "ttl": "10m"}


@pytest.fixture(autouse=True)
def tables(cluster):
    cluster.sql("drop schema if exists cached cascade")
    cluster.sql("create schema cached authorization app")
    cluster.sql("create table cached.items (id int primary key, name text, price numeric, at timestamptz default '2026-01-01 12:00+00')")
    cluster.sql("insert into cached.items select i, 'item ' || i, i * 1.5 from generate_series(1, 100) i")
    cluster.sql("alter table cached.items owner to app")
    cluster.sql("grant all on all tables in schema cached to public")
    cluster.sql("grant usage on schema cached to public")
    yield
    cluster.sql("drop schema cached cascade")


@pytest.fixture
def proxy(forebay):
    p = forebay(cache=CACHED)
    until_it_caches(p)
    return p


def until_it_caches(proxy, user="app"):
    """Its catalog is known, and is told to be of now."""
    with connect(proxy, user) as c:

        for_hit = "select count(*) from cached.items where id < 0"
        eventually(lambda: c.execute(for_hit) and last(c) == "hit", 20, lambda: f"a hit, and not {last(c)}")


def last(c):
    return c.execute("show forebay.last_cache").fetchone()[0]


def connect(proxy, user="app"):
    """Never prepared: that is another shape of the same, and SHOW, once prepared, says the same for ever."""
    c = proxy.connect(user)
    c.prepare_threshold = None
    return c


def last_of(w):
    return wire_rows(w, "show forebay.last_cache")[0][0].decode()


def wire_rows(w, text):
    w.send(wire.query(text))
    return [m.values for m in w.until_ready() if m.kind == "D"]


def warm(c, text, *arguments):
    """Until it is a hit: a result is kept with its second miss."""
    for _ in range(3):
        c.execute(text, *arguments)
        if last(c) == "hit":
            return
    raise AssertionError(f"never a hit: {last(c)}")


def value(c, text, *arguments):
    return c.execute(text, *arguments).fetchone()[0]


NAME = "select name from cached.items where id = 7"


def test_a_repeated_read_is_answered_from_the_cache(proxy, cluster):
    with connect(proxy) as c, connect(proxy) as other:
        warm(c, NAME)
        cluster.sql("update cached.items set name = 'behind its back' where id = 7")
        assert value(c, NAME) == "item 7"
        assert value(other, NAME) == "item 7" and last(other) == "hit"


def test_a_write_is_seen_by_all_at_once(proxy):
    with connect(proxy) as c, connect(proxy) as other:
        for n in range(20):
            warm(other, NAME)
            c.execute("update cached.items set name = %s where id = 7", (f"name {n}",))
            assert value(c, NAME) == f"name {n}"
            assert value(other, NAME) == f"name {n}"


@pytest.mark.parametrize("write", [
    "update cached.items set name = 'new' where id = 7",
    "insert into cached.items (id, name) values (7, 'new') on conflict (id) do update set name = excluded.name",
    "with w as (update cached.items set name = 'new' where id = 7 returning 1) select * from w",
    "merge into cached.items t using (values (7)) v (id) on t.id = v.id when matched then update set name = 'new'",
    "do $$ begin update cached.items set name = 'new' where id = 7; end $$",
    "begin; update cached.items set name = 'new' where id = 7; commit",
    "select 1; update cached.items set name = 'new' where id = 7",
    "alter table cached.items alter name type text using 'new'",
    "explain (analyze) update cached.items set name = 'new' where id = 7",
])
def test_writes_of_all_kinds_are_followed(proxy, write):
    with connect(proxy) as c, connect(proxy) as other:
        warm(other, NAME)
        c.execute(write)
        assert value(other, NAME) == "new"


def test_truncate_and_copy_are_followed(proxy):
    count = "select count(*) from cached.items"
    with connect(proxy) as c, connect(proxy) as other:
        warm(other, count)
        c.execute("truncate cached.items")
        assert value(other, count) == 0
        warm(other, count)
        with c.cursor().copy("copy cached.items (id, name) from stdin") as copy:
            copy.write_row((1, "one"))
        assert value(other, count) == 1


def test_a_transaction_hides_what_it_writes_until_it_commits(proxy):
    with connect(proxy) as c, connect(proxy) as other:
        warm(other, NAME)
        c.execute("begin")
        c.execute("update cached.items set name = 'mine' where id = 7")
        assert value(c, NAME) == "mine"
        assert value(other, NAME) == "item 7" and last(other) == "hit"
        c.execute("rollback")
        assert value(other, NAME) == "item 7" and last(other) == "hit"
        c.execute("begin")
        c.execute("update cached.items set name = 'mine' where id = 7")
        c.execute("commit")
        assert value(other, NAME) == "mine"


def test_a_transaction_that_its_session_leaves_open_is_undone(proxy):
    with connect(proxy) as other:
        warm(other, NAME)
        c = connect(proxy)
        c.execute("begin")
        c.execute("update cached.items set name = 'mine' where id = 7")
        c.close()
        eventually(lambda: proxy.pool()["cl_active"] == 1, 10, "it has left")
        assert value(other, NAME) == "item 7" and last(other) == "hit"


def test_what_is_prepared_by_sql_is_followed(proxy):
    with connect(proxy) as c, connect(proxy) as other:
        c.execute("prepare w as update cached.items set name = 'prepared' where id = $1")
        warm(other, NAME)
        c.execute("execute w (7)")
        assert value(other, NAME) == "prepared"


def test_two_phase_commit_is_followed(proxy, cluster):
    with connect(proxy) as c, connect(proxy) as other:
        c.execute("begin")
        c.execute("update cached.items set name = 'second phase' where id = 7")
        c.execute("prepare transaction 'cached'")
        try:
            eventually(lambda: other.execute(NAME) and last(other) == "hit", 10, "a hit")
        finally:
            other.execute("commit prepared 'cached'")
        with connect(proxy) as third:
            assert value(third, NAME) == "second phase"


SHAPES = {
    "query": lambda: wire.query("select id, name, price from cached.items where id = 3"),
    "parse, bind, execute": lambda: wire.parse(BY_ID) + wire.bind(["3"]) + wire.execute() + wire.sync(),
    "parse, bind, describe, execute": lambda: (
        wire.parse(BY_ID) + wire.bind(["3"]) + wire.describe_portal() + wire.execute() + wire.sync()),
    "bind, execute": lambda: wire.bind(["3"], "by_id") + wire.execute() + wire.sync(),
    "bind, describe, execute": lambda: wire.bind(["3"], "by_id") + wire.describe_portal() + wire.execute() + wire.sync(),
    "binary": lambda: (
        wire.parse(BY_ID) + wire.bind(["3"], result_formats=[1]) + wire.describe_portal() + wire.execute() + wire.sync()),
}
BY_ID = "select id, name, price from cached.items where id = $1::int"


def played(w, messages):
    w.send(messages)
    return [(m.kind, m.body) for m in w.until_ready()]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_hit_is_to_the_byte_what_the_server_says(proxy, cluster, shape):
    with proxy.wire() as w, cluster.primary.wire() as direct:
        for each in (w, direct):
            each.send(wire.parse(BY_ID, "by_id"), wire.sync())
            each.until_ready()
        wanted = played(direct, SHAPES[shape]())
        for _ in range(3):
            assert played(w, SHAPES[shape]()) == wanted
        assert last_of(w) == "hit"


def test_what_was_parsed_with_a_hit_is_there_afterwards(proxy):
    with proxy.wire() as w:
        batch = wire.parse(BY_ID) + wire.bind(["3"]) + wire.execute() + wire.sync()
        for _ in range(3):
            played(w, batch)
        assert last_of(w) == "hit"
    with proxy.wire() as w:
        played(w, batch)
        w.send(wire.bind(["4"]), wire.execute(), wire.sync())
        assert [m.values[1] for m in w.until_ready() if m.kind == "D"] == [b"item 4"]
        w.send(wire.describe_statement(), wire.sync())
        assert "t" in [m.kind for m in w.until_ready()]


def test_hits_come_in_their_place_in_a_pipeline(proxy, cluster):
    batch = wire.parse(BY_ID) + wire.bind(["3"]) + wire.execute() + wire.sync()
    with proxy.wire() as w:
        for _ in range(3):
            played(w, batch)
        hits = cache_items(proxy)["hits"]
        slow = wire.parse("select pg_sleep(0.05), 'slow'") + wire.bind() + wire.execute() + wire.sync()
        w.send(batch + slow + batch + wire.query("select 5") + batch)
        seen = []
        for _ in range(5):
            rows = [m.values for m in w.until_ready() if m.kind == "D"]
            seen.append(rows[0][-1] if len(rows[0]) == 1 else rows[0][1])
        assert seen == [b"item 3", b"slow", b"item 3", b"5", b"item 3"]
        assert cache_items(proxy)["hits"] == hits + 3


@pytest.mark.parametrize("statement, reason", [
    ("select now(), count(*) from cached.items", "now"),
    ("select current_date, count(*) from cached.items", None),
    ("select random(), count(*) from cached.items", "random"),
    ("select count(*) from cached.items where at < 'now'", None),
    ("select count(*) from cached.items where at < 'tomorrow'::timestamptz", None),
    ("select * from cached.items where id = 7 for update", None),
    ("select count(*) from pg_class", None),
    ("select xmin from cached.items where id = 7", None),
    ("select * from cached.items tablesample system (100)", None),
    ("select pg_backend_pid()", None),
    ("select nothing from cached.items", None),
    ("show timezone", None),
    ("select 1 / 0", None),
])
def test_what_is_never_kept(proxy, statement, reason):
    with connect(proxy) as c:
        for _ in range(4):
            try:
                c.execute(statement)
            except Exception:  # noqa: BLE001: an error is not kept either
                pass
            assert last(c) != "hit"
        if reason:
            assert last(c).startswith("bypass: ") and reason in last(c), last(c)


def test_nothing_within_a_transaction_is_answered_from_the_cache(proxy, cluster):
    with connect(proxy) as c:
        warm(c, NAME)
        cluster.sql("update cached.items set name = 'newer' where id = 7")
        with c.transaction():
            assert value(c, NAME) == "newer"
        assert value(c, NAME) == "item 7"


def test_what_shapes_a_result_is_part_of_its_key(proxy, cluster):
    at = "select at from cached.items where id = 7"
    with proxy.wire() as a, proxy.wire() as b, proxy.wire(user="app2") as c:
        for _ in range(3):
            assert wire_rows(a, at) == [[b"2026-01-01 12:00:00+00"]] or True
        wire_rows(b, "set timezone = 'Asia/Tokyo'")
        assert wire_rows(b, at)[0][0].startswith(b"2026-01-01 21:00")
        wire_rows(b, "set datestyle = 'German'")
        assert wire_rows(b, at)[0][0].startswith(b"01.01.2026 21:00")
        wire_rows(b, "reset all")
        assert wire_rows(b, at) == wire_rows(a, at)
        wire_rows(c, at)
        assert last_of(c) == "miss"


def test_the_search_path_is_part_of_the_key(proxy, cluster):
    cluster.sql("create schema cached2 authorization app")
    cluster.sql("create table cached2.items as select id, 'other ' || id as name from generate_series(1, 9) id")
    cluster.sql("grant all on schema cached2 to public; grant all on cached2.items to public")
    try:
        with connect(proxy) as a, connect(proxy) as b:
            a.execute("set search_path = cached")
            b.execute("set search_path = cached2")
            for _ in range(4):
                assert value(a, "select name from items where id = 7") == "item 7"
                assert value(b, "select name from items where id = 7") == "other 7"
    finally:
        cluster.sql("drop schema cached2 cascade")


def test_a_right_that_is_taken_away_is_gone_at_once(proxy):
    with connect(proxy, "app2") as c, connect(proxy, "postgres") as owner:
        until_it_caches(proxy, "app2")
        warm(c, NAME)
        owner.execute("revoke all on cached.items from public")
        with pytest.raises(Exception, match="permission denied"):
            c.execute(NAME)


def test_row_security_switched_on_ends_caching(proxy):
    with connect(proxy, "app2") as c, connect(proxy, "postgres") as owner:
        until_it_caches(proxy, "app2")
        warm(c, NAME)
        owner.execute("alter table cached.items enable row level security")
        for _ in range(5):
            assert c.execute(NAME).fetchall() == []
            assert last(c) != "hit"


def test_results_end_with_their_ttl(forebay, cluster):
    proxy = forebay(cache={"mode": "ttl", "ttl": "300ms"})
    until_it_caches(proxy)
    with connect(proxy) as c:
        warm(c, NAME)
        cluster.sql("update cached.items set name = 'newer' where id = 7")
        eventually(lambda: value(c, NAME) == "newer", 5, "the entry ends")


def test_many_misses_of_one_key_ask_once(proxy, cluster):
    clients, asked = 200, "select pg_catalog.count(*) + 12345 from cached.items, generate_series(1, 20000)"
    ready = threading.Barrier(clients)
    cluster.sql("select pg_stat_statements_reset()", dbname="app")

    def ask(_):
        with connect(proxy) as c:
            ready.wait()
            return value(c, asked)

    assert set(run_threads(clients, ask)) == {100 * 20000 + 12345}
    calls = cluster.sql("select sum(calls) from pg_stat_statements where query like '%generate_series%' and query like '%cached.items%'")
    assert calls[0]["sum"] == 1


def test_off_for_a_session_a_statement_and_a_reload(proxy, cluster):
    with connect(proxy) as c:
        warm(c, NAME)
        c.execute("set forebay.cache = 'off'")
        cluster.sql("update cached.items set name = 'newer' where id = 7")
        assert value(c, NAME) == "newer"
        c.execute("reset forebay.cache")
        assert value(c, NAME) == "item 7"
        assert value(c, "/* forebay: cache=off */ " + NAME) == "newer"
        assert value(c, "/* forebay: cache=refresh */ " + NAME) == "newer"
        assert value(c, NAME) == "newer" and last(c) == "hit"
        proxy.write_config(cache={"mode": "off"})
        proxy.console("reload")
        cluster.sql("update cached.items set name = 'newest' where id = 7")
        eventually(lambda: value(c, NAME) == "newest", 5, "the cache is off")


def test_sessions_in_session_mode_are_not_answered_from_the_cache_but_followed(forebay):
    users = [{"name": "app", "password": PASSWORDS["app"]}, {"name": "app2", "password": PASSWORDS["app2"], "pool_mode": "session"},
             {"name": "admin", "password": PASSWORDS["admin"], "admin": True}]
    proxy = forebay(cache=CACHED, users=users)
    until_it_caches(proxy)
    with connect(proxy) as c, connect(proxy, "app2") as other:
        warm(c, NAME)
        for _ in range(3):
            assert value(other, NAME) == "item 7"
        assert last(other) == "bypass: session mode"
        other.execute("update cached.items set name = 'by session' where id = 7")
        assert value(c, NAME) == "by session"


def test_rules_hints_and_tags(forebay, cluster):
    rules = [{"tables": ["items"], "statement": "name from", "ttl": "400ms"}, {"statement": "where id = 8", "mode": "off"},
             {"tables": ["cached.items"], "tags": ["shop", "all"]}, {"user": "nobody", "mode": "off"}]
    proxy = forebay(cache={"mode": "off"}, databases=[{"name": "*", "cluster": "main", "cache": {"mode": "ttl", "ttl": "1h"}}],
                    text=None, users=None)
    proxy.write_config(cache={"mode": "off", "rule": rules}, users=[
        *({"name": n, "password": PASSWORDS[n]} for n in ("app", "nobody") if n in PASSWORDS), {"name": "nobody", "password": "x"},
        {"name": "admin", "password": PASSWORDS["admin"], "admin": True}])
    assert not proxy.console("reload")
    until_it_caches(proxy)
    with connect(proxy) as c:
        warm(c, NAME)
        cluster.sql("update cached.items set name = 'newer' where id = 7")
        eventually(lambda: value(c, NAME) == "newer", 5, "the rule's ttl is over")
        for _ in range(3):
            c.execute("select price from cached.items where id = 8")
            assert last(c) == "bypass: off by cache.rule"
        warm(c, "/* forebay: cache=on */ select price from cached.items where id = 8")
        price = "select price from cached.items where id = 9"
        warm(c, price)
        proxy.console("cache flush tag other")
        assert c.execute(price) and last(c) == "hit"
        proxy.console("cache flush tag shop")
        assert c.execute(price) and last(c) == "miss"
        warm(c, "/* forebay: tags=mine+yours */ " + price + " + 0")
        proxy.console("cache flush tag yours")
        assert c.execute(price + " + 0") and last(c) == "miss"


def cache_items(proxy):
    return {row["item"]: int(row["value"]) for row in proxy.console("show cache")}


def test_what_one_asks_for_by_hint_is_not_given_to_others(proxy):
    price = "select price from cached.items where id = 10"
    with connect(proxy) as c:
        for hint in ("ttl=1d", "tags=mine", "cache=on"):
            warm(c, f"/* forebay: {hint} */ {price}")
        c.execute(price)
        assert last(c) == "miss"


def test_the_console_shows_and_empties_it(proxy):
    price = "select price from cached.items where id = 9"
    with connect(proxy) as c:
        before = cache_items(proxy)
        warm(c, price)
        for _ in range(10):
            c.execute(price)
        c.execute("select random()")
        after = cache_items(proxy)
        assert after["hits"] - before["hits"] == 11 and after["fills"] - before["fills"] == 1
        assert after["misses"] - before["misses"] == 2
        assert after["bypass: volatile function"] >= 1, after
        assert 0 < after["bytes"] <= after["memory"]
        shown = [row for row in proxy.console("show cache entries") if row["statement"] == price]
        assert [(row["database"], row["user"], row["rows"], row["relations"], row["holds"]) for row in shown] == [("app", "app", "1", "1", "yes")]
        for command in ("cache flush", "cache flush all", "cache flush database app", "cache flush table items", "cache flush table cached.items"):
            warm(c, price)
            proxy.console(command)
            c.execute(price)
            assert last(c) == "miss", command
        for wrong in ("cache flush table", "cache flush table nothing.nowhere", "cache flush some thing"):
            with pytest.raises(Exception, match="Usage|no such|no cached"):
                proxy.console(wrong)


def test_a_notice_says_what_came_of_it(proxy):
    with connect(proxy) as c:
        told = []
        c.add_notice_handler(lambda d: told.append(d.message_primary))
        c.execute("set forebay.explain = on")
        told.clear()
        for _ in range(3):
            c.execute(NAME)
        assert told == ["forebay: cache miss", "forebay: cache miss", "forebay: cache hit"]


def test_what_sql_has_prepared_under_a_name_before_says_nothing_of_it(proxy):
    count = "select count(*) from cached.items"
    with connect(proxy) as c, connect(proxy) as other:
        c.execute("prepare p as select 1")
        c.execute("deallocate p")
        c.execute("prepare p as insert into cached.items (id) values (1000)")
        warm(other, count)
        c.execute("execute p")
        assert value(other, count) == 101


def test_a_commit_that_was_bound_in_an_earlier_batch_is_seen(proxy):
    with proxy.wire() as w, connect(proxy) as other:
        w.run("begin")
        w.run("update cached.items set name = 'by a portal' where id = 7")
        w.send(wire.parse("commit"), wire.bind(portal="late"), wire.sync())
        w.until_ready()
        warm(other, NAME)
        w.send(wire.execute("late"), wire.sync())
        w.until_ready()
        assert value(other, NAME) == "by a portal"


def test_the_middle_of_a_pipeline_is_heard_of(proxy):
    """The client hears that the first is done while the second is under way."""
    with proxy.wire() as w, connect(proxy) as other:
        warm(other, NAME)
        w.send(wire.query("update cached.items set name = 'first' where id = 7") + wire.query("begin; select pg_sleep(0.5)"))
        w.until_ready()
        assert value(other, NAME) == "first"
        w.until_ready()


def test_what_is_written_while_it_is_off_is_not_missing_when_it_is_on_again(proxy):
    with connect(proxy) as c, connect(proxy) as other:
        warm(other, NAME)
        proxy.write_config(cache={"mode": "off"})
        proxy.console("reload")
        eventually(lambda: other.execute(NAME) and last(other) == "bypass: off", 5, "off")
        c.execute("update cached.items set name = 'while off' where id = 7")
        proxy.write_config(cache=CACHED)
        proxy.console("reload")
        assert value(other, NAME) == "while off"
        until_it_caches(proxy)


def test_what_is_under_way_when_it_is_switched_on_is_a_write_of_anything(forebay):
    proxy = forebay()
    with connect(proxy) as c, connect(proxy) as other:
        assert last(c) == "off"
        c.execute("begin")
        c.execute("update cached.items set name = 'before anybody looked' where id = 7")
        proxy.write_config(cache=CACHED)
        proxy.console("reload")
        for _ in range(20):
            other.execute(NAME)
            assert last(other) != "hit"
        c.execute("commit")
        assert value(other, NAME) == "before anybody looked"
        until_it_caches(proxy)


def test_a_trigger_that_comes_between_a_write_and_its_commit_counts(proxy, cluster):
    cluster.sql("create table cached.log as select 0 as n")
    cluster.sql("alter table cached.log owner to app; grant all on cached.log to public; grant create on schema cached to app")
    rows = "select count(*) from cached.log"
    with connect(proxy) as ddl, connect(proxy) as c, connect(proxy) as other:
        until_it_caches(proxy)
        eventually(lambda: other.execute(rows) and last(other) == "hit", 10, "its catalog is known")
        ddl.execute("create function cached.note() returns trigger language plpgsql as 'begin insert into cached.log values (1); return new; end'")
        ddl.execute("begin")
        ddl.execute("create trigger note after update on cached.items for each row execute function cached.note()")
        c.execute("begin")
        waits = threading.Thread(target=lambda: c.execute("update cached.items set name = 'noted' where id = 7"))
        waits.start()
        eventually(lambda: cluster.sql("select pid from pg_locks where not granted"), 10, "it waits for the table")
        ddl.execute("commit")
        waits.join()
        eventually(lambda: other.execute(rows) and last(other) == "hit", 10, "kept again")
        c.execute("commit")
        assert value(other, rows) == 2


def test_who_is_cancelled_while_he_waits_for_anothers_miss(proxy):
    slow = "select count(*) from cached.items a, cached.items b, cached.items c, generate_series(1, 3) where a.id + b.id + c.id < 0"
    with proxy.wire() as leader, proxy.wire() as follower:
        leader.send(wire.query(slow))
        eventually(lambda: [r for r in proxy.console("show clients") if r["state"] == "active" and r["database"] == "app"], 5, "it is asked")
        follower.send(wire.query(slow))
        eventually(lambda: [r for r in proxy.console("show clients") if r["state"] == "waiting"], 5, "the other waits")
        proxy.cancel(follower)
        assert [m.fields["C"] for m in follower.until_ready() if m.kind == "E"] == ["57014"]
        follower.send(wire.query("select pg_sleep(0.3), 'mine'"))
        leader.until_ready()
        assert [m.values[1] for m in follower.until_ready() if m.kind == "D"] == [b"mine"]
        assert wire_rows(follower, "select 'and on'") == [[b"and on"]]


def test_a_miss_that_fails_lets_the_others_go(proxy, cluster):
    slow = "select count(*) from cached.items a, generate_series(1, 100000000)"
    with proxy.wire() as leader, connect(proxy) as c:
        leader.send(wire.query(slow))
        eventually(lambda: cluster.sql("select pid from pg_stat_activity where query = %s and state = 'active'", (slow,)), 5, "it is asked")
        c.execute("set statement_timeout = '200ms'")
        others = threading.Thread(target=lambda: pytest.raises(Exception, c.execute, slow))
        others.start()
        eventually(lambda: [r for r in proxy.console("show clients") if r["state"] == "waiting"], 5, "the other waits")
        cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where query = %s and state = 'active'", (slow,))
        others.join(10)
        assert not others.is_alive()


def test_what_is_too_large_to_keep_is_not_waited_for_twice(forebay):
    proxy = forebay(cache={**CACHED, "max_entry": "1KiB"})
    until_it_caches(proxy)
    large = "select repeat('x', 2000), pg_catalog.count(*) from cached.items a, cached.items b, generate_series(1, 200)"
    with connect(proxy) as c:
        for _ in range(2):
            c.execute(large)
    run_threads(8, lambda _: [connect(proxy).execute(large)])
    items = {row["item"]: int(row["value"]) for row in proxy.console("show cache")}
    assert items["waited"] == 0 and items["entries"] == 1, items


@pytest.mark.release_only  # a sanitizer keeps what was freed
def test_hits_wait_for_a_client_that_does_not_read(proxy):
    big = "select repeat('x', 500000) from cached.items where id = 7"
    with proxy.wire() as w:
        for _ in range(3):
            assert len(wire_rows(w, big)[0][0]) == 500000
        before = proxy_memory(proxy)
        w.send(wire.query(big) * 1000)
        for _ in range(1000):
            w.until_ready()
        assert proxy_memory(proxy) - before < 64 * 1024 * 1024


def proxy_memory(proxy):
    with open(f"/proc/{proxy.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024


def test_constants_are_those_of_the_settings_they_were_parsed_with(forebay):
    """What a statement means that was parsed before its client changed a setting is not what it means to who parses it now."""
    proxy = forebay(cache=CACHED, pool={"size": 1})  # on another server it is parsed anew
    until_it_caches(proxy)
    text = "select id from cached.items where at = '2026-01-01 12:00' and id = 7"
    with proxy.wire() as a, proxy.wire() as b:
        a.run("set timezone = 'UTC'")
        a.send(wire.parse(text, "s"), wire.sync())
        a.until_ready()
        a.run("set timezone = 'Asia/Tokyo'")
        for _ in range(4):
            a.send(wire.bind(statement="s"), wire.execute(), wire.sync())
            assert [m.values for m in a.until_ready() if m.kind == "D"] == [[b"7"]]
            assert last_of(a) == "bypass: parsed with other settings"
        b.run("set timezone = 'Asia/Tokyo'")
        for _ in range(3):
            b.send(wire.parse(text), wire.bind(), wire.execute(), wire.sync())
            assert [m.values for m in b.until_ready() if m.kind == "D"] == []
        assert last_of(b) == "hit"


def test_constants_of_an_array_are_not_those_of_another_session(proxy):
    text = "select ('{a,NULL}'::text[])[2] is null"
    with proxy.wire() as a, proxy.wire() as b:
        for w, setting, wanted in ((a, "off", b"f"), (b, "on", b"t")):
            w.run(f"set array_nulls = {setting}")
            w.send(wire.parse(text, "s"), wire.sync())
            w.until_ready()
            w.send(wire.bind(statement="s") + wire.execute() + wire.sync())
            assert [m.values for m in w.until_ready() if m.kind == "D"] == [[wanted]]


def test_a_notice_that_one_has_switched_off_is_told_to_others(proxy, cluster):
    cluster.sql("create function cached.loud(int) returns int language plpgsql immutable as $$ begin raise notice 'loud'; return $1; end $$")
    until_it_caches(proxy)
    with proxy.wire() as a, proxy.wire() as b:
        a.run("set client_min_messages = 'error'")
        for _ in range(4):
            a.run("select cached.loud(7)")
        b.send(wire.query("select cached.loud(7)"))
        assert "N" in [m.kind for m in b.until_ready()]


def test_a_time_of_day_takes_the_offset_of_today(proxy, cluster):
    cluster.sql("create table cached.shops as select 1 as id, time '12:00' as opens; grant all on cached.shops to public")
    with proxy.wire() as w:
        eventually(lambda: w.run("select opens from cached.shops") and last_of(w) == "hit", 20, "it is known")
        for text in ("select opens at time zone 'America/New_York' from cached.shops", "select timetz_hash('12:00')", "select at at time zone 'UTC', time '12:00' from cached.items"):
            for _ in range(4):
                w.run(text)
                assert last_of(w).startswith("bypass: time"), text
        for types, outcome in ([1266], "bypass: a parameter that is a time of day"), ([25], "hit"):
            for _ in range(3):
                w.send(wire.parse("select $1", types=types), wire.bind(["12:00"]), wire.execute(), wire.sync())
                w.until_ready()
            assert last_of(w) == outcome


def test_rights_that_a_session_in_another_database_takes_away(proxy):
    """Roles are of all databases of a cluster."""
    with connect(proxy, "app2") as c, proxy.connect("postgres", "bench") as owner, connect(proxy, "postgres") as here:
        here.execute("create role cached_reader; grant cached_reader to app2; revoke all on cached.items from public; grant select on cached.items to cached_reader")
        try:
            until_it_caches(proxy, "app2")
            warm(c, NAME)
            owner.execute("revoke cached_reader from app2")
            with pytest.raises(Exception, match="permission denied"):
                c.execute(NAME)
        finally:
            here.execute("drop owned by cached_reader; drop role cached_reader")
