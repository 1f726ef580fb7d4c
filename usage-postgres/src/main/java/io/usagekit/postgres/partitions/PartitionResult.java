package io.usagekit.postgres.partitions;

import java.time.Duration;

/**
 * The result of {@link PostgresPartitions#partition} or {@link PostgresPartitions#unpartition}.
 *
 * @param copied rows that were backfilled
 * @param changes changed rows that were applied from the change log
 * @param longestLock upper bound of the time that other sessions waited for a table: the longest transaction that requested a lock on
 *     it, from the request to the end of its commit, cancelled attempts included
 * @since 0.1
 */
public record PartitionResult(long copied, long changes, Duration longestLock) {}
