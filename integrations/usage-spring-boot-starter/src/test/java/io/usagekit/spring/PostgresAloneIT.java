package io.usagekit.spring;

import static io.usagekit.spring.Waits.await;
import static io.usagekit.spring.Waits.isClosed;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.servers.PostgresServer;
import io.usagekit.spring.actuate.UsageEndpoint;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.core.io.DefaultResourceLoader;

/** Applications with the starter that share a real PostgreSQL and nothing else: Redis isn't even on their class path. */
@ExtendWith(OutputCaptureExtension.class)
class PostgresAloneIT {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");

    private static PostgresServer postgres;

    private final String schema =
            "alone_" + UUID.randomUUID().toString().substring(0, 8).replace('-', '_');
    private final InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create();

    @BeforeAll
    static void startServer() {
        postgres = PostgresServer.start();
    }

    @AfterAll
    static void stopServer() {
        postgres.close();
    }

    @SpringBootConfiguration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Host {}

    /** The second waits for the first, and is woken: it polls once a minute only. */
    @Test
    void oneApplicationComputesForTheOthers() throws Exception {
        CompletableFuture<UsageKey> waits = new CompletableFuture<>();
        UsageListener listener = new UsageListener() {
            @Override
            public void remoteLoadAwaited(UsageKey key) {
                waits.complete(key);
            }
        };
        String[] properties = {"--usagekit.postgres-cache.listen=true", "--usagekit.postgres-cache.poll-interval=1m"};
        try (ConfigurableApplicationContext first = start(listener, "always", properties);
                ConfigurableApplicationContext second = start(listener, "validate", properties)) {
            UsageService usage = first.getBean(UsageService.class);
            UsageService another = second.getBean(UsageService.class);
            calculator.received("org-1", Instant.parse("2026-03-10T12:00:00Z"), 10);
            calculator.stall();
            CompletionStage<UsageResult> computed = usage.getAsync("org-1", MARCH);
            await(() -> calculator.computations() == 1);
            CompletionStage<UsageResult> awaited = another.getAsync("org-1", MARCH);
            waits.get(Waits.LONG.toSeconds(), TimeUnit.SECONDS);
            calculator.comeBack();

            for (CompletionStage<UsageResult> answer : List.of(computed, awaited)) {
                assertThat(result(answer).usage().orElseThrow().received()).isEqualTo(new UsageMetrics(1, 10));
            }
            assertThat(calculator.computations()).isEqualTo(1);
            another.invalidate("org-1", MARCH);
            usage.get("org-1", MARCH);
            assertThat(calculator.computations())
                    .as("after an invalidation elsewhere")
                    .isEqualTo(2);
            another.get("org-1", MARCH);
            assertThat(calculator.computations()).as("from the cache").isEqualTo(2);

            assertThat(second.getBean(PostgresCache.class).stats().hits()).isPositive();
            assertThat(second.getBean(UsageEndpoint.class).status())
                    .containsEntry("postgresCache", "up")
                    .containsEntry("wakeUps", "up")
                    .extractingByKey("degraded")
                    .asInstanceOf(InstanceOfAssertFactories.LIST)
                    .isEmpty();
        }
    }

    /** Loads are in flight, of this process as the leader, when the context closes. */
    @Test
    void closingUnderLoadStoresTheLastFiguresAndReleasesLeases(CapturedOutput output) throws Exception {
        int before = output.getAll().length();
        List<CompletionStage<UsageResult>> answers = new ArrayList<>();
        ConfigurableApplicationContext context = start(
                new UsageListener() {},
                "always",
                "--usagekit.postgres-cache.listen=true",
                "--usagekit.drain-timeout=10m");
        UsageService usage = context.getBean(UsageService.class);
        calculator.stall();
        for (String organisation : List.of("org-1", "org-2", "org-3")) {
            answers.add(usage.getAsync(organisation, MARCH));
        }
        await(() -> calculator.computations() == answers.size());
        assertThat(count("holder is not null")).as("leases while computing").isEqualTo(answers.size());

        Thread closing = new Thread(context::close, "closing");
        closing.start();
        await(() -> isClosed(usage));
        calculator.comeBack();
        closing.join(Waits.LONG.toMillis());

        assertThat(closing.isAlive()).isFalse();
        for (CompletionStage<UsageResult> answer : answers) {
            assertThat(result(answer).isPending()).isFalse();
        }
        assertThat(count("computed_at is not null")).as("stored figures").isEqualTo(answers.size());
        assertThat(count("holder is not null")).as("leases").isZero();
        assertThat(output.getAll().substring(before).lines())
                .filteredOn(line ->
                        line.matches("(WARN|ERROR) .*") && !line.contains("HikariPool")) // of a clock that leapt
                .isEmpty();
    }

    @Test
    void validatesAfterTheHostsScriptsHaveRun(@TempDir Path directory) throws Exception {
        PostgresCache cache = PostgresCache.builder(postgres.dataSource(), Runnable::run)
                .schema(schema)
                .build();
        Path script = Files.writeString(directory.resolve("cache.sql"), cache.ddl());
        try (ConfigurableApplicationContext context = start(
                new UsageListener() {},
                "validate",
                "--spring.sql.init.mode=always",
                "--spring.sql.init.schema-locations=" + script.toUri())) {
            context.getBean(UsageService.class).get("org-1", MARCH);
            assertThat(count("computed_at is not null")).isEqualTo(1);
        }
    }

    @Test
    void validationNamesTheTableThatIsMissing() {
        try {
            start(new UsageListener() {}, "validate", "--logging.level.root=off")
                    .close();
        } catch (RuntimeException e) {
            assertThat(e)
                    .hasStackTraceContaining("usagekit.install is validate, and the tables in the schema " + schema)
                    .hasStackTraceContaining("there is no cache of this version");
            return;
        }
        throw new AssertionError("the application started");
    }

    private static UsageResult result(CompletionStage<UsageResult> answer) throws Exception {
        return answer.toCompletableFuture().get(Waits.LONG.toSeconds(), TimeUnit.SECONDS);
    }

    private ConfigurableApplicationContext start(UsageListener listener, String install, String... arguments) {
        SpringApplication application = new SpringApplication(Host.class);
        application.setResourceLoader(new DefaultResourceLoader(
                new FilteredClassLoader("org.springframework.data.redis", "io.lettuce", "io.usagekit.redis")));
        application.setWebApplicationType(WebApplicationType.NONE);
        application.addInitializers(context -> {
            GenericApplicationContext beans = (GenericApplicationContext) context;
            beans.registerBean(UsageCalculator.class, () -> calculator);
            beans.registerBean(UsageListener.class, () -> listener);
        });
        List<String> all = new ArrayList<>(List.of(
                "--spring.datasource.url=" + postgres.jdbcUrl(),
                "--spring.main.banner-mode=off",
                "--usagekit.cache=postgres",
                "--usagekit.install=" + install,
                "--usagekit.postgres-cache.schema=" + schema,
                "--usagekit.postgres-cache.timeout=1m",
                "--usagekit.postgres-cache.lease=1m"));
        all.addAll(List.of(arguments));
        return application.run(all.toArray(String[]::new));
    }

    private long count(String condition) throws SQLException {
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row =
                        statement.executeQuery("select count(*) from " + schema + ".figure where " + condition)) {
            assertThat(row.next()).isTrue();
            return row.getLong(1);
        }
    }
}
