"""PostgreSQL, Forebay in front of it in every mode and pool size, and the verdict on one script."""

import model  # noqa: F401 - makes the integration tests' modules importable
import harness
from known import known_difference
from player import Play, Unfit
from transcript import first_difference

USER = "trust_user"  # no password: logins are cheap, and thousands are made
MODES = ("transaction", "session", "statement")
SIZES = (1, 2, 3)
PATIENCE = 12 if harness.SANITIZED else 6  # seconds a step may wait

SCHEMA = """
create table shared (id int primary key, name text, amount numeric, day date);
insert into shared select n, 'name ' || n, n * 1.5, date '2020-01-01' + n from generate_series(1, 20) n;
create table own_a (id int primary key, name text);
create table own_b (id int primary key, name text);
create table own_c (id int primary key, name text);
create table copied (id int, name text);
create function noisy(n int) returns int language plpgsql as $$ begin raise notice 'noise %', n using detail = 'd', hint = 'h'; return n; end $$;
create function failing(n int) returns int language plpgsql as $$ begin raise exception 'failure %', n using errcode = 'AB123', hint = 'h'; end $$;
"""
# Between two plays: what scripts may have made goes, what they may have changed is as before.
RESET = """
do $$ declare r record; begin
  for r in select c.oid::regclass::text as name from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      and relname not in ('shared', 'own_a', 'own_b', 'own_c', 'copied') loop
    execute 'drop table ' || r.name || ' cascade';
  end loop;
end $$;
truncate own_a, own_b, own_c, copied;
insert into own_a values (1, 'one'), (2, 'two'); insert into own_b values (1, 'eins'), (2, 'zwei');
insert into own_c values (1, 'un'), (2, 'deux');
"""


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


class Rig:
    def __init__(self, modes=MODES):
        self.modes = modes
        self.cluster = harness.Cluster(replicas=0)
        self.proxy = None
        try:
            self.cluster.sql("grant all on schema public to public; set role trust_user;" + SCHEMA + "reset role")
            self.cluster.sql("grant truncate, insert on all tables in schema public to postgres; set lock_timeout = '20s'")
            self.start_proxy()
        except BaseException:
            self.stop()
            raise

    def start_proxy(self):
        databases = [{"name": self.dbname(m, s), "cluster": "main", "dbname": "app", "pool_mode": m, "pool_size": s}
                     for m in MODES for s in SIZES]
        self.proxy = harness.Forebay(
            self.cluster, databases=databases, users=[{"name": USER}, {"name": "admin", "admin": True}],
            auth={"type": "trust"}, pool={"checkout_timeout": "3s"})

    def renew(self):
        """A Forebay, and servers, that nobody has used; what is wrong with the one before is an AssertionError."""
        proxy, self.proxy = self.proxy, None
        proxy.stop()
        self.start_proxy()

    @staticmethod
    def dbname(mode, size):
        return f"{mode}_{size}"

    def stop(self):
        try:
            if self.proxy:
                self.proxy.stop()
        finally:
            self.cluster.stop()

    def direct(self, script, patience=PATIENCE):
        self.cluster.sql(RESET)
        play = Play(script, self.cluster.primary, "app", USER, patience)
        if play.hung:
            raise Unfit(play.transcripts)
        return play

    def through(self, script, direct, mode, size, endpoint=None, patience=PATIENCE):
        self.cluster.sql(RESET)
        if endpoint is None:
            if not self.proxy.alive():
                raise AssertionError(f"Forebay has ended with {self.proxy.process.returncode}:\n{self.proxy.log()[-6000:]}")
            endpoint, dbname = self.proxy, self.dbname(mode, size)
        else:
            dbname = "app"
        play = Play(script, endpoint, dbname, USER, patience, order=direct.order)
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

    def judge(self, script, mode=None):
        """The verdicts of all places, up to the first that failed."""
        direct, verdicts = self.direct(script), []
        for place in self.places(script, direct, mode):
            verdicts.append(self.through(script, direct, *place))
            if verdicts[-1].failed:
                break
        return verdicts

    def fails(self, script, mode, size, before=(), hang=False):
        """The failed verdict on fresh servers, after the scripts `before`, or None; also where the script makes no sense.
        A hang is waited for only where one is looked for: otherwise shrinking would take its time for nothing."""
        patience = PATIENCE if hang else 2
        try:
            direct = self.direct(script, 2)
            self.renew()
            for other in before:
                played = self.direct(other, 2)
                for m, n in self.places(other, played, mode):
                    self.through(other, played, m, n, patience=patience)
        except Unfit:
            return None
        places = [n for _, n in self.places(script, direct, mode)]
        if size not in places and size >= direct.needed:
            places.insert(0, size)
        for n in places:
            verdict = self.through(script, direct, mode, n, patience=patience)
            if verdict.failed and (hang or not verdict.hung):
                return verdict
        return None
