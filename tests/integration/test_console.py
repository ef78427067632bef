"""The console: psql to database forebay (or pgbouncer). Names and units are PgBouncer's, so that its exporters work."""

import time

import psycopg
import pytest

import wire
from harness import PASSWORDS, Background, eventually

pytestmark = pytest.mark.proxy

POOL_COLUMNS = {"database", "user", "cl_active", "cl_waiting", "sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login", "maxwait", "maxwait_us", "pool_mode"}
CLIENT_COLUMNS = {"type", "user", "database", "state", "addr", "port", "connect_time", "request_time", "wait", "wait_us", "ptr", "link"}
STATS_COLUMNS = {"database", "total_xact_count", "total_query_count", "total_received", "total_sent", "total_xact_time", "total_query_time", "total_wait_time",
                 "avg_xact_count", "avg_query_count", "avg_recv", "avg_sent", "avg_xact_time", "avg_query_time", "avg_wait_time"}


def denied(proxy, command, user):
    with pytest.raises(wire.ServerError) as raised:
        proxy.console(command, user)
    assert raised.value.code in ("42501", "28000", "28P01"), raised.value


@pytest.mark.parametrize("dbname", ["forebay", "pgbouncer"])
def test_psql(forebay, dbname):
    proxy = forebay()
    assert "forebay" in proxy.psql("show version", "admin", dbname).stdout.lower()
    help_text = proxy.psql("SHOW HELP;", "admin", dbname)
    assert "RELOAD" in help_text.stdout + help_text.stderr
    for command in ("pools", "clients", "servers", "databases", "stats", "config", "lists"):
        proxy.psql(f"show {command};", "admin", dbname)
    # with headers: what exporters read
    assert "cl_active" in proxy.psql("show pools", "admin", dbname, arguments=("-P", "tuples_only=off")).stdout


def test_drivers_reach_it(forebay):
    proxy = forebay()
    with proxy.connect("admin", "pgbouncer") as c:
        assert c.execute("show pools").description
        assert c.execute("show version").fetchone()
    with proxy.connect("admin", "forebay") as c:  # extended protocol
        with c.cursor(binary=False) as cursor:
            cursor.execute("show lists", prepare=True)
            assert cursor.fetchall()
    with proxy.wire("admin", "forebay") as w:
        w.send(wire.parse("SHOW VERSION", "v"), wire.describe_statement("v"), wire.bind([], "v"), wire.describe_portal(), wire.execute(), wire.sync())
        kinds = [m.kind for m in w.until_ready()]
        assert kinds[:4] == ["1", "t", "T", "2"] and kinds[-3:] == ["D", "C", "Z"]
        w.send(wire.parse("SHOW NONSENSE"), wire.bind(), wire.execute(), wire.sync())
        replies = w.until_ready()
        assert [m.kind for m in replies].count("E") == 1 and replies[-1].kind == "Z"
        assert w.run("SHOW VERSION")


def test_show_pools(forebay):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as active, proxy.wire() as waiting, proxy.wire():
        active.run("begin")
        waiting.send(wire.query("select 1"))
        row = eventually(lambda: (lambda r: r if r and r["cl_waiting"] == 1 else None)(proxy.pool()))
        assert POOL_COLUMNS <= set(row)
        assert row["sv_active"] == 1 and row["sv_idle"] == 0 and row["cl_active"] >= 1 and row["pool_mode"] == "transaction"
        eventually(lambda: proxy.pool()["maxwait"] * 1000000 + proxy.pool()["maxwait_us"] > 50000)
        active.run("commit")
        waiting.until_ready()
        row = proxy.pool()
        assert row["sv_active"] == 0 and row["sv_idle"] == 1 and row["cl_waiting"] == 0 and row["maxwait"] == 0
    proxy.quiet()


def test_show_pools_of_a_forced_user(forebay):
    """Whoever comes as somebody else shares that one's pool: one row, with its clients and its servers."""
    users = [{"name": "app", "password": PASSWORDS["app"], "pool_mode": "session"}, {"name": "app2", "password": PASSWORDS["app2"]},
             {"name": "admin", "password": PASSWORDS["admin"], "admin": True}]
    databases = [{"name": "app", "cluster": "main", "user": "plain_user", "password": PASSWORDS["plain_user"]}]
    proxy = forebay(users=users, databases=databases)
    with proxy.wire("app") as one, proxy.wire("app2") as two:
        assert one.value("select current_user") == "plain_user"
        two.run("begin")
        (row,) = [r for r in proxy.console("SHOW POOLS") if r["database"] == "app"]
        assert (row["user"], row["cl_active"], row["sv_active"], row["pool_mode"]) == ("plain_user", "2", "2", "transaction")
        assert {r["user"] for r in proxy.console("SHOW CLIENTS") if r["database"] == "app"} == {"app", "app2"}
        proxy.write_config(databases=[{**databases[0], "dbname": "other"}])
        proxy.console("RELOAD")  # the clients are still of the old pool
        assert [r["user"] for r in proxy.console("SHOW POOLS") if r["database"] == "app"] == ["plain_user"]


