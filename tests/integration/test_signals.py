"""Start, stop and reload as an operator does them."""

import json
import re
import signal
import time

import pytest

import wire
from harness import BINARY, PASSWORDS, Background, eventually, free_port, run

pytestmark = pytest.mark.proxy


def connects(proxy):
    try:
        proxy.raw(timeout=2).close()
        return True
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain(forebay, cluster, table, number):
    """Idle clients are told 57P01, a transaction finishes, new clients are refused, then it ends with 0."""
    proxy = forebay(general={"shutdown_timeout": "20s"})
    idle, busy, in_query = proxy.wire(), proxy.wire(), proxy.wire()
    idle.run("select 1")
    busy.run("begin; insert into items values (70, 'while draining')")
    in_query.send(wire.query("select pg_sleep(1), 'answered'"))
    eventually(lambda: cluster.backends("state = 'active' and query like '%pg_sleep%'"))
    proxy.signal(number)
    replies = idle.until_closed()
    assert [m.fields["C"] for m in replies] == ["57P01"] and replies[0].fields["S"] == "FATAL"
    assert proxy.alive()
    assert busy.value("select count(*) from items") == "4"
    try:
        late = proxy.wire(timeout=3)
        late.run("select 1")
        pytest.fail("a new client was served")
    except (OSError, wire.ServerError, wire.Closed):
        pass
    replies = in_query.until_closed()
    assert [m.values[1] for m in replies if m.kind == "D"] == [b"answered"]
    assert replies[-1].kind == "E" and replies[-1].fields["C"] == "57P01"
    busy.send(wire.query("commit"))
    replies = busy.until_closed()
    assert wire.transcript(replies) == "C:COMMIT Z:I E:57P01"
    assert proxy.wait(10) == 0
    assert cluster.sql("select count(*) as n from items")[0]["n"] == 4


def test_drain_has_a_time_limit(forebay, cluster, table):
    proxy = forebay(general={"shutdown_timeout": "500ms"})
    with proxy.wire() as busy:
        busy.run("begin; insert into items values (71, 'never committed')")
        start = time.monotonic()
        proxy.signal(signal.SIGTERM)
        assert proxy.wait(10) == 0 and time.monotonic() - start < 5
        replies = busy.until_closed()
        assert [m.fields["C"] for m in replies if m.kind == "E"] in (["57P01"], [])
    cluster.nothing_left()
    assert cluster.sql("select count(*) as n from items")[0]["n"] == 3


def test_second_signal_ends_at_once(forebay, cluster):
    proxy = forebay(general={"shutdown_timeout": "60s"})
    with proxy.wire() as busy, proxy.wire() as idle:
        busy.run("begin")
        proxy.signal(signal.SIGTERM)
        idle.until_closed()
        proxy.signal(signal.SIGTERM)
        proxy.wait(5)
        proxy.expected_exit = proxy.process.returncode  # whatever it is, it is no crash
        assert proxy.process.returncode >= 0
    cluster.nothing_left()


def test_hup_reloads_and_keeps_connections(forebay):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as w, proxy.wire() as in_transaction:
        in_transaction.run("begin")
        pid = in_transaction.value("select pg_backend_pid()")
        proxy.write_config(pool={"size": 2})
        proxy.signal(signal.SIGHUP)
        w.send(wire.query("select pg_backend_pid()"))  # waits until the reload made room
        assert [m.values[0].decode() for m in w.until_ready() if m.kind == "D"] != [pid]
        assert in_transaction.value("select pg_backend_pid()") == pid
        in_transaction.run("commit")


def test_hup_with_a_bad_file_keeps_the_old_configuration(forebay):
    proxy = forebay(pool={"size": 2})
    good = proxy.config.read_text()
    with proxy.wire() as w:
        w.run("set timezone = 'Asia/Tokyo'")
        proxy.config.write_text(good.replace("size = 2", "seize = 7"))
        proxy.signal(signal.SIGHUP)
        eventually(lambda: "seize" in proxy.log(), what="the log says why")
        assert re.search(r"forebay\.toml:\d+:\d+: .*seize", proxy.log())
        assert w.value("show timezone") == "Asia/Tokyo"
        with proxy.wire() as other:
            assert other.value("select 1") == "1"
        proxy.config.write_text(good)
        proxy.signal(signal.SIGHUP)
        assert w.value("show timezone") == "Asia/Tokyo"


def test_hup_many_times_under_load(forebay, bench_tables):
    proxy = forebay(pool={"size": 3})
    load = Background(lambda: proxy.pgbench("-n", "-b", "tpcb-like", "-c", "8", "-j", "2", "-T", "3"))
    size = 3
    while not load.done():
        size = 8 - size
        proxy.write_config(pool={"size": size})
        proxy.signal(signal.SIGHUP)
        time.sleep(0.05)
    assert "number of failed transactions: 0 " in load.result().stdout


# ---- command line ---------------------------------------------------------------------------------------------------


