"""Few server connections for many clients: the limit is exact, the queue is fair, and nobody finds another's traces."""

import threading

import psycopg
import pytest

import wire
from harness import Background, eventually, run_threads


class Sampler:
    """The largest number of server connections of (app, dbname) seen while it runs."""

    def __init__(self, cluster, dbname, user="app"):
        self.cluster, self.dbname, self.user = cluster, dbname, user
        self.most, self.samples, self.stopping = 0, 0, False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with self.cluster.primary.connect("postgres") as c:
            while not self.stopping:
                (count,) = c.execute("select count(*) from pg_stat_activity where usename = %s and datname = %s",
                                     [self.user, self.dbname]).fetchone()
                self.most, self.samples = max(self.most, count), self.samples + 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join(10)


def no_servers_left_of_earlier_tests(cluster, dbname):
    eventually(lambda: not cluster.backends(dbname=dbname), 10, "servers of earlier tests are gone")


# ---- the limit ------------------------------------------------------------------------------------------------------


@pytest.mark.proxy
@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_fifty_tpcb_clients_over_five_servers(forebay, cluster, bench_tables, mode):
    no_servers_left_of_earlier_tests(cluster, "bench")
    proxy = forebay(pool={"size": 5}, general={"workers": 4})
    with Sampler(cluster, "bench") as sampler:
        out = proxy.pgbench("-n", "-M", mode, "-c", "50", "-j", "50", "-t", "40").stdout
    assert "number of transactions actually processed: 2000/2000" in out
    assert "number of failed transactions: 0 " in out
    assert sampler.samples > 20 and 1 <= sampler.most <= 5
    (sums,) = cluster.sql("select (select sum(abalance) from pgbench_accounts) a, (select sum(tbalance) from pgbench_tellers) t,"
                          " (select sum(bbalance) from pgbench_branches) b, (select coalesce(sum(delta), 0) from pgbench_history) h", dbname="bench")
    assert len(set(sums.values())) == 1, sums
    proxy.quiet("bench")


@pytest.mark.proxy
@pytest.mark.slow(120)
def test_five_hundred_clients_are_all_served(forebay, cluster, bench_tables):
    no_servers_left_of_earlier_tests(cluster, "bench")
    proxy = forebay(pool={"size": 5}, general={"workers": 4})
    with Sampler(cluster, "bench") as sampler:
        # -t: each single client must do its transactions, so a starved one would be seen.
        out = proxy.pgbench("-n", "-S", "-c", "500", "-j", "4", "-t", "20", seconds=100).stdout
    assert "number of transactions actually processed: 10000/10000" in out
    assert sampler.most <= 5
    proxy.quiet("bench")


@pytest.mark.proxy
def test_the_limit_holds_while_clients_come_and_go(forebay, cluster, bench_tables):
    no_servers_left_of_earlier_tests(cluster, "bench")
    proxy = forebay(pool={"size": 3, "server_lifetime": "1s"}, general={"workers": 4})
    with Sampler(cluster, "bench") as sampler:
        proxy.pgbench("-n", "-S", "-C", "-c", "30", "-j", "4", "-T", "3")
    assert 1 <= sampler.most <= 3


@pytest.mark.proxy
def test_pool_size_by_database_and_user(forebay, cluster):
    proxy = forebay(pool={"size": 10}, databases=[{"name": "other", "cluster": "main", "pool_size": 2}, {"name": "*", "cluster": "main"}],
                    users=[{"name": "app", "password": "app-secret"}, {"name": "app2", "password": "app2-secret", "pool_size": 1},
                           {"name": "admin", "password": "admin-secret", "admin": True}])
    no_servers_left_of_earlier_tests(cluster, "other")
    for user, dbname, most in (("app", "other", 2), ("app2", "app", 1)):
        with Sampler(cluster, dbname, user) as sampler:
            run_threads(12, lambda _, u=user, d=dbname: proxy.connect(u, d).execute("select pg_sleep(0.05)"))
        assert sampler.most == most


