"""Sessions of several steps and where each step has to run. The database is that of routes.py.

P the primary, R a replica, S the same node as the step before, * whichever. Within a script no two texts are equal.
"""

from wire import bind, close_statement, describe_statement, execute, flush, function_call, parse, query, sync, transcript


def rows_of(replies):
    return [[None if v is None else v.decode(errors="replace") for v in m.values] for m in replies if m.kind == "D"]


class Step:
    """Sent as a simple query. `expects`: rows, or a transcript."""

    def __init__(self, side, text, expects=None):
        self.side, self.text, self.expects = side, text, expects

    def messages(self):
        return [query(self.text)]

    until = "Z"


class Extended(Step):
    """Parse, Bind, Execute, Sync."""

    def __init__(self, side, text, expects=None, values=()):
        super().__init__(side, text, expects)
        self.values = values

    def messages(self):
        return [parse(self.text), bind(self.values), execute(), sync()]


class Messages(Step):
    """These messages, up to a reply of one of these kinds; `text` is what is looked for in the logs."""

    def __init__(self, side, text, *messages, expects=None, until="Z"):
        super().__init__(side, text, expects)
        self.sent, self.until = list(messages), until

    def messages(self):
        return self.sent


class Script:
    def __init__(self, name, *steps):
        self.name = name
        self.steps = [s if isinstance(s, Step) else Step(*s) for s in steps]

    def play(self, w):
        """[(transcript, rows)] of the steps, each when the one before has been answered."""
        answers = []
        for step in self.steps:
            if messages := step.messages():
                w.send(*messages)
            replies = w.receive_until(*step.until)
            answers.append((transcript(replies), rows_of(replies)))
        return answers


class Pipeline(Script):
    """All is sent at once."""

    def play(self, w):
        w.send(*(m for step in self.steps for m in step.messages()))
        return [(transcript(r), rows_of(r))
                for r in (w.receive_until(*step.until) for step in self.steps)]


def batch(side, *texts, expects=None):
    """One batch with one Sync: a step for each text, of which the last gets the answer."""
    messages = [m for text in texts for m in (parse(text), bind(), execute())]
    steps = [Silent(side, text) for text in texts]
    steps[-1] = Messages(side, texts[-1], *messages, sync(), expects=expects)
    return steps


class Silent(Step):
    """Sent with a later step."""

    until = ""

    def messages(self):
        return []


class Batches(Script):
    def play(self, w):
        answers = []
        for step in self.steps:
            if isinstance(step, Silent):
                answers.append((None, None))
                continue
            w.send(*step.messages())
            replies = w.receive_until(*step.until)
            answers.append((transcript(replies), rows_of(replies)))
        return answers


LONG = "x" * 20000

