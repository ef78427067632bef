"""Whether the tester notices each rule of mutations.py that is removed: in copies of the source, built there, one after the other."""

import argparse
import itertools
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "integration")]

import harness  # noqa: E402
import jobs  # noqa: E402
from generator import generate  # noqa: E402
from mutations import MUTATIONS  # noqa: E402
from player import Unfit  # noqa: E402
from rig import Crash, Rig  # noqa: E402
from scripts import SCRIPTS  # noqa: E402

SECONDS = 60  # of playing, for each mutation


def copied(build, folder):
    """The source and what was built of it, but the tests'."""
    unused = {str(harness.ROOT): {".git", "node_modules"} | {p.name for p in harness.ROOT.glob("build*")}, str(build): {"tests"}}
    shutil.copytree(harness.ROOT, folder, symlinks=True, dirs_exist_ok=True, ignore=lambda path, _: unused.get(path, ()))
    shutil.copytree(build, folder / "build", symlinks=True, ignore=lambda path, _: unused.get(path, ()))


def built(folder):
    subprocess.run(["ninja", "-C", str(folder / "build"), "forebay"], check=True, stdout=subprocess.DEVNULL, env={**os.environ, "CCACHE_NOHASHDIR": "1"})
    return folder / "build" / "forebay"


def on_fresh(rig, binary):
    """Forebay anew. What is wrong with the one before was noticed by then, or shall not matter."""
    harness.BINARY = str(binary)
    try:
        rig.renew()
    except AssertionError:
        with jobs.undisturbed():
            rig.start_proxy()


def end(rig):
    try:
        rig.stop()
    except AssertionError:  # of the last mutant
        pass


def notices(rig, script):
    try:
        verdicts = rig.judge(script)
        return bool(verdicts) and verdicts[-1].failed
    except (Unfit, Crash):
        return False
    except AssertionError:  # Forebay has ended
        return True


def found_by(rig, mutant, original):
    """The first script that notices the mutant, twice, and passes with the original; the seconds it took. None without one."""
    on_fresh(rig, mutant)
    start = time.monotonic()
    generated = ((f"seed {seed}", generate(seed)) for seed in itertools.count(1))
    for name, script in itertools.chain(SCRIPTS.items(), generated):
        if time.monotonic() - start > SECONDS:
            return None, SECONDS
        if notices(rig, script):
            seconds = time.monotonic() - start
            on_fresh(rig, original)
            passes = not notices(rig, script)
            on_fresh(rig, mutant)
            if passes and notices(rig, script):
                return name, seconds


class Run:
    def __init__(self, chosen, build):
        self.chosen, self.build, self.taken = chosen, build, multiprocessing.Value("l")

    def next(self):
        with self.taken:
            self.taken.value += 1
            return self.chosen[self.taken.value - 1] if self.taken.value <= len(self.chosen) else None

    def job(self, number, stopping):
        """The rules whose removal nobody noticed."""
        missed, folder = [], Path(tempfile.mkdtemp(prefix="forebay-mutants-"))
        with jobs.undisturbed():
            rig = Rig()
        try:
            copied(self.build, folder)
            original = shutil.copy(built(folder), folder / "original")
            while not stopping() and (mutation := self.next()):
                file = folder / mutation.file
                text = file.read_text()
                if text.count(mutation.text) != 1:
                    raise AssertionError(f"{mutation.file} has {text.count(mutation.text)} times, not once: {mutation.text}")
                file.write_text(text.replace(mutation.text, mutation.replacement))
                mutant = built(folder)
                script, seconds = found_by(rig, mutant, original)
                print(f"{seconds:5.1f} s  {mutation.rule}: {script or 'NOT FOUND'}", flush=True)
                missed += [] if script else [mutation.rule]
                file.write_text(text)
            return missed
        finally:
            end(rig)
            shutil.rmtree(folder)


def main():
    p = argparse.ArgumentParser(prog="scripts/differential --mutations", description=__doc__)
    p.add_argument("--jobs", type=int, default=2, metavar="N", help="so many at once (default: 2)")
    p.add_argument("--rule", default="", metavar="TEXT", help="only rules that have this text in them")
    p.add_argument("--build", type=Path, default=harness.ROOT / "build", metavar="FOLDER", help="where forebay was built")
    given = p.parse_args()
    chosen = [m for m in MUTATIONS if given.rule in m.rule]
    missed = [rule for one in jobs.run(min(given.jobs, len(chosen)), Run(chosen, given.build).job) for rule in one]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} removed rules were noticed" + "".join(f"\nnot: {rule}" for rule in missed))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