@pytest.mark.proxy
def test_connections_of_a_node_are_limited_over_all_pools(forebay, cluster):
    node = {"host": cluster.primary.host, "port": cluster.primary.port, "role": "primary", "max_connections": 3}
    proxy = forebay(pool={"size": 3}, nodes=[node])
    most, stop = [0], threading.Event()

    def sample():
        with cluster.primary.connect("postgres") as c:
            while not stop.is_set():
                (count,) = c.execute("select count(*) from pg_stat_activity where usename in ('app', 'app2') and datname = 'app'").fetchone()
                most[0] = max(most[0], count)

    eventually(lambda: not cluster.backends() and not cluster.backends(user="app2"), 10)
    sampler = Background(sample)
    try:
        def work(n):
            with proxy.connect("app" if n % 2 else "app2") as c:
                for _ in range(20):
                    c.execute("select pg_sleep(0.002)")
        run_threads(12, work)  # each pool must get connections from the other again and again
    finally:
        stop.set()
        sampler.result()
    assert 1 <= most[0] <= 3


@pytest.mark.proxy
def test_clients_take_turns_on_one_server(forebay):
    proxy = forebay(pool={"size": 1}, general={"workers": 4})
    clients = [proxy.wire() for _ in range(8)]
    pids = {w.value("select pg_backend_pid()") for _ in range(5) for w in clients}
    assert len(pids) == 1
    for w in clients:
        w.close()


@pytest.mark.proxy
def test_the_queue_is_first_come_first_served(forebay, cluster):
    cluster.sql("drop sequence if exists turns; create sequence turns; grant all on turns to public")
    proxy = forebay(pool={"size": 1}, general={"workers": 4})
    holder = proxy.wire()
    holder.run("begin")
    waiters = []
    for n in range(8):
        w = proxy.wire()
        w.send(wire.query("select nextval('turns')"))
        waiters.append(w)
        eventually(lambda n=n: proxy.pool()["cl_waiting"] == n + 1, what="one more waits")
    assert proxy.pool()["maxwait_us"] + proxy.pool()["maxwait"] * 1000000 > 0
    holder.run("commit")
    turns = [[m for m in w.until_ready() if m.kind == "D"][0].values[0] for w in waiters]
    assert turns == [str(n + 1).encode() for n in range(8)]
    for w in [*waiters, holder]:
        w.close()
    cluster.sql("drop sequence turns")
    proxy.quiet()


@pytest.mark.proxy
def test_checkout_timeout(forebay):
    proxy = forebay(pool={"size": 1, "checkout_timeout": "300ms"})
    with proxy.wire() as holder, proxy.wire() as waiter:
        holder.run("begin")
        with pytest.raises(wire.ServerError) as raised:
            waiter.run("select 1")
        assert raised.value.code == "53300"
        waiter.send(wire.parse("select 1"), wire.bind(), wire.execute(), wire.sync())
        assert wire.transcript(waiter.until_ready()) == "E:53300 Z:I"
        holder.run("commit")
        assert waiter.value("select 2") == "2"


@pytest.mark.proxy
def test_a_waiting_client_may_leave(forebay):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as holder:
        holder.run("begin")
        leavers = [proxy.wire() for _ in range(5)]
        for w in leavers:
            w.send(wire.query("select 1"))
        eventually(lambda: proxy.pool()["cl_waiting"] == 5)
        for w in leavers:
            w.reset()
        eventually(lambda: proxy.pool()["cl_waiting"] == 0)
        holder.run("commit")
        with proxy.wire() as other:
            assert other.value("select 1") == "1"
    proxy.quiet()


@pytest.mark.proxy
def test_idle_servers_are_closed_in_time_and_opened_again(forebay, cluster):
    no_servers_left_of_earlier_tests(cluster, "other")
    proxy = forebay(pool={"size": 5, "server_idle_timeout": "1s"})
    with proxy.wire(dbname="other") as w:
        first = w.value("select pg_backend_pid()")
        eventually(lambda: not cluster.backends(dbname="other"), 10, "the idle server is closed")
        assert w.value("select pg_backend_pid()") != first


@pytest.mark.proxy
def test_servers_are_renewed_after_their_lifetime(forebay, cluster):
    proxy = forebay(pool={"size": 1, "server_lifetime": "1s"})
    with proxy.wire() as w:
        first = w.value("select pg_backend_pid()")
        eventually(lambda: w.value("select pg_backend_pid()") != first, 10, "another server")
        w.run("begin")  # not within a transaction
        pid = w.value("select pg_backend_pid()")
        w.run("select pg_sleep(1.5)")
        assert w.value("select pg_backend_pid()") == pid
        w.run("commit")


