package io.usagekit.postgres.partitions;

import java.time.Duration;
import java.util.List;

/**
 * Receives the progress of {@link PostgresPartitions}, on the thread that works. Every method does nothing unless overridden. An
 * exception from one of them ends the work between two steps and reaches the caller; the next call continues from there.
 *
 * @since 0.1
 */
public interface PartitionProgress {

    /** Does nothing. */
    PartitionProgress NONE = new PartitionProgress() {};

    /**
     * Called before a table's backfill starts or continues.
     *
     * @param table its name
     * @param rows how many rows it has, as PostgreSQL estimates
     * @param copied how many of them earlier calls have copied
     */
    default void backfillStarted(String table, long rows, long copied) {}

    /** Called after a batch of so many rows has been copied and committed. */
    default void rowsCopied(long rows) {}

    /** Called before an index is built on the shadow table. */
    default void indexStarted(String index) {}

    /** Called after so many changes have been applied from the change log to the shadow table and committed. */
    default void changesApplied(long changes) {}

    /**
     * Called before the work pauses and tries again.
     *
     * @param blockers what it waits for: processes by their ids, as in {@code pg_stat_activity}, or locks
     */
    default void waiting(List<String> blockers) {}

    /**
     * Called after the shadow table has replaced the table.
     *
     * @param table its name
     * @param locked how long other sessions may have waited for the table
     */
    default void cutOver(String table, Duration locked) {}
}
