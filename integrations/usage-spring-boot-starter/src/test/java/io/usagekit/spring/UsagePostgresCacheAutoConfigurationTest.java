package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.micrometer.PostgresCacheMeters;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.spring.UsagePostgresCacheAutoConfiguration.Threads;
import io.usagekit.spring.actuate.UsageActuatorAutoConfiguration;
import io.usagekit.spring.actuate.UsageEndpoint;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import javax.sql.DataSource;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.data.redis.connection.RedisConnectionFactory;

/** The cache in PostgreSQL, whose server is down: it opens all the same. PostgresAloneIT has a server. */
class UsagePostgresCacheAutoConfigurationTest {

    private final StubDataSource down = StubDataSource.down();

    /** Of a calculator of the host's, for which nothing else is installed. */
    private ApplicationContextRunner context(String... properties) {
        return context(down).withPropertyValues(properties);
    }

    private static ApplicationContextRunner context(DataSource dataSource) {
        return Contexts.empty()
                .withBean(DataSource.class, () -> dataSource)
                .withBean(UsageCalculator.class, InMemoryUsageCalculator::create)
                .withPropertyValues("usagekit.cache=postgres");
    }

    @Test
    void aDataSourceHasTheCacheAndTheFleetsSingleFlight() {
        context().run(context -> {
            assertThat(context)
                    .hasSingleBean(UsageCache.class)
                    .hasSingleBean(SingleFlight.class)
                    .hasSingleBean(UsageService.class);
            assertThat(context.getBean(PostgresCache.class).schema()).isEqualTo(PostgresCache.DEFAULT_SCHEMA);
            assertThat(context.getBean(PostgresCache.class).stats().listening())
                    .isEqualTo(UsageCache.Condition.UNKNOWN);
            assertThat(context.getBean(Threads.class).pool.getMaximumPoolSize()).isEqualTo(4);
        });
    }

    @Test
    void redisMayBeMissingOrHaveAnotherPurpose() {
        context()
                .withClassLoader(new FilteredClassLoader("org.springframework.data.redis", "io.lettuce"))
                .run(context -> assertThat(context).hasSingleBean(PostgresCache.class));
        Contexts.withRedis()
                .withPropertyValues("usagekit.cache=postgres")
                .run(context -> assertThat(context)
                        .hasSingleBean(UsageCache.class)
                        .hasSingleBean(PostgresCache.class)
                        .doesNotHaveBean(UsageRedis.class));
    }

    @Test
    void theCacheOfRedisHasNoneOfIt() {
        Contexts.withRedis()
                .run(context -> assertThat(context)
                        .hasSingleBean(UsageCache.class)
                        .doesNotHaveBean(PostgresCache.class)
                        .doesNotHaveBean(Threads.class));
    }

    @Test
    void nothingIsThereWhereAllIsDisabled() {
        context("usagekit.enabled=false")
                .run(context -> assertThat(context)
                        .hasNotFailed()
                        .doesNotHaveBean(PostgresCache.class)
                        .doesNotHaveBean(Threads.class));
    }

    @Test
    void eachProcessMayComputeForItself() {
        context("usagekit.single-flight=in-process")
                .run(context ->
                        assertThat(context).hasSingleBean(UsageCache.class).doesNotHaveBean(SingleFlight.class));
    }

    @Test
    void aCacheOfTheHostsTakesPrecedence() {
        UsageCache cache = InMemoryUsageCache.create();
        context().withBean(UsageCache.class, () -> cache).run(context -> {
            assertThat(context.getBean(UsageCache.class)).isSameAs(cache);
            assertThat(context).doesNotHaveBean(PostgresCache.class).doesNotHaveBean(SingleFlight.class);
        });
    }

    /** Such as one that listens past a pooler. */
    @Test
    void aPostgresCacheOfTheHostsTakesPrecedence() {
        PostgresCache shared =
                PostgresCache.builder(down, Runnable::run).schema("mine").build();
        context("usagekit.install=always")
                .withBean(PostgresCache.class, () -> shared)
                .run(context -> assertThat(Failures.of(context))
                        .hasMessageContaining("usagekit.install is always, and the tables in the schema mine"));
    }

    @Test
    void aSingleFlightOfTheHostsTakesPrecedence() {
        SingleFlight singleFlight = SingleFlights.inProcess();
        context()
                .withBean(SingleFlight.class, () -> singleFlight)
                .run(context -> assertThat(context.getBean(SingleFlight.class)).isSameAs(singleFlight));
    }

    @Test
    void aDataSourceIsNeeded() {
        Contexts.empty()
                .withBean(UsageCalculator.class, InMemoryUsageCalculator::create)
                .withBean(RedisConnectionFactory.class, Contexts::unreachableRedis)
                .withPropertyValues("usagekit.cache=postgres")
                .run(context -> {
                    assertThat(Failures.of(context))
                            .hasMessage("usagekit.cache is postgres, but there is no bean of type DataSource");
                    assertThat(Failures.of(context).action()).contains("spring-boot-starter-jdbc");
                });
    }

