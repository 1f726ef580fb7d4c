package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An advisory lock that is held while something runs that takes more than a transaction. The session of a connection holds it. Behind a
 * pooler, which gives the session's backend to others between two transactions, a transaction holds it that is open, and idle, for as
 * long: on a connection of its own, with no snapshot and no other lock.
 *
 * @param name which lock it is, such as {@code installation in "app"}; processes of all versions have to agree on it
 * @param what for messages, e.g. {@code the installation in the schema "app"}
 */
public record AdvisoryLock(String name, String what) {

    /** What runs while the lock is held. */
    @FunctionalInterface
    public interface Work<T> {
        /** Runs; the connection is that of the session which holds the lock, empty if a transaction holds it. */
        T run(Optional<Connection> holder) throws SQLException;
    }

    /** What is done while another session holds the lock. */
    @FunctionalInterface
    public interface Wait {
        /** Waits before the next attempt, or throws. */
        void run() throws SQLException;
    }

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.postgres.PostgresUsage");
    private static final SqlStatements STATEMENTS = SqlStatements.of(SqlFiles.of("session.sql"), Map.of());
    private static final SqlTemplate ACQUIRE = STATEMENTS.template("try-lock");
    private static final SqlTemplate ACQUIRE_IN_TRANSACTION = STATEMENTS.template("try-lock-in-transaction");
    private static final SqlTemplate RELEASE = STATEMENTS.template("unlock");
    private static final SqlTemplate BACKEND = STATEMENTS.template("backend");
    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    /** Runs work while the lock is held. */
    public <T> T hold(Jdbc jdbc, Wait wait, Work<T> work) throws SQLException {
        return jdbc.session(connection ->
                Jdbc.isShared(connection) ? inTransaction(connection, wait, work) : inSession(connection, wait, work));
    }

    private boolean acquire(Connection connection, SqlTemplate statement) throws SQLException {
        return SqlCall.of(connection, statement).text("name", name).answer();
    }

    private <T> T inSession(Connection connection, Wait wait, Work<T> work) throws SQLException {
        while (!acquire(connection, ACQUIRE)) {
            wait.run();
        }
        try {
            return work.run(Optional.of(connection));
        } finally {
            release(connection);
        }
    }

    private void release(Connection connection) {
        try {
            if (connection.isClosed()) {
                return; // aborted, and the lock with it
            }
            if (!SqlCall.of(connection, RELEASE).text("name", name).answer()) {
                LOG.warn(
                        "the advisory lock of {} was acquired in another session: a pooler shares the connection between"
                                + " transactions, and its driver doesn't say so; connect to PostgreSQL itself, and close the"
                                + " session that holds the lock, or others will wait for it",
                        what);
            }
        } catch (SQLException e) {
            LOG.warn(
                    "the advisory lock of {} can't be released, and its connection is aborted: {}",
                    what,
                    e.getMessage());
            Jdbc.abort(connection);
        }
    }

    private <T> T inTransaction(Connection connection, Wait wait, Work<T> work) throws SQLException {
        while (true) {
            Jdbc.begin(connection, Jdbc.Mode.WRITE, TIMEOUT);
            if (acquire(connection, ACQUIRE_IN_TRANSACTION)) {
                break;
            }
            connection.rollback();
            wait.run();
        }
        long backend = current(connection);
        // Last, and no query: the driver keeps the last statement open, and a query its snapshot, for which an index
        // build would wait.
        Jdbc.limit(connection, "idle_in_transaction_session_timeout", Duration.ZERO);
        T result = work.run(Optional.empty());
        checkHeld(connection, backend);
        connection.commit();
        connection.setAutoCommit(true);
        return result;
    }

    /** The process at the other end of the connection. */
    private static long current(Connection connection) throws SQLException {
        return SqlCall.of(connection, BACKEND).one(row -> row.number("backend"));
    }

    /** The process at the other end of a connection that is in no transaction. */
    static long backend(Connection connection) throws SQLException {
        long backend = current(connection);
        if (!connection.getAutoCommit()) {
            connection.rollback();
        }
        return backend;
    }

    private void checkHeld(Connection connection, long backend) throws SQLException {
        String lost = "the transaction that held the advisory lock of " + what + " ended before the work did";
        long now;
        try {
            now = current(connection);
        } catch (SQLException e) {
            throw new SQLException(
                    lost + " (" + e.getMessage()
                            + "); what was done is there, and the next call checks it. Raise the pooler's"
                            + " idle_transaction_timeout, or connect to PostgreSQL itself",
                    e.getSQLState(),
                    e);
        }
        if (now != backend) {
            throw new SQLException(
                    lost + ": its process was " + backend + ", and " + now
                            + " answers; use a pooler that keeps a transaction on one connection, or connect to PostgreSQL itself");
        }
    }
}
