"""A primary that ends, and a replica that is promoted, under load: writes go on within two seconds, to one node at a time,
and what was acknowledged is there."""

import shutil
import time

import pytest

import harness
import wire
from harness import ROOT, eventually, run
from injector import Injector
from load import Load, errors

pytestmark = [pytest.mark.proxy, pytest.mark.slow(120)]

READ = "select inet_server_port()"
LOST = {"08006", "57P01", "57P02", "57P03"}  # what those hear whose write was under way
AT_ONCE = 0.3  # a request this soon behind an event may still have been sent before it


class Line(harness.Cluster):
    """A cluster whose primary changes: `primary` and `replicas` are always those of the present."""

    def promote(self, node):
        """Gives the moment at which it takes writes."""
        with node.connect("postgres") as connection:
            assert connection.execute("select pg_promote(true, 30)").fetchone()[0]
        done = time.monotonic()
        self.close_admin()
        self.primary = node
        self.replicas = [n for n in self.nodes.values() if n is not node]
        return done

    def follow(self, node):
        """It becomes a replica of the present primary, whatever it was."""
        node.kill()
        data = f"{self.dir}/{node.name}"
        shutil.rmtree(data)
        passfile = f"{self.dir}/pgpass"
        conninfo = f"host=127.0.0.1 port={self.primary.port} user=replication application_name={node.name} passfile={passfile}"
        script = f'. {ROOT}/scripts/lib.sh; cd {self.dir}; as_user env PGPASSFILE={passfile} {self.bindir}/pg_basebackup -D {data}' \
                 f' -R -X stream -c fast --no-sync -d "{conninfo}" && echo "port = {node.port}" >> {data}/postgresql.conf'
        run("bash", "-c", script)
        node.start()

    def heal(self):
        """All as it should be: one primary, two replicas that stream from it."""
        self.sql("alter system reset all")
        self.sql("select pg_reload_conf()")
        for node in list(self.replicas):
            names = self.sql("select application_name as name from pg_stat_replication where state = 'streaming'")
            if node.name not in [r["name"] for r in names]:
                self.follow(node)
        streaming = "select count(*) as n from pg_stat_replication where state = 'streaming'"
        eventually(lambda: self.sql(streaming)[0]["n"] == 2, 30, "both replicas stream")

    def synchronous(self, node):
        """What is acknowledged is with that replica from now on."""
        self.sql("alter system set synchronous_commit = on")
        self.sql(f"alter system set synchronous_standby_names = 'FIRST 1 ({node.name})'")
        self.sql("select pg_reload_conf()")
        state = "select sync_state from pg_stat_replication where application_name = %s"
        eventually(lambda: self.sql(state, [node.name]) == [{"sync_state": "sync"}], what="it is synchronous")

    def close_admin(self):
        for connection in self._admin.values():
            connection.close()
        self._admin.clear()


@pytest.fixture(scope="module")
def whole_line():
    made = Line()
    yield made
    made.stop()


@pytest.fixture
def line(whole_line):
    whole_line.heal()
    whole_line.sql("drop table if exists written")
    whole_line.sql("create table written (client int, number int, port int, primary key (client, number))")
    whole_line.sql("grant all on written to public")
    there = "select has_table_privilege('app', 'written', 'insert')"
    eventually(lambda: all(r.psql(there, check=False).stdout == "t\n" for r in whole_line.replicas), what="the replicas have it")
    return whole_line


def before(forebay, nodes, **sections):
    """A proxy before these nodes, which it knows."""
    routing = {"slow_start": "0s", "read_functions": ["inet_server_port"], **sections.pop("routing", {})}
    proxy = forebay(nodes=[{"host": n.host, "port": n.port} for n in nodes], routing=routing,
                    **{"pool": {"size": 40}, **sections})
    if len(nodes) > 1:
        eventually(lambda: [r for r in proxy.console("SHOW NODES") if r["role"] == "primary"], what="there is a primary")
    return proxy


def before_all(forebay, line, **sections):
    return before(forebay, line.nodes.values(), **sections)