SCRIPTS = [
    # -- transactions
    Script("a transaction is the primary's",
           ("R", "select 'before'"), ("P", "begin"), ("P", "select 1"), ("P", "select * from t where id = 1"), ("P", "commit"), ("R", "select 'after'")),
    Script("a transaction that writes late",
           ("P", "begin"), ("P", "select 1"), ("P", "insert into t2 values (1, 'late')"), ("P", "select count(*) from t2 where note = 'late'", [["1"]]),
           ("P", "rollback"), ("R", "select count(*) from t2 where note = 'late' and true", [["0"]])),
    Script("a failed transaction",
           ("P", "begin"), ("P", "select 1 / 0", "E:22012 Z:E"), ("P", "select 1", "E:25P02 Z:E"), ("P", "rollback"), ("R", "select 2")),
    Script("savepoints",
           ("P", "begin"), ("P", "savepoint a"), ("P", "select 1"), ("P", "rollback to a"), ("P", "release a"), ("P", "end"), ("R", "select 2")),
    Script("a chain", ("P", "begin"), ("P", "select 1"), ("P", "commit and chain"), ("P", "select 2"), ("P", "rollback"), ("R", "select 3")),
    Script("a transaction that reads only is a replica's, all of it",
           ("R", "begin read only"), ("S", "select 1"), ("S", "select count(*) from t", [["20"]]), ("S", "savepoint a"), ("S", "select 2"),
           ("S", "rollback to a"), ("S", "commit"), ("R", "select 3")),
    Script("start transaction read only", ("R", "start transaction read only"), ("S", "select 1"), ("S", "rollback")),
    Script("repeatable read, read only",
           ("R", "begin transaction isolation level repeatable read, read only"), ("S", "select 1"), ("S", "select 2"), ("S", "commit")),
    Script("a write where only reads are allowed fails as on the primary",
           ("*", "begin read only"), ("P", "insert into t2 values (9, 'x')", "E:25006 Z:E"), ("P", "rollback"), ("R", "select 1")),
    Script("what has one snapshot stays where it has read",
           ("R", "begin isolation level repeatable read read only"), ("S", "select 1"), ("S", "insert into t2 values (9, 'x')", "E:25006 Z:E"), ("S", "rollback")),
    Script("what is to have one snapshot has none yet",
           ("*", "begin isolation level repeatable read read only"), ("P", "select volatile_f(8)", [["8"]]), ("P", "select 12"), ("P", "commit"), ("R", "select 1")),
    Script("what has a savepoint stays",
           ("R", "begin read only"), ("S", "savepoint a"), ("S", "insert into t2 values (9, 'x')", "E:25006 Z:E"), ("S", "rollback to a"), ("S", "commit"), ("R", "select 1")),
    Script("read write is said", ("P", "begin read write"), ("P", "select 1"), ("P", "commit"), ("R", "select 2")),
    Script("serializable is said", ("P", "begin isolation level serializable read only"), ("P", "select 1"), ("P", "commit"), ("R", "select 2")),
    Script("read only by default",
           ("*", "set default_transaction_read_only = on"), ("R", "select 1"), ("R", "begin"), ("S", "select 2"), ("S", "commit"),
           ("P", "begin read write"), ("P", "select 3"), ("P", "end"), ("P", "insert into t2 values (9, 'x')", "E:25006 Z:I")),
    Script("serializable by default",
           ("*", "set default_transaction_isolation = 'serializable'"), ("P", "select 1"), ("P", "begin read only"), ("P", "select 2"), ("P", "end"),
           ("*", "reset default_transaction_isolation"), ("R", "select 3")),
    Script("serializable by the characteristics of the session",
           ("*", "set session characteristics as transaction isolation level serializable"), ("P", "select 1"), ("P", "select 2")),
    Script("an unlogged table in a transaction that reads only answers as on the primary",
           ("*", "begin read only"), ("P", "select count(*) from other.t3 join u using (a)", [["0"]]), ("*", "commit"), ("R", "select 1")),
    Script("a volatile function in a transaction that reads only is the primary's",
           ("*", "begin read only"), ("P", "select volatile_f(7)", [["7"]]), ("*", "commit"), ("R", "select 1")),
    Script("a lock of the session in a transaction that reads only is the primary's",
           ("*", "begin read only"), ("P", "select pg_try_advisory_xact_lock(77)", [["t"]]), ("*", "commit"), ("R", "select 1")),
    Script("a transaction number in a transaction that reads only",
           ("*", "begin read only"), ("P", "select txid_current() > 0", [["t"]]), ("*", "commit"), ("R", "select 1")),
    Script("set transaction read only",
           ("*", "begin"), ("*", "set transaction read only"), ("*", "select 1"), ("*", "insert into t2 values (9, 'x')", "E:25006 Z:E"), ("*", "rollback"),
           ("R", "select 2")),
    Script("set transaction read write takes it back",
           ("*", "begin read only"), ("*", "set transaction read write"), ("P", "insert into t2 values (9, 'back')", "C:INSERT_0_1 Z:T"), ("P", "rollback")),
    Script("a cursor", ("P", "begin"), ("P", "declare c cursor for select id from t order by 1"), ("P", "fetch 2 from c", [["1"], ["2"]]), ("P", "move 1 in c"),
           ("P", "close c"), ("P", "commit"), ("R", "select 1")),
    Script("a cursor where only reads are allowed",
           ("R", "begin read only"), ("S", "declare c cursor for select id from t order by 1"), ("S", "fetch 2 from c", [["1"], ["2"]]), ("S", "close c"), ("S", "commit")),
    # -- several statements
    Script("several statements that begin a transaction",
           ("P", "begin; select 1"), ("P", "select 2"), ("P", "savepoint a"), ("P", "rollback to a"), ("P", "end"), ("R", "select 3")),
    Script("several statements that begin and end one", ("P", "begin; select 1; rollback"), ("R", "select 2")),
    Script("several statements, one of which fails", ("P", "begin; select 1 / 0; rollback"), ("P", "rollback"), ("R", "select 2")),
    Script("several statements with a syntax error", ("P", "begin; selec 1; rollback", "E:42601 Z:I"), ("R", "select 2")),
    Script("a late write", ("P", "select 1; insert into t2 values (8, 'late')"), ("R", "select 2")),
    Script("PREPARE among several", ("P", "select 1; prepare p as select 2"), ("P", "execute p", [["2"]])),
    # -- settings
    Script("a setting is seen on whichever node",
           ("*", "set work_mem = '7MB'"), ("R", "select 'a'"), ("R", "select 'b'"), ("*", "show work_mem", [["7MB"]]), ("*", "reset work_mem"), ("R", "select 'c'")),
    Script("DateStyle follows to a replica",
           ("*", "set datestyle = 'SQL, DMY'"), ("R", "select at::date from t where id = 1", [["01/01/2024"]]), ("R", "select at::date from t where id = 2", [["01/01/2024"]])),
    Script("the search path follows to a replica",
           ("*", "set search_path = other"), ("R", "select * from t3", []), ("R", "select * from t3 where true", []), ("P", "select * from twice", []),
           ("P", "select * from no_such", "E:42P01 Z:I")),
    Script("set local", ("P", "begin"), ("P", "set local work_mem = '9MB'"), ("P", "select 1"), ("P", "commit"), ("R", "select 2")),
    Script("role", ("*", "set role app"), ("*", "select current_user", [["app"]]), ("*", "reset role"), ("*", "select 1")),
    Script("forebay.route = primary",
           ("*", "set forebay.route = 'primary'"), ("P", "select 1"), ("P", "select * from t where id = 1"), ("*", "reset forebay.route"), ("R", "select 2")),
    Script("forebay.route = replica does not take writes there",
           ("*", "set forebay.route = 'replica'"), ("R", "select 1"), ("P", "insert into t2 values (7, 'forced')"), ("P", "select * from t for update"),
           ("R", "begin"), ("S", "select 2"), ("S", "commit"), ("*", "start transaction"), ("*", "select 3"), ("P", "insert into t2 values (8, 'behind')"), ("P", "rollback"),
           ("R", "select 4")),
    Script("backslashes in plain strings",
           ("*", "set standard_conforming_strings = off"), ("P", r"select 'a\'; delete from t2 where false; --'"), ("*", "set standard_conforming_strings = on"),
           ("R", r"select 'a\'")),
    Script("an encoding in which a backslash may be half a letter", ("*", "set client_encoding = 'SJIS'"),
           Messages("P", "select 'ソ'", query("select 'ソ'".encode("sjis"))), ("R", "select 'e'")),
    # -- SQL's own prepared statements
    # A session that has such keeps its server until it has none.
    Script("EXECUTE of a read", ("P", "prepare p (int) as select id from t where id = $1"), ("P", "execute p(1)", [["1"]]), ("P", "execute p(2)", [["2"]]),
           ("*", "deallocate p"), ("P", "execute p(3)", "E:26000 Z:I"), ("R", "select 1")),
    Script("EXECUTE with an argument that writes", ("*", "prepare p (bigint) as select id from t where id = $1"), ("P", "execute p(nextval('s'))"), ("*", "execute p(2)", [["2"]])),
    Script("EXECUTE of what is volatile", ("P", "prepare p as select volatile_f(1)"), ("P", "execute p", [["1"]]), ("P", "deallocate p"), ("*", "select 1")),
    Script("EXECUTE of a write", ("P", "prepare p as insert into t2 values (6, 'prepared')"), ("P", "execute p", "C:INSERT_0_1 Z:I"), ("*", "deallocate all")),
    Script("EXECUTE of what reads an unlogged table", ("*", "prepare p as select * from u"), ("P", "execute p")),
    # -- what is the session's own
    Script("a temporary table", ("P", "create temp table mine as select 5 a"), ("P", "select a from mine", [["5"]]), ("P", "drop table mine"), ("*", "select 1")),
    Script("a temporary table in the place of another", ("P", "create table shadow (a int)"), ("P", "insert into shadow values (1)"), ("P", "drop table shadow"),
           ("P", "create temp table shadow as select 2 a"), ("P", "select a from shadow", [["2"]])),
    Script("an advisory lock", ("P", "select pg_advisory_lock(99)"), ("P", "select pg_advisory_unlock(99)", [["t"]]), ("*", "select 1")),
    Script("currval", ("P", "select setval('s', 500)"), ("P", "select nextval('s')", [["501"]]), ("P", "select currval('s')", [["501"]]), ("P", "select lastval()", [["501"]])),
    Script("set_config", ("P", "select set_config('datestyle', 'SQL, DMY', false)"), ("*", "select at::date from t where id = 1", [["01/01/2024"]])),
    Script("LISTEN, which Forebay does for all its clients", ("*", "listen channel_a"), ("*", "select 1"), ("P", "unlisten channel_a")),
    # -- the extended protocol
    Script("named statements",
           Messages("*", "select id from t where id = $1", parse("select id from t where id = $1", "a"), describe_statement("a"), sync()),
           Messages("R", "select id from t where id = $1", bind(["1"], "a"), execute(), sync(), expects=[["1"]]),
           Messages("R", "select id from t where id = $1", bind(["2"], "a"), execute(), sync(), expects=[["2"]]),
           Messages("*", "", close_statement("a"), sync(), expects="3 Z:I"),
           Messages("*", "", bind(["3"], "a"), execute(), sync(), expects="E:26000 Z:I")),
    Script("a named statement that writes",
           Messages("*", "insert into t2 values ($1, 'named')", parse("insert into t2 values ($1, 'named')", "w"), sync()),
           Messages("P", "insert into t2 values ($1, 'named')", bind(["1"], "w"), execute(), sync(), expects="2 C:INSERT_0_1 Z:I"),
           Messages("P", "insert into t2 values ($1, 'named')", bind(["2"], "w"), execute(), sync(), expects="2 C:INSERT_0_1 Z:I"), ("R", "select 1")),
    Script("a name given anew",
           Messages("R", "select 1", parse("select 1", "n"), bind((), "n"), execute(), sync()), Messages("*", "", close_statement("n"), sync()),
           Messages("P", "select volatile_f(1)", parse("select volatile_f(1)", "n"), bind((), "n"), execute(), sync()),
           Messages("P", "select volatile_f(1)", bind((), "n"), execute(), sync())),
    Script("the unnamed statement given anew",
           Messages("R", "select 1", parse("select 1"), bind(), execute(), sync()),
           Messages("P", "select volatile_f(1)", parse("select volatile_f(1)"), bind(), execute(), sync()),
           Messages("R", "select 2", parse("select 2"), bind(), execute(), sync())),
    Script("a transaction in the extended protocol",
           Extended("P", "begin"), Extended("P", "select 1"), Extended("P", "commit"), Extended("R", "select 2"), Extended("R", "begin read only"),
           Extended("S", "select 3"), Extended("S", "end")),
    Script("a portal in parts",
           Extended("R", "begin read only"),
           Messages("S", "select id from t order by id", parse("select id from t order by id"), bind((), "", "p"), execute("p", 2), sync(), expects="1 2 D:1 D:2 s Z:T"),
           Messages("*", "", execute("p", 2), sync(), expects="D:3 D:4 s Z:T"), Extended("*", "commit"), ("R", "select 1")),
    Batches("a batch of reads", *batch("R", "select 1", "select 2", "select id from t where id = 1", expects="1 2 D:1 C:SELECT_1 1 2 D:2 C:SELECT_1 1 2 D:1 C:SELECT_1 Z:I")),
    Batches("a batch with a write at its end", *batch("P", "select 1", "select 2", "insert into t2 values (5, 'batch')")),
    Batches("a batch with a write at its beginning", *batch("P", "insert into t2 values (5, 'batch')", "select 1", "select 2")),
    Batches("a batch with a write in its middle", *batch("P", "select 1", "delete from t2 where false", "select 2"), *batch("R", "select 3")),
    Batches("a batch with a volatile function", *batch("P", "select 1", "select volatile_f(2)"), *batch("R", "select 3")),
    Batches("a batch that is a transaction", *batch("P", "begin", "select 1", "commit"), *batch("R", "select 3")),
    Batches("a batch that is a transaction which reads only", *batch("R", "begin read only", "select 1", "commit"), *batch("R", "select 3")),
    Script("an error amid a batch",
           Messages("R", "select 1 / 0", parse("select 1 / 0"), bind(), execute(), parse("select 2"), bind(), execute(), sync(), expects="1 E:22012 Z:I"), ("R", "select 3")),
    Script("an error amid a batch that writes",
           Messages("P", "insert into t2 values (11, 'never')", parse("insert into t2 values (11, 'never')"), bind(), execute(), parse("select 1 / 0"), bind(), execute(), sync(),
                    expects="1 2 C:INSERT_0_1 1 E:22012 Z:I"), ("R", "select count(*) from t2 where note = 'never'", [["0"]])),
    Script("Flush, and no Sync yet",
           Messages("*", "select 1", parse("select 1"), bind(), execute(), flush(), until="C", expects="1 2 D:1 C:SELECT_1"),
           Messages("P", "insert into t2 values (12, 'flush')", parse("insert into t2 values (12, 'flush')"), bind(), execute(), flush(), until="CE", expects="1 2 C:INSERT_0_1"),
           Messages("*", "", sync(), expects="Z:I"), ("R", "select 2")),
    Script("an empty query", Messages("*", "", parse(""), bind(), execute(), sync(), expects="1 2 I Z:I"), ("R", "select 1")),
    Script("Sync alone", Messages("*", "", sync(), expects="Z:I"), ("R", "select 1")),
    Script("an unknown statement", Messages("*", "", bind((), "unknown"), execute(), sync(), expects="E:26000 Z:I"), ("R", "select 1")),
    # -- what ends a transaction on a replica and goes on to write
    Script("COMMIT and a write in one text, out of a transaction that reads only",
           ("*", "begin read only"), ("*", "select 1"), ("P", "commit; insert into t2 values (11, 'behind')"), ("R", "select 2")),
    Batches("COMMIT and a write in one batch, out of a transaction that reads only",
            *batch("*", "begin read only", "select 1"), *batch("P", "commit", "insert into t2 values (12, 'behind')"), *batch("R", "select 2")),
    Script("several statements in a transaction that reads only", ("*", "begin read only"), ("P", "select 1; select 2"), ("P", "commit"), ("R", "select 3")),
    Script("a chain of transactions that read only",
           ("*", "begin read only"), ("*", "select 1"), ("*", "commit and chain"), ("*", "select 2"), ("P", "insert into t2 values (13, 'x')", "E:25006 Z:E"), ("P", "rollback"),
           ("R", "select 3")),
    Script("a cursor with hold", ("P", "declare h cursor with hold for select id from t order by 1"), ("P", "fetch 2 from h", [["1"], ["2"]]), ("*", "select 1"),
           ("P", "fetch 1 from h", [["3"]]), ("P", "close h"), ("*", "select 2"), ("R", "select 3")),
    Batches("SET in a batch of reads", *batch("*", "set work_mem = '3MB'", "select 1"), *batch("*", "show work_mem", expects="1 2 D:3MB C:SHOW Z:I"),
            *batch("R", "select 2"), *batch("R", "select 3")),
    Batches("SET LOCAL in a batch of reads", *batch("*", "set local work_mem = '3MB'", "select 1"), *batch("R", "select 2"), *batch("*", "show work_mem", expects="1 2 D:4MB C:SHOW Z:I")),
    Batches("SET ROLE in a batch that writes", *batch("P", "set role app", "insert into t2 values (14, 'role')", "reset role"), *batch("R", "select 2")),
    Script("the unnamed statement, bound in a batch of its own",
           Messages("*", "", parse("select 11"), sync()), Messages("R", "select 11", bind(), execute(), sync(), expects=[["11"]]),
           Messages("*", "", parse("select volatile_f(12)"), sync()), Messages("P", "select volatile_f(12)", bind(), execute(), sync(), expects=[["12"]])),
    Script("a function by its number (random)", Messages("*", "", function_call(1598)), ("R", "select 1")),
    # -- all at once: what comes while a server of the primary is held stays there, in order
    Pipeline("queries in one write", ("R", "select 1", [["1"]]), ("P", "insert into t2 values (13, 'pipe')", "C:INSERT_0_1 Z:I"), ("*", "select 2", [["2"]]),
             ("P", "select volatile_f(3)", [["3"]]), ("*", "select 4", [["4"]])),
    Pipeline("reads in one write", ("R", "select 1", [["1"]]), ("R", "select 2", [["2"]]), ("R", "select * from t where id = 1"), ("P", "select nextval('s')")),
    Pipeline("batches in one write", Extended("R", "select 1", [["1"]]), Extended("P", "insert into t2 values (13, 'pipe')"), Extended("*", "select 2", [["2"]]),
             Extended("P", "select volatile_f(3)", [["3"]]), Extended("*", "select 4", [["4"]])),
    Pipeline("a transaction in one write", ("P", "begin"), ("P", "insert into t2 values (13, 'pipe')"), ("P", "select 1"), ("P", "rollback"), ("*", "select 2")),
    Pipeline("a transaction that reads only in one write", ("R", "begin read only"), ("S", "select 1"), ("S", "commit"), ("P", "insert into t2 values (14, 'pipe')"), ("*", "select 2")),
    Pipeline("errors in one write", ("R", "select 1 / 0", "E:22012 Z:I"), ("P", "selec", "E:42601 Z:I"), ("*", "select 1", [["1"]])),
    # -- sizes
    Script("a text too large to be read", ("P", f"select '{LONG}'"), ("R", "select 1"), Extended("P", f"select length('{LONG}')", [["20000"]])),
]

