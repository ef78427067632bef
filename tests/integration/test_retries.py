"""Reads that a replica refuses or that fail with it are asked again elsewhere, once, and the client does not notice. Writes are not."""

import pytest

import harness
import wire
from harness import eventually
from where import Witness, all_nodes, filled_database, replicas_have_all, until_reads_go_to_replicas

pytestmark = pytest.mark.proxy

DATABASE = "retries"


@pytest.fixture(scope="module")
def database(cluster):
    with filled_database(cluster, DATABASE) as name:
        yield name


@pytest.fixture(scope="module")
def witness(cluster, database):
    with Witness(cluster, "app", database) as w:
        yield w


@pytest.fixture
def proxy(forebay, cluster, database):
    p = forebay(nodes=all_nodes(cluster), routing={"read_your_writes": "off"})
    until_reads_go_to_replicas(p, database)
    cluster.sql("truncate serials", dbname=database)
    return p


def simple(sql):
    return [wire.query(sql)]


def extended(sql):
    return [wire.parse(sql), wire.bind(), wire.execute(), wire.sync()]


def by_name(sql):
    """The name is given once, though it is given to two servers."""
    return [wire.parse(sql, "n"), wire.bind(statement="n"), wire.execute(), wire.close_statement("n"), wire.sync()]


def among_reads(sql):
    """One batch: what was answered before must not be answered twice."""
    return [m for text in ("select 1", sql, "select 3") for m in (wire.parse(text), wire.bind(), wire.execute())] + [wire.sync()]


def written(cluster):
    return [r["a"] for r in cluster.sql("select a from serials order by id", dbname=DATABASE)]


def places(witness, sql):
    return [node for node, text in witness.statements() if text == sql]


@pytest.mark.parametrize("lie", ["select lying(7)", "select lying_too(7)"])
@pytest.mark.parametrize("messages", [simple, extended, by_name, among_reads])
def test_a_stable_function_that_writes_is_asked_again_and_learned(cluster, proxy, witness, messages, lie):
    """PostgreSQL lets no standby write (25006); the primary then does, exactly once."""
    with cluster.primary.wire("app", DATABASE) as direct:
        expected = direct.script(*messages(lie))
    cluster.sql("truncate serials", dbname=DATABASE)
    witness.begin()
    with proxy.wire("app", DATABASE) as w:
        assert w.script(*messages(lie)) == expected
        first = set(places(witness, lie))
        assert written(cluster) == [7]
        assert len(first) == 2 and "primary" in first, first
        witness.begin()
        assert w.script(*messages(lie)) == expected
        assert written(cluster) == [7, 7]
        assert set(places(witness, lie)) == {"primary"}, "it is known by now"


def test_what_is_refused_after_a_part_of_the_answer_is_learned_all_the_same(cluster, proxy):
    """The client has had rows already, so the first time it is an error; not for ever."""
    sql = "select id, case when id = 20000 then lying(9) end from generate_series(1, 20000) id"
    with proxy.wire("app", DATABASE) as w:
        w.send(wire.query(sql))
        first = w.until_ready()
        assert first[-2].kind == "C" or first[-2].fields["C"] == "25006"
        assert len(w.run(sql)) == 20000
    assert written(cluster)[-1:] == [9]


def test_what_is_refused_after_a_notice_is_learned_all_the_same(cluster, proxy):
    """PostgreSQL sends a notice at once, and with it what is before: the description of the rows."""
    with proxy.wire("app", DATABASE) as w:
        w.send(wire.query("select lying_loudly(3)"))
        first = w.until_ready()
        assert first[-2].kind == "C" or first[-2].fields["C"] == "25006"
        assert w.run("select lying_loudly(3)") == [["3"]]
    assert written(cluster)[-1:] == [3]


def test_what_is_refused_in_a_transaction_says_nothing_of_what_was_before(cluster, proxy, witness):
    with proxy.wire("app", DATABASE) as w:
        for _ in range(2):
            w.run("begin read only")
            w.run("select 1 as before")
            assert w.script(wire.query("insert into serials (a) values (1)")) == "E:25006 Z:E"
            w.run("rollback")
        witness.begin()
        w.run("begin read only")
        w.run("commit")
        w.run("select 1 as before")
    assert "primary" not in places(witness, "begin read only") + places(witness, "select 1 as before")


def test_where_the_retry_would_be_no_read_it_is_an_error(cluster, proxy):
    """In a transaction that reads only, as PostgreSQL has it."""
    with proxy.wire("app", DATABASE) as w:
        w.run("begin read only")
        assert w.script(wire.query("select lying(1)")) == "T E:25006 Z:E"
        w.run("rollback")
        assert w.run("select 1") == [["1"]]
    assert written(cluster) == []


def test_a_hint_does_not_make_a_replica_write(cluster, proxy):
    with proxy.wire("app", DATABASE) as w:
        for n, sql in enumerate(["select writer(1)", "select nextval('s')", "select * from u", "select txid_current()"]):
            w.run("/* forebay: route=replica */ " + sql)
    assert written(cluster) == [1]


def test_serializable_by_the_role_is_asked_again_on_the_primary(cluster, proxy):
    """Forebay is not told of the defaults of a role or a database; a standby refuses this one (0A000)."""
    cluster.sql("grant select on t to app2", dbname=DATABASE)
    cluster.sql(f"alter role app2 in database {DATABASE} set default_transaction_isolation = 'serializable'")
    replicas_have_all(cluster)
    try:
        with proxy.wire("app2", DATABASE) as w:
            for _ in range(4):
                assert w.run("select count(*) from t") == [["20"]]
    finally:
        cluster.sql(f"alter role app2 in database {DATABASE} reset default_transaction_isolation")