def insert(client, number):
    return f"insert into written values ({client}, {number}, inet_server_port()) returning port"


def writes(proxy, **how):
    return Load(proxy, insert, **{"clients": 32, "pause": 0.05, **how})


def reads(proxy, **how):
    return Load(proxy, lambda client, number: READ, **{"clients": 32, **how})


def port(answer):
    return int(answer.rows[0][0])


def acknowledged(answers):
    return {(a.client, a.number) for a in answers if a.rows}


def present(line):
    return {(r["client"], r["number"]) for r in line.sql("select client, number from written")}


def succeeds_at(load, node):
    """The moment of the first answer from there."""
    def first():
        return min((a.ended for a in list(load.answers) if a.rows and port(a) == node.port), default=None)
    return eventually(first, 20, f"requests get to {node.name}")


def enough(load, since, count=200):
    eventually(lambda: len([a for a in load.since(since) if not a.code]) >= count, 20, "requests succeed")


def node_row(proxy, node):
    return next(r for r in proxy.console("SHOW NODES") if r["node"] == f"{node.host}:{node.port}")


def one_at_a_time(answers, old, new):
    """No write to the old one once there was one to the new one."""
    there = [a for a in answers if a.rows]
    assert {port(a) for a in there} == {old.port, new.port}
    first = min(a.ended for a in there if port(a) == new.port)
    late = [a for a in there if port(a) == old.port and a.asked > first]
    assert late == []


# ---- another primary ------------------------------------------------------------------------------------------------


def test_the_primary_crashes_and_a_replica_is_promoted(forebay, line):
    old, heir = line.primary, line.replicas[0]
    proxy = before_all(forebay, line)
    line.synchronous(heir)
    with writes(proxy) as load, reads(proxy) as others:
        enough(load, 0.0)
        crashed = time.monotonic()
        old.crash()
        promoted = line.promote(heir)
        assert succeeds_at(load, heir) - promoted < 2
        enough(load, promoted)
        answers, read = load.stop(), others.stop()
    assert errors(read) == [], "replicas answer all the while"
    failed = errors(answers)
    assert {a.code for a in failed} <= LOST, failed
    assert [a for a in failed if a.asked > crashed + AT_ONCE] == [], "who was not under way waits for the next primary"
    assert len(failed) <= 32
    one_at_a_time(answers, old, heir)
    assert acknowledged(answers) - present(line) == set(), "nothing acknowledged is lost"


def test_a_silent_primary_is_replaced(forebay, line):
    """Its machine hangs: no connection ends, and the promotion is all there is to be seen."""
    old, heir = line.primary, line.replicas[0]
    proxy = before_all(forebay, line)
    line.synchronous(heir)
    with writes(proxy) as load, reads(proxy) as others:
        enough(load, 0.0)
        with old.frozen():
            promoted = line.promote(heir)
            assert succeeds_at(load, heir) - promoted < 2
            enough(load, promoted)
            eventually(lambda: not [a for a in list(load.under_way.values()) if a.asked < time.monotonic() - 1.0], 10,
                       "nobody waits for the old one for ever")
            eventually(lambda: "no answer" in node_row(proxy, old)["reason"], what="it is known to be silent")
        # It wakes up, and takes writes for all it knows.
        eventually(lambda: "timeline" in node_row(proxy, old)["reason"], 20, "it is seen")
        begun = time.monotonic()
        enough(load, begun)
        answers, read = load.stop(), others.stop()
    assert errors(read) == []
    failed = errors(answers)
    assert {a.code for a in failed} <= LOST, failed
    assert [a for a in failed if a.asked > promoted + 1] == []
    assert {port(a) for a in answers if a.asked >= begun} == {heir.port}
    assert "split_brain" in proxy.log()
    assert acknowledged(answers) - present(line) == set()


