"""SQL for generated scripts: its result is the same whenever it runs and on whatever server. Sessions write only to their
own table, so that none waits for another."""

# (weight, text): {x} is the session, {n} a small number, {s} the name of a savepoint, cursor or statement.
READS = [
    (8, "select {n}"), (4, "select {n} as a, 'text {n}'::text as b, null as c"), (4, "select generate_series(1, {n})"), (4, "select * from shared where id <= {n} order by id"),
    (4, "select * from own_{x} order by id"), (3, "select count(*), max(name) from own_{x}"), (2, "select noisy({n})"), (2, "select amount, day from shared where id = {n}"),
    (1, "select repeat('x', {n} * 5000)"), (1, "select n, repeat('y', 3000) from generate_series(1, {n}) n"), (1, "select pg_typeof({n}), current_database(), current_user"),
    (1, "values ({n}, 'v'), (2, null)"), (1, "table shared limit {n}"), (1, "select"), (1, "explain (costs off) select * from shared where id = {n}"),
]
WRITES = [
    (3, "insert into own_{x} values ({n} + 10, 'n{n}')"), (2, "insert into own_{x} select n, 'many' from generate_series(100, 100 + {n}) n on conflict do nothing"),
    (2, "update own_{x} set name = name || '!' where id <= {n} returning *"), (1, "delete from own_{x} where id = {n} returning name"),
    (1, "with w as (insert into own_{x} values ({n} + 50, 'w') returning id) select * from w"), (1, "do $$ begin raise notice 'do {n}'; end $$"),
]
ERRORS = [
    (3, "select 1 / 0"), (3, "selec {n}"), (2, "select * from no_such_table"), (2, "select failing({n})"), (1, "insert into own_{x} values (1, 'again'), (1, 'and again')"),
    (1, "select 1 / ({n} - n) from generate_series(1, 9) n"), (1, "select 'x'::int"), (1, "select no_such_function({n})"),
]
TRANSACTIONS = [
    (6, "begin"), (5, "commit"), (5, "rollback"), (2, "savepoint {s}"), (2, "rollback to {s}"), (1, "release {s}"), (1, "commit and chain"), (1, "start transaction read only"),
    (1, "end"), (1, "begin isolation level repeatable read"),
]
SETTINGS = [
    (3, "set timezone = 'Asia/Tokyo'"), (2, "set timezone = 'Europe/Oslo'"), (2, "set datestyle = 'German'"), (3, "set application_name = 'app{n}'"), (1, "set application_name = ''"),
    (2, "set local timezone = 'America/Lima'"), (1, "set local work_mem = '{n}MB'"), (1, "set time zone 'UTC'"), (2, "reset timezone"), (1, "set intervalstyle to default"),
    (1, "set timezone = 'Nowhere'"), (1, "set session datestyle = 'SQL'"), (4, "show timezone"), (2, "show application_name"), (2, "select current_setting('datestyle'), interval '1 day 2h'"),
    (2, "show work_mem"), (1, "set client_encoding = 'latin1'"), (1, "set standard_conforming_strings = off"), (1, "select '1\\n'"), (2, "select timestamptz '2024-01-02 03:04:05+00'"),
    (2, "set work_mem = '{n}MB'"), (1, "set search_path = pg_catalog, public"), (1, "set search_path to \"$user\", public, 'a b'"), (2, "show search_path"), (1, "reset search_path"), (1, "reset work_mem"),
    (1, "select set_config('work_mem', '{n}MB', false)"), (1, "set session characteristics as transaction isolation level repeatable read, deferrable"), (1, "show default_transaction_isolation"),
    (1, "set statement_timeout = {n}0000"), (1, "show statement_timeout"), (1, "set enable_seqscan to default"), (1, "set enable_seqscan = off"), (1, "show enable_seqscan"), (1, "reset all"),
]
STATE = [  # what keeps a session on its server
    (2, "select set_config('timezone', 'Asia/Tokyo', false)"), (1, "select set_config('work_mem', '{n}MB', true)"),
    (2, "create temp table tmp (a int)"), (2, "select count(*) from tmp"), (1, "insert into tmp values ({n})"), (1, "drop table tmp"), (1, "create temp table tmp (a int) on commit drop"),
    (2, "prepare {s} as select {n} + 1"), (2, "execute {s}"), (2, "deallocate {s}"), (1, "deallocate all"), (2, "discard all"), (1, "set work_mem from current"),
    (1, "discard temp"), (1, "discard plans"), (2, "declare {s} cursor with hold for select id from shared order by id"), (1, "select pg_advisory_xact_lock_shared({n})"),
]
CURSORS = [
    (3, "declare {s} cursor for select id, name from shared order by id"), (3, "fetch {n} from {s}"), (1, "move {n} in {s}"), (1, "close {s}"), (1, "close all"),
]
EMPTY = [(2, ""), (1, ";"), (1, " -- nothing\n"), (1, "/* nothing */ ;")]
COPY_IN = [(4, "copy own_{x} from stdin"), (1, "copy own_{x} (id) from stdin (format csv)"), (1, "copy no_such_table from stdin"), (1, "copy own_{x} from stdin; select {n}")]
COPY_OUT = [(3, "copy shared to stdout"), (1, "copy (select generate_series(1, {n})) to stdout (format csv)"), (1, "copy (select 1 / ({n} - n) from generate_series(1, 9) n) to stdout"), (1, "copy shared to stdout (format binary)")]
PARAMETERIZED = [
    (4, "select $1::int + {n}"), (3, "select $1::text || '{n}'"), (2, "select * from shared where id = $1"), (2, "insert into own_{x} values ($1, 'p{n}')"),
    (1, "select $1::int, $2::text"), (1, "select length($1)"), (1, "select 10 / $1::int"), (1, "update own_{x} set name = $2 where id = $1"),
]
PLAIN = [(10, READS), (5, WRITES), (4, ERRORS), (5, TRANSACTIONS), (5, SETTINGS), (3, CURSORS), (2, EMPTY), (1, COPY_OUT), (2, STATE)]


def pick(random, weighted):
    return random.choices([item for _, item in weighted], [weight for weight, _ in weighted])[0]


def fill(random, text, session):
    return text.replace("{x}", session).replace("{n}", str(random.randint(1, 7))).replace("{s}", random.choice("st"))


def sql(random, session, kinds=PLAIN):
    return fill(random, pick(random, pick(random, kinds)), session)


def several(random, session):
    """A string of statements for a simple query."""
    return "; ".join(sql(random, session) for _ in range(random.choice((1, 1, 1, 1, 2, 2, 3))))
