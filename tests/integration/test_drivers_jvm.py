"""PostgreSQL's JDBC driver with the settings that people use. The program is jdbc/Jdbc.java."""

from pathlib import Path

import pytest

from harness import PASSWORDS, run

SOURCE = Path(__file__).parent / "jdbc" / "Jdbc.java"
DRIVER = "/usr/share/java/postgresql.jar"


@pytest.fixture(scope="session")
def classes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jdbc")
    run("javac", "-cp", DRIVER, "-d", folder, SOURCE)
    return folder


@pytest.mark.parametrize("settings", [
    "prepareThreshold=0",
    "prepareThreshold=1&autosave=always",
    "prepareThreshold=1&autosave=conservative&reWriteBatchedInserts=true",
    "prepareThreshold=5&autosave=conservative&preferQueryMode=extendedCacheEverything",
    "prepareThreshold=5&reWriteBatchedInserts=true&cleanupSavepoints=true",
    "preferQueryMode=simple",
])
def test_jdbc(forebay, table, cluster, classes, settings):
    proxy = forebay(pool={"size": 2})
    options = f"user=app&password={PASSWORDS['app']}&{settings}"
    url = f"jdbc:postgresql://{proxy.host}:{proxy.port}/app?{options}"
    out = run("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{classes}:{DRIVER}", "Jdbc", url).stdout
    assert out.splitlines()[-1:] == ["all well"]
    cluster.nothing_left()
