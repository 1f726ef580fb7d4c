package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.SqlRow;
import java.sql.SQLException;

/**
 * What a new partition takes over from another one.
 *
 * @param owner quoted
 * @param isOwn whether this role is the owner
 * @param options storage parameters as they follow a table's name
 * @param replicaIdentity as {@code ALTER TABLE} has it; empty for the default or an index
 */
record PartitionStorage(String owner, boolean isOwn, String options, String replicaIdentity) {

    static PartitionStorage of(SqlRow row) throws SQLException {
        return new PartitionStorage(
                row.text("owner"), row.flag("is_own"), row.text("options"), row.text("replica_identity"));
    }
}
