"""A paired comparison of Forebay with Debian's pgbouncer (or with itself, --replicas, --cache; or with Pgpool-II, --pgpool): the same PostgreSQL, the same pool size, run in
turns A B A B ...

With --tls clients come by TLS; mode `connect` is then a login per transaction, and the memory of idle clients is told.

Figures: tps; user+system CPU of the proxy's process per transaction (/proc/PID/stat); system calls per transaction at one
client (strace -c -f, a fixed number of transactions). Medians over the rounds; the ratio is the median of the rounds' ratios.
"""

import argparse
import contextlib
import json
import os
import re
import resource
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import harness  # noqa: E402
from certificates import KINDS, Authority  # noqa: E402
from harness import PASSWORDS, Cluster, Endpoint, Forebay, eventually, free_port, run  # noqa: E402


class Pgbouncer(Endpoint):
    """One of Debian's, as the ordinary user (it refuses root)."""

    def __init__(self, cluster, mode, size, pair=None):
        self.dir = Path(tempfile.mkdtemp(prefix="forebay-bench-", dir="/tmp"))
        self.port = free_port()
        (self.dir / "users.txt").write_text(f'"app" "{PASSWORDS["app"]}"\n')
        (self.dir / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={cluster.primary.host} port={cluster.primary.port}\n"
            f"[pgbouncer]\nlisten_addr = {self.host}\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = scram-sha-256\n"
            f"auth_file = {self.dir}/users.txt\npool_mode = {mode}\ndefault_pool_size = {size}\nmax_client_conn = 1000\n"
            "ignore_startup_parameters = extra_float_digits\nlog_connections = 0\nlog_disconnections = 0\nlog_stats = 0\n"
            f"pidfile = {self.dir}/pid\n" + self._tls(pair))
        os.chmod(self.dir, 0o755)
        if os.geteuid() == 0:
            run("chown", "-R", "postgres:", self.dir)
        self.log = open(self.dir / "log", "wb")
        command = f'. "{harness.ROOT}/scripts/lib.sh"; as_user pgbouncer "{self.dir}/pgbouncer.ini"'
        self.process = subprocess.Popen(["bash", "-c", command], stdout=self.log, stderr=self.log, start_new_session=True)
        eventually(lambda: (self.dir / "pid").exists() and self._connects(), 10, "pgbouncer listens")
        self.pid = int((self.dir / "pid").read_text())

    def _tls(self, pair):
        if not pair:
            return ""
        self.sslmode = "require"
        for name, file in (("crt", pair.cert), ("key", pair.key)):
            (self.dir / name).write_bytes(Path(file).read_bytes())
        return f"client_tls_sslmode = require\nclient_tls_cert_file = {self.dir}/crt\nclient_tls_key_file = {self.dir}/key\n"

    def _connects(self):
        try:
            self.raw().close()
            return True
        except OSError:
            return False

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(10)
        self.log.close()
        subprocess.run(["rm", "-rf", str(self.dir)], check=False)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


asked = ["-S"]  # what pgbench is to ask


def pgbench(endpoint, *arguments, seconds=120):
    out = endpoint.pgbench("-n", *asked, *arguments, seconds=seconds).stdout
    count = int(re.search(r"transactions actually processed: (\d+)", out).group(1))
    return float(re.search(r"^tps = ([\d.]+)", out, re.M).group(1)), count


def timed(endpoint, mode, clients, seconds):
    """(tps, microseconds of the proxy's CPU per transaction)"""
    before = cpu_seconds(endpoint.pid)
    threads = clients if mode == "prepared" else 2
    way = ["-C"] if mode == "connect" else ["-M", mode]
    tps, count = pgbench(endpoint, *way, "-c", str(clients), "-j", str(threads), "-T", str(seconds))
    return tps, (cpu_seconds(endpoint.pid) - before) / count * 1e6


def system_calls(endpoint, mode, count=5000):
    """Per transaction at one client, by name."""
    pgbench(endpoint, "-M", mode, "-c", "1", "-t", "200")
    with tempfile.NamedTemporaryFile("r") as out:
        tracer = subprocess.Popen(["strace", "-c", "-f", "-o", out.name, "-p", str(endpoint.pid)], stderr=subprocess.PIPE, text=True)
        try:
            line = tracer.stderr.readline()  # "strace: Process N attached"
            if "attached" not in line:
                return None
            pgbench(endpoint, "-M", mode, "-c", "1", "-t", str(count), seconds=180)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(10)
        calls = {}
        for line in out.read().splitlines():
            words = line.split()
            if len(words) >= 5 and re.fullmatch(r"[\d.]+", words[0]) and words[-1] != "total":
                calls[words[-1]] = int(words[3]) / count
    return dict(sorted(calls.items(), key=lambda item: -item[1]))


