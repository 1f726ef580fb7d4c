package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.SQLTimeoutException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import javax.sql.DataSource;

/** One transaction on one connection, which is given back as it was. */
public final class Jdbc {

    /** What it may do, and what it sees. */
    public enum Mode {
        /** Reads; each statement sees what is committed when it begins. */
        READ_ONLY(true, false),
        /** Reads; all statements see what was committed when the first one began. */
        READ_ONLY_SNAPSHOT(true, true),
        /** Reads and writes; each statement sees what is committed when it begins. */
        WRITE(false, false),
        /**
         * Reads and writes; all statements see what was committed when the first one began. Fails with SQLSTATE 40001 where a
         * row that it changes has changed since.
         */
        WRITE_SNAPSHOT(false, true);

        private final boolean readOnly;
        private final boolean oneSnapshot;

        Mode(boolean readOnly, boolean oneSnapshot) {
            this.readOnly = readOnly;
            this.oneSnapshot = oneSnapshot;
        }
    }

    /** What runs in it. */
    @FunctionalInterface
    public interface Work<T> {
        /** Runs on the transaction's connection; what it throws rolls back. */
        T run(Connection connection) throws SQLException;
    }

    private static final SqlTemplate SETTINGS =
            SqlTemplate.of(SqlTemplate.resource("transaction-settings.sql"), Map.of());

    /** How much longer the socket may stay silent than the statement may run: the server gives up first, if it is there. */
    private static final Duration GRACE = Duration.ofSeconds(2);

    private Jdbc() {}

    /**
     * Runs it. A statement that is still running when the time is over is cancelled by the server.
     *
     * @param timeout for all of it, the wait for a connection included; at least 1 ms
     */
    public static <T> T run(DataSource dataSource, Mode mode, Duration timeout, Work<T> work) throws SQLException {
        long began = System.nanoTime();
        try (Connection connection = dataSource.getConnection()) {
            Duration left = timeout.minusNanos(System.nanoTime() - began);
            if (left.toMillis() < 1) {
                throw new SQLTimeoutException("no connection within " + timeout);
            }
            Before before = Before.of(connection);
            T result;
            try {
                limitSilence(connection, before, left.plus(GRACE));
                connection.setReadOnly(mode.readOnly);
                connection.setAutoCommit(false);
                result = runInside(connection, mode, left, work);
                connection.commit();
            } catch (Throwable e) {
                undo(connection, before, e);
                throw e;
            }
            before.restore(connection);
            return result;
        }
    }

    private static <T> T runInside(Connection connection, Mode mode, Duration timeout, Work<T> work)
            throws SQLException {
        if (mode.oneSnapshot) {
            try (Statement statement = connection.createStatement()) {
                statement.execute("set transaction isolation level repeatable read");
            }
        }
        try (PreparedStatement settings =
                SETTINGS.prepare(connection, Map.of("statement_timeout", Long.toString(timeout.toMillis())))) {
            settings.execute();
        }
        return work.run(connection);
    }

    private static void undo(Connection connection, Before before, Throwable reason) {
        try {
            if (!connection.isClosed()) {
                connection.rollback();
                before.restore(connection);
            }
        } catch (SQLException e) {
            reason.addSuppressed(e);
        }
    }

    /** A peer that is gone without a word would otherwise hold the thread for as long as TCP tries. */
    private static void limitSilence(Connection connection, Before before, Duration limit) throws SQLException {
        int millis = Math.toIntExact(limit.toMillis());
        if (before.networkTimeout() == 0 || before.networkTimeout() > millis) {
            connection.setNetworkTimeout(Runnable::run, millis);
        }
    }

    /** How the connection was handed out; a network timeout of -1 is one that the driver doesn't know. */
    private record Before(boolean autoCommit, boolean readOnly, int networkTimeout) {

        static Before of(Connection connection) throws SQLException {
            return new Before(connection.getAutoCommit(), connection.isReadOnly(), networkTimeout(connection));
        }

        private static int networkTimeout(Connection connection) throws SQLException {
            try {
                return connection.getNetworkTimeout();
            } catch (SQLFeatureNotSupportedException e) {
                return -1;
            }
        }

        void restore(Connection connection) throws SQLException {
            connection.setAutoCommit(autoCommit);
            connection.setReadOnly(readOnly);
            if (networkTimeout >= 0) {
                connection.setNetworkTimeout(Runnable::run, networkTimeout);
            }
        }
    }
}
