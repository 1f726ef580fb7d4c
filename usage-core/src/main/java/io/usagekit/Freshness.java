package io.usagekit;

/**
 * How far a result can be taken for the present state.
 *
 * @since 0.1
 */
public enum Freshness {
    /** Computed within the soft limit ({@code refreshAfter}), or just now; and after its period's end, if that has passed. */
    FRESH,
    /**
     * Right when it was computed, but older than the soft limit, or computed before its period's end, which has passed since, or not
     * known to be the newest since the cache can't be reached.
     */
    STALE,
    /**
     * Right when it was computed, but older than the hard limit ({@code ttl}): served, within the grace
     * ({@code staleIfError}), since a newer one couldn't be had, or not in the time that the caller waits.
     */
    STALE_ON_ERROR,
    /** Not known yet: there is no figure, and so no zeros either. Asking again later is safe. */
    PENDING
}
