"""Login on both sides: who may come in, what the wrong ones are told, and as whom we go to the server."""

import base64
import hashlib
import hmac
import time

import pytest

import wire
from fake_server import FakeServer
from harness import PASSWORDS, eventually, run_threads


def md5_secret(user, password):
    return "md5" + hashlib.md5((password + user).encode()).hexdigest()


def scram_secret(password, salt=b"0123456789abcdef", iterations=4096):
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{base64.b64encode(salt).decode()}${base64.b64encode(stored).decode()}:{base64.b64encode(server).decode()}"


ADMIN = {"name": "admin", "password": PASSWORDS["admin"], "admin": True}
# Clients of these tests log in to the server as app, whatever they are here.
FORCED = [{"name": "*", "cluster": "main", "user": "app", "password": PASSWORDS["app"]}]
STORED = {
    "clear": lambda u, p: {"name": u, "password": p},
    "md5": lambda u, p: {"name": u, "secret": md5_secret(u, p)},
    "scram": lambda u, p: {"name": u, "secret": scram_secret(p)},
}
# PostgreSQL's own rules: md5 with a SCRAM secret asks for SCRAM; scram with an md5 secret cannot work.
POSSIBLE = {("plain", "clear"), ("plain", "md5"), ("plain", "scram"), ("md5", "clear"), ("md5", "md5"), ("md5", "scram"),
            ("scram-sha-256", "clear"), ("scram-sha-256", "scram")}


def refused(proxy, *args, code="28P01", **kwargs):
    with pytest.raises(wire.ServerError) as raised:
        proxy.wire(*args, **kwargs)
    assert raised.value.code == code, raised.value
    assert raised.value.fields["S"] == "FATAL"
    return raised.value.fields["M"]


@pytest.mark.proxy
@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("method", ["plain", "md5", "scram-sha-256"])
def test_client_side(forebay, method, stored):
    proxy = forebay(auth={"type": method}, databases=FORCED, users=[STORED[stored]("ann", "ann's secret"), ADMIN])
    if (method, stored) not in POSSIBLE:
        refused(proxy, "ann", password="ann's secret")
        return
    with proxy.wire("ann", password="ann's secret") as w:
        assert w.value("select current_user") == "app"
        for wrong in ("ann's Secret", "", "ann's secret ", "x" * 900):
            refused(proxy, "ann", password=wrong)  # also on a warm pool
        assert w.value("select 1") == "1"


@pytest.mark.proxy
def test_trust(forebay):
    proxy = forebay(auth={"type": "trust"}, databases=FORCED, users=[{"name": "ann"}, ADMIN])
    with proxy.wire("ann", password="") as w:
        assert w.value("select 1") == "1"


@pytest.mark.proxy
@pytest.mark.parametrize("user", ["trust_user", "plain_user", "md5_user", "app"])
def test_server_side(forebay, user):
    """The server asks by its own method; we know the password in clear."""
    with forebay().wire(user) as w:
        assert w.run("select current_user, session_user") == [[user, user]]


@pytest.mark.proxy
def test_server_side_md5_with_an_md5_secret(forebay):
    proxy = forebay(auth={"type": "md5"}, users=[{"name": "md5_user", "secret": md5_secret("md5_user", PASSWORDS["md5_user"])}, ADMIN])
    with proxy.wire("md5_user") as w:
        assert w.value("select current_user") == "md5_user"


@pytest.mark.proxy
def test_the_servers_refusal_reaches_the_client(forebay):
    """Our password for the client is right, the one for the server is not."""
    proxy = forebay(databases=[{"name": "*", "cluster": "main", "user": "app", "password": "outdated"}], users=[{"name": "ann", "password": "x"}, ADMIN])
    for _ in range(3):
        with pytest.raises(wire.ServerError) as raised:
            with proxy.wire("ann", password="x", timeout=8) as w:
                w.run("select 1")
        assert raised.value.code in ("28P01", "08006", "08001"), raised.value


@pytest.mark.proxy
@pytest.mark.parametrize("method", ["plain", "md5", "scram-sha-256"])
def test_an_unknown_user_looks_like_a_wrong_password(forebay, method):
    proxy = forebay(auth={"type": method}, users=[{"name": "ann", "password": "right"}, ADMIN], databases=FORCED)

    def dialogue(user):
        with proxy.raw() as w:
            w.send(wire.startup({"user": user, "database": "app"}))
            steps = []
            original = w.receive

            def noting():
                m = original()
                steps.append((m.kind, len(m.body)) if m.kind == "R" else (m.kind, m.fields["C"], m.fields["M"].replace(user, "NAME")))
                return m

            w.receive = noting
            with pytest.raises(wire.ServerError):
                w.finish_login(user, "wrong")
            return steps

    assert dialogue("ann") == dialogue("bob")


