package io.usagekit.spring.test;

import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageService;
import io.usagekit.spring.UsageAutoConfiguration;
import io.usagekit.spring.UsageServiceCustomizer;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.NoneNestedConditions;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Fallback;

/**
 * Configures the ports in memory, where {@link AutoConfigureInMemoryUsage} asks for it.
 *
 * @since 0.1
 */
@AutoConfiguration(before = UsageAutoConfiguration.class)
public final class InMemoryUsageAutoConfiguration {

    /** Creates the configuration. */
    public InMemoryUsageAutoConfiguration() {}

    /** A fallback: the host's own {@link InstantSource} takes precedence where one is injected. */
    @Bean
    @Fallback
    @ConditionalOnMissingBean
    ManualClock usageManualClock() {
        return ManualClock.at(InstantSource.system().instant().truncatedTo(ChronoUnit.SECONDS));
    }

    @Bean
    @ConditionalOnMissingBean(UsageCalculator.class)
    InMemoryUsageCalculator inMemoryUsageCalculator(ManualClock clock) {
        return InMemoryUsageCalculator.create(clock);
    }

    @Bean
    @ConditionalOnMissingBean(UsageCache.class)
    @Conditional(Cached.class)
    InMemoryUsageCache inMemoryUsageCache(ManualClock clock) {
        return InMemoryUsageCache.create(clock);
    }

    /** For a host that sets {@code usagekit.single-flight=fleet-wide}: here the fleet is one process. */
    @Bean
    @ConditionalOnMissingBean
    SingleFlight inProcessSingleFlight() {
        return SingleFlights.inProcess();
    }

    @Bean
    UsageServiceCustomizer usageManualClockCustomizer(ManualClock clock) {
        return builder -> builder.clock(clock).ticker(clock.ticker());
    }

    @Bean
    InMemoryUsageReset inMemoryUsageReset(
            ManualClock clock,
            ObjectProvider<InMemoryUsageCalculator> calculators,
            ObjectProvider<InMemoryUsageCache> caches,
            ObjectProvider<UsageService> services) {
        return new InMemoryUsageReset(clock, calculators, caches, services);
    }

    /** Matches unless figures are cached nowhere. */
    static final class Cached extends NoneNestedConditions {
        Cached() {
            super(ConfigurationPhase.REGISTER_BEAN);
        }

        @ConditionalOnProperty(prefix = "usagekit", name = "cache", havingValue = "none")
        static final class Nowhere {}
    }
}
