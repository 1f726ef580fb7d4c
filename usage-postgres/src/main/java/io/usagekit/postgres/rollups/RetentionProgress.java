package io.usagekit.postgres.rollups;

import java.util.List;

/**
 * Receives the progress of {@link PostgresRollups#deleteBefore}, on the thread that deletes. Every method does nothing unless
 * overridden. An exception that one throws ends the deletion between two batches and is thrown by {@code deleteBefore}; what was
 * deleted before stays deleted.
 *
 * @since 0.1
 */
public interface RetentionProgress {

    /**
     * Called first, with the foreign keys that refer to rows that will be deleted. Each of them that isn't indexed costs a scan of its
     * table for each deleted row.
     */
    default void dependantsFound(List<RetentionDependant> dependants) {}

    /**
     * Deletion starts. It has this many parts: the deliveries of a project are one part, its events another; in tables that are partitioned by
     * time, those of some partitions are.
     */
    default void started(long parts) {}

    /** A batch of deletions is committed. */
    default void deleted(long deliveries, long events) {}

    /** One part is complete. */
    default void partCompleted() {}
}