    @Test
    void propertiesReachIt() {
        context(
                        "usagekit.postgres-cache.schema=figures",
                        "usagekit.postgres-cache.threads=7",
                        "usagekit.postgres-cache.listen=true")
                .run(context -> {
                    PostgresCache shared = context.getBean(PostgresCache.class);
                    assertThat(shared.schema()).isEqualTo("figures");
                    assertThat(context.getBean(Threads.class).pool.getMaximumPoolSize())
                            .isEqualTo(7);
                    Waits.await(() -> shared.stats().listening() == UsageCache.Condition.DOWN);
                });
    }

    /** An Executor of the library's would keep Spring Boot from creating the host's. */
    @Test
    void itsThreadsAreNoExecutorOfTheHosts() {
        context().run(context -> assertThat(context).doesNotHaveBean(Executor.class));
    }

    @Test
    void itsThreadsInheritNothingAndEndAfterTheService() {
        InheritableThreadLocal<String> tenant = new InheritableThreadLocal<>();
        tenant.set("of the first caller");
        List<String> inherited = new CopyOnWriteArrayList<>();
        List<Threads> threads = new ArrayList<>();
        StubDataSource database = new StubDataSource(StubDataSource.CONNECTION_FAILURE) {
            @Override
            public Connection getConnection() throws SQLException {
                inherited.add(tenant.get());
                return super.getConnection();
            }
        };
        context(database).withPropertyValues("usagekit.install=never").run(context -> {
            threads.add(context.getBean(Threads.class));
            context.getBean(UsageService.class).get("org-1", UsagePeriod.parse("2026-03"));
            context.getBean(ServiceLifecycle.class).stop();
            assertThat(threads.get(0).pool.isShutdown()).isFalse();
        });
        tenant.remove();
        assertThat(inherited).isNotEmpty().containsOnlyNulls();
        assertThat(threads.get(0).pool.isShutdown()).isTrue();
    }

    @Test
    void itsTableIsInstalledOrValidated() {
        StubDataSource refusing = new StubDataSource(StubDataSource.INVALID_PASSWORD);
        context(refusing).withPropertyValues("usagekit.install=never").run(context -> {
            assertThat(context).hasSingleBean(UsageService.class);
            assertThat(refusing.connections()).isZero();
        });
        context(refusing)
                .run(context -> assertThat(Failures.of(context))
                        .hasMessageContainingAll(
                                "usagekit.install is validate, and the tables in the schema usagekit_cache",
                                "the stub refuses connections"));
        context("usagekit.install=validate")
                .run(context -> assertThat(context).as("in an outage").hasSingleBean(UsageService.class));
        context("usagekit.install=always")
                .run(context -> assertThat(Failures.of(context))
                        .hasMessageContaining(
                                "usagekit.install is always, and the tables in the schema usagekit_cache"));
    }

    @Test
    void healthHasItsState() {
        context("usagekit.install=never", "usagekit.postgres-cache.listen=true")
                .withConfiguration(AutoConfigurations.of(UsageActuatorAutoConfiguration.class))
                .run(context -> {
                    PostgresCache shared = context.getBean(PostgresCache.class);
                    Waits.await(() -> shared.stats().listening() == UsageCache.Condition.DOWN);
                    context.getBean(UsageService.class).get("org-1", UsagePeriod.parse("2026-03"));
                    assertThat(context.getBean(UsageEndpoint.class).status())
                            .containsEntry("postgresCache", "down")
                            .containsEntry("wakeUps", "down")
                            .doesNotContainKeys("redis", "tracking")
                            .extractingByKey("degraded")
                            .asInstanceOf(InstanceOfAssertFactories.LIST)
                            .containsExactly("postgresCache", "wakeUps");
                });
    }

    @Test
    void metersOfTheHostsTakePrecedence() {
        PostgresCacheMeters meters = PostgresCacheMeters.of(new SimpleMeterRegistry());
        context("usagekit.install=never")
                .withConfiguration(AutoConfigurations.of(UsageMetricsAutoConfiguration.class))
                .withBean(MeterRegistry.class, SimpleMeterRegistry::new)
                .withBean(PostgresCacheMeters.class, () -> meters)
                .run(context ->
                        assertThat(context.getBean(PostgresCacheMeters.class)).isSameAs(meters));
    }

    @Test
    void itIsMetered() {
        MeterRegistry registry = new SimpleMeterRegistry();
        context("usagekit.install=never")
                .withConfiguration(AutoConfigurations.of(UsageMetricsAutoConfiguration.class))
                .withBean(MeterRegistry.class, () -> registry)
                .run(context -> assertThat(
                                registry.get("usagekit.cache.postgres.reads").functionCounters())
                        .hasSize(2));
    }
}
