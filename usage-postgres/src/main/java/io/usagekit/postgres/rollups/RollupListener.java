package io.usagekit.postgres.rollups;

import io.usagekit.UsageKey;

/**
 * Told which way figures are computed. Every method does nothing unless overridden.
 *
 * <p>Called on the computing thread, many at once: implementations are thread-safe and quick. One that throws harms nobody: the
 * exception is logged and dropped.
 *
 * @since 0.1
 */
public interface RollupListener {

    /**
     * A figure came from roll-ups.
     *
     * @param liveHours hours that were read from raw rows beside them, of all the organisation's projects together: the
     *     window's edges, what isn't rolled yet, and those that are marked; at least 0, parts of an hour count as one
     * @param markedHours how many of them had been rolled, but were marked since; at least 0
     */
    default void fromRollups(UsageKey key, long liveHours, long markedHours) {}

    /** A figure came from raw rows alone. */
    default void fromRawRows(UsageKey key, RollupFallback why) {}
}
