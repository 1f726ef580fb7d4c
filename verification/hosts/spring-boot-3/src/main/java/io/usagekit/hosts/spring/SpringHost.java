package io.usagekit.hosts.spring;

import io.lettuce.core.RedisClient;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.redis.RedisUsage;
import javax.sql.DataSource;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** An application whose usage service is a bean over Spring Boot's pool and a Lettuce client of its own. */
@SpringBootApplication(proxyBeanMethods = false)
public class SpringHost {

    // tag::quote
    @Bean
    RedisClient usageRedis(@Value("${spring.data.redis.url}") String url) {
        return RedisClient.create(url);
    }

    @Bean
    UsageService usageService(DataSource dataSource, RedisClient usageRedis) {
        PostgresUsage.install(dataSource, TableMapping.DEFAULT_SCHEMA); // creates what is missing
        RedisUsage.Builder shared = RedisUsage.builder(usageRedis);
        return UsageService.builder(PostgresUsage.calculator(dataSource))
                .cache(shared.buildNearCache())
                .singleFlight(shared.buildSingleFlight())
                .build();
    }
    // end::quote
}
