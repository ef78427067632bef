"""Node's drivers and ORMs: pg, pg-cursor, pg-query-stream, postgres.js, Drizzle, Prisma. The programs are in node/."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from certificates import Authority
from harness import run

SOURCE = Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def node_folder():
    """The programs beside npm's packages, in a cache folder outside the repository."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "forebay" / "node"
    cache.mkdir(parents=True, exist_ok=True)
    wanted = (SOURCE / "package-lock.json").read_bytes()
    stamp = cache / "installed"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        stamp.unlink(missing_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, cache)
        try:
            done = run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=cache, seconds=100, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm ci: no answer from the registry")
        if done.returncode != 0:
            pytest.skip(f"npm ci failed, no network? {done.stderr[-300:]}")
        stamp.write_bytes(wanted)
    for program in (*SOURCE.glob("*.mjs"), SOURCE / "schema.prisma"):
        shutil.copy(program, cache)
    return cache


@pytest.fixture(scope="session")
def prisma_client(node_folder):
    """Made of the schema in WebAssembly. The command wants to download engines that nothing runs unless it is told of some."""
    engines = {"PRISMA_QUERY_ENGINE_LIBRARY": "/bin/true", "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/true"}
    run("node", "node_modules/prisma/build/index.js", "generate", "--schema", "schema.prisma", cwd=node_folder,
        env={**os.environ, **engines, "CHECKPOINT_DISABLE": "1", "PRISMA_HIDE_UPDATE_MESSAGE": "1"})


@pytest.mark.slow(120)  # the first run fetches the packages
@pytest.mark.parametrize("program", ["pg", "pg_streams", "postgres", "drizzle", "prisma"])
def test_node(forebay, table, node_folder, request, program):
    if program == "prisma":
        request.getfixturevalue("prisma_client")
    proxy = forebay(pool={"size": 2})
    out = run("node", f"{program}.mjs", proxy.url(), cwd=node_folder).stdout
    assert out.splitlines()[-1:] == ["all well"]


@pytest.mark.slow(120)
@pytest.mark.parametrize("program", ["pg", "postgres"])
def test_node_by_tls(forebay, table, node_folder, tmp_path, program):
    ca = Authority(tmp_path)
    own = ca.issue("server", "localhost", "DNS:localhost,IP:127.0.0.1")
    proxy = forebay(**{"pool": {"size": 2}, "tls.client": {"mode": "require", "cert_file": own.cert, "key_file": own.key}})
    url = proxy.url().replace("127.0.0.1", "localhost") + "?sslmode=verify-full"
    out = run("node", f"{program}.mjs", url, cwd=node_folder, env={**os.environ, "NODE_EXTRA_CA_CERTS": ca.cert}).stdout
    assert out.splitlines()[-1:] == ["all well"]
    assert "client_login" in proxy.log()
