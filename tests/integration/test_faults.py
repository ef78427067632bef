"""Clients, servers and networks die in every phase: Forebay lives, others are untouched, nothing is left behind."""

import os
import signal
import struct
import threading
import time

import psycopg
import pytest

import wire
from fake_server import FakeServer, command_complete, data_row, error, ready, row_description
from harness import PASSWORDS, Background, eventually, free_port, run_threads

# ---- how far the victim got -----------------------------------------------------------------------------------------


def idle(w):
    w.run("select 1 /* victim */")


def idle_in_transaction(w):
    w.run("begin; insert into items values (1000, 'victim'); lock table items in row exclusive mode")


def failed_transaction(w):
    w.run("begin; insert into items values (1000, 'victim')")
    w.send(wire.query("select 1/0 /* victim */"))
    assert wire.transcript(w.until_ready()) == "E:22012 Z:E"


def mid_query(w):
    w.send(wire.query("insert into items select 1000, pg_sleep(30)::text || 'victim'"))


def mid_query_in_transaction(w):
    w.run("begin; insert into items values (1000, 'victim')")
    w.send(wire.query("select pg_sleep(30) /* victim */"))


def mid_extended_query(w):
    w.send(wire.parse("insert into items select 1000, pg_sleep(30)::text || 'victim'", "v"), wire.bind([], "v"), wire.execute(), wire.sync())


def unsynced_batch(w):
    w.send(wire.parse("insert into items values (1000, 'victim')"), wire.bind(), wire.execute(), wire.flush())
    w.receive_until("C")


def mid_copy_in(w):
    w.send(wire.query("copy items from stdin /* victim */"))
    w.receive_until("G")
    w.send(*(wire.copy_data(f"{n}\tvictim\n") for n in range(2000, 3000)))


def mid_result(w):
    w.send(wire.query("select n, repeat('victim', 1000) from generate_series(1, 20000) n"))
    w.receive_until("D")


def mid_copy_out(w):
    w.send(wire.query("copy (select n, repeat('victim', 1000) from generate_series(1, 20000) n) to stdout"))
    w.receive_until("d")


PHASES = [idle, idle_in_transaction, failed_transaction, mid_query, mid_query_in_transaction, mid_extended_query, unsynced_batch, mid_copy_in, mid_result,
          mid_copy_out]
IN_TRANSACTION = (idle_in_transaction, failed_transaction, mid_query_in_transaction)
phases = pytest.mark.parametrize("phase", PHASES, ids=lambda p: p.__name__)


def cut_short(phase, errors):
    """PostgreSQL has died within a message, after which nothing can be said but by closing."""
    return phase in (mid_result, mid_copy_out) and not errors


class Bystanders:
    """Two others: one in a transaction of its own, one idle with a prepared statement and a setting."""

    def __init__(self, proxy):
        self.busy, self.calm = proxy.wire(), proxy.wire()
        self.busy.run("begin; insert into items values (500, 'bystander')")
        self.calm.send(wire.parse("select $1::int + 1", "mine"), wire.sync())
        self.calm.until_ready()
        self.calm.run("set timezone = 'Asia/Tokyo'")

    def untouched(self, pid=None):
        assert self.busy.value("select count(*) from items where id = 500") == "1"
        self.calm.send(wire.bind([41], "mine"), wire.execute(), wire.sync())
        assert wire.transcript(self.calm.until_ready()) == "2 D:42 C:SELECT_1 Z:I"
        assert self.calm.value("show timezone") == "Asia/Tokyo"

    def end(self):
        self.busy.run("commit")
        assert self.calm.value("select count(*) from items") == "4"  # ours, and nothing of the victim
        self.busy.close()
        self.calm.close()


def on_server(cluster, phase):
    """The victim's server process once its statement has arrived there."""
    if "query" in phase.__name__:
        return lambda: cluster.backends("state = 'active' and query like '%pg_sleep(30)%'")
    return lambda: cluster.backends("query like '%victim%' or state like 'idle in transaction%' and query not like '%bystander%'")


# ---- clients die ----------------------------------------------------------------------------------------------------


