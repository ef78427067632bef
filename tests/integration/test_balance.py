"""Which replica gets a read, by each strategy; counted by pg_stat_statements of the nodes."""

import pytest

import wire
from harness import Background, eventually, run_threads
from where import Witness, all_nodes, replicas_have_all, until_reads_go_to_replicas

pytestmark = pytest.mark.proxy

READ = "select count(*) /* balanced */ from shared"


@pytest.fixture(scope="module")
def shared(cluster):
    """A table to read, and a function that is slow on one node only: by its port."""
    cluster.sql("create table shared (a int); insert into shared values (1); grant select on shared to public;"
                " create function slow_on(port int) returns float8 language plpgsql stable as $$"
                " begin if current_setting('port')::int = port then perform pg_sleep(0.2); end if; return port; end $$")
    replicas_have_all(cluster)
    yield
    cluster.sql("drop table shared; drop function slow_on")


@pytest.fixture(scope="module")
def witness(cluster, shared):
    with Witness(cluster) as w:
        yield w


def start(forebay, cluster, strategy, one=None, two=None, replicas=2, databases=None, **routing):
    """`one` and `two`: keys of the replicas. One worker: each has its own turns."""
    nodes = all_nodes(cluster)
    for node, keys in zip(nodes, (one, two)):
        node.update(keys or {})
    proxy = forebay(nodes=nodes, general={"workers": 1}, routing={"strategy": strategy, **routing}, databases=databases, pool={"size": 40})
    until_reads_go_to_replicas(proxy, replicas=replicas)
    return proxy


def counts(witness):
    """(replica1, replica2, primary)"""
    def calls(node):
        return sum(n for sql, n in witness.executed(node).items() if "/* balanced */" in sql)
    return calls("replica1"), calls("replica2"), calls("primary")


def reads(proxy, witness, count, dbname="app"):
    """Of one client, one after the other."""
    witness.begin()
    with proxy.wire(dbname=dbname) as w:
        for _ in range(count):
            w.run(READ)
    return counts(witness)


# ---- each in turn ---------------------------------------------------------------------------------------------------


def test_round_robin_is_equal(forebay, cluster, witness):
    one, two, primary = reads(start(forebay, cluster, "round_robin"), witness, 150)
    assert abs(one - two) <= 1 and one + two == 150 and primary == 0


def test_round_robin_does_not_look_at_weights(forebay, cluster, witness):
    one, two, _ = reads(start(forebay, cluster, "round_robin", {"weight": 3}, {"weight": 1}), witness, 150)
    assert abs(one - two) <= 1 and one + two == 150


def test_round_robin_is_equal_over_clients_and_protocols(forebay, cluster, witness):
    """Of 15 clients at once, half of them in the extended protocol."""
    proxy = start(forebay, cluster, "round_robin")
    witness.begin()

    def one(number):
        with proxy.wire() as w:
            for _ in range(10):
                if number % 2:
                    w.run(READ)
                else:
                    w.script(wire.parse(READ), wire.bind(), wire.execute(), wire.sync())

    run_threads(15, one)
    one, two, primary = counts(witness)
    assert abs(one - two) <= 1 and one + two == 150 and primary == 0


def test_writes_between_do_not_disturb_the_turns(forebay, cluster, witness):
    proxy = start(forebay, cluster, "round_robin", read_your_writes="off")
    witness.begin()
    with proxy.wire() as w:
        for n in range(100):
            w.run(READ)
            if n % 3 == 0:
                w.run("select txid_current()")
    one, two, primary = counts(witness)
    assert abs(one - two) <= 1 and one + two == 100 and primary == 0


