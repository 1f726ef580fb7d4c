package io.usagekit.postgres.rollups.spi;

/**
 * Is notified of what a {@link FeedWorker} does. Every method does nothing unless overridden.
 *
 * <p>Called on the thread that runs: implementations must be quick. A {@link RuntimeException} that one throws is logged and has no effect.
 *
 * @since 0.1
 */
public interface FeedListener {

    /** A cycle has committed; a run has more of them while hours are left. */
    default void cycleEnded(FeedCycle cycle) {}

    /** A run has ended, scheduled or not; {@link FeedWorker#lastRun} returns it too. */
    default void runEnded(FeedWorker.LastRun run) {}
}