def test_the_old_primary_comes_back_and_takes_writes(forebay, line):
    """Split brain: the higher timeline is the cluster; a proxy that starts then sees it as well."""
    old, heir = line.primary, line.replicas[0]
    proxy = before_all(forebay, line)
    with writes(proxy) as load:
        enough(load, 0.0)
        old.crash()
        promoted = line.promote(heir)
        enough(load, promoted)
        old.kill()
        old.start()
        begun = time.monotonic()
        eventually(lambda: "split_brain" in proxy.log(), 20, "it is seen")
        assert node_row(proxy, old)["state"] == "down" and "timeline" in node_row(proxy, old)["reason"], node_row(proxy, old)
        enough(load, time.monotonic())
        late = load.since(begun)
        assert errors(late) == [] and {port(a) for a in late} == {heir.port}
        one_at_a_time(load.stop(), old, heir)
    fresh = before_all(forebay, line)
    with Load(fresh, lambda client, number: insert(client + 100, number), clients=8) as load, reads(fresh) as others:
        enough(load, 0.0)
        assert {port(a) for a in load.answers} == {heir.port}
        assert old.port not in {port(a) for a in others.answers}
        load.stop(), others.stop()
    assert "split_brain" in fresh.log()


def test_a_promotion_beside_a_living_primary(forebay, line):
    """By mistake. Whoever has the higher timeline has the writes from the moment it is seen."""
    old, heir = line.primary, line.replicas[0]
    proxy = before_all(forebay, line)
    with writes(proxy) as load, reads(proxy) as others:
        enough(load, 0.0)
        promoted = line.promote(heir)
        assert succeeds_at(load, heir) - promoted < 2
        enough(load, promoted)
        answers, read = load.stop(), others.stop()
    assert errors(read) == []
    assert {a.code for a in errors(answers)} <= LOST and len(errors(answers)) <= 32
    there = [a for a in answers if a.rows]
    first = min(a.ended for a in there if port(a) == heir.port)
    assert [a for a in there if port(a) == old.port and a.asked > first + 0.05] == []
    eventually(lambda: "split_brain" in proxy.log(), what="it is told")


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_nothing_is_committed_on_a_primary_that_was_replaced(forebay, line, mode):
    """A transaction was open there and idle, or the session has its server for good. It hears of the end."""
    old, heir = line.primary, line.replicas[0]
    proxy = before_all(forebay, line, pool={"size": 40, "mode": mode})
    with proxy.wire() as w, proxy.wire() as idle:
        assert idle.value(insert(2, 0)) == str(old.port)
        w.run("begin")
        assert w.value(insert(1, 0)) == str(old.port)
        line.promote(heir)
        eventually(lambda: node_row(proxy, heir)["role"] == "primary", what="the promotion is seen")
        end = w.until_closed()
        assert [m.fields["C"] for m in end if m.kind == "E"] == ["08006"], end
        if mode == "session":
            assert idle.until_closed() != []
        else:
            assert idle.value(insert(3, 0)) == str(heir.port)
    assert (1, 0) not in present(line)
    assert old.psql("select count(*) from written where client = 1").stdout == "0\n"


def only_those_cut_off(answers, since, until):
    """Errors are of the 32 writers' requests that were under way while the primary ended."""
    failed = errors(answers)
    assert {a.code for a in failed} <= LOST and len(failed) <= 32, failed
    assert [a for a in failed if not since - AT_ONCE < a.asked < until] == []


def test_a_switchover_in_order(forebay, line):
    """The primary is stopped, which waits for its replicas; then one is promoted."""
    old, heir = line.primary, line.replicas[0]
    proxy = before_all(forebay, line)
    with writes(proxy) as load, reads(proxy) as others:
        enough(load, 0.0)
        stopping = time.monotonic()
        old.stop()
        stopped = time.monotonic()
        promoted = line.promote(heir)
        assert succeeds_at(load, heir) - promoted < 2
        enough(load, promoted)
        answers, read = load.stop(), others.stop()
    assert errors(read) == []
    only_those_cut_off(answers, stopping, stopped)
    assert acknowledged(answers) - present(line) == set()


# ---- the same primary -----------------------------------------------------------------------------------------------


