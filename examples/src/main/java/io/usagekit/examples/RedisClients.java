package io.usagekit.examples;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;

/** Makes the client out of {@code --redis-url}. */
final class RedisClients {

    private RedisClients() {}

    /**
     * Reads a URL.
     *
     * @throws IllegalArgumentException if it isn't one; the message doesn't quote it, since it may hold a password
     */
    static RedisURI uri(String url) {
        try {
            return RedisURI.create(url);
        } catch (IllegalArgumentException | NullPointerException e) {
            throw new IllegalArgumentException(
                    "--redis-url must look like redis://user:password@host:port/database, or rediss:// for TLS");
        }
    }

    /** A client that isn't connected yet; the caller shuts it down. */
    static RedisClient of(String url) {
        return RedisClient.create(uri(url));
    }
}