@phases
@pytest.mark.parametrize("death", ["rst", "fin", "terminate"])
def test_client_dies(forebay, cluster, table, phase, death):
    proxy = forebay(pool={"size": 4})
    others = Bystanders(proxy)
    victim = proxy.wire()
    phase(victim)
    eventually(on_server(cluster, phase), what="the victim's statement reached the server")
    if death == "rst":
        victim.reset()
    elif death == "fin":
        victim.close()
    else:
        victim.send(wire.terminate())
        victim.close()
    if proxy.direct and phase in (mid_query, mid_query_in_transaction, mid_extended_query):
        cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(30)%' and pid <> pg_backend_pid()")
    others.untouched()
    eventually(lambda: len(cluster.backends("state <> 'idle'")) == 1, 5, "only the bystander's transaction is left")
    others.end()
    victim.close()
    cluster.nothing_left()
    proxy.quiet()


@pytest.mark.proxy
@phases
def test_client_dies_and_its_server_serves_the_next(forebay, cluster, table, phase):
    """A pool of one: the next client must get a clean server soon, whatever was done to the old one."""
    proxy = forebay(pool={"size": 1})
    victim = proxy.wire()
    phase(victim)
    eventually(on_server(cluster, phase))
    victim.reset()
    with proxy.wire() as w:
        start = time.monotonic()
        assert w.run("select count(*), current_setting('work_mem'), (select count(*) from pg_prepared_statements where name = 'v') from items") == [["3", "4MB", "0"]]
        assert time.monotonic() - start < 5
    cluster.nothing_left()
    proxy.quiet()


@pytest.mark.proxy
def test_many_clients_die_at_once(forebay, cluster, table):
    proxy = forebay(pool={"size": 5}, general={"workers": 4})
    victims = []
    for n in range(60):
        w = proxy.wire()
        victims.append(w)
    for n, w in enumerate(victims):
        w.send(wire.query(f"begin; select pg_sleep(0.01); insert into items values ({5000 + n}, 'victim')"))
    eventually(lambda: cluster.backends("query like '%victim%'"))
    for w in victims:
        w.reset()
    proxy.quiet()
    cluster.nothing_left()
    with proxy.wire() as w:
        assert w.value("select count(*) from items") == "3"


def test_goodbye_behind_a_request(forebay, cluster, table):
    """What was asked before Terminate is done as PostgreSQL does it, also for a client that does not stay to hear of it."""
    proxy = forebay(pool={"size": 5})
    for n in range(5):
        w = proxy.wire()
        w.send(wire.query(f"insert into items select {700 + n}, 'left' from pg_sleep(0.2)"), wire.terminate())
        w.socket.close()
    eventually(lambda: cluster.sql("select count(*) as n from items where name = 'left'")[0]["n"] == 5, what="all are there")
    with proxy.wire() as w:  # it stays for the answer, and hears nothing after it
        w.send(wire.query("select 1"), wire.terminate(), wire.query("select 2"))
        assert wire.transcript(w.until_closed()) == "T D:1 C:SELECT_1 Z:I"
    proxy.quiet()


def test_goodbye_in_a_batch_that_failed(forebay):
    """The unnamed statement of a client that has left is nobody else's."""
    proxy = forebay(pool={"size": 1})
    w = proxy.wire()
    w.send(wire.parse("select 'secret'"), wire.execute("nobody"), wire.terminate())
    w.close()
    with proxy.wire() as other:
        other.send(wire.bind(), wire.execute(), wire.sync())
        assert wire.transcript(other.until_ready()) == "E:26000 Z:I"
    proxy.quiet()


def test_goodbye_behind_a_long_request(forebay, cluster, table):
    """Its server is not kept from others for ever."""
    proxy = forebay(pool={"size": 1})
    w = proxy.wire()
    w.send(wire.query("select pg_sleep(60)"))
    eventually(lambda: cluster.backends("query like '%pg_sleep%'"))
    w.send(wire.terminate())
    w.close()
    start = time.monotonic()
    with proxy.wire(timeout=20) as other:
        assert other.value("select 1") == "1"
    assert time.monotonic() - start < 10
    proxy.quiet()


