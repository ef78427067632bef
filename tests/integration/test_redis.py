"""Results shared through Redis by several Forebays: each answers from what the others have read, none from what is older than
a write it has acknowledged itself, and whatever happens to Redis costs a moment and nothing else."""

import random
import time

import pytest
import wire
from harness import eventually, run_threads
from redis_server import Garbage, Redis, RedisCluster
from test_cache import connect, last, tables, until_it_caches, value, warm  # noqa: F401
from test_own_writes import delay
from where import all_nodes, replicas_have_all, until_reads_go_to_replicas

pytestmark = pytest.mark.proxy

# Slow enough that it is worth asking Redis for it.
SLOW = "select name, (select count(*) from generate_series(1, 100000)) from cached.items where id = 7"


@pytest.fixture(scope="module")
def shared_redis():
    r = Redis()
    yield r
    r.stop()


@pytest.fixture
def redis(shared_redis):
    shared_redis.cli("flushall")
    return shared_redis


def sister(forebay, redis, **cache):
    p = forebay(cache={"mode": "ttl", "ttl": "10m", "redis": redis.url, **cache})
    until_it_caches(p)
    eventually(lambda: told(p, "redis_connected") or shared(p)["hits"] + shared(p)["misses"] > 0 or redis_used(p), 20, "it uses Redis")
    return p


def told(proxy, word):
    return f" {word} " in proxy.log()


def redis_used(proxy):
    with connect(proxy) as c:
        c.execute(f"select {random.random()}, (select count(*) from generate_series(1, 20000)) from cached.items")
    return sum(shared(proxy)[k] for k in ("hits", "misses")) > 0


def shared(proxy):
    return {r["item"][len("redis: "):]: int(r["value"]) for r in proxy.console("SHOW CACHE") if r["item"].startswith("redis: ")}


def fill(proxy, redis, text=SLOW):
    """The result is in Redis, by this name. A machine that is busy may be too slow for it the first time."""
    before = set(redis.names())
    with connect(proxy) as c:
        warm(c, text)

        def is_there():
            if set(redis.names()) - before:
                return True
            c.execute("/* forebay: cache=refresh */ " + text)
            return False

        eventually(is_there, 20, "it is in Redis")
    return (set(redis.names()) - before).pop()


def hit_in_redis(one, other, redis, cluster, text=SLOW):
    """What one has read is what the other answers, though it is something else by now. Tried with several texts, as Redis may
    take longer than it is waited for."""
    seen = []
    for n in range(1, 20):
        asked = text.replace("100000", str(100000 + n))
        cluster.sql("update cached.items set name = %s where id = 7", (f"of {n}",))
        one.console("CACHE FLUSH TABLE cached.items")
        fill(one, redis, asked)
        with connect(one) as c:
            expected = c.execute(asked).fetchone()
        cluster.sql("update cached.items set name = 'behind its back' where id = 7")
        with connect(other) as c:
            found = c.execute(asked).fetchone()
            seen.append(last(c))
            if seen[-1] == "hit in Redis":
                assert found == expected
                return
    raise AssertionError(f"never a hit in Redis: {seen}")


def test_a_sister_answers_from_redis(forebay, redis, cluster):
    hit_in_redis(sister(forebay, redis), sister(forebay, redis), redis, cluster)


def test_one_that_comes_later_answers_from_redis(forebay, redis, cluster):
    one = sister(forebay, redis)
    many = texts(10)
    for text in many:
        fill(one, redis, text)
    cluster.sql("update cached.items set name = 'behind its back' where id = 7")
    with connect(sister(forebay, redis)) as c:
        found = [(value(c, text), last(c)) for text in many]
    assert ("item 7", "hit in Redis") in found
    assert all(how == "miss" for name, how in found if name != "item 7")


def test_what_is_written_here_is_never_older_in_redis(forebay, redis):
    """Pairs of sisters count one row up, each: nobody reads less than it has made of it."""
    proxies = [sister(forebay, redis), sister(forebay, redis)]

    def play(number):
        mine = number // 2 + 10
        text = f"select price::int, (select count(*) from generate_series(1, 40000)) from cached.items where id = {mine}"
        with connect(proxies[number % 2]) as c:
            for _ in range(60):
                made = value(c, "update cached.items set price = price + 1 where id = %s returning price::int", (mine,))
                for _ in range(3):
                    assert value(c, text) >= made

    run_threads(6, play)
    looked_up = [shared(p) for p in proxies]
    assert sum(s["not to be used"] + s["hits"] for s in looked_up) > 0, looked_up


