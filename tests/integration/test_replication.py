"""Replication connections are passed through one to one, each with a server connection of its own."""

import subprocess

import pytest

import wire
from harness import eventually, run


def test_identify_system(forebay, cluster):
    proxy = forebay()
    with cluster.primary.wire() as direct:
        (timeline,) = direct.run("select timeline_id from pg_control_checkpoint()")[0]
    for kind in ("database", "true", "1", "on"):
        with proxy.wire(replication=kind) as w:
            ((system, got, lsn, dbname),) = w.run("IDENTIFY_SYSTEM")
            assert got == timeline and "/" in lsn and len(system) > 10
            assert dbname == ("app" if kind == "database" else None)
            if kind == "database":
                assert w.value("select 1") == "1"
            assert w.value("SHOW wal_level") == "logical"


@pytest.mark.proxy
def test_what_is_asked_together_with_the_login(forebay):
    """It waits for a server to be had, and is passed on then."""
    proxy = forebay(auth={"type": "trust"})
    with proxy.raw() as w:
        w.send(wire.startup({"user": "app", "database": "app", "replication": "database"}) + wire.query("IDENTIFY_SYSTEM"))
        w.finish_login("app", None)
        assert [m.kind for m in w.until_ready()] == ["T", "D", "C", "Z"]


@pytest.mark.proxy
def test_it_uses_a_server_of_its_own_and_closes_it(forebay, cluster):
    proxy = forebay(pool={"size": 1})
    with proxy.wire() as normal:
        pid = normal.value("select pg_backend_pid()")
        walsenders = "select pid::text from pg_stat_activity where usename = 'app' and backend_type = 'walsender'"
        with proxy.wire(replication="database") as w:
            assert w.run("IDENTIFY_SYSTEM")
            (row,) = cluster.sql(walsenders)
            assert row["pid"] != pid
            assert normal.value("select pg_backend_pid()") == pid
            w.send(wire.terminate())
        eventually(lambda: not cluster.sql(walsenders), 10, "closed, not reused")
    proxy.quiet()


def test_pg_receivewal(forebay, cluster, tmp_path):
    proxy = forebay()
    (row,) = cluster.sql("select pg_current_wal_lsn()::text as lsn")
    process = subprocess.Popen([f"{cluster.bindir}/pg_receivewal", "-D", str(tmp_path), "--no-loop", "-v"], env=proxy.env(), stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: cluster.sql("select pg_logical_emit_message(false, 'a', 'b')") and list(tmp_path.glob("*.partial")), 10, "a WAL file arrives")
        cluster.sql("select pg_switch_wal(); create table wal_noise (); drop table wal_noise; checkpoint")
        eventually(lambda: [f for f in tmp_path.iterdir() if not f.name.endswith(".partial")], 20, f"a whole file arrives (from {row['lsn']})")
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_pg_basebackup(forebay, cluster, tmp_path):
    proxy = forebay()
    run(f"{cluster.bindir}/pg_basebackup", "-D", str(tmp_path / "copy"), "-X", "stream", "-c", "fast", "--no-sync", env=proxy.env(), seconds=50)
    assert (tmp_path / "copy" / "PG_VERSION").read_text().strip() == "15"
    run(f"{cluster.bindir}/pg_verifybackup", str(tmp_path / "copy"))


def test_logical_replication(forebay, cluster, table):
    proxy = forebay()
    cluster.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = 'through'")
    with proxy.wire(replication="database") as w:
        w.run("CREATE_REPLICATION_SLOT through LOGICAL test_decoding NOEXPORT_SNAPSHOT")
        cluster.sql("insert into items values (60, 'streamed')")
        w.send(wire.query("START_REPLICATION SLOT through LOGICAL 0/0"))
        w.receive_until("W")
        seen = b""
        while b"streamed" not in seen:
            m = w.receive()
            assert m.kind == "d"
            seen += m.body if m.body[:1] == b"w" else b""
        # end the stream from our side: CopyDone both ways
        w.send(wire.copy_done())
        w.receive_until("c")
        w.receive_until("Z")
        assert w.value("select 1") == "1"
    eventually(lambda: not cluster.sql("select 1 from pg_replication_slots where slot_name = 'through' and active"))
    cluster.sql("select pg_drop_replication_slot('through')")
