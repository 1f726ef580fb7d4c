package io.usagekit.redis.internal;

import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.RedisClusterClient;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;

/**
 * Addresses that a cluster's client was created with. What else they say (credentials, TLS, timeouts) holds for connections to single
 * nodes as well. Lettuce has them in a method that isn't public.
 */
final class ClusterAddresses {

    private ClusterAddresses() {}

    /**
     * Returns the addresses.
     *
     * @throws IllegalArgumentException if this version of Lettuce doesn't have that method
     */
    static List<RedisURI> of(RedisClusterClient client) {
        List<RedisURI> addresses = new ArrayList<>();
        try {
            Method method = RedisClusterClient.class.getDeclaredMethod("getInitialUris");
            method.setAccessible(true);
            for (Object address : (Iterable<?>) method.invoke(client)) {
                addresses.add((RedisURI) address);
            }
        } catch (ReflectiveOperationException | RuntimeException e) {
            throw new IllegalArgumentException(
                    "the addresses of client, a RedisClusterClient, can't be read in this version of Lettuce: " + e, e);
        }
        return addresses;
    }
}
