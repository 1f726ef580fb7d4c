package io.usagekit.postgres.rollups;

/**
 * Why a figure was computed from raw rows, by the combined query, although roll-ups were asked for.
 *
 * @since 0.1
 */
public enum RollupFallback {
    /** There are no roll-ups, or this role may not read them. */
    ABSENT,
    /** They were made for another mapping, or by another version of the library. */
    FOREIGN,
    /** They cover too little of the window, or too much of it has changed: the combined query is faster. */
    NOT_COVERING
}
