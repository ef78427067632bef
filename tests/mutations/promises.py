"""Whether the consistency checker notices (tests/consistency)."""

import shutil

from suites import run

MINUTES = 1  # of one kind, for each mutation


class Promises:
    def __init__(self, copy):
        self.copy = copy
        self.green = set()  # kinds that were seen to pass without a change

    def prepare(self):
        self.original = shutil.copy(self.copy.built(), self.copy.folder / "original")

    def end(self):
        pass

    def checked(self, kind, binary, minutes):
        """The first violation."""
        command = ["/usr/bin/python3", self.copy.folder / "tests/consistency/run.py", "--kind", kind, "--seed", "1", "--first", "--minutes", str(minutes)]
        output = run([*command, *(["--part", "0.2"] if kind == "functions" else [])], FOREBAY_BIN=str(binary))
        violations = [line for line in (output or "").splitlines() if line.startswith("seed ")]
        if output and " violations" not in output:
            raise AssertionError(output[-500:])
        return violations[0][:160] if violations else None

    def found_by(self, mutation):
        """The violation that is seen of the mutant, and not of the original."""
        mutant = self.copy.built()
        failed = self.checked(mutation.kind, mutant, MINUTES)
        if failed and mutation.kind not in self.green:
            if flawed := self.checked(mutation.kind, self.original, 0.2):
                raise AssertionError(f"without a change: {flawed}")
            self.green.add(mutation.kind)
        return failed and f"{mutation.kind}: {failed}"
