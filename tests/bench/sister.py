"""What Redis costs and gives, in milliseconds as a client sees it (p50, p95, p99): a statement of some 10 ms, asked of Forebay without
Redis, of one that has it (misses), of a fresh one that finds what another has read there (hits), and of one whose Redis is frozen.

usage: scripts/bench --sister [--statements N]
"""

import argparse
import resource
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import wire  # noqa: E402
from harness import Cluster, Forebay, eventually  # noqa: E402
from redis_server import Redis  # noqa: E402


def forebay(cluster, redis):
    cache = {"mode": "ttl", **({"redis": redis.url} if redis else {})}
    proxy = Forebay(cluster, cache=cache)
    with proxy.wire() as w:
        eventually(lambda: last(ask(w, "select count(*) from probe where id < 0") and w) in ("hit", "hit in Redis"), 20, "it caches")
    return proxy


def ask(w, text):
    w.send(wire.query(text))
    return [m.values for m in w.until_ready() if m.kind == "D"]


def last(w):
    return ask(w, "show forebay.last_cache")[0][0].decode()


def texts(kind, count):
    return [f"select {n}, '{kind}', (select count(*) from generate_series(1, 60000)) from probe where id = 1" for n in range(count)]


def played(proxy, kind, count, wanted):
    """Seconds of each, of those that became what is wanted; how many did."""
    took, others = [], 0
    with proxy.wire() as w:
        for text in texts(kind, count):
            begun = time.perf_counter()
            ask(w, text)
            seconds = time.perf_counter() - begun
            if last(w) == wanted:
                took.append(seconds)
            else:
                others += 1
    return took, others


def told(name, took, others):
    q = statistics.quantiles(took, n=100) if len(took) > 1 else [0] * 99
    print(f"{name:34} p50 {1e3 * q[49]:7.2f}  p95 {1e3 * q[94]:7.2f}  p99 {1e3 * q[98]:7.2f} ms   ({len(took)} of {len(took) + others})")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--statements", type=int, default=300)
    count = options.parse_args().statements
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    cluster, redis, proxies = Cluster(replicas=0), Redis(), []
    try:
        cluster.sql("create table probe (id int primary key)")
        cluster.sql("insert into probe values (1)")
        cluster.sql("grant select on probe to public")
        plain, one = forebay(cluster, None), forebay(cluster, redis)
        proxies += [plain, one]
        told("misses without Redis", *played(plain, "a", count, "miss"))
        told("misses with Redis", *played(one, "a", count, "miss"))
        played(one, "b", count, "miss")
        played(one, "b", count, "miss")  # the second of each is kept, and goes to Redis
        fresh = forebay(cluster, redis)
        proxies.append(fresh)
        told("hits in Redis, by a fresh sister", *played(fresh, "b", count, "hit in Redis"))
        print("   ", ", ".join(f"{r['item']} {r['value']}" for r in fresh.console("SHOW CACHE") if r["item"].startswith("redis")))
        with redis.frozen():
            told("misses while Redis is frozen", *played(one, "c", count, "miss"))
    finally:
        for p in proxies:
            p.stop()
        redis.stop()
        cluster.stop()


if __name__ == "__main__":
    main()
