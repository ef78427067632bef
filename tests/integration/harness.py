"""What the fixtures hand out: the PostgreSQL cluster, running proxies, and waiting for conditions with deadlines."""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

import wire

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("FOREBAY_BIN", str(ROOT / "build" / "forebay"))
DEV_CLUSTER = str(ROOT / "scripts" / "dev_cluster")
SANITIZED = "asan" in BINARY or "tsan" in BINARY or os.environ.get("FOREBAY_SANITIZED") == "1"
REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:", "Assertion")

PASSWORDS = {
    "app": "app-secret", "app2": "app2-secret", "plain_user": "plain-secret", "md5_user": "md5-secret",
    "trust_user": "trust-secret", "postgres": "postgres-secret", "admin": "admin-secret", "watcher": "watcher-secret",
}


def eventually(condition, seconds=10.0, what=None):
    """Poll until the condition is true and return its value; an AssertionError with its last value otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}; last value {value!r}")
        time.sleep(0.02)


def run_threads(count, work, seconds=60.0):
    """work(number) in `count` threads at once; their results in order; the first exception is raised here."""
    results, errors = [None] * count, []

    def body(number):
        try:
            results[number] = work(number)
        except BaseException as e:  # noqa: BLE001 - handed to the caller
            errors.append(e)

    threads = [threading.Thread(target=body, args=(n,), daemon=True) for n in range(count)]
    for t in threads:
        t.start()
    deadline = time.monotonic() + seconds
    for t in threads:
        t.join(max(0.0, deadline - time.monotonic()))
    if errors:
        raise errors[0]
    assert not any(t.is_alive() for t in threads), f"threads still busy after {seconds} s"
    return results


class Background:
    """One call in a thread; result() gives its value or raises what it raised."""

    def __init__(self, work):
        self.value, self.error = None, None
        self.thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self.thread.start()

    def _run(self, work):
        try:
            self.value = work()
        except BaseException as e:  # noqa: BLE001 - raised in result()
            self.error = e

    def done(self):
        return not self.thread.is_alive()

    def result(self, seconds=30.0):
        self.thread.join(seconds)
        assert self.done(), f"still busy after {seconds} s"
        if self.error:
            raise self.error
        return self.value


def free_port():
    out = subprocess.run(["bash", "-c", f". {ROOT}/scripts/lib.sh; free_ports 1"], capture_output=True, text=True, check=True)
    return int(out.stdout)


def run(*command, seconds=60.0, check=True, **kwargs):
    """A command with a deadline; its output is in the exception when it fails."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=seconds, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError(f"{command} -> {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done


def memory(pid):
    """Resident memory in bytes."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Endpoint:
    """Something that speaks PostgreSQL on a port: a node, or Forebay in front of it."""

    host = "127.0.0.1"
    port = 0
    sslmode = "disable"  # of programs that go by their environment

    def dsn(self, user="app", dbname="app", **more):
        words = {"host": self.host, "port": self.port, "user": user, "dbname": dbname, "connect_timeout": 10,
                 "password": PASSWORDS[user], **more}
        return " ".join(f"{k}='{v}'" for k, v in words.items() if v is not None)

    def url(self, user="app", dbname="app"):
        return f"postgres://{user}:{PASSWORDS[user]}@{self.host}:{self.port}/{dbname}"

    def connect(self, user="app", dbname="app", autocommit=True, **more):
        """psycopg 3."""
        return psycopg.connect(self.dsn(user, dbname, **more), autocommit=autocommit)

    def wire(self, user="app", dbname="app", password=None, protocol=wire.PROTOCOL_3_0, timeout=20.0, receive_buffer=None, **params):
        """A raw connection, logged in."""
        w = wire.Wire(self.host, self.port, timeout, receive_buffer)
        try:
            return w.login(user, dbname, PASSWORDS.get(user) if password is None else password, protocol, **params)
        except BaseException:
            w.close()
            raise

    def raw(self, timeout=20.0):
        """A raw connection, nothing sent."""
        return wire.Wire(self.host, self.port, timeout)

    def cancel(self, w):
        return wire.send_cancel(self.host, self.port, w.pid, w.secret)

    def env(self, user="app", dbname="app", **more):
        """The environment for psql, pgbench, pg_dump."""
        return {**os.environ, "PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": user, "PGPASSWORD": PASSWORDS.get(user, ""),
                "PGDATABASE": dbname, "PGCONNECT_TIMEOUT": "10", "PGSSLMODE": self.sslmode, "PGGSSENCMODE": "disable", **more}

    def psql(self, sql, user="app", dbname="app", check=True, arguments=(), **more):
        return run("psql", "-XAt", "-v", "ON_ERROR_STOP=1", *arguments, "-c", sql, env=self.env(user, dbname, **more), check=check)

    def pgbench(self, *arguments, user="app", dbname="bench", seconds=120.0, check=True):
        done = run("pgbench", *arguments, env=self.env(user, dbname), seconds=seconds, check=check)
        if check:
            assert "ERROR" not in done.stderr and "aborted" not in done.stderr, done.stderr[-3000:]
        return done


class Node(Endpoint):
    def __init__(self, cluster, name, spec):
        self.cluster, self.name = cluster, name
        self.host, self.port, self.log = spec["host"], spec["port"], spec["log"]

    def _do(self, action):
        run(DEV_CLUSTER, "node", action, self.name, "--dir", self.cluster.dir)

    def kill(self):
        """kill -9 of the postmaster."""
        self._do("kill")

    def stop(self):
        self._do("stop")

    def start(self):
        self._do("start")

    def pids(self):
        """The postmaster first: what is done to it before the rest, keeps it from making more."""
        data = f"{self.cluster.dir}/{self.name}"
        yield (postmaster := int(Path(data, "postmaster.pid").read_text().split()[0]))
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if int(process.name) != postmaster and os.readlink(process / "cwd") == data:
                    yield int(process.name)

    def crash(self):
        """kill -9 of all its processes, as when the machine is gone, but for its kernel."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self):
        """All its processes stopped, as on a machine that hangs: connections are taken by the kernel, and nobody answers."""
        stopped = []
        try:
            for pid in self.pids():
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
            yield
        finally:
            for pid in reversed(stopped):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


class Cluster:
    """A primary and streaming replicas, made by scripts/dev_cluster; they end with this process."""

    def __init__(self, replicas=2, parent="/tmp"):
        self.dir = tempfile.mkdtemp(prefix="forebay-it-", dir=parent)
        run(DEV_CLUSTER, "start", "--dir", self.dir, "--replicas", str(replicas), "--owner", str(os.getpid()), seconds=120)
        spec = json.loads(Path(self.dir, "cluster.json").read_text())
        self.bindir, self.sockets = spec["bindir"], spec["sockets"]
        self.nodes = {name: Node(self, name, node) for name, node in spec["nodes"].items()}
        self.primary = self.nodes["primary"]
        self.replicas = [n for name, n in self.nodes.items() if name != "primary"]
        self._admin = {}

    def stop(self):
        for connection in self._admin.values():
            connection.close()
        run(DEV_CLUSTER, "stop", "--dir", self.dir)

    def sql(self, statement, parameters=None, dbname="app"):
        """As superuser, straight to the primary; rows as dicts. Rides out a server that a test has killed."""
        deadline = time.monotonic() + 20
        while True:
            try:
                connection = self._admin.get(dbname)
                if connection is None or connection.closed:
                    connection = self._admin[dbname] = self.primary.connect("postgres", dbname, application_name="test-admin")
                with connection.cursor(row_factory=dict_row) as cursor:
                    cursor.execute(statement, parameters)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError as e:
                if connection:
                    connection.close()
                lost = e.sqlstate is None or e.sqlstate.startswith("57P")
                if not lost or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def log(self, size=3000):
        """The end of the primary's."""
        return Path(self.primary.log).read_text(errors="replace")[-size:]

    def backends(self, where="true", user="app", dbname=None):
        """Server processes of this login, as in pg_stat_activity."""
        rows = self.sql(
            "select pid, state, datname, application_name, query, backend_start::text from pg_stat_activity"
            f" where usename = '{user}' and backend_type = 'client backend' and pid <> pg_backend_pid() and ({where}) order by pid")
        return [r for r in rows if dbname is None or r["datname"] == dbname]

    def nothing_left(self, user="app", seconds=10.0):
        """No open or running transaction of this login, and no lock."""
        eventually(lambda: not self.backends("state <> 'idle'", user), seconds, f"no transaction of {user} left behind")
        eventually(lambda: not self.sql("select l.* from pg_locks l join pg_stat_activity a using (pid) where a.usename = %s", [user]),
                   seconds, f"no lock of {user} left behind")


def to_toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list):
        return "[" + ", ".join(to_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {to_toml(v)}" for k, v in value.items()) + " }"
    raise TypeError(value)


