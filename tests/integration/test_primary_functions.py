"""The list of functions that are not volatile and yet the primary's (src/routing/primary_functions.cpp), checked against
all that PostgreSQL has: each is really called, on the primary and on a standby."""

import fnmatch
import re

import psycopg
import pytest

import harness

SOURCE = harness.ROOT / "src" / "routing" / "primary_functions.cpp"
# Only in recovery: read-only transaction, not supported, not in the prerequisite state.
REFUSED = {"25006", "0A000", "55000"}
# Tried in this order as the text of a value; the first two that the type takes are used.
TEXTS = ["1", "0", "pg_class", "app", "", "{}", "1/1", "epoch", "1 day", "(0,0)", "[0,1)", "1:1:", "$.a", "<a/>", "int4", "f", "x",
         "pg_catalog", "=(int4,int4)", "+(int4,int4)", "2000-01-01 00:00", "english", "simple", "default", "C", "127.0.0.1", "08:00:2b:01:02:03",
         "08:00:2b:01:02:03:04:05", "((0,0),(1,1))", "<(0,0),1>", "{1,2,3}", "[(0,0),(1,1)]", "00:00", "=r/postgres"]
CLOCKS = {"now", "transaction_timestamp", "statement_timestamp"}
PSEUDO = {"any": "1", "anyelement": "1", "anynonarray": "1", "anycompatible": "1", "anycompatiblenonarray": "1", "anyarray": "array[1]",
          "anycompatiblearray": "array[1]", "anyrange": "int4range(0,1)", "anycompatiblerange": "int4range(0,1)",
          "anymultirange": "int4multirange(int4range(0,1))", "anycompatiblemultirange": "int4multirange(int4range(0,1))",
          "anyenum": "null", "record": "row(1)", "cstring": "'1'"}


def listed():
    """Name or pattern -> reason, as the source has them."""
    table = SOURCE.read_text().split("all_functions = ", 1)[1].split("});", 1)[0]
    return dict(re.findall(r'\{"([^"]+)", (\w+)\}', table))


def is_listed(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def values_of(connection, type_name):
    if type_name.strip('"') in PSEUDO:
        return [PSEUDO[type_name.strip('"')]]
    found = []
    for text in TEXTS:
        try:
            connection.execute(f"select '{text}'::{type_name}")
            found.append(f"'{text}'::{type_name}")
        except psycopg.Error:
            pass
        if len(found) == 2:
            break
    return found


def calls(connection):
    """(name, SQL) of every function that SQL can call."""
    functions = connection.execute(
        "select p.proname, p.proargtypes::regtype[]::text[], p.proisstrict, p.provariadic <> 0 from pg_proc p"
        " where p.pronamespace = 'pg_catalog'::regnamespace and p.provolatile <> 'v' and p.prokind = 'f'"
        " and not 'internal'::regtype = any (p.proargtypes::regtype[]) and p.prorettype not in"
        " (select oid from pg_type where typname in ('internal', 'trigger', 'event_trigger', 'language_handler', 'index_am_handler',"
        " 'tsm_handler', 'table_am_handler', 'fdw_handler')) order by 1, 2").fetchall()
    values = {}
    for name, types, strict, variadic in functions:
        for t in types:
            if t not in values:
                values[t] = values_of(connection, t)
        for choice in (0, 1):
            arguments = [values[t][min(choice, len(values[t]) - 1)] if values[t] else f"null::{t}" for t in types]
            if variadic:
                arguments[-1] = "variadic " + arguments[-1]
            yield name, f'select pg_catalog."{name}"({", ".join(arguments)})'
            if not types:
                break
        if types and not strict and not variadic:
            nulls = [PSEUDO.get(t.strip('"'), f"null::{t}") for t in types]
            yield name, f'select pg_catalog."{name}"({", ".join(nulls)})'


def outcome(connection, sql):
    """Its first value as bytes, or the SQLSTATE."""
    try:
        result = connection.execute(sql).pgresult
        return result.get_value(0, 0) if result.ntuples else b""
    except psycopg.Error as e:
        assert e.sqlstate is not None and not e.sqlstate.startswith("57"), f"{sql}: {e}"
        return e.sqlstate


@pytest.mark.proxy
@pytest.mark.slow(240)
def test_what_fails_or_answers_otherwise_on_a_standby_is_listed(cluster):
    replica = cluster.replicas[0]
    options = {"options": "-c statement_timeout=5s -c client_min_messages=error"}
    with cluster.primary.connect("postgres", **options) as primary, replica.connect("postgres", **options) as standby:
        assert standby.execute("select pg_is_in_recovery()").fetchone()[0]
        failing, differing, called = {}, {}, 0
        for name, sql in calls(primary):
            here, there = outcome(primary, sql), outcome(standby, sql)
            called += not isinstance(here, str)
            if isinstance(there, str) and there in REFUSED and here != there:
                failing[name] = f"{sql}: {there}, on the primary {here}"
            elif here != there:
                differing[name] = f"{sql}: {there}, on the primary {here}"
        assert called > 2000
        assert {"txid_current", "pg_current_xact_id"} <= failing.keys()
        patterns = listed()
        assert not {n: why for n, why in failing.items() if not is_listed(n, patterns)}
        # What answers otherwise tells of the node: but for the clock.
        assert not {n: why for n, why in differing.items() if n not in CLOCKS and not is_listed(n, patterns)}


@pytest.mark.proxy
def test_what_is_listed_exists_and_is_not_volatile(cluster):
    with cluster.primary.connect("postgres") as c:
        functions = dict(c.execute("select proname, max(provolatile) from pg_proc where pronamespace = 'pg_catalog'::regnamespace"
                                   " group by 1").fetchall())
    patterns = listed()
    assert len(patterns) > 10
    for pattern in patterns:
        assert any(is_listed(n, [pattern]) and v != "v" for n, v in functions.items()), pattern
    # Those that the rules name and that are volatile need no entry.
    for name in ("currval", "lastval", "nextval", "pg_export_snapshot", "pg_advisory_lock", "pg_advisory_xact_lock", "lo_get", "lo_open",
                 "pg_is_in_recovery", "pg_current_wal_lsn", "pg_last_wal_replay_lsn", "set_config", "pg_notify", "query_to_xml"):
        assert functions[name] == "v", name
