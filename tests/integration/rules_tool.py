"""The rules that routing/read_rules and cache_rules make of the catalogs of a real database (tests/support/read_rules_tool.cpp)."""

import subprocess
from pathlib import Path

import harness

TOOL = Path(harness.BINARY).parent / "tests" / "support" / "read_rules_tool"


def tool_queries():
    return subprocess.run([TOOL, "queries"], capture_output=True, check=True, timeout=20).stdout.decode().split("\0")[:-1]


def ask(connection, texts, question="?"):
    """Loads the catalog as the control plane will, and asks of each text: "?", "keep" or "write"."""
    begin, *queries, end, _ = tool_queries()
    records = []
    connection.execute(begin)
    for number, sql in enumerate(queries):
        result = connection.execute(sql).pgresult
        for row in range(result.ntuples):
            records.append([str(number).encode()] + [result.get_value(row, column) for column in range(result.nfields)])
    connection.execute(end)
    records += [[question.encode(), text.encode()] for text in texts]
    done = subprocess.run([TOOL, "ask"], input=b"".join(b"\x1f".join(r) + b"\x1e" for r in records), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    print(done.stderr.decode())
    return done.stdout.decode().splitlines()