@pytest.mark.proxy
def test_unknown_users_get_the_same_salt_each_time(forebay):
    proxy = forebay(users=[{"name": "ann", "password": "right"}, ADMIN], databases=FORCED)

    def salt(user):
        with proxy.raw() as w:
            w.send(wire.startup({"user": user, "database": "app"}))
            w.receive()
            first = wire.ScramClient("x").first()
            w.send(wire.message("p", b"SCRAM-SHA-256\0" + len(first).to_bytes(4, "big") + first))
            return dict(p.split("=", 1) for p in w.receive().body[4:].decode().split(","))["s"]

    assert salt("nobody") == salt("nobody") and salt("nobody") != salt("nobody2")


@pytest.mark.proxy
def test_users_file(forebay):
    proxy = forebay(start=False, auth={"users_file": "users.txt"}, databases=FORCED, users=[ADMIN])
    (proxy.dir / "users.txt").write_text(
        f'; a comment\n"clear" "clear pass"\n"quoted ""name""" "pass ""word"""\n"hashed" "{md5_secret("hashed", "hashed pass")}"\n'
        f'"scram" "{scram_secret("scram pass")}"\n')
    proxy.start()
    for user, password in (("clear", "clear pass"), ('quoted "name"', 'pass "word"'), ("scram", "scram pass")):
        with proxy.wire(user, password=password) as w:
            assert w.value("select 1") == "1"
        refused(proxy, user, password="wrong")
    # a reload reads it again
    (proxy.dir / "users.txt").write_text('"clear" "new pass"\n')
    proxy.console("RELOAD")
    refused(proxy, "clear", password="clear pass")
    refused(proxy, "scram", password="scram pass")
    with proxy.wire("clear", password="new pass") as w:
        assert w.value("select 1") == "1"


@pytest.mark.proxy
def test_unknown_database(forebay):
    proxy = forebay(databases=[{"name": "app", "cluster": "main"}])
    assert "nowhere" in refused(proxy, "app", "nowhere", code="3D000")
    refused(proxy, "app", "nowhere", password="wrong")  # the password is asked first
    refused(proxy, "stranger", "nowhere", password="wrong")


@pytest.mark.proxy
def test_database_unknown_to_the_server(forebay):
    proxy = forebay()
    with pytest.raises(wire.ServerError) as raised:
        with proxy.wire(dbname="not_there") as w:
            w.run("select 1")
    assert raised.value.code == "3D000"


@pytest.mark.proxy
def test_database_defaults_to_the_users_name(forebay):
    proxy = forebay()
    with proxy.raw() as w:
        w.send(wire.startup({"user": "app"}))
        w.finish_login("app", PASSWORDS["app"])
        assert w.value("select current_database()") == "app"


@pytest.mark.proxy
def test_dbname_and_forced_user(forebay):
    proxy = forebay(databases=[{"name": "sales", "cluster": "main", "dbname": "other", "user": "app2", "password": PASSWORDS["app2"]}],
                    users=[{"name": "ann", "password": "x"}, ADMIN])
    with proxy.wire("ann", "sales", password="x") as w:
        assert w.run("select current_database(), current_user") == [["other", "app2"]]


@pytest.mark.proxy
@pytest.mark.parametrize("length", [63, 64, 65, 1000, 9000])
def test_long_names(forebay, length):
    proxy = forebay()
    for params in ({"user": "u" * length, "database": "app"}, {"user": "app", "database": "d" * length}):
        with proxy.raw() as w:
            w.send(wire.startup(params))
            with pytest.raises((wire.ServerError, wire.Closed)):
                w.finish_login(params["user"], PASSWORDS["app"])
                w.run("select 1")
    with proxy.wire() as w:
        assert w.value("select 1") == "1"


@pytest.mark.proxy
@pytest.mark.parametrize("method", ["plain", "md5", "scram-sha-256"])
def test_long_passwords(forebay, method):
    password = "p" * 900
    proxy = forebay(auth={"type": method}, users=[{"name": "ann", "password": password}, ADMIN], databases=FORCED)
    with proxy.wire("ann", password=password) as w:
        assert w.value("select 1") == "1"
    refused(proxy, "ann", password=password[:-1])


# As typed, and what SASLprep (RFC 4013) makes of it; libpq and PostgreSQL prepare passwords, or take the bytes as they are.
PREPARED = [("pa\u00a0ss", "pa ss"), ("\ufb01x", "fix"), ("\u2168", "IX"), ("I\u00adX", "IX"), ("pa\u0308ss", "p\u00e4ss"),
            ("\u0340x", "\u0340x"), ("a\u2135", "a\u05d0"), ("\u0221\u00a0", "\u0221\u00a0")]


