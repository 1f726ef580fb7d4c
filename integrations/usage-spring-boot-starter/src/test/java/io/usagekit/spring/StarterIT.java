package io.usagekit.spring;

import static io.usagekit.spring.Waits.await;
import static io.usagekit.spring.Waits.isClosed;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.events.EventRepository;
import io.usagekit.postgres.FleetLock;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RollupListener;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.VerificationProgress;
import io.usagekit.servers.PostgresServer;
import io.usagekit.servers.RedisServer;
import io.usagekit.spring.actuate.UsageEndpoint;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.scheduling.annotation.EnableScheduling;

/** An application with the starter, on a real PostgreSQL and a real Redis: what it serves, and what is left when it has closed. */
@ExtendWith(OutputCaptureExtension.class)
class StarterIT {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");

    private static PostgresServer postgres;
    private static RedisServer redis;

    @BeforeAll
    static void startServers() {
        postgres = PostgresServer.start();
        redis = RedisServer.start();
    }

    @AfterAll
    static void stopServers() {
        redis.close();
        postgres.close();
    }

    @SpringBootConfiguration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Host {}

    @Configuration(proxyBeanMethods = false)
    @EnableScheduling
    static class WithScheduling {}

    @Test
    void aFigureIsReadFromRollupsThatTheHostsSchedulerKeeps() throws Exception {
        String organisation = "org-" + UUID.randomUUID();
        String schema = "starter_" + UUID.randomUUID().toString().substring(0, 8);
        CompletableFuture<Long> fromRollups = new CompletableFuture<>();
        CompletableFuture<Long> verification = new CompletableFuture<>();
        RollupListener listener = new RollupListener() {
            @Override
            public void fromRollups(UsageKey key, long liveHours, long markedHours) {
                fromRollups.complete(liveHours);
            }
        };
        try (ConfigurableApplicationContext context = start(
                List.of(Host.class, WithScheduling.class),
                beans -> {
                    beans.registerBean(RollupListener.class, () -> listener);
                    beans.registerBean(VerificationProgress.class, () -> verificationTo(verification));
                },
                "--usagekit.install=always",
                "--usagekit.tables.schema=" + schema,
                "--usagekit.calculator=rollups",
                "--usagekit.ttl=1d",
                "--usagekit.refresh-after=12h",
                "--usagekit.worker.pause=10ms")) {
            insert(context.getBean(DataSource.class), schema, organisation);
            UsageService usage = context.getBean(UsageService.class);
            await(() -> {
                usage.refresh(organisation, MARCH);
                return fromRollups.isDone();
            });
            usage.invalidate(organisation);

            UsageResult computed = usage.get(organisation, MARCH);
            UsageResult cached = usage.get(organisation, MARCH);

            assertThat(computed.usage().orElseThrow().received()).isEqualTo(new UsageMetrics(1, 10));
            assertThat(cached.usage()).as("the same computation").isEqualTo(computed.usage());
            assertThat(context.getBean(RollupWorker.class).lastRun()).isPresent();

            UsageEndpoint endpoint = context.getBean(UsageEndpoint.class);
            endpoint.verify();
            await(() -> !String.valueOf(endpoint.status().get("verification")).contains("state=running"));
            assertThat(String.valueOf(endpoint.status().get("verification"))).contains("state=completed");
            assertThat(verification).as("projects").isCompletedWithValue(1L);
        }
    }

    private static VerificationProgress verificationTo(CompletableFuture<Long> projects) {
        return new VerificationProgress() {
            @Override
            public void started(long count) {
                projects.complete(count);
            }
        };
    }