def test_client_dies_during_login(forebay):
    proxy = forebay()
    for bytes_sent in (b"", b"\0", wire.startup({"user": "app", "database": "app"})[:9], wire.startup({"user": "app", "database": "app"})):
        for _ in range(5):
            w = proxy.raw()
            w.send(bytes_sent)
            w.reset()
    with proxy.wire() as w:
        assert w.value("select 1") == "1"
    proxy.quiet()


# ---- servers die ----------------------------------------------------------------------------------------------------


@pytest.mark.proxy
@phases
def test_server_process_is_terminated(forebay, cluster, table, phase):
    """pg_terminate_backend: the client hears of it; outside a transaction its session goes on."""
    proxy = forebay(pool={"size": 4})
    others = Bystanders(proxy)
    victim = proxy.wire()
    phase(victim)
    (row, *_) = eventually(on_server(cluster, phase), what="the victim's statement reached the server")
    cluster.sql("select pg_terminate_backend(%s)", [row["pid"]])
    eventually(lambda: not cluster.backends(f"pid = {row['pid']}"))
    if phase is idle:
        assert victim.value("select 5") == "5"  # noticed before it was handed out
    elif phase in IN_TRANSACTION:
        if phase is not mid_query_in_transaction:
            victim.send(wire.query("select 1"))
        replies = victim.receive_until("E")
        assert replies[-1].fields["C"] in ("57P01", "08006")
    else:
        if phase is unsynced_batch or phase is mid_copy_in:
            victim.send(*([wire.copy_done()] if phase is mid_copy_in else []), *([wire.sync()] if phase is unsynced_batch else []))
        replies = victim.until_ready_or_closed()
        errors = [m for m in replies if m.kind == "E"]
        assert len(errors) == 1 and errors[0].fields["C"] in ("57P01", "08006") or cut_short(phase, errors), replies[-3:]
        if errors:
            assert replies[-1].status == "I"
            assert victim.value("select 5") == "5"
    others.untouched()
    others.end()
    victim.close()
    cluster.nothing_left()
    proxy.quiet()


@pytest.mark.proxy
@phases
def test_server_process_is_killed_with_9(forebay, cluster, table, phase):
    """PostgreSQL then restarts all its processes; the victim hears of it, and sessions outside a transaction go on with new ones."""
    proxy = forebay(pool={"size": 4})
    victim, calm = proxy.wire(), proxy.wire()
    assert calm.value("select 1") == "1"
    phase(victim)
    (row, *_) = eventually(on_server(cluster, phase), what="the victim's statement reached the server")

    def own_pid():
        return cluster.sql("select pg_backend_pid() as pid")[0]["pid"]

    before = own_pid()
    os.kill(row["pid"], signal.SIGKILL)

    def works_again():  # all processes are new ones, ours too
        try:
            return own_pid() != before and len(cluster.sql("select 1 from pg_stat_replication where state = 'streaming'")) == 2
        except psycopg.Error:
            return False

    eventually(works_again, 20, "PostgreSQL is up again")
    assert proxy.alive()

    def works(w):
        try:
            return w.value("select 2") == "2"
        except wire.ServerError:
            return False

    if phase is idle:
        goes_on = True  # there was nothing to hear of
    else:
        if phase is unsynced_batch:
            victim.send(wire.sync())
        replies = victim.until_ready_or_closed()
        errors = [m for m in replies if m.kind == "E"]
        assert len(errors) == 1 and errors[0].fields["C"] in ("57P02", "57P01", "08006") or cut_short(phase, errors), replies[-3:]
        goes_on = bool(errors) and phase not in IN_TRANSACTION
        assert (wire.transcript(replies[-1:]) == "Z:I") == goes_on, replies[-3:]
    if goes_on:
        eventually(lambda: works(victim), 10, "the victim's session goes on")
    eventually(lambda: works(calm), 10, "an idle client's session goes on")
    calm.close()
    victim.close()
    with proxy.wire() as w:
        assert w.value("select count(*) from items") == "3"
    cluster.nothing_left()
    proxy.quiet()


