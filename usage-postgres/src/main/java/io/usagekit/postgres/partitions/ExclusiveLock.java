package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.AdvisoryLock;
import io.usagekit.postgres.internal.Identifiers;
import java.sql.SQLException;

/**
 * The advisory lock of sessions that change the partitions of a schema's tables. It is held on a connection of its own; if that is
 * lost, the steps of two rewrites still don't run concurrently.
 */
final class ExclusiveLock {

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
        String schema = Identifiers.quote(settings.stateSchema());
        AdvisoryLock lock = new AdvisoryLock("partitions in " + schema, "partitions in the schema " + schema);
        return lock.hold(
                settings.jdbc(),
                () -> {
                    throw new SQLException("another session changes their partitions; retry when it has finished");
                },
                holder -> work.run());
    }
}