def test_an_entry_of_before_a_write_is_not_taken(forebay, redis):
    """The sister was told of nothing, and what it had read lies in Redis when the writer looks."""
    one, other = sister(forebay, redis), sister(forebay, redis)
    for text in texts(8):
        fill(other, redis, text)
    with connect(one) as c:
        c.execute("update cached.items set name = 'new' where id = 7")
        for text in texts(8):
            assert value(c, text) == "new"
            assert last(c) == "miss"
    assert shared(one)["not to be used"] > 0


def test_a_sister_hears_of_a_write(forebay, redis):
    one, other = sister(forebay, redis), sister(forebay, redis)
    with connect(one) as c, connect(other) as o:
        for n in range(10):
            warm(o, SLOW)
            c.execute("update cached.items set name = %s where id = 7", (f"name {n}",))
            eventually(lambda n=n: value(o, SLOW) == f"name {n}", 5, "the sister reads the new name")


@pytest.mark.parametrize("write", [
    "truncate cached.items",
    "do $$ begin delete from cached.items; end $$",
    "alter table cached.items alter name type text using 'other'",
    "begin; delete from cached.items where id = 7; commit",
])
def test_a_sister_hears_of_writes_of_all_kinds(forebay, redis, write):
    one, other = sister(forebay, redis), sister(forebay, redis)
    with connect(one) as c, connect(other) as o:
        warm(o, SLOW)
        c.execute(write)

        def fresh():
            row = o.execute(SLOW).fetchone()
            return row is None or row[0] == "other"

        eventually(fresh, 5, "the sister reads what is there")


def test_one_that_comes_later_knows_what_was_written(forebay, redis, cluster):
    """An entry is older than what a Forebay that has ended had written: the next one is not to take it."""
    one, other = sister(forebay, redis), sister(forebay, redis)
    old = fill(other, redis)
    relation = cluster.sql("select 'cached.items'::regclass::oid as id")[0]["id"]

    def is_told():
        return [f for key in redis.cli("keys", "forebay:1:written:*").split() for f in redis.cli("hkeys", key).split() if f"/{relation}/" in f]

    with connect(one) as c:
        c.execute("update cached.items set name = 'new' where id = 7")
    eventually(is_told, 5, "it is told")
    one.stop()
    next_one = sister(forebay, redis)
    assert old in redis.names()
    with connect(next_one) as c:
        assert value(c, SLOW) == "new"


@pytest.mark.parametrize("flush", ["CACHE FLUSH", "CACHE FLUSH TABLE cached.items", "CACHE FLUSH TAG slow", "CACHE FLUSH DATABASE app"])
def test_a_flush_is_one_of_all_sisters(forebay, redis, cluster, flush):
    rule = {"rule": [{"tables": ["cached.items"], "tags": ["slow"]}]}
    one, other = sister(forebay, redis, **rule), sister(forebay, redis, **rule)
    with connect(other) as o:
        warm(o, SLOW)
        eventually(redis.names, 5, "it is in Redis")
        cluster.sql("update cached.items set name = 'new' where id = 7")
        one.console(flush)
        eventually(lambda: value(o, SLOW) == "new", 5, "the other has dropped it")
    with connect(one) as c:
        assert value(c, SLOW) == "new"


def test_the_age_counts_from_its_first_reading(forebay, redis, cluster):
    one = sister(forebay, redis)
    other = sister(forebay, redis, rule=[{"tables": ["cached.items"], "ttl": "60s"}])
    hit_in_redis(one, other, redis, cluster)
    name = fill(one, redis)
    redis.cli("pexpire", name, str(600_000 - 61_000))  # of ten minutes
    cluster.sql("update cached.items set name = 'new' where id = 7")
    with connect(other) as c:
        assert value(c, SLOW) == "new"


