package io.usagekit.postgres.events;

import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.driver.DriverConnection;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The host's transaction on a connection, which the host commits or rolls back. Each work has a savepoint, to which the transaction is
 * rolled back if the work fails: it stays usable, and nothing of the work is left in it. As thread-safe as the connection.
 */
record HostTransaction(Connection connection) implements LedgerTransactions {

    /** What stands around a call that is one statement. */
    private static final SqlTemplate.Frame SAVEPOINT = new SqlTemplate.Frame(
            SqlTemplate.of("savepoint usagekit_call", Map.of()), 1, "release savepoint usagekit_call");

    /** SQLSTATE of a statement in a transaction that is aborted already. */
    private static final String ABORTED_BEFORE = "25P02";

    private static final String UNDO = "rollback to savepoint usagekit_call; release savepoint usagekit_call";

    @Override
    public <T> T run(Jdbc.Mode mode, String failure, Jdbc.Work<T> work) {
        return inSavepoint(failure, work);
    }

    @Override
    public <T> Optional<T> single(String failure, Jdbc.Work<SqlCall> call, SqlCall.Reader<T> reader) {
        try {
            if (!DriverConnection.sendsTogether(connection)) {
                return inSavepoint(failure, host -> call.run(host).first(reader));
            }
            requireTransaction();
            SqlCall framed = call.run(connection).in(SAVEPOINT, Map.of());
            try (PreparedStatement statement = framed.prepare("")) {
                return firstOrUndo(framed, statement, reader);
            }
        } catch (SQLException e) {
            throw LedgerTransactions.failed(failure, e);
        }
    }

    @Override
    public <T> T read(String failure, List<String> tables, Jdbc.Work<T> work) {
        return inSavepoint(failure, work);
    }

    @Override
    public <T> T export(String failure, List<String> tables, Jdbc.Work<T> work) {
        return runIsolated(Jdbc.Mode.READ_ONLY_SNAPSHOT, failure, work);
    }

    @Override
    public <T> T runIsolated(Jdbc.Mode mode, String failure, Jdbc.Work<T> work) {
        return inSavepoint(failure, host -> {
            requireSnapshots(mode);
            return work.run(host);
        });
    }

    @Override
    public void requireSnapshots(Jdbc.Mode mode) throws SQLException {
        boolean oneSnapshot = connection.getTransactionIsolation() > Connection.TRANSACTION_READ_COMMITTED;
        if (mode.hasOneSnapshot() && !oneSnapshot) {
            throw new SQLException(
                    "all statements must see one snapshot, and the transaction of the connection is in READ"
                            + " COMMITTED; begin it in REPEATABLE READ, or use PostgresLedger.repository()");
        }
        if (!mode.hasOneSnapshot() && oneSnapshot) {
            throw new SQLException(
                    "each statement must see what has been committed before it, and the transaction of the"
                            + " connection keeps its first snapshot; begin it in READ COMMITTED, or use PostgresLedger.repository()");
        }
    }

    /** The host's timeouts apply. */
    @Override
    public CallDeadline deadline() {
        return CallDeadline.NONE;
    }

    private <T> T inSavepoint(String failure, Jdbc.Work<T> work) {
        try {
            requireTransaction();
            Savepoint before = connection.setSavepoint();
            T result;
            try {
                result = work.run(connection);
            } catch (Throwable e) {
                undo(before, e);
                throw e;
            }
            connection.releaseSavepoint(before);
            return result;
        } catch (SQLException e) {
            throw LedgerTransactions.failed(failure, e);
        }
    }

    private void requireTransaction() throws SQLException {
        if (connection.getAutoCommit()) {
            throw new SQLException("the connection is in auto-commit mode; begin a transaction on it"
                    + " (setAutoCommit(false)) before you pass it to PostgresLedger.repository(connection)");
        }
    }

    private <T> Optional<T> firstOrUndo(SqlCall framed, PreparedStatement statement, SqlCall.Reader<T> reader)
            throws SQLException {
        try {
            return framed.first(statement, reader);
        } catch (SQLException | RuntimeException e) {
            undo(e);
            throw e;
        }
    }

    /** Not where the transaction was aborted before: the savepoint of that name, if there is one, is the host's. */
    private void undo(Exception reason) {
        if (reason instanceof SQLException failed && ABORTED_BEFORE.equals(failed.getSQLState())) {
            return;
        }
        try {
            Jdbc.execute(connection, UNDO);
        } catch (SQLException e) {
            reason.addSuppressed(e);
        }
    }

    private void undo(Savepoint before, Throwable reason) {
        try {
            connection.rollback(before);
            connection.releaseSavepoint(before);
        } catch (SQLException e) {
            reason.addSuppressed(e);
        }
    }
}
