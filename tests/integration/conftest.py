"""Fixtures: `cluster` (PostgreSQL, once per run) and `forebay` (a factory of proxies, checked when they end)."""

import os
import resource
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import harness  # noqa: E402

LIMIT = 60  # seconds per phase of a test; a hang is a failure, not a hung suite


def pytest_addoption(parser):
    parser.addoption("--direct", action="store_true", help="test PostgreSQL itself instead of Forebay (proves the tests)")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if config.getoption("--direct") and item.get_closest_marker("proxy"):
            item.add_marker(pytest.mark.skip(reason="about the proxy itself"))
    if harness.SANITIZED:
        unfit = [i for i in items if i.get_closest_marker("release_only")]
        config.hook.pytest_deselected(items=unfit)
        items[:] = [i for i in items if i not in unfit]


def bounded(item):
    def expire(*_):
        raise TimeoutError("the test's time is over")

    marker = item.get_closest_marker("slow")
    signal.signal(signal.SIGALRM, expire)
    signal.alarm((marker.args[0] if marker else LIMIT) * (3 if harness.SANITIZED else 1))
    try:
        yield
    finally:
        signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    yield from bounded(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    yield from bounded(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    yield from bounded(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for proxy in getattr(item, "proxies", []):
            told = [line for line in proxy.log().splitlines() if " client_login " not in line and " client_left " not in line]
            report.sections.append((f"Forebay's log ({report.when})", "\n".join(told)[-4000:]))


@pytest.fixture(scope="session")
def cluster():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    c = harness.Cluster()
    yield c
    c.stop()


@pytest.fixture(scope="session")
def bench_tables(cluster):
    """pgbench's tables in database `bench`, made straight on the server."""
    cluster.primary.pgbench("-i", "-q", "-s", "5")


@pytest.fixture
def forebay(cluster, request):
    """forebay(pool={"size": 5}, ...) starts a proxy; all are stopped, and must end cleanly, after the test."""
    direct = request.config.getoption("--direct")
    if not direct and not os.access(harness.BINARY, os.X_OK):
        pytest.fail(f"no binary {harness.BINARY} (build it, or set FOREBAY_BIN)")
    request.node.proxies = proxies = []

    def start(**overrides):
        proxies.append((harness.Direct if direct else harness.Forebay)(cluster, **overrides))
        return proxies[-1]

    yield start
    problems = []
    for proxy in proxies:
        try:
            proxy.stop()
        except AssertionError as e:
            problems.append(str(e))
    # What a test left running on the server on purpose must not meet the next one.
    cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where state <> 'idle' and backend_type = 'client backend'"
                " and pid <> pg_backend_pid()")
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.fixture
def table(cluster):
    """A fresh table `items` (id, name) with 3 rows in database app, owned by app; dropped afterwards."""
    # Some tests kill the server: the table must be on disk by then, although the cluster commits asynchronously.
    cluster.sql("set synchronous_commit to on; drop table if exists items; create table items (id int primary key, name text);"
                " insert into items values (1, 'one'), (2, 'two'), (3, 'three');"
                " alter table items owner to app; grant all on items to public")
    yield "items"
    cluster.sql("select pg_terminate_backend(a.pid) from pg_locks l join pg_stat_activity a using (pid)"
                " where l.relation = 'items'::regclass and a.pid <> pg_backend_pid()")
    cluster.sql("drop table items")
