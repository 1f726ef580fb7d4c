package io.usagekit.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.VerificationProgress;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.FeedCycle;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.reports.UsageReports;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import io.usagekit.servers.PostgresServer;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Figures and reports from ClickHouse alone against the combined query over the raw rows, of random windows on whole hours, after random changes; and after
 * retention, a repair and a new installation, which change no figure, against those of before. Reports that are computed with PostgreSQL, too, also of
 * other windows, and before the changes have been shipped.
 */
@Tag("thorough")
class ClickHouseHistoryOracleIT {

    private static final String SCHEMA = "clickhouse_history";
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final Instant MARCH = Instant.parse("2026-03-01T00:00:00Z");
    private static final int HOURS = 31 * 24;
    private static final int PROJECTS = 8;
    private static final int ORGANISATIONS = 3;
    private static final int ROUNDS = 5;
    private static final int WINDOWS = 10;
    private static final int REPORTS = 3;

    private static final CellReadListener NEVER_REFUSED = new CellReadListener() {
        @Override
        public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
            throw new AssertionError("refused " + days);
        }
    };

    private static final ManualClock CLOCK = ManualClock.at("2026-04-02T12:00:00Z");
    private static final long SEED = Long.getLong("usagekit.seed", new Random().nextLong());

    @RegisterExtension
    private static final TestCluster cluster = TestCluster.shared();

    private static PostgresServer postgres;
    private static ClickHouseUsage clickHouse;
    private static ClickHouseHistory history;
    private static FedRollups tables;
    private static PostgresRollups rollups;
    private static RollupFeed feed;
    private final Random random = new Random(SEED);
    private int ids;

    @BeforeAll
    static void install() {
        postgres = PostgresServer.start();
        tables = FedRollups.install(
                postgres.dataSource(),
                SCHEMA,
                CLOCK,
                "do $$ declare key record; begin for key in select conrelid::regclass as of, conname from pg_constraint"
                        + " where contype = 'f' and connamespace = '{s}'::regnamespace loop"
                        + " execute format('alter table %s drop constraint %I', key.of, key.conname); end loop; end $$");
        rollups = tables.rollups();
        feed = tables.feed();
        clickHouse = cluster.usage(cluster.install(), CLOCK);
        history = clickHouse.history(Duration.ofMinutes(1));
    }

    @AfterAll
    static void stop() {
        postgres.close();
    }

    private static void execute(String... statements) {
        tables.execute(statements);
    }

    @Test
    void equalsRawRowsAfterRandomChanges() {
        System.out.println("ClickHouseHistoryOracleIT seed " + SEED);
        for (int project = 0; project < PROJECTS; project++) {
            execute("insert into {s}.projects (id, organisation_id) values ('p" + project + "', 'org-"
                    + project % ORGANISATIONS + "')");
        }
        RawReports reports = RawReports.of(postgres.dataSource(), SCHEMA);
        UsageCalculator raw = reports.ofOrganisations();
        for (int round = 0; round < ROUNDS; round++) {
            for (int change = 0; change < 40; change++) {
                change();
            }
            assertReportsWithPostgres(reports);
            ship();
            assertReportsWithPostgres(reports);
            for (int window = 0; window < WINDOWS; window++) {
                UsageKey key = new UsageKey("org-" + random.nextInt(ORGANISATIONS), window());
                assertThat(totals(history, key))
                        .as("%s in round %d, seed %d", key, round, SEED)
                        .isEqualTo(totals(raw, key));
                if (window < REPORTS) {
                    assertReports(reports, key);
                }
            }
            assertAll(all(raw));
        }
        execute("update {s}.projects set organisation_id = 'org-0', deleted_at = null where id = 'p0'");
        insert("p0", MARCH.toString(), 1);
        Map<String, List<UsageMetrics>> before = all(raw);
        rollups.deleteBefore(MARCH.plus(Duration.ofHours(2 + random.nextInt(HOURS))), new RetentionProgress() {});
        ship();
        assertAll(before);

        feed.uninstall();
        feed.install();
        ship();
        assertAll(before);

        execute(
                "set session_replication_role = replica",
                "update {s}.events set deleted_at = now() where id = (select min(id) from {s}.events where deleted_at is null)",
                "reset session_replication_role");
        rollups.repair(new VerificationProgress() {});
        ship();
        assertAll(all(rollups.calculator()));

        execute("update {s}.projects set id = 'renamed' where id = 'p0'");
        ship();
        assertThatThrownBy(() -> history.calculate(new UsageKey("org-0", march()), TIMEOUT))
                .as("retention has kept sums of a project that is missing")
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("moveRetained");
        rollups.moveRetained("p0", "renamed");
        ship();
        assertAll(all(rollups.calculator()));

        List<ProjectDays> differing = new ArrayList<>();
        feed.verify(clickHouse.reader(), TIMEOUT, differing::add);
        feed.reship(differing); // days with zeros from before the new installation
        ship();
        assertAll(all(rollups.calculator()));
        assertEqualsRollUps();
        differing.clear();
        assertThat(feed.verify(clickHouse.reader(), TIMEOUT, differing::add)).isPositive();
        assertThat(differing).as("seed %d", SEED).isEmpty();
    }

    private void assertReports(RawReports raw, UsageKey key) {
        RawReports.Series series = RawReports.randomSeries(random, key, RawReports.WHOLE_HOURS);
        assertThat(history.series(series.key(), series.granularity(), series.zone(), TIMEOUT))
                .as("%s, seed %d", series, SEED)
                .isEqualTo(raw.series(series));
        assertThat(history.byProject(key, TIMEOUT))
                .as("projects of %s, seed %d", key, SEED)
                .isEqualTo(raw.byProject(key));
    }

    private void assertReportsWithPostgres(RawReports raw) {
        UsageReports reports = clickHouse.reports(feed, NEVER_REFUSED);
        UsagePeriod whole = window();
        Duration odd = Duration.ofMinutes(random.nextInt(60));
        UsagePeriod period =
                UsagePeriod.between(whole.start().plus(odd), whole.end().plus(odd));
        UsageKey key = new UsageKey("org-" + random.nextInt(ORGANISATIONS), period);
        RawReports.Series series = RawReports.randomSeries(random, key, RawReports.ZONES);
        assertThat(reports.series(series.key(), series.granularity(), series.zone(), TIMEOUT))
                .as("%s, seed %d", series, SEED)
                .isEqualTo(raw.series(series));
        assertThat(reports.byProject(key, TIMEOUT))
                .as("projects of %s, seed %d", key, SEED)
                .isEqualTo(raw.byProject(key));
        List<OrganisationUsage> all = new ArrayList<>();
        reports.calculateAll(period, TIMEOUT, all::add);
        assertThat(all)
                .as("seed %d", SEED)
                .hasSize(Math.toIntExact(rollups.calculateAll(period, TIMEOUT, usage -> {})))
                .allSatisfy(usage -> assertThat(totals(usage))
                        .isEqualTo(totals(raw.ofOrganisations(), new UsageKey(usage.organisationId(), period))));
    }

    /** Where retention has deleted rows. */
    private void assertEqualsRollUps() {
        UsageKey key = new UsageKey("org-0", march());
        UsageReports withPostgres = clickHouse.reports(feed, NEVER_REFUSED);
        for (UsageSeriesGranularity granularity : UsageSeriesGranularity.values()) {
            ZoneId zone = ZoneId.of("America/New_York");
            List<UsageSeriesPoint> expected = rollups.series(key, granularity, zone, TIMEOUT);
            for (UsageReports reports : List.of(history, withPostgres)) {
                assertThat(reports.series(key, granularity, zone, TIMEOUT))
                        .as("%s, seed %d", granularity, SEED)
                        .isEqualTo(expected);
            }
        }
        for (UsageReports reports : List.of(history, withPostgres)) {
            assertThat(reports.byProject(key, TIMEOUT)).as("seed %d", SEED).isEqualTo(rollups.byProject(key, TIMEOUT));
        }
    }

    private void change() {
        String project = "p" + random.nextInt(PROJECTS);
        String at = MARCH.plusSeconds(random.nextInt(HOURS * 3_600)).toString();
        String some = "md5(id || " + random.nextInt() + ") < '3'";
        switch (random.nextInt(10)) {
            case 0 -> execute("update {s}.events set deleted_at = now() where " + some);
            case 1 -> execute("update {s}.event_deliveries set status = 'Failure' where " + some);
            case 2 -> execute("delete from {s}.event_deliveries where " + some);
            case 3 -> execute("update {s}.events set project_id = '" + project + "' where " + some);
            case 4 ->
                execute("update {s}.projects set organisation_id = 'org-" + random.nextInt(ORGANISATIONS)
                        + "' where id = '" + project + "'");
            case 5 ->
                execute("update {s}.projects set deleted_at = case when deleted_at is null then now() end where id = '"
                        + project + "'");
            default -> insert(project, at, 1 + random.nextInt(5));
        }
    }

    /** Events, each with a delivery an hour later; one in three deliveries has no event yet. */
    private void insert(String project, String at, int events) {
        for (int i = 0; i < events; i++) {
            String id = "e" + ids++;
            String event = "insert into {s}.events (id, project_id, raw, created_at) values ('" + id + "', '" + project
                    + "', repeat('x', " + random.nextInt(100) + "), '" + at + "')";
            String delivery =
                    "insert into {s}.event_deliveries (id, project_id, event_id, status, created_at) values ('d-" + id
                            + "', '" + project + "', '" + id + "', 'Success', '" + at
                            + "'::timestamptz + interval '1 hour')";
            if (random.nextInt(3) == 0) {
                execute(delivery);
                if (random.nextInt(5) == 0) {
                    rollAll();
                }
                execute(event);
            } else {
                execute(event, delivery);
            }
        }
    }

    private static void rollAll() {
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            worker.runOnce();
        }
    }

    private static void ship() {
        rollAll();
        FeedCycle cycle =
                feed.ship(clickHouse.store(), RollupFeed.MAX_HOURS, TIMEOUT).orElseThrow();
        assertThat(cycle.complete()).as("%s, seed %d", cycle, SEED).isTrue();
    }

    private UsagePeriod window() {
        int start = random.nextInt(HOURS);
        int hours = 1 + random.nextInt(HOURS - start);
        return UsagePeriod.between(
                MARCH.plus(Duration.ofHours(start)), MARCH.plus(Duration.ofHours((long) start + hours)));
    }

    private static UsagePeriod march() {
        return UsagePeriod.month(YearMonth.of(2026, 3));
    }

    private static List<UsageMetrics> totals(UsageCalculator calculator, UsageKey key) {
        return totals(calculator.calculate(key, TIMEOUT));
    }

    private static List<UsageMetrics> totals(OrganisationUsage usage) {
        return List.of(usage.received(), usage.sent(), new UsageMetrics(usage.unmeasured(), 0));
    }

    private static Map<String, List<UsageMetrics>> all(UsageCalculator calculator) {
        Map<String, List<UsageMetrics>> all = new HashMap<>();
        for (int organisation = 0; organisation < ORGANISATIONS; organisation++) {
            String id = "org-" + organisation;
            all.put(id, totals(calculator, new UsageKey(id, march())));
        }
        return all;
    }

    /** Organisations without a project that counts aren't among all. */
    private static void assertAll(Map<String, List<UsageMetrics>> expected) {
        Map<String, List<UsageMetrics>> found = new HashMap<>();
        history.calculateAll(
                march(), TIMEOUT, usage -> found.put(usage.organisationId(), totals(usage)), (organisation, e) -> {
                    throw e;
                });
        expected.forEach((id, totals) -> assertThat(
                        found.getOrDefault(id, List.of(UsageMetrics.ZERO, UsageMetrics.ZERO, UsageMetrics.ZERO)))
                .as("%s, seed %d", id, SEED)
                .isEqualTo(totals));
    }
}
