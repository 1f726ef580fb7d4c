package io.usagekit.postgres.rollups;

/**
 * Why a calculator of roll-ups computed a figure from raw rows, by the combined query.
 *
 * @since 0.1
 */
public enum RollupFallback {
    /** There are no roll-ups, or this role has no privilege to read them. */
    ABSENT,
    /** The roll-ups were installed for another mapping, or by another version of the library. */
    FOREIGN,
    /** Too little of the window is rolled, or too much of it has changed: the combined query is faster. */
    NOT_COVERING
}
