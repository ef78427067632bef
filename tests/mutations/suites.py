"""Whether the tests notice: the unit tests, and if these stay green, the integration tests that the mutation names."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

PROGRAMS = ("forebay", "tests/support/read_rules_tool")  # of the integration tests
SECONDS = 900  # for one run of tests; a hang is noticed as well


def run(command, **environment):
    """Its output if it fails; None if all is well. It may end what it has started, whatever happens to us."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env={**os.environ, **environment})
    try:
        output, _ = child.communicate(timeout=SECONDS)
    except BaseException as e:
        child.send_signal(signal.SIGINT)
        output, _ = child.communicate()
        if not isinstance(e, subprocess.TimeoutExpired):
            raise
        return "HANGS"
    return output if child.returncode else None


class Suites:
    def __init__(self, copy):
        self.copy = copy
        self.green = set()  # integration tests that were seen to pass without a change

    def prepare(self):
        self.original = self.copy.folder / "original"
        for target in PROGRAMS:
            (self.original / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.copy.built(target), self.original / target)
        for folder in "cache", "routing", "session":
            if failed := self.unit(folder):
                raise AssertionError(f"without a change: {failed}")

    def end(self):
        pass

    def unit(self, folder):
        """The test case that fails."""
        program = f"unit_{folder}"
        output = run([self.copy.built(f"tests/unit/{folder}/{program}"), "--abort-after=1"])
        return output and f"{program}: {' '.join(re.findall(r'TEST CASE: *(.*)', output)[:1]) or output[-200:]}"

    def integration(self, tests, build):
        where = self.copy.folder / "tests" / "integration"
        chosen = [where / word if word.endswith(".py") else word for word in tests.split()]
        command = ["/usr/bin/python3", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *chosen]
        output = run(command, FOREBAY_BIN=str(build / "forebay"))
        return output and (re.findall(r"(?:FAILED|ERROR) \S*?(test_\S+)", output) or [output[-200:]])[0]

    def found_by(self, mutation):
        """The test that fails with the mutant, and passes with the original. None without one."""
        folders = {"src/session": ["session"], "src/cache": ["cache", "session"]}
        for folder in folders.get(str(Path(mutation.file).parent), ["routing", "session"]):
            if failed := self.unit(folder):
                return failed
        for target in PROGRAMS:
            self.copy.built(target)
        failed = self.integration(mutation.tests, self.copy.folder / "build")
        if failed and mutation.tests not in self.green:
            if flawed := self.integration(mutation.tests, self.original):
                raise AssertionError(f"without a change: {flawed}")
            self.green.add(mutation.tests)
        return failed
