"""Where a statement ran: by the logs of the nodes (log_statement = all: also what failed, to the letter and in order) and by
their pg_stat_statements (what was executed)."""

import re
from contextlib import contextmanager
from pathlib import Path

import routes
from harness import eventually

ENTRY = re.compile(r"^\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] (\S+@\S+) (\w+):  (.*?)(?=^\d{4}-\d\d-\d\d \S+ \S+ \[|\Z)", re.M | re.S)
STATEMENT = re.compile(r"(?:statement|execute [^:]*|execute fetch from [^:]*): (.*)", re.S)


@contextmanager
def filled_database(cluster, name):
    """A database with all that the statements of routes.py are about, on the primary and replayed by the replicas."""
    cluster.sql(f"drop database if exists {name} with (force)")
    cluster.sql(f"create database {name} owner app")
    with cluster.primary.connect("postgres", name) as c:
        c.execute("grant all on schema public to public")
        c.execute(routes.SCHEMA)
    replicas_have_all(cluster)
    yield name
    cluster.sql(f"drop database {name} with (force)")


class Witness:
    """Of all nodes of a cluster; looks at what one login does in one database."""

    def __init__(self, cluster, user="app", dbname="app"):
        self.cluster, self.who, self.dbname = cluster, f"{user}@{dbname}", dbname
        self.nodes = {n.name: n for n in (cluster.primary, *cluster.replicas)}
        self.admin = {name: n.connect("postgres", "app") for name, n in self.nodes.items()}
        for name, connection in self.admin.items():
            connection.execute("alter system set log_statement = 'all'")
            connection.execute("select pg_reload_conf()")
            with self.nodes[name].connect("app") as c:
                eventually(lambda c=c: c.execute("show log_statement").fetchone()[0] == "all", 10, f"{name} logs statements")
        self.begin()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.admin.values():
            connection.execute("alter system reset log_statement")
            connection.execute("select pg_reload_conf()")
            connection.close()

    def begin(self):
        """What is told from now on."""
        self.from_ = {name: Path(n.log).stat().st_size for name, n in self.nodes.items()}
        for connection in self.admin.values():
            connection.execute("select pg_stat_statements_reset()")

    def entries(self):
        """[(node, level, message)] since then."""
        found = []
        for name, node in self.nodes.items():
            with open(node.log, "rb") as f:
                f.seek(self.from_[name])
                text = f.read().rpartition(b"\n")[0].decode(errors="replace")  # of the last line a part may be written
            found += [(name, m[2], m[3].rstrip("\n").replace("\n\t", "\n")) for m in ENTRY.finditer(text) if m[1] == self.who]
        return found

    def statements(self):
        """[(node, text)] of all that came to a node, whether it failed or not. What was prepared or failed to be comes as STATEMENT."""
        found = []
        for node, level, message in self.entries():
            if level == "STATEMENT":
                found.append((node, message))
            elif level == "LOG" and (m := STATEMENT.match(message)):
                found.append((node, m[1]))
        return found

    def places(self, text):
        return {node for node, statement in self.statements() if statement == text}

    def errors(self, nodes):
        return [(node, message) for node, level, message in self.entries() if node in nodes and level in ("ERROR", "FATAL", "PANIC")]

    def executed(self, node):
        """{text: calls}, by pg_stat_statements; constants in it are $1, $2 ..."""
        rows = self.admin[node].execute(
            "select s.query, sum(s.calls)::int from pg_stat_statements s join pg_database d on d.oid = s.dbid"
            " join pg_roles r on r.oid = s.userid where r.rolname || '@' || d.datname = %s group by 1", [self.who]).fetchall()
        return dict(rows)


def replicas_have_all(cluster):
    lsn = cluster.sql("select pg_current_wal_insert_lsn()::text lsn")[0]["lsn"]
    for node in cluster.replicas:
        with node.connect("postgres") as c:
            eventually(lambda c=c: c.execute("select pg_last_wal_replay_lsn() >= %s::pg_lsn", [lsn]).fetchone()[0], 30, f"{node.name} has all")


def routed_reads(proxy):
    """By node name as SHOW NODES has it."""
    return {r["node"]: int(r["routed_reads"]) for r in proxy.console("show nodes")}


def until_reads_go_to_replicas(proxy, dbname="app", user="app", sql="select 1", replicas=2):
    """The nodes and the database's catalog are known: this read, again and again, has reached this many replicas."""
    before = routed_reads(proxy)
    with proxy.wire(user, dbname) as w:
        def spread():
            w.run(sql)
            return sum(count > before.get(node, 0) for node, count in routed_reads(proxy).items()) >= replicas
        eventually(spread, 20, "reads go to replicas")
    proxy.quiet(dbname, user)


def all_nodes(cluster):
    """For forebay(nodes=...): roles are found out; the last is the primary."""
    return [{"host": n.host, "port": n.port} for n in (*cluster.replicas, cluster.primary)]
