"""Where statements of all kinds run (routes.py, route_scripts.py), proved by the logs and by pg_stat_statements of each node."""

import contextlib
import re

import pytest

import harness
import route_scripts
import routes
import wire
from where import Witness, all_nodes, eventually, filled_database, replicas_have_all, until_reads_go_to_replicas

pytestmark = pytest.mark.proxy

DATABASE = "routes"
# What Forebay itself says to a server: settings that follow the client.
HOUSEKEEPING = re.compile(r"(BEGIN|COMMIT|(RESET|DISCARD|DEALLOCATE) [^;]*|SELECT pg_catalog.set_config\([^;]*)(;|$)")


def is_housekeeping(text):
    return not HOUSEKEEPING.sub("", text)


@pytest.fixture(scope="module")
def database(cluster):
    with filled_database(cluster, DATABASE) as name:
        yield name


@pytest.fixture(scope="module")
def witness(cluster, database):
    with Witness(cluster, "app", database) as w:
        yield w


@pytest.fixture(scope="module")
def proxy(cluster, database):
    """Read-your-writes is off: else what follows a write would go to the primary for that alone."""
    p = harness.Forebay(cluster, nodes=all_nodes(cluster), routing={"read_your_writes": "off"})
    until_reads_go_to_replicas(p, database)
    yield p
    p.stop()


def send_simple(w, case, text):
    w.send(wire.query(text))
    return w.until_ready()


def send_extended(w, case, text):
    w.send(wire.parse(text), wire.bind(case.values), wire.describe_portal(), wire.execute(), wire.sync())
    return w.until_ready()


def side_of(node):
    return "P" if node == "primary" else "R"


def run_case(proxy, witness, send, case, number):
    """What is wrong with it; nothing if all is well. Each has a session of its own, which nothing before it has pinned."""
    tag = f"/* case {number} */"
    text = f"{case.text} {tag}" if case.tagged else case.text
    witness.begin()
    with proxy.wire("app", DATABASE) as w:
        replies = send(w, case, text)
    failed = next((m.fields["M"] for m in replies if m.kind == "E"), None)
    if case.side == "R" and (failed is not None) != case.fails:
        return f"error {failed}"
    statements = witness.statements()
    sides = {side_of(node) for node, statement in statements if statement == text}
    if sides != {case.side}:
        return f"ran on {sides or statements}"
    alien = [(n, s) for n, s in statements if n != "primary" and s != text and not is_housekeeping(s)]
    if alien:
        return f"on a replica: {alien}"
    for node in witness.nodes:
        counts = {s: calls for s, calls in witness.executed(node).items() if not is_housekeeping(s)}
        if side_of(node) != case.side and any(case.tagged and tag in s or node != "primary" for s in counts):
            return f"pg_stat_statements of {node}: {counts}"
    return None


@pytest.mark.slow(240)
@pytest.mark.parametrize("send", [send_simple, send_extended])
def test_each_statement_runs_where_it_has_to(proxy, witness, send):
    cases = [c for c in routes.CASES if not (c.values if send is send_simple else c.simple_only)]
    assert len(cases) > 600 and sum(c.side == "R" for c in cases) > 200
    wrong = []
    for number, case in enumerate(cases):
        if problem := run_case(proxy, witness, send, case, number):
            wrong.append(f"{case.theme}: {case}: {problem}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(cases)}"] + wrong)
    assert "read_retried" not in proxy.log()


@pytest.mark.slow(120)
def test_pg_stat_statements_has_each_read_on_a_replica(proxy, witness):
    """All reads in one session, one after the other, as often as they are written here and nowhere else."""
    cases = [c for c in routes.CASES if c.side == "R" and c.tagged and not c.fails and not c.values and c.theme not in ("copies", "explains")]
    witness.begin()
    with proxy.wire("app", DATABASE) as w:
        for n, case in enumerate(cases):
            w.run(f"{case.text} /* read {n} */")
    by_node = {node: witness.executed(node) for node in witness.nodes}
    assert not [s for s in by_node["primary"] if "/* read" in s]
    calls = {node: sum(count for s, count in all.items() if "/* read" in s) for node, all in by_node.items() if node != "primary"}
    assert sum(calls.values()) == len(cases) and abs(calls["replica1"] - calls["replica2"]) <= 1, (len(cases), by_node)


