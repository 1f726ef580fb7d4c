package io.usagekit.redis.internal;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.codec.StringCodec;
import java.util.function.Supplier;

/**
 * Server that connections lead to: that of the host's client, or one node of its cluster.
 *
 * @param client the host's client
 * @param name for messages
 * @param isNode whether it is a node of a cluster, which serves some of the keys, and redirects commands of others
 * @param connect connects; blocks
 * @param failover what connections of this client know of failovers
 */
public record Server(
        AbstractRedisClient client,
        String name,
        boolean isNode,
        Supplier<StatefulRedisConnection<String, String>> connect,
        Failover failover) {

    /** Returns the server that a client leads to. */
    public static Server of(RedisClient client) {
        return new Server(client, "Redis", false, () -> client.connect(StringCodec.UTF8), Failover.of(client));
    }

    /**
     * Returns a node of a cluster.
     *
     * @param cluster the host's client
     * @param nodes connects to single nodes
     */
    static Server node(RedisClusterClient cluster, RedisClient nodes, RedisURI address) {
        String name = "Redis node " + address.getHost() + ":" + address.getPort();
        return new Server(cluster, name, true, () -> nodes.connect(StringCodec.UTF8, address), Failover.of(cluster));
    }
}
