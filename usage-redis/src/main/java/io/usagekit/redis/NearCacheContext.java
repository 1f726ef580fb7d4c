package io.usagekit.redis;

import io.usagekit.redis.internal.Failover;
import io.usagekit.redis.internal.Timeouts;
import java.util.function.LongSupplier;

/**
 * Parts that a near cache shares with all its tracking connections.
 *
 * @param reader decodes entries, on whichever connection they were read
 * @param store the figures in memory
 * @param ticker nanoseconds of this process's clock
 * @param timeouts those of the client
 * @param failover what the client's connections know of failovers
 */
record NearCacheContext(
        RedisSettings settings,
        CacheEntryReader reader,
        NearStore store,
        LongSupplier ticker,
        Timeouts timeouts,
        Failover failover) {

    NearCacheContext(RedisSettings settings, CacheEntryReader reader, NearStore store, LongSupplier ticker) {
        this(settings, reader, store, ticker, Timeouts.of(settings.client()), Failover.of(settings.client()));
    }
}
