import java.io.StringReader;
import java.io.StringWriter;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

/** usage: Jdbc URL. The URL says how the driver works: prepareThreshold, autosave, reWriteBatchedInserts and so on. */
public class Jdbc {
    static final String BY_ID = "select name from items where id = ?";
    static final String[] NAMES = {"one", "two", "three"};
    static String url;

    interface Work {
        void run() throws Exception;
    }

    static Connection connect() throws SQLException {
        return DriverManager.getConnection(url);
    }

    static boolean set(String option) {
        return url.contains(option);
    }

    static void equal(String what, Object got, Object wanted) {
        if (!wanted.equals(got)) throw new AssertionError(what + ": " + got + ", expected " + wanted);
    }

    static void fails(String what, String state, Work work) throws Exception {
        try {
            work.run();
        } catch (SQLException e) {
            equal(what + " (" + e.getMessage() + ")", e.getSQLState(), state);
            return;
        }
        throw new AssertionError(what + ": no error, expected " + state);
    }

    /** The first column of the first row, null without a row. */
    static Object one(Connection c, String sql, Object... values) throws SQLException {
        try (PreparedStatement s = prepare(c, sql, values); ResultSet rows = s.executeQuery()) {
            return rows.next() ? rows.getObject(1) : null;
        }
    }

    static int update(Connection c, String sql, Object... values) throws SQLException {
        try (PreparedStatement s = prepare(c, sql, values)) {
            return s.executeUpdate();
        }
    }

    static PreparedStatement prepare(Connection c, String sql, Object... values) throws SQLException {
        PreparedStatement s = c.prepareStatement(sql);
        for (int n = 0; n < values.length; n++) s.setObject(n + 1, values[n]);
        return s;
    }

    static void crud(Connection c) throws Exception {
        equal("insert", one(c, "insert into items values (?, ?) returning id", 4, "four"), 4);
        equal("update", update(c, "update items set name = upper(name) where id > ?", 3), 1);
        equal("select", one(c, BY_ID, 4), "FOUR");
        equal("delete", update(c, "delete from items where id = ?", 4), 1);
        try (Statement s = c.createStatement()) {
            equal("several statements", s.execute("select 1; update items set name = name; select 'x'"), true);
            equal("the second's", s.getMoreResults() ? -1 : s.getUpdateCount(), 3);
            equal("the third", s.getMoreResults(), true);
        }
    }

    /**
     * Enough rounds to be prepared by name, on each server in turn: two clients hold both, and one lets go. In
     * transactions, or else the driver would prepare anew by itself.
     */
    static void statements(Connection c) throws Exception {
        try (PreparedStatement s = c.prepareStatement(BY_ID); Connection left = connect(); Connection right = connect()) {
            Connection[] blockers = {left, right};
            for (Connection b : blockers) {
                b.setAutoCommit(false);
                one(b, "select 1");
            }
            c.setAutoCommit(false);
            for (int n = 0; n < 24; n++) {
                Connection b = blockers[n % 2];
                b.rollback();
                s.setInt(1, n % 3 + 1);
                try (ResultSet rows = s.executeQuery()) {
                    equal("row", rows.next(), true);
                    equal("name", rows.getString(1), NAMES[n % 3]);
                }
                c.commit();
                one(b, "select 1");
            }
        }
        c.setAutoCommit(true);
        for (int n = 0; n < 400; n++) equal("many texts", one(c, "select ? + " + n, n), 2 * n); // more than its cache holds
    }

    static void transactions(Connection c) throws Exception {
        boolean saves = set("autosave=always");
        c.setAutoCommit(false);
        update(c, "insert into items values (50, 'fifty')");
        Savepoint here = c.setSavepoint("here");
        fails("double", "23505", () -> update(c, "insert into items values (?, 'again')", 50));
        if (saves) equal("saved by the driver", one(c, BY_ID, 50), "fifty");
        else fails("after the error", "25P02", () -> one(c, BY_ID, 50));
        c.rollback(here);
        equal("after the savepoint", one(c, BY_ID, 50), "fifty");
        c.rollback();
        equal("rolled back", one(c, "select count(*)::int from items"), 3);
        c.rollback();
        c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        update(c, "insert into items values (51, 'stays')");
        equal("isolation", one(c, "show transaction_isolation"), "serializable");
        c.commit();
        c.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        c.setAutoCommit(true);
        equal("committed", one(c, BY_ID, 51), "stays");

        // A plan whose row has changed: the driver prepares anew by itself, within a transaction if it saves.
        String all = "select * from items where id = ?";
        for (int n = 0; n < 6; n++) one(c, all, 1);
        c.setAutoCommit(false);
        update(c, "alter table items add column extra int");
        if (set("autosave")) equal("after the change", one(c, all, 1), 1);
        c.commit();
        c.setAutoCommit(true);
        equal("after the commit", one(c, all, 1), 1);
        update(c, "alter table items drop column extra");
        equal("after the next change", one(c, all, 2), 2);
    }

