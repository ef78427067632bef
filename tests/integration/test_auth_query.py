"""Users that nobody has configured: found by auth.query, logged in to the server by what they have proved."""

import threading
import struct
import time
from contextlib import contextmanager

import pytest

import wire
from harness import BINARY, PASSWORDS, Background, eventually, run_threads
from test_auth import refused, scram_secret

ADMIN = {"name": "admin", "password": PASSWORDS["admin"], "admin": True}
ASKS = {"query_user": "postgres", "query_password": PASSWORDS["postgres"]}


@contextmanager
def role(cluster, name, how):
    cluster.sql(f'drop role if exists "{name}"')
    cluster.sql(f'create role "{name}" {how}')
    try:
        yield
    finally:
        cluster.sql(f'drop role if exists "{name}"')


@pytest.fixture
def guarded(cluster):
    """A table of users and a function over it that counts, for a role of its own with few rights."""
    cluster.sql("drop table if exists lookup_users; drop sequence if exists lookups; drop role if exists asker;"
                " create role asker login password 'asker-secret'; create table lookup_users (name text, secret text);"
                " create sequence lookups; grant select on lookup_users to asker; grant usage on lookups to asker")
    yield
    cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'asker'")
    cluster.sql("drop table lookup_users; drop sequence lookups; drop role asker")


COUNTING = "select name, secret, case when nextval('lookups') > 0 then null end from lookup_users where name = $1"
FEW_RIGHTS = {"query": COUNTING, "query_user": "asker", "query_password": "asker-secret", "query_database": "app"}


def asked(cluster):
    (row,) = cluster.sql("select case when is_called then last_value else 0 end as n from lookups")
    return row["n"]


@pytest.mark.proxy
def test_every_role_by_a_dsn(forebay, cluster):
    """No file at all: whoever PostgreSQL knows logs in with his own password, as himself."""
    proxy = forebay(start=False)
    dsn = f"postgres://postgres:{PASSWORDS['postgres']}@127.0.0.1:{cluster.primary.port}/"
    proxy.start(arguments=[BINARY, dsn, "--listen", f"127.0.0.1:{proxy.port}"])
    for user in ("app", "app2", "md5_user", "postgres"):
        for _ in range(2):  # cold and warm
            with proxy.wire(user) as w:
                assert w.run("select current_user, session_user") == [[user, user]]
            refused(proxy, user, password="wrong")
    refused(proxy, "nobody", password="x")
    with pytest.raises(wire.ServerError) as raised:  # PostgreSQL wants the password itself of this one, and SCRAM does not tell it
        with proxy.wire("plain_user") as w:
            w.run("select 1")
    assert raised.value.code == "28000" and "the password in clear" in str(raised.value), raised.value


@pytest.mark.proxy
def test_a_dsn_of_somebody_without_rights(forebay, cluster):
    proxy = forebay(start=False)
    dsn = f"postgres://app:{PASSWORDS['app']}@127.0.0.1:{cluster.primary.port}/"
    proxy.start(arguments=[BINARY, dsn, "--listen", f"127.0.0.1:{proxy.port}"])
    with proxy.wire("app") as w:
        assert w.value("select current_user") == "app"
    refused(proxy, "app2")
    refused(proxy, "nobody", password="x")
    assert "auth_query_off" in proxy.log()


@pytest.mark.proxy
@pytest.mark.parametrize("method", ["plain", "md5", "scram-sha-256"])
def test_passed_through(forebay, cluster, method):
    proxy = forebay(auth={"type": method, **ASKS}, users=[ADMIN])
    with role(cluster, "passed", "login password 'passed-secret'"):
        for _ in range(2):
            with proxy.wire("passed", password="passed-secret") as w:
                assert w.value("select current_user") == "passed"
            for wrong in ("", "Passed-secret", "x" * 900):
                refused(proxy, "passed", password=wrong)
        proxy.quiet("app", "passed")
        assert "passed-secret" not in proxy.log()
        proxy.stop()


@pytest.mark.proxy
@pytest.mark.parametrize("method", ["plain", "md5", "scram-sha-256"])
def test_unknown_users_stay_out(forebay, cluster, method):
    """CVE-2015-6817: the unknown one must not come in as the one who asks."""
    proxy = forebay(auth={"type": method, **ASKS}, users=[ADMIN])
    for user in ("nobody", "", "asker", "postgres\0", "x" * 63, "pg_read_all_data"):
        for password in ("", "x", PASSWORDS["postgres"]):
            with pytest.raises((wire.ServerError, wire.Closed)):
                proxy.wire(user, password=password).run("select current_user")


