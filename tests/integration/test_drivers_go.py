"""Go's pgx v4, with each way it has of running statements. The program is go/pgx.go."""

import os
from pathlib import Path

import pytest

from harness import run

SOURCE = Path(__file__).parent / "go" / "pgx.go"


@pytest.fixture(scope="session")
def pgx(tmp_path_factory):
    """The program, compiled with Debian's packages of Go."""
    folder = tmp_path_factory.mktemp("go")
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "cache"), "CGO_ENABLED": "0"}
    run("go", "build", "-o", folder / "pgx", SOURCE, env=env)
    return folder / "pgx"


@pytest.mark.parametrize("mode", ["statement_cache_mode=prepare", "statement_cache_mode=describe", "statement_cache_capacity=0"])
def test_pgx(forebay, table, cluster, pgx, mode):
    proxy = forebay(pool={"size": 2})
    out = run(pgx, f"{proxy.url()}?sslmode=disable&{mode}").stdout
    assert out.splitlines()[-1:] == ["all well"]
    cluster.nothing_left()
