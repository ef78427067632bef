"""PostgreSQL, Forebay in front of it in every mode and pool size, and the verdict on one script."""

import os
import shutil

import model  # noqa: F401 - makes the integration tests' modules importable
import harness
import jobs
import wire
from known import known_difference
from player import Play, Unfit
from transcript import first_difference

USER = "trust_user"  # no password: logins are cheap, and thousands are made
MODES = ("transaction", "session", "statement")
SIZES = (1, 2, 3)
PATIENCE = 12 if harness.SANITIZED else 6  # seconds a step may wait
HASTE, DIRECT_HASTE = PATIENCE / 3, PATIENCE / 12  # the same while a script is made small: what takes longer counts as not failing

SCHEMA = """
create table shared (id int primary key, name text, amount numeric, day date);
insert into shared select n, 'name ' || n, n * 1.5, date '2020-01-01' + n from generate_series(1, 20) n;
create table own_a (id int primary key, name text) with (autovacuum_enabled = false);
create table own_b (id int primary key, name text) with (autovacuum_enabled = false);
create table own_c (id int primary key, name text) with (autovacuum_enabled = false);
create table copied (id int, name text) with (autovacuum_enabled = false);
create function noisy(n int) returns int language plpgsql as $$ begin raise notice 'noise %', n using detail = 'd', hint = 'h'; return n; end $$;
create function failing(n int) returns int language plpgsql as $$ begin raise exception 'failure %', n using errcode = 'AB123', hint = 'h'; end $$;
"""
TABLES = ("own_a", "own_b", "own_c", "copied")
# What scripts may have made or changed since the last reset. The log position of a table's first page (where its few rows are)
# and its size tell of every write, also of those rolled back.
TRACES = f"""
select c.oid::regclass::text, case when not c.relname = any ('{{{','.join(TABLES)}}}') then 'made' when pg_relation_size(c.oid) = 0 then 'empty'
  else pg_relation_size(c.oid) || ' ' || (page_header(get_raw_page(c.oid::regclass::text, 0))).lsn end
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'shared'
"""
BUSY = f"select count(*) from pg_stat_activity where usename = '{USER}' and state <> 'idle'"
ROWS = {"own_a": "(1, 'one'), (2, 'two')", "own_b": "(1, 'eins'), (2, 'zwei')", "own_c": "(1, 'un'), (2, 'deux')"}


class Crash(Exception):
    """PostgreSQL itself has crashed, which some scripts make it do."""


class Verdict:
    """difference is None where the transcripts are equal; `known` names a documented difference."""

    def __init__(self, mode, size, difference, known=None):
        self.mode, self.size, self.difference, self.known = mode, size, difference, known

    @property
    def failed(self):
        return self.difference is not None and self.known is None

    @property
    def hung(self):
        return (self.difference.got or "").startswith(("? ", "E ERROR 53300"))


def fast_folder():
    """In memory where there is room: scripts make and drop many tables, and files are slow to make and remove on a disk."""
    memory = "/dev/shm"
    return memory if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30 else "/tmp"


