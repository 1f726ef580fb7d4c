package io.usagekit.redis;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.lettuce.core.RedisClient;
import io.usagekit.FlightStore;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Objects;
import java.util.function.LongSupplier;

/**
 * A cache of usage figures in Redis, shared by all processes that use the same key prefix.
 *
 * <p>The host brings the client, and with it the address, {@code rediss://}, the ACL user, the database number, the threads
 * and the reconnect delay; it closes the client itself. The ACL user needs, on the keys {@code usage:*} and the channel
 * {@code usage:wakeups}, {@code GET}, {@code SET}, {@code DEL}, {@code TYPE}, {@code PTTL}, {@code PEXPIRE}, {@code HMGET},
 * {@code HSET}, {@code HDEL}, {@code ZADD}, {@code ZSCORE}, {@code ZRANGE}, {@code ZREMRANGEBYSCORE}, {@code TIME},
 * {@code EVAL}, {@code EVALSHA}, {@code PUBLISH} and {@code SUBSCRIBE}, and {@code SELECT} where the database isn't number 0.
 *
 * <p>An entry is a string at {@code usage:{organisation}:{period}}, e.g. {@code usage:org-123:2026-03}. The organisation is
 * form-encoded ({@link java.net.URLEncoder}, UTF-8), so that no id can collide with another key; the period is
 * {@link io.usagekit.UsagePeriod#canonicalLabel()}. The value is one line of text:
 *
 * <pre>{@code v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000}</pre>
 *
 * volumes and octets, when it was computed, and how many milliseconds lie between its computation and its expiry. What can't
 * be read as such is a miss.
 *
 * <p>Beside the entries there are (with braces as they stand here):
 * <ul>
 *   <li>{@code usage:index:{org-123}}, a sorted set of the organisation's periods, by the time until which there may be an entry;
 *   <li>{@code usage:lock:{usage:org-123:2026-03}}, a string while the entry is being computed: {@code held}, fence and token; or
 *       while its computation has failed: {@code failed}, fence and reason;
 *   <li>{@code usage:fence:{usage:org-123:2026-03}}, a hash of the fences {@code issued}, {@code published} and
 *       {@code invalidated}, which outlives the lock by ten leases, at least 10 minutes;
 *   <li>the channel {@code usage:wakeups}, on which entries are named whose lock was given back.
 * </ul>
 * All of them have a limit. None may be evicted before its time: without its place in the index an entry isn't found when its
 * organisation is invalidated. A server with a {@code maxmemory} wants {@code noeviction}.
 *
 * @since 0.1
 */
public final class RedisUsage {

    /** How long a command may take before the call goes on without Redis: 200 ms. */
    public static final Duration DEFAULT_COMMAND_TIMEOUT = Duration.ofMillis(200);

    /** How long {@link Builder#build()} waits for the first connection: 2 s. */
    public static final Duration DEFAULT_CONNECT_TIMEOUT = Duration.ofSeconds(2);

    /** How many figures a near cache holds at most: 10,000. */
    public static final long DEFAULT_NEAR_MAXIMUM_SIZE = 10_000;

    /** How often a near cache makes sure that it is told of changes: every second. */
    public static final Duration DEFAULT_HEARTBEAT = Duration.ofSeconds(1);

    private RedisUsage() {}

    /** A cache with the defaults: see {@link Builder#build()}. */
    public static UsageCache cache(RedisClient client) {
        return builder(client).build();
    }

    /** A near cache with the defaults: see {@link Builder#buildNearCache()}. */
    public static UsageCache nearCache(RedisClient client) {
        return builder(client).buildNearCache();
    }

    /** Single-flight across all processes with the defaults: see {@link Builder#buildSingleFlight()}. */
    public static SingleFlight singleFlight(RedisClient client) {
        return builder(client).buildSingleFlight();
    }

    /** Begins to build a cache, a single-flight, or both. */
    public static Builder builder(RedisClient client) {
        return new Builder(client);
    }

    /**
     * Builds a cache, a single-flight, or both. A cache and a single-flight of one service have the same key prefix. Not
     * thread-safe; may be reused.
     *
     * @since 0.1
     */
    public static final class Builder {
        private static final Duration LONGEST = Duration.ofMinutes(1);
        private static final Duration SHORTEST_LEASE = Duration.ofMillis(100);
        private static final int MAX_PREFIX_LENGTH = 64;
        private static final long MOST_NEAR = 10_000_000;

        private final RedisClient client;
        private String keyPrefix = "usage";
        private Duration commandTimeout = DEFAULT_COMMAND_TIMEOUT;
        private Duration connectTimeout = DEFAULT_CONNECT_TIMEOUT;
        private Duration lease = SingleFlight.DEFAULT_LEASE;
        private Duration pollInterval = SingleFlight.DEFAULT_POLL_INTERVAL;
        private long nearMaximumSize = DEFAULT_NEAR_MAXIMUM_SIZE;
        private Duration heartbeat = DEFAULT_HEARTBEAT;