@pytest.mark.proxy
@pytest.mark.parametrize("typed, prepared", PREPARED, ids=[ascii(typed) for typed, _ in PREPARED])
def test_passwords_beyond_ascii(forebay, cluster, typed, prepared):
    """psql and PostgreSQL agree with us on what they are, whichever side has the secret and whichever the password."""
    cluster.sql("drop role if exists fancy")
    cluster.sql(f"create role fancy login password '{typed}'")
    (row,) = cluster.sql("select rolpassword as secret from pg_authid where rolname = 'fancy'")
    try:
        # Clear on our side: both logins are made of it.
        proxy = forebay(users=[{"name": "fancy", "password": typed}, ADMIN])
        for password in {typed, prepared}:
            assert proxy.psql("select current_user", "fancy", PGPASSWORD=password).stdout == "fancy\n"
        assert proxy.psql("select 1", "fancy", PGPASSWORD=typed + "x", check=False).returncode != 0
        # PostgreSQL's secret on our side, the password sent in clear.
        for method in ("plain", "scram-sha-256"):
            proxy = forebay(auth={"type": method}, databases=FORCED, users=[{"name": "fancy", "secret": row["secret"]}, ADMIN])
            for password in {typed, prepared}:
                assert proxy.psql("select 1", "fancy", PGPASSWORD=password).stdout == "1\n"
    finally:
        cluster.sql("drop role if exists fancy")


@pytest.mark.proxy
def test_login_after_a_quiet_time(forebay):
    """The time of a login counts from its connection, not from when its worker last had something to do."""
    proxy = forebay(auth={"login_timeout": "400ms"}, general={"workers": 1})
    time.sleep(1)  # nothing happens: that is what is tested
    with proxy.wire() as w:
        assert w.value("select 1") == "1"


@pytest.mark.proxy
def test_login_timeout(forebay):
    proxy = forebay(auth={"login_timeout": "500ms"})
    with proxy.raw(timeout=10) as silent, proxy.raw(timeout=10) as half:
        half.send(wire.startup({"user": "app", "database": "app"}))
        silent.until_closed()
        half.until_closed()


@pytest.mark.proxy
def test_nothing_sent_before_login_reaches_a_server(forebay, cluster):
    """Queries pipelined behind the startup packet are no login."""
    log = cluster.primary.log
    proxy = forebay()
    with proxy.raw() as w:
        w.send(wire.startup({"user": "app", "database": "app"}), wire.query("create table sneaked_in ()"), wire.query("select 1"))
        replies = w.until_closed()
        assert replies[-1].kind == "E" and replies[-1].fields["C"][:2] in ("08", "28")
    assert cluster.sql("select to_regclass('sneaked_in') as t") == [{"t": None}]
    assert "sneaked_in" not in open(log, encoding="utf-8").read().replace("to_regclass('sneaked_in')", "")


@pytest.mark.proxy
def test_scram_login_dialogue_gone_wrong(forebay):
    proxy = forebay()
    bad = [
        wire.message("p", b""), wire.message("p", b"SCRAM-SHA-256\0"), wire.message("p", b"SCRAM-SHA-256\0\xff\xff\xff\xff"),
        wire.message("p", b"SCRAM-SHA-256\0\0\0\0\4n,,n"), wire.message("p", b"SCRAM-SHA-256\0\x7f\xff\xff\xffn,,n=,r=abc"),
        wire.message("p", b"OTHER\0\0\0\0\0"), wire.message("p", b"SCRAM-SHA-256-PLUS\0\0\0\0\x0ep=tls,,n=,r=abc"),
        wire.message("p", wire.cstr("plain password")), wire.message("Q", wire.cstr("select 1")), wire.message("p", b"x" * 60000),
        b"p\0\0\0\3", b"p\0\0\0\0", b"p\xff\xff\xff\xff",
        wire.message("p", b"SCRAM-SHA-256\0\0\0\xea\x60" + b"n,,n=,r=" + b"x" * (60000 - 8)),
    ]
    for first in bad:
        with proxy.raw(timeout=10) as w:
            w.send(wire.startup({"user": "app", "database": "app"}))
            assert w.receive().kind == "R"
            w.send(first)
            w.socket.shutdown(1)
            assert [m.kind for m in w.until_closed() if m.kind != "E"] in ([], ["R"])
    for final in (b"", b"c=biws", b"c=biws,r=x,p=AAAA", b"c=eSws,r=NONCE,p=AAAA", b"c=biws,r=NONCE,p=" + b"A" * 50000, b"c=biws,r=NONCE,p=" + b"A" * 43 + b"="):
        with proxy.raw(timeout=10) as w:
            w.send(wire.startup({"user": "app", "database": "app"}))
            w.receive()
            first = wire.ScramClient("x").first()
            w.send(wire.message("p", b"SCRAM-SHA-256\0" + len(first).to_bytes(4, "big") + first))
            nonce = w.receive().body[4:].split(b",")[0][2:]
            w.send(wire.message("p", final.replace(b"NONCE", nonce)))
            replies = w.until_closed()
            assert len(replies) <= 1 and all(m.kind == "E" and m.fields["C"] in ("28P01", "08P01") for m in replies)
    with proxy.wire() as w:
        assert w.value("select 1") == "1"


