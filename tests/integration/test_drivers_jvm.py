"""PostgreSQL's JDBC driver with the settings that people use. The program is jdbc/Jdbc.java."""

from pathlib import Path

import pytest

from certificates import Authority
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
    plays(forebay(pool={"size": 2}), classes, settings)
    cluster.nothing_left()


def test_jdbc_by_tls(forebay, table, classes, tmp_path):
    ca = Authority(tmp_path)
    own = ca.issue("server", "localhost", "IP:127.0.0.1")
    proxy = forebay(**{"pool": {"size": 2}, "tls.client": {"mode": "require", "cert_file": own.cert, "key_file": own.key}})
    plays(proxy, classes, f"prepareThreshold=1&sslmode=verify-full&sslrootcert={ca.cert}")


def plays(proxy, classes, settings):
    options = f"user=app&password={PASSWORDS['app']}&{settings}"
    url = f"jdbc:postgresql://{proxy.host}:{proxy.port}/app?{options}"
    out = run("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{classes}:{DRIVER}", "Jdbc", url).stdout
    assert out.splitlines()[-1:] == ["all well"]