@pytest.mark.proxy
def test_postgresql_is_killed_whole_and_restarted(forebay, cluster, table):
    proxy = forebay(pool={"size": 5}, general={"workers": 4})
    stop, served_after, restarted = [], set(), []

    def client(number):
        w = None
        while not stop:
            try:
                w = w or proxy.wire(timeout=10)
                w.run("begin; update items set name = name where id = 1; select pg_sleep(0.001); commit")
                if restarted:
                    served_after.add(number)
            except wire.ServerError as e:
                assert e.code in ("57P01", "57P02", "57P03", "08006", "08001", "25P02", "08003", "53300"), e
                if e.fields["S"] == "FATAL":
                    w = w and w.close()
                else:
                    w.send(wire.query("rollback"))
                    w.until_ready()
            except (wire.Closed, ConnectionError):
                w = w and w.close()
            time.sleep(0.01)
        if w:
            w.close()

    idle_client = proxy.wire()
    idle_client.run("set timezone = 'Asia/Tokyo'")
    jobs = [Background(lambda n=n: client(n)) for n in range(12)]
    try:
        eventually(lambda: cluster.backends("state = 'active'") or cluster.backends(), 10)
        cluster.primary.kill()
        start = time.monotonic()
        w = proxy.wire()  # a login needs no server once the parameters are known
        with pytest.raises(wire.ServerError) as raised:
            w.run("select 1")
        assert raised.value.code[:2] in ("08", "57") and time.monotonic() - start < 5
        w.close()
        cluster.primary.start()
        restarted.append(True)
        eventually(lambda: len(served_after) == 12, 20, "every client is served again")
    finally:
        cluster.primary.start()
        stop.append(True)
        for job in jobs:
            job.result()
    assert idle_client.value("show timezone") == "Asia/Tokyo"
    idle_client.close()
    assert proxy.alive()
    cluster.nothing_left()
    proxy.quiet()
    eventually(lambda: len(cluster.sql("select 1 from pg_stat_replication where state = 'streaming'")) == 2, 20, "replicas stream again")


# ---- a server that cannot be had ------------------------------------------------------------------------------------


def only(port, **more):
    """Configuration of a proxy before one server on this port."""
    return {"nodes": [{"host": "127.0.0.1", "port": port, "role": "primary"}],
            "users": [{"name": "app", "password": PASSWORDS["app"]}, {"name": "admin", "password": PASSWORDS["admin"], "admin": True}],
            **more}


@pytest.mark.proxy
def test_connection_refused_is_an_error_at_once(forebay):

    proxy = forebay(**only(free_port(), pool={"checkout_timeout": "30s", "server_connect_timeout": "10s"}))

    def one(_):
        start = time.monotonic()
        with pytest.raises(wire.ServerError) as raised:
            proxy.wire().run("select 1")
        assert raised.value.code[:2] in ("08", "57"), raised.value
        assert "refused" in raised.value.fields["M"].lower() or "refused" in raised.value.fields.get("D", "").lower(), raised.value.fields
        return time.monotonic() - start

    assert max(run_threads(20, one)) < 3


@pytest.mark.proxy
def test_waiting_clients_hear_at_once_that_the_server_is_gone(forebay):
    """One server, queue behind it; the server dies and refuses further connections."""
    asked, go = threading.Event(), threading.Event()

    def serve(c, number):
        if not c.read_startup():
            return
        c.greet()
        while True:
            m = c.receive()
            if m.kind == "Q" and b"die" in m.body:
                asked.set()
                go.wait(20)
                server.refuse()
                return
            if m.kind == "Q":
                c.answer_one_row()

    server = FakeServer(serve)
    proxy = forebay(**only(server.port, pool={"size": 1, "checkout_timeout": "30s"}))
    holder = proxy.wire()
    clients = [proxy.wire() for _ in range(5)]
    holder.send(wire.query("die"))
    assert asked.wait(20)
    for w in clients:
        w.send(wire.query("select 1"))
    eventually(lambda: proxy.console("show pools")[0]["cl_waiting"] == "5", what="all wait")
    go.set()
    start = time.monotonic()
    for w in clients:
        assert w.receive_until("E")[-1].fields["C"][:2] in ("08", "57")
    assert time.monotonic() - start < 5
    server.stop()


