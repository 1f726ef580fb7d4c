package io.usagekit.events;

/**
 * What happens to an event whose idempotency key a live event has already. It is recorded as a duplicate in any case.
 *
 * @since 0.1
 */
public enum Duplicates {
    /** It is live, and counted as any other. */
    BILLED,
    /** It is recorded as deleted when it was received, and so no figure counts it. */
    UNBILLED
}