class Rig:
    def __init__(self, modes=MODES, cache="off"):
        self.modes, self.cache = modes, cache
        self.cluster = harness.Cluster(replicas=0, parent=fast_folder())
        self.proxy = None
        try:
            self.cluster.sql("grant all on schema public to public; set role trust_user;" + SCHEMA + "reset role")
            self.clean = {}
            self.connect_janitor()
            self.janitor.run("create extension pageinspect schema pg_catalog")
            for setting in ("max_wal_size = '64MB'", "min_wal_size = '32MB'", "wal_keep_size = 0"):
                self.janitor.run(f"alter system set {setting}")
            self.janitor.run("select pg_reload_conf()")
            self.start_proxy()
        except BaseException:
            self.stop()
            raise

    def start_proxy(self):
        databases = [{"name": self.dbname(m, s), "cluster": "main", "dbname": "app", "pool_mode": m, "pool_size": s}
                     for m in MODES for s in SIZES]
        self.proxy = harness.Forebay(
            self.cluster, databases=databases, users=[{"name": USER}, {"name": "admin", "admin": True}],
            auth={"type": "trust"}, pool={"checkout_timeout": "3s"}, general={"shutdown_timeout": "200ms"},
            cache={"mode": self.cache})
        self.console = self.proxy.wire("admin", "forebay") if self.cache != "off" else None

    def renew(self):
        """A Forebay, and servers, that nobody has used; what is wrong with the one before is an AssertionError."""
        with jobs.undisturbed():
            proxy, self.proxy = self.proxy, None
            if self.console:
                self.console.close()
            proxy.stop()
            self.start_proxy()

    @staticmethod
    def dbname(mode, size):
        return f"{mode}_{size}"

    def stop(self):
        try:
            if self.proxy:
                if self.console:
                    self.console.close()
                self.proxy.stop()
        finally:
            self.cluster.stop()

    def check_postgresql(self):
        """Raises Crash once PostgreSQL works again after one."""
        try:
            self.janitor.run("select 1")
        except (OSError, wire.Closed, wire.ServerError):
            self.clean = {}

            def back():
                try:
                    return self.connect_janitor()
                except (OSError, wire.Closed, wire.ServerError):
                    return False

            harness.eventually(back, 60, "PostgreSQL is there again")
            raise Crash from None

    def connect_janitor(self):
        self.janitor = self.cluster.primary.wire("postgres", "app")
        self.janitor.run("set lock_timeout = '20s'")
        return True

    def reset(self):
        """Between two plays: what scripts have made goes, what they have changed is as before."""
        # What a client asked for before it said goodbye may still be at work.
        harness.eventually(lambda: self.janitor.value(BUSY) == "0", 20, "no session of a play is busy")
        traces = dict(self.janitor.run(TRACES))
        changed = {name for name, trace in traces.items() if trace != self.clean.get(name)}
        for name in changed:
            if traces[name] == "made":
                self.janitor.run(f"drop table {name} cascade")
            else:
                self._refill(name)
        if changed:
            self.clean = dict(self.janitor.run(TRACES))

    def _refill(self, name):
        """Its rows in their order in an otherwise empty file. Ten times as fast as TRUNCATE, which makes new files."""
        self.janitor.run(f"delete from {name}")

        def emptied():  # it is not as long as a transaction lives that may see the old rows
            self.janitor.run(f"vacuum (truncate, index_cleanup on) {name}")
            return self.janitor.value(f"select pg_relation_size('{name}')") == "0"

        harness.eventually(emptied, 20, f"{name} is left alone")
        if name in ROWS:
            self.janitor.run(f"insert into {name} values {ROWS[name]}")

    def direct(self, script, patience=PATIENCE):
        self.reset()
        play = Play(script, self.cluster.primary, "app", USER, patience)
        if play.hung:
            raise Unfit(play.transcripts)
        return play

    def through(self, script, direct, mode, size, endpoint=None, patience=PATIENCE, seen=lambda *_: None):
        """`seen` as in Campaign: a hang that is one of those is not waited for."""
        self.reset()
        if endpoint is None:
            if not self.proxy.alive():
                raise AssertionError(f"Forebay has ended with {self.proxy.process.returncode}:\n{self.proxy.log()[-6000:]}")
            endpoint, dbname = self.proxy, self.dbname(mode, size)
            if self.console:
                self.console.run("cache flush")  # reset() has written behind its back
        else:
            dbname = "app"

        def hopeless(transcripts):
            difference = first_difference(direct.transcripts, transcripts)
            return difference is not None and seen(script, difference, mode) is not None

        play = Play(script, endpoint, dbname, USER, patience, direct.order, hopeless)
        difference = first_difference(direct.transcripts, play.transcripts)
        return Verdict(mode, size, difference, difference and known_difference(script, difference, mode))

    def places(self, script, direct, mode=None):
        """The modes and pool sizes in which this script must look as it does directly."""
        needed = script.servers or direct.needed
        places = [("transaction", needed)]
        if needed < min(len(script.sessions), SIZES[-1]):
            places.append(("transaction", needed + 1))
        places.append(("session", len(script.sessions)))
        if direct.statuses <= {"Z I"}:
            places.append(("statement", needed))
        return [p for p in places if p[0] in ([mode] if mode else self.modes)]

    def judge(self, script, mode=None, seen=lambda *_: None):
        """The verdicts of all places, up to the first that failed."""
        try:
            return self._judge(script, mode, seen)
        except (wire.Closed, wire.ServerError):  # told to the janitor: a crash is a moment older than its first signs
            self.check_postgresql()
            raise

    def _judge(self, script, mode, seen):
        direct, verdicts = self.direct(script), []
        self.check_postgresql()
        for place in self.places(script, direct, mode):
            verdicts.append(self.through(script, direct, *place, seen=seen))
            self.check_postgresql()
            if verdicts[-1].failed:
                break
        return verdicts

    def fails(self, script, mode, size, before=(), hang=False):
        """The failed verdict on fresh servers, after the scripts `before`, or None; also where the script makes no sense.
        A hang is waited for only where one is looked for: otherwise shrinking would take its time for nothing."""
        try:
            direct = self.direct(script, DIRECT_HASTE)
            self.renew()
            for other in before:
                played = self.direct(other, DIRECT_HASTE)
                for m, n in self.places(other, played, mode):
                    self.through(other, played, m, n, patience=HASTE)
        except Unfit:
            return None
        places = [n for _, n in self.places(script, direct, mode)]
        if size not in places and size >= direct.needed:
            places.insert(0, size)
        for n in places:
            verdict = self.through(script, direct, mode, n, patience=HASTE)
            if verdict.failed and (hang or not verdict.hung):
                return verdict
        return None
