package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Project;
import io.usagekit.postgres.IndexStatus;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.partitions.CreateAheadResult;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/**
 * Properties whose effect only a database shows, each with its default and with another value. The others have wrong values, which
 * UsagePropertiesTest sees rejected by the builder that they reach.
 */
class SettingsIT {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");
    private static final Instant IN_MARCH = Instant.parse("2026-03-10T12:00:00Z");
    private static final Duration KEEP = Duration.ofDays(60);

    private static EmbeddedPostgresServer server;

    private final String schema =
            "settings_" + UUID.randomUUID().toString().substring(0, 8).replace('-', '_');

    @BeforeAll
    static void startServer() {
        server = EmbeddedPostgresServer.start(Map.of("wal_level", "logical"));
    }

    @AfterAll
    static void stopServer() {
        server.close();
    }

    /** With the library's own tables, which are installed, and no schedule that fires. */
    private ApplicationContextRunner own(String... properties) {
        return Contexts.empty()
                .withBean(DataSource.class, server::dataSource)
                .withPropertyValues(
                        "usagekit.install=always", "usagekit.tables.schema=" + schema, "usagekit.worker.pause=1d")
                .withPropertyValues(properties);
    }

    private ApplicationContextRunner ledger(String... properties) {
        return own("usagekit.ledger.enabled=true").withPropertyValues(properties);
    }

    private ApplicationContextRunner retention(String... properties) {
        return own(
                        "usagekit.calculator=rollups",
                        "usagekit.retention.cron=0 0 0 1 1 *",
                        "usagekit.retention.keep=" + KEEP)
                .withPropertyValues(properties);
    }

    @ParameterizedTest
    @CsvSource({"raw, false, 0", "raw, true, 1", "rollups, false, 0", "rollups, true, 1"})
    void deletedProjectsCountInFiguresWhereThePropertySaysSo(String calculator, boolean count, long received) {
        own("usagekit.calculator=" + calculator, "usagekit.count-deleted-projects=" + count)
                .run(context -> {
                    insertEvent();
                    run("update {s}.projects set deleted_at = now()");
                    assertThat(context.getBean(UsageService.class)
                                    .get("org", MARCH)
                                    .usage()
                                    .orElseThrow()
                                    .received()
                                    .volume())
                            .isEqualTo(received);
                });
    }

    @ParameterizedTest
    @CsvSource({"false, 0", "true, 1"})
    void deletedProjectsCountInTheLedgerWhereThePropertySaysSo(boolean count, int received) {
        ledger("usagekit.count-deleted-projects=" + count).run(context -> {
            insertEvent();
            run("update {s}.projects set deleted_at = now()");
            Page<?> page = context.getBean(EventRepository.class)
                    .received(new UsageKey("org", MARCH), PageRequest.first(10, EventOrder.ASCENDING));
            assertThat(page.items()).hasSize(received);
        });
    }

    @ParameterizedTest
    @CsvSource({"billed, 2", "unbilled, 1"})
    void duplicatesCountAsThePropertySays(String duplicates, long live) {
        ledger("usagekit.ledger.duplicates=" + duplicates).run(context -> {
            EventRepository events = context.getBean(EventRepository.class);
            events.save(new Project("p", "org", ""));
            events.record(NewEvent.builder("p", "first").idempotencyKey("key").build());
            events.record(NewEvent.builder("p", "second").idempotencyKey("key").build());
            assertThat(events.countMessages("p")).isEqualTo(live);
        });
    }

    @Test
    void idsAreRetainedAsThePropertySays() {
        ledger("usagekit.ledger.retain-ids=2h")
                .run(
                        context -> run(
                                "do $$ begin assert (select pg_get_triggerdef(oid) like '%(''PT2H'')' from pg_trigger"
                                        + " where tgname = 'usagekit_retain_ids' and tgrelid = '{s}.events'::regclass); end $$"));
    }

