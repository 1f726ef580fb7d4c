package io.usagekit.redis;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.RedisClient;
import io.lettuce.core.cluster.RedisClusterClient;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import java.time.Duration;
import java.util.Objects;

/**
 * Entry class of the Redis adapter: a cache of usage figures, a near cache in front of it, and fleet-wide single-flight. All
 * processes with the same Redis and key prefix share them.
 *
 * <p>The host provides the Lettuce client, and with it the address, {@code rediss://}, the ACL user, the database number and the
 * threads; the host closes the client. The ACL user needs, on the keys {@code usage:*} and the channel
 * {@code usage:wakeups}, {@code GET}, {@code SET}, {@code DEL}, {@code TYPE}, {@code PTTL}, {@code PEXPIRE}, {@code HMGET},
 * {@code HSET}, {@code HDEL}, {@code ZADD}, {@code ZSCORE}, {@code ZRANGE}, {@code ZREMRANGEBYSCORE}, {@code TIME},
 * {@code EVAL}, {@code EVALSHA}, {@code PUBLISH}, {@code SUBSCRIBE} and {@code PING}, and {@code SELECT} where the database isn't
 * number 0. Where {@code EVAL} and {@code EVALSHA} are refused, figures are stored and invalidated by plain commands, and single-flight is
 * that of each process; a user who may not {@code PUBLISH} costs other processes a poll.
 *
 * <p>An entry is a string at {@code usage:{organisation}:{period}}, e.g. {@code usage:org-123:2026-03}. The organisation is
 * form-encoded ({@link java.net.URLEncoder}, UTF-8), so that no id can collide with another key; the period is
 * {@link io.usagekit.UsagePeriod#canonicalLabel()}. The value is one line of text:
 *
 * <pre>{@code v2 usage:org-123:2026-03 100/1024 50/512 2026-03-17T01:28:00Z 600000}</pre>
 *
 * with the entry's own name, volume and octets received and sent, the time of the computation, and the milliseconds between computation and expiry. A value
 * in any other form, or with the name of another entry, is a miss; so a renamed or copied entry isn't another figure.
 *
 * <p>Other keys (braces are literal):
 * <ul>
 *   <li>{@code usage:index:{org-123}}, a sorted set of the organisation's periods, scored by the time until which the period may
 *       have an entry;
 *   <li>{@code usage:lock:{usage:org-123:2026-03}}, a string while the entry is being computed: {@code held}, fence and token; or
 *       during the back-off after a failed computation: {@code failed}, fence and reason;
 *   <li>{@code usage:fence:{usage:org-123:2026-03}}, a hash of the fences {@code issued}, {@code published} and
 *       {@code invalidated}, which outlives the lock by ten leases, at least 10 minutes;
 *   <li>the channel {@code usage:wakeups}, whose messages are entries with a released lock, and over a cluster of Redis 7 or later the sharded channels
 *       {@code usage:wakeups:{n}}, one for each 64 hash slots of entries, with the smallest number {@code n} in one of these slots.
 * </ul>
 * All keys have an expiry. None may be evicted before it: without its period in the index an entry isn't found when its
 * organisation is invalidated. So a server with a {@code maxmemory} needs the policy {@code noeviction}.
 *
 * @since 0.1
 */
public final class RedisUsage {

    /** Default time after which a command fails and the call continues without Redis: 200 ms. */
    public static final Duration DEFAULT_COMMAND_TIMEOUT = Duration.ofMillis(200);

    /** Default time that {@link Builder#build()} waits for the first connection: 2 s. */
    public static final Duration DEFAULT_CONNECT_TIMEOUT = Duration.ofSeconds(2);

    /** Default maximum number of figures in a near cache: 10,000. */
    public static final long DEFAULT_NEAR_MAXIMUM_SIZE = 10_000;

    /** Default interval at which a near cache checks that it still receives invalidation messages, and a leader its lease: 1 s. */
    public static final Duration DEFAULT_HEARTBEAT = SingleFlights.DEFAULT_HEARTBEAT;

    private RedisUsage() {}

    /** Opens a cache with the defaults: see {@link Builder#build()}. */
    public static UsageCache cache(RedisClient client) {
        return builder(client).build();
    }

    /** Opens a near cache with the defaults: see {@link Builder#buildNearCache()}. */
    public static UsageCache nearCache(RedisClient client) {
        return builder(client).buildNearCache();
    }

    /** Opens fleet-wide single-flight with the defaults: see {@link Builder#buildSingleFlight()}. */
    public static SingleFlight singleFlight(RedisClient client) {
        return builder(client).buildSingleFlight();
    }

    /** Returns a builder of a cache, a near cache and single-flight. */
    public static Builder builder(RedisClient client) {
        return new Builder(client);
    }

