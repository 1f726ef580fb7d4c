package io.usagekit.hosts.micronaut;

import io.lettuce.core.RedisClient;
import io.micronaut.context.annotation.Bean;
import io.micronaut.context.annotation.Factory;
import io.micronaut.context.annotation.Property;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.redis.RedisUsage;
import jakarta.inject.Singleton;
import javax.sql.DataSource;

/** The service over Micronaut's pool and a Lettuce client of its own. */
@Factory
final class UsageFactory {

    // tag::quote
    @Singleton
    @Bean(preDestroy = "close")
    RedisClient usageRedis(@Property(name = "usage.redis-url") String url) {
        return RedisClient.create(url);
    }

    @Singleton
    @Bean(preDestroy = "close")
    UsageService usage(DataSource dataSource, RedisClient usageRedis) {
        PostgresUsage.install(dataSource, TableMapping.DEFAULT_SCHEMA);
        return UsageService.builder(PostgresUsage.calculator(dataSource))
                .cache(RedisUsage.cache(usageRedis))
                .build();
    }
    // end::quote
}
