package io.usagekit;

/**
 * Where a cached figure was found.
 *
 * @since 0.1
 */
public enum Tier {
    /** In this process's memory. */
    NEAR,
    /** In the cache that processes share: one round trip away. */
    SHARED
}