@pytest.mark.proxy
def test_min_size_is_kept(forebay, cluster):
    no_servers_left_of_earlier_tests(cluster, "other")
    forebay(pool={"size": 5, "min_size": 3},
            databases=[{"name": "other", "cluster": "main", "user": "app", "password": "app-secret"}, {"name": "*", "cluster": "main"}])
    eventually(lambda: len(cluster.backends(dbname="other")) == 3, 10, "three servers without any client")
    (victim, *_) = cluster.backends(dbname="other")
    cluster.sql("select pg_terminate_backend(%s)", [victim["pid"]])
    eventually(lambda: len(cluster.backends(f"pid <> {victim['pid']}", dbname="other")) == 3, 10, "the lost one is replaced")


# ---- pool modes -----------------------------------------------------------------------------------------------------


def test_a_transaction_keeps_its_server(forebay):
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as a, proxy.wire() as b:
        a.run("begin")
        pid = a.value("select pg_backend_pid()")
        for _ in range(10):
            assert b.value("select pg_backend_pid()") != pid
            assert a.value("select pg_backend_pid()") == pid
        a.run("rollback")


@pytest.mark.proxy
def test_session_mode(forebay):
    proxy = forebay(pool={"size": 1, "mode": "session"})
    first = proxy.wire()
    pid = first.value("select pg_backend_pid()")
    first.run("create temp table mine (a int); set work_mem = '77MB'; prepare p as select 1; listen somebody; select pg_advisory_lock(42)")
    assert first.value("show work_mem") == "77MB"
    second = Background(lambda: proxy.wire().run(
        "select pg_backend_pid(), to_regclass('mine'), current_setting('work_mem'), (select count(*) from pg_prepared_statements),"
        " (select count(*) from pg_locks where locktype = 'advisory'), (select count(*) from pg_listening_channels())")[0])
    eventually(lambda: proxy.pool()["cl_waiting"] == 1)
    assert first.value("select count(*) from mine") == "0"
    first.send(wire.terminate())
    row = second.result()
    assert row[1:] == [None, "4MB", "0", "0", "0"]
    assert row[0] == pid
    first.close()


@pytest.mark.proxy
def test_pool_mode_by_database_and_user(forebay):
    proxy = forebay(
        pool={"mode": "transaction"},
        databases=[{"name": "other", "cluster": "main", "pool_mode": "session"}, {"name": "*", "cluster": "main"}],
        users=[{"name": "app", "password": "app-secret"}, {"name": "app2", "password": "app2-secret", "pool_mode": "session"},
               {"name": "admin", "password": "admin-secret", "admin": True}])
    for user, dbname, mode in (("app", "app", "transaction"), ("app", "other", "session"), ("app2", "app", "session")):
        with proxy.wire(user, dbname) as w:
            w.run("select 1")
            row = proxy.pool(dbname, user)
            assert row["pool_mode"] == mode
            assert row["sv_active"] == (1 if mode == "session" else 0)


@pytest.mark.proxy
def test_statement_mode(forebay):
    proxy = forebay(pool={"mode": "statement", "size": 1})
    with proxy.wire() as a, proxy.wire() as b:
        assert a.value("select 1") == b.value("select 1") == "1"
        assert a.run("select 1; select 2") == [["1"], ["2"]]
        with pytest.raises((wire.ServerError, wire.Closed)):  # a transaction of several statements has no place here
            a.run("begin")
        assert b.value("select 1") == "1"
    proxy.quiet()


# ---- parameters -----------------------------------------------------------------------------------------------------

PROFILES = [
    {"application_name": "alpha", "TimeZone": "Europe/Berlin", "DateStyle": "German, DMY", "options": "-c extra_float_digits=0 -csearch_path=pg_catalog"},
    {"application_name": "", "TimeZone": "Asia/Tokyo", "DateStyle": "SQL, MDY", "extra_float_digits": "3", "search_path": "public"},
    {"application_name": "gamma", "IntervalStyle": "iso_8601", "client_encoding": "LATIN1", "options": "--statement-timeout=12345 -c work_mem=5MB"},
    {},
]
WATCHED = ("application_name", "TimeZone", "DateStyle", "IntervalStyle", "client_encoding", "extra_float_digits", "search_path",
           "statement_timeout", "work_mem")
LOOK = "select " + ", ".join(f"current_setting('{name}')" for name in WATCHED)


def test_startup_parameters_are_honoured_and_kept_apart(forebay, cluster):
    proxy = forebay(pool={"size": 1}, general={"workers": 4})
    expected = []
    for profile in PROFILES:
        with cluster.primary.wire(**profile) as w:
            expected.append((w.run(LOOK), w.parameters))
    clients = [proxy.wire(**profile) for profile in PROFILES]
    for w, (_, parameters) in zip(clients, expected):
        assert {k: v for k, v in w.parameters.items() if k in parameters} == parameters
    for _ in range(3):
        for w, (row, _) in zip(clients, expected):
            assert w.run(LOOK) == row
    for w in clients:
        w.close()