    /**
     * Returns a builder of a cache, a near cache and single-flight over a Redis Cluster. They have a connection to each master, find out by themselves where
     * hash slots are, and need {@code CLUSTER} (the subcommand {@code NODES}) beyond the commands above; from Redis 7 on wake-ups are sharded where the
     * user may {@code SPUBLISH} and {@code SSUBSCRIBE} on {@code usage:wakeups:*}. The client's addresses say how to connect to
     * nodes. An outage of a node is one of its hash slots.
     */
    public static Builder builder(RedisClusterClient client) {
        return new Builder(client);
    }

    /**
     * Builds a cache, a near cache, single-flight, or several of them. A cache and the single-flight of the same service need the
     * same key prefix. Not thread-safe; may be reused.
     *
     * @since 0.1
     */
    public static final class Builder {

        private final AbstractRedisClient client;
        private String keyPrefix = "usage";
        private Duration commandTimeout = DEFAULT_COMMAND_TIMEOUT;
        private Duration connectTimeout = DEFAULT_CONNECT_TIMEOUT;
        private Duration lease = SingleFlights.DEFAULT_LEASE;
        private Duration pollInterval = SingleFlights.DEFAULT_POLL_INTERVAL;
        private long nearMaximumSize = DEFAULT_NEAR_MAXIMUM_SIZE;
        private Duration heartbeat = DEFAULT_HEARTBEAT;

        private Builder(AbstractRedisClient client) {
            this.client = Objects.requireNonNull(client, "client");
        }

        /** Sets the part of all keys before the first colon; {@code usage} by default; 1 to 64 of {@code A-Z a-z 0-9 . _ : -}. */
        public Builder keyPrefix(String keyPrefix) {
            this.keyPrefix = Objects.requireNonNull(keyPrefix, "keyPrefix");
            return this;
        }

        /** Sets the time after which a command fails and the call continues without Redis; 1 ms to 1 min; 200 ms by default. */
        public Builder commandTimeout(Duration commandTimeout) {
            this.commandTimeout = Objects.requireNonNull(commandTimeout, "commandTimeout");
            return this;
        }

        /** Sets the time that {@link #build()} waits for the first connection; 1 ms to 1 min; 2 s by default. */
        public Builder connectTimeout(Duration connectTimeout) {
            this.connectTimeout = Objects.requireNonNull(connectTimeout, "connectTimeout");
            return this;
        }

        /**
         * Sets the length of the lease on a computation; the leader renews it after each third, and after each {@link #heartbeat}. It is the longest that the other
         * processes wait for a leader that has crashed. 100 ms to 1 min; 5 s by default. For {@link #buildSingleFlight()} only.
         */
        public Builder lease(Duration lease) {
            this.lease = Objects.requireNonNull(lease, "lease");
            return this;
        }

        /**
         * Sets the interval, plus or minus a half, at which a load that waits for another process polls in case the wake-up is
         * lost; 1 ms to {@link #lease}; 100 ms by default. For {@link #buildSingleFlight()} only.
         */
        public Builder pollInterval(Duration pollInterval) {
            this.pollInterval = Objects.requireNonNull(pollInterval, "pollInterval");
            return this;
        }

        /**
         * Sets the maximum number of figures that {@link #buildNearCache()} holds in memory; 1 to 10,000,000; 10,000 by default. A
         * figure takes about 600 bytes.
         */
        public Builder nearMaximumSize(long nearMaximumSize) {
            this.nearMaximumSize = nearMaximumSize;
            return this;
        }

        /**
         * Sets the interval at which {@link #buildNearCache()} sends a {@code PING}, or {@code CLUSTER NODES} to each master, and at which a leader of
         * {@link #buildSingleFlight()} makes sure that it still holds its lease; 1 ms to 1 min; 1 s by default. A replaced figure may
         * be served as current for at most {@code heartbeat + commandTimeout}; for as long may callers join a load that another process
         * has invalidated, where its wake-up is lost.
         */
        public Builder heartbeat(Duration heartbeat) {
            this.heartbeat = Objects.requireNonNull(heartbeat, "heartbeat");
            return this;
        }

        /**
         * Opens a cache over one connection, which all calls share and {@link UsageCache#close()} closes. If Redis can't be reached
         * in time, the cache is returned all the same: its calls fail at once, and each call makes it try to connect again, at
         * most once a second, on a thread that ends with the attempt (whose limit is the timeout of the client's
         * {@link io.lettuce.core.RedisURI}, or two minutes; another one is begun beside an attempt that takes twice the connect timeout). A
         * connection that is lost is replaced in the same way. Over a cluster there is a connection to each master, each of which is opened, fails
         * and is replaced by itself; the method waits for all of them together.
         *
         * <p>Calls fail at once while there is no connection, and also while Redis hangs: after a command has timed out, only a
         * {@code PING} is sent until one is answered within the command timeout. If none is answered within twice the command timeout, the
         * connection is closed, which fails the commands in flight, and replaced. So is every connection of the client, at its next use, once Redis
         * has refused a write as {@code READONLY}, since the client's address may lead to another master by then. A failed command isn't executed later, except one that a hanging Redis had
         * already received. An outage is logged once when it begins, with its root cause, and once when it ends. Errors that last until
         * somebody corrects a setting (a password, a permission, a database number, TLS) aren't
         * {@linkplain io.usagekit.UsageException#isTransient() transient}, and the log says so.
         *
         * @throws IllegalArgumentException if a knob is out of bounds, or the client was created without an address
         */
        public UsageCache build() {
            return settings().openCache();
        }

