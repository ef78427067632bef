"""Debian's Pgpool-II with its cache in memory, as the ordinary user."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import harness
from harness import PASSWORDS, Endpoint, eventually, free_port, run


class Pgpool(Endpoint):
    def __init__(self, cluster, clients):
        self.dir = Path(tempfile.mkdtemp(prefix="forebay-bench-", dir="/tmp"))
        self.port = free_port()
        for folder in ("oid", "sock"):
            (self.dir / folder).mkdir()
        (self.dir / "pool_passwd").write_text(f"app:TEXT{PASSWORDS['app']}\n")
        settings = {
            "listen_addresses": self.host, "port": self.port, "pcp_port": free_port(), "socket_dir": self.dir / "sock", "pcp_socket_dir": self.dir / "sock", "pid_file_name": self.dir / "pid", "logdir": self.dir,
            "backend_clustering_mode": "raw", "backend_hostname0": cluster.primary.host, "backend_port0": cluster.primary.port, "backend_weight0": 1, "num_init_children": clients + 8, "max_pool": 1,
            "enable_pool_hba": "off", "allow_clear_text_frontend_auth": "on", "pool_passwd": self.dir / "pool_passwd", "use_watchdog": "off", "health_check_period": 0, "log_per_node_statement": "off",
            "memory_cache_enabled": "on", "memqcache_method": "shmem", "memqcache_total_size": 256 * 1024 * 1024, "memqcache_max_num_cache": 100000, "memqcache_expire": 0, "memqcache_auto_cache_invalidation": "on",
            "memqcache_maxcache": 400000, "memqcache_cache_block_size": 1048576, "memqcache_oiddir": self.dir / "oid",
        }
        (self.dir / "pgpool.conf").write_text("".join(f"{k} = '{v}'\n" for k, v in settings.items()))
        (self.dir / "pcp.conf").touch()
        if os.geteuid() == 0:
            run("chown", "-R", "postgres:", self.dir)
        self.log = open(self.dir / "log", "wb")
        command = f'. "{harness.ROOT}/scripts/lib.sh"; as_user pgpool -n -f "{self.dir}/pgpool.conf" -F "{self.dir}/pcp.conf" -a /dev/null'
        self.process = subprocess.Popen(["bash", "-c", command], stdout=self.log, stderr=self.log, start_new_session=True)
        try:
            eventually(lambda: (self.dir / "pid").exists() and self._answers(), 20, lambda: f"pgpool answers: {(self.dir / 'log').read_text(errors='replace')[-1500:]}")
        except BaseException:
            self.stop()
            raise

    def _answers(self):
        try:
            with self.connect(dbname="bench") as c:
                return c.execute("select 1").fetchone()
        except Exception:  # noqa: BLE001: not yet
            return False

    def hits(self):
        """Of all look-ups, in per cent."""
        with self.connect(dbname="bench") as c:
            c.prepare_threshold = None
            cursor = c.execute("show pool_cache")
            return float(dict(zip((d.name for d in cursor.description), cursor.fetchone()))["cache_hit_ratio"]) * 100

    def stop(self):
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(20)
        self.log.close()
        subprocess.run(["rm", "-rf", str(self.dir)], check=False)
