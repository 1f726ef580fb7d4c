package io.usagekit.postgres.partitions;

import java.time.Duration;
import java.util.List;

/**
 * Told how {@link PostgresPartitions} gets on, on the thread that works. Every method does nothing unless overridden; what one
 * throws ends the work between two steps, and the next run goes on from there.
 *
 * @since 0.1
 */
public interface PartitionProgress {

    /**
     * A table is about to be copied, or the copy goes on.
     *
     * @param table its name
     * @param rows how many rows it has, as PostgreSQL estimates
     * @param copied how many of them are copied already
     */
    default void began(String table, long rows, long copied) {}

    /** So many more rows are copied and committed. */
    default void copied(long rows) {}

    /** An index is being built on the copy. */
    default void indexing(String index) {}

    /** So many changes that came meanwhile are in the copy, and committed. */
    default void caughtUp(long changes) {}

    /** The next attempt waits for these to end their transactions: processes, as {@code pg_stat_activity} has them, or locks. */
    default void waiting(List<String> others) {}

    /**
     * The copy has taken the table's place.
     *
     * @param locked for how long others may have had to wait for the table
     */
    default void swapped(String table, Duration locked) {}
}
