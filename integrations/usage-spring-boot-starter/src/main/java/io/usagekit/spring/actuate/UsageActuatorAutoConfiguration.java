package io.usagekit.spring.actuate;

import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.VerificationProgress;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.spring.MaintenanceJob;
import io.usagekit.spring.UsageAutoConfiguration;
import io.usagekit.spring.UsageConfigurationException;
import io.usagekit.spring.UsageProperties;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * Configures the endpoint {@code usagekit} and a health contributor {@code usagekit}, which is part of {@code health} and not of its groups
 * {@code liveness} and {@code readiness}.
 *
 * @since 0.1
 */
@AutoConfiguration(after = UsageAutoConfiguration.class)
@ConditionalOnClass(Endpoint.class)
@ConditionalOnBean(UsageService.class)
public final class UsageActuatorAutoConfiguration {

    private static final String PREFIX = UsageProperties.PREFIX + ".health";

    /** Creates the configuration. */
    public UsageActuatorAutoConfiguration() {}

    @Bean
    UsageHealth usageHealth(
            UsageProperties properties,
            UsageService service,
            ObjectProvider<PostgresCache> caches,
            ObjectProvider<PostgresRollups> rollups,
            ObjectProvider<RollupFeed> feed,
            ObjectProvider<MaintenanceJob> jobs) {
        UsageProperties.Health settings = properties.health();
        boolean cachesInPostgres = properties.cache() == UsageProperties.Cache.POSTGRES;
        return new UsageHealth(
                service,
                Optional.ofNullable(cachesInPostgres ? caches.getIfUnique() : null),
                Optional.ofNullable(rollups.getIfAvailable()),
                Optional.ofNullable(feed.getIfAvailable()),
                jobs.orderedStream().toList(),
                between("timeout", settings.timeout(), Duration.ofMillis(1), Duration.ofMinutes(1)),
                between("max-age", settings.maxAge(), Duration.ZERO, Duration.ofHours(1)),
                between("max-lag", settings.maxLag(), Duration.ofMinutes(1), Duration.ofDays(366)),
                System::nanoTime);
    }

    @Bean
    @ConditionalOnMissingBean
    UsageEndpoint usageEndpoint(
            UsageService service,
            ObjectProvider<PostgresRollups> rollups,
            UsageHealth health,
            ObjectProvider<VerificationProgress> listeners) {
        return new UsageEndpoint(
                service,
                Optional.ofNullable(rollups.getIfAvailable()),
                health,
                listeners.orderedStream().toList(),
                InstantSource.system());
    }

    private static Duration between(String name, Duration value, Duration least, Duration most) {
        if (value.compareTo(least) < 0 || value.compareTo(most) > 0) {
            String property = PREFIX + "." + name;
            throw new UsageConfigurationException(
                    property + " must be between " + least + " and " + most + ", but was " + value,
                    "Correct the value of " + property + ".");
        }
        return value;
    }

    /** The health API of Spring Boot 3. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(name = "org.springframework.boot.actuate.health.HealthIndicator")
    @ConditionalOnBooleanProperty(prefix = "management.health.usagekit", name = "enabled", matchIfMissing = true)
    static class OfBoot3 {

        @Bean
        @ConditionalOnMissingBean(name = "usagekitHealthIndicator")
        org.springframework.boot.actuate.health.HealthIndicator usagekitHealthIndicator(UsageHealth health) {
            return () -> {
                UsageHealth.Report report = health.report();
                org.springframework.boot.actuate.health.Health.Builder builder = report.up()
                        ? org.springframework.boot.actuate.health.Health.up()
                        : org.springframework.boot.actuate.health.Health.down();
                return builder.withDetails(report.details()).build();
            };
        }
    }

    /** The health API of Spring Boot 4. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(name = "org.springframework.boot.health.contributor.HealthIndicator")
    @ConditionalOnBooleanProperty(prefix = "management.health.usagekit", name = "enabled", matchIfMissing = true)
    static class OfBoot4 {

        @Bean
        @ConditionalOnMissingBean(name = "usagekitHealthIndicator")
        org.springframework.boot.health.contributor.HealthIndicator usagekitHealthIndicator(UsageHealth health) {
            return () -> {
                UsageHealth.Report report = health.report();
                org.springframework.boot.health.contributor.Health.Builder builder = report.up()
                        ? org.springframework.boot.health.contributor.Health.up()
                        : org.springframework.boot.health.contributor.Health.down();
                return builder.withDetails(report.details()).build();
            };
        }
    }
}
