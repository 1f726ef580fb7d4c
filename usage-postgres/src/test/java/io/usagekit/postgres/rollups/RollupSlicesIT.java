package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Layout;
import io.usagekit.postgres.testing.OneConnection;
import io.usagekit.postgres.testing.RandomRows;
import io.usagekit.postgres.testing.SourceTables;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageReports;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Series, projects and all organisations, from roll-ups alone and with a store that has what was shipped: each sum equals that of the combined query, and they
 * add up to the whole.
 */
class RollupSlicesIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final long seed = Long.getLong("usagekit.seed", new Random().nextLong());
    private final ManualClock clock = ManualClock.at("2026-03-25T07:08:09Z");
    private List<UsagePeriod> windows;
    private RandomRows rows;
    private String schema = "";
    private TableMapping mapping = TableMapping.usagekit();
    private PostgresRollups rollups = PostgresRollups.of(new OneConnection(null), mapping);
    private UsageReports shipped = rollups;

    @BeforeEach
    void generate() {
        System.out.println("RollupSlicesIT: -Dusagekit.seed=" + seed);
        Random random = new Random(seed);
        windows = RandomRows.windows(random);
        rows = RandomRows.generate(random, windows, 600);
        schema = Database.newSchema("slices");
        SourceTables.write(schema, rows);
        Layout.GATEWAY.create(schema);
        mapping = Layout.GATEWAY.mapping(schema);
        rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(clock)
                .build();
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            assertThat(worker.runOnce().finished()).isTrue();
            rollups.feed().install();
            MemoryStore store = new MemoryStore();
            assertThat(rollups.feed().ship(store, RollupFeed.MAX_HOURS, TIMEOUT))
                    .hasValueSatisfying(cycle -> assertThat(cycle.complete()).isTrue());
            shipped = rollups.feed().reports(store, new CellReadListener() {
                @Override
                public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
                    throw new AssertionError("refused " + days);
                }
            });
            // Some hours to ship.
            Database.execute("update " + Identifiers.quote(schema)
                    + ".event_deliveries set status = 'Success' where hashtext(id) % 25 = 1");
            assertThat(worker.runOnce().finished()).isTrue();
        }
        // Some hours marked, some events changed.
        Database.execute(
                "update " + Identifiers.quote(schema)
                        + ".event_deliveries set status = 'Success' where hashtext(id) % 5 = 0",
                "update " + Identifiers.quote(schema) + ".events set raw = 'mended' where hashtext(id) % 50 = 0");
    }

    @AfterEach
    void drop() {
        rollups.feed().uninstall();
        rollups.remove();
        Database.dropSchema(schema);
    }

    private UsageCalculator combined() {
        return PostgresUsage.builder(Database.pool())
                .mapping(mapping)
                .clock(clock)
                .build();
    }

    @Test
    void reportsEveryOrganisationOnce() {
        UsageCalculator combined = combined();
        for (UsagePeriod window : windows) {
            List<OrganisationUsage> all = new ArrayList<>();
            assertThat(rollups.calculateAll(window, TIMEOUT, all::add)).isEqualTo(all.size());
            List<OrganisationUsage> allShipped = new ArrayList<>();
            assertThat(shipped.calculateAll(window, TIMEOUT, allShipped::add)).isEqualTo(allShipped.size());
            assertThat(allShipped).as("seed %s", seed).isEqualTo(all);
            assertThat(all)
                    .as("seed %s", seed)
                    .isEqualTo(rows.projects().stream()
                            .filter(project -> !project.deleted())
                            .map(RandomRows.Project::organisation)
                            .distinct()
                            .sorted()
                            .map(organisation -> combined.calculate(new UsageKey(organisation, window), TIMEOUT))
                            .toList());
        }
    }

    @ParameterizedTest
    @EnumSource(UsageSeriesGranularity.class)
    void returnsSeriesWhosePointsEqualFiguresAndAddUp(UsageSeriesGranularity step) {
        UsageCalculator combined = combined();
        Random random = new Random(seed + 1);
        for (UsagePeriod window : windows) {
            if (step == UsageSeriesGranularity.HOUR
                    && Duration.between(window.start(), window.end()).toDays() > 2) {
                Instant start = window.start().plus(Duration.ofHours(random.nextInt(200)));
                window = UsagePeriod.between(start, start.plus(Duration.ofMinutes(3_001)));
            }
            ZoneId zone = List.of(
                            ZoneOffset.UTC,
                            ZoneId.of("America/New_York"),
                            ZoneId.of("Asia/Kolkata"),
                            ZoneId.of("Australia/Lord_Howe"))
                    .get(random.nextInt(4));
            UsageKey key = new UsageKey("org-" + random.nextInt(5), window);
            List<UsageSeriesPoint> series = rollups.series(key, step, zone, TIMEOUT);
            assertThat(shipped.series(key, step, zone, TIMEOUT))
                    .as("%s in %s, seed %s", key, zone, seed)
                    .isEqualTo(series);
            UsageMetrics received = UsageMetrics.ZERO;
            UsageMetrics sent = UsageMetrics.ZERO;
            Instant edge = window.start();
            for (UsageSeriesPoint point : series) {
                assertThat(point.start()).isEqualTo(edge);
                OrganisationUsage usage = combined.calculate(
                        new UsageKey(key.organisationId(), UsagePeriod.between(point.start(), point.end())), TIMEOUT);
                assertThat(new CombinedQuery.Totals(point.received(), point.sent(), point.unmeasured()))
                        .as("%s of %s in %s, seed %s", point, key, zone, seed)
                        .isEqualTo(new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured()));
                received = received.plus(point.received());
                sent = sent.plus(point.sent());
                edge = point.end();
            }
            assertThat(edge).isEqualTo(window.end());
            OrganisationUsage whole = combined.calculate(key, TIMEOUT);
            assertThat(received).isEqualTo(whole.received());
            assertThat(sent).isEqualTo(whole.sent());
        }
    }

    @Test
    void returnsProjectsThatAddUpToOrganisation() {
        UsageCalculator combined = combined();
        for (String organisation : rows.organisations()) {
            for (UsagePeriod window : windows) {
                UsageKey key = new UsageKey(organisation, window);
                List<ProjectUsage> projects = rollups.byProject(key, TIMEOUT);
                assertThat(shipped.byProject(key, TIMEOUT)).as("seed %s", seed).isEqualTo(projects);
                assertThat(projects)
                        .extracting(ProjectUsage::projectId)
                        .isEqualTo(rows.projects().stream()
                                .filter(project -> project.organisation().equals(organisation) && !project.deleted())
                                .map(RandomRows.Project::id)
                                .sorted()
                                .toList());
                OrganisationUsage whole = combined.calculate(key, TIMEOUT);
                assertThat(projects.stream().map(ProjectUsage::received).reduce(UsageMetrics.ZERO, UsageMetrics::plus))
                        .isEqualTo(whole.received());
                assertThat(projects.stream().map(ProjectUsage::sent).reduce(UsageMetrics.ZERO, UsageMetrics::plus))
                        .isEqualTo(whole.sent());
            }
        }
    }

    @Test
    void splitsSeriesByZoneAcrossClockChanges() {
        ZoneId newYork = ZoneId.of("America/New_York");
        UsagePeriod march = UsagePeriod.month(YearMonth.of(2026, 3), newYork);
        List<UsageSeriesPoint> days =
                rollups.series(new UsageKey("nobody", march), UsageSeriesGranularity.DAY, newYork, TIMEOUT);
        assertThat(days).hasSize(31);
        assertThat(days.get(7))
                .isEqualTo(new UsageSeriesPoint(
                        Instant.parse("2026-03-08T05:00:00Z"),
                        Instant.parse("2026-03-09T04:00:00Z"),
                        UsageMetrics.ZERO,
                        UsageMetrics.ZERO));
        // Clocks are set back by half an hour at 2:00 on 5 April: 1:30 to 2:00 occurs twice.
        List<UsageSeriesPoint> hours = rollups.series(
                new UsageKey(
                        "nobody",
                        UsagePeriod.between(
                                Instant.parse("2026-04-04T14:00:00Z"), Instant.parse("2026-04-04T16:30:00Z"))),
                UsageSeriesGranularity.HOUR,
                ZoneId.of("Australia/Lord_Howe"),
                TIMEOUT);
        assertThat(hours)
                .extracting(UsageSeriesPoint::end)
                .contains(Instant.parse("2026-04-04T15:30:00Z"))
                .last()
                .isEqualTo(Instant.parse("2026-04-04T16:30:00Z"));
    }

    @Test
    void rejectsReportsWithoutRollups() {
        rollups.feed().uninstall();
        rollups.remove();
        UsagePeriod march = UsagePeriod.month(YearMonth.of(2026, 3));
        assertThatThrownBy(() -> rollups.calculateAll(march, TIMEOUT, usage -> {}))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("there are no roll-ups");
        assertThatThrownBy(() -> rollups.byProject(new UsageKey("o", march), Duration.ZERO))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("timeout must be between");
    }
}
