"""Real clients do their daily work: psycopg, asyncpg, psycopg2, psql, pgbench, node's pg."""

import asyncio
import io
import os
import shutil
import subprocess
from pathlib import Path

import asyncpg
import psycopg
import psycopg2
import pytest

from harness import PASSWORDS, eventually, run, run_threads


# ---- psycopg 3 ------------------------------------------------------------------------------------------------------


def test_psycopg_create_read_update_delete(forebay, table):
    with forebay().connect() as c:
        assert c.execute("select name from items where id = %s", [2]).fetchone() == ("two",)
        assert c.execute("insert into items values (%s, %s) returning id", [4, "four"]).fetchone() == (4,)
        assert c.execute("update items set name = upper(name) where id > %s", [2]).rowcount == 2
        assert c.execute("delete from items where id = %s", [1]).rowcount == 1
        assert c.execute("select id, name from items order by id").fetchall() == [(2, "two"), (3, "THREE"), (4, "FOUR")]


def test_psycopg_transactions(forebay, table):
    proxy = forebay()
    with proxy.connect(autocommit=False) as c, proxy.connect() as other:
        c.execute("insert into items values (10, 'ten')")
        assert other.execute("select count(*) from items").fetchone() == (3,)
        c.rollback()
        c.execute("insert into items values (11, 'eleven')")
        with pytest.raises(psycopg.errors.UniqueViolation), c.transaction():
            c.execute("insert into items values (11, 'again')")
        c.commit()
        assert other.execute("select id from items where id > 3").fetchall() == [(11,)]


def test_psycopg_prepared_statements_survive_the_change_of_servers(forebay, table):
    proxy = forebay(pool={"size": 3})
    with proxy.connect() as c:
        c.prepare_threshold = 0
        for _ in range(3):
            assert c.execute("select name from items where id = %s", [1]).fetchone() == ("one",)
        # Others take the server that knows the statement; ours goes on elsewhere.
        with proxy.connect(autocommit=False) as blocker:
            blocker.execute("select 1")
            for _ in range(3):
                assert c.execute("select name from items where id = %s", [2]).fetchone() == ("two",)
                assert c.execute("select name, %s::text from items where id = %s", ["x", 3]).fetchone() == ("three", "x")


