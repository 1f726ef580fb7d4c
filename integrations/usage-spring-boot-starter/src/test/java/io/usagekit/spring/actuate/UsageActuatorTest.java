package io.usagekit.spring.actuate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.spi.FeedStatus;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.spring.StubDataSource;
import io.usagekit.spring.UsageAutoConfiguration;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.springframework.boot.SpringBootVersion;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** What health says in each state, that it doesn't wait, and the operations of the endpoint. StarterIT reads real roll-ups. */
class UsageActuatorTest {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");

    private final InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create();
    private final InMemoryUsageCache cache = InMemoryUsageCache.create();

    /** Without them no application with a web server and the endpoint starts. */
    @Test
    void operationsOfTheEndpointHaveTheNamesOfTheirParameters() {
        assertThat(Stream.of(UsageEndpoint.class.getMethods())
                        .filter(method -> method.getDeclaringClass() == UsageEndpoint.class)
                        .flatMap(method -> Stream.of(method.getParameters())))
                .isNotEmpty()
                .allMatch(Parameter::isNamePresent);
    }

    @Test
    void healthIsUpOverRawRows() throws Exception {
        context().run(context -> {
            assertThat(health(context.getBean("usagekitHealthIndicator"))).contains("UP", "degraded=[]", "permits=0/4");
        });
    }

    @Test
    void aHostMayTurnTheIndicatorOff() {
        context()
                .withPropertyValues("management.health.usagekit.enabled=false")
                .run(context -> assertThat(context)
                        .doesNotHaveBean("usagekitHealthIndicator")
                        .hasSingleBean(UsageEndpoint.class));
    }

    @Test
    void aHostWithoutActuatorHasNeither() {
        context()
                .withClassLoader(
                        new FilteredClassLoader("org.springframework.boot.actuate", "org.springframework.boot.health"))
                .run(context -> assertThat(context)
                        .hasNotFailed()
                        .hasSingleBean(UsageService.class)
                        .doesNotHaveBean("usagekitHealthIndicator"));
    }

    @Test
    void anOutageOfTheDatabaseIsDegradedAndAWrongPasswordIsDown() {
        context()
                .withBean(PostgresRollups.class, () -> rollups(StubDataSource.down()))
                .run(context -> {
                    UsageHealth.Report report =
                            context.getBean(UsageHealth.class).report();
                    assertThat(report.up()).isTrue();
                    assertThat(report.details()).containsEntry("degraded", List.of("rollups"));
                    assertThat(String.valueOf(report.details().get("rollups")))
                            .contains("the stub refuses connections");
                });
        context()
                .withBean(PostgresRollups.class, () -> rollups(new StubDataSource(StubDataSource.INVALID_PASSWORD)))
                .run(context -> {
                    assertThat(context.getBean(UsageHealth.class).report().up()).isFalse();
                    assertThat(health(context.getBean("usagekitHealthIndicator")))
                            .contains("DOWN");
                });
    }

    @Test
    void aCacheThatIsDownIsDegraded() {
        UsageCache down = new UsageCacheThatIsDown(cache);
        context(down).run(context -> {
            UsageHealth.Report report = context.getBean(UsageHealth.class).report();
            assertThat(report.up()).isTrue();
            assertThat(report.details())
                    .containsEntry("degraded", List.of("redis", "tracking"))
                    .containsEntry("redis", "down");
        });
    }

    @Test
    void aDatabaseThatHangsIsNotWaitedFor() throws Exception {
        CountDownLatch answer = new CountDownLatch(1);
        StubDataSource hanging = hangingUntil(answer);
        UsageService service = UsageService.builder(calculator).build();
        UsageHealth health = new UsageHealth(
                service,
                Optional.empty(),
                Optional.of(rollups(hanging)),
                Optional.empty(),
                List.of(),
                Duration.ofMillis(1),
                Duration.ZERO,
                Duration.ofHours(3),
                System::nanoTime);

        UsageHealth.Report report = health.report();
        health.report();

        assertThat(report.up()).isTrue();
        assertThat(report.details()).containsEntry("rollups", "no answer within PT0.001S");
        answer.countDown();
        UsageHealth.Report later = health.report();
        while (!String.valueOf(later.details().get("rollups")).contains("the stub refuses")) {
            later = health.report();
        }
        service.close();
    }

    private static StubDataSource hangingUntil(CountDownLatch answer) {
        return new StubDataSource(StubDataSource.CONNECTION_FAILURE) {
            @Override
            public Connection getConnection() throws SQLException {
                try {
                    answer.await();
                } catch (InterruptedException e) {
                    throw new SQLException("interrupted", e);
                }
                return super.getConnection();
            }
        };
    }

