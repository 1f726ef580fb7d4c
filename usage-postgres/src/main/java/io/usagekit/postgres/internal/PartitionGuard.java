package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.SQLException;

/** Creates the missing triggers of partitions, as the partitions ask of the roll-ups over their tables. */
@FunctionalInterface
public interface PartitionGuard {

    /** Creates them in the transaction of the connection, which the caller commits. */
    void guardPartitions(Connection connection) throws SQLException;
}
