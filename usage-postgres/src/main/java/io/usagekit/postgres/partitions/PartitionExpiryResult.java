package io.usagekit.postgres.partitions;

import io.usagekit.postgres.rollups.RetentionResult;
import java.util.List;

/**
 * What {@link PostgresPartitions#dropExpired} did.
 *
 * @param retention what was deleted, whose sums are kept
 * @param dropped the names of partitions that are gone
 * @param kept the names of those that are old enough, and stay since they have rows
 * @since 0.1
 */
public record PartitionExpiryResult(RetentionResult retention, List<String> dropped, List<String> kept) {
    public PartitionExpiryResult {
        dropped = List.copyOf(dropped);
        kept = List.copyOf(kept);
    }
}