@pytest.mark.proxy
def test_a_server_that_accepts_and_says_nothing(forebay):
    server = FakeServer(lambda c, number: c.until_closed())
    proxy = forebay(**only(server.port, pool={"server_connect_timeout": "500ms"}))
    start = time.monotonic()
    with pytest.raises(wire.ServerError) as raised:
        proxy.wire().run("select 1")
    assert raised.value.code[:2] in ("08", "57") and time.monotonic() - start < 5
    server.stop()


@pytest.mark.proxy
def test_the_servers_own_login_error_reaches_the_client(forebay):
    def serve(c, number):
        if c.read_startup():
            c.send(error("FATAL", "53300", "sorry, too many clients already"))

    server = FakeServer(serve)
    proxy = forebay(**only(server.port))
    with pytest.raises(wire.ServerError) as raised:
        proxy.wire().run("select 1")
    assert "sorry, too many clients already" in raised.value.fields["M"]
    server.stop()


GREETINGS = {
    "end of stream": lambda c: None,
    "garbage": lambda c: c.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "length 3": lambda c: c.send(b"R\0\0\0\3"),
    "length 0": lambda c: c.send(b"R\0\0\0\0"),
    "length 0x7fffffff": lambda c: (c.send(b"R\x7f\xff\xff\xff"), c.until_closed()),
    "length 0xffffffff": lambda c: (c.send(b"R\xff\xff\xff\xff"), c.until_closed()),
    "unknown authentication": lambda c: c.send(wire.message("R", struct.pack("!I", 4242))),
    "gss": lambda c: c.send(wire.message("R", struct.pack("!I", 7))),
    "short authentication": lambda c: c.send(wire.message("R", b"\0\0")),
    "sasl without mechanisms": lambda c: c.send(wire.message("R", struct.pack("!I", 10) + b"\0")),
    "sasl with unknown mechanisms": lambda c: c.send(wire.message("R", struct.pack("!I", 10) + b"OTHER\0\0")),
    "sasl continue out of turn": lambda c: c.send(wire.message("R", struct.pack("!I", 11) + b"r=x,s=AAAA,i=4096")),
    "md5 without salt": lambda c: c.send(wire.message("R", struct.pack("!I", 5))),
    "ready before authentication": lambda c: c.send(ready()),
    "row before authentication": lambda c: c.send(data_row("1")),
    "error without fields": lambda c: c.send(wire.message("E", b"\0")),
    "empty error": lambda c: c.send(wire.message("E", b"")),
    "error without terminator": lambda c: c.send(wire.message("E", b"Mtext")),
    "error without sqlstate": lambda c: c.send(error("FATAL", None, "no code")),
    "key too short": lambda c: c.send(wire.message("R", struct.pack("!I", 0)), wire.message("K", b"\0"), ready()),
    "parameter without terminator": lambda c: c.send(wire.message("R", struct.pack("!I", 0)), wire.message("S", b"abc"), ready()),
}