@pytest.mark.proxy
def test_valid_until_and_nologin(forebay, cluster):
    """CVE-2025-2291, and what goes with it."""
    proxy = forebay(auth=ASKS, users=[ADMIN])
    with role(cluster, "late", "login password 'late-secret' valid until '2020-01-01'"):
        refused(proxy, "late", password="late-secret")
        eventually(lambda: "expired (VALID UNTIL)" in proxy.log(), 5)
        cluster.sql("alter role late valid until 'infinity'")

        def is_let_in():  # not by the answer of this very second, nor by a salt that never was
            try:
                with proxy.wire("late", password="late-secret") as w:
                    return w.value("select current_user") == "late"
            except wire.ServerError:
                return False

        eventually(is_let_in, 10, "the role is let in again")
    with role(cluster, "never", "login password 'late-secret' valid until '-infinity'"):
        refused(proxy, "never", password="late-secret")
    with role(cluster, "group_only", "nologin password 'late-secret'"):
        refused(proxy, "group_only", password="late-secret")
    with role(cluster, "no_password", "login"):
        refused(proxy, "no_password", password="")
        refused(proxy, "no_password", password="x")


@pytest.mark.proxy
def test_names_that_are_none_do_not_shut_others_out(forebay, cluster):
    """PostgreSQL answers an error to bytes that are no text."""
    proxy = forebay(auth={"type": "plain", **ASKS, "cache_ttl": "1ms"}, users=[ADMIN])
    body = struct.pack("!I", wire.PROTOCOL_3_0) + b"user\0\xff\0database\0app\0\0"
    with role(cluster, "somebody", "login password 'some-secret'"):
        for _ in range(20):
            with proxy.raw() as s:
                s.send(struct.pack("!I", len(body) + 4) + body)
                with proxy.wire("somebody", password="some-secret") as w:
                    assert w.value("select 1") == "1"


@pytest.mark.proxy
def test_a_secret_is_not_kept_beyond_its_time(forebay, cluster):
    proxy = forebay(auth={"type": "plain", **ASKS, "cache_ttl": "1h"}, users=[ADMIN])
    with role(cluster, "brief", "login password 'brief-secret'"):
        cluster.sql("do $$ begin execute format('alter role brief valid until %L', now() + interval '3 seconds'); end $$")
        with proxy.wire("brief", password="brief-secret") as w:
            assert w.value("select 1") == "1"

        def expired():
            try:
                proxy.wire("brief", password="brief-secret").close()
                return False
            except wire.ServerError as e:
                assert e.code == "28P01"
                return True

        eventually(expired, 10)


@pytest.mark.proxy
def test_nothing_of_a_client_reaches_the_one_who_asks(forebay, cluster, guarded):
    """CVE-2025-12819: a search_path from the startup packet, where a query without schemas would heed it."""
    cluster.sql("drop schema if exists evil cascade; create schema evil; create table evil.lookup_users (name text, secret text);"
                f" insert into evil.lookup_users values ('intruder', '{scram_secret('mine')}'); grant usage on schema evil to public;"
                " grant select on evil.lookup_users to public")
    proxy = forebay(auth=FEW_RIGHTS, users=[ADMIN], databases=[{"name": "*", "cluster": "main", "user": "app", "password": PASSWORDS["app"]}])
    try:
        for more in ({"search_path": "evil"}, {"options": "-c search_path=evil"}, {"options": "-csearch_path=evil,public"}):
            with pytest.raises(wire.ServerError) as raised:
                proxy.wire("intruder", password="mine", **more)
            assert raised.value.code == "28P01"
        cluster.sql(f"insert into lookup_users values ('guest', '{scram_secret('right')}')")
        with proxy.wire("guest", password="right", search_path="evil") as w:
            assert w.value("show search_path") == "evil"
        (row,) = cluster.sql("select query from pg_stat_activity where usename = 'asker'")
        assert row["query"] == COUNTING
    finally:
        cluster.sql("drop schema evil cascade")


@pytest.mark.proxy
def test_one_question_for_all_who_ask(forebay, cluster, guarded):
    proxy = forebay(auth={**FEW_RIGHTS, "cache_ttl": "1h"}, users=[ADMIN], general={"workers": 4},
                    databases=[{"name": "*", "cluster": "main", "user": "app", "password": PASSWORDS["app"]}])
    cluster.sql(f"insert into lookup_users values ('guest', '{scram_secret('right')}')")

    def one(_):
        with proxy.wire("guest", password="right") as w:
            return w.value("select 1")

    assert run_threads(40, one) == ["1"] * 40
    assert asked(cluster) == 1
    refused(proxy, "guest", password="wrong")  # asks once more
    assert asked(cluster) in (1, 2)
    before = asked(cluster)
    for _ in range(5):
        refused(proxy, "guest", password="wrong")  # but not for each
    assert asked(cluster) <= before + 1


@pytest.mark.proxy
@pytest.mark.parametrize("method, times", [("plain", 1), ("md5", 2), ("scram-sha-256", 2)])
def test_a_new_password(forebay, cluster, method, times):
    """What is kept is asked again where a password is wrong by it. A SCRAM proof is made with the old salt: it counts the next time."""
    proxy = forebay(auth={"type": method, **ASKS, "cache_ttl": "1h"}, users=[ADMIN])
    with role(cluster, "rotated", "login password 'first'"):
        proxy.wire("rotated", password="first").close()
        cluster.sql("alter role rotated password 'second'")
        time.sleep(1.1)  # an answer of this very second is not asked for again
        for attempt in range(times):
            try:
                with proxy.wire("rotated", password="second") as w:
                    assert w.value("select current_user") == "rotated"
                break
            except wire.ServerError as e:
                assert e.code == "28P01" and attempt + 1 < times, e
        refused(proxy, "rotated", password="first")
        # and new server connections are made by it
        cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rotated'")
        proxy.quiet("app", "rotated")
        eventually(lambda: (proxy.pool("app", "rotated") or {"sv_idle": 0})["sv_idle"] == 0, 10)
        with proxy.wire("rotated", password="second") as w:
            assert w.value("select current_user") == "rotated"
        cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rotated'")


