"""Short runs of the checker (tests/consistency, scripts/consistency), each kind from a fixed seed; and what it is to find some day."""

import sys
from pathlib import Path

import pytest
from where import all_nodes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "consistency"))

import checker  # noqa: E402
import bank  # noqa: E402
import beside  # noqa: E402
import clock  # noqa: E402
import functions  # noqa: E402
import harness  # noqa: E402
import oracle  # noqa: E402
import register  # noqa: E402
import writes  # noqa: E402

pytestmark = pytest.mark.proxy


def holds(tally, least):
    """`least`: hits among so many reads are enough to say so."""
    assert not tally.violations, "\n".join(tally.violations[:20])
    assert tally.reads > 100 and tally.hits > tally.reads * least, str(tally)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_older_than_what_was_acknowledged_is_read(forebay, cluster, seed):
    tally = register.check(cluster, forebay(cache=checker.CACHED), seed, checker.ends_in(6))
    holds(tally, 0.2)
    assert tally.writes > 5, str(tally)


def test_what_a_replica_says_that_is_behind_is_not_given_to_others(forebay, cluster):
    for node in cluster.replicas:
        with node.connect("postgres") as c:
            c.execute("alter system set recovery_min_apply_delay = '100ms'")
            c.execute("select pg_reload_conf()")
    try:
        proxy = forebay(cache=checker.CACHED, nodes=all_nodes(cluster), pool={"size": 20})
        holds(register.check(cluster, proxy, 3, checker.ends_in(6), readers=6, writers=1, has_replicas=True, pace=1.5), 0.05)
    finally:
        for node in cluster.replicas:
            with node.connect("postgres") as c:
                c.execute("alter system reset recovery_min_apply_delay")
                c.execute("select pg_reload_conf()")


def test_what_a_bank_has_adds_up(forebay, cluster):
    holds(bank.check(cluster, forebay(cache=checker.CACHED), 1, checker.ends_in(4)), 0.2)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_answer_is_to_the_byte_what_the_server_says(forebay, cluster, seed):
    holds(oracle.check(cluster, forebay(cache=checker.CACHED), seed, checker.ends_in(6)), 0.1)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_written_in_any_way_is_read(forebay, cluster, seed):
    holds(writes.check(cluster, forebay(cache=checker.CACHED), seed, checker.ends_in(8)), 0.3)


@pytest.mark.slow(180)
def test_what_is_kept_does_not_depend_on_the_time():
    with clock.cluster_with_clock() as (cluster, time):
        proxy = harness.Forebay(cluster, cache=checker.CACHED)
        try:
            holds(functions.check(cluster, proxy, 1, checker.ends_in(0), time, part=0.1), 0.2)
        finally:
            proxy.stop()


@pytest.mark.parametrize("name", beside.BESIDE)
def test_a_write_beside_is_seen(forebay, cluster, request, name):
    write, why = beside.BESIDE[name]
    request.applymarker(pytest.mark.xfail(strict=True, reason=f"mode bounded is to see it: {why}"))
    assert beside.is_seen(cluster, forebay(cache=checker.CACHED), forebay(), write)
