package io.usagekit.redis;

import java.util.function.LongSupplier;

/**
 * Parts that a near cache shares with all its tracking connections.
 *
 * @param reader decodes entries, on whichever connection they were read
 * @param store the figures in memory
 * @param ticker nanoseconds of this process's clock
 */
record NearCacheContext(RedisSettings settings, CacheEntryReader reader, NearStore store, LongSupplier ticker) {

    Timeouts timeouts() {
        return Timeouts.of(settings.client());
    }

    /** What the client's connections know of failovers. */
    Failover failover() {
        return Failover.of(settings.client());
    }
}