        /**
         * Opens single-flight across all processes that share the Redis and the key prefix ({@link SingleFlights#fleetWide}): one
         * process computes a figure and stores it in the cache, the others wait for it. Opens two connections in the manner of
         * {@link #build()}, one for commands and one that is subscribed to the wake-ups of other processes (over a cluster one of both to each master, and one more),
         * which answers a {@code PING} each second while loads wait; {@link SingleFlight#close()} closes them. It starts no thread of its
         * own but where the service isn't passed it itself, e.g. behind a decorator of the host's: a daemon thread for deadlines.
         *
         * @throws IllegalArgumentException if a knob is out of bounds, or the client was created without an address
         */
        public SingleFlight buildSingleFlight() {
            return settings().openSingleFlight();
        }

        /**
         * Opens a cache as {@link #build()} does, with a near cache in front of it: a figure that was read once is served from
         * this process's memory, without a round trip, until Redis reports its change (<a
         * href="https://redis.io/docs/latest/develop/reference/client-side-caching/">client-side caching</a>, default mode,
         * RESP3).
         *
         * <p><b>Freshness.</b> After a figure has been replaced or invalidated, by any process, {@link UsageCache#near} and
         * {@link UsageCache#get} return the former figure for at most {@code heartbeat + commandTimeout} after Redis has
         * acknowledged the change, whatever happens to the connection, to Redis or to this process's threads; normally for some
         * microseconds. This cache sees its own puts and invalidations at once. A figure's age and expiry are those that it has in
         * Redis, whether or not Redis reports the expiry.
         *
         * <p><b>Redis Cluster.</b> The second connection is one to each master that has hash slots. What is said of a connection holds for the
         * figures in its master's slots; they are current only while a majority of the masters answers as well. Where a slot gets another
         * master, the bound counts from the time at which a master that answers and that had slots before knows of it: the new one at once if it had,
         * the others within milliseconds. Figures in slots that move are removed from memory.
         *
         * <p><b>Connections.</b> Two: the one of {@link #build()}, and one on which Redis sends invalidation messages, used for
         * the near cache's own reads and a {@code PING} each heartbeat only. When the second one is lost, or doesn't answer a
         * command within the command timeout, it is closed, and the figures read on it become fallback copies:
         * {@link UsageCache#near} doesn't return them, {@link UsageCache#fallback} does. Another connection is opened in the
         * background, at most once a second (where Redis refuses to track after 2 s, 4 s and so on, up to a minute) and until
         * {@link UsageCache#close()}, on a thread that ends with the attempt; once Redis has acknowledged tracking on it, the memory is cleared. Meanwhile {@link UsageCache#get} uses the first
         * connection. Each incident calls {@link io.usagekit.UsageListener#trackingLost} and {@code trackingRestored} once and
         * logs one line each. The method waits for both first connections, together at most the connect timeout.
         *
         * <p><b>Bounds.</b> Memory: {@link #nearMaximumSize} figures; the rarely used ones are evicted first. Time:
         * {@link UsageCache#get} completes within twice the command timeout, the other calls as those of {@link #build()};
         * {@code close} waits for an attempt to connect that is in progress, at most the command timeout, and for each connection to
         * be closed, at most 2 s; {@code near},
         * {@code fallback} and {@code putFallback} do no I/O. Concurrent calls for one key share one read.
         *
         * <p><b>Fallback copies.</b> A figure that {@link UsageCache#put} couldn't write becomes a fallback copy, and so does a
         * figure that {@code get} has read over the first connection.
         *
         * <p><b>Permissions.</b> Beyond those of {@link #build()}: {@code CLIENT TRACKING}. If the
         * client is set to RESP2, or the user lacks the permission to track, the cache works as without a near cache and reports
         * that once.
         *
         * @throws IllegalArgumentException if a knob is out of bounds, or the client was created without an address
         */
        public UsageCache buildNearCache() {
            return settings().openNearCache();
        }

        /** Returns the present configuration, validated. */
        RedisSettings settings() {
            return new RedisSettings(
                    client, keyPrefix, commandTimeout, connectTimeout, lease, pollInterval, nearMaximumSize, heartbeat);
        }
    }
}