def started(stack, cluster, options, **sections):
    forebay = Forebay(cluster, general={"workers": options.workers}, pool={"size": options.pool}, start=False, **sections)
    # As pgbouncer: in a session of its own, as a service is. Linux shares the processors out by session (autogroup).
    forebay.start(arguments=["setsid", harness.BINARY, "--config", str(forebay.config)])
    stack.callback(forebay.stop)
    return forebay


def beside_pgbouncer(stack, options):
    """By mode: the two endpoints."""
    cluster = Cluster(replicas=0)
    stack.callback(cluster.stop)
    cluster.primary.pgbench("-i", "-q", "-s", "10")
    pair, sections = None, {}
    if options.tls:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        pair = Authority(Path(folder)).issue("server", "localhost", "DNS:localhost", kind=options.tls)
        sections["tls.client"] = {"mode": "require", "cert_file": pair.cert, "key_file": pair.key}
    forebay = started(stack, cluster, options, **sections)
    forebay.sslmode = "require" if pair else "disable"
    bouncers = {}
    for mode in ("transaction", "session"):
        bouncers[mode] = Pgbouncer(cluster, mode, options.pool, pair)
        stack.callback(bouncers[mode].stop)
    return {mode: (forebay, bouncers["session" if mode == "prepared" else "transaction"]) for mode in options.modes}


def memory_of_idle(endpoint, count=300):
    """Resident bytes for each client that does nothing."""
    made = ssl._create_unverified_context(ssl.PROTOCOL_TLS_CLIENT)

    def log_in():
        return endpoint.raw().secure(made).login("app", "bench", PASSWORDS["app"])

    first = [log_in() for _ in range(20)]
    before = harness.memory(endpoint.pid)
    clients = [log_in() for _ in range(count)]
    each = (harness.memory(endpoint.pid) - before) / count
    for c in first + clients:
        c.close()
    return each


def split_or_not(stack, options):
    """By mode: reads sent to the replicas, and all sent to the primary."""
    cluster = Cluster(replicas=options.replicas)
    stack.callback(cluster.stop)
    cluster.primary.pgbench("-i", "-q", "-s", "10")
    nodes = [{"host": n.host, "port": n.port} for n in (cluster.primary, *cluster.replicas)]
    on, off = (started(stack, cluster, options, nodes=nodes, routing={"read_write_split": way}) for way in (True, False))

    def splits():
        with on.connect(dbname="bench") as c:
            c.execute("select abalance from pgbench_accounts where aid = 1")
            return c.execute("show forebay.last_route").fetchone()[0].startswith("replica")

    eventually(splits, 20, "reads go to replicas")
    return {mode: (on, off) for mode in options.modes}


def cached_or_not(stack, options):
    """By mode: with the result cache and without; of so many keys, all in it, or of nothing that it keeps."""
    cluster = asked_for_keys(stack, options.cache)
    on, off = (started(stack, cluster, options, cache={"mode": mode, "ttl": "1h"}) for mode in ("ttl", "off"))
    until_it_caches(on)
    return {mode: (on, off) for mode in options.modes}


def until_it_caches(forebay):
    with forebay.connect(dbname="bench") as c:
        c.prepare_threshold = None
        text = "select abalance from pgbench_accounts where aid = 1"
        eventually(lambda: c.execute(text) and c.execute("show forebay.last_cache").fetchone()[0] == "hit", 20, "it caches")


def asked_for_keys(stack, keys):
    """A cluster; pgbench asks it for so many rows, or, with 0, for what is never kept."""
    cluster = Cluster(replicas=0)
    stack.callback(cluster.stop)
    cluster.primary.pgbench("-i", "-q", "-s", "10")
    script = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".sql"))
    script.write(f"\\set aid random(1, {keys or 100000})\n"
                 f"select abalance{'' if keys else ', random()'} from pgbench_accounts where aid = :aid;\n")
    script.flush()
    os.chmod(script.name, 0o644)
    asked[:] = ["-f", script.name]
    return cluster