def test_roles_settings_and_parameters_do_not_mix(forebay, redis, cluster):
    one, other = sister(forebay, redis), sister(forebay, redis)
    who = "select current_user, (select count(*) from generate_series(1, 100000)) from cached.items where id = 7"
    fill(one, redis, who)
    with connect(other, "app2") as c:
        assert value(c, who) == "app2"
    when = "select at::text, (select count(*) from generate_series(1, 100000)) from cached.items where id = 7"
    fill(one, redis, when)
    with connect(other) as c:
        c.execute("set timezone = 'Asia/Tokyo'")
        assert value(c, when) == "2026-01-01 21:00:00+09"


@pytest.mark.parametrize("damage", ["flip", "cut", "other key", "empty", "another type"])
def test_damaged_values_are_not_used(forebay, redis, damage):
    one, other = sister(forebay, redis), sister(forebay, redis)
    name = fill(one, redis)
    if damage == "flip":
        redis.cli("setrange", name, str(int(redis.cli("strlen", name)) - 9), "X")
    elif damage == "cut":
        redis.cli("eval", "local v = redis.call('get', KEYS[1]) redis.call('set', KEYS[1], string.sub(v, 1, -2), 'KEEPTTL')", "1", name)
    elif damage == "other key":
        second = fill(one, redis, SLOW.replace("id = 7", "id = 8"))
        redis.cli("copy", second, name, "replace")
    elif damage == "empty":
        redis.cli("set", name, "", "keepttl")
    else:
        redis.cli("del", name)
        redis.cli("lpush", name, "x")
    with connect(other) as c:
        assert value(c, SLOW) == "item 7"
        assert last(c) == "miss"


@pytest.fixture
def own_redis(request):
    made = []

    def start(*arguments, **more):
        made.append(Redis(*arguments, **more))
        return made[-1]

    yield start
    for r in made:
        r.stop()


def test_a_client_that_leaves_behind_its_question(forebay, redis):
    one, other = sister(forebay, redis), sister(forebay, redis)
    many = texts(20)
    for text in many:
        fill(one, redis, text)
    for text in many:
        w = other.wire()
        w.send(wire.query(text) + wire.terminate())
        w.until_closed()
    with connect(other) as c:
        assert value(c, SLOW) == "item 7"
    assert other.alive()


def test_what_a_replica_says_that_is_behind_is_not_shared(forebay, redis, cluster):
    """A sister has heard of a write, and reads from replicas that have not replayed it: the writer is not to find that."""
    replicas_have_all(cluster)
    one = sister(forebay, redis)
    other = forebay(cache={"mode": "ttl", "redis": redis.url}, nodes=all_nodes(cluster), pool={"size": 20}, health={"interval": "100ms"})
    until_it_caches(other)
    delay(cluster, 1900, 1900)
    try:
        until_reads_go_to_replicas(other)
        behind = 0
        with connect(one) as c, connect(other) as o:
            for n in range(3):
                c.execute("update cached.items set name = %s where id = 7", (f"name {n}",))
                for text in (SLOW.replace("100000", str(1000 * n + 50000 + i)) for i in range(10)):
                    for _ in range(3):
                        behind += value(o, text) != f"name {n}"
                    assert value(c, text) == f"name {n}"
        assert behind > 0
    finally:
        delay(cluster, None, None)


def texts(count):
    return [SLOW.replace("100000", str(20000 + n)) for n in range(count)]


def test_a_frozen_redis_costs_a_moment(forebay, own_redis):
    """Long enough that its connections are given up and dialled anew, while it is let alone."""
    r = own_redis()
    proxy = sister(forebay, r)

    def ask(c):
        assert value(c, f"select name, (select count(*) from generate_series(1, 50000)) from cached.items where id = 7 and {random.random()} < 2") == "item 7"

    with connect(proxy) as c:
        with r.frozen():
            begun = time.monotonic()

            def is_let_alone():
                ask(c)
                return shared(proxy)["late"] >= 5 and told(proxy, "redis_slow") and time.monotonic() > begun + 7

            eventually(is_let_alone, 30, "it is let alone")
        c.execute("update cached.items set name = 'after' where id = 7")
        assert value(c, SLOW) == "after"
        c.execute("update cached.items set name = 'item 7' where id = 7")
        before = shared(proxy)["misses"]
        eventually(lambda: ask(c) or shared(proxy)["misses"] > before, 20, "it is asked again")


