package io.usagekit.postgres.internal;

import io.usagekit.postgres.internal.driver.ConnectionState;
import io.usagekit.postgres.internal.driver.DriverConnection;
import io.usagekit.postgres.internal.driver.OpenTransaction;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs transactions and sessions on a host's connections, each of which is given back as it was: the one place that sets
 * auto-commit, isolation and timeouts. When the thread is interrupted, the statement that it runs is cancelled. Connections with
 * auto-commit off are accepted; one that is already in a transaction is refused before anything is changed on it.
 *
 * <p>A transaction inherits neither its isolation nor a timeout from its session, its role, its database or its pool: its first
 * statements state them, for itself alone. None of them takes the snapshot of a transaction that has one.
 */
public record Jdbc(DataSource dataSource) {

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.postgres.PostgresUsage");

    /** What a transaction may do, and what it sees. */
    public enum Mode {
        /** Reads; each statement sees what is committed when it begins. */
        READ_ONLY(true, false),
        /**
         * The same, by statements that look few rows up by indexes: the server plans each once in a session, for any values. Before other
         * statements {@link #planForValues} is called.
         */
        READ_ONLY_LOOK_UPS(true, false),
        /** Reads; all statements see what was committed when the first one began. */
        READ_ONLY_SNAPSHOT(true, true),
        /** Reads and writes; each statement sees what is committed when it begins. */
        WRITE(false, false),
        /** The same, by statements as in {@link #READ_ONLY_LOOK_UPS}. */
        WRITE_LOOK_UPS(false, false),
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

        boolean isReadOnly() {
            return readOnly;
        }

        /** Whether all statements see what was committed when the first one began. */
        public boolean hasOneSnapshot() {
            return oneSnapshot;
        }
    }

    /** What runs in a transaction or session. */
    @FunctionalInterface
    public interface Work<T> {
        /** Runs on the connection; what it throws rolls a transaction back. */
        T run(Connection connection) throws SQLException;
    }

    /** One of several attempts. */
    @FunctionalInterface
    public interface Attempt<T> {
        /** Runs once. */
        T run() throws SQLException;
    }

    /** How much longer the socket may stay silent than a statement may run: a server that is reachable gives up first. */
    private static final Duration GRACE = Duration.ofSeconds(2);

    /**
     * Runs a transaction in READ COMMITTED: a statement that waits for a lock on a table sees what the holder of the lock has
     * committed. The server cancels a statement that is still running when the time is over.
     *
     * @param timeout for all of it, the wait for a connection included; at least 1 ms
     * @throws IllegalArgumentException if the mode is one of a single snapshot
     */
    public <T> T transaction(Mode mode, Duration timeout, Work<T> work) throws SQLException {
        if (mode.oneSnapshot) {
            throw new IllegalArgumentException(mode + " needs the tables that are locked before its snapshot");
        }
        return run(mode, timeout, Duration.ZERO, work);
    }

    /**
     * Runs a transaction in which all statements see one snapshot, which is taken after the tables have been locked in ACCESS SHARE
     * mode. A session that rewrites or empties one of them commits before the snapshot or waits for the end of the transaction; in an
     * older snapshot, the table would be empty.
     *
     * @param lockTimeout for the wait for each lock, those of the tables included; zero for none
     * @param tables quoted; of a partitioned table the parent is locked, and not the partitions
     * @throws IllegalArgumentException if the mode isn't one of a single snapshot
     */
    public <T> T snapshot(Mode mode, Duration timeout, Duration lockTimeout, List<String> tables, Work<T> work)
            throws SQLException {
        if (!mode.oneSnapshot) {
            throw new IllegalArgumentException(mode + " has a snapshot for each statement");
        }
        return run(mode, timeout, lockTimeout, connection -> {
            execute(
                    connection,
                    "lock table "
                            + tables.stream().map(table -> "only " + table).collect(Collectors.joining(", "))
                            + " in access share mode");
            return work.run(connection);
        });
    }

    /**
     * Runs a transaction of one statement in {@link Mode#WRITE_LOOK_UPS}: in one round trip, if the driver sends texts together.
     *
     * @param timeout as that of {@link #transaction}
     * @param call returns the call of the statement, with its values bound
     * @return its first row, if there is one
     */
    public <T> Optional<T> single(Duration timeout, Work<SqlCall> call, SqlCall.Reader<T> reader) throws SQLException {
        return within(timeout, (connection, before, left) -> {
            if (!before.sendsTogether()) {
                TransactionSettings settings = new TransactionSettings(Mode.WRITE_LOOK_UPS, left, Duration.ZERO);
                return run(connection, settings, it -> call.run(it).first(reader));
            }
            connection.setReadOnly(false); // for the driver, which otherwise changes the session's mode while it undoes
            connection.setAutoCommit(true); // what is sent begins and commits
            return TransactionSettings.around(call.run(connection), connection, left)
                    .first(reader);
        });
    }

