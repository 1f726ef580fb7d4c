package io.usagekit.postgres.internal;

import io.usagekit.postgres.internal.driver.DriverConnection;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * The settings that a transaction states for itself alone: it inherits neither its isolation nor a timeout from its session, its role, its
 * database or its pool. None of the statements takes the snapshot of a transaction that has one.
 *
 * @param timeout of each statement
 * @param lockTimeout zero for none
 */
record TransactionSettings(Jdbc.Mode mode, Duration timeout, Duration lockTimeout) {

    /** The least time that a transaction may be idle, e.g. while the host handles what it has read. */
    private static final Duration SHORTEST_IDLE = Duration.ofMinutes(1);

    /** The first version of PostgreSQL that limits the time of a whole transaction. */
    private static final int FIRST_WITH_TRANSACTION_TIMEOUT = 17;

    private static final String NO_TRANSACTION_TIMEOUT = "{set-no-transaction-timeout}";

    /** Fragments of settings that are bound. */
    static final Map<String, String> BOUND = Map.of(
            "lock-timeout", ":lock_timeout",
            "idle-timeout", ":idle_timeout",
            "plan-cache-mode", ":plan_cache_mode",
            "enable-seqscan", "nullif(:enable_seqscan, 'default')");

    /** Those of a transaction in {@link Jdbc.Mode#WRITE_LOOK_UPS} that is never idle. */
    static final Map<String, String> OF_A_SINGLE_STATEMENT = Map.of(
            "lock-timeout", "'0'",
            "idle-timeout", "'0'",
            "plan-cache-mode", "'force_generic_plan'",
            "enable-seqscan", "'off'");

    private static final SqlStatements SESSION = SqlStatements.of(SqlFiles.of("session.sql"), Map.of());
    private static final SqlTemplate SETTINGS = settings("", BOUND);
    private static final SqlTemplate SETTINGS_WITH_TRANSACTION_TIMEOUT = settings(NO_TRANSACTION_TIMEOUT, BOUND);
    private static final SqlTemplate.Frame SINGLE = single("");
    private static final SqlTemplate.Frame SINGLE_WITH_TRANSACTION_TIMEOUT = single(NO_TRANSACTION_TIMEOUT);

    private static SqlTemplate settings(String noTransactionTimeout, Map<String, String> values) {
        Map<String, String> fragments = new HashMap<>(values);
        fragments.put("no-transaction-timeout", noTransactionTimeout);
        return SESSION.template("settings", fragments);
    }

    /** What stands around the only statement of a transaction. */
    private static SqlTemplate.Frame single(String noTransactionTimeout) {
        String begin = "begin " + characteristics(Jdbc.Mode.WRITE_LOOK_UPS);
        return new SqlTemplate.Frame(
                settings(noTransactionTimeout, OF_A_SINGLE_STATEMENT).after(begin), 2, "commit");
    }

    /**
     * Each statement for its own values, e.g. for its organisation and window: a plan for any values suits neither the largest nor the
     * smallest. Tables may be read whole.
     */
    private static final Map<String, String> PLANNED_FOR_VALUES = plans("force_custom_plan", "default");

    /**
     * The same for statements that have no names, which are planned each time. What they run in turn isn't: PostgreSQL's checks of foreign
     * keys and the statements of triggers, which run for each row, are planned a few times in a session.
     */
    private static final Map<String, String> NAMELESS_PLANNED_FOR_VALUES = plans("auto", "default");

    /** A statement that has a name once in a session, for any values, and by indexes: tables may be empty when it is planned. */
    private static final Map<String, String> PLANNED_ONCE = plans("force_generic_plan", "off");

    private static Map<String, String> plans(String planCacheMode, String enableSeqscan) {
        return Map.of("plan_cache_mode", planCacheMode, "enable_seqscan", enableSeqscan);
    }

    /** States them, as the first statements of a transaction. */
    void state(Connection connection) throws SQLException {
        boolean limitsTransactions = limitsTransactions(connection);
        Map<String, String> values = values(connection);
        String begin = "set transaction " + characteristics(mode) + ";\n";
        if (mode.hasOneSnapshot()) {
            values.put("no_transaction_timeout", limitsTransactions ? "set local transaction_timeout = 0;" : "");
            Jdbc.execute(connection, begin + SESSION.script("settings-without-snapshot", values));
        } else {
            SqlCall.of(connection, limitsTransactions ? SETTINGS_WITH_TRANSACTION_TIMEOUT : SETTINGS)
                    .texts(values)
                    .execute(begin);
        }
    }

    /**
     * Puts the only statement of a transaction in {@link Jdbc.Mode#WRITE_LOOK_UPS} between its beginning, with the settings, and its end.
     */
    static SqlCall around(SqlCall call, Connection connection, Duration timeout) throws SQLException {
        return call.in(
                limitsTransactions(connection) ? SINGLE_WITH_TRANSACTION_TIMEOUT : SINGLE,
                Map.of("statement_timeout", Long.toString(timeout.toMillis())));
    }

    /** Has the server plan each further statement of the transaction for its values; takes no snapshot. */
    static void planForValues(Connection connection) throws SQLException {
        Jdbc.execute(connection, SESSION.script("plans", PLANNED_FOR_VALUES));
    }

    private static String characteristics(Jdbc.Mode mode) {
        return "isolation level " + (mode.hasOneSnapshot() ? "repeatable read" : "read committed")
                + (mode.isReadOnly() ? ", read only" : ", read write");
    }

    private static boolean limitsTransactions(Connection connection) throws SQLException {
        return connection.getMetaData().getDatabaseMajorVersion() >= FIRST_WITH_TRANSACTION_TIMEOUT;
    }

    /** By the names of the statements' parameters. */
    private Map<String, String> values(Connection connection) throws SQLException {
        Duration idle = timeout.compareTo(SHORTEST_IDLE) < 0 ? SHORTEST_IDLE : timeout;
        Map<String, String> values = new HashMap<>(plans(connection));
        values.put("statement_timeout", Long.toString(timeout.toMillis()));
        values.put("lock_timeout", Long.toString(lockTimeout.toMillis()));
        values.put("idle_timeout", Long.toString(idle.toMillis()));
        return values;
    }

    /** How its statements are planned. Those of a transaction that writes have no names, where the driver is PostgreSQL's. */
    private Map<String, String> plans(Connection connection) throws SQLException {
        if (mode == Jdbc.Mode.READ_ONLY_LOOK_UPS || mode == Jdbc.Mode.WRITE_LOOK_UPS) {
            return PLANNED_ONCE;
        }
        return !mode.isReadOnly() && DriverConnection.stopNames(connection)
                ? NAMELESS_PLANNED_FOR_VALUES
                : PLANNED_FOR_VALUES;
    }
}
