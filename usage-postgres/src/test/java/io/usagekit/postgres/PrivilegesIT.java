package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.events.Endpoint;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.events.Source;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RollupListener;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.VerificationProgress;
import io.usagekit.postgres.testing.Database;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.testkit.ManualClock;
import java.io.IOException;
import java.io.OutputStream;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Each job runs by a role with the grants that {@code docs/privileges.md} lists for it, and fails without each one of them. */
class PrivilegesIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final UsagePeriod MORNING =
            UsagePeriod.between(Instant.parse("2026-03-17T00:00:00Z"), Instant.parse("2026-03-17T12:00:00Z"));

    private final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    private String schema;
    private String role;
    private int number;
    private Optional<PageGrants.Grant> revoked = Optional.empty();

    @BeforeEach
    void name() {
        schema = Database.newSchema("privileges");
        role = schema + "_role";
        Database.execute("create role " + role);
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema + "_rollups");
        Database.dropSchema(schema);
        Database.execute("drop role " + role);
    }

    private interface Job {
        void run() throws IOException;
    }

    private HikariDataSource pool() {
        return Database.newPool(2, config -> config.setConnectionInitSql("set role " + role));
    }

    private PageGrants grants(String name) throws IOException {
        PageGrants grants = PageGrants.of(name, schema, role);
        assertThat(grants.grants()).as("grants of the page to %s", name).isNotEmpty();
        return grants;
    }

    private void run(String... statements) {
        for (String statement : statements) {
            Database.execute(statement.replace("{s}", schema).replace("{r}", schema + "_rollups"));
        }
    }

    /** Runs a job with all grants, without each, and again with all. */
    private void assertNeeds(List<PageGrants.Grant> grants, Job job) throws IOException {
        grants.forEach(grant -> run(grant.grant()));
        job.run();
        List<String> unneeded = new ArrayList<>();
        for (PageGrants.Grant grant : grants) {
            run(grant.revoke());
            revoked = Optional.of(grant);
            try {
                job.run();
                unneeded.add(grant.toString());
            } catch (UsageException | AssertionError e) {
                assertThat(e.getMessage()).isNotBlank();
            }
            revoked = Optional.empty();
            run(grant.grant());
        }
        assertThat(unneeded)
                .as("grants of the page without which the job works")
                .isEmpty();
        assertThatCode(job::run).doesNotThrowAnyException();
    }

    private void installAsOwner() {
        PostgresLedger.of(Database.pool(), schema).install();
        rollups(Database.pool(), new RollupListener() {}).install();
    }

    private PostgresRollups rollups(DataSource dataSource, RollupListener listener) {
        return PostgresRollups.builder(dataSource)
                .mapping(TableMapping.usagekit(schema))
                .clock(clock)
                .listener(listener)
                .build();
    }

    private static void runWorker(PostgresRollups rollups) {
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .waitForWriters(Duration.ofMillis(50))
                .build()) {
            worker.runOnce();
        }
    }

    /** Inserts a project with an event and two deliveries in a past hour, one of them without its event. */
    private String insertProject(String hour) {
        String id = "p" + ++number;
        run(
                "insert into {s}.projects (id, organisation_id) values ('" + id + "', 'org')",
                "insert into {s}.events (id, project_id, raw, created_at) values ('" + id + "', '" + id
                        + "', 'x', '2026-03-17T" + hour + ":10:00Z')",
                "insert into {s}.event_deliveries (id, project_id, event_id, status, created_at) values ('" + id
                        + "', '" + id + "', '" + id + "', 'Success', '2026-03-17T" + hour + ":10:00Z')");
        return id;
    }

    @Test
    void installsInSchemasThatSomebodyElseMade() throws IOException {
        PageGrants page = grants("usage_install");
        assertThat(page.statements()).hasSize(2).allSatisfy(it -> assertThat(it).startsWith("create schema "));
        page.statements().forEach(Database::execute);
        TableMapping mapping = TableMapping.usagekit(schema);
        try (HikariDataSource pool = pool()) {
            assertNeeds(page.grants(), () -> {
                run(
                        "drop owned by " + role,
                        "drop schema if exists {s} cascade",
                        "drop schema if exists {r} cascade",
                        "create schema {s}",
                        "create schema {r}");
                granted(page).forEach(grant -> run(grant.grant()));
                PostgresUsage.install(pool, schema);
                PostgresLedger.of(pool, schema).install();
                PostgresRollups.of(pool, mapping).install();
                PostgresUsage.installIndexes(pool, mapping);
                run("update {r}.state set version = 0");
                PostgresRollups.of(pool, mapping).install();
                PostgresRollups.of(pool, mapping).remove();
                PostgresRollups.of(pool, mapping).install();
                assertThat(PostgresRollups.of(pool, mapping).status()).isPresent();
            });
        }
        run("drop owned by " + role);
    }

    @Test
    void saysWhatToRunWhereASchemaIsMissing() throws IOException {
        try (HikariDataSource pool = pool()) {
            assertThatThrownBy(() -> PostgresUsage.install(pool, schema))
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("the schema \"" + schema + "\" is missing")
                    .hasMessageContaining("run: create schema \"" + schema + "\" authorization " + role);
            run("create schema {s} authorization " + role);
            PostgresUsage.install(pool, schema);
            assertThatThrownBy(() -> rollups(pool, new RollupListener() {}).install())
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("this role lacks CREATE on the database")
                    .hasMessageContaining("creates the schema \"" + schema + "_rollups\"");
        }
        run("drop owned by " + role);
    }

    /** A script begins with the statement that creates the schema, which can be left out. */
    @Test
    void runsTheScriptsInSchemasThatSomebodyElseMade() throws IOException, SQLException {
        PostgresRollups rollups = rollups(Database.pool(), new RollupListener() {});
        PageGrants page = grants("usage_install");
        page.statements().forEach(Database::execute);
        page.grants().forEach(grant -> run(grant.grant()));
        try (HikariDataSource pool = pool();
                Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            for (String script : List.of(
                    PostgresUsage.ddl(schema), PostgresLedger.of(pool, schema).ddl())) {
                int end = script.indexOf(';') + 1;
                assertThat(script.substring(0, end)).contains("create schema if not exists");
                assertThatThrownBy(() -> statement.execute(script))
                        .hasMessageContaining("permission denied for database");
                statement.execute(script.substring(end));
            }
            assertThat(rollups.ddl()).doesNotContain("create schema");
            statement.execute(rollups.ddl());
        }
        assertThat(rollups.status()).isPresent();
        run("drop owned by " + role);
    }

    @Test
    void partitionsWithTheGrantsOfThePage() throws IOException {
        for (String page : List.of("usage_install", "usage_partition")) {
            grants(page).statements().forEach(Database::execute);
        }
        grants("usage_install").grants().forEach(grant -> run(grant.grant()));
        TableMapping mapping = TableMapping.usagekit(schema);
        try (HikariDataSource pool = Database.newPool(3, config -> config.setConnectionInitSql("set role " + role))) {
            PostgresLedger.of(pool, schema).install();
            PostgresRollups.of(pool, mapping).install();
            insertProject("09");
            PostgresPartitions partitions = PostgresPartitions.builder(pool)
                    .mapping(mapping)
                    .clock(clock)
                    .lockBudget(Duration.ofMinutes(1))
                    .build();
            assertNeeds(grants("usage_partition").grants(), () -> {
                partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
                partitions.createAhead();
                partitions.unpartition(PartitionProgress.NONE);
            });
        }
        run("drop owned by " + role, "drop schema {s}_partitions cascade");
    }

    private List<PageGrants.Grant> granted(PageGrants page) {
        return page.grants().stream()
                .filter(grant -> !revoked.equals(Optional.of(grant)))
                .toList();
    }

    @Test
    void readsWithTheGrantsOfThePage() throws IOException {
        installAsOwner();
        insertProject("09");
        runWorker(rollups(Database.pool(), new RollupListener() {}));
        try (HikariDataSource pool = pool()) {
            PostgresRollups rollups = rollups(pool, new RollupListener() {
                @Override
                public void fromRawRows(UsageKey key, Fallback why) {
                    throw new AssertionError("computed from raw rows: " + why);
                }
            });
            UsageKey key = new UsageKey("org", MORNING);
            assertNeeds(grants("usage_read").grants(), () -> {
                PostgresUsage.calculator(pool, TableMapping.usagekit(schema)).calculate(key, TIMEOUT);
                rollups.calculator().calculate(key, TIMEOUT);
                rollups.series(key, UsageSeriesGranularity.DAY, ZoneOffset.UTC, TIMEOUT);
                rollups.byProject(key, TIMEOUT);
                rollups.verify(new VerificationProgress() {});
                rollups.status();
            });
        }
        run("drop owned by " + role);
    }

    @Test
    void runsAWorkerWithTheGrantsOfThePage() throws IOException {
        installAsOwner();
        try (HikariDataSource pool = pool()) {
            PostgresRollups rollups = rollups(pool, new RollupListener() {});
            assertNeeds(grants("usage_worker").grants(), () -> {
                enableTriggers();
                insertProject("09");
                runWorker(rollups);
                clock.advance(Duration.ofHours(1));
                String project = insertProject("08");
                run(
                        "delete from {s}.event_deliveries where project_id = '" + project + "'",
                        "delete from {s}.events where project_id = '" + project + "'");
                runWorker(rollups);
                run("alter table {s}.events disable trigger user");
                assertThatThrownBy(() -> runWorker(rollups))
                        .isInstanceOf(UsageStorageException.class)
                        .hasMessageContaining("have been reset");
                assertThat(Database.query("select count(*) from " + schema + "_rollups.project"))
                        .isEqualTo("0");
            });
        }
        run("drop owned by " + role);
    }

    private void enableTriggers() {
        run(Database.query(
                "select string_agg(format('alter table %s enable always trigger %I', tgrelid::regclass, tgname), ';')"
                        + " from pg_trigger where not tgisinternal and tgrelid = ?::regclass",
                schema + ".events"));
    }

    /** On one thread, so that what has been deleted in the background is seen by the next call. */
    @Test
    void sharesFiguresWithTheGrantsOfThePage() throws IOException {
        ExecutorService executor = Executors.newFixedThreadPool(1);
        try (HikariDataSource pool = pool()) {
            PostgresCache.Builder owners = PostgresCache.builder(Database.pool(), executor);
            owners.schema(schema + "_cache").build().install();
            PostgresCache shared = PostgresCache.builder(pool, executor)
                    .schema(schema + "_cache")
                    .timeout(TIMEOUT)
                    .build();
            UsageKey key = new UsageKey("org", MORNING);
            AgedUsage figure = new AgedUsage(
                    new OrganisationUsage(key, UsageMetrics.ZERO, UsageMetrics.ZERO, MORNING.end()), Duration.ZERO);
            assertNeeds(grants("usage_cache").grants(), () -> {
                run("insert into {s}_cache.figure (organisation_id, starts_at, ends_at, kept_until)"
                        + " values ('expired', now(), now(), '2026-01-01')");
                try (UsageCache cache = shared.cache();
                        FlightStore store = shared.flightStore()) {
                    String token = "token" + ++number;
                    await(store.acquire(key, new LeaseRequest(token, TIMEOUT, Duration.ZERO, OptionalLong.empty())));
                    await(store.release(key, token));
                    for (int write = 0; write < 100; write++) {
                        await(cache.put(key, figure, Duration.ofMinutes(1)));
                    }
                    await(cache.invalidate(key));
                    assertThat(Database.query("select count(*) from " + schema
                                    + "_cache.figure where organisation_id = 'expired'"))
                            .isEqualTo("0");
                }
            });
        } finally {
            executor.shutdown();
            Database.dropSchema(schema + "_cache");
        }
        run("drop owned by " + role);
    }

    private static void await(CompletionStage<?> stage) {
        try {
            stage.toCompletableFuture().join();
        } catch (CompletionException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    @Test
    void retainsWithTheGrantsOfThePage() throws IOException {
        installAsOwner();
        try (HikariDataSource pool = pool()) {
            PostgresRollups rollups = rollups(pool, new RollupListener() {});
            assertNeeds(grants("usage_retain").grants(), () -> {
                insertProject("09");
                clock.advance(Duration.ofDays(3));
                long deleted = rollups.deleteBefore(Instant.parse("2026-03-18T00:00:00Z"), new RetentionProgress() {})
                        .events();
                assertThat(deleted).isPositive();
            });
        }
        run("drop owned by " + role);
    }

    @Test
    void keepsALedgerWithTheGrantsOfThePage() throws IOException {
        installAsOwner();
        try (HikariDataSource pool = pool()) {
            EventRepository ledger = PostgresLedger.of(pool, schema).repository();
            assertNeeds(grants("usage_ledger").grants(), () -> {
                String id = "ledger" + ++number;
                for (int twice = 0; twice < 2; twice++) {
                    ledger.save(new Project(id, "org", "name"));
                    ledger.save(new Endpoint(id, id, "owner", "name"));
                    ledger.save(new Source(id, id, "name", "type"));
                }
                ledger.record(NewEvent.builder(id, id)
                        .idempotencyKey(id)
                        .sourceId(id)
                        .endpointIds(List.of(id))
                        .payload(Payload.of("word"))
                        .build());
                ledger.recordDeliveries(List.of(new NewDelivery(id, id, id, id, "Success", Optional.empty())));
                ledger.updateEndpoints(id, id, List.of(id, "other"));
                ledger.updateStatus(id, id, "Success");
                ledger.updateDeliveryStatus(id, id, "Failed");
                ledger.findWithSource(id, id);
                ledger.findDelivery(id, "none");
                ledger.tokenise(id, EventWindow.ALL);
                EventFilter filter = EventFilter.builder()
                        .text("word")
                        .endpointIds(List.of(id))
                        .ownerId("owner")
                        .build();
                assertThat(ledger.page(id, filter, PageRequest.first(10, EventOrder.ASCENDING))
                                .items())
                        .hasSize(1);
                UsageKey key = new UsageKey("org", UsagePeriod.monthContaining(Instant.now(), ZoneOffset.UTC));
                ledger.received(key, PageRequest.first(10, EventOrder.ASCENDING));
                ledger.sent(key, PageRequest.first(10, EventOrder.ASCENDING));
                ledger.export(
                        ExportRequest.builder(id, Instant.parse("2100-01-01T00:00:00Z"))
                                .build(),
                        OutputStream.nullOutputStream());
                ledger.deleteTokens(id, EventWindow.ALL);
                ledger.delete(id, EventWindow.ALL);
                ledger.recordNew(
                        List.of(NewEvent.builder(id, id + " undelivered").build()));
                assertThat(ledger.deleteForGood(id, EventWindow.ALL)).isPositive();
            });
        }
        run("drop owned by " + role);
    }
}