    private <T> T run(Mode mode, Duration timeout, Duration lockTimeout, Work<T> work) throws SQLException {
        return within(
                timeout,
                (connection, before, left) -> run(connection, new TransactionSettings(mode, left, lockTimeout), work));
    }

    private static <T> T run(Connection connection, TransactionSettings settings, Work<T> work) throws SQLException {
        connection.setAutoCommit(false);
        // For the pool; with auto-commit off no driver sets it for the session, and the settings do.
        connection.setReadOnly(settings.mode().readOnly);
        settings.state(connection);
        T result = work.run(connection);
        connection.commit();
        return result;
    }

    /** What runs on a connection, with its state before and the time that is left. */
    @FunctionalInterface
    private interface TimedWork<T> {
        T run(Connection connection, ConnectionState before, Duration left) throws SQLException;
    }

    /** Runs work on a connection, which is given back as it was. */
    private <T> T within(Duration timeout, TimedWork<T> work) throws SQLException {
        long began = System.nanoTime();
        try (Connection connection = connect()) {
            Duration left = timeout.minusNanos(System.nanoTime() - began);
            if (left.toMillis() < 1) {
                throw new SQLTimeoutException("no connection within " + timeout);
            }
            ConnectionState before = ConnectionState.of(connection);
            return restoring(connection, before::restore, () -> {
                limitSilence(connection, before.networkTimeout(), left.plus(GRACE));
                before.stopNames(() -> AdvisoryLock.backend(connection));
                return work.run(connection, before, left);
            });
        }
    }

    /** Begins a transaction that the caller commits or rolls back. */
    static void begin(Connection connection, Mode mode, Duration timeout) throws SQLException {
        connection.setAutoCommit(false);
        new TransactionSettings(mode, timeout, Duration.ZERO).state(connection);
    }

    /**
     * Whether a pooler may give the session's backend to others between two transactions: another process answers than the driver was
     * told of when it connected. Needs a statement once for each of the driver's connections.
     */
    public static boolean isShared(Connection connection) throws SQLException {
        Optional<DriverConnection> driver = DriverConnection.of(connection);
        return driver.isPresent() && driver.get().isShared(() -> AdvisoryLock.backend(connection));
    }

    /** Has the server plan each further statement of the transaction for its values; takes no snapshot. */
    public static void planForValues(Connection connection) throws SQLException {
        TransactionSettings.planForValues(connection);
    }

    /** Runs on a connection in auto-commit mode, for as long as it takes. */
    public <T> T session(Work<T> work) throws SQLException {
        try (Connection connection = connect()) {
            ConnectionState before = ConnectionState.of(connection);
            return restoring(connection, before::restore, () -> {
                before.stopNames(() -> AdvisoryLock.backend(connection));
                connection.setAutoCommit(true);
                return work.run(connection);
            });
        }
    }

    /**
     * Runs {@linkplain #step steps} on a connection in auto-commit mode.
     *
     * @param timeout for each of their statements
     */
    public <T> T stepSession(Duration timeout, Work<T> work) throws SQLException {
        try (Connection connection = connect()) {
            ConnectionState before = ConnectionState.of(connection);
            return restoring(connection, before::restore, () -> {
                before.stopNames(() -> AdvisoryLock.backend(connection));
                connection.setAutoCommit(true);
                connection.setNetworkTimeout(
                        Runnable::run, Math.toIntExact(timeout.plus(GRACE).toMillis()));
                return work.run(connection);
            });
        }
    }

    /**
     * Takes connections and gives them back, to find out before the work begins whether it will get all that it needs.
     *
     * @param number how many the work uses at the same time
     * @throws SQLException if fewer are to be had within the wait that the data source allows
     */
    public void requireConnections(int number) throws SQLException {
        requireConnections(1, number);
    }

    private void requireConnections(int next, int number) throws SQLException {
        try {
            Connection held = connect();
            try {
                if (next < number) {
                    requireConnections(next + 1, number);
                }
            } finally {
                held.close();
            }
        } catch (SQLException e) {
            if (next == 1 || e instanceof TooFewConnectionsException) {
                throw e;
            }
            throw new TooFewConnectionsException(
                    "it needs " + number + " connections at the same time, and the DataSource handed out " + (next - 1)
                            + "; raise the maximum size of the pool to " + number + " at least (" + e.getMessage()
                            + ")",
                    e);
        }
    }

    /** So that those who hold the others pass it on. */
    private static final class TooFewConnectionsException extends SQLException {
        private static final long serialVersionUID = 1L;

        TooFewConnectionsException(String message, SQLException cause) {
            super(message, cause.getSQLState(), cause);
        }
    }

