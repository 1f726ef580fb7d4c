package io.usagekit.cli.support;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.redis.RedisUsage;
import java.time.Duration;

/** Makes the client out of {@code --redis-url}, and what a service keeps in that Redis. */
public final class RedisClients {

    /**
     * Longer than a server would wait: in a JVM that has only just started, the first connection and the first command may
     * well take longer.
     */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private RedisClients() {}

    /**
     * Reads a URL.
     *
     * @throws IllegalArgumentException if it isn't one; the message doesn't quote it, since it may hold a password
     */
    public static RedisURI uri(String url) {
        try {
            return RedisURI.create(url);
        } catch (IllegalArgumentException | NullPointerException e) {
            throw new IllegalArgumentException(
                    "--redis-url must look like redis://user:password@host:port/database, or rediss:// for TLS");
        }
    }

    /** A client that isn't connected yet; the caller shuts it down. */
    public static RedisClient of(String url) {
        return RedisClient.create(uri(url));
    }

    /** A client of a server that has answered; shut down if it hasn't. */
    public static RedisClient connected(String url) {
        RedisClient client = of(url);
        try (StatefulRedisConnection<String, String> connection = client.connect()) {
            connection.sync().ping();
            return client;
        } catch (RedisException e) {
            client.shutdown();
            throw new IllegalStateException("Redis can't be used", e);
        }
    }

    /** Begins to build what a service keeps in Redis. */
    public static RedisUsage.Builder builder(RedisClient client) {
        return RedisUsage.builder(client).commandTimeout(PATIENCE).connectTimeout(PATIENCE);
    }

    /** Gives a service its cache and single-flight, both shared with all processes that use the same Redis and prefix. */
    public static UsageServiceBuilder share(UsageServiceBuilder service, RedisUsage.Builder redis) {
        return service.cache(redis.build()).singleFlight(redis.buildSingleFlight());
    }
}