        private Builder(RedisClient client) {
            this.client = Objects.requireNonNull(client, "client");
        }

        /** What keys begin with, before the first colon; {@code usage} by default; 1 to 64 of {@code A-Z a-z 0-9 . _ : -}. */
        public Builder keyPrefix(String keyPrefix) {
            this.keyPrefix = Objects.requireNonNull(keyPrefix, "keyPrefix");
            return this;
        }

        /** How long a command may take before the call goes on without Redis; 1 ms to 1 min; 200 ms by default. */
        public Builder commandTimeout(Duration commandTimeout) {
            this.commandTimeout = Objects.requireNonNull(commandTimeout, "commandTimeout");
            return this;
        }

        /** How long {@link #build()} waits for the first connection; 1 ms to 1 min; 2 s by default. */
        public Builder connectTimeout(Duration connectTimeout) {
            this.connectTimeout = Objects.requireNonNull(connectTimeout, "connectTimeout");
            return this;
        }

        /**
         * How long the one who computes has the lease on it unless it is renewed, which it is at every third of it: what a
         * leader that dies costs the others at the most; 100 ms to 1 min; 5 s by default. Only for
         * {@link #buildSingleFlight()}.
         */
        public Builder lease(Duration lease) {
            this.lease = Objects.requireNonNull(lease, "lease");
            return this;
        }

        /**
         * How often who waits for another process looks by itself, should the wake-up be lost, give or take a half; 1 ms to
         * {@link #lease}; 100 ms by default. Only for {@link #buildSingleFlight()}.
         */
        public Builder pollInterval(Duration pollInterval) {
            this.pollInterval = Objects.requireNonNull(pollInterval, "pollInterval");
            return this;
        }

        /**
         * Opens one connection, shared by all calls, and closed by {@link UsageCache#close()}. Where Redis can't be reached in
         * time the cache is built all the same: its calls fail at once, and it goes on trying to connect, at most once a second
         * and only while it is asked for something, on a thread that lives no longer than the attempt (whose limit is the
         * timeout of the client's {@link io.lettuce.core.RedisURI}, or two minutes). Once it has been connected, the client
         * reconnects by itself, after the delays that the host gave it.
         *
         * <p>Calls fail at once while there is no connection, and also while Redis hangs: once a command has timed out,
         * nothing but a {@code PING} is sent until that has been answered. What has failed isn't carried out later, except for
         * what a hanging Redis had received already. An outage is logged once when it begins and once when it is over.
         *
         * @throws IllegalArgumentException if a knob is out of bounds
         */
        public UsageCache build() {
            return shared();
        }

        private RedisUsageCache shared() {
            check();
            GuardedConnection link = link();
            link.open(connectTimeout);
            return new RedisUsageCache(link, new RedisKeys(keyPrefix));
        }

        /**
         * Single-flight across all processes that share the Redis and the key prefix ({@link SingleFlight#fleetWide}): one of
         * them computes a figure and stores it where the cache looks, the others wait for it. Opens two connections in the
         * manner of {@link #build()}, one for commands and one on which it is told of figures that others have stored; they
         * are closed by {@link SingleFlight#close()}. No thread of its own.
         *
         * @throws IllegalArgumentException if a knob is out of bounds
         */
        public SingleFlight buildSingleFlight() {
            if (lease.compareTo(SHORTEST_LEASE) < 0 || lease.compareTo(LONGEST) > 0) {
                throw new IllegalArgumentException(
                        "lease must be between " + SHORTEST_LEASE + " and " + LONGEST + ", but was " + lease);
            }
            if (pollInterval.compareTo(Duration.ofMillis(1)) < 0 || pollInterval.compareTo(lease) > 0) {
                throw new IllegalArgumentException(
                        "pollInterval must be between PT0.001S and lease (" + lease + "), but was " + pollInterval);
            }
            return SingleFlight.fleetWide(flightStore(), lease, pollInterval);
        }

        /** Opens two connections in the same manner, one for commands and one for wake-ups, and waits for both together. */
        FlightStore flightStore() {
            check();
            RedisKeys keys = new RedisKeys(keyPrefix);
            GuardedConnection link = link();
            WakeUpSubscription wakeUps = new WakeUpSubscription(client, keys.wakeUps(), ConnectionAttempt.LONGEST);
            long began = System.nanoTime();
            wakeUps.connect();
            link.open(connectTimeout);
            wakeUps.await(connectTimeout.minusNanos(System.nanoTime() - began));
            return new RedisFlightStore(link, wakeUps, keys);
        }

        private GuardedConnection link() {
            return new GuardedConnection(client, commandTimeout, ConnectionAttempt.LONGEST);
        }

        private void check() {
            if (!keyPrefix.matches("[A-Za-z0-9._:-]{1," + MAX_PREFIX_LENGTH + "}")) {
                throw new IllegalArgumentException("keyPrefix must be 1 to " + MAX_PREFIX_LENGTH
                        + " of A-Z a-z 0-9 . _ : -, but was \"" + keyPrefix + "\"");
            }
            check("commandTimeout", commandTimeout);
            check("connectTimeout", connectTimeout);
        }