def config_text(sections, arrays):
    """sections: {"pool": {...}}, arrays: {"user": [{...}, ...]} written as [[user]]."""
    lines = []
    for name, table in sections.items():
        lines += [f"[{name}]"] + [f"{k} = {to_toml(v)}" for k, v in table.items()] + [""]
    for name, tables in arrays.items():
        for table in tables:
            lines += [f"[[{name}]]"] + [f"{k} = {to_toml(v)}" for k, v in table.items()] + [""]
    return "\n".join(lines)


class Forebay(Endpoint):
    """One running proxy. Keyword arguments are the sections of the file ({"pool": {...}}) laid over the defaults below;
    users, databases and nodes replace the default lists; cluster_keys are laid over the cluster's."""

    direct = False

    def __init__(self, cluster, users=None, databases=None, nodes=None, cluster_keys=None, environment=None, text=None, start=True,
                 **sections):
        self.cluster = cluster
        self.dir = Path(tempfile.mkdtemp(prefix="forebay-proxy-", dir="/tmp"))
        self.config = self.dir / "forebay.toml"
        self.log_path = self.dir / "forebay.log"
        self.port = free_port()
        self.process = None
        self.environment = environment or {}
        self.expected_exit = 0
        self.sections, self.users, self.databases, self.nodes = sections, users, databases, nodes
        self.cluster_keys = cluster_keys or {}
        if text is None:
            self.write_config()
        else:
            self.config.write_text(text.replace("@PORT@", str(self.port)))
        if start:
            self.start()

    def write_config(self, **changes):
        """Write the file, with these sections changed; takes effect at the next start or reload."""
        for name, table in changes.items():
            if name in ("users", "databases", "nodes", "cluster_keys"):
                setattr(self, name, table)
            else:
                self.sections[name] = {**self.sections.get(name, {}), **table}
        sections = {
            "general": {"workers": 2, "shutdown_timeout": "3s"},
            "listen": {"addresses": [f"127.0.0.1:{self.port}"], "max_clients": 2000},
            "pool": {"mode": "transaction", "size": 10},
        }
        for name, table in self.sections.items():
            sections[name] = {**sections.get(name, {}), **table}
        users = self.users if self.users is not None else [
            {"name": "app", "password": PASSWORDS["app"]}, {"name": "app2", "password": PASSWORDS["app2"]},
            {"name": "plain_user", "password": PASSWORDS["plain_user"]}, {"name": "md5_user", "password": PASSWORDS["md5_user"]},
            {"name": "trust_user", "password": PASSWORDS["trust_user"]}, {"name": "postgres", "password": PASSWORDS["postgres"]},
            {"name": "admin", "password": PASSWORDS["admin"], "admin": True},
            {"name": "watcher", "password": PASSWORDS["watcher"], "stats": True},
        ]
        nodes = self.nodes if self.nodes is not None else [
            {"host": self.cluster.primary.host, "port": self.cluster.primary.port, "role": "primary"}]
        databases = self.databases if self.databases is not None else [{"name": "*", "cluster": "main"}]
        self.config.write_text(config_text(sections, {
            "cluster": [{"name": "main", "nodes": nodes, **self.cluster_keys}], "database": databases, "user": users}))

    def start(self, wait=True, arguments=None):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1",
               "TSAN_OPTIONS": "halt_on_error=0", **self.environment}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                arguments or [BINARY, "--config", str(self.config)], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env,
                cwd=self.dir, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)))
        if wait:
            eventually(self._listening, 15, "Forebay listens")

    def _listening(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Forebay ended at once with {self.process.returncode}:\n{self.log()[-3000:]}")
        try:
            socket.create_connection((self.host, self.port), timeout=2).close()
            return True
        except OSError:
            return False

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=15.0):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"Forebay still runs after {seconds} s") from None

    def stop(self):
        """SIGTERM, then look at how it ended."""
        if self.process is None:
            shutil.rmtree(self.dir, ignore_errors=True)
            return
        problems = []
        if self.alive():
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(30 if SANITIZED else 15)
            except subprocess.TimeoutExpired:
                problems.append("did not end on SIGTERM")
                self.process.kill()
                self.process.wait()
        if not problems and self.process.returncode != self.expected_exit:
            problems.append(f"exit code {self.process.returncode}, expected {self.expected_exit}")
        log = self.log()
        problems += [f"log contains {word!r}" for word in REPORTS if word in log]
        problems += [f"the log shows the password {p!r}" for p in PASSWORDS.values() if p in log]
        self.process = None
        shutil.rmtree(self.dir, ignore_errors=True)
        if problems:
            raise AssertionError("Forebay: " + "; ".join(problems) + "\n" + log[-6000:])

    # -- console

    def console(self, command, user="admin", dbname="forebay", secure=False):
        """Rows of a console command as dicts of text. secure: over TLS, whoever answers."""
        with self.raw() as w:
            if secure:
                w.secure(ssl._create_unverified_context(ssl.PROTOCOL_TLS_CLIENT))
            w.login(user, dbname, PASSWORDS.get(user))
            w.send(wire.query(command))
            names, rows = [], []
            for m in w.until_ready():
                if m.kind == "E":
                    raise wire.ServerError(m.fields)
                if m.kind == "T":
                    names = column_names(m)
                if m.kind == "D":
                    rows.append(dict(zip(names, (None if v is None else v.decode() for v in m.values))))
            return rows

    def pool(self, dbname="app", user="app"):
        """This pool's row of SHOW POOLS with numbers as int; None when there is no such pool."""
        for row in self.console("SHOW POOLS"):
            if row["database"] == dbname and row["user"] == user:
                return {k: int(v) if v is not None and v.lstrip("-").isdigit() else v for k, v in row.items()}
        return None

    def quiet(self, dbname="app", user="app", seconds=10.0):
        """No client, nothing in use in this pool."""
        def gauges():
            row = self.pool(dbname, user)
            return row is None or all(row[k] == 0 for k in ("cl_active", "cl_waiting", "sv_active"))
        eventually(gauges, seconds, f"pool {dbname}/{user} is quiet: {self.pool(dbname, user)}")


class Direct(Forebay):
    """--direct: PostgreSQL itself in the place of Forebay, to prove the tests right."""

    direct = True

    def __init__(self, cluster, **_):  # noqa: super().__init__ starts a proxy
        self.cluster, self.host, self.port = cluster, cluster.primary.host, cluster.primary.port
        self.process = None

    def stop(self):
        pass

    def log(self):
        return ""

    def alive(self):
        return True

    def quiet(self, *_, **__):
        pass


def column_names(row_description):
    names, at = [], 2
    body = row_description.body
    for _ in range(int.from_bytes(body[:2], "big")):
        end = body.index(0, at)
        names.append(body[at:end].decode())
        at = end + 1 + 18
    return names
