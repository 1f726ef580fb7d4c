package io.usagekit.postgres.partitions;

import java.time.Duration;

/**
 * What a call of {@link PostgresPartitions#partition} or {@link PostgresPartitions#unpartition} did.
 *
 * @param copied rows that it copied
 * @param changes notes of changed rows that it dealt with
 * @param longestLock how long others may have had to wait for a table at most: the longest transaction that asked for a lock, its commit
 *     included, also where it was given up
 * @since 0.1
 */
public record PartitionResult(long copied, long changes, Duration longestLock) {}
