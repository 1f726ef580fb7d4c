package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Waits for transactions whose snapshots are older than a transaction. Holds no lock meanwhile. */
final class SnapshotWait {

    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    private SnapshotWait() {}

    /** The id of this connection's transaction, which has one from here on. */
    static String transactionId(Connection connection, RewriteSql sql) throws SQLException {
        return sql.call(connection, "find-transaction").one(row -> row.text("id"));
    }

    /** The sessions whose snapshots may not see a transaction, by the ids of their virtual transactions. */
    static Map<String, String> olderThan(Connection connection, RewriteSql sql, String transaction)
            throws SQLException {
        sql.call(connection, "clear-statistics").execute();
        Map<String, String> snapshots = new LinkedHashMap<>();
        sql.call(connection, "list-snapshots")
                .text("table", sql.table())
                .text("swapped_at", transaction)
                .forEach(row -> snapshots.put(row.text("id"), row.text("name")));
        return snapshots;
    }

    /**
     * Waits until the snapshots have ended that don't see a transaction.
     *
     * @throws SQLTimeoutException if the lock budget is exhausted
     */
    static void await(Jdbc jdbc, RewriteSql sql, LockRetrier locks, PartitionProgress progress, String transaction)
            throws SQLException {
        long deadline = System.nanoTime() + locks.pace().budget().toNanos();
        Set<String> first = Set.of();
        for (boolean again = false; ; again = true) {
            Map<String, String> now = jdbc.transaction(
                    Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> olderThan(connection, sql, transaction));
            if (again) {
                now.keySet().retainAll(first);
            }
            if (now.isEmpty()) {
                return;
            }
            first = again ? first : Set.copyOf(now.keySet());
            progress.waiting(List.copyOf(now.values()));
            if (System.nanoTime() > deadline) {
                throw new SQLTimeoutException("timed out after " + locks.pace().budget()
                        + " waiting for transactions that started before the change of " + sql.table() + ": "
                        + String.join(", ", now.values())
                        + "; end these transactions and call again, or raise lockBudget");
            }
            locks.pause(sql.table());
        }
    }
}
