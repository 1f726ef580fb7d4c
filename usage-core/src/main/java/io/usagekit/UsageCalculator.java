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
     * Computes the figure now, in one snapshot. Blocks.
     *
     * @param key which figure
     * @param timeout how long it may take, positive; an implementation gives up by then, since no caller waits any longer
     * @return the figure for exactly this key
     * @throws UsageCalculationException if it can't be computed; the cause says why
     */
    OrganisationUsage calculate(UsageKey key, Duration timeout);
}