    @Test
    void jobsCreatePartitionsAndDeleteOldEventsInOneProcess() throws Exception {
        String organisation = "org-" + UUID.randomUUID();
        String schema = "starter_" + UUID.randomUUID().toString().substring(0, 8);
        CompletableFuture<Long> deletedEvents = new CompletableFuture<>();
        try (ConfigurableApplicationContext context = start(
                List.of(Host.class),
                beans -> beans.registerBean(RetentionProgress.class, () -> deletionsTo(deletedEvents)),
                "--usagekit.install=always",
                "--usagekit.tables.schema=" + schema,
                "--usagekit.calculator=rollups",
                "--usagekit.cache=none",
                "--usagekit.worker.pause=10ms",
                "--usagekit.ledger.enabled=true",
                "--usagekit.partitions.cron=0 0 0 1 1 *",
                "--usagekit.partitions.ahead=5",
                "--usagekit.rollups.schema=" + schema + "_sums",
                "--usagekit.retention.cron=0 0 0 1 1 *",
                "--usagekit.retention.keep=60d")) {
            DataSource dataSource = context.getBean(DataSource.class);
            insert(dataSource, schema, organisation);
            UsageService usage = context.getBean(UsageService.class);
            UsageResult before = usage.get(organisation, MARCH);
            assertThat(context.getBean(EventRepository.class).find(organisation, organisation))
                    .isPresent();
            context.getBean(PostgresPartitions.class).partition(PartitionInterval.MONTH, new PartitionProgress() {});
            MaintenanceJob partitions = context.getBean("usagePartitionsJob", MaintenanceJob.class);
            MaintenanceJob retention = context.getBean("usageRetentionJob", MaintenanceJob.class);

            for (MaintenanceJob job : List.of(retention, partitions)) {
                assertThat(FleetLock.of(dataSource, job.name() + " in " + schema)
                                .tryRun(job::run))
                        .isTrue();
                assertThat(job.lastRun().orElseThrow().outcome()).isEqualTo(MaintenanceJob.Outcome.STANDBY);
            }
            retention.run();
            partitions.run();

            assertThat(retention.lastRun().orElseThrow().details())
                    .startsWith("deleted 1 events and 0 deliveries before ")
                    .contains(", dropped ");
            assertThat(deletedEvents).isCompletedWithValue(1L);
            assertThat(partitions.lastRun().orElseThrow().outcome())
                    .as("%s", partitions.lastRun())
                    .isEqualTo(MaintenanceJob.Outcome.DONE);
            assertThat(context.getBean(EventRepository.class).find(organisation, organisation))
                    .isEmpty();
            assertThat(usage.get(organisation, MARCH).usage().orElseThrow().received())
                    .isEqualTo(before.usage().orElseThrow().received())
                    .isEqualTo(new UsageMetrics(1, 10));
        }
    }

    private static RetentionProgress deletionsTo(CompletableFuture<Long> events) {
        return new RetentionProgress() {
            @Override
            public void deleted(long deliveries, long count) {
                events.complete(count);
            }
        };
    }

    @Test
    void validationNamesTheLedgersColumnThatIsMissing() {
        String schema = "starter_" + UUID.randomUUID().toString().substring(0, 8);
        String tables = "--usagekit.tables.schema=" + schema;
        start(List.of(Host.class), beans -> {}, tables, "--usagekit.install=always")
                .close();

        assertThat(failure(tables, "--usagekit.ledger.enabled=true"))
                .hasMessageContainingAll("usagekit.install is validate", "column");
    }

    /** As Flyway's and Liquibase's do. */
    @Test
    void tablesAreValidatedAfterTheHostsScriptsHaveRun(@TempDir Path directory) throws Exception {
        String schema = "starter_" + UUID.randomUUID().toString().substring(0, 8);
        Path script = Files.writeString(directory.resolve("tables.sql"), PostgresUsage.ddl(schema));
        try (ConfigurableApplicationContext context = start(
                List.of(Host.class),
                beans -> {},
                "--spring.sql.init.mode=always",
                "--spring.sql.init.schema-locations=" + script.toUri(),
                "--usagekit.tables.schema=" + schema)) {
            assertThat(context.getBean(UsageService.class)
                            .get("org-1", MARCH)
                            .usage()
                            .orElseThrow()
                            .received())
                    .isEqualTo(UsageMetrics.ZERO);
        }
    }

    @Test
    void validationNamesTheTableThatIsMissing() {
        assertThat(failure("--usagekit.tables.schema=absent"))
                .hasMessageContainingAll("usagekit.install is validate", "absent");
    }

    @Test
    void validationNamesRollupsThatAreMissing() {
        String schema = "starter_" + UUID.randomUUID().toString().substring(0, 8);
        String tables = "--usagekit.tables.schema=" + schema;
        start(List.of(Host.class), beans -> {}, tables, "--usagekit.install=always")
                .close();

        assertThat(failure(tables, "--usagekit.calculator=rollups"))
                .hasMessageContainingAll("there are no roll-ups", schema + "_rollups");
    }

