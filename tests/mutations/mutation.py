"""A rule of the source with the change that removes it, and copies of the source to change."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Mutation(NamedTuple):
    rule: str
    file: str
    text: str  # occurs exactly once in the file: who changes a rule changes it in its list, too
    replacement: str
    tests: str = "test_routes.py"  # of tests/integration, where the judge is the tests (suites.py)
    kind: str = ""  # of the consistency checker, where that is the judge (promises.py)

    def times(self, root=ROOT):
        return (root / self.file).read_text().count(self.text)


class Copy:
    """The source and what was built of it, in a folder that ends with it."""

    def __init__(self, build):
        self.folder = Path(tempfile.mkdtemp(prefix="forebay-mutants-"))
        unused = {str(ROOT): {".git", "node_modules"} | {p.name for p in ROOT.glob("build*")}, str(build / "tests"): {"fuzz"}}
        for whole, part in (ROOT, self.folder), (build, self.folder / "build"):
            shutil.copytree(whole, part, symlinks=True, dirs_exist_ok=True, ignore=lambda path, _: unused.get(path, ()))

    def built(self, target="forebay"):
        environment = {**os.environ, "CCACHE_NOHASHDIR": "1"}
        made = subprocess.run(["ninja", "-C", self.folder / "build", target], stdout=subprocess.PIPE, text=True, env=environment)
        if made.returncode:
            raise AssertionError(made.stdout)
        return self.folder / "build" / target

    @contextmanager
    def changed_by(self, mutation):
        file = self.folder / mutation.file
        text = file.read_text()
        if mutation.times(self.folder) != 1:
            raise AssertionError(f"{mutation.file} has {mutation.times(self.folder)} times, not once: {mutation.text}")
        file.write_text(text.replace(mutation.text, mutation.replacement))
        try:
            yield
        finally:
            file.write_text(text)

    def remove(self):
        shutil.rmtree(self.folder)
