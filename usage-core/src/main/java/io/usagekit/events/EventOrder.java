package io.usagekit.events;

/**
 * In which order rows come: by {@code createdAt}, and those of one instant by id, by code points.
 *
 * @since 0.1
 */
public enum EventOrder {
    /** The earliest first. */
    ASCENDING,
    /** The latest first. */
    DESCENDING;

    /** The other one. */
    public EventOrder reversed() {
        return this == ASCENDING ? DESCENDING : ASCENDING;
    }
}
