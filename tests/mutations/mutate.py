"""Whether tests notice each rule that is removed: in copies of the source, built there, one after the other."""

import argparse
import multiprocessing
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("mutations", "differential", "integration")]

import cache  # noqa: E402
import jobs  # noqa: E402
import redis  # noqa: E402
import replies  # noqa: E402
import routing  # noqa: E402
from mutation import ROOT, Copy  # noqa: E402
from promises import Promises  # noqa: E402
from suites import Suites  # noqa: E402
from tester import Tester  # noqa: E402

LISTS = {"cache": (cache.MUTATIONS, Suites), "promises": (cache.PROMISES, Promises), "redis": (redis.MUTATIONS, Suites),
         "replies": (replies.MUTATIONS, Tester), "routing": (routing.MUTATIONS, Suites)}


class Run:
    def __init__(self, chosen, judge, build):
        self.chosen, self.judge, self.build, self.taken = chosen, judge, build, multiprocessing.Value("l")

    def next(self):
        with self.taken:
            self.taken.value += 1
            return self.chosen[self.taken.value - 1] if self.taken.value <= len(self.chosen) else None

    def job(self, number, stopping):
        """The rules whose removal nobody noticed."""
        missed, copy = [], Copy(self.build)
        try:
            judge = self.judge(copy)
            try:
                judge.prepare()
                while not stopping() and (mutation := self.next()):
                    start = time.monotonic()
                    with copy.changed_by(mutation):
                        test = judge.found_by(mutation)
                    print(f"{time.monotonic() - start:5.1f} s  {mutation.rule}: {test or 'NOT FOUND'}", flush=True)
                    missed += [] if test else [mutation.rule]
            finally:
                judge.end()
        finally:
            copy.remove()
        return missed


def check():
    """Or a rule that has changed its text would only be missed when somebody runs them all."""
    for name, (mutations, _) in LISTS.items():
        wrong = [m.rule for m in mutations if m.times() != 1 or m.text == m.replacement]
        if wrong or len({m.rule for m in mutations}) != len(mutations):
            sys.exit(f"of {name}: not once in the source, or no change, or a name twice: {wrong}")
        print(f"{name}: {len(mutations)} rules")


def main():
    p = argparse.ArgumentParser(prog="scripts/mutations", description=__doc__)
    p.add_argument("list", choices=[*LISTS, "check"], help="whose rules; or check: whether all are in the source")
    p.add_argument("--jobs", type=int, default=2, metavar="N", help="so many at once (default: 2)")
    p.add_argument("--rule", default="", metavar="TEXT", help="only rules that have this text in their name, or in that of their file")
    p.add_argument("--from", type=int, default=1, metavar="N", dest="first", help="only the Nth of these and those behind it (default: 1)")
    p.add_argument("--build", type=Path, default=ROOT / "build", metavar="FOLDER", help="where forebay was built")
    given = p.parse_args()
    if given.list == "check":
        return check()
    mutations, judge = LISTS[given.list]
    chosen = [m for m in mutations if given.rule in m.rule or given.rule in m.file][given.first - 1 :]
    missed = [rule for one in jobs.run(min(given.jobs, len(chosen)), Run(chosen, judge, given.build).job) for rule in one]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} removed rules were noticed" + "".join(f"\nnot: {rule}" for rule in missed))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