    /** Rows come in portions from a portal while the transaction lasts; two at once. */
    static void cursors(Connection c) throws Exception {
        c.setAutoCommit(false);
        String series = "select n, repeat('x', 100) from generate_series(1, ?) n";
        try (PreparedStatement a = prepare(c, series, 1000); PreparedStatement b = prepare(c, series, 500)) {
            a.setFetchSize(50);
            b.setFetchSize(7);
            long sum = 0;
            try (ResultSet left = a.executeQuery(); ResultSet right = b.executeQuery()) {
                while (left.next()) sum += left.getInt(1) + (right.next() ? right.getInt(1) : 0);
            }
            equal("sum", sum, 500500L + 125250L);
            try (ResultSet early = a.executeQuery()) {
                equal("a row", early.next(), true);
            }
            equal("after an early end", one(c, "select 1"), 1);
        }
        c.commit();
        c.setAutoCommit(true);
    }

    static void batches(Connection c) throws Exception {
        try (PreparedStatement s = c.prepareStatement("insert into items values (?, ?)")) {
            for (int n = 0; n < 1000; n++) {
                s.setInt(1, 1000 + n);
                s.setString(2, "batch");
                s.addBatch();
            }
            equal("batch", s.executeBatch().length, 1000);
            equal("rows", one(c, "select count(*)::int from items where name = 'batch'"), 1000);
            for (int id : new int[] {5000, 5001, 5000}) {
                s.setInt(1, id);
                s.addBatch();
            }
            c.setAutoCommit(false);
            fails("double in a batch", "23505", () -> {
                try {
                    s.executeBatch();
                } catch (BatchUpdateException e) {
                    throw e.getNextException() == null ? e : e.getNextException();
                }
            });
            c.rollback();
            c.setAutoCommit(true);
        }
        equal("rows afterwards", one(c, "select count(*)::int from items where name = 'batch'"), 1000);
        equal("deleted", update(c, "delete from items where name = 'batch'"), 1000);
    }

    static void copies(Connection c) throws Exception {
        CopyManager copy = c.unwrap(PGConnection.class).getCopyAPI();
        StringBuilder text = new StringBuilder();
        for (int n = 0; n < 5000; n++) text.append(2000 + n).append("\tcopied\n");
        equal("copied in", copy.copyIn("copy items from stdin", new StringReader(text.toString())), 5000L);
        fails("copied twice", "23505", () -> copy.copyIn("copy items from stdin", new StringReader(text.toString())));
        StringWriter out = new StringWriter();
        equal("copied out", copy.copyOut("copy (select * from items where name = 'copied' order by id) to stdout", out), 5000L);
        equal("text", out.toString(), text.toString());
        equal("deleted", update(c, "delete from items where name = 'copied'"), 5000);
    }

    static void cancellation(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            s.setQueryTimeout(1);
            fails("time-out", "57014", () -> s.execute("select pg_sleep(30)"));
            s.setQueryTimeout(0);
            Thread other = new Thread(() -> {
                try (Connection watcher = connect()) {
                    String running = "select count(*)::int from pg_stat_activity where state = 'active' and query = 'select pg_sleep(31)'";
                    while (one(watcher, running).equals(0)) Thread.yield();
                    s.cancel();
                } catch (SQLException e) {
                    e.printStackTrace();
                }
            });
            other.start();
            fails("cancelled", "57014", () -> s.execute("select pg_sleep(31)"));
            other.join();
        }
        equal("afterwards", one(c, "select 1"), 1);
    }

    /** Eight clients, fewer servers. */
    static void threads(Connection first) throws Exception {
        update(first, "insert into items values (100, '0')");
        var pool = Executors.newFixedThreadPool(8);
        List<Callable<Void>> works = new ArrayList<>();
        for (int t = 0; t < 8; t++) {
            int start = t;
            works.add(() -> {
                try (Connection c = connect()) {
                    for (int n = start; n < start + 30; n++) equal("its own row", one(c, BY_ID, n % 3 + 1), NAMES[n % 3]);
                    c.setAutoCommit(false);
                    for (int n = 0; n < 5; n++) {
                        int value = Integer.parseInt((String) one(c, BY_ID + " for update", 100));
                        equal("add", update(c, "update items set name = ? where id = ?", "" + (value + 1), 100), 1);
                        c.commit();
                    }
                }
                return null;
            });
        }
        for (Future<Void> done : pool.invokeAll(works)) done.get();
        pool.shutdown();
        equal("sum", one(first, BY_ID, 100), "40");
    }

    public static void main(String[] arguments) throws Exception {
        url = arguments[0];
        Thread.setDefaultUncaughtExceptionHandler((thread, e) -> {
            e.printStackTrace();
            System.exit(1); // whatever other threads are at
        });
        try (Connection c = connect()) {
            crud(c);
            statements(c);
            cursors(c);
            batches(c);
            copies(c);
            transactions(c);
            threads(c);
            cancellation(c);
        }
        System.out.println("all well");
    }
}
