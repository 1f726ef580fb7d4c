package io.usagekit;

/**
 * How far a result can be taken for the present state.
 *
 * @since 0.1
 */
public enum Freshness {
    /** Computed within the soft limit ({@code refreshAfter}), or just now. */
    FRESH,
    /** Older than the soft limit, younger than the hard one ({@code ttl}): right when it was computed; a refresh is under way. */
    STALE,
    /** Not known yet: there is no figure, and so no zeros either. A computation is under way. */
    PENDING
}
