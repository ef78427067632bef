"""What is read through the cache is never older than what was acknowledged (tests/consistency/register.py)."""

import sys
from pathlib import Path

import pytest
from where import all_nodes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "consistency"))

import register  # noqa: E402

pytestmark = pytest.mark.proxy

CACHED = {"mode": "ttl", "ttl": "10m"}


def run(proxy, cluster, seed, **more):
    try:
        registers, hits = register.check(proxy, cluster, seed, 6, **more)
    finally:
        cluster.sql("drop schema if exists register cascade")
    assert not registers.violations, registers.violations[:20]
    assert registers.writes > 5 and hits > registers.reads / 20, (registers.reads, hits, registers.writes)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_older_than_what_was_acknowledged_is_read(forebay, cluster, seed):
    run(forebay(cache=CACHED), cluster, seed)


def test_what_a_replica_says_that_is_behind_is_not_given_to_others(forebay, cluster):
    for node in cluster.replicas:
        with node.connect("postgres") as c:
            c.execute("alter system set recovery_min_apply_delay = '100ms'")
            c.execute("select pg_reload_conf()")
    try:
        run(forebay(cache=CACHED, nodes=all_nodes(cluster), pool={"size": 20}), cluster, 3, writers=1, has_replicas=True, pace=1.5)
    finally:
        for node in cluster.replicas:
            with node.connect("postgres") as c:
                c.execute("alter system reset recovery_min_apply_delay")
                c.execute("select pg_reload_conf()")