def test_one_that_may_not_listen_is_not_dialled_without_end(forebay, own_redis):
    r = own_redis()
    r.cli("acl", "setuser", "deaf", "on", ">some secret", "~forebay:*", "resetchannels", "+@all")

    class Named:
        url = f"redis://deaf:some%20secret@127.0.0.1:{r.port}"
        names = r.names

    proxy = sister(forebay, Named)
    eventually(lambda: "NOPERM" in proxy.log(), 10, "it is said")
    before = int(r.cli("info", "stats").split("total_connections_received:")[1].split()[0])
    with connect(proxy) as c:
        for text in texts(40):
            assert value(c, text) == "item 7"
    dialled = int(r.cli("info", "stats").split("total_connections_received:")[1].split()[0]) - before
    assert dialled < 30 and proxy.log().count("redis_failed") < 5, (dialled, proxy.log().count("redis_failed"))
    with connect(proxy) as c:
        c.execute("update cached.items set name = 'new' where id = 7")
    eventually(lambda: told(proxy, "sisters_not_told"), 10, "that is said, too")


def test_a_killed_redis_is_found_again(forebay, own_redis):
    r = own_redis()
    proxy = sister(forebay, r)
    with connect(proxy) as c:
        r.kill()
        for text in texts(10):
            assert value(c, text) == "item 7"
        c.execute("update cached.items set name = 'meanwhile' where id = 7")
        assert value(c, SLOW) == "meanwhile"
        eventually(lambda: told(proxy, "redis_failed"), 10, "it is said")
        r.start()
        eventually(lambda: told(proxy, "redis_connected"), 20, "it is found again")
        fill(proxy, r)
    # What was written while it was away is told when it is back.
    with connect(sister(forebay, r)) as c:
        assert value(c, SLOW) == "meanwhile"


def test_an_old_dump_brings_nothing_back(forebay, own_redis):
    r = own_redis()
    one, other = sister(forebay, r), sister(forebay, r)
    fill(one, r)
    r.cli("save")
    with connect(one) as c:
        c.execute("update cached.items set name = 'new' where id = 7")
        r.kill()
        r.start()
        assert r.names()
        eventually(lambda: r.cli("pubsub", "numsub", "forebay:1:news").endswith("\n2"), 20, "both listen again")
        for _ in range(20):
            assert value(c, SLOW) == "new"
    with connect(other) as c:
        eventually(lambda: value(c, SLOW) == "new", 10, "the other has heard it")