def test_show_clients_and_servers(forebay):
    proxy = forebay(pool={"size": 1})
    with proxy.wire(application_name="the busy one") as busy, proxy.wire() as idle:
        pid = busy.run("begin; select pg_backend_pid()")[0][0]
        rows = [r for r in proxy.console("SHOW CLIENTS") if r["user"] == "app"]
        assert len(rows) == 2 and CLIENT_COLUMNS <= set(rows[0])
        assert {r["port"] for r in rows} == {str(w.socket.getsockname()[1]) for w in (busy, idle)}
        assert {r["database"] for r in rows} == {"app"}
        servers = [r for r in proxy.console("SHOW SERVERS") if r["user"] == "app"]
        assert len(servers) == 1 and servers[0]["state"] == "active"
        assert servers[0]["remote_pid"] == pid
        busy.run("commit")
        servers = [r for r in proxy.console("SHOW SERVERS") if r["user"] == "app"]
        assert servers[0]["state"] == "idle"
        idle.send(wire.query("select pg_sleep(60)"))
        eventually(lambda: [r["state"] for r in proxy.console("SHOW CLIENTS") if r["port"] == str(idle.socket.getsockname()[1])] == ["active"])


def test_show_databases_config_lists(forebay, cluster):
    proxy = forebay(pool={"size": 7}, databases=[{"name": "sales", "cluster": "main", "dbname": "other", "pool_size": 3}, {"name": "*", "cluster": "main"}])
    (row,) = [r for r in proxy.console("SHOW DATABASES") if r["name"] == "sales"]
    assert row["database"] == "other" and row["pool_size"] == "3"
    config = {r["key"]: r["value"] for r in proxy.console("SHOW CONFIG")}
    assert any(value == "7" for key, value in config.items() if "size" in key)
    assert any("2s" in value or "3s" in value for key, value in config.items() if "shutdown_timeout" in key)
    assert "app-secret" not in str(config) and "app-secret" not in str(proxy.console("SHOW DATABASES"))
    lists = {r["list"]: int(r["items"]) for r in proxy.console("SHOW LISTS")}
    assert {"databases", "users", "pools", "used_clients", "used_servers", "free_servers"} <= set(lists)


def test_show_stats_counts(forebay):
    """4 autocommit statements and 2 transactions: 6 transactions; BEGIN and COMMIT are queries."""
    proxy = forebay(pool={"size": 2})

    def totals():
        rows = [r for r in proxy.console("SHOW STATS") if r["database"] == "app"]
        return {k: int(v) for k, v in rows[0].items() if k.startswith("total_")} if rows else {"total_xact_count": 0, "total_query_count": 0}

    with proxy.wire() as w:
        for _ in range(4):
            w.run("select 1")
        for _ in range(2):
            w.run("begin")
            w.run("select 1")
            w.run("select repeat('x', 1000)")
            w.run("commit")
        after = eventually(lambda: (lambda t: t if t["total_xact_count"] == 6 else None)(totals()), 5)
        assert after["total_query_count"] == 12
        assert after["total_received"] > 100 and after["total_sent"] > 2000
        (row,) = [r for r in proxy.console("SHOW STATS") if r["database"] == "app"]
        assert STATS_COLUMNS <= set(row)


def test_stats_outlive_their_pool(forebay):
    proxy = forebay(pool={"server_idle_timeout": "300ms"})
    with proxy.wire() as w:
        for _ in range(5):
            w.run("select 1")

    def counted():
        rows = [r for r in proxy.console("SHOW STATS") if r["database"] == "app"]
        return rows and rows[0]["total_xact_count"], next(r["value"] for r in proxy.console("SHOW TOTALS") if r["name"] == "total_query_count")

    before = eventually(lambda: (lambda c: c if c[0] == "5" else None)(counted()))
    eventually(lambda: proxy.pool() is None, what="the pool is gone")
    after = counted()
    assert after[0] == "5" and int(after[1]) >= int(before[1]) >= 5
    with proxy.wire() as w:
        w.run("select 1")
        eventually(lambda: counted()[0] == "6")
        # a pool that a reload retires while its client stays
        proxy.write_config(databases=[{"name": "app", "cluster": "main", "dbname": "other"}])
        proxy.console("RELOAD")
        assert counted()[0] == "6"
        assert w.value("select current_database()") == "other"
        eventually(lambda: counted()[0] == "7")