@pytest.mark.proxy
def test_who_asks_loses_the_connection(forebay, cluster):
    proxy = forebay(auth={"type": "plain", **ASKS, "cache_ttl": "1s"}, users=[ADMIN])
    for _ in range(3):
        proxy.wire("app").close()
        cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'forebay monitor'")
        proxy.wire("app2").close()
        time.sleep(1.1)  # until nothing is kept


@pytest.mark.proxy
def test_no_answer(forebay, cluster, guarded):
    """The one who asks is refused: those who are configured come in, the others are told."""
    proxy = forebay(auth={**FEW_RIGHTS, "query_password": "outdated"},
                    users=[ADMIN, {"name": "app", "password": PASSWORDS["app"]}])
    assert "auth.query has no answer" in refused(proxy, "app2", code="57P03")
    with proxy.wire("app") as w:
        assert w.value("select 1") == "1"
    assert "auth_query_failed" in proxy.log() and "outdated" not in proxy.log()


@pytest.mark.proxy
def test_a_slow_answer_keeps_nobody_else_waiting(forebay, cluster, guarded):
    slow = "select name, secret, case when pg_sleep(3) is null then 1 end from lookup_users where name = $1"
    proxy = forebay(auth={**FEW_RIGHTS, "query": slow, "login_timeout": "20s"}, users=[ADMIN, {"name": "app", "password": PASSWORDS["app"]}],
                    general={"workers": 1})
    cluster.sql(f"insert into lookup_users values ('guest', '{scram_secret('right')}')")
    waiting = Background(lambda: refused(proxy, "guest", password="wrong"))
    with proxy.raw() as leaves:
        leaves.send(wire.startup({"user": "guest", "database": "app"}))
        began = time.monotonic()
        eventually(lambda: len(proxy.console("SHOW CLIENTS")) >= 3, 2)
        with proxy.wire("app") as w:
            assert w.value("select 1") == "1"
        assert time.monotonic() - began < 2.5
    waiting.result(15)
    eventually(lambda: len(proxy.console("SHOW CLIENTS")) == 1, 10)


@pytest.mark.proxy
def test_a_login_that_waits_too_long(forebay, cluster, guarded):
    slow = "select name, secret, case when pg_sleep(2) is null then 1 end from lookup_users where name = $1"
    proxy = forebay(auth={**FEW_RIGHTS, "query": slow, "login_timeout": "500ms"}, users=[ADMIN])
    cluster.sql(f"insert into lookup_users values ('guest', '{scram_secret('right')}')")
    assert "login timeout" in refused(proxy, "guest", password="x", code="08P01")
    proxy.wire("admin", "forebay").close()


@pytest.mark.proxy
def test_groups_in_rules(forebay, cluster):
    with role(cluster, "staff", "nologin"), role(cluster, "seniors", "nologin in role staff"), \
            role(cluster, "ann", "login password 'ann-secret' in role seniors"), role(cluster, "bob", "login password 'bob-secret'"), \
            role(cluster, "chief", "login superuser password 'chief-secret'"):
        proxy = forebay(start=False, auth={"type": "hba", "hba_file": "hba.conf", **ASKS}, users=[ADMIN])
        (proxy.dir / "hba.conf").write_text("host forebay admin 127.0.0.1/32 scram-sha-256\nhost all +staff 127.0.0.0/8 scram-sha-256\n")
        proxy.start()
        with proxy.wire("ann", password="ann-secret") as w:
            assert w.value("select current_user") == "ann"
        refused(proxy, "ann", password="wrong")
        for user in ("bob", "chief", "nobody"):  # as in PostgreSQL, a superuser is no member for that
            assert refused(proxy, user, password=f"{user}-secret", code="28000") == (
                f'no pg_hba.conf entry for host "127.0.0.1", user "{user}", database "app", no encryption')


@pytest.mark.proxy
def test_several_nodes(forebay, cluster):
    """The primary is asked, whoever that is; replicas are logged in to by the same keys."""
    proxy = forebay(auth={"type": "scram-sha-256", **ASKS}, users=[ADMIN],
                    nodes=[{"host": n.host, "port": n.port} for n in cluster.nodes.values()])
    with proxy.wire("app2") as w:
        assert w.value("select current_user") == "app2"
    assert {run_value(proxy) for _ in range(10)} == {"app2"}


def run_value(proxy):
    with proxy.wire("app2") as w:
        return w.value("select current_user")
