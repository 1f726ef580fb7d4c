package io.usagekit.spring;

import io.lettuce.core.RedisClient;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.redis.RedisUsage;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.data.redis.connection.RedisConnectionFactory;

/**
 * Configures the cache in Redis and the single-flight of the fleet, over the client of Spring Data's connection factory. Both give precedence
 * to a {@link UsageCache} of the host's: the single-flight stores figures where this cache reads them.
 *
 * @since 0.1
 */
@AutoConfiguration(
        afterName = {
            "org.springframework.boot.autoconfigure.data.redis.RedisAutoConfiguration", // Spring Boot 3
            "org.springframework.boot.data.redis.autoconfigure.DataRedisAutoConfiguration" // Spring Boot 4
        })
@ConditionalOnClass({RedisClient.class, RedisConnectionFactory.class})
@ConditionalOnBooleanProperty(prefix = UsageProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnBean(RedisConnectionFactory.class)
@ConditionalOnMissingBean(UsageCache.class)
@Conditional(OnUsageProperty.CacheInRedis.class)
@EnableConfigurationProperties(UsageProperties.class)
public final class UsageRedisAutoConfiguration {

    /** Creates the configuration. */
    public UsageRedisAutoConfiguration() {}

    @Bean
    UsageRedis usageRedis(UsageProperties properties, ObjectProvider<RedisConnectionFactory> factories) {
        return UsageRedis.of(properties.redis(), factories);
    }

    @Bean
    UsageCache usageCache(UsageProperties properties, UsageRedis redis) {
        return redis.open(
                properties.cache() == UsageProperties.Cache.SHARED
                        ? RedisUsage.Builder::build
                        : RedisUsage.Builder::buildNearCache);
    }

    @Bean
    @ConditionalOnMissingBean
    @Conditional(OnUsageProperty.FleetWide.class)
    SingleFlight usageSingleFlight(UsageRedis redis) {
        return redis.open(RedisUsage.Builder::buildSingleFlight);
    }
}