    @Test
    void healthWaitsAsLongAsThePropertySays() {
        CountDownLatch answer = new CountDownLatch(1);
        context()
                .withPropertyValues("usagekit.health.timeout=7ms")
                .withBean(PostgresRollups.class, () -> rollups(hangingUntil(answer)))
                .run(context -> assertThat(
                                context.getBean(UsageHealth.class).report().details())
                        .containsEntry("rollups", "no answer within PT0.007S"));
        answer.countDown();
    }

    @Test
    void anEndpointAndAnIndicatorOfTheHostsTakePrecedence() {
        UsageService service = UsageService.builder(calculator).build();
        UsageHealth health = new UsageHealth(
                service,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                List.of(),
                Duration.ofSeconds(1),
                Duration.ZERO,
                Duration.ofHours(3),
                System::nanoTime);
        UsageEndpoint endpoint =
                new UsageEndpoint(service, Optional.empty(), health, List.of(), InstantSource.system());
        context()
                .withBean(UsageEndpoint.class, () -> endpoint)
                .withBean("usagekitHealthIndicator", String.class, () -> "the host's")
                .run(context -> {
                    assertThat(context.getBean(UsageEndpoint.class)).isSameAs(endpoint);
                    assertThat(context.getBean("usagekitHealthIndicator")).isEqualTo("the host's");
                });
        service.close();
    }

    @Test
    void anApplicationWithoutAServiceHasNeither() {
        new ApplicationContextRunner()
                .withConfiguration(
                        AutoConfigurations.of(UsageAutoConfiguration.class, UsageActuatorAutoConfiguration.class))
                .run(context -> assertThat(context)
                        .hasNotFailed()
                        .doesNotHaveBean(UsageEndpoint.class)
                        .doesNotHaveBean("usagekitHealthIndicator"));
    }

    @Test
    void theStateOfRollupsIsKeptForAWhile() {
        StubDataSource database = StubDataSource.down();
        AtomicLong now = new AtomicLong();
        UsageService service = UsageService.builder(calculator).build();
        UsageHealth health = new UsageHealth(
                service,
                Optional.empty(),
                Optional.of(rollups(database)),
                Optional.empty(),
                List.of(),
                Duration.ofMinutes(1),
                Duration.ofSeconds(10),
                Duration.ofHours(3),
                now::get);

        health.report();
        int once = database.connections();
        now.set(Duration.ofSeconds(10).toNanos() - 1);
        health.report();
        assertThat(database.connections()).isEqualTo(once);
        now.set(Duration.ofSeconds(10).toNanos());
        health.report();
        assertThat(database.connections()).isGreaterThan(once);
        service.close();
    }

    @Test
    void theStateOfTheFeedIsReported() {
        assertThat(withFeed(Optional.of(feedStatus(true, Duration.ofMinutes(2)))))
                .containsEntry("degraded", List.of())
                .extractingByKey("feed")
                .isEqualTo(Map.of(
                        "intact",
                        true,
                        "version",
                        42L,
                        "publishedAt",
                        "1970-01-01T00:00:00Z",
                        "hoursToShip",
                        17L,
                        "lag",
                        "PT2M"));
        assertThat(withFeed(Optional.of(feedStatus(false, Duration.ofHours(4)))))
                .containsEntry("degraded", List.of("feed", "feedLag"));
        assertThat(withFeed(Optional.empty()))
                .containsEntry("feed", "missing")
                .containsEntry("degraded", List.of("feed"));
    }

    /** Roll-ups answer where a role may not read the feed. */
    @Test
    void aFeedThatCannotBeReadKeepsTheServiceUp() {
        UsageHealth.Report report = reportOf(() -> {
            throw UsageStorageException.permanent("permission denied for the feed", null);
        });
        assertThat(report.details()).containsEntry("degraded", List.of("feed"));
        assertThat(report.up()).isTrue();
    }

    private Map<String, Object> withFeed(Optional<FeedStatus> status) {
        return reportOf(() -> status).details();
    }

    private UsageHealth.Report reportOf(Supplier<Optional<FeedStatus>> status) {
        RollupFeed feed = (RollupFeed) Proxy.newProxyInstance(
                RollupFeed.class.getClassLoader(), new Class<?>[] {RollupFeed.class}, (proxy, method, arguments) -> {
                    assertThat(method.getName()).isEqualTo("status");
                    return status.get();
                });
        List<UsageHealth.Report> reports = new ArrayList<>();
        context()
                .withPropertyValues("usagekit.health.timeout=1m") // as long as a thread may be held up
                .withBean(RollupFeed.class, () -> feed)
                .run(context -> reports.add(context.getBean(UsageHealth.class).report()));
        return reports.get(0);
    }