@pytest.mark.parametrize("options", ["-c", "-c work_mem", "-x", "-c no.such=1 -c work_mem=abc", "--work-mem", "nonsense"])
def test_bad_options_are_refused(forebay, options):
    proxy = forebay()
    with pytest.raises((wire.ServerError, wire.Closed)):
        proxy.wire(options=options).run("select 1")
    with proxy.wire() as w:
        assert w.value("select 1") == "1"


def test_options_with_escaped_spaces(forebay):
    with forebay().wire(options=r"-c application_name=a\ b\\c -c work_mem=6MB") as w:
        assert w.run("select current_setting('application_name'), current_setting('work_mem')") == [[r"a b\c", "6MB"]]


def test_set_belongs_to_the_client(forebay, cluster):
    proxy = forebay(pool={"size": 3})  # what PostgreSQL does not report may pin
    with proxy.wire() as a, proxy.wire() as b:
        before = b.run(LOOK)
        a.run("set timezone = 'Asia/Tokyo'; set work_mem = '9MB'; set application_name to 'abc'; set search_path to pg_catalog, public")
        assert b.run(LOOK) == before
        assert a.run("select current_setting('timezone'), current_setting('work_mem'), current_setting('application_name'),"
                     " current_setting('search_path')") == [["Asia/Tokyo", "9MB", "abc", "pg_catalog, public"]]
        b.run("set work_mem = '3MB'")
        assert a.value("show work_mem") == "9MB" and b.value("show work_mem") == "3MB"
        a.run("reset work_mem")
        assert a.value("show work_mem") == "4MB" and b.value("show work_mem") == "3MB"
        a.run("reset all")
        assert b.value("show work_mem") == "3MB" and a.run(LOOK) == before
        b.run("select set_config('work_mem', '8MB', false)")
        assert a.value("show work_mem") == "4MB" and b.value("show work_mem") == "8MB"
        b.run("discard all")
        assert b.value("show work_mem") == "4MB"


@pytest.mark.proxy
@pytest.mark.parametrize("way_out", ["reset role", "set role to default", "discard all", "select set_config('role', null, false)"])
def test_a_setting_that_is_no_longer_valid_can_be_reset(forebay, cluster, way_out):
    """Whoever has it and asks for anything else runs nothing as somebody else."""
    proxy = forebay(pool={"size": 1})
    cluster.sql("drop role if exists ghost; create role ghost; grant ghost to app; create table haunted (a int); grant all on haunted to app")
    with proxy.wire() as a, proxy.wire() as b, proxy.wire() as c:
        a.run("set role ghost")
        c.run("set role ghost")
        b.run("select 1")
        cluster.sql("drop role ghost")
        a.run(way_out)
        assert a.value("select current_user") == "app"
        with pytest.raises((wire.ServerError, wire.Closed)):
            c.run("insert into haunted values (1)")
        assert b.value("select count(*) from haunted") == "0"
    cluster.sql("drop table haunted")


def test_set_is_transactional(forebay):
    proxy = forebay(pool={"size": 3})  # what PostgreSQL does not report may pin
    with proxy.wire() as a, proxy.wire() as b:
        a.run("set work_mem = '5MB'")
        a.run("begin; set work_mem = '6MB'; set timezone = 'Asia/Tokyo'")
        assert a.value("show work_mem") == "6MB"
        a.run("rollback")
        assert b.value("show work_mem") == "4MB"
        assert a.value("show work_mem") == "5MB" and a.value("show timezone") == "UTC"
        a.run("begin; set local work_mem = '7MB'; select 1; commit")
        assert b.value("show work_mem") == "4MB"
        assert a.value("show work_mem") == "5MB"
        a.run("begin; savepoint s; set work_mem = '8MB'; rollback to s; commit")
        assert b.value("show work_mem") == "4MB"
        assert a.value("show work_mem") == "5MB"
        with pytest.raises(wire.ServerError):
            a.run("set work_mem = '10MB'; select 1/0")
        assert b.value("show work_mem") == "4MB"
        assert a.value("show work_mem") == "5MB"
        # through the extended protocol
        a.send(wire.parse("set work_mem = '11MB'"), wire.bind(), wire.execute(), wire.sync())
        assert wire.transcript(a.until_ready()) == "1 2 C:SET Z:I"
        assert b.value("show work_mem") == "4MB"
        assert a.value("show work_mem") == "11MB"


