"""Python's mappers of objects: SQLAlchemy (on psycopg2 and on asyncpg) and Django."""

import asyncio
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, declarative_base

from harness import PASSWORDS, run, run_threads

NAMES = ("one", "two", "three")
Base = declarative_base()


class Item(Base):
    __tablename__ = "items"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.Text)


def engine_url(proxy, driver):
    return proxy.url().replace("postgres:", f"postgresql+{driver}:")


@pytest.fixture
def engine(forebay, table):
    """Eight connections over two servers."""
    engine = sa.create_engine(engine_url(forebay(pool={"size": 2}), "psycopg2"), pool_size=8, future=True)
    yield engine
    engine.dispose()


def test_sqlalchemy_session(engine):
    with Session(engine) as session:
        session.add_all(Item(id=n, name=f"n{n}") for n in range(100, 400))
        session.get(Item, 1).name = "changed"
        session.commit()
        session.delete(session.get(Item, 2))
        session.rollback()
        with session.begin_nested() as savepoint:
            session.add(Item(id=4, name="four"))
            session.flush()
            savepoint.rollback()
        with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
            session.add(Item(id=3, name="again"))
        assert session.scalars(sa.select(Item.name).where(Item.id < 100).order_by(Item.id)).all() == ["changed", "two", "three"]
        streamed = session.execute(sa.select(Item.id).where(Item.id >= 100).order_by(Item.id), execution_options={"stream_results": True})
        assert streamed.yield_per(50).scalars().all() == list(range(100, 400))
        session.commit()


def test_sqlalchemy_tables_made_and_reflected(engine):
    metadata = sa.MetaData()
    sa.Table("reflected", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("item", sa.ForeignKey(Item.id)))
    metadata.create_all(engine)
    try:
        found = sa.Table("reflected", sa.MetaData(), autoload_with=engine)
        assert [c.name for c in found.columns] == ["id", "item"] and found.foreign_keys
    finally:
        metadata.drop_all(engine)


def test_sqlalchemy_threads_more_than_servers(engine):
    def one(number):
        for _ in range(10):
            with Session(engine) as session, session.begin():
                item = session.get(Item, number % 3 + 1, with_for_update=True)
                item.name += "+"

    run_threads(9, one)
    with Session(engine) as session:
        assert session.scalars(sa.select(Item.name).order_by(Item.id)).all() == [name + "+" * 30 for name in NAMES]


def test_sqlalchemy_on_asyncpg(forebay, table):
    """This dialect prepares each statement by name."""
    proxy = forebay(pool={"size": 2})

    async def one(engine, number):
        for n in range(10):
            async with AsyncSession(engine) as session, session.begin():
                item = await session.get(Item, number % 3 + 1, with_for_update=True)
                item.name += "+"
            async with AsyncSession(engine) as session:
                assert (await session.get(Item, n % 3 + 1)).name.startswith(NAMES[n % 3])

    async def body():
        engine = create_async_engine(engine_url(proxy, "asyncpg"), pool_size=8)
        try:
            await asyncio.wait_for(asyncio.gather(*(one(engine, n) for n in range(9))), 50)
            async with AsyncSession(engine) as session:
                session.add_all(Item(id=n, name="many") for n in range(100, 200))
                await session.commit()
                with pytest.raises(sa.exc.IntegrityError):
                    async with session.begin_nested():
                        session.add(Item(id=100, name="again"))
                rows = await session.stream(sa.select(Item.name).order_by(Item.id))
                assert [name async for name in rows.scalars()] == [name + "+" * 30 for name in NAMES] + ["many"] * 100
        finally:
            await engine.dispose()

    asyncio.run(body())


def test_django(forebay, cluster, table):
    proxy = forebay(pool={"size": 2})
    cluster.sql("drop schema if exists shop cascade; create schema shop authorization app")
    program = Path(__file__).parent / "orm" / "django_work.py"
    out = run(sys.executable, program, proxy.host, proxy.port, "app", PASSWORDS["app"], "app").stdout
    assert out == "all well\n"
    cluster.nothing_left()
    cluster.sql("drop schema shop cascade")
