"""`rig`: PostgreSQL and Forebay, once per run. Every wait of a play and every shrinking has a deadline of its own."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "integration")]

from rig import Rig  # noqa: E402


@pytest.fixture(scope="session")
def rig():
    r = Rig()
    yield r
    r.stop()