    private static FeedStatus feedStatus(boolean intact, Duration lag) {
        return new FeedStatus(intact, 42, Optional.of(Instant.EPOCH), 17, Optional.of(Instant.EPOCH), lag, 7);
    }

    @Test
    void theEndpointInvalidatesOneFigureOrAll() {
        context().run(context -> {
            UsageService service = context.getBean(UsageService.class);
            UsageEndpoint endpoint = context.getBean(UsageEndpoint.class);
            service.get("org-1", MARCH);
            service.get("org-1", MARCH);
            assertThat(calculator.computations()).isEqualTo(1);

            assertThat(endpoint.invalidate("org-1", "2026-03")).containsEntry("period", "2026-03");
            service.get("org-1", MARCH);
            assertThat(calculator.computations()).isEqualTo(2);

            assertThat(endpoint.invalidateAll("org-1")).containsEntry("invalidated", "org-1");
            service.get("org-1", MARCH);
            assertThat(calculator.computations()).isEqualTo(3);

            assertThatThrownBy(() -> endpoint.invalidate("org-1", "March"))
                    .isInstanceOf(InvalidEndpointRequestException.class);
            assertThat(endpoint.status()).containsKeys("redis", "permits").doesNotContainKey("verification");
        });
    }

    @Test
    void theEndpointVerifiesRollupsInTheBackground() {
        context()
                .run(context -> assertThatThrownBy(
                                () -> context.getBean(UsageEndpoint.class).verify())
                        .isInstanceOf(InvalidEndpointRequestException.class)
                        .hasMessageContaining("no roll-ups to verify"));
        context()
                .withBean(PostgresRollups.class, () -> rollups(StubDataSource.down()))
                .run(context -> {
                    UsageEndpoint endpoint = context.getBean(UsageEndpoint.class);
                    assertThat(endpoint.verify()).containsKeys("state", "startedAt");
                    while (String.valueOf(endpoint.status().get("verification")).contains("state=running")) {
                        Thread.onSpinWait();
                    }
                    assertThat(String.valueOf(endpoint.status().get("verification")))
                            .contains("state=failed", "the stub refuses connections");
                });
    }

    @Test
    void wrongPropertiesFailTheStartByName() {
        for (String wrong : List.of(
                "timeout=2m must be between PT0.001S and PT1M, but was PT2M",
                "max-age=2h must be between PT0S and PT1H, but was PT2H",
                "max-lag=0s must be between PT1M and PT8784H, but was PT0S")) {
            String property = "usagekit.health." + wrong.substring(0, wrong.indexOf('='));
            String value = wrong.substring(wrong.indexOf('=') + 1, wrong.indexOf(' '));
            context()
                    .withPropertyValues(property + "=" + value)
                    .run(context -> assertThat(
                                    Stream.iterate(context.getStartupFailure(), Objects::nonNull, Throwable::getCause))
                            .anySatisfy(cause ->
                                    assertThat(cause).hasMessage(property + wrong.substring(wrong.indexOf(' ')))));
        }
    }

    private ApplicationContextRunner context() {
        return context(cache);
    }

    private ApplicationContextRunner context(UsageCache withCache) {
        return new ApplicationContextRunner()
                .withConfiguration(
                        AutoConfigurations.of(UsageAutoConfiguration.class, UsageActuatorAutoConfiguration.class))
                .withBean(UsageCalculator.class, () -> calculator)
                .withBean(UsageCache.class, () -> withCache);
    }

    private static PostgresRollups rollups(StubDataSource database) {
        return PostgresRollups.of(database, TableMapping.usagekit());
    }

    /** Calls an indicator of either version of Spring Boot. */
    private static String health(Object indicator) throws ReflectiveOperationException {
        for (Class<?> type : indicator.getClass().getInterfaces()) {
            if (type.getSimpleName().equals("HealthIndicator")) {
                assertThat(type.getPackageName())
                        .isEqualTo(
                                SpringBootVersion.getVersion().startsWith("3.")
                                        ? "org.springframework.boot.actuate.health"
                                        : "org.springframework.boot.health.contributor");
                Method method = type.getMethod("health");
                return String.valueOf(method.invoke(indicator));
            }
        }
        throw new AssertionError(indicator.getClass() + " is no HealthIndicator");
    }
}