def test_default_deny(forebay):
    proxy = forebay()
    for command in ("SHOW VERSION", "SHOW POOLS", "RELOAD", "SHUTDOWN"):
        denied(proxy, command, "app")
    for command in ("RELOAD", "PAUSE", "RESUME", "KILL app", "SHUTDOWN"):
        denied(proxy, command, "watcher")
    assert proxy.console("SHOW POOLS", "watcher") is not None
    for command in ("CLIENTS", "SERVERS", "DATABASES", "STATS", "LISTS", "VERSION"):
        proxy.console(f"SHOW {command}", "watcher")
    with pytest.raises(wire.ServerError):
        proxy.wire("admin", "forebay", password="wrong")
    assert proxy.alive()


GARBAGE = ["", ";", ";;;;", "SHOW", "SHOW ;", "show nothing", "select 1", "KILL", "KILL nowhere", "PAUSE nowhere", "RESUME nowhere", "RELOAD now", "SHUTDOWN maybe",
           "\x01\x02", "SHOW " + "x" * 100000, "'", '"', "SHOW 'POOLS", "SHOW POOLS POOLS POOLS", "-- comment", "/*", "ﬂuß", "SHOW POOLS; SHOW LISTS", "set", "SET x"]


def test_garbage_is_answered(forebay):
    proxy = forebay()
    with proxy.wire("admin", "forebay") as w:
        for text in GARBAGE:
            w.send(wire.query(text))
            replies = w.until_ready()
            assert replies[-1].kind == "Z", text
        for kind in "BDECHFdcf":  # messages that mean nothing here
            with proxy.wire("admin", "forebay", timeout=5) as odd:
                odd.send(wire.message(kind, b"\0\0\0\0\0\0\0\0"), wire.sync())
                try:
                    odd.until_ready()
                except wire.Closed:
                    pass
        assert w.run("SHOW VERSION")
    assert proxy.alive()


def test_drivers_set_up_noise_is_tolerated(forebay):
    """What drivers and psql send on connecting must not be an end."""
    proxy = forebay()
    with proxy.wire("admin", "pgbouncer") as w:
        for sql in ("SET application_name = 'x'", "SET extra_float_digits = 3", "SET client_encoding TO 'UTF8'"):
            w.send(wire.query(sql))
            assert w.until_ready()[-1].kind == "Z"
        assert w.run("SHOW VERSION")


def test_reload(forebay, cluster):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as w:
        pid = w.value("select pg_backend_pid()")
        proxy.write_config(pool={"size": 3})
        proxy.console("RELOAD")
        assert w.value("select pg_backend_pid()") == pid  # unaffected connections stay
        holders = [proxy.wire() for _ in range(3)]
        for h in holders:
            h.run("begin")  # three at once: the new size
        for h in holders:
            h.close()


def test_reload_of_a_bad_file_changes_nothing(forebay):
    proxy = forebay(pool={"size": 4})
    good = proxy.config.read_text()
    for bad, word in ((good.replace("size = 4", "sizze = 5"), "sizze"), (good.replace("size = 4", 'size = "many"'), "size"), (good + "\n[[[", "")):
        proxy.config.write_text(bad)
        with pytest.raises(wire.ServerError) as raised:
            proxy.console("RELOAD")
        assert word in raised.value.fields["M"] + raised.value.fields.get("D", "")
        with proxy.wire() as w:
            assert w.value("select 1") == "1"
        assert any(r["value"] == "4" for r in proxy.console("SHOW CONFIG") if "size" in r["key"])
    proxy.config.write_text(good)
    proxy.console("RELOAD")


def test_reload_of_what_needs_a_restart(forebay):
    proxy = forebay(pool={"size": 4})
    before = {r["key"]: r["value"] for r in proxy.console("SHOW CONFIG")}
    proxy.write_config(general={"workers": 3}, listen={"addresses": ["127.0.0.1:1"], "unix_socket_dir": str(proxy.dir)}, pool={"size": 5})
    with proxy.wire("admin", "forebay") as w:
        w.send(wire.query("RELOAD"))
        replies = w.until_ready()
    assert [m.kind for m in replies] == ["N", "C", "Z"]
    after = {r["key"]: r["value"] for r in proxy.console("SHOW CONFIG")}
    assert after["pool.size"] == "5"
    for key in ("general.workers", "listen.addresses", "listen.unix_socket_dir"):
        assert after[key] == before[key]
        assert key in replies[0].fields["M"]
        assert key in "".join(line for line in proxy.log().splitlines() if "needs_restart" in line)