def test_a_table_made_unlogged_since(cluster, proxy, witness):
    """What the replica cannot read any more (0A000 or a table without rows) is never what the client gets."""
    cluster.sql("create table changes (a int); insert into changes values (1); grant all on changes to app", dbname=DATABASE)
    replicas_have_all(cluster)
    with proxy.wire("app", DATABASE) as w:
        def on_replica():
            witness.begin()
            w.run("select a from changes")
            return "primary" not in places(witness, "select a from changes")
        eventually(on_replica, 20, "it is read on a replica")
        cluster.sql("alter table changes set unlogged", dbname=DATABASE)
        replicas_have_all(cluster)
        for _ in range(20):
            assert w.run("select a from changes") == [["1"]]
    cluster.sql("drop table changes", dbname=DATABASE)


def test_a_function_made_volatile_since_is_soon_the_primarys(cluster, proxy, witness):
    cluster.sql("create function turns(int) returns int language sql stable as 'select 1'", dbname=DATABASE)
    replicas_have_all(cluster)
    with proxy.wire("app", DATABASE) as w:
        def runs_on(primary):
            witness.begin()
            w.run("select turns(1)")
            return (places(witness, "select turns(1)") == ["primary"]) == primary
        eventually(lambda: runs_on(False), 20, "it is read on a replica")
        cluster.sql("alter function turns(int) volatile", dbname=DATABASE)
        eventually(lambda: runs_on(True), 20, "it runs on the primary")
        cluster.sql("alter function turns(int) stable", dbname=DATABASE)
        eventually(lambda: runs_on(False), 20, "it is read on a replica again")
    cluster.sql("drop function turns(int)", dbname=DATABASE)


def test_ddl_through_forebay_is_seen_at_once(cluster, proxy):
    """The next read of what was made is right, wherever it runs."""
    with proxy.wire("app", DATABASE) as w:
        for n in range(5):
            w.run(f"create table made_{n} as select {n} as a")
            assert w.run("select pg_is_in_recovery()") == [["f"]]
            assert w.run(f"select a from made_{n}") == [[str(n)]]
            w.run(f"drop table made_{n}")
            with pytest.raises(wire.ServerError) as e:
                w.run(f"select a from made_{n}")
            assert e.value.code == "42P01"


def test_last_route_and_explain(cluster, proxy):
    primary = f"primary 127.0.0.1:{cluster.primary.port}"
    with proxy.wire("app", DATABASE) as w:
        for sql, why in [("select volatile_f(1)", ": volatile function public.volatile_f"), ("select * from u", ": unlogged relation public.u"),
                         ("select * from view_of_u", ": unlogged relation public.u"), ("select * from t for update", ": for update or share"),
                         ("insert into t2 values (1, 'x')", ": not a select"), ("select 1; select 2", ": several statements")]:
            w.run(sql)
            assert w.value("show forebay.last_route") == primary + why
        w.run("select 1")
        assert w.value("show forebay.last_route") in [f"replica 127.0.0.1:{r.port}" for r in cluster.replicas]
        w.run("set forebay.explain = on")
        w.send(wire.query("select volatile_f(2)"))
        notices = [m.fields["M"] for m in w.until_ready() if m.kind == "N"]
        assert notices == [f"forebay: {primary}: volatile function public.volatile_f"]
        w.send(wire.query("select 2"))
        assert [m.fields["M"].split(":")[1].split()[0] for m in w.until_ready() if m.kind == "N"] == ["replica"]


@pytest.mark.parametrize("messages", [simple, extended, among_reads])
def test_a_server_of_a_replica_is_lost_while_it_answers(cluster, proxy, messages):
    """Nothing of the answer has come yet: it is asked again. A connection that idles is lost without anybody noticing."""
    with proxy.wire("app", DATABASE) as w:
        for _ in range(6):
            w.run("select 1")
        for node in cluster.replicas:
            with node.connect("postgres") as c:
                c.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
        for _ in range(6):
            assert w.script(*messages("select 2")).endswith("Z:I")
            assert w.run("select 4") == [["4"]]


def test_a_long_read_whose_server_is_lost(cluster, forebay, database):
    """Terminated while it sleeps on a replica (57P01): asked again, and answered."""
    proxy = forebay(nodes=all_nodes(cluster), routing={"read_functions": ["pg_sleep"]})
    until_reads_go_to_replicas(proxy, database)
    with proxy.wire("app", database) as w:
        w.send(wire.query("select 5 from pg_sleep(0.7)"))

        def killed():
            for node in cluster.replicas:
                with node.connect("postgres") as c:
                    if c.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app' and state = 'active'"
                                 " and query like '%pg_sleep(0.7)%'").fetchall():
                        return True
        eventually(killed, 10, "the read is found and its server ended")
        assert wire.transcript(w.until_ready()) == "T D:5 C:SELECT_1 Z:I"
    harness.eventually(lambda: "read_retried" in proxy.log(), 5)


def test_the_primary_does_not_get_a_write_twice(cluster, proxy, witness):
    """Its server is ended while the write is under way: an error, and the session lives."""
    with proxy.wire("app", DATABASE) as w:
        witness.begin()
        sql = "insert into serials (a) select 1 from pg_sleep(5)"
        w.send(wire.query(sql))
        eventually(lambda: cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app' and state = 'active'"
                                       " and query like 'insert into serials%'"), 10, "it runs")
        replies = w.until_ready_or_closed()
        assert any(m.kind == "E" and m.fields["C"] in ("57P01", "08006") for m in replies), replies
        begun = [(node, text) for node, level, text in witness.entries() if level == "LOG" and text == f"statement: {sql}"]
        assert [node for node, _ in begun] == ["primary"]
    assert written(cluster) == []