def test_a_full_redis_takes_nothing_and_harms_nothing(forebay, own_redis):
    r = own_redis("--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
    proxy = sister(forebay, r)
    with connect(proxy) as c:
        for text in texts(10):
            warm(c, text)
        eventually(lambda: "errorstat_OOM" in r.cli("info", "errorstats"), 10, "it refuses")
        c.execute("update cached.items set name = 'new' where id = 7")
        for text in texts(10):
            assert value(c, text) == "new"


@pytest.mark.parametrize("answer", [b"$5\r\nhello\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*1000000000\r\n", b"$900000000\r\n" + b"x" * 100000,
                                    b"\x00" * 100, b"+PONG\r\n" * 3, b"-ERR no\r\n", b":1\r\n:1\r\n:1\r\n", b"*-1\r\n", b"$-1\r\n:-2\r\n"],
                         ids=["text", "http", "long list", "long text", "zeros", "pong", "error", "numbers", "no list", "nothing"])
def test_garbage_harms_nothing(forebay, answer):
    g = Garbage(answer)
    try:
        proxy = forebay(cache={"mode": "ttl", "redis": g.url})
        until_it_caches(proxy)
        with connect(proxy) as c:
            eventually(lambda: g.asked > 0, 10, "it is asked")
            for text in texts(20):
                assert value(c, text) == "item 7"
            c.execute("update cached.items set name = 'new' where id = 7")
            assert value(c, SLOW) == "new"
    finally:
        g.stop()


def test_passwords_users_and_databases(forebay, own_redis, cluster):
    r = own_redis(password="top secret")
    r.cli("acl", "setuser", "proxy", "on", ">other secret", "~forebay:*", "&forebay:*", "+@all", "-@dangerous")
    r.url_of_user = f"redis://proxy:other%20secret@127.0.0.1:{r.port}/2"

    class Named:
        url = r.url_of_user
        names = staticmethod(lambda: [n for n in r.cli("-n", "2", "keys", "forebay:1:*").splitlines() if "written" not in n])

    one, other = sister(forebay, Named), sister(forebay, Named)
    hit_in_redis(one, other, Named, cluster)
    assert [row["value"] for row in one.console("SHOW CONFIG") if row["key"] == "cache.redis"] == [f"redis://proxy@127.0.0.1:{r.port}/2"]
    wrong = forebay(cache={"mode": "ttl", "redis": f"redis://:not-this-one@127.0.0.1:{r.port}"})
    until_it_caches(wrong)
    eventually(lambda: told(wrong, "redis_failed"), 10, "it is said")
    for proxy in (one, other, wrong):
        assert "secret" not in proxy.log() and "not-this-one" not in proxy.log()


def test_redis_is_changed_by_a_reload(forebay, redis, own_redis, cluster):
    second = own_redis()
    one, other = sister(forebay, redis), sister(forebay, second)
    other.write_config(cache={"redis": redis.url})
    other.console("RELOAD")
    hit_in_redis(one, other, redis, cluster)
    fill(one, redis)
    other.write_config(cache={"redis": ""})
    other.console("RELOAD")
    cluster.sql("update cached.items set name = 'really' where id = 7")
    with connect(other) as c:
        assert value(c, SLOW) == "really" and last(c) == "miss"


def test_what_is_large_is_compressed(forebay, redis, cluster):
    one, other = sister(forebay, redis), sister(forebay, redis)
    long = "select repeat(name, 5000), (select count(*) from generate_series(1, 100000)) from cached.items where id = 7"
    assert int(redis.cli("strlen", fill(one, redis, long))) < 2000
    hit_in_redis(one, other, redis, cluster, long)


@pytest.fixture(scope="module")
def shared_cluster():
    c = RedisCluster()
    yield c
    c.stop()


@pytest.fixture
def redis_cluster(shared_cluster):
    for n in shared_cluster.nodes:
        n.cli("flushall")
    return shared_cluster


def test_a_cluster_of_redis(forebay, redis_cluster, cluster):
    one, other = sister(forebay, redis_cluster), sister(forebay, redis_cluster)
    asked = texts(12)
    for text in asked:
        fill(one, redis_cluster, text)
    assert all(n.names() for n in redis_cluster.nodes)
    hit_in_redis(one, other, redis_cluster, cluster)
    with connect(one) as c, connect(other) as o:
        warm(o, SLOW)
        c.execute("update cached.items set name = 'new' where id = 7")
        eventually(lambda: value(o, SLOW) == "new", 5, "it is told through the cluster")


def test_slots_that_move_are_followed(forebay, redis_cluster, cluster):
    """First while the slot is on its way (ASK), then when it has moved (MOVED)."""
    one, other, third = (sister(forebay, redis_cluster) for _ in range(3))
    hits = {"other": [], "third": []}
    ids = {n: n.cli("cluster", "myid") for n in redis_cluster.nodes}
    for text in texts(6):
        name = fill(one, redis_cluster, text)
        source = redis_cluster.owner(name)
        target = next(n for n in redis_cluster.nodes if n is not source)
        slot = source.cli("cluster", "keyslot", name)
        target.cli("cluster", "setslot", slot, "importing", ids[source])
        source.cli("cluster", "setslot", slot, "migrating", ids[target])
        source.cli("migrate", "127.0.0.1", str(target.port), name, "0", "1000")
        with connect(other) as c:
            c.execute(text)
            hits["other"].append(last(c))
        for n in (target, source):
            n.cli("cluster", "setslot", slot, "node", ids[target])
        with connect(third) as c:
            c.execute(text)
            hits["third"].append(last(c))
    assert "hit in Redis" in hits["other"] and "hit in Redis" in hits["third"], hits


def test_a_node_of_the_cluster_that_dies_harms_nothing(forebay):
    cluster_of_redis = RedisCluster()
    try:
        one = sister(forebay, cluster_of_redis)
        with connect(one) as c:
            cluster_of_redis.nodes[0].kill()
            for text in texts(20):
                assert value(c, text) == "item 7"
            c.execute("update cached.items set name = 'new' where id = 7")
            assert value(c, SLOW) == "new"
    finally:
        cluster_of_redis.stop()
