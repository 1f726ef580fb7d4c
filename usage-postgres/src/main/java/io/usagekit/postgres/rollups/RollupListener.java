package io.usagekit.postgres.rollups;

import io.usagekit.UsageKey;

/**
 * Is notified of how each figure was computed, and of the runs of workers. Every method does nothing unless overridden.
 *
 * <p>Called on the threads that compute or run, concurrently: implementations must be thread-safe and quick. A {@link RuntimeException}
 * that one throws is logged and has no effect on the figure or the run.
 *
 * @since 0.1
 */
public interface RollupListener {

    /**
     * A figure was computed from roll-ups.
     *
     * @param liveHours hours that were read live, from raw rows, of all the organisation's projects together: the window's edges,
     *     hours that aren't rolled yet, and marked hours; rounded up to whole hours, at least 0
     * @param markedHours how many of them are rolled but marked dirty; at least 0
     */
    default void fromRollups(UsageKey key, long liveHours, long markedHours) {}

    /** A figure was computed from raw rows alone. */
    default void fromRawRows(UsageKey key, Fallback why) {}

    /** A run of a worker of these roll-ups has ended, scheduled or not; {@link RollupWorker#lastRun} returns it too. */
    default void runEnded(RollupWorker.LastRun run) {}

    /** Why a calculator of roll-ups computed a figure from raw rows, by the combined query. */
    enum Fallback {
        /** There are no roll-ups, or this role has no privilege to read them. */
        ABSENT,
        /** The roll-ups were installed for another mapping, or by another version of the library. */
        FOREIGN,
        /**
         * The tables aren't as they were when the triggers were created: another table has one's name, a trigger or a mapped column has
         * been altered or is missing, or a partition was attached or detached. {@link PostgresRollups#status} says what differs.
         */
        ALTERED,
        /** Too little of the window is rolled, or too much of it has changed: the combined query is faster. */
        NOT_COVERING
    }
}