def test_reload_changes_users_and_databases(forebay):
    proxy = forebay(databases=[{"name": "app", "cluster": "main"}])
    with proxy.wire() as w:
        with pytest.raises(wire.ServerError):
            proxy.wire(dbname="sales")
        proxy.write_config(databases=[{"name": "app", "cluster": "main"}, {"name": "sales", "cluster": "main", "dbname": "other"}])
        proxy.console("RELOAD")
        with proxy.wire(dbname="sales") as sales:
            assert sales.value("select current_database()") == "other"
        assert w.value("select 1") == "1"
        for n in range(30):  # many reloads, databases come and go
            proxy.write_config(databases=[{"name": "app", "cluster": "main"}] + [{"name": f"db{i}", "cluster": "main", "dbname": "other"} for i in range(n * 3 % 40)])
            proxy.console("RELOAD")
            assert w.value("select 1") == "1"


def test_pause_and_resume(forebay):
    proxy = forebay(pool={"size": 2})
    with proxy.wire() as busy, proxy.wire() as calm:
        busy.run("begin")
        pause = Background(lambda: proxy.console("PAUSE"))
        eventually(lambda: blocked(calm), what="new work waits")
        assert not pause.done()  # it waits for the running transaction
        assert busy.value("select 1") == "1"
        busy.run("commit")
        pause.result()
        assert [r for r in proxy.console("SHOW SERVERS") if r["state"] == "active" and r["user"] == "app"] == []
        late = Background(lambda: proxy.wire().run("select 2"))
        proxy.console("RESUME")
        calm.until_ready()
        assert late.result() == [["2"]]
        assert calm.value("select 3") == "3"


def blocked(w):
    """True once this client's query is held back; leaves that query unanswered."""
    w.send(wire.query("select 1"))
    if w.nothing_comes(0.3):
        return True
    w.until_ready()
    return False


@pytest.mark.parametrize("how", ["goodbye", "reset", "cancel"])
def test_pause_is_undone(forebay, how):
    """When its client leaves or cancels it before it is through."""
    proxy = forebay()
    with proxy.wire() as busy, proxy.wire() as calm:
        busy.run("begin")
        admin = proxy.wire(user="admin", dbname="forebay")
        admin.send(wire.query("PAUSE app"))
        eventually(lambda: blocked(calm), what="new work waits")
        if how == "cancel":
            proxy.cancel(admin)
            assert [m.fields["C"] for m in admin.until_ready() if m.kind == "E"] == ["57014"]
            assert admin.run("SHOW VERSION")
            admin.close()
        elif how == "goodbye":
            admin.close()
        else:
            admin.reset()
        calm.until_ready()
        busy.run("commit")
        assert calm.value("select 2") == "2"


def test_pause_of_one_database(forebay):
    proxy = forebay()
    with proxy.wire() as a, proxy.wire(dbname="other") as b:
        a.run("select 1")
        b.run("select 1")
        proxy.console("PAUSE app")
        assert blocked(a)
        assert b.value("select 2") == "2"
        proxy.console("RESUME app")
        a.until_ready()
        assert a.value("select 3") == "3"


def test_pause_and_resume_under_load(forebay, bench_tables):
    proxy = forebay(pool={"size": 3})
    load = Background(lambda: proxy.pgbench("-n", "-S", "-c", "8", "-j", "2", "-T", "3"))
    while not load.done():
        proxy.console("PAUSE")
        proxy.console("RESUME")
        time.sleep(0.1)
    assert "number of failed transactions: 0 " in load.result().stdout


def test_kill(forebay, cluster):
    proxy = forebay()
    with proxy.wire() as w, proxy.wire() as busy, proxy.wire(dbname="other") as other:
        w.run("select 1")
        other.run("select 1")
        busy.send(wire.query("select pg_sleep(60)"))
        eventually(lambda: cluster.backends("state = 'active' and query like '%pg_sleep(60)%'"))
        proxy.console("KILL app")
        for victim in (w, busy):
            replies = victim.until_closed()
            assert not replies or replies[-1].kind == "E"
        eventually(lambda: not cluster.backends("state = 'idle'", dbname="app"), 10, "its server connections are closed")
        assert other.value("select 2") == "2"
        try:
            proxy.console("RESUME app")  # PgBouncer leaves a killed database paused
        except wire.ServerError:
            pass
        with proxy.wire() as again:
            assert again.value("select 3") == "3"


def test_shutdown(forebay):
    proxy = forebay()
    with proxy.wire() as w:
        w.run("select 1")
        try:
            proxy.console("SHUTDOWN")
        except wire.Closed:
            pass
        assert proxy.wait(10) == 0
        replies = w.until_closed()
        assert [m.fields["C"] for m in replies if m.kind == "E"] == ["57P01"]


def test_bad_logins_leave_no_trace(forebay):
    proxy = forebay()
    for _ in range(10):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(proxy.dsn(password="wrong"))
    lists = {r["list"]: int(r["items"]) for r in proxy.console("SHOW LISTS")}
    assert lists["used_clients"] <= 1 and lists["login_clients"] == 0
