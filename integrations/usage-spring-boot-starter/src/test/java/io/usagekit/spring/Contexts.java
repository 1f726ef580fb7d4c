package io.usagekit.spring;

import javax.sql.DataSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.connection.RedisStandaloneConfiguration;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;

/** Application contexts with the auto-configuration, and servers that are down. */
final class Contexts {

    private Contexts() {}

    /** Without a data source and a Redis. */
    static ApplicationContextRunner empty() {
        return new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(
                        UsagePostgresAutoConfiguration.class,
                        UsageClickHouseAutoConfiguration.class,
                        UsageMaintenanceAutoConfiguration.class,
                        UsageLedgerAutoConfiguration.class,
                        UsageRedisAutoConfiguration.class,
                        UsagePostgresCacheAutoConfiguration.class,
                        UsageAutoConfiguration.class));
    }

    /** With a data source whose server is down. */
    static ApplicationContextRunner withDataSource() {
        return empty().withBean("dataSource", DataSource.class, StubDataSource::down);
    }

    /** With a data source and a Redis, both of which are down. */
    static ApplicationContextRunner withRedis() {
        return withDataSource()
                .withBean("redisConnectionFactory", RedisConnectionFactory.class, Contexts::unreachableRedis);
    }

    /** A factory of a Redis that refuses connections. */
    static LettuceConnectionFactory unreachableRedis() {
        return new LettuceConnectionFactory(new RedisStandaloneConfiguration("127.0.0.1", 1));
    }
}
