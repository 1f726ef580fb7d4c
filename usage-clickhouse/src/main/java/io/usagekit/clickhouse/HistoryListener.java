package io.usagekit.clickhouse;

import io.usagekit.UsageCalculationException;
import java.time.Duration;

/**
 * Is notified of what {@link ClickHouseHistory} computes, on the thread that computes it. Every method does nothing unless overridden. An exception
 * that one throws is logged and has no effect. Safe for use by many threads at once.
 *
 * @since 0.1
 */
public interface HistoryListener {

    /**
     * Why ClickHouse has no proved figure, series or report.
     *
     * @since 0.1
     */
    enum Refusal {

        /** No state is one that all shards have. */
        NO_STATE,

        /** The newest state is older than {@code maxLag}. */
        TOO_OLD,

        /** The window isn't one that the state has: it isn't over, not shipped, or earlier than what was back-filled. */
        NOT_COVERED,

        /** The window, or a point of a series, doesn't begin and end with a whole UTC hour. */
        DIVIDED_HOUR,

        /** Rows are missing, by the versions of what was shipped, in two reads: a part was lost, or a replica lags. */
        INCOMPLETE,

        /** The organisation has no figure, of one state that is complete: a size is unknown, a sum exceeds 64 bits, or a project is missing. */
        NO_FIGURE
    }

    /**
     * Called when a figure, a series or a report was read and proved; once for a report of all organisations.
     *
     * @param stateAge age of the state that it was read from, not negative
     */
    default void computed(Duration stateAge) {}

    /**
     * Called when a figure, a series or a report is refused; for a report of all organisations also for each of them that has no figure.
     *
     * @param error what the caller receives
     */
    default void refused(Refusal reason, UsageCalculationException error) {}

    /**
     * Called when ClickHouse couldn't be read: a shard is away, takes too long or refuses.
     *
     * @param error what the caller receives
     */
    default void readFailed(UsageCalculationException error) {}
}
