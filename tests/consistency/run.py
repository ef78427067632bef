"""The command line of scripts/consistency."""

import argparse
import contextlib
import multiprocessing
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import checker  # noqa: E402
import bank  # noqa: E402
import clock  # noqa: E402
import functions  # noqa: E402
import harness  # noqa: E402
import jobs  # noqa: E402
import oracle  # noqa: E402
import register  # noqa: E402
import writes  # noqa: E402

KINDS = {"register": register, "bank": bank, "oracle": oracle, "writes": writes, "functions": functions}


def arguments():
    p = argparse.ArgumentParser(prog="scripts/consistency", description=__doc__)
    p.add_argument("--kind", action="append", choices=KINDS, help="only this one; may be given several times (default: all, in turns)")
    p.add_argument("--seed", type=int, help="the first seed; each run has the next one (default: one at random)")
    p.add_argument("--minutes", type=float, default=1, help="for so long, of each kind (default: 1)")
    p.add_argument("--seconds", type=float, default=10, help="of one run, which has one seed; `functions` takes what it takes (default: 10)")
    p.add_argument("--first", action="store_true", help="end with the first run that has a violation")
    p.add_argument("--reads", type=int, help="end when so many reads were made, of each kind")
    p.add_argument("--jobs", type=int, default=1, metavar="N", help="so many at once, each with its own PostgreSQL and Forebay (default: 1)")
    p.add_argument("--part", type=float, default=1, help="of all functions, so much in one run (default: 1)")
    return p.parse_args()


@contextlib.contextmanager
def rig(kind):
    """A PostgreSQL and a Forebay whose cache is on, and what the kind wants besides."""
    with contextlib.ExitStack() as stack:
        more = {}
        if kind == "functions":
            cluster, more["clock"] = stack.enter_context(clock.cluster_with_clock())
        else:
            cluster = harness.Cluster(replicas=0)
            stack.callback(cluster.stop)
        proxy = harness.Forebay(cluster, cache=checker.CACHED)
        stack.callback(proxy.stop)
        yield cluster, proxy, more


class Run:
    """All runs of one kind, in several processes."""

    def __init__(self, kind, given):
        self.kind, self.given = kind, given
        self.first = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
        self.ends = time.monotonic() + given.minutes * 60
        self.seeds, self.reads = (multiprocessing.Value("l") for _ in range(2))

    def over(self):
        return time.monotonic() >= self.ends or self.given.reads is not None and self.reads.value >= self.given.reads

    def job(self, number, stopping):
        tally = checker.Tally()
        with jobs.undisturbed():
            started = rig(self.kind)
            cluster, proxy, more = started.__enter__()
        try:
            if self.kind == "functions":
                more["part"] = self.given.part
            while True:
                with self.seeds:
                    seed = self.first + self.seeds.value
                    self.seeds.value += 1
                one = KINDS[self.kind].check(cluster, proxy, seed, checker.ends_in(self.given.seconds), **more)
                for violation in one.violations[:10]:
                    print(violation, flush=True)
                tally.add(one)
                with self.reads:
                    self.reads.value += one.reads
                if stopping() or self.over() or given_up(self.given, one):
                    return tally
        finally:
            started.__exit__(None, None, None)


def given_up(given, tally):
    return given.first and bool(tally.violations)


def main():
    given, failed = arguments(), False
    for kind in given.kind or KINDS:
        run, tally = Run(kind, given), checker.Tally()
        for one in jobs.run(given.jobs, run.job):
            tally.add(one)
        print(f"{kind}: seeds {run.first} to {run.first + run.seeds.value - 1}: {tally}", flush=True)
        failed = failed or bool(tally.violations) or not tally.hits
    sys.exit(1 if failed else 0)


main()
