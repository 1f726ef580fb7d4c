package io.usagekit.hosts.quarkus;

import io.lettuce.core.RedisClient;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.redis.RedisUsage;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.event.Shutdown;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import javax.sql.DataSource;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** The service over the pool of Quarkus, or of any other container of CDI 4, and a Lettuce client of its own. */
@ApplicationScoped
public class UsageProducers {

    // tag::quote
    @Produces
    @Singleton
    RedisClient usageRedis(@ConfigProperty(name = "usage.redis-url") String url) {
        return RedisClient.create(url);
    }

    @Produces
    @ApplicationScoped
    UsageService usage(DataSource dataSource, RedisClient usageRedis) {
        PostgresUsage.install(dataSource, TableMapping.DEFAULT_SCHEMA);
        return UsageService.builder(PostgresUsage.calculator(dataSource))
                .cache(RedisUsage.cache(usageRedis))
                .build();
    }

    void stop(@Observes Shutdown event, UsageService usage, RedisClient usageRedis) {
        usage.close(); // while the pool and the client are open
        usageRedis.close();
    }
    // end::quote
}