@pytest.mark.proxy
@pytest.mark.parametrize("salt_length", [8, 16, 32, 64])
def test_salts_of_any_length_from_a_server(forebay, salt_length):
    salt, seen = bytes(range(salt_length)), []

    def serve(c, number):
        """The server's side of SCRAM with this salt, checking our proof."""
        if not c.read_startup():
            return
        c.send(wire.message("R", b"\0\0\0\x0aSCRAM-SHA-256\0\0"))
        body = c.receive().body
        bare = body[body.index(b"n=") :].decode()
        nonce = bare.split("r=")[1] + "server"
        server_first = f"r={nonce},s={base64.b64encode(salt).decode()},i=4096"
        c.send(wire.message("R", b"\0\0\0\x0b" + server_first.encode()))
        final = c.receive().body.decode()
        without_proof, proof = final.rsplit(",p=", 1)
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORDS["app"].encode(), salt, 4096)
        auth = f"{bare},{server_first},{without_proof}".encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), auth, "sha256")
        seen.append(bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature)) == key)
        verifier = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), auth, "sha256")
        c.send(wire.message("R", b"\0\0\0\x0cv=" + base64.b64encode(verifier)))
        c.greet()
        while c.receive().kind == "Q":
            c.answer_one_row("in")

    server = FakeServer(serve)
    proxy = forebay(nodes=[{"host": "127.0.0.1", "port": server.port, "role": "primary"}])
    with proxy.wire() as w:
        assert w.value("select 1") == "in"
    assert seen == [True]
    server.stop()


@pytest.mark.proxy
def test_storm_of_logins_right_and_wrong(forebay):
    proxy = forebay(pool={"size": 5}, general={"workers": 4})

    def one(n):
        if n % 3 == 0:
            refused(proxy, "app", password="wrong")
        elif n % 3 == 1:
            refused(proxy, "stranger", password="wrong")
        else:
            with proxy.wire() as w:
                assert w.value("select 1") == "1"
        return True

    assert all(run_threads(90, one))
    proxy.quiet()
    lists = {row["list"]: row["items"] for row in proxy.console("SHOW LISTS")}
    assert int(lists["used_clients"]) <= 1


@pytest.mark.proxy
def test_a_role_the_server_refuses_does_not_harm_others(forebay, cluster):
    proxy = forebay(users=[{"name": "app", "password": PASSWORDS["app"]}, {"name": "ghost", "password": "g"}, ADMIN])
    with proxy.wire() as w:
        for _ in range(3):
            with pytest.raises((wire.ServerError, wire.Closed)):
                proxy.wire("ghost", password="g").run("select 1")
            assert w.value("select 1") == "1"


@pytest.mark.proxy
def test_ssl_and_gss_requests_are_answered_with_no(forebay):
    proxy = forebay()
    with proxy.raw() as w:
        for code in (80877103, 80877104):
            w.send((8).to_bytes(4, "big") + code.to_bytes(4, "big"))
            assert w.read_exactly(1) == b"N"
        w.login("app", "app", PASSWORDS["app"])
        assert w.value("select 1") == "1"


def test_many_logins_at_once(forebay):
    proxy = forebay(pool={"size": 5})

    def one(n):
        with proxy.connect() as c:
            return c.execute("select %s::int", [n]).fetchone()[0]

    assert run_threads(64, one) == list(range(64))


def test_the_server_sees_the_right_user(forebay):
    proxy = forebay()
    for user in ("app", "app2", "md5_user", "plain_user", "trust_user"):
        with proxy.connect(user) as c:
            assert c.execute("select current_user, session_user, current_database()").fetchone() == (user, user, "app")
    eventually(lambda: PASSWORDS["app"] not in proxy.log(), 1)
