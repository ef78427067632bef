"""A real Redis, alone or as a cluster of three, on loopback in a folder of its own."""

import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

from harness import eventually, free_port, run


class Redis:
    def __init__(self, *arguments, password=None):
        self.port = free_port()
        self.password = password
        self.dir = Path(tempfile.mkdtemp(prefix="forebay-redis-", dir="/tmp"))
        self.arguments = [*arguments, *(["--requirepass", password] if password else [])]
        self.process = None
        self.start()

    @property
    def url(self):
        return f"redis://{':' + self.password + '@' if self.password else ''}127.0.0.1:{self.port}"

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.dir), *self.arguments],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        eventually(self.answers, 15, "Redis answers")

    def answers(self):
        return run("redis-cli", "-p", self.port, *(["--no-auth-warning", "-a", self.password] if self.password else []), "ping",
                   check=False).stdout.strip() == "PONG"

    def cli(self, *words, check=True):
        """A command's answer as text."""
        login = ["--no-auth-warning", "-a", self.password] if self.password else []
        return run("redis-cli", "-p", self.port, *login, *words, check=check).stdout.rstrip("\n")

    def names(self):
        """Of the results that it has."""
        return [n for n in self.cli("keys", "forebay:1:*").splitlines() if "written" not in n]

    def kill(self):
        self.process.kill()
        self.process.wait()

    @contextmanager
    def frozen(self):
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


class RedisCluster:
    def __init__(self):
        # The bus wants the port + 10000.
        self.nodes = []
        while len(self.nodes) < 3:
            node = Redis("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", str(free_port()))
            self.nodes.append(node)
        run("redis-cli", "--cluster", "create", *(f"127.0.0.1:{n.port}" for n in self.nodes), "--cluster-yes")
        eventually(lambda: all("cluster_state:ok" in n.cli("cluster", "info") for n in self.nodes), 20, "the cluster is up")

    @property
    def url(self):
        return "redis+cluster://" + ",".join(f"127.0.0.1:{n.port}" for n in self.nodes)

    def names(self):
        return [name for n in self.nodes for name in n.names()]

    def owner(self, name):
        return next(n for n in self.nodes if name in n.names())

    def stop(self):
        for n in self.nodes:
            n.stop()


class Garbage:
    """Takes connections, and answers whatever it is asked by these bytes."""

    def __init__(self, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.answer = answer
        self.port = self.listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()
        self.asked = 0

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                while client.recv(65536):
                    self.asked += 1
                    client.sendall(self.answer)
            except OSError:
                pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
