"""pg_dump and psql: a database with every kind of object is dumped and restored through Forebay as it is directly."""

from pathlib import Path

import pytest

from harness import run

ZOO = Path(__file__).with_name("zoo.sql")


@pytest.fixture
def database(cluster):
    """A factory of empty databases."""
    made = []

    def make(name):
        cluster.sql(f"create database {name} template template0")
        made.append(name)
        return name

    yield make
    for name in made:
        cluster.sql("drop subscription if exists elsewhere", dbname=name)  # or the database may not be dropped
        cluster.sql(f"drop database {name} with (force)")


def dump(endpoint, dbname, *options):
    """As a plain text, without the random key of \\restrict."""
    text = run("pg_dump", *options, env=endpoint.env("postgres", dbname), seconds=50).stdout
    return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def restore(endpoint, dbname, lines):
    run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", env=endpoint.env("postgres", dbname), input="\n".join(lines) + "\n", seconds=50)


@pytest.fixture
def zoo(cluster, database):
    name = database("zoo")
    run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", ZOO, env=cluster.primary.env("postgres", name))
    return name


def same(left, right):
    """Where they differ and no page of text."""
    different = [(n, a, b) for n, (a, b) in enumerate(zip(left, right)) if a != b]
    assert not different and len(left) == len(right), f"{len(left)} and {len(right)} lines; {different[:3]}"


@pytest.mark.slow(180)
@pytest.mark.parametrize("options", [(), ("--inserts", "--rows-per-insert=50")], ids=["copy", "inserts"])
def test_dump_and_restore_through_forebay_are_as_direct(forebay, cluster, zoo, database, options):
    proxy, direct = forebay(), dump(cluster.primary, zoo, *options)
    assert len(direct) > 1500 or options
    through = dump(proxy, zoo, *options)
    same(through, direct)
    # An event trigger, subscription and large objects are the database's, so each restore gets one of its own.
    for target, endpoint, lines in (("dumped_through", cluster.primary, through), ("restored_through", proxy, direct), ("both_through", proxy, through)):
        restore(endpoint, database(target), lines)
        same(dump(cluster.primary, target, *options), direct)
    # pg_dump empties search_path and sets much else: nothing of that stays for the next client.
    for name in (zoo, "restored_through"):
        with proxy.connect("postgres", name) as c:
            settings = {n: c.execute(f"show {n}").fetchone()[0] for n in ("search_path", "extra_float_digits", "row_security", "transaction_isolation", "check_function_bodies")}
        assert settings == {"search_path": '"$user", public', "extra_float_digits": "1", "row_security": "on", "transaction_isolation": "read committed",
                            "check_function_bodies": "on"}


@pytest.mark.slow(180)
def test_archive_with_several_jobs(forebay, cluster, zoo, database, tmp_path):
    """pg_dump -j and pg_restore -j: one snapshot for several connections, and --single-transaction."""
    proxy, direct = forebay(), dump(cluster.primary, zoo)
    run("pg_dump", "-Fd", "-j", "3", "-f", tmp_path / "zoo", env=proxy.env("postgres", zoo))
    run("pg_restore", "-j", "3", "--exit-on-error", "-d", database("by_jobs"), tmp_path / "zoo", env=proxy.env("postgres", "by_jobs"))
    same(dump(cluster.primary, "by_jobs"), direct)
    run("pg_restore", "--single-transaction", "--exit-on-error", "-d", database("at_once"), tmp_path / "zoo", env=proxy.env("postgres", "at_once"))
    same(dump(cluster.primary, "at_once"), direct)