    @Test
    void cursorsAreSignedByTheSecretOfTheProperty() {
        ledger("usagekit.ledger.cursor-secret=of all processes").run(context -> {
            EventRepository events = context.getBean(EventRepository.class);
            events.save(new Project("p", "org", ""));
            events.record(NewEvent.builder("p", "first").createdAt(IN_MARCH).build());
            events.record(NewEvent.builder("p", "second").createdAt(IN_MARCH).build());
            UsageKey key = new UsageKey("org", MARCH);
            PageRequest one = PageRequest.first(1, EventOrder.ASCENDING);
            String cursor = events.received(key, one).next().orElseThrow();

            PostgresLedger.Builder others =
                    PostgresLedger.builder(server.dataSource()).schema(schema);
            assertThatThrownBy(() -> others.build().repository().received(key, one.at(cursor)))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(others.cursorSecret("of all processes".getBytes(StandardCharsets.UTF_8))
                            .build()
                            .repository()
                            .received(key, one.at(cursor))
                            .items())
                    .hasSize(1);
        });
    }

    @ParameterizedTest
    @CsvSource({"'', FAILED", "notes, DONE"})
    void retentionDeletesTheNamedDependants(String dependants, MaintenanceJob.Outcome outcome) {
        retention("usagekit.rollups.delete-dependants=" + dependants).run(context -> {
            insertEvent();
            roll(context.getBean(RollupWorker.class));
            run(
                    "create table {s}.notes (event_id varchar references {s}.events (id))",
                    "insert into {s}.notes values ('e')");
            MaintenanceJob job = context.getBean(MaintenanceJob.class);
            job.run();
            assertThat(job.lastRun().orElseThrow().outcome()).isEqualTo(outcome);
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void missingProjectsAreLeftOutWhereThePropertySaysSo(boolean omitted) {
        retention("usagekit.rollups.omit-missing-projects=" + omitted).run(context -> {
            insertEvent();
            roll(context.getBean(RollupWorker.class));
            MaintenanceJob job = context.getBean(MaintenanceJob.class);
            job.run();
            assertThat(job.lastRun().orElseThrow().details()).startsWith("deleted 1 events");
            run("delete from {s}.projects");

            UsageService service = context.getBean(UsageService.class);
            if (omitted) {
                assertThat(service.get("org", MARCH)
                                .usage()
                                .orElseThrow()
                                .received()
                                .volume())
                        .isZero();
            } else {
                assertThatThrownBy(() -> service.get("org", MARCH)).hasStackTraceContaining("\"p\"");
            }
        });
    }

    @Test
    void retentionEndsAtADayOfItsZone() {
        ZoneId zone = Stream.of("Etc/GMT-14", "Etc/GMT+12")
                .map(ZoneId::of)
                .filter(one -> !today(one).equals(today(ZoneOffset.UTC)))
                .findFirst()
                .orElseThrow();
        retention("usagekit.retention.zone=" + zone).run(context -> {
            MaintenanceJob job = context.getBean(MaintenanceJob.class);
            LocalDate before = today(zone).minusDays(KEEP.toDays());
            Instant midnight = before.atStartOfDay(zone).toInstant();
            run(
                    "insert into {s}.projects (id, organisation_id) values ('p', 'org')",
                    "insert into {s}.events (id, project_id, raw, created_at) values ('old', 'p', '', '"
                            + midnight.minusSeconds(1) + "'), ('young', 'p', '', '"
                            + midnight.plus(Duration.ofHours(1)) + "')");
            roll(context.getBean(RollupWorker.class));
            job.run();
            LocalDate after = today(zone).minusDays(KEEP.toDays());
            assertThat(job.lastRun().orElseThrow().details())
                    .matches("deleted " + (before.equals(after) ? "1" : "[12]") + " events .* before (" + before + "|"
                            + after + ")");
        });
    }

    private static LocalDate today(ZoneId zone) {
        return LocalDate.ofInstant(InstantSource.system().instant(), zone);
    }

    /** A subscription ends at the first row of a partition that it doesn't know. */
    @Test
    void publishedPartitionsAreCreatedWhereThePropertySaysSo() {
        createGatewayTables("partition by range (created_at)");
        LocalDate today = today(ZoneOffset.UTC);
        run(
                "create table {s}.events_now partition of {s}.events for values from ('" + today + "Z') to ('"
                        + today.plusDays(1) + "Z')",
                "create publication everything for table {s}.events",
                "select pg_create_logical_replication_slot('subscriber', 'pgoutput')");
        try {
            gateway("usagekit.install=never", "usagekit.partitions.cron=-").run(context -> {
                PostgresPartitions partitions = context.getBean(PostgresPartitions.class);
                assertThatThrownBy(partitions::createAhead).hasMessageContaining("createPublished()");
            });
            gateway("usagekit.install=never", "usagekit.partitions.cron=-", "usagekit.partitions.create-published=true")
                    .run(context -> {
                        CreateAheadResult result =
                                context.getBean(PostgresPartitions.class).createAhead();
                        assertThat(result.created()).hasSize(3);
                    });
        } finally {
            run("drop publication everything", "select pg_drop_replication_slot('subscriber')");
        }
    }

    /** Its own tables aren't created in place of the host's. */
    @Test
    void installingBuildsTheIndexesOfTheHostsTables() {
        createGatewayTables("");
        gateway("usagekit.install=validate")
                .run(context -> assertThat(indexes()).anyMatch(IndexStatus::isLacking));
        gateway("usagekit.install=always").run(context -> {
            assertThat(context).hasSingleBean(UsageService.class);
            assertThat(indexes()).isNotEmpty().noneMatch(IndexStatus::isLacking);
        });
        gateway("usagekit.install=always", "usagekit.tables.schema=absent")
                .run(context -> assertThat(Failures.of(context)).hasMessageContaining("absent"));
    }

    /** With cells that differ, since nothing was stored: the listener is notified, and roll-ups answer. */
    @Test
    void figuresAreReadWithCellsWhereClickHouseIsFed() {
        List<String> refused = new ArrayList<>();
        clickHouse("never")
                .withBean(CellStore.class, () -> (CellStore) Proxy.newProxyInstance(
                        CellStore.class.getClassLoader(),
                        new Class<?>[] {CellStore.class},
                        (proxy, method, arguments) -> method.getReturnType() == long.class ? 0L : null))
                .withBean(CellReader.class, () -> (version, days, edges, timeout) -> Map.of())
                .withBean(CellReadListener.class, () -> new CellReadListener() {
                    @Override
                    public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
                        refused.add(key.organisationId() + " " + reshipped);
                    }
                })
                .run(context -> {
                    PostgresUsage.install(server.dataSource(), schema);
                    context.getBean(PostgresRollups.class).install();
                    context.getBean(RollupFeed.class).install();
                    insertEvent();
                    roll(context.getBean(RollupWorker.class));
                    assertThat(context.getBean(FeedWorker.class).runOnce().hours())
                            .isPositive();
                    assertThat(context.getBean(UsageService.class)
                                    .get("org", MARCH)
                                    .usage()
                                    .orElseThrow()
                                    .received()
                                    .volume())
                            .isEqualTo(1);
                    assertThat(refused).containsExactly("org true");
                });
    }

    @Test
    void aFeedThatIsMissingFailsTheStart() {
        own("usagekit.calculator=rollups")
                .run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(RollupFeed.class));
        clickHouse("validate")
                .run(context -> assertThat(Failures.of(context))
                        .hasMessageContaining("there is no feed of the roll-ups in the schema " + schema));
    }

    private ApplicationContextRunner clickHouse(String install) {
        return own(
                        "usagekit.calculator=rollups",
                        "usagekit.install=" + install,
                        "usagekit.clickhouse.enabled=true",
                        "usagekit.clickhouse.feed.pause=1d")
                .withBean(
                        ClickHouseUsage.class,
                        () -> ClickHouseUsage.builder(StubDataSource.down()).build());
    }

    private Iterable<IndexStatus> indexes() {
        return PostgresUsage.indexes(server.dataSource(), TableMapping.gateway(schema));
    }

    private ApplicationContextRunner gateway(String... properties) {
        return own("usagekit.tables.preset=gateway").withPropertyValues(properties);
    }

    private void createGatewayTables(String partitioning) {
        run(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar, project_id varchar, raw text not null default '', data bytea not null"
                        + " default '', created_at timestamptz not null, deleted_at timestamptz) " + partitioning,
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar,"
                        + " status text, created_at timestamptz not null)");
    }

    private void insertEvent() {
        run(
                "insert into {s}.projects (id, organisation_id) values ('p', 'org')",
                "insert into {s}.events (id, project_id, raw, created_at) values ('e', 'p', 'ten octets', '" + IN_MARCH
                        + "')");
    }

    private static void roll(RollupWorker worker) {
        while (!worker.runOnce().finished()) {
            Thread.onSpinWait();
        }
    }

    /** Runs statements in this test's schema, {@code {s}}. */
    private void run(String... statements) {
        try (Connection connection = server.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql.replace("{s}", schema));
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage() + " in " + Arrays.toString(statements), e);
        }
    }
}
