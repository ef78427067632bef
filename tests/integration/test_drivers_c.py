"""libpq itself, in pipeline mode. The program is c/pipeline.c."""

from pathlib import Path

import pytest

from harness import run

SOURCE = Path(__file__).parent / "c" / "pipeline.c"


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    program = tmp_path_factory.mktemp("c") / "pipeline"
    flags = run("pkg-config", "--cflags", "--libs", "libpq").stdout.split()
    run("gcc", "-Wall", "-Wextra", "-Werror", "-o", program, SOURCE, *flags, "-pthread")
    return program


def test_libpq_pipeline(forebay, table, cluster, pipeline):
    out = run(pipeline, forebay(pool={"size": 2}).dsn()).stdout
    assert out == "all well\n"
    cluster.nothing_left()
