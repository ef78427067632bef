"""A PostgreSQL whose clock can be set: what depends on the time is another then, and needs no waiting."""

import os
import struct
import tempfile
from contextlib import contextmanager
from pathlib import Path

import harness

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    def __init__(self, path):
        self.path = path
        self.set(0)

    def set(self, seconds):
        """Of all its processes, at once. 0: the real time."""
        with open(self.path, "r+b" if self.path.exists() else "wb") as f:
            f.write(struct.pack("=q", seconds))
        self.path.chmod(0o644)


@contextmanager
def cluster_with_clock():
    """(cluster, clock)"""
    with tempfile.TemporaryDirectory(prefix="forebay-clock-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        library, clock = Path(folder, "clock.so"), Clock(Path(folder, "clock"))
        harness.run("cc", "-O1", "-shared", "-fPIC", "-o", library, SOURCE)
        added = {"LD_PRELOAD": str(library), "CONSISTENCY_CLOCK": str(clock.path)}
        os.environ.update(added)
        try:
            cluster = harness.Cluster(replicas=0)
        finally:
            for name in added:
                del os.environ[name]
        try:
            yield cluster, clock
        finally:
            clock.set(0)
            cluster.stop()
