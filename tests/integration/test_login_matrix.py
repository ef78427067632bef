"""Client method x stored secret x server method: the right password comes in, a wrong one does not, and what cannot be says why."""

import pytest

import wire
from harness import PASSWORDS
from test_auth import STORED, POSSIBLE, md5_secret, refused

ADMIN = {"name": "admin", "password": PASSWORDS["admin"], "admin": True}
# A role for each method by which the cluster's pg_hba.conf asks, see scripts/dev_cluster.
SERVER = {"trust": "trust_user", "password": "plain_user", "md5": "md5_user", "scram-sha-256": "app2"}


def server_takes(method, stored, server):
    """What is known after the client's login is enough for the server's."""
    if server == "trust" or stored == "clear" or method == "plain":
        return True
    if stored == "md5":
        return server == "md5"
    return server == "scram-sha-256"  # the keys of a proof by SCRAM


def entry_of(cluster, user, stored):
    """Their secrets are PostgreSQL's own, but where it has none of that kind."""
    password = PASSWORDS[user]
    if stored == "scram":
        (row,) = cluster.sql("select rolpassword as secret from pg_authid where rolname = %s", [user])
        if (row["secret"] or "").startswith("SCRAM"):
            return {"name": user, "secret": row["secret"]}
    return STORED[stored](user, password)


@pytest.mark.proxy
@pytest.mark.parametrize("server", SERVER)
@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("method", ["plain", "md5", "scram-sha-256"])
def test_configured(forebay, cluster, method, stored, server):
    user = SERVER[server]
    proxy = forebay(auth={"type": method}, users=[entry_of(cluster, user, stored), ADMIN])
    right = PASSWORDS[user]
    if (method, stored) not in POSSIBLE:
        refused(proxy, user, password=right)
        return
    refused(proxy, user, password=right + "x")  # cold
    if not server_takes(method, stored, server):
        with pytest.raises(wire.ServerError) as raised:
            with proxy.wire(user, password=right) as w:
                w.run("select 1")
        assert raised.value.code == "28000" and "server asks for" in str(raised.value) and "[[database]]" in str(raised.value), raised.value
        assert "SCRAM" in str(raised.value) or "md5" in str(raised.value)
        return
    for _ in range(2):
        with proxy.wire(user, password=right) as w:
            assert w.run("select current_user, session_user") == [[user, user]]
        for wrong in (right + "x", "", right.upper(), md5_secret(user, right)):
            refused(proxy, user, password=wrong)  # warm: CVE-2025-46801


@pytest.mark.proxy
@pytest.mark.parametrize("server", SERVER)
@pytest.mark.parametrize("method", ["plain", "md5", "scram-sha-256"])
def test_found(forebay, cluster, method, server):
    """The same with what auth.query finds, which is the server's own secret."""
    user = SERVER[server]
    stored = {"trust": None, "md5": "md5"}.get(server, "scram")
    proxy = forebay(auth={"type": method, "query_user": "postgres", "query_password": PASSWORDS["postgres"]}, users=[ADMIN])
    right = PASSWORDS[user]
    if stored is None or (method, stored) not in POSSIBLE:
        refused(proxy, user, password=right)
        return
    refused(proxy, user, password=right + "x")
    if not server_takes(method, stored, server):
        with pytest.raises(wire.ServerError) as raised:
            with proxy.wire(user, password=right) as w:
                w.run("select 1")
        assert raised.value.code == "28000" and "server asks for" in str(raised.value), raised.value
        return
    for _ in range(2):
        with proxy.wire(user, password=right) as w:
            assert w.run("select current_user, session_user") == [[user, user]]
        refused(proxy, user, password=right + "x")


@pytest.mark.proxy
def test_trusted_clients_bring_no_password(forebay):
    proxy = forebay(auth={"type": "trust"}, users=[{"name": "app2"}, {"name": "trust_user"}, ADMIN])
    with proxy.wire("trust_user", password="") as w:
        assert w.value("select current_user") == "trust_user"
    with pytest.raises(wire.ServerError) as raised:
        with proxy.wire("app2", password="") as w:
            w.run("select 1")
    assert raised.value.code == "28000" and "no password is known" in str(raised.value)


