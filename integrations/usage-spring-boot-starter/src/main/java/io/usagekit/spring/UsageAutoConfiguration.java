package io.usagekit.spring;

import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageListener;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import java.util.function.UnaryOperator;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.scheduling.TaskScheduler;

/**
 * Configures the {@link UsageService} over the calculator, the cache and the single-flight that there are, the host's or the auto-configured
 * ones, and closes it in order.
 *
 * @since 0.1
 */
@AutoConfiguration(
        after = {
            UsagePostgresAutoConfiguration.class,
            UsageClickHouseAutoConfiguration.class,
            UsageRedisAutoConfiguration.class,
            UsagePostgresCacheAutoConfiguration.class
        })
@ConditionalOnBooleanProperty(prefix = UsageProperties.PREFIX, name = "enabled", matchIfMissing = true)
@EnableConfigurationProperties(UsageProperties.class)
public final class UsageAutoConfiguration {

    /** Wraps the calculator that the auto-configured service computes with; the calculator's bean stays as it is. */
    @FunctionalInterface
    interface CalculatorDecorator extends UnaryOperator<UsageCalculator> {}

    /** Creates the configuration. */
    public UsageAutoConfiguration() {}

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnBean(UsageCalculator.class)
    UsageService usageService(
            UsageProperties properties,
            UsageCalculator calculator,
            ObjectProvider<UsageCache> caches,
            ObjectProvider<SingleFlight> singleFlights,
            ObjectProvider<UsageListener> listeners,
            ObjectProvider<CalculatorDecorator> decorators,
            ObjectProvider<UsageServiceCustomizer> customizers) {
        UsageCache cache = caches.getIfAvailable();
        SingleFlight singleFlight = singleFlights.getIfAvailable();
        ServiceSettings.checkPresent(properties, cache, singleFlight);
        UsageCalculator decorated = calculator;
        for (CalculatorDecorator decorator : decorators) {
            decorated = decorator.apply(decorated);
        }
        UsageServiceBuilder builder = UsageService.builder(decorated);
        Knobs.ifGiven(cache, builder::cache);
        Knobs.ifGiven(singleFlight, builder::singleFlight);
        listeners.orderedStream().forEach(builder::addListener);
        return ServiceSettings.build(
                properties, builder, customizers.orderedStream().toList());
    }

    @Bean
    UsageScheduler usageScheduler(ObjectProvider<TaskScheduler> hosts) {
        return new UsageScheduler(hosts);
    }

    @Bean
    @ConditionalOnSingleCandidate(UsageService.class)
    ServiceLifecycle usageServiceLifecycle(UsageService service) {
        return new ServiceLifecycle(service);
    }
}
