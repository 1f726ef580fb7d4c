package io.usagekit.spring;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.RedisClient;
import io.lettuce.core.cluster.RedisClusterClient;
import io.usagekit.redis.RedisUsage;
import java.util.function.Function;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;

/** The Redis that holds the cache, with the settings of {@code usagekit.redis}. */
final class UsageRedis {

    private static final String PREFIX = UsageProperties.PREFIX + ".redis";
    private static final String INSTEAD =
            ", or set " + UsageProperties.PREFIX + ".cache=none, or declare a UsageCache bean.";

    private final RedisUsage.Builder builder;

    private UsageRedis(RedisUsage.Builder builder) {
        this.builder = builder;
    }

    /**
     * Takes the client of the only or primary connection factory; opens nothing.
     *
     * @throws UsageConfigurationException if there are several factories, or it isn't Lettuce's
     */
    static UsageRedis of(UsageProperties.Redis settings, ObjectProvider<RedisConnectionFactory> factories) {
        AbstractRedisClient client = client(factories);
        RedisUsage.Builder builder = client instanceof RedisClusterClient cluster
                ? RedisUsage.builder(cluster)
                : RedisUsage.builder((RedisClient) client);
        Knobs.ifGiven(settings.keyPrefix(), builder::keyPrefix);
        Knobs.ifGiven(settings.commandTimeout(), builder::commandTimeout);
        Knobs.ifGiven(settings.connectTimeout(), builder::connectTimeout);
        Knobs.ifGiven(settings.lease(), builder::lease);
        Knobs.ifGiven(settings.pollInterval(), builder::pollInterval);
        Knobs.ifGiven(settings.nearMaximumSize(), builder::nearMaximumSize);
        Knobs.ifGiven(settings.heartbeat(), builder::heartbeat);
        return new UsageRedis(builder);
    }

    /**
     * Opens a cache or a single-flight.
     *
     * @throws UsageConfigurationException if a property is out of bounds
     */
    <T> T open(Function<RedisUsage.Builder, T> opening) {
        return Knobs.named(PREFIX, UsageProperties.Redis.class, () -> opening.apply(builder));
    }

    private static AbstractRedisClient client(ObjectProvider<RedisConnectionFactory> factories) {
        RedisConnectionFactory factory = factories.getIfUnique();
        if (factory == null) {
            throw refused(
                    "needs one RedisConnectionFactory, but there are several, none of them primary",
                    "Mark the one whose Redis holds the cache @Primary");
        }
        if (!(factory instanceof LettuceConnectionFactory lettuce)) {
            throw refused(
                    "needs Lettuce, but the RedisConnectionFactory is a "
                            + factory.getClass().getName(),
                    "Set spring.data.redis.client-type=lettuce");
        }
        AbstractRedisClient client = lettuce.getRequiredNativeClient();
        if (!(client instanceof RedisClient || client instanceof RedisClusterClient)) {
            throw refused(
                    "needs a client of one Redis or of a Redis Cluster, but the LettuceConnectionFactory has a "
                            + client.getClass().getName(),
                    "Declare a LettuceConnectionFactory of one of them");
        }
        return client;
    }

    private static UsageConfigurationException refused(String what, String instead) {
        return new UsageConfigurationException("the cache of usage figures " + what, instead + INSTEAD, null);
    }
}