@pytest.mark.proxy
def test_a_secret_that_is_not_the_servers(forebay):
    proxy = forebay(users=[STORED["scram"]("app2", PASSWORDS["app2"]), ADMIN])
    with pytest.raises(wire.ServerError) as raised:
        with proxy.wire("app2") as w:
            w.run("select 1")
    assert raised.value.code == "28000" and "another SCRAM secret" in str(raised.value), raised.value


@pytest.mark.proxy
def test_keys_of_one_open_nothing_for_another(forebay, cluster):
    """Logged in as app, asked for as app2: neither the pool nor the keys are shared."""
    proxy = forebay(auth={"query_user": "postgres", "query_password": PASSWORDS["postgres"]}, users=[ADMIN])
    with proxy.wire("app") as w:
        assert w.value("select current_user") == "app"
        refused(proxy, "app2", password=PASSWORDS["app"])
        with proxy.wire("app2") as other:
            assert other.value("select current_user") == "app2"
        assert w.value("select current_user") == "app"


@pytest.mark.proxy
def test_no_output_holds_a_secret(forebay, cluster, tmp_path):
    """CVE-2023-22332, and all like it: the log at its most talkative, every SHOW, the pages, every error that a client gets."""
    import urllib.request
    from harness import free_port
    token = tmp_path / "token"
    token.write_text("token-in-a-file")
    token.chmod(0o600)
    http = free_port()
    (scram,) = cluster.sql("select rolpassword as secret from pg_authid where rolname = 'app2'")
    users = [{"name": "app", "password": PASSWORDS["app"]}, {"name": "app2", "secret": scram["secret"]},
             {"name": "hashed", "secret": md5_secret("hashed", "hash me")}, {"name": "filed", "password": {"file": str(token)}},
             {"name": "asked", "secret": scram["secret"], "password": {"command": "echo token-of-a-command"}}, ADMIN]
    proxy = forebay(general={"log_level": "debug"}, http={"address": f"127.0.0.1:{http}"}, users=users,
                    auth={"query_user": "postgres", "query_password": PASSWORDS["postgres"]},
                    databases=[{"name": "forced", "cluster": "main", "user": "app2", "password": "password-of-a-database"}, {"name": "*", "cluster": "main"}])
    told = []
    for user, password in (("app", PASSWORDS["app"]), ("app2", PASSWORDS["app2"]), ("plain_user", PASSWORDS["plain_user"]), ("md5_user", PASSWORDS["md5_user"]),
                           ("hashed", "hash me"), ("filed", "token-in-a-file"), ("asked", PASSWORDS["app2"]), ("app", "typed-wrong"), ("nobody", "typed-wrong")):
        for database in ("app", "forced"):
            try:
                with proxy.wire(user, database, password=password) as w:
                    w.run("select 1")
            except wire.ServerError as e:
                told.append(str(e.fields))
    help_text = proxy.psql("SHOW HELP", "admin", "forebay").stderr
    shows = sorted({" ".join(line.split("\t")[1].split()[:2]) for line in help_text.splitlines() if "\tSHOW" in line})
    assert len(shows) > 15, help_text
    for show in [*shows, "RELOAD"]:
        told.append(str(proxy.console(show)))
    for page in ("metrics", "status", "health", "ready"):
        told.append(urllib.request.urlopen(f"http://127.0.0.1:{http}/{page}", timeout=10).read().decode())
    told.append(proxy.log())
    keys = scram["secret"].split("$")[2].split(":")
    secrets = [*PASSWORDS.values(), scram["secret"], *keys, md5_secret("hashed", "hash me"), "hash me", "token-in-a-file", "token-of-a-command",
               "password-of-a-database", "typed-wrong"]
    for text in told:
        for secret in secrets:
            assert secret not in text, (secret, text[:300])