def test_the_primary_is_restarted(forebay, line):
    """Writes wait for it; reads go on."""
    proxy = before_all(forebay, line)
    with writes(proxy) as load, reads(proxy) as others:
        enough(load, 0.0)
        stopping = time.monotonic()
        line.primary.stop()
        stopped = time.monotonic()
        line.primary.start()
        started = time.monotonic()
        enough(load, started)
        answers, read = load.stop(), others.stop()
    assert errors(read) == []
    only_those_cut_off(answers, stopping, stopped)
    assert acknowledged(answers) - present(line) == set()


@pytest.mark.parametrize("end", ["stop", "crash"])
def test_a_single_node_is_restarted(forebay, line, end):
    """Who asks meanwhile hears of it at once; then service goes on by itself."""
    line.sql("alter system set synchronous_commit = on")
    line.sql("select pg_reload_conf()")
    proxy = before(forebay, [line.primary], breaker={"max_open_time": "1s"})
    with writes(proxy, clients=64) as load:
        enough(load, 0.0)
        getattr(line.primary, end)()
        gone = time.monotonic()
        eventually(lambda: len(errors(load.since(gone))) > 50, what="errors at once")
        if end == "crash":
            line.primary.kill()
        line.primary.start()
        started = time.monotonic()
        enough(load, started, 64)
        well = time.monotonic()
        enough(load, well)
        answers = load.stop()
    assert errors(a for a in answers if a.asked > well) == []
    assert well - started < 3
    assert {a.code for a in errors(answers)} <= LOST, {a.code for a in errors(answers)}
    assert max(a.took for a in answers) < 3
    assert acknowledged(answers) - present(line) == set()


# ---- who belongs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("foreign_first", [True, False])
def test_a_node_of_another_cluster_is_refused(forebay, line, cluster, foreign_first):
    nodes = [*line.nodes.values()]
    nodes.insert(0 if foreign_first else 3, cluster.primary)
    proxy = before(forebay, nodes)
    row = node_row(proxy, cluster.primary)
    assert row["state"] == "down" and "belongs to another cluster" in row["reason"], row
    assert "node_refused" in proxy.log()
    with writes(proxy) as load, reads(proxy) as others:
        enough(load, 0.0), enough(others, 0.0)
        answers, read = load.stop(), others.stop()
    assert errors(answers) == [] and errors(read) == []
    assert {port(a) for a in answers} == {line.primary.port}
    assert cluster.primary.port not in {port(a) for a in read}


# ---- the breaker ----------------------------------------------------------------------------------------------------


def breaker(proxy, direction="writes"):
    return next(b for b in proxy.console("SHOW BREAKERS") if b["direction"] == direction)


def failure(w):
    begun = time.monotonic()
    with pytest.raises(wire.ServerError) as raised:
        w.run("select 1")
    return raised.value, time.monotonic() - begun


def test_the_breaker_opens_fails_fast_and_closes(forebay, cluster):
    with Injector(cluster.primary) as door:
        proxy = before(forebay, [door], breaker={"failure_threshold": 5, "open_time": "4s", "max_open_time": "4s"})
        with proxy.wire() as w:
            assert w.value("select 1") == "1"
            assert breaker(proxy)["state"] == "closed"
            door.refuse()
            for _ in range(5):
                assert breaker(proxy)["state"] == "closed"
                e, _ = failure(w)
                assert e.code in ("08006", "57P01"), e
            assert breaker(proxy)["state"] == "open", breaker(proxy)
            times = []
            for _ in range(101):
                e, took = failure(w)
                assert e.code == "57P03" and "5 failures in a row" in e.fields["M"], e
                times.append(took)
            assert sorted(times)[50] < 0.005, sorted(times)[50]
            assert int(breaker(proxy)["refused"]) >= 101
            door.normal()

            def is_served():
                try:
                    return w.value("select 1") == "1"
                except wire.ServerError:
                    return False
            eventually(is_served, 15, "it is tried again, and serves")
            eventually(lambda: breaker(proxy)["state"] == "closed", 5, "it is closed again")