# ---- by weight ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [(3, 1), (1, 3), (1, 1), (7, 1)])
def test_weighted_is_exact(forebay, cluster, witness, weights):
    one, two, primary = reads(start(forebay, cluster, "weighted", {"weight": weights[0]}, {"weight": weights[1]}), witness, 400)
    assert (one, two, primary) == (400 * weights[0] // sum(weights), 400 * weights[1] // sum(weights), 0)


def test_weighted_is_evenly_spread(forebay, cluster, witness):
    """3:1 in any four that follow each other."""
    proxy = start(forebay, cluster, "weighted", {"weight": 3}, {"weight": 1})
    for _ in range(5):
        assert reads(proxy, witness, 4) == (3, 1, 0)


def test_random_is_within_tolerance(forebay, cluster, witness):
    """600 draws: five standard deviations are 61."""
    one, two, primary = reads(start(forebay, cluster, "random"), witness, 600)
    assert abs(one - 300) < 61 and one + two == 600 and primary == 0


def test_random_is_not_in_turns(forebay, cluster, witness):
    """How far one of 20 runs of 20 reads is from 10:10; in turns it would be nowhere."""
    proxy = start(forebay, cluster, "random")
    assert any(abs(reads(proxy, witness, 20)[0] - 10) > 1 for _ in range(20))


def test_random_by_weight(forebay, cluster, witness):
    """3:1 of 600 is 450; five standard deviations are 53."""
    one, two, primary = reads(start(forebay, cluster, "random", {"weight": 3}, {"weight": 1}), witness, 600)
    assert abs(one - 450) < 53 and one + two == 600 and primary == 0


# ---- by load --------------------------------------------------------------------------------------------------------


def under_load(proxy, cluster, witness, sessions=8, each=25):
    """Clients at once, of a function that takes 200 ms on the first replica and nothing elsewhere."""
    witness.begin()
    slow = cluster.replicas[0].port

    def one(_):
        with proxy.wire() as w:
            for _ in range(each):
                w.run(f"select slow_on({slow}) /* balanced */")

    run_threads(sessions, one, 55)
    return counts(witness)


# By its name current_setting() is the primary's; the function that uses it is not looked into.
@pytest.mark.parametrize("strategy", ["least_connections", "latency"])
def test_a_slow_replica_starves(forebay, cluster, witness, strategy):
    slow, quick, primary = under_load(start(forebay, cluster, strategy), cluster, witness)
    assert slow + quick == 200 and primary == 0
    assert slow < 50 and quick > 150, (slow, quick)


def test_in_turns_it_does_not(forebay, cluster, witness):
    """So the test above can fail."""
    slow, quick, _ = under_load(start(forebay, cluster, "round_robin"), cluster, witness, each=6)
    assert abs(slow - quick) <= 1


def test_least_connections_is_equal_when_nothing_is_in_flight(forebay, cluster, witness):
    one, two, primary = reads(start(forebay, cluster, "least_connections"), witness, 150)
    assert abs(one - two) <= 1 and one + two == 150 and primary == 0


def test_least_connections_goes_round_what_is_busy(forebay, cluster, witness):
    """Three long reads are on the replicas, two on one of them: the next goes to the other, and that is told for certain."""
    proxy = start(forebay, cluster, "least_connections", read_functions=["pg_sleep"])
    sleepers = [proxy.wire() for _ in range(3)]
    try:
        for number, w in enumerate(sleepers):
            w.send(wire.query("select pg_sleep(30)"))
            eventually(lambda n=number: sum(int(r["in_flight"]) for r in proxy.console("show nodes")) == n + 1, what="it is under way")
        busy = [int(r["in_flight"]) for r in proxy.console("show nodes") if r["role"] == "replica"]
        assert sorted(busy) == [1, 2]
        expected = (0, 20, 0) if busy[0] == 2 else (20, 0, 0)
        assert reads(proxy, witness, 20) == expected
    finally:
        for w in sleepers:
            proxy.cancel(w)
            w.until_ready()
            w.close()
    proxy.quiet()


# ---- who takes part -------------------------------------------------------------------------------------------------

STRATEGIES = pytest.mark.parametrize("strategy", ["round_robin", "least_connections", "weighted", "latency", "random"])


@STRATEGIES
def test_a_weight_of_0_is_the_last_resort(forebay, cluster, witness, strategy):
    proxy = start(forebay, cluster, strategy, {"weight": 0}, {"weight": 1}, replicas=1)
    assert reads(proxy, witness, 40) == (0, 40, 0)
    drained = f"{cluster.replicas[1].host}:{cluster.replicas[1].port}"
    proxy.console(f"node drain {drained}")
    assert eventually(lambda: reads(proxy, witness, 10) == (10, 0, 0), 10, "the last resort is taken")
    proxy.console(f"node resume {drained}")
    assert eventually(lambda: reads(proxy, witness, 10) == (0, 10, 0), 10, "and left again")


@STRATEGIES
def test_priority_goes_before_all_else(forebay, cluster, witness, strategy):
    proxy = start(forebay, cluster, strategy, {"priority": 1, "zone": "here", "weight": 9}, {"priority": 0, "zone": "there"}, replicas=1, zone="here")
    assert reads(proxy, witness, 40) == (0, 40, 0)


@STRATEGIES
def test_the_own_zone_first(forebay, cluster, witness, strategy):
    proxy = start(forebay, cluster, strategy, {"zone": "there"}, {"zone": "here"}, replicas=1, zone="here")
    assert reads(proxy, witness, 40) == (0, 40, 0)
    own = f"{cluster.replicas[1].host}:{cluster.replicas[1].port}"
    proxy.console(f"node drain {own}")
    assert eventually(lambda: reads(proxy, witness, 10) == (10, 0, 0), 10, "the other zone helps out")


def test_without_a_zone_all_are_alike(forebay, cluster, witness):
    one, two, _ = reads(start(forebay, cluster, "round_robin", {"zone": "there"}, {"zone": "here"}), witness, 100)
    assert one == two == 50


def test_no_replica_is_left(forebay, cluster, witness):
    """Both drained: the primary reads, or nobody if it must not."""
    proxy = start(forebay, cluster, "round_robin")
    strict = start(forebay, cluster, "round_robin", fallback_to_primary=False)
    for p in (proxy, strict):
        for n in cluster.replicas:
            p.console(f"node drain {n.host}:{n.port}")
    assert eventually(lambda: reads(proxy, witness, 10) == (0, 0, 10), 10, "the primary reads")

    def refused():
        with strict.wire() as w:
            try:
                w.run(READ)
            except wire.ServerError as e:
                return e.code == "57P03"
    eventually(refused, 10, "reads are refused")
    with strict.wire() as w:
        assert w.value("select pg_is_in_recovery()") == "f"


def test_a_login_waits_for_the_nodes_to_be_known(forebay, cluster, witness):
    """It may be answered by any node, so it is not refused for want of a replica when nothing is known yet."""
    for _ in range(5):
        proxy = forebay(nodes=all_nodes(cluster), routing={"fallback_to_primary": False})
        with proxy.wire() as w:
            assert w.value("select pg_is_in_recovery()") == "f"


def test_no_split(forebay, cluster, witness):
    proxy = forebay(nodes=all_nodes(cluster), routing={"read_write_split": False})
    assert reads(proxy, witness, 20) == (0, 0, 20)


def test_in_session_mode_the_primary_reads(forebay, cluster, witness):
    databases = [{"name": name, "dbname": "app", "cluster": "main", "pool_mode": mode} for name, mode in (("app", "transaction"), ("kept", "session"))]
    proxy = start(forebay, cluster, "round_robin", databases=databases)
    assert reads(proxy, witness, 20, "kept") == (0, 0, 20)
    with proxy.wire(dbname="kept") as w:
        w.run(READ)
        assert w.value("show forebay.last_route").endswith("reads are not split here")


# ---- of a database --------------------------------------------------------------------------------------------------


def test_a_database_has_its_own_strategy(forebay, cluster, witness):
    def database(name, **routing):
        return {"name": name, "dbname": "app", "cluster": "main", **({"routing": routing} if routing else {})}

    proxy = start(forebay, cluster, "weighted", {"weight": 3}, {"weight": 1},
                  databases=[database("app"), database("turns", strategy="round_robin"), database("whole", read_write_split=False)])
    until_reads_go_to_replicas(proxy, "turns")
    assert reads(proxy, witness, 40, "app") == (30, 10, 0)
    assert reads(proxy, witness, 40, "turns") == (20, 20, 0)
    assert reads(proxy, witness, 40, "whole") == (0, 0, 40)
    assert reads(proxy, witness, 40, "app") == (30, 10, 0)


def test_long_reads_and_short_ones(forebay, cluster, witness):
    """A read that lasts does not hold up the turns of the others."""
    proxy = start(forebay, cluster, "round_robin", read_functions=["pg_sleep"])
    with proxy.wire() as w:
        sleeper = Background(lambda: w.run("select pg_sleep(1)"))
        one, two, _ = reads(proxy, witness, 100)
        assert abs(one - two) <= 1 and one + two == 100
        sleeper.result()