def test_reported_settings_need_no_server_of_their_own(forebay):
    """TimeZone, DateStyle, application_name, client_encoding ...: two clients with their own on one server."""
    proxy = forebay(pool={"size": 1})
    look = "select current_setting('timezone'), current_setting('datestyle'), current_setting('application_name'), current_setting('intervalstyle')"
    with proxy.wire() as a, proxy.wire() as b:
        before = a.run(look)
        a.run("set timezone = 'Asia/Tokyo'")
        a.run("set datestyle to German")
        a.run("set application_name = 'a''s \\ name'")
        b.run("set session intervalstyle = iso_8601")
        a.run("begin")
        a.run("set timezone = 'Europe/Paris'")
        a.run("rollback")
        a.run("begin")
        a.run("set local timezone = 'Europe/Paris'")
        a.run("commit")
        for _ in range(3):
            assert a.run(look) == [["Asia/Tokyo", "German, DMY", "a's \\ name", "postgres"]]
            assert b.run(look) == [["UTC", "ISO, MDY", "", "iso_8601"]]
        a.run("reset timezone")
        a.run("reset all")
        b.run("discard all")
        assert a.run(look) == before and b.run(look) == before


def test_parameter_status_follows_set(forebay):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as a, proxy.wire() as b:
        a.send(wire.query("set timezone = 'Asia/Tokyo'"))
        assert wire.transcript(a.until_ready()) == "C:SET S:TimeZone Z:I"
        b.send(wire.query("select 1"))
        assert wire.transcript(b.until_ready()) == "T D:1 C:SELECT_1 Z:I"  # no trace of the other's setting
        a.send(wire.query("select 1"))
        assert wire.transcript(a.until_ready()) == "T D:1 C:SELECT_1 Z:I"


def test_set_role_belongs_to_the_client(forebay, cluster):
    cluster.sql("grant app2 to app")
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as a, proxy.wire() as b:
        a.run("set role app2")
        if not proxy.direct and proxy.pool()["sv_active"]:  # pinned
            assert a.value("select current_user") == "app2"
        else:
            assert b.value("select current_user") == "app"
            assert a.value("select current_user") == "app2"
            assert b.value("select current_user") == "app"
        a.run("reset role")
        assert a.value("select current_user") == "app"
        assert b.value("select current_user") == "app"


# ---- what cannot be tracked -----------------------------------------------------------------------------------------

UNTRACKABLE = {
    "temp table": ("create temp table secret_notes as select 1 as a", "select to_regclass('secret_notes') is not null", "t", "f"),
    "advisory lock": ("select pg_advisory_lock(7)", "select count(*) > 0 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()", "t", "f"),
    "hold cursor": ("declare c cursor with hold for select 1", "select count(*) from pg_cursors", "1", "0"),
    "set_config": ("select set_config(name, '66MB', false) from pg_settings where name = 'work_mem'", "show work_mem", "66MB", "4MB"),
}


@pytest.mark.parametrize("case", UNTRACKABLE)
def test_untrackable_state_stays_with_its_client(forebay, cluster, case):
    act, look, seen, unseen = UNTRACKABLE[case]
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as a, proxy.wire() as b, proxy.wire() as c:
        a.run(act)
        for _ in range(4):
            assert b.value(look) == unseen
            assert a.value(look) == seen
            assert c.value(look) == unseen
        a.send(wire.terminate())
        a.until_closed()
        b.run("begin")
        c.run("begin")  # both servers are free again
        assert b.value(look) == unseen and c.value(look) == unseen
        b.run("commit")
        c.run("commit")
    proxy.quiet()


@pytest.mark.proxy
@pytest.mark.parametrize("case", ["temp table", "advisory lock"])
def test_discard_all_unpins(forebay, case):
    act, look, seen, unseen = UNTRACKABLE[case]
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as a, proxy.wire() as b:
        a.run(act)
        assert proxy.pool()["sv_active"] == 1
        a.run("discard all")
        eventually(lambda: proxy.pool()["sv_active"] == 0)
        assert b.value(look) == unseen and a.value(look) == unseen


@pytest.mark.proxy
@pytest.mark.parametrize("case", ["temp table", "advisory lock", "hold cursor"])
def test_untrackable_state_can_be_refused(forebay, case):
    act, look, _, unseen = UNTRACKABLE[case]
    proxy = forebay(pool={"size": 1, "on_session_state": "refuse"})
    with proxy.wire() as a, proxy.wire() as b:
        with pytest.raises(wire.ServerError):
            a.run(act)
        assert a.value(look) == unseen and b.value(look) == unseen


