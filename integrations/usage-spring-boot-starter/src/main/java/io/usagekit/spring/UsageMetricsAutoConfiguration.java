package io.usagekit.spring;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import io.usagekit.UsageService;
import io.usagekit.clickhouse.ClickHouseHistory;
import io.usagekit.micrometer.FeedMeters;
import io.usagekit.micrometer.HistoryMeters;
import io.usagekit.micrometer.ObservedCalculator;
import io.usagekit.micrometer.PartitionMeters;
import io.usagekit.micrometer.PostgresCacheMeters;
import io.usagekit.micrometer.RollupMeters;
import io.usagekit.micrometer.UsageMeters;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.VerificationProgress;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.spring.UsageAutoConfiguration.CalculatorDecorator;
import java.time.Duration;
import java.util.function.Consumer;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * Configures the meters of {@code usage-micrometer} where there is a {@link MeterRegistry}, and observations of computations where there is
 * an {@link ObservationRegistry}: the Actuator brings both.
 *
 * @since 0.1
 */
@AutoConfiguration(
        after = {
            UsageClickHouseAutoConfiguration.class,
            UsageMaintenanceAutoConfiguration.class,
            UsagePostgresCacheAutoConfiguration.class
        },
        afterName = {
            // Spring Boot 3
            "org.springframework.boot.actuate.autoconfigure.metrics.CompositeMeterRegistryAutoConfiguration",
            "org.springframework.boot.actuate.autoconfigure.observation.ObservationAutoConfiguration",
            // Spring Boot 4
            "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration",
            "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration"
        })
@ConditionalOnClass(UsageMeters.class)
@ConditionalOnBooleanProperty(
        prefix = UsageProperties.PREFIX,
        name = {"enabled", "metrics.enabled"},
        matchIfMissing = true)
@EnableConfigurationProperties(UsageProperties.class)
public final class UsageMetricsAutoConfiguration {

    private static final String PREFIX = UsageProperties.PREFIX + ".metrics";

    /** Creates the configuration. */
    public UsageMetricsAutoConfiguration() {}

    /** Starts sampling with the pause of the property, and ends it. */
    private static BackgroundLifecycle sampling(
            UsageProperties properties, Consumer<Duration> starting, Runnable stopping) {
        return new BackgroundLifecycle(
                () -> Knobs.run(
                        PREFIX,
                        UsageProperties.Metrics.class,
                        () -> starting.accept(properties.metrics().pause())),
                stopping);
    }

    /** The service's meters. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(MeterRegistry.class)
    @ConditionalOnSingleCandidate(MeterRegistry.class)
    static class OfService {

        @Bean
        @ConditionalOnMissingBean
        UsageMeters usageMeters(MeterRegistry registry) {
            return UsageMeters.of(registry);
        }

        @Bean
        SmartInitializingSingleton usageGauges(UsageMeters meters, ObjectProvider<UsageService> services) {
            return () -> services.ifUnique(meters::bind);
        }
    }

    /** The meters of roll-ups, whose state is sampled on the scheduler. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(MeterRegistry.class)
    @ConditionalOnSingleCandidate(MeterRegistry.class)
    @ConditionalOnBean(PostgresRollups.class)
    static class OfRollups {

        @Bean
        @ConditionalOnMissingBean
        RollupMeters usageRollupMeters(MeterRegistry registry) {
            return RollupMeters.of(registry);
        }

        @Bean
        BackgroundLifecycle usageRollupMetersLifecycle(
                UsageProperties properties, RollupMeters meters, PostgresRollups rollups, UsageScheduler scheduler) {
            return sampling(
                    properties,
                    pause -> meters.start(rollups, scheduler.get()::scheduleWithFixedDelay, pause),
                    meters::close);
        }

        @Bean
        RetentionProgress usageRetentionMeters(RollupMeters meters) {
            return meters.retention();
        }

        @Bean
        VerificationProgress usageVerificationMeters(RollupMeters meters) {
            return meters.verification();
        }
    }

    /** The meters of a feed and of reads of what it ships, whose state is sampled on the scheduler. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(MeterRegistry.class)
    @ConditionalOnSingleCandidate(MeterRegistry.class)
    @ConditionalOnBean(RollupFeed.class)
    static class OfFeed {

        @Bean
        @ConditionalOnMissingBean
        FeedMeters usageFeedMeters(MeterRegistry registry) {
            return FeedMeters.of(registry);
        }

        @Bean
        BackgroundLifecycle usageFeedMetersLifecycle(
                UsageProperties properties, FeedMeters meters, RollupFeed feed, UsageScheduler scheduler) {
            return sampling(
                    properties,
                    pause -> meters.start(feed, scheduler.get()::scheduleWithFixedDelay, pause),
                    meters::close);
        }
    }

    /** The meters of reads of ClickHouse alone. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass({MeterRegistry.class, ClickHouseHistory.class})
    @ConditionalOnSingleCandidate(MeterRegistry.class)
    @ConditionalOnBean(ClickHouseHistory.class)
    static class OfHistory {

        @Bean
        @ConditionalOnMissingBean
        HistoryMeters usageHistoryMeters(MeterRegistry registry) {
            return HistoryMeters.of(registry);
        }
    }

    /** The meters of a rewrite, for hosts that pass them to it. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(MeterRegistry.class)
    @ConditionalOnSingleCandidate(MeterRegistry.class)
    @ConditionalOnBean(PostgresPartitions.class)
    static class OfPartitions {

        @Bean
        @ConditionalOnMissingBean
        PartitionMeters usagePartitionMeters(MeterRegistry registry) {
            return PartitionMeters.of(registry);
        }
    }

    /** The meters of a cache in PostgreSQL. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(MeterRegistry.class)
    @ConditionalOnSingleCandidate(MeterRegistry.class)
    @ConditionalOnBean(PostgresCache.class)
    static class OfPostgresCache {

        @Bean
        @ConditionalOnMissingBean
        PostgresCacheMeters usagePostgresCacheMeters(MeterRegistry registry) {
            return PostgresCacheMeters.of(registry);
        }

        @Bean
        SmartInitializingSingleton usagePostgresCacheGauges(
                PostgresCacheMeters meters, ObjectProvider<PostgresCache> caches) {
            return () -> caches.ifUnique(meters::bind);
        }
    }

    /** Observations of computations. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(ObservationRegistry.class)
    @ConditionalOnSingleCandidate(ObservationRegistry.class)
    static class Observations {

        @Bean
        CalculatorDecorator usageObservations(ObservationRegistry registry) {
            return calculator -> ObservedCalculator.of(calculator, registry);
        }
    }
}