@pytest.mark.parametrize("form", ["text", "csv", "binary"])
def test_psycopg_copy_in_and_out(forebay, table, form):
    with forebay().connect() as c:
        c.execute("delete from items")
        with c.cursor().copy(f"copy items from stdin (format {form})") as copy:
            if form == "csv":
                for n in range(5000):
                    copy.write(f"{n},name {n}\n")
            else:
                if form == "binary":
                    copy.set_types(["int4", "text"])
                for n in range(5000):
                    copy.write_row((n, f"name {n}"))
        assert c.execute("select count(*), sum(id) from items").fetchone() == (5000, 5000 * 4999 // 2)
        total = 0
        with c.cursor().copy(f"copy (select id, name from items order by id) to stdout (format {form})") as copy:
            for block in copy:
                total += len(block)
        assert total > 50000
        assert c.execute("select 1").fetchone() == (1,)


def test_psycopg_copy_errors_keep_the_connection(forebay, table):
    with forebay().connect() as c:
        with pytest.raises(psycopg.errors.UniqueViolation):
            with c.cursor().copy("copy items from stdin") as copy:
                for _ in range(1000):
                    copy.write("1\tdouble\n")
        with pytest.raises(psycopg.errors.QueryCanceled):
            with c.cursor().copy("copy items from stdin") as copy:
                copy.write("100\thundred\n")
                raise RuntimeError("the client changes its mind") from None
        assert c.execute("select count(*) from items").fetchone() == (3,)


def test_psycopg_large_results_and_large_parameters(forebay):
    with forebay().connect() as c:
        rows = c.execute("select n, repeat('x', 1000) from generate_series(1, 20000) n").fetchall()
        assert len(rows) == 20000 and rows[-1] == (20000, "x" * 1000)
        big = "y" * (8 << 20)
        assert c.execute("select length(%s::text), md5(%s::text) = md5(repeat('y', 8388608))", [big, big]).fetchone() == (len(big), True)
        (value,) = c.execute("select repeat('z', 33554432)").fetchone()
        assert len(value) == 32 << 20


def test_psycopg_errors_keep_the_connection(forebay, table):
    with forebay().connect() as c:
        (pid,) = (c.info.backend_pid,)
        for sql, error in (
            ("selec 1", psycopg.errors.SyntaxError),
            ("select * from no_such_table", psycopg.errors.UndefinedTable),
            ("select 1/0", psycopg.errors.DivisionByZero),
            ("insert into items values (1, 'double')", psycopg.errors.UniqueViolation),
        ):
            with pytest.raises(error) as raised:
                c.execute(sql)
            assert raised.value.diag.message_primary and raised.value.diag.severity == "ERROR"
            assert c.execute("select 1").fetchone() == (1,)
        assert c.info.backend_pid == pid


def test_psycopg_pipeline_mode(forebay, table):
    with forebay().connect() as c:
        with c.pipeline():
            cursors = [c.execute("select name, %s::int from items where id = %s", [n, n % 3 + 1]) for n in range(200)]
        assert [cur.fetchone()[1] for cur in cursors] == list(range(200))


def test_psycopg_server_side_cursor(forebay):
    with forebay().connect(autocommit=False) as c:
        with c.cursor("named") as cursor:
            cursor.itersize = 100
            cursor.execute("select * from generate_series(1, 1000)")
            assert sum(row[0] for row in cursor) == 500500


def test_psycopg_notices_reach_the_client(forebay):
    with forebay().connect() as c:
        seen = []
        c.add_notice_handler(lambda n: seen.append(n.message_primary))
        c.execute("do $$ begin raise notice 'hello'; end $$")
        assert seen == ["hello"]


def test_psycopg2(forebay, table):
    c = psycopg2.connect(forebay().dsn())
    try:
        with c, c.cursor() as cursor:
            cursor.execute("insert into items values (%s, %s)", (7, "seven"))
            cursor.copy_expert("copy items from stdin", io.StringIO("8\teight\n9\tnine\n"))
            cursor.execute("select count(*) from items")
            assert cursor.fetchone() == (6,)
    finally:
        c.close()


# ---- asyncpg --------------------------------------------------------------------------------------------------------


def test_asyncpg_prepared_statements_in_transaction_mode(forebay, table):
    proxy = forebay(pool={"size": 2})

    async def body():
        c = await asyncpg.connect(proxy.url())
        try:
            statement = await c.prepare("select name from items where id = $1")
            assert [a.name for a in statement.get_attributes()] == ["name"]
            assert await statement.fetchval(2) == "two"
            for n in range(300):  # more texts than its statement cache holds
                assert await c.fetchval(f"select $1::int + {n}", n) == 2 * n
            assert await statement.fetchval(3) == "three"
            async with c.transaction():
                rows = [r["n"] async for r in c.cursor("select n from generate_series(1, 500) n", prefetch=50)]
                assert rows == list(range(1, 501))
            with pytest.raises(asyncpg.UniqueViolationError):
                await c.executemany("insert into items values ($1, $2)", [(20, "a"), (21, "b"), (20, "c")])
            assert await c.fetchval("select count(*) from items") == 3
            await c.executemany("insert into items values ($1, $2)", [(n, str(n)) for n in range(100, 400)])
            assert await c.fetchval("select count(*) from items") == 303
            await c.copy_records_to_table("items", records=[(n, "copied") for n in range(1000, 1500)])
            assert await c.fetchval("select count(*) from items where name = 'copied'") == 500
        finally:
            await c.close()

    asyncio.run(body())


def test_asyncpg_pool_of_clients_larger_than_ours(forebay, table):
    proxy = forebay(pool={"size": 3}, general={"workers": 4})

    async def body():
        async with asyncpg.create_pool(proxy.url(), min_size=20, max_size=20) as pool:
            async def one(n):
                for i in range(20):
                    assert await pool.fetchval("select $1::int * 2", n + i) == 2 * (n + i)
                    async with pool.acquire() as c, c.transaction():
                        assert await c.fetchval("select name from items where id = $1", n % 3 + 1) == ("one", "two", "three")[n % 3]
            await asyncio.wait_for(asyncio.gather(*(one(n) for n in range(60))), 50)

    asyncio.run(body())


def test_asyncpg_timeout_cancels_the_query(forebay, cluster):
    proxy = forebay(pool={"size": 1})

    async def body():
        c = await asyncpg.connect(proxy.url())
        try:
            with pytest.raises(asyncio.TimeoutError):
                await c.fetchval("select pg_sleep(30)", timeout=0.3)
            assert await c.fetchval("select 1") == 1
        finally:
            await c.close()

    asyncio.run(body())
    cluster.nothing_left()


# ---- psql -----------------------------------------------------------------------------------------------------------


def test_psql(forebay, table):
    proxy = forebay()
    assert proxy.psql("select count(*) from items").stdout == "3\n"
    assert "items" in proxy.psql("\\dt").stdout
    out = run("psql", "-XAt", "-v", "ON_ERROR_STOP=1", env=proxy.env(), input="\\set FETCH_COUNT 10\nselect n from generate_series(1, 100) n;\n"
              "begin;\ninsert into items values (5, 'five');\nrollback;\nselect count(*) from items \\gdesc\n\\d items\n").stdout
    assert out.splitlines()[:100] == [str(n) for n in range(1, 101)] and "bigint" in out


def test_psql_copy(forebay, table, tmp_path):
    proxy = forebay()
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("".join(f"{n},name {n}\n" for n in range(10, 20010)))
    proxy.psql(f"\\copy items from '{source}' csv")
    proxy.psql(f"\\copy (select * from items where id >= 10 order by id) to '{target}' csv")
    assert target.read_text() == source.read_text()


def test_psql_connects_with_a_url_and_reports_errors_with_status(forebay):
    proxy = forebay()
    assert run("psql", "-XAt", proxy.url(), "-c", "select 7").stdout == "7\n"
    failed = proxy.psql("select nonsense", check=False)
    assert failed.returncode != 0 and 'column "nonsense" does not exist' in failed.stderr


# ---- pgbench --------------------------------------------------------------------------------------------------------


def test_pgbench_initialises(forebay):
    proxy = forebay()
    proxy.pgbench("-i", "-q", "-s", "1", dbname="other")
    assert proxy.psql("select count(*) from pgbench_accounts", dbname="other").stdout == "100000\n"


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
@pytest.mark.parametrize("script", ["-S", "-b tpcb-like"])
def test_pgbench_modes(forebay, bench_tables, mode, script):
    # prepared: as many threads as clients, for pgbench prepares synchronously (see the issue).
    out = forebay(pool={"size": 3}).pgbench("-n", "-M", mode, "-c", "8", "-j", "8", "-t", "50", *script.split()).stdout
    assert "number of transactions actually processed: 400/400" in out


def test_pgbench_connecting_for_each_transaction(forebay, bench_tables):
    out = forebay(pool={"size": 3}).pgbench("-n", "-S", "-C", "-c", "8", "-j", "2", "-t", "20").stdout
    assert "number of transactions actually processed: 160/160" in out


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench_file_with_several_statements(forebay, bench_tables, tmp_path, mode):
    combined = tmp_path / "combined.sql"
    combined.write_text(
        "\\set aid random(1, 100000)\n"
        + ("begin\\; update pgbench_accounts set abalance = abalance + 0 where aid = :aid\\; commit;\n" if mode == "simple" else "")
        + "begin;\nselect abalance from pgbench_accounts where aid = :aid;\nsavepoint s;\nselect 1;\nrollback to s;\nend;\n"
        + ("select 1\\; select 2\\; select 3;\n" if mode == "simple" else "select 1;\nselect 2;\n"))
    out = forebay(pool={"size": 3}).pgbench("-n", "-M", mode, "-c", "8", "-j", "8", "-t", "25", "-f", combined).stdout
    assert "number of transactions actually processed: 200/200" in out


def test_pgbench_pipelines(forebay, bench_tables, tmp_path):
    script = tmp_path / "pipeline.sql"
    script.write_text("\\set aid random(1, 100000)\n\\startpipeline\nselect abalance from pgbench_accounts where aid = :aid;\nselect 1;\n"
                      "begin;\nselect 2;\nend;\n\\endpipeline\n")
    for mode in ("extended", "prepared"):
        out = forebay(pool={"size": 3}).pgbench("-n", "-M", mode, "-c", "8", "-j", "8", "-t", "25", "-f", script).stdout
        assert "number of transactions actually processed: 200/200" in out


# ---- node -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def node_modules():
    """npm's packages in a cache folder outside the repository."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node or npm is not installed")
    source = Path(__file__).parent / "node"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "forebay" / "node"
    cache.mkdir(parents=True, exist_ok=True)
    wanted = (source / "package-lock.json").read_bytes()
    stamp = cache / "installed"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, cache)
        try:
            done = run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=cache, seconds=50, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm ci: no answer from the registry")
        if done.returncode != 0:
            pytest.skip(f"npm ci failed, no network? {done.stderr[-300:]}")
        stamp.write_bytes(wanted)
    shutil.copy(source / "client.mjs", cache)
    return cache


def test_node_pg(forebay, table, node_modules):
    proxy = forebay(pool={"size": 3})
    out = run("node", "client.mjs", proxy.url(), cwd=node_modules).stdout
    assert out.strip().splitlines()[-1] == "all well"


# ---- parameters of the session --------------------------------------------------------------------------------------


def test_many_logins_at_once(forebay):
    proxy = forebay(pool={"size": 5})

    def one(n):
        with proxy.connect() as c:
            return c.execute("select %s::int", [n]).fetchone()[0]

    assert run_threads(64, one) == list(range(64))


def test_the_server_sees_the_right_user(forebay):
    proxy = forebay()
    for user in ("app", "app2", "md5_user", "plain_user", "trust_user"):
        with proxy.connect(user) as c:
            assert c.execute("select current_user, session_user, current_database()").fetchone() == (user, user, "app")
    eventually(lambda: PASSWORDS["app"] not in proxy.log(), 1)