        private static void check(String knob, Duration value) {
            if (value.compareTo(Duration.ofMillis(1)) < 0 || value.compareTo(LONGEST) > 0) {
                throw new IllegalArgumentException(
                        knob + " must be between PT0.001S and " + LONGEST + ", but was " + value);
            }
        }

        // The near cache

        /**
         * How many figures {@link #buildNearCache()} holds in memory at most; 1 to 10,000,000; 10,000 by default. A figure takes
         * some 600 bytes.
         */
        public Builder nearMaximumSize(long nearMaximumSize) {
            this.nearMaximumSize = nearMaximumSize;
            return this;
        }

        /**
         * How often {@link #buildNearCache()} asks Redis for a sign of life; 1 ms to 1 min; 1 s by default. This and the command
         * timeout, added, are the longest that a figure which has been replaced can be taken for the current one.
         */
        public Builder heartbeat(Duration heartbeat) {
            this.heartbeat = Objects.requireNonNull(heartbeat, "heartbeat");
            return this;
        }

        /**
         * As {@link #build()}, with a memory of its own in front of Redis: a figure that was read once is given from there,
         * without a round trip, until Redis tells that it has changed (<a
         * href="https://redis.io/docs/latest/develop/reference/client-side-caching/">client tracking</a>, default mode, RESP3).
         *
         * <p><b>Freshness.</b> Once a figure has been replaced or invalidated by whomever, {@link UsageCache#near} and
         * {@link UsageCache#get} give the former one no longer than {@code heartbeat + commandTimeout} after Redis has
         * acknowledged the change, whatever happens to the connection, to Redis or to this process's threads; while all is
         * well it's a matter of microseconds. What this cache itself puts or invalidates it sees at once. A figure's age and
         * the end of its time are those that it has in Redis, whether or not Redis tells of its expiry.
         *
         * <p><b>Connections.</b> Two: the one of {@link #build()}, and one on which changes are told, and which carries nothing
         * but the near cache's own reads and a {@code PING} each heartbeat. When that one is lost, or doesn't answer a command
         * within the command timeout, it is closed and everything read on it is demoted: {@link UsageCache#near} gives none of
         * it, {@link UsageCache#fallback} still does. Another one is opened in the background, at most once a second and until
         * {@link UsageCache#close()}, on a thread that lives no longer than the attempt; once Redis has acknowledged that it
         * tracks, the memory is emptied and begins anew. Meanwhile {@link UsageCache#get} asks Redis over the other connection.
         * {@link io.usagekit.UsageListener#trackingLost} and {@code trackingRestored} are called, and one line is logged, once
         * per incident. Both first connections are waited for, together no longer than the connect timeout.
         *
         * <p><b>Bounds.</b> Memory: {@link #nearMaximumSize} figures, the rarely used ones going first. Time:
         * {@link UsageCache#get} completes within twice the command timeout, the other calls as those of {@link #build()};
         * {@code close} waits for an attempt to connect that is under way, no longer than the command timeout; {@code near},
         * {@code fallback} and {@code putFallback} do no I/O. Calls for one key at the same time share one read.
         *
         * <p><b>Fallback copies.</b> What {@link UsageCache#put} couldn't write is kept as a fallback copy. So is what {@code get} has read
         * over the other connection.
         *
         * <p><b>Permissions.</b> Beyond those of {@link #build()}: {@code CLIENT TRACKING}, {@code HELLO} and {@code PING}. Where
         * the client is set to RESP2, or the user may not track, it works as without a near cache, and says so once.
         *
         * @throws IllegalArgumentException if a knob is out of bounds
         */
        public UsageCache buildNearCache() {
            Cache<UsageKey, NearStore.Slot> memory = Caffeine.newBuilder()
                    .maximumSize(nearMaximumSize())
                    .executor(Runnable::run) // no thread that nobody asked for
                    .build();
            return buildNearCache(new NearStore(memory.asMap()), System::nanoTime, TrackingSupervisor.RETRY);
        }

        UsageCache buildNearCache(NearStore entries, LongSupplier ticker, Duration retry) {
            check("heartbeat", heartbeat);
            long began = System.nanoTime();
            RedisUsageCache shared = shared();
            TrackingConnection.Settings settings = new TrackingConnection.Settings(
                    new RedisKeys(keyPrefix), shared.reads(), entries, commandTimeout, heartbeat, ticker);
            TrackingSupervisor link = new TrackingSupervisor(client, retry, settings);
            link.open(connectTimeout.minusNanos(System.nanoTime() - began));
            return new NearUsageCache(shared, link, settings);
        }

        private long nearMaximumSize() {
            if (nearMaximumSize < 1 || nearMaximumSize > MOST_NEAR) {
                throw new IllegalArgumentException(
                        "nearMaximumSize must be between 1 and " + MOST_NEAR + ", but was " + nearMaximumSize);
            }
            return nearMaximumSize;
        }
    }
}
