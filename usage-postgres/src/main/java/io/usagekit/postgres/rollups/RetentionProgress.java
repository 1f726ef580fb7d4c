package io.usagekit.postgres.rollups;

/**
 * Told how deletion by {@link PostgresRollups#deleteBefore} goes, on the thread that deletes. Every method does nothing unless
 * overridden; what one throws ends the deletion between two batches.
 *
 * @since 0.1
 */
public interface RetentionProgress {

    /** So many parts will be dealt with, one after the other: the deliveries of a project are one, its events another. */
    default void began(long parts) {}

    /** A batch is deleted and committed. */
    default void deleted(long deliveries, long events) {}

    /** One part is done. */
    default void partDone() {}
}