def three_caches(stack, options):
    """Hits a second, one behind the other in turns: PostgreSQL without any cache, Pgpool-II's, Forebay's."""
    from pgpool import Pgpool

    cluster = asked_for_keys(stack, options.pgpool)
    pgpool = Pgpool(cluster, options.clients)
    stack.callback(pgpool.stop)
    forebay = started(stack, cluster, options, cache={"mode": "ttl", "ttl": "1h"})
    until_it_caches(forebay)
    those = {"PostgreSQL": cluster.primary, "Pgpool-II": pgpool, "Forebay": forebay}
    report = {}
    print(f"{options.pgpool} rows by key, {options.clients} clients, {options.workers or 'all'} workers of Forebay, {options.rounds} rounds of {options.seconds} s, medians of tps")
    print(f"{'mode':<12}" + "".join(f"{name:>13}" for name in those) + f"{'to PostgreSQL':>15}{'to Pgpool-II':>15}", flush=True)
    for mode in options.modes:
        arguments = ("-M", mode, "-c", str(options.clients), "-j", "2")
        for endpoint in those.values():
            pgbench(endpoint, *arguments, "-t", "1500")  # warm: all keys, twice
        rounds = [[pgbench(endpoint, *arguments, "-T", str(options.seconds))[0] for endpoint in those.values()] for _ in range(options.rounds)]
        tps = [statistics.median(one) for one in zip(*rounds)]
        ratios = [statistics.median(r[2] / r[other] for r in rounds) for other in (0, 1)]
        report[mode] = {"tps": dict(zip(those, tps)), "ratios": ratios}
        print(f"{mode:<12}" + "".join(f"{t:>13.0f}" for t in tps) + f"{ratios[0]:>15.2f}{ratios[1]:>15.2f}", flush=True)
    print(f"Pgpool-II found {pgpool.hits():.0f} % of what it looked for")
    return report


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each run")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--pool", type=int, default=20)
    parser.add_argument("--workers", type=int, default=0, help="Forebay's (0: one per core)")
    parser.add_argument("--modes", default="simple,extended,prepared", type=lambda text: text.split(","))
    parser.add_argument("--replicas", type=int, default=0, metavar="N", help="instead of pgbouncer: Forebay that splits reads over so many beside one that does not")
    parser.add_argument("--cache", type=int, metavar="KEYS",
                        help="instead of pgbouncer: Forebay whose result cache is on beside one whose is off, asked for so many rows; 0: for what is never kept")
    parser.add_argument("--tls", metavar="KEY", choices=list(KINDS), help="clients come by TLS; the proxies' key: " + ", ".join(KINDS))
    parser.add_argument("--pgpool", type=int, metavar="KEYS", help="instead of pgbouncer: PostgreSQL itself, Pgpool-II's cache and Forebay's, asked for so many rows")
    parser.add_argument("--no-strace", action="store_true")
    parser.add_argument("--json", help="also write the figures here")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    if options.pgpool:
        with contextlib.ExitStack() as stack:
            return write_report(options, three_caches(stack, options))
    report = {}
    names, pairs = ("Forebay", "pgbouncer"), beside_pgbouncer
    if options.replicas:
        names, pairs = ("split", "not split"), split_or_not
    elif options.cache is not None:
        names, pairs = ("cached", "not cached"), cached_or_not
    with contextlib.ExitStack() as stack:
        both = pairs(stack, options)
        if options.tls:
            for name, endpoint in zip(names, next(iter(both.values()))):
                print(f"{name}: {memory_of_idle(endpoint) / 1024:.1f} KiB resident for each idle client with TLS")
        print(f"pgbench {asked[0]}, {options.clients} clients, pool {options.pool}, {options.rounds} rounds of {options.seconds} s, medians; CPU: user+system of the proxy")
        print(f"{'':<12}{'tps':>26}{'':>8}{'CPU us/transaction':>26}")
        print(f"{'mode':<12}{names[0]:>13}{names[1]:>13}{'ratio':>8}{names[0]:>13}{names[1]:>13}{'ratio':>8}", flush=True)
        for mode, pair in both.items():
            for endpoint in pair:
                timed(endpoint, mode, options.clients, 1)  # warm
            rounds = [[timed(endpoint, mode, options.clients, options.seconds) for endpoint in pair] for _ in range(options.rounds)]
            middle = lambda pick: statistics.median(pick(p) for p in rounds)  # noqa: E731
            row = {
                "tps": [middle(lambda p: p[0][0]), middle(lambda p: p[1][0]), middle(lambda p: p[0][0] / p[1][0])],
                "cpu_us": [middle(lambda p: p[0][1]), middle(lambda p: p[1][1]), middle(lambda p: p[0][1] / p[1][1])],
            }
            report[mode] = row
            t, c = row["tps"], row["cpu_us"]
            print(f"{mode:<12}{t[0]:>13.0f}{t[1]:>13.0f}{t[2]:>8.2f}{c[0]:>13.1f}{c[1]:>13.1f}{c[2]:>8.2f}", flush=True)
        if not options.no_strace:
            print("\nsystem calls per transaction, 1 client")
            for mode, pair in both.items():
                for name, endpoint in zip(names, pair if mode != "connect" else ()):
                    calls = system_calls(endpoint, mode)
                    if calls is None:
                        print("  strace may not attach here")
                        continue
                    report.setdefault(mode, {})[f"syscalls_{name}"] = calls
                    detail = ", ".join(f"{k} {v:.2f}" for k, v in calls.items() if v >= 0.01)
                    print(f"{mode:<12}{name:<12}{sum(calls.values()):>6.2f}   {detail}", flush=True)
    write_report(options, report)


def write_report(options, report):
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")


main()