    private Connection connect() throws SQLException {
        Connection connection = dataSource.getConnection();
        try {
            OpenTransaction.refuse(connection);
            return connection;
        } catch (Throwable e) {
            try {
                connection.close();
            } catch (SQLException closing) {
                e.addSuppressed(closing);
            }
            throw e;
        }
    }

    /**
     * Runs one transaction on a connection in auto-commit mode. It is committed if there is a result, and rolled back if there is
     * none. In a mode of a single snapshot, the work begins with the locks of its tables: its first statement that isn't LOCK TABLE takes the
     * snapshot.
     *
     * @param timeout for each statement; half of it for each lock, so that the SQLSTATE tells a wait for a lock (55P03) from a statement
     *     that takes too long (57014)
     */
    public static <T> Optional<T> step(Connection connection, Mode mode, Duration timeout, Work<Optional<T>> work)
            throws SQLException {
        connection.setAutoCommit(false);
        Optional<T> result;
        try {
            new TransactionSettings(mode, timeout, lockTimeout(timeout)).state(connection);
            result = work.run(connection);
            if (result.isPresent()) {
                connection.commit();
            } else {
                connection.rollback();
            }
        } catch (Throwable e) {
            undo(connection, restored -> restored.setAutoCommit(true), e);
            throw e;
        }
        connection.setAutoCommit(true);
        return result;
    }

    /**
     * Ends work between two of its statements if its thread is interrupted; the interrupt stays set.
     *
     * @param work for the message, e.g. {@code deleting events}
     * @throws SQLException if it is
     */
    public static void checkInterrupt(String work) throws SQLException {
        if (Thread.currentThread().isInterrupted()) {
            throw new SQLException("the thread was interrupted while " + work);
        }
    }

    /** Returns how long a lock may be waited for in a statement that has this timeout. */
    public static Duration lockTimeout(Duration timeout) {
        Duration half = timeout.dividedBy(2);
        return half.toMillis() < 1 ? Duration.ofMillis(1) : half;
    }

    /**
     * Runs it again while it fails with such an error, at most so many times in all.
     *
     * @throws SQLException the last attempt's
     */
    public static <T> T retry(int attempts, Predicate<SQLException> isTransient, Attempt<T> attempt)
            throws SQLException {
        for (int number = 1; ; number++) {
            try {
                return attempt.run();
            } catch (SQLException e) {
                if (number == attempts || !isTransient.test(e)) {
                    throw e;
                }
            }
        }
    }

    /** Aborts a connection whose session may keep an advisory lock or a setting, so that its pool doesn't hand it out with that. */
    public static void abort(Connection connection) {
        try {
            connection.abort(Runnable::run);
            connection.close(); // nothing of it is restored
        } catch (SQLException e) {
            LOG.warn("a connection that may keep an advisory lock or a setting can't be aborted: {}", e.getMessage());
        }
    }

    /** Runs statements without parameters. */
    public static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            Cancellation.started(statement);
            statement.execute(sql);
        }
    }

    /**
     * Limits something for the rest of the transaction; takes no snapshot.
     *
     * @param setting the timeout of PostgreSQL, e.g. {@code lock_timeout}
     */
    public static void limit(Connection connection, String setting, Duration limit) throws SQLException {
        execute(connection, "set local " + setting + " = " + limit.toMillis());
    }

    @FunctionalInterface
    private interface Restorer {
        void restore(Connection connection) throws SQLException;
    }

    private static <T> T restoring(Connection connection, Restorer before, Attempt<T> work) throws SQLException {
        T result;
        try {
            result = Cancellation.onInterrupt(connection, work);
        } catch (Throwable e) {
            undo(connection, before, e);
            throw e;
        }
        if (!connection.isClosed()) {
            before.restore(connection);
        }
        return result;
    }

    private static void undo(Connection connection, Restorer before, Throwable reason) {
        try {
            if (!connection.isClosed()) {
                rollBack(connection, reason);
                before.restore(connection);
            }
        } catch (SQLException e) {
            reason.addSuppressed(e);
        }
    }

    private static void rollBack(Connection connection, Throwable reason) throws SQLException {
        try {
            connection.setAutoCommit(false); // also for a transaction that a statement has begun
            connection.rollback();
        } catch (SQLException e) {
            reason.addSuppressed(e);
            execute(connection, "rollback"); // in any mode
        }
    }

    /** Limits the wait for a peer that has vanished, which otherwise lasts for as long as TCP retries. */
    private static void limitSilence(Connection connection, int networkTimeout, Duration limit) throws SQLException {
        int millis = Math.toIntExact(limit.toMillis());
        if (networkTimeout == 0 || networkTimeout > millis) {
            connection.setNetworkTimeout(Runnable::run, millis);
        }
    }
}
