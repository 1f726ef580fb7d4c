package io.usagekit.postgres.internal;

import io.usagekit.UsageKey;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;

/** What partitions, and the rows behind a figure, ask of the roll-ups over their tables, in the transaction of a connection that the caller commits. */
public interface PartitionGuard {

    /** Creates the missing triggers of partitions. */
    void guardPartitions(Connection connection) throws SQLException;

    /**
     * Whether there are roll-ups whose rolled hours can be relied on: the tables and triggers are as they were recorded. If there are any, no
     * session can attach, create, detach or drop a partition below this table from then on until the transaction ends.
     *
     * @param role {@code events} or {@code deliveries}, whose table the transaction has locked
     * @throws SQLException also if locks aren't acquired in time, to be tried again as {@link LockRetrier} does
     */
    boolean isIntact(Connection connection, String role) throws SQLException;

    /**
     * Records a table and its partitions as they are now, in a transaction that has found it {@linkplain #isIntact intact} and has changed no
     * figure: it replaced the table by another one with the same rows, or created or dropped empty partitions.
     *
     * @param role {@code events} or {@code deliveries}
     */
    void record(Connection connection, String role) throws SQLException;

    /**
     * Returns why the rows of a key and the sums that retention has kept may not add up to its figure; empty if they do. To be asked after
     * these were read, by a role that may read retained sums and the state if there are any.
     */
    Optional<String> retainedDoubt(Connection connection, UsageKey key) throws SQLException;
}
