package io.usagekit.postgres;

import java.util.List;

/**
 * What {@link PostgresPartitions#dropExpired} did.
 *
 * @param retention what was deleted, whose sums are kept
 * @param dropped the names of partitions that are gone
 * @param kept the names of those that are old enough, and stay since they have rows
 * @since 0.1
 */
public record PartitionExpiry(RollupRetention retention, List<String> dropped, List<String> kept) {
    public PartitionExpiry {
        dropped = List.copyOf(dropped);
        kept = List.copyOf(kept);
    }
}
