"""Python's drivers do their daily work: psycopg 3 and asyncpg."""

import asyncio

import asyncpg
import psycopg
import pytest

NAMES = ("one", "two", "three")


# ---- psycopg 3 -------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("threshold", [None, 0, 1, 5])
def test_psycopg_executemany(forebay, table, threshold):
    with forebay(pool={"size": 2}).connect() as c, c.cursor() as cursor:
        c.prepare_threshold = threshold
        cursor.executemany("insert into items values (%s, %s) returning id", [(n, f"n{n}") for n in range(100, 400)], returning=True)
        ids = [cursor.fetchone()[0]]
        while cursor.nextset():
            ids.append(cursor.fetchone()[0])
        assert ids == list(range(100, 400))
        cursor.executemany("update items set name = %s where id = %s", [("changed", n) for n in range(100, 400)])
        assert cursor.rowcount == 300
        with pytest.raises(psycopg.errors.UniqueViolation):
            cursor.executemany("insert into items values (%s, 'double')", [(500,), (501,), (500,)])
        assert c.execute("select count(*), count(*) filter (where name = 'changed') from items").fetchone() == (303, 300)


def test_psycopg_pipeline_with_an_error(forebay, table):
    with forebay(pool={"size": 2}).connect() as c:
        c.prepare_threshold = 0
        with pytest.raises(psycopg.errors.DivisionByZero), c.pipeline() as pipeline:
            first = c.execute("insert into items values (%s, %s) returning id", [4, "four"])
            pipeline.sync()
            c.execute("insert into items values (%s, %s)", [5, "five"])
            c.execute("select 1 / %s", [0])
            c.execute("update items set name = 'behind it'")
            pipeline.sync()
        assert first.fetchone() == (4,)
        assert c.execute("select id from items where id > 3 or name = 'behind it'").fetchall() == [(4,)]
        with c.pipeline(), c.transaction():
            for n in range(10, 20):
                c.execute("insert into items values (%s, %s)", [n, str(n)])
            with pytest.raises(psycopg.errors.UniqueViolation), c.transaction():
                c.execute("insert into items values (%s, %s)", [10, "again"])
        assert c.execute("select count(*) from items").fetchone() == (14,)


def test_psycopg_pipeline_deallocates_what_it_evicts(forebay, table):
    proxy = forebay(pool={"size": 2})
    with proxy.connect() as c, proxy.connect() as other:
        c.prepare_threshold = other.prepare_threshold = 0
        c.prepared_max = 2
        for _ in range(3):
            with c.pipeline() as pipeline:
                cursors = []
                for n in range(12):  # more texts than it keeps: each evicts another by DEALLOCATE
                    cursors.append(c.execute(f"select name, %s::int + {n} from items where id = %s", [n, n % 3 + 1]))
                    if n % 5 == 4:
                        pipeline.sync()
            assert [cur.fetchone() for cur in cursors] == [(NAMES[n % 3], 2 * n) for n in range(12)]
            # The same texts on the same servers, which have lost some of them.
            for n in range(12):
                assert other.execute(f"select name, %s::int + {n} from items where id = %s", [n, n % 3 + 1]).fetchone() == (NAMES[n % 3], 2 * n)


def test_psycopg_named_cursors(forebay, table):
    with forebay(pool={"size": 2}).connect(autocommit=False) as c:
        with c.cursor("a", scrollable=True) as a, c.cursor("b") as b:
            a.execute("select n from generate_series(1, %s) n", [1000])
            b.execute("select id from items order by id for update")
            assert a.fetchmany(3) == [(1,), (2,), (3,)] and b.fetchone() == (1,)
            a.scroll(500, mode="absolute")
            assert a.fetchone() == (501,) and b.fetchall() == [(2,), (3,)]
        with pytest.raises(psycopg.errors.DivisionByZero), c.transaction(), c.cursor("failing") as cursor:
            cursor.execute("select 10 / (5 - n) from generate_series(1, 9) n")
            cursor.fetchall()
        assert c.execute("select 1").fetchone() == (1,)
        with c.cursor("held", withhold=True) as held:
            held.execute("select id from items order by id")
            c.commit()
            assert held.fetchall() == [(1,), (2,), (3,)]


def test_psycopg_async_connections_more_than_servers(forebay, table):
    proxy = forebay(pool={"size": 2})

    async def one(number):
        async with await psycopg.AsyncConnection.connect(proxy.dsn(), autocommit=True, prepare_threshold=number % 2) as c:
            for n in range(20):
                cursor = await c.execute("select name, %s::int from items where id = %s", [n, n % 3 + 1])
                assert await cursor.fetchone() == (NAMES[n % 3], n)
                async with c.transaction(), c.cursor() as cursor:
                    await cursor.execute("select name::int from items where id = %s for update", [100])
                    (value,) = await cursor.fetchone()
                    with pytest.raises(psycopg.errors.DivisionByZero):
                        async with c.transaction():
                            await c.execute("select 1 / %s", [0])
                    await c.execute("update items set name = %s where id = %s", [str(value + 1), 100])

    async def body():
        await asyncio.wait_for(asyncio.gather(*(one(n) for n in range(8))), 50)

    with proxy.connect() as c:
        c.execute("insert into items values (100, '0')")
        asyncio.run(body())
        assert c.execute("select name from items where id = 100").fetchone() == ("160",)


# ---- asyncpg ---------------------------------------------------------------------------------------------------------


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


def test_asyncpg_transactions(forebay, table):
    proxy = forebay(pool={"size": 2})

    async def body():
        c = await asyncpg.connect(proxy.url())
        try:
            with pytest.raises(asyncpg.UniqueViolationError):
                async with c.transaction(isolation="serializable"):
                    assert await c.fetchval("show transaction_isolation") == "serializable"
                    await c.execute("insert into items values ($1, 'four')", 4)
                    with pytest.raises(asyncpg.DivisionByZeroError):
                        async with c.transaction():
                            await c.execute("delete from items")
                            await c.fetchval("select 1 / $1::int", 0)
                    assert await c.fetchval("select count(*) from items") == 4
                    await c.execute("insert into items values ($1, 'again')", 4)
            async with c.transaction():
                await c.execute("update items set name = 'two!' where id = $1", 2)
            assert [tuple(r) for r in await c.fetch("select * from items order by id")] == [(1, "one"), (2, "two!"), (3, "three")]
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
                        assert await c.fetchval("select name from items where id = $1", n % 3 + 1) == NAMES[n % 3]
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
