package io.usagekit;

/**
 * Policy for calls while the cache can't be reached, so that each process would have to compute for itself.
 *
 * @since 0.1
 */
public enum OutagePolicy {
    /** Figures are computed, within the permits. A caller for which there is no permit gets {@link Freshness#PENDING}. */
    FAIL_OPEN,
    /** Nothing is computed: a fallback copy is served where there is one, else {@link UsageUnavailableException}. Spares the database. */
    FAIL_CLOSED
}
