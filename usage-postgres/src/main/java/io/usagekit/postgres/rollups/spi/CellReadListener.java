package io.usagekit.postgres.rollups.spi;

import io.usagekit.UsageKey;
import java.util.List;

/**
 * Is notified of how the figures of {@link RollupFeed#calculator} are computed, on the thread that computes them. An exception that it throws
 * is logged and has no effect. Safe for use by many threads at once.
 *
 * @since 0.1
 */
public interface CellReadListener {

    /**
     * Called when a figure was computed with cells.
     *
     * @param days how many days of projects were read from the store; 0 if all of the window was read from PostgreSQL
     */
    default void fromCells(UsageKey key, long days) {}

    /**
     * Called when the roll-ups' calculator computes a figure alone, since there are none of this version and mapping, tables or triggers were
     * altered, the feed isn't installed or not for these tables, the window isn't over or too much of it has to be read live, or there is no figure
     * since a size is unknown or a sum exceeds 64 bits.
     */
    default void fromRollups(UsageKey key) {}

    /**
     * Called when the store's cells weren't those that PostgreSQL expects, in two snapshots. The roll-ups' calculator computes the figure.
     *
     * @param days those of the projects that differ; they are to be shipped again, if {@code reshipped}
     * @param reshipped false if this role may not write to the feed, or the database refuses: then {@link RollupFeed#reship} is to be called
     */
    default void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {}

    /** Called when the store couldn't be read: a server of it is away, takes too long or refuses. The error is that of the figure. */
    default void readFailed(UsageKey key, Throwable error) {}
}