# By the default_transaction_isolation that the servers have from their configuration, the database or the role.
BY_DEFAULT = {
    "repeatable read": [
        Script("stays where it has read",
               ("R", "begin read only"), ("S", "select 1"), ("S", "insert into t2 values (9, 'x')", "E:25006 Z:E"), ("S", "rollback"), ("R", "select 2")),
        Script("says otherwise",
               ("*", "begin isolation level read committed read only"), ("*", "select 1"), ("P", "select volatile_f(8)", [["8"]]), ("P", "commit")),
        Script("has said otherwise",
               ("*", "set default_transaction_isolation = 'read committed'"), ("*", "begin read only"), ("*", "select 1"), ("P", "select volatile_f(8)", [["8"]]),
               ("P", "commit"), ("*", "reset default_transaction_isolation"),
               ("*", "start transaction read only"), ("*", "select 2"), ("S", "insert into t2 values (9, 'x')", "E:25006 Z:E"), ("S", "rollback")),
    ],
    "serializable": [
        Script("is the primary's", ("P", "select 1"), ("P", "begin read only"), ("P", "select 2"), ("P", "end")),
        Script("even where it says otherwise", ("P", "begin isolation level read committed read only"), ("P", "select 3"), ("P", "commit"),
               ("*", "set default_transaction_isolation = 'read committed'"), ("P", "select 4"), ("*", "reset default_transaction_isolation")),
    ],
}