def scram_server(server_first=None, server_final=None):
    """A server whose SCRAM is wrong in one place."""
    def play(c):
        c.send(wire.message("R", struct.pack("!I", 10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"))
        first = c.receive().body
        nonce = first.split(b"r=")[1]
        c.send(wire.message("R", struct.pack("!I", 11) + server_first(nonce)))
        c.receive()
        c.send(wire.message("R", struct.pack("!I", 12) + server_final))
        c.send(wire.message("R", struct.pack("!I", 0)), ready())
        c.until_closed()
    return play


GREETINGS.update({
    "forged scram signature": scram_server(lambda n: b"r=" + n + b"xyz,s=QUFBQUFBQUFBQUFBQUFBQQ==,i=4096", b"v=" + b"A" * 43 + b"="),
    "scram nonce not extended": scram_server(lambda n: b"r=other,s=QUFBQUFBQUFBQUFBQUFBQQ==,i=4096", b"v="),
    "scram nonce of 64 KiB": scram_server(lambda n: b"r=" + n + b"x" * 65536 + b",s=QUFB,i=4096", b"v="),
    "scram salt of 64 KiB": scram_server(lambda n: b"r=" + n + b"x,s=" + b"QUFB" * 16384 + b",i=4096", b"v="),
    "scram iterations without end": scram_server(lambda n: b"r=" + n + b"x,s=QUFB,i=99999999999999999999", b"v="),
    "scram iterations zero": scram_server(lambda n: b"r=" + n + b"x,s=QUFB,i=0", b"v="),
    "scram without fields": scram_server(lambda n: b"", b""),
    "scram salt not base64": scram_server(lambda n: b"r=" + n + b"x,s=!!!!,i=4096", b"v="),
})


@pytest.mark.proxy
def test_hostile_servers_during_login(forebay):
    """Each ends in an error for the client, quickly, and the proxy goes on."""
    current = [None]

    def serve(c, number):
        if c.read_startup():
            current[0](c)

    server = FakeServer(serve)
    proxy = forebay(**only(server.port, pool={"size": 2, "server_connect_timeout": "2s", "checkout_timeout": "4s"}))
    for name, greeting in GREETINGS.items():
        current[0] = greeting
        start = time.monotonic()
        with pytest.raises((wire.ServerError, wire.Closed)):
            proxy.wire(timeout=8).run("select 1")
            pytest.fail(f"{name}: no error")
        assert time.monotonic() - start < 6, name
        assert proxy.alive(), name
    server.stop()
    assert server.failures == []


REPLIES = {
    "end of stream": b"",
    "length 3": b"T\0\0\0\3",
    "length 0xffffffff": b"T\xff\xff\xff\xff",
    "row without description": data_row("1") + command_complete("SELECT 1") + ready(),
    "unknown kind": wire.message("\x01") + ready(),
    "row of 1 GiB begun": row_description("a") + b"D\x40\0\0\0\0\1",
    "truncated row": row_description("a") + data_row("12345")[:-3],
    "authentication now": wire.message("R", struct.pack("!I", 3)),
    "two ReadyForQuery": command_complete("SELECT 0") + ready() + ready(),
    "ready with unknown status": command_complete("SELECT 0") + wire.message("Z", b"?"),
    "parse complete without parse": wire.message("1") + command_complete("SELECT 0") + ready(),
    "error without fields": wire.message("E", b"\0") + ready(),
    "fatal": error("FATAL", "57P01", "terminating connection due to administrator command"),
}


@pytest.mark.proxy
@pytest.mark.parametrize("name", REPLIES)
def test_hostile_servers_during_a_query(forebay, name):
    """The victim gets something and then an error, an end or (where it is only odd) its answer; the next client of the pool
    is served, by a new server where the old one cannot be trusted."""
    def serve(c, number):
        if not c.read_startup():
            return
        c.greet()
        while True:
            m = c.receive()
            if m.kind == "X":
                return
            if m.kind != "Q":
                continue
            if b"victim" in m.body:
                c.send(REPLIES[name])
                if name != "two ReadyForQuery" and b"\x5a\0\0\0\5" not in REPLIES[name]:
                    return
            else:
                c.answer_one_row("good")

    server = FakeServer(serve)
    proxy = forebay(**only(server.port, pool={"size": 1}))
    with proxy.wire() as w, proxy.wire() as other:
        w.send(wire.query("victim"))
        replies = []
        try:
            while not replies or replies[-1].kind not in "ZE":
                replies.append(w.receive())
        except wire.Closed:
            pass
        for _ in range(3):
            other.send(wire.query("select good"))
            assert wire.transcript(other.until_ready()) == "T D:good C:SELECT_1 Z:I"
    assert proxy.alive()
    server.stop()


@pytest.mark.proxy
@pytest.mark.parametrize("ask", [lambda w: w.send(wire.query("select 7")), lambda w: w.send(wire.parse("select 7", "s"), wire.bind([], "s"), wire.execute(), wire.sync())])
@pytest.mark.parametrize(("code", "lives"), [("57014", True), ("42704", False)])
def test_settings_that_go_ahead_fail(forebay, ask, code, lives):
    """A cancel from elsewhere fails the request and no more; what is refused, for good, ends the session. Nothing runs without its settings."""
    ran = []

    def serve(c, number):
        if not c.read_startup():
            return
        c.greet()
        failed = False
        while True:
            m = c.receive()
            if m.kind == "X":
                return
            if m.kind in "QP":
                ran.append((number, m.body.split(b"\0")[m.kind == "P"]))
            if m.kind == "Q" and b"set_config" in m.body and number == 0:
                assert m.body.startswith(b"BEGIN;") and m.body.endswith(b";COMMIT\0")
                failed = True
                c.send(command_complete("BEGIN"), error("ERROR", code, "no"), ready("E"))
            elif m.kind == "Q" or (m.kind == "S" and not failed):
                c.send(command_complete("SET"), ready())
            elif m.kind == "P" and not failed:
                c.send(wire.message("1", b""))
            elif m.kind == "B" and not failed:
                c.send(wire.message("2", b""))

    server = FakeServer(serve)
    proxy = forebay(**only(server.port, pool={"size": 1}))
    with proxy.wire() as w, proxy.wire() as other:
        w.run("set work_mem = '3MB'")
        other.run("select 1")
        ask(w)
        if lives:
            assert wire.transcript(w.until_ready()) == f"E:{code} Z:I"
            ask(w)
            assert "E:" not in wire.transcript(w.until_ready())
            assert ran[-2][0] == 1 and b"set_config" in ran[-2][1] and ran[-1] == (1, b"select 7")
        else:
            assert [m.fields["C"] for m in w.until_closed() if m.kind == "E"] == [code]
        other.run("select 1")
    server.stop()


@pytest.mark.proxy
def test_unsolicited_bytes_on_an_idle_server(forebay):
    """A server that talked, or ended, while idle is not handed out."""
    go, said = threading.Event(), threading.Event()

    def serve(c, number):
        if not c.read_startup():
            return
        c.greet()
        while True:
            m = c.receive()
            if m.kind == "Q":
                c.answer_one_row(f"server {number}")
                if number == 0:
                    go.wait(10)
                    c.send(error("FATAL", "57P05", "terminating connection due to idle-session timeout"))
                    c.until_received()
                    said.set()
                    return

    server = FakeServer(serve)
    proxy = forebay(**only(server.port, pool={"size": 1}))
    with proxy.wire() as w:
        first = w.run("select 1")[0][0]
        go.set()
        assert said.wait(10)
        assert w.run("select 1")[0][0] != first
    server.stop()


@pytest.mark.proxy
def test_fatal_text_of_a_server_reaches_the_client(forebay, cluster):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as w:
        w.run("set idle_in_transaction_session_timeout = '200ms'; begin")
        m = w.receive_until("E")[-1]
        assert m.fields["C"] == "25P03"
    with proxy.wire() as w:
        assert w.value("select 1") == "1"


@pytest.mark.proxy
def test_slow_reader_does_not_hold_up_others(forebay, cluster):
    proxy = forebay(pool={"size": 2}, general={"workers": 1})
    with proxy.wire() as slow, proxy.wire() as quick:
        slow.send(wire.query("select repeat('x', 10000) from generate_series(1, 10000)"))
        slow.receive_until("D")
        for n in range(200):
            assert quick.value(f"select {n}") == str(n)
        assert sum(1 for m in slow.until_ready() if m.kind == "D") == 9999


@pytest.mark.proxy
def test_results_of_any_size_before_the_end_of_stream(forebay):
    """Everything that came before the server ended is delivered."""
    sizes = [1, 4096, 8192, 16384, 65536, 65537, 131072]

    def serve(c, number):
        if c.read_startup():
            c.greet()
            c.receive()
            c.send(row_description("a"), data_row("x" * sizes[number % len(sizes)]), command_complete("SELECT 1"), ready())

    server = FakeServer(serve)
    proxy = forebay(**only(server.port, pool={"size": 1}))
    for _ in sizes:
        with proxy.wire() as w:
            w.send(wire.query("select"))
            assert [m.kind for m in w.until_ready()] == ["T", "D", "C", "Z"]
        eventually(lambda: not (proxy.pool() or {}).get("sv_idle"), what="its end is noticed: until then it is as good as any")
    server.stop()