    /** Loads are in flight, of this process as the leader, when the context closes. */
    @Test
    void closingUnderLoadStoresTheLastFiguresAndReleasesLeases(CapturedOutput output) throws Exception {
        int before = output.getAll().length();
        InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create();
        String prefix = "it-" + UUID.randomUUID().toString().substring(0, 8);
        List<CompletionStage<UsageResult>> answers = new ArrayList<>();
        List<String> organisations = List.of("org-1", "org-2", "org-3", "org-4");
        ConfigurableApplicationContext context = start(
                List.of(Host.class),
                beans -> beans.registerBean(UsageCalculator.class, () -> calculator),
                "--usagekit.redis.key-prefix=" + prefix,
                "--usagekit.redis.lease=1m",
                "--usagekit.drain-timeout=10m");
        UsageService usage = context.getBean(UsageService.class);
        calculator.stall();
        for (String organisation : organisations) {
            answers.add(usage.getAsync(organisation, MARCH));
        }
        await(() -> calculator.computations() == organisations.size());
        assertThat(keys(prefix + ":lock:*")).as("leases while computing").hasSize(organisations.size());

        Thread closing = new Thread(context::close, "closing");
        closing.start();
        await(() -> isClosed(usage));
        calculator.comeBack();
        closing.join(Waits.LONG.toMillis());

        assertThat(closing.isAlive()).isFalse();
        for (CompletionStage<UsageResult> answer : answers) {
            assertThat(answer.toCompletableFuture()
                            .get(Waits.LONG.toSeconds(), TimeUnit.SECONDS)
                            .isPending())
                    .isFalse();
        }
        assertThat(keys(prefix + ":org-*")).as("stored figures").hasSize(organisations.size());
        assertThat(keys(prefix + ":lock:*")).as("leases").isEmpty();
        assertThat(output.getAll().substring(before).lines())
                .filteredOn(line ->
                        line.matches("(WARN|ERROR) .*") && !line.contains("HikariPool")) // of a clock that leapt
                .isEmpty();
    }

    private static List<String> keys(String pattern) {
        try (RedisClient client = RedisClient.create(redis.url());
                StatefulRedisConnection<String, String> connection = client.connect()) {
            return connection.sync().keys(pattern);
        }
    }

    private static UsageConfigurationException failure(String... arguments) {
        try {
            start(List.of(Host.class), beans -> {}, quietly(arguments)).close();
        } catch (RuntimeException e) {
            for (Throwable cause = e; cause != null; cause = cause.getCause()) {
                if (cause instanceof UsageConfigurationException wrong) {
                    return wrong;
                }
            }
            throw e;
        }
        throw new AssertionError("the application started");
    }

    /** Spring Boot logs why an application doesn't start. */
    private static String[] quietly(String... arguments) {
        return Stream.concat(Stream.of(arguments), Stream.of("--logging.level.root=off"))
                .toArray(String[]::new);
    }

    private static ConfigurableApplicationContext start(
            List<Class<?>> sources,
            ApplicationContextInitializer<GenericApplicationContext> beans,
            String... arguments) {
        SpringApplication application = new SpringApplication(sources.toArray(Class<?>[]::new));
        application.setWebApplicationType(WebApplicationType.NONE);
        application.addInitializers(beans);
        List<String> all = new ArrayList<>(List.of(
                "--spring.datasource.url=" + postgres.jdbcUrl(),
                "--spring.data.redis.url=" + redis.url(),
                "--spring.main.banner-mode=off",
                "--usagekit.redis.command-timeout=1m",
                "--usagekit.redis.connect-timeout=1m",
                "--usagekit.worker.drain-timeout=10m"));
        all.addAll(List.of(arguments));
        return application.run(all.toArray(String[]::new));
    }

    private static void insert(DataSource dataSource, String schema, String organisation) throws SQLException {
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("insert into " + schema + ".projects (id, organisation_id) values ('" + organisation
                    + "', '" + organisation + "')");
            statement.execute("insert into " + schema + ".events (id, project_id, raw, created_at) values ('"
                    + organisation + "', '" + organisation + "', 'ten octets', '2026-03-10Z')");
        }
    }
}
