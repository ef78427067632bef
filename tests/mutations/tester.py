"""Whether the differential tester notices: it plays its scripts, then generated ones."""

import itertools
import shutil
import time

import harness
import jobs
from generator import generate
from player import Unfit
from rig import Crash, Rig
from scripts import SCRIPTS

SECONDS = 60  # of playing, for each mutation


class Tester:
    def __init__(self, copy):
        self.copy = copy
        with jobs.undisturbed():
            self.rig = Rig()

    def prepare(self):
        self.original = shutil.copy(self.copy.built(), self.copy.folder / "original")

    def end(self):
        try:
            self.rig.stop()
        except AssertionError:  # of the last mutant
            pass

    def on_fresh(self, binary):
        """Forebay anew. What is wrong with the one before was noticed by then, or shall not matter."""
        harness.BINARY = str(binary)
        try:
            self.rig.renew()
        except AssertionError:
            with jobs.undisturbed():
                self.rig.start_proxy()

    def notices(self, script):
        try:
            verdicts = self.rig.judge(script)
            return bool(verdicts) and verdicts[-1].failed
        except (Unfit, Crash):
            return False
        except AssertionError:  # Forebay has ended
            return True

    def found_by(self, _):
        """The first script that notices the mutant, twice, and passes with the original. None without one."""
        mutant = self.copy.built()
        self.on_fresh(mutant)
        start = time.monotonic()
        generated = ((f"seed {seed}", generate(seed)) for seed in itertools.count(1))
        for name, script in itertools.chain(SCRIPTS.items(), generated):
            if time.monotonic() - start > SECONDS:
                return None
            if self.notices(script):
                self.on_fresh(self.original)
                passes = not self.notices(script)
                self.on_fresh(mutant)
                if passes and self.notices(script):
                    return name