def test_notifications_reach_a_listening_client(forebay):
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as a, proxy.wire() as b:
        a.run("listen news")
        b.run("notify news, 'hello'")
        m = a.receive()
        assert m.kind == "A" and b"news\0hello\0" in m.body


def test_a_client_that_leaves_in_a_transaction_leaves_nothing(forebay, cluster, table):
    proxy = forebay(pool={"size": 1})
    for end in (lambda w: w.send(wire.terminate()), lambda w: w.close(), lambda w: w.reset()):
        w = proxy.wire()
        w.run("begin; set timezone = 'Asia/Tokyo'; insert into items values (99, 'lost'); lock items")
        end(w)
        with proxy.wire() as other:
            assert other.run("select count(*), current_setting('timezone') from items") == [["3", "UTC"]]
    cluster.nothing_left()
    proxy.quiet()


def test_many_statements_in_one_string(forebay, table):
    with forebay(pool={"size": 1}).wire() as w:
        assert w.script(wire.query("select 1; select 2; select 3")) == "T D:1 C:SELECT_1 T D:2 C:SELECT_1 T D:3 C:SELECT_1 Z:I"
        assert w.script(wire.query("begin; select 1")) == "C:BEGIN T D:1 C:SELECT_1 Z:T"
        assert w.script(wire.query("select 1/0; select 2")) == "E:22012 Z:E"
        assert w.script(wire.query("select 1")) == "E:25P02 Z:E"
        assert w.script(wire.query("rollback; insert into items values (9, 'x'); select 1/0")) == "C:ROLLBACK C:INSERT_0_1 E:22012 Z:I"
        assert w.script(wire.query("")) == "I Z:I"
        assert w.script(wire.query(";;")) == "I Z:I"
        assert w.value("select count(*) from items") == "3"


def test_fifty_queries_in_one_write(forebay):
    with forebay(pool={"size": 1}).wire() as w:
        w.send(*(wire.query(f"select {n}") for n in range(50)))
        rows = [m.values[0] for m in w.until_ready(50) if m.kind == "D"]
        assert rows == [str(n).encode() for n in range(50)]
        assert w.value("select 1") == "1"


def test_sql_level_prepare_belongs_to_the_client(forebay, table):
    proxy = forebay(pool={"size": 3})
    with proxy.wire() as a, proxy.wire() as b, proxy.wire() as c:
        a.run("prepare q(int) as select name from items where id = $1")
        b.run("prepare q(int) as select id + $1 from items order by id limit 1")
        c.run("begin")  # one server less: the others must go where there is room
        assert a.value("execute q(2)") == "two"
        assert b.value("execute q(10)") == "11"
        c.run("commit")
        a.run("deallocate q")
        with pytest.raises(wire.ServerError) as raised:
            a.run("execute q(1)")
        assert raised.value.code == "26000"
        assert b.value("execute q(20)") == "21"
        b.run("deallocate all")
        with pytest.raises(wire.ServerError):
            b.run("execute q(1)")


def test_large_objects_of_a_session_do_not_leak_errors(forebay):
    with forebay().connect(autocommit=False) as c:
        (oid,) = c.execute("select lo_from_bytea(0, 'abc')").fetchone()
        assert c.execute("select convert_from(lo_get(%s), 'UTF8')", [oid]).fetchone() == ("abc",)
        c.execute("select lo_unlink(%s)", [oid])
        c.commit()


def test_two_phase_commit(forebay, cluster, table):
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as a, proxy.wire() as b:
        a.run("begin; insert into items values (77, 'two phases'); prepare transaction 'tx77'")
        assert b.value("select count(*) from items") == "3"
        b.run("commit prepared 'tx77'")
        assert a.value("select count(*) from items") == "4"


def test_psycopg_disconnect_is_not_an_error_for_others(forebay):
    proxy = forebay(pool={"size": 2})

    def one(n):
        for _ in range(20):
            with proxy.connect(autocommit=False) as c:
                c.execute("select 1")
                if n % 2:
                    raise_later = c.execute("select * from generate_series(1, 10000)")
                    raise_later.fetchone()
                else:
                    try:
                        c.execute("select 1/0")
                    except psycopg.Error:
                        c.rollback()
        return True

    assert all(run_threads(10, one))
    proxy.quiet()
