package io.usagekit.postgres.partitions;

/**
 * Called at each point of a rewrite on the thread that works, inside the transaction where the point says so. An exception from it
 * ends the rewrite there.
 */
@FunctionalInterface
interface RewriteProbe {

    /** Does nothing. */
    RewriteProbe NONE = point -> {};

    /** The points, in their order; the name says what has just been done. */
    enum Point {
        STARTED,
        BATCH_COPIED_UNCOMMITTED,
        BATCH_COPIED,
        INDEXED,
        CATCHING_UP,
        CHANGES_APPLIED_UNCOMMITTED,
        COMPARED,
        CAUGHT_UP,
        WRITERS_LOCKED,
        CHANGE_LOG_EMPTIED,
        SNAPSHOTS_ENDED,
        CUT_OVER_UNCOMMITTED,
        CUT_OVER,
        VALIDATED,
        SNAPSHOT_CHECK_DROPPED,
        OLD_TABLE_DROPPED
    }

    /** Handles a point that the rewrite has reached. */
    void reached(Point point);
}