def test_version_and_help():
    assert re.search(r"\d+\.\d+", run(BINARY, "--version").stdout)
    text = run(BINARY, "--help").stdout
    assert "--config" in text and "--check" in text
    assert run(BINARY, "--nonsense", check=False).returncode != 0


def test_check(forebay):
    proxy = forebay(start=False)
    assert run(BINARY, "--check", "--config", proxy.config).returncode == 0
    good = proxy.config.read_text()
    proxy.config.write_text(good.replace("max_clients", "max_client").replace('mode = "transaction"', 'mode = "transactional"').replace("workers = 2", 'workers = "two"'))
    failed = run(BINARY, "--check", "--config", proxy.config, check=False)
    assert failed.returncode == 1
    text = failed.stdout + failed.stderr
    found = re.findall(r"forebay\.toml:(\d+):(\d+): (.*)", text)
    assert len(found) >= 3, text  # all of them, not the first
    lines = proxy.config.read_text().splitlines()
    for word in ("max_client", "transactional", "workers"):
        assert any(word in lines[int(line) - 1] for line, _, _ in found), (word, text)
    assert "max_clients" in text  # the nearest known key
    assert "app-secret" not in text


def test_a_missing_file_is_an_error(tmp_path):
    failed = run(BINARY, "--config", tmp_path / "nowhere.toml", check=False, seconds=10)
    assert failed.returncode != 0 and "nowhere.toml" in failed.stdout + failed.stderr


def test_a_taken_port_is_an_error(forebay):
    proxy = forebay()
    failed = run(BINARY, "--config", proxy.config, check=False, seconds=10)
    assert failed.returncode != 0 and str(proxy.port) in failed.stdout + failed.stderr


def test_without_any_file(forebay, cluster):
    """forebay 'postgres://user:pass@host:port/db' --listen ..."""
    proxy = forebay(start=False)
    proxy.start(arguments=[BINARY, f"postgres://app:{PASSWORDS['app']}@127.0.0.1:{cluster.primary.port}/app", "--listen", f"127.0.0.1:{proxy.port}",
                           "--workers", "2", "--log-level", "info"])
    with proxy.wire() as w:
        assert w.run("select current_user, current_database()") == [["app", "app"]]
    with proxy.wire(dbname="other") as w:  # every database is offered
        assert w.value("select current_database()") == "other"
    with pytest.raises(wire.ServerError):
        proxy.wire(password="wrong")


def test_unix_socket(forebay):
    proxy = forebay(start=False)
    proxy.write_config(listen={"unix_socket_dir": str(proxy.dir)})
    proxy.start()
    with wire.Wire(str(proxy.dir), proxy.port) as w:
        w.login("app", "app", PASSWORDS["app"])
        assert w.value("select 1") == "1"
        w.send(wire.query("select pg_sleep(60)"))
        w.socket.settimeout(20)
        wire.send_cancel(str(proxy.dir), proxy.port, w.pid, w.secret)
        assert "E:57014" in wire.transcript(w.until_ready())
    assert run("psql", "-XAtc", "select 7", env=proxy.env(PGHOST=str(proxy.dir))).stdout == "7\n"
    # a socket left behind by a dead proxy is taken over
    proxy.process.send_signal(signal.SIGKILL)
    proxy.wait()
    proxy.start()
    assert run("psql", "-XAtc", "select 8", env=proxy.env(PGHOST=str(proxy.dir))).stdout == "8\n"


def test_json_log(forebay):
    proxy = forebay(general={"log_format": "json"})
    with proxy.wire() as w:
        w.run("select 1")
    with pytest.raises(wire.ServerError):
        proxy.wire(password="wrong \" quote")
    lines = [line for line in proxy.log().splitlines() if line.strip()]
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)


def test_kill_9_and_start_again(forebay, cluster, table):
    """Servers of a killed proxy end by themselves; a new one starts on the same port at once."""
    proxy = forebay()
    with proxy.wire() as w:
        w.run("begin; insert into items values (80, 'lost')")
        proxy.signal(signal.SIGKILL)
        proxy.wait()
        assert w.until_closed() == []
    cluster.nothing_left()
    proxy.start()
    with proxy.wire() as w:
        assert w.value("select count(*) from items") == "3"


def test_it_starts_while_the_server_is_down(forebay, cluster):
    proxy = forebay(nodes=[{"host": "127.0.0.1", "port": free_port(), "role": "primary"}])
    assert proxy.alive() and connects(proxy)
    with pytest.raises((wire.ServerError, wire.Closed)):
        proxy.wire(timeout=10).run("select 1")
    proxy.write_config(nodes=[{"host": "127.0.0.1", "port": cluster.primary.port, "role": "primary"}])
    proxy.signal(signal.SIGHUP)

    def works():
        try:
            with proxy.wire(timeout=5) as w:
                return w.value("select 1") == "1"
        except (wire.ServerError, wire.Closed):
            return False

    eventually(works, 10, "the reload brought the right server")
