package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlStatements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The advisory lock of sessions that change the partitions of a schema's tables. It is held on a connection of its own; if that is
 * lost, the steps of two rewrites still don't run concurrently.
 */
final class ExclusiveLock {

    private static final Logger LOG = LoggerFactory.getLogger(PostgresPartitions.class);

    private ExclusiveLock() {}

    /** The work that runs while the lock is held. */
    @FunctionalInterface
    interface Work<T> {
        T run() throws SQLException;
    }

    /**
     * Runs work while it holds the lock.
     *
     * @param connections how many are used at the same time, that of the lock included
     * @throws SQLException if another session holds the lock, the data source has fewer connections, or as the work does
     */
    static <T> T hold(PartitionSettings settings, int connections, Work<T> work) throws SQLException {
        settings.jdbc().requireConnections(connections);
        SqlStatements statements = SqlStatements.of(settings.source(), Map.of());
        String schema = Identifiers.quote(settings.stateSchema());
        return settings.jdbc().session(connection -> {
            if (!SqlCall.of(connection, statements.template("try-lock"))
                    .text("schema", schema)
                    .answer()) {
                throw new SQLException("another session changes their partitions; retry when it has finished");
            }
            try {
                return work.run();
            } finally {
                release(connection, statements, schema);
            }
        });
    }

    private static void release(Connection connection, SqlStatements statements, String schema) {
        try {
            SqlCall.of(connection, statements.template("unlock"))
                    .text("schema", schema)
                    .answer();
        } catch (SQLException e) {
            LOG.warn(
                    "the advisory lock of {} can't be released, and its connection is aborted: {}",
                    schema,
                    e.getMessage());
            Jdbc.abort(connection);
        }
    }
}