def play_session(proxy, witness, script):
    """Steps of one session, told apart by their texts."""
    witness.begin()
    with proxy.wire("app", DATABASE) as w:
        answers = script.play(w)
    statements = witness.statements()
    found = []
    for step in script.steps:
        nodes = {n for n, s in statements if s == step.text}
        found.append((step.side, step.text, sorted(nodes)))
        if step.side in "PR":
            assert {side_of(n) for n in nodes} == {step.side}, "\n".join(map(str, [*found, '', *statements]))
        if step.side == "S":  # the same node as the step before
            assert nodes == set(found[-2][2]), (found, statements)
    assert len(answers) == len(script.steps)
    for step, (transcript, rows) in zip(script.steps, answers):
        assert step.expects in (None, transcript) or step.expects == rows, (step.text, transcript, rows)
    allowed = {s.text for s in script.steps if s.side in "RS*"}
    assert not [(n, s) for n, s in statements if n != "primary" and s not in allowed and not is_housekeeping(s)], statements


@pytest.mark.parametrize("script", route_scripts.SCRIPTS, ids=lambda s: s.name)
def test_a_session(proxy, witness, script):
    play_session(proxy, witness, script)


def test_execute_of_what_parse_has_named(proxy, witness):
    """Forebay gives such statements names of its own."""
    witness.begin()
    with proxy.wire("app", DATABASE) as w:
        w.script(wire.parse("select id from t where id = $1", "a"), wire.parse("select volatile_f($1)", "v"), wire.sync())
        assert w.run("execute a(11)") == [["11"]] and w.run("execute v(12)") == [["12"]]
    where = {text[-4:]: side_of(node) for node, text in witness.statements() if text.startswith("execute ")}
    assert where == {"(11)": "R", "(12)": "P"}


@contextlib.contextmanager
def set_by_default(cluster, whose, setting):
    """A Forebay whose servers have it by ALTER `whose` SET."""
    def alter(what):
        cluster.sql(f"alter {whose} {what}")
        cluster.sql("select pg_reload_conf()")
        replicas_have_all(cluster)

    alter(f"set {setting}")
    fresh = harness.Forebay(cluster, nodes=all_nodes(cluster), routing={"read_your_writes": "off"})
    try:
        if "serializable" not in setting:
            until_reads_go_to_replicas(fresh, DATABASE)
        yield fresh
    finally:
        fresh.stop()
        alter(f"reset {setting.split()[0]}")


@pytest.mark.parametrize("setting, text", [
    ("standard_conforming_strings = off", r"select '\'', volatile_f(8) --'"),
    ("client_encoding = 'SJIS'", None),
])
def test_settings_of_the_role_count(cluster, witness, setting, text):
    """A login is told of them by ParameterStatus; by them the same bytes are another statement."""
    with set_by_default(cluster, f"role app in database {DATABASE}", setting) as fresh:
        witness.begin()
        with fresh.wire("app", DATABASE) as w:
            # In SJIS the second byte of this letter is a backslash, and its quote ends the text all the same.
            sent = text.encode() if text else "select 'ソ', volatile_f(8) --'".encode("sjis")
            w.send(wire.query(sent))
            w.until_ready()
        found = [(n, s) for n, s in witness.statements() if "volatile_f(8)" in s]
        assert {n for n, _ in found} == {"primary"}, witness.statements()


@pytest.mark.parametrize("whose", ["role app", f"database {DATABASE}", f"role app in database {DATABASE}", "system"])
@pytest.mark.parametrize("isolation", route_scripts.BY_DEFAULT)
def test_the_isolation_by_default_counts(cluster, witness, whose, isolation):
    """No login is told of it; with one snapshot for all of it a transaction cannot go on on the primary."""
    with set_by_default(cluster, whose, f"default_transaction_isolation = '{isolation}'") as fresh:
        for script in route_scripts.BY_DEFAULT[isolation]:
            play_session(fresh, witness, script)
        assert "read_retried" not in fresh.log()


@pytest.mark.parametrize("whose", ["role app", "system"])
def test_the_isolation_by_default_may_change(cluster, witness, proxy, whose):
    """A server has it from its login on: what comes meanwhile is safe either way."""
    with set_by_default(cluster, whose, "default_transaction_isolation = 'serializable'"):
        def is_known():
            with proxy.wire("app", DATABASE) as w:
                w.run("select 1")
                return "serializable" in w.run("show forebay.last_route")[0][0]
        eventually(is_known, 20, "the change is seen")
    until_reads_go_to_replicas(proxy, DATABASE)
