package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.SQLException;

/** What the partitions ask of the roll-ups over their tables, in the transaction of a connection that the caller commits. */
public interface PartitionGuard {

    /** Creates the missing triggers of partitions. */
    void guardPartitions(Connection connection) throws SQLException;

    /** Whether there are roll-ups whose rolled hours can be relied on: the tables and triggers are as they were recorded. */
    boolean isIntact(Connection connection) throws SQLException;

    /**
     * Records that a table has taken the place of another one, with all its rows and triggers, in a transaction that locks both.
     *
     * @param role {@code events} or {@code deliveries}
     */
    void recordSuccessor(Connection connection, String role) throws SQLException;
}
