package io.usagekit.postgres.partitions;

import io.usagekit.postgres.rollups.RetentionResult;
import java.util.List;

/**
 * The result of {@link PostgresPartitions#dropExpired}.
 *
 * @param retention the rows that were deleted, whose sums are kept
 * @param dropped names of the partitions that were dropped
 * @param kept names of the partitions that are old enough but still hold rows
 * @since 0.1
 */
public record PartitionExpiryResult(RetentionResult retention, List<String> dropped, List<String> kept) {
    public PartitionExpiryResult {
        dropped = List.copyOf(dropped);
        kept = List.copyOf(kept);
    }
}
