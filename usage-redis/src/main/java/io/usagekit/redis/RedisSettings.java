package io.usagekit.redis;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.RedisClient;
import io.lettuce.core.cluster.RedisClusterClient;
import io.usagekit.FlightStore;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageKey;
import io.usagekit.redis.internal.Cluster;
import io.usagekit.redis.internal.ConnectionAttempt;
import io.usagekit.redis.internal.Connections;
import io.usagekit.redis.internal.OneServer;
import java.time.Duration;
import java.util.function.LongSupplier;

/** Configuration of {@link RedisUsage}'s products, which it validates and opens. Its components are the builder's knobs. */
record RedisSettings(
        AbstractRedisClient client,
        String keyPrefix,
        Duration commandTimeout,
        Duration connectTimeout,
        Duration lease,
        Duration pollInterval,
        long nearMaximumSize,
        Duration heartbeat) {

    private static final Duration MIN_TIME = Duration.ofMillis(1);
    private static final Duration MAX_TIME = Duration.ofMinutes(1);
    private static final Duration MIN_LEASE = Duration.ofMillis(100);
    private static final int MAX_PREFIX_LENGTH = 64;
    private static final long MAX_NEAR_SIZE = 10_000_000;

    /** Validates the knobs that all products have in common. */
    RedisSettings {
        if (!keyPrefix.matches("[A-Za-z0-9._:-]{1," + MAX_PREFIX_LENGTH + "}")) {
            throw new IllegalArgumentException("keyPrefix must be 1 to " + MAX_PREFIX_LENGTH
                    + " of A-Z a-z 0-9 . _ : -, but was \"" + keyPrefix + "\"");
        }
        check("commandTimeout", commandTimeout, MIN_TIME, MAX_TIME);
        check("connectTimeout", connectTimeout, MIN_TIME, MAX_TIME);
    }

    private static void check(String knob, Duration value, Duration min, Duration max) {
        if (value.compareTo(min) < 0 || value.compareTo(max) > 0) {
            throw new IllegalArgumentException(knob + " must be between " + min + " and " + max + ", but was " + value);
        }
    }

    RedisKeys keys() {
        return new RedisKeys(keyPrefix);
    }

    RedisUsageCache openCache() {
        Connections connections = connections();
        connections.open(connectTimeout);
        return new RedisUsageCache(new Scripts(connections), keys());
    }

    NearUsageCache openNearCache() {
        if (nearMaximumSize < 1 || nearMaximumSize > MAX_NEAR_SIZE) {
            throw new IllegalArgumentException(
                    "nearMaximumSize must be between 1 and " + MAX_NEAR_SIZE + ", but was " + nearMaximumSize);
        }
        Cache<UsageKey, NearStore.Slot> memory = Caffeine.newBuilder()
                .maximumSize(nearMaximumSize)
                .executor(Runnable::run) // evicts on the calling thread instead of the common pool
                .build();
        return openNearCache(new NearStore(memory.asMap()), System::nanoTime, TrackingSupervisor.RETRY);
    }

    /**
     * Opens a near cache over a given memory.
     *
     * @param retry shortest time from one attempt to connect for tracking to the next
     */
    NearUsageCache openNearCache(NearStore store, LongSupplier ticker, Duration retry) {
        check("heartbeat", heartbeat, MIN_TIME, MAX_TIME);
        long began = System.nanoTime();
        Connections connections = connections();
        connections.open(connectTimeout);
        RedisUsageCache shared = new RedisUsageCache(new Scripts(connections), keys());
        NearCacheContext context = new NearCacheContext(this, shared.reader(), store, ticker);
        Tracking tracking = connections instanceof Cluster cluster
                ? new ClusterTracking(context, cluster, retry)
                : new TrackingSupervisor(context, new TrackedServer.Single(context, (RedisClient) client), retry);
        // The second connection may take as long as the first one before that is a loss; the caller doesn't wait for
        // that.
        tracking.open(
                connectTimeout.minusNanos(System.nanoTime() - began),
                connections.isAvailable() ? connectTimeout : Duration.ZERO);
        return new NearUsageCache(shared, tracking, context);
    }

    SingleFlight openSingleFlight() {
        check("lease", lease, MIN_LEASE, MAX_TIME);
        if (pollInterval.compareTo(MIN_TIME) < 0 || pollInterval.compareTo(lease) > 0) {
            throw new IllegalArgumentException(
                    "pollInterval must be between " + MIN_TIME + " and lease (" + lease + "), but was " + pollInterval);
        }
        check("heartbeat", heartbeat, MIN_TIME, MAX_TIME);
        return SingleFlights.fleetWide(openFlightStore(), lease, pollInterval, heartbeat);
    }

    /** Opens the connections for commands and for wake-ups, and waits for them together. */
    FlightStore openFlightStore() {
        Connections connections = connections();
        WakeUpSubscription wakeUps = new WakeUpSubscription(connections, keys(), limits());
        long began = System.nanoTime();
        wakeUps.connect();
        connections.open(connectTimeout);
        wakeUps.await(connectTimeout.minusNanos(System.nanoTime() - began));
        return new RedisFlightStore(new Scripts(connections), wakeUps, keys());
    }

    /** Returns the limits of attempts to connect. */
    ConnectionAttempt.Limits limits() {
        return ConnectionAttempt.Limits.of(client, connectTimeout);
    }

    private Connections connections() {
        return client instanceof RedisClusterClient cluster
                ? new Cluster(cluster, commandTimeout, limits())
                : new OneServer((RedisClient) client, commandTimeout, limits());
    }
}
