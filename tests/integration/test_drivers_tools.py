"""PostgreSQL's own programs do their daily work: psql, pg_dump, pgbench."""

import pytest

from harness import run


# ---- psql, pg_dump ---------------------------------------------------------------------------------------------------


def test_psql(forebay, table):
    proxy = forebay()
    assert proxy.psql("select count(*) from items").stdout == "3\n"
    assert "items" in proxy.psql("\\dt").stdout
    out = run("psql", "-XAt", "-v", "ON_ERROR_STOP=1", env=proxy.env(), input="\\set FETCH_COUNT 10\nselect n from generate_series(1, 100) n;\n"
              "begin;\ninsert into items values (5, 'five');\nrollback;\nselect count(*) from items \\gdesc\n\\d items\n").stdout
    assert out.splitlines()[:100] == [str(n) for n in range(1, 101)] and "bigint" in out


def test_psql_copy(forebay, table, tmp_path):
    proxy = forebay()
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("".join(f"{n},name {n}\n" for n in range(10, 20010)))
    proxy.psql(f"\\copy items from '{source}' csv")
    proxy.psql(f"\\copy (select * from items where id >= 10 order by id) to '{target}' csv")
    assert target.read_text() == source.read_text()


def test_psql_connects_with_a_url_and_reports_errors_with_status(forebay):
    proxy = forebay()
    assert run("psql", "-XAt", proxy.url(), "-c", "select 7").stdout == "7\n"
    failed = proxy.psql("select nonsense", check=False)
    assert failed.returncode != 0 and 'column "nonsense" does not exist' in failed.stderr


# ---- pgbench ---------------------------------------------------------------------------------------------------------


def test_pgbench_initialises(forebay):
    proxy = forebay()
    proxy.pgbench("-i", "-q", "-s", "1", dbname="other")
    assert proxy.psql("select count(*) from pgbench_accounts", dbname="other").stdout == "100000\n"


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
@pytest.mark.parametrize("script", ["-S", "-b tpcb-like"])
def test_pgbench_modes(forebay, bench_tables, mode, script):
    # prepared: as many threads as clients, for pgbench prepares synchronously (see the issue).
    out = forebay(pool={"size": 3}).pgbench("-n", "-M", mode, "-c", "8", "-j", "8", "-t", "50", *script.split()).stdout
    assert "number of transactions actually processed: 400/400" in out


def test_pgbench_connecting_for_each_transaction(forebay, bench_tables):
    out = forebay(pool={"size": 3}).pgbench("-n", "-S", "-C", "-c", "8", "-j", "2", "-t", "20").stdout
    assert "number of transactions actually processed: 160/160" in out


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench_file_with_several_statements(forebay, bench_tables, tmp_path, mode):
    combined = tmp_path / "combined.sql"
    combined.write_text(
        "\\set aid random(1, 100000)\n"
        + ("begin\\; update pgbench_accounts set abalance = abalance + 0 where aid = :aid\\; commit;\n" if mode == "simple" else "")
        + "begin;\nselect abalance from pgbench_accounts where aid = :aid;\nsavepoint s;\nselect 1;\nrollback to s;\nend;\n"
        + ("select 1\\; select 2\\; select 3;\n" if mode == "simple" else "select 1;\nselect 2;\n"))
    out = forebay(pool={"size": 3}).pgbench("-n", "-M", mode, "-c", "8", "-j", "8", "-t", "25", "-f", combined).stdout
    assert "number of transactions actually processed: 200/200" in out


def test_pgbench_pipelines(forebay, bench_tables, tmp_path):
    script = tmp_path / "pipeline.sql"
    script.write_text("\\set aid random(1, 100000)\n\\startpipeline\nselect abalance from pgbench_accounts where aid = :aid;\nselect 1;\n"
                      "begin;\nselect 2;\nend;\n\\endpipeline\n")
    for mode in ("extended", "prepared"):
        out = forebay(pool={"size": 3}).pgbench("-n", "-M", mode, "-c", "8", "-j", "8", "-t", "25", "-f", script).stdout
        assert "number of transactions actually processed: 200/200" in out
