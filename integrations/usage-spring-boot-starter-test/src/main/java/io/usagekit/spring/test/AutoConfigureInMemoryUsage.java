package io.usagekit.spring.test;

import io.usagekit.spring.UsageClickHouseAutoConfiguration;
import io.usagekit.spring.UsageLedgerAutoConfiguration;
import io.usagekit.spring.UsageMaintenanceAutoConfiguration;
import io.usagekit.spring.UsagePostgresAutoConfiguration;
import io.usagekit.spring.UsagePostgresCacheAutoConfiguration;
import io.usagekit.spring.UsageRedisAutoConfiguration;
import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;

/**
 * Configures the {@link io.usagekit.UsageService} in memory for a test class, in a whole application ({@code @SpringBootTest}) or in a slice
 * such as {@code @WebMvcTest}. Nothing of PostgreSQL, ClickHouse and Redis is configured: no connection is opened, nothing is installed, no worker runs.
 * There are beans of these types, unless the application or the test declares one of the type in parentheses:
 *
 * <ul>
 *   <li>{@link io.usagekit.testkit.InMemoryUsageCalculator} ({@code UsageCalculator}): figures count what a test records.
 *   <li>{@link io.usagekit.testkit.InMemoryUsageCache} ({@code UsageCache}), unless {@code usagekit.cache} is {@code none}.
 *   <li>{@link io.usagekit.testkit.ManualClock} ({@code ManualClock}), which stamps figures and ages them. It stands still, at first at the
 *       time when the context was created.
 * </ul>
 *
 * <p>Tests that share a context share these beans. After each test method they are reset: what was recorded, figures and counts are removed,
 * the calculator and the cache are up again, and the clock shows what it showed at first. So test methods that share a context mustn't run at
 * the same time.
 *
 * @since 0.1
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Inherited
@ImportAutoConfiguration(
        exclude = {
            UsagePostgresAutoConfiguration.class,
            UsageClickHouseAutoConfiguration.class,
            UsageMaintenanceAutoConfiguration.class,
            UsageLedgerAutoConfiguration.class,
            UsageRedisAutoConfiguration.class,
            UsagePostgresCacheAutoConfiguration.class
        })
public @interface AutoConfigureInMemoryUsage {}
