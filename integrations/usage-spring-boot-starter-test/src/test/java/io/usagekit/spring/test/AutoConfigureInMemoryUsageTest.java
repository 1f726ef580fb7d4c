package io.usagekit.spring.test;

import static io.usagekit.testkit.UsageAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.spring.web.UsageResponses;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.lang.reflect.Proxy;
import java.time.Clock;
import java.time.Duration;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.test.context.TestPropertySource;

/** What the annotation configures, beside what a host has. */
class AutoConfigureInMemoryUsageTest {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");

    /** A host with a database that must not be touched, and with the settings of its production. */
    @Nested
    @AutoConfigureInMemoryUsage
    @SpringBootTest(
            classes = Host.class,
            properties = {
                "usagekit.calculator=rollups",
                "usagekit.install=always",
                "usagekit.clickhouse.enabled=true",
                "usagekit.partitions.cron=0 0 3 * * *",
                "usagekit.retention.cron=0 0 4 * * *",
                "usagekit.retention.keep=90d",
                "usagekit.ledger.enabled=true",
                "usagekit.cache=near",
                "usagekit.single-flight=fleet-wide",
                "usagekit.ttl=4m"
            })
    class OfAHostWithADatabase {

        private final ApplicationContext context;
        private final UsageService usage;
        private final InMemoryUsageCalculator calculator;
        private final ManualClock clock;

        @Autowired
        OfAHostWithADatabase(
                ApplicationContext context, UsageService usage, InMemoryUsageCalculator calculator, ManualClock clock) {
            this.context = context;
            this.usage = usage;
            this.calculator = calculator;
            this.clock = clock;
        }

        @Test
        void thereIsNothingOfPostgresqlAndRedis() {
            assertThat(context.getBeanDefinitionNames())
                    .extracting(name -> String.valueOf(context.getType(name)))
                    .noneMatch(type -> type.contains("io.usagekit.postgres") || type.contains("io.usagekit.redis"));
            assertThat(context.getBean(UsageCalculator.class)).isSameAs(calculator);
            assertThat(context.getBean(UsageCache.class)).isInstanceOf(InMemoryUsageCache.class);
            assertThat(context.getBeansOfType(SingleFlight.class)).hasSize(1);
            assertThat(Host.CONNECTIONS).hasValue(0);
        }

        @Test
        void figuresCountWhatATestRecordsAndAgeByItsClock() {
            clock.set("2026-03-17T12:00:00Z");
            calculator.received("org-1", clock.instant(), 10);
            assertThat(usage.get("org-1", MARCH)).isFresh().hasReceived(1, 10).hasCreatedAt(clock.instant());

            calculator.received("org-1", clock.instant(), 10);
            assertThat(usage.get("org-1", MARCH)).isFresh().hasReceived(1, 10);

            clock.advance(Duration.ofMinutes(4)); // usagekit.ttl
            assertThat(usage.get("org-1", MARCH)).isFresh().hasReceived(2, 20);
        }
    }

    /** Where other auto-configuration is off, as in a slice. */
    @Nested
    @AutoConfigureInMemoryUsage
    @SpringBootTest(classes = Slice.class)
    @TestPropertySource(properties = "usagekit.cache=none")
    class OfASlice {

        private final ApplicationContext context;
        private final UsageService usage;
        private final InMemoryUsageCalculator calculator;

        @Autowired
        OfASlice(ApplicationContext context, UsageService usage, InMemoryUsageCalculator calculator) {
            this.context = context;
            this.usage = usage;
            this.calculator = calculator;
        }

        @Test
        void theServiceAndItsResponsesAreThereWithoutOtherAutoConfiguration() {
            assertThat(context.getBeansOfType(UsageResponses.class)).hasSize(1);
            assertThat(usage.get("org-1", MARCH)).isFresh().hasReceived(0, 0);
        }

        @Test
        void aHostThatCachesNothingHasNoCache() {
            assertThat(context.getBeansOfType(UsageCache.class)).isEmpty();
            usage.get("org-1", MARCH);
            usage.get("org-1", MARCH);
            assertThat(calculator.computations()).isEqualTo(2);
        }
    }

    @Nested
    @AutoConfigureInMemoryUsage
    @SpringBootTest(classes = HostWithBeans.class)
    class OfAHostWithBeansOfItsOwn {

        @Test
        void theyTakePrecedence(
                @Autowired UsageCalculator calculator,
                @Autowired UsageCache cache,
                @Autowired InstantSource time,
                @Autowired ManualClock clock) {
            assertThat(calculator).isSameAs(HostWithBeans.CALCULATOR);
            assertThat(cache).isSameAs(HostWithBeans.CACHE);
            assertThat(time).isSameAs(HostWithBeans.CLOCK);
            assertThat(clock).isNotNull();
        }
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Host {
        static final AtomicInteger CONNECTIONS = new AtomicInteger();

        @Bean
        DataSource dataSource() {
            return (DataSource) Proxy.newProxyInstance(
                    Host.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                        if (method.getDeclaringClass() == Object.class) {
                            return method.invoke(CONNECTIONS, arguments);
                        }
                        if (method.getName().equals("getConnection")) {
                            CONNECTIONS.incrementAndGet();
                        }
                        throw new UnsupportedOperationException(method.getName());
                    });
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Slice {}

    @Configuration(proxyBeanMethods = false)
    static class HostWithBeans {
        static final UsageCalculator CALCULATOR = InMemoryUsageCalculator.create();
        static final UsageCache CACHE = InMemoryUsageCache.create();
        static final Clock CLOCK = Clock.tickSeconds(ZoneOffset.UTC);

        @Bean
        UsageCalculator calculator() {
            return CALCULATOR;
        }

        @Bean
        UsageCache cache() {
            return CACHE;
        }

        @Bean
        Clock clock() {
            return CLOCK;
        }
    }
}
