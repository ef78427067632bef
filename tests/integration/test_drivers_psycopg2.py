"""psycopg2 does its daily work: transactions, COPY, named cursors, many rows at once, its asynchronous mode, threads."""

import io

import psycopg2
import pytest
from psycopg2.extras import execute_batch, execute_values, wait_select

from harness import run_threads

NAMES = ("one", "two", "three")


@pytest.fixture
def psycopg2_connect(forebay):
    """Connects to a proxy with two servers."""
    proxy, opened = forebay(pool={"size": 2}), []

    def connect(**more):
        opened.append(psycopg2.connect(proxy.dsn(), **more))
        return opened[-1]

    yield connect
    for c in opened:
        c.close()


def test_psycopg2_transactions(psycopg2_connect, table):
    c = psycopg2_connect()
    with c, c.cursor() as cursor:
        cursor.execute("insert into items values (%s, %s) returning id", (7, "seven"))
        assert cursor.fetchone() == (7,)
        cursor.copy_expert("copy items from stdin", io.StringIO("8\teight\n9\tnine\n"))
        cursor.execute("update items set name = upper(name) where id > 7")
        assert cursor.rowcount == 2
    with pytest.raises(psycopg2.errors.UniqueViolation), c, c.cursor() as cursor:
        cursor.execute("delete from items where id = 1")
        cursor.execute("savepoint here")
        with pytest.raises(psycopg2.errors.DivisionByZero):
            cursor.execute("select 1/0")
        with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
            cursor.execute("select 1")
        cursor.execute("rollback to here")
        cursor.execute("insert into items values (7, 'again')")
    with c, c.cursor() as cursor:
        out = io.StringIO()
        cursor.copy_expert("copy (select * from items where id in (1, 8) order by id) to stdout", out)
        assert out.getvalue() == "1\tone\n8\tEIGHT\n"


def test_psycopg2_prepared_by_sql(psycopg2_connect, table):
    c, other = psycopg2_connect(), psycopg2_connect()
    with c, c.cursor() as cursor:
        cursor.execute("prepare by_id (int) as select name from items where id = $1")
    for n in range(3):
        with other, other.cursor() as blocker, c, c.cursor() as cursor:
            blocker.execute("select 1")
            cursor.execute("execute by_id (%s)", (n + 1,))
            assert cursor.fetchone() == (NAMES[n],)
    with c, c.cursor() as cursor:
        cursor.execute("deallocate by_id")


def test_psycopg2_many_rows_and_named_cursors(psycopg2_connect, table):
    c = psycopg2_connect()
    with c, c.cursor() as cursor:
        rows = [(n, f"n{n}") for n in range(100, 600)]
        assert execute_values(cursor, "insert into items values %s returning id", rows, fetch=True) == [(n,) for n, _ in rows]
        execute_batch(cursor, "update items set name = 'changed' where id = %s", [(n,) for n, _ in rows])
        cursor.execute("select count(*) from items where name = 'changed'")
        assert cursor.fetchone() == (500,)
    with c, c.cursor("named", scrollable=True) as cursor:
        cursor.itersize = 70
        cursor.execute("select id from items where id >= 100 order by id")
        assert [row[0] for row in cursor] == list(range(100, 600))
        cursor.scroll(0, mode="absolute")
        assert cursor.fetchmany(2) == [(100,), (101,)]


def test_psycopg2_asynchronous(psycopg2_connect, table):
    connections = [psycopg2_connect(async_=1) for _ in range(8)]
    for c in connections:
        wait_select(c)
    cursors = [c.cursor() for c in connections]
    for round in range(20):
        for n, cursor in enumerate(cursors):
            cursor.execute("select %s, name, pg_sleep(0) from items where id = %s", (n, (n + round) % 3 + 1))
        for n, cursor in enumerate(cursors):
            wait_select(cursor.connection)
            assert cursor.fetchone()[:2] == (n, NAMES[(n + round) % 3])
    cursors[0].execute("select 1/0")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        wait_select(connections[0])
    cursors[0].execute("select 1")
    wait_select(connections[0])
    assert cursors[0].fetchone() == (1,)


def test_psycopg2_threads_more_than_servers(psycopg2_connect, table):
    def one(number):
        c = psycopg2_connect()
        for n in range(20):
            with c, c.cursor() as cursor:
                cursor.execute("select name from items where id = %s for update", (number % 3 + 1,))
                (name,) = cursor.fetchone()
                cursor.execute("update items set name = %s where id = %s", (name + "+", number % 3 + 1))

    run_threads(9, one)
    with psycopg2_connect() as c, c.cursor() as cursor:
        cursor.execute("select name from items order by id")
        assert cursor.fetchall() == [(name + "+" * 60,) for name in NAMES]
