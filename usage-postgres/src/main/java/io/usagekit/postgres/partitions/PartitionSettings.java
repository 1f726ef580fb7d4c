package io.usagekit.postgres.partitions;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.rollups.PostgresRollups;
import java.time.InstantSource;

/**
 * The configuration of {@link PostgresPartitions}.
 *
 * @param stateSchema in which the state of rewrites is kept, unquoted
 * @param ahead how many partitions are created after the current one
 * @param createsPublished whether partitions are created whose rows a publication sends under their own names
 * @param firstBatchRows rows in the first batch of a backfill or catch-up
 * @param maxBatchRows rows in any batch; in between as many as fit the time of a batch
 * @param attemptsBeforeQueueing how many cut-overs are tried without queueing for the lock against readers
 * @param pace how locks are waited for
 * @param probe called at each point of a rewrite
 * @param source of the statements
 */
record PartitionSettings(
        Jdbc jdbc,
        TableMapping mapping,
        String stateSchema,
        PostgresRollups rollups,
        InstantSource clock,
        int ahead,
        boolean createsPublished,
        long firstBatchRows,
        long maxBatchRows,
        int attemptsBeforeQueueing,
        LockRetrier.Pace pace,
        RewriteProbe probe,
        SqlSource source) {}
