"""The command line of scripts/differential."""

import argparse
import itertools
import multiprocessing
import random
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "integration")]

import jobs  # noqa: E402
from campaign import Campaign, Tally  # noqa: E402
from generator import generate  # noqa: E402
from open_bugs import OPEN  # noqa: E402
from rig import MODES, Rig  # noqa: E402
from scripts import SCRIPTS  # noqa: E402


def arguments():
    p = argparse.ArgumentParser(prog="scripts/differential", description=__doc__)
    p.add_argument("--seed", type=int, help="the first seed of generated scripts (default: one at random); each script has the next one")
    p.add_argument("--count", type=int, help="so many generated scripts (default with --seed and without --minutes: 1)")
    p.add_argument("--minutes", type=float, help="generated scripts for so long (default: 1)")
    p.add_argument("--mode", choices=MODES, help="only this pool mode (default: all)")
    p.add_argument("--cache", choices=("off", "ttl"), default="off", help="the mode of Forebay's result cache (default: off)")
    p.add_argument("--script", metavar="NAME", help="only the hand-written scripts and open bugs whose names begin so; no generated ones")
    p.add_argument("--keep-going", type=int, default=5, metavar="N", help="end after so many failures (default: 5)")
    p.add_argument("--jobs", type=int, default=1, metavar="N", help="so many at once, each with its own PostgreSQL and Forebay (default: 1)")
    p.add_argument("--shrink", type=float, default=60, metavar="SECONDS", help="make a failing script small for so long (default: 60)")
    return p.parse_args()


def hand_written(name):
    scripts = dict(SCRIPTS)
    if name is not None:
        scripts.update({f"open: {bug} {n}": s for bug, o in OPEN.items() for n, s in enumerate(o.scripts)})
        scripts = {n: s for n, s in scripts.items() if n.startswith((name, f"open: {name}"))}
        if not scripts:
            sys.exit(f"no script {name!r}; there are:\n" + "\n".join(SCRIPTS))
    return list(scripts.items())


class Run:
    """What is to be played, and how far the jobs together have come."""

    def __init__(self, given):
        self.given = given
        self.scripts = hand_written(given.script) if given.script is not None or given.seed is None else []
        self.first = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6, 10**9)
        self.count, minutes = given.count, given.minutes
        if given.script is not None:
            self.count = 0
        elif self.count is None and given.seed is not None and minutes is None:
            self.count = 1
        self.seconds = (minutes or (1 if self.count is None else 10**6)) * 60
        self.taken, self.failed, self.says = (multiprocessing.Value("l") for _ in range(3))

    def seeds(self):
        deadline = time.monotonic() + self.seconds
        while time.monotonic() < deadline:
            with self.taken:
                if self.taken.value == self.count:
                    return
                self.taken.value += 1
                seed = self.first + self.taken.value - 1
            yield f"seed {seed}", generate(seed)

    def say(self, text):
        with self.says:
            print(text + "\n", flush=True)

    def job(self, number, stopping):
        """Every so many of the hand-written scripts, then generated ones; its Tally."""
        with jobs.undisturbed():
            rig = Rig(MODES, self.given.cache)
        try:
            named = {"seen": lambda *_: None} if self.given.script is not None else {}  # asked for by name: shown, even if open
            campaign = Campaign(rig, self.given.mode, self.given.shrink, say=self.say, **named)
            for name, script in itertools.chain(self.scripts[number :: self.given.jobs], self.seeds()):
                if stopping() or self.failed.value >= self.given.keep_going:
                    break
                try:
                    failure = campaign.play(name, script)
                except Exception as e:
                    raise AssertionError(f"at {name}; PostgreSQL's log ends with:\n{rig.cluster.log()}") from e
                if failure:
                    with self.failed:
                        self.failed.value += 1
            return campaign.tally
        finally:
            rig.stop()


def main():
    given = arguments()
    run, tally, start = Run(given), Tally(), time.monotonic()
    for one in jobs.run(given.jobs, run.job):
        tally.add(one)
    if run.taken.value:
        print(f"seeds {run.first} to {run.first + run.taken.value - 1}")
    print(f"{tally}\n{tally.played / (time.monotonic() - start):.1f} scripts a second")
    sys.exit(1 if tally.failed else 0)


main()
