package io.usagekit;

import java.time.Duration;

/**
 * Computes a figure from the source of truth. The service calls it on a miss and to refresh, on its executor, at most once at
 * a time for one key in one process.
 *
 * <p>Implementations are safe for use by many threads at once.
 *
 * @since 0.1
 */
@FunctionalInterface
public interface UsageCalculator {

    /**
     * Computes the figure now, in one snapshot: it counts what was committed when the snapshot was taken, and its four numbers never
     * disagree. {@link OrganisationUsage#createdAt} says when this call computed it. Blocks.
     *
     * @param key which figure
     * @param timeout how long it may take, positive; an implementation gives up by then, since no caller waits any longer
     * @return the figure for exactly this key, with the label of its period; zeros for an organisation without events
     * @throws UsageCalculationException if it can't be computed, also after the timeout; the message says what failed, the cause, where
     *     there is one, why. Nothing else is thrown for a reason that lies in the source. A later call tries again.
     *     Made by {@link UsageCalculationException#permanent} where no retry cures the error, e.g. a wrong password
     */
    OrganisationUsage calculate(UsageKey key, Duration timeout);
}
