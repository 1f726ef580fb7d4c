package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Layout;
import io.usagekit.postgres.testing.RandomRows;
import io.usagekit.postgres.testing.Sample;
import io.usagekit.postgres.testing.SourceTables;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Figures before rows are deleted, computed from all of them by the combined query (which the raw rows' oracle holds to the truth),
 * equal those of each way of reading after each batch, whatever is rolled, in every layout.
 */
class RollupRetentionOracleIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    private static final boolean THOROUGH = Boolean.getBoolean("usagekit.thorough");

    /** How many figures are read in each way at a time; all of them are read among all organisations. */
    private static final int FIGURES = THOROUGH ? 5 : 3;

    private final ManualClock clock = ManualClock.at("2026-04-20T12:34:56Z");
    private List<UsagePeriod> windows = List.of();
    private RandomRows rows;
    private Random random;
    private long seed;
    private String schema = "";
    private TableMapping mapping = TableMapping.usagekit();
    private @Nullable PostgresRollups installed;

    @BeforeEach
    void generate(TestInfo test) {
        seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("RollupRetentionOracleIT " + test.getDisplayName() + ": -Dusagekit.seed=" + seed);
        random = new Random(seed);
        rows = RandomRows.generate(random, RandomRows.windows(random), THOROUGH ? 200 : 120);
        ZoneId kathmandu = ZoneId.of("Asia/Kathmandu"); // 5:45 h east of Greenwich
        windows = new ArrayList<>(List.of(
                UsagePeriod.month(YearMonth.of(2026, 1)),
                UsagePeriod.month(YearMonth.of(2026, 2), kathmandu),
                UsagePeriod.month(YearMonth.of(2026, 3)),
                UsagePeriod.day(LocalDate.of(2026, 3, 8), ZoneId.of("America/New_York"))));
        for (int i = 0; i < (THOROUGH ? 3 : 1); i++) {
            Instant start =
                    Instant.parse("2026-01-15T00:00:00Z").plus(15 * random.nextLong(90 * 96), ChronoUnit.MINUTES);
            windows.add(UsagePeriod.between(
                    start, start.plus(15 * (1 + random.nextLong(40 * 96)), ChronoUnit.MINUTES)));
        }
    }

    @AfterEach
    void drop() {
        if (installed != null) {
            installed.removeWithRetained();
        }
        Database.dropSchema(schema);
    }

    static Stream<Layout> layouts() {
        return Sample.of(List.of(Layout.values()), 1);
    }

    @ParameterizedTest
    @MethodSource("layouts")
    void keepsFiguresWhileRowsAreDeleted(Layout layout) throws SQLException {
        schema = Database.newSchema("retained");
        SourceTables.write(schema, rows);
        layout.create(schema);
        mapping = layout.mapping(schema);
        List<String> dependants = createDependants();
        PostgresRollups rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(clock)
                .build();
        installed = rollups;
        rollups.install();
        Map<UsageKey, CombinedQuery.Totals> figures = figures();
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            if (random.nextBoolean()) {
                worker.runOnce();
            }
            long delivered = rowsOf(mapping.deliveries());
            long events = rowsOf(mapping.events());
            for (String before : List.of("2026-02-10T10:10:10Z", "2026-03-20T00:00:00Z")) {
                int batch = 1 + random.nextInt(60);
                long dependantRows = rowsOf(dependants);
                RetentionResult result = new RetentionDeleter(
                                Database.pool(),
                                sql(rollups),
                                Set.copyOf(dependants),
                                batchByBatch(rollups, figures),
                                RollupFixture.batchesOf(batch))
                        .deleteBefore(Instant.parse(before));
                assertThat(result.deliveries()).as("seed %s", seed).isPositive();
                delivered -= result.deliveries();
                events -= result.events();
                assertThat(rowsOf(mapping.deliveries())).isEqualTo(delivered);
                assertThat(rowsOf(mapping.events())).isEqualTo(events);
                assertThat(rowsOf(dependants)).isEqualTo(dependantRows - result.dependants());
                if (!dependants.isEmpty()) {
                    assertThat(result.dependants()).as("seed %s", seed).isPositive();
                }
                assertNothingOldIsLeft(Instant.parse(before));
                assertFigures(rollups, figures, "before " + before);

                assertThat(worker.runOnce().finished()).isTrue();
                assertFigures(rollups, figures, "re-rolled, before " + before);
                assertThat(rollups.verify(new VerificationProgress() {})).isZero();
            }
            // By chance every event before the first time may have a delivery after it; not before the second as well.
            assertThat(rowsOf(mapping.events()))
                    .as("seed %s", seed)
                    .isLessThan(rows.events().size());
            assertThat(rollups.deleteBefore(Instant.parse("2026-03-20T00:00:00Z"), new RetentionProgress() {}))
                    .extracting(RetentionResult::deliveries, RetentionResult::events)
                    .as("nothing is left to delete")
                    .containsExactly(0L, 0L);
        }
    }

    /**
     * Creates tables whose rows refer to events and deliveries by keys that forbid the deletion of these, and others that refer to the
     * former, where the layout has unique ids.
     */
    private List<String> createDependants() {
        List<String> created = new ArrayList<>();
        for (String table : List.of(mapping.events(), mapping.deliveries())) {
            String qualified = Identifiers.qualified(schema, table);
            List<String> keys = Database.column(
                    "select quote_ident(a.attname) from pg_index x join pg_attribute a on a.attrelid = x.indrelid"
                            + " and a.attnum = x.indkey[0] where x.indisprimary and x.indnkeyatts = 1 and x.indrelid = "
                            + Identifiers.literal(qualified) + "::regclass");
            for (String key : keys) {
                String name = "dependants_" + created.size();
                String dependants = Identifiers.qualified(schema, name);
                String lines = Identifiers.qualified(schema, name + "_lines");
                Database.execute(
                        "create table " + dependants + " as select t." + key + " as key from " + qualified
                                + " t cross join generate_series(1, 2)",
                        "alter table " + dependants
                                + " add id bigint generated always as identity primary key, add foreign key (key) references "
                                + qualified + (random.nextBoolean() ? " on delete restrict" : ""),
                        "create table " + lines + " as select id from " + dependants + " where id % 3 = 0",
                        "alter table " + lines + " add foreign key (id) references " + dependants);
                created.add(name);
                created.add(name + "_lines");
            }
        }
        return created;
    }

    private long rowsOf(List<String> tables) {
        return tables.stream().mapToLong(this::rowsOf).sum();
    }

    private RollupSql sql(PostgresRollups rollups) throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            return RollupSql.over(TableShape.read(connection, mapping), rollups.schema());
        }
    }

    private static long rowsOf(String schema, String table) {
        return Long.parseLong(Database.column("select count(*) from " + Identifiers.qualified(schema, table))
                .get(0));
    }

    private long rowsOf(String table) {
        return rowsOf(schema, table);
    }

    /** Only events with a younger delivery may be left. */
    private void assertNothingOldIsLeft(Instant before) {
        String deliveries = Identifiers.qualified(schema, mapping.deliveries());
        String oldDeliveries = " from " + deliveries + " d where d." + Identifiers.quote(mapping.deliveryCreatedAt())
                + " < '" + before + "'";
        String delivered = "d." + Identifiers.quote(mapping.deliveryStatus()) + " in ("
                + Identifiers.literals(mapping.deliveredStatuses()) + ")";
        assertThat(Database.column("select count(*)" + oldDeliveries + " and " + delivered))
                .containsExactly("0");
        assertThat(Database.column("select count(*) from " + Identifiers.qualified(schema, mapping.events())
                        + " e where e." + Identifiers.quote(mapping.eventCreatedAt()) + " < '" + before
                        + "' and not exists (select from " + deliveries + " d where d."
                        + Identifiers.quote(mapping.deliveryEventId()) + " = e." + Identifiers.quote(mapping.eventId())
                        + ")"))
                .containsExactly("0");
    }

    private Map<UsageKey, CombinedQuery.Totals> figures() throws SQLException {
        Map<UsageKey, CombinedQuery.Totals> figures = new HashMap<>();
        return new Jdbc(Database.pool()).transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> {
            CombinedQuery combined = CombinedQuery.over(TableShape.read(connection, mapping), ProjectScope.ALIVE);
            for (String organisation : rows.organisations()) {
                for (UsagePeriod window : windows) {
                    UsageKey key = new UsageKey(organisation, window);
                    figures.put(key, combined.execute(connection, key));
                }
            }
            return figures;
        });
    }

    /** Checks a random figure after each batch. */
    private RetentionProgress batchByBatch(PostgresRollups rollups, Map<UsageKey, CombinedQuery.Totals> figures) {
        return new RetentionProgress() {
            @Override
            public void deleted(long deliveries, long events) {
                List<UsageKey> keys = new ArrayList<>(figures.keySet());
                assertFigure(rollups, keys.get(random.nextInt(keys.size())), figures, "half way");
            }
        };
    }

    private void assertFigures(PostgresRollups rollups, Map<UsageKey, CombinedQuery.Totals> figures, String when) {
        List<UsageKey> keys = new ArrayList<>(figures.keySet());
        Collections.shuffle(keys, random);
        for (UsageKey key : keys.subList(0, Math.min(keys.size(), FIGURES))) {
            assertFigure(rollups, key, figures, when);
        }
        for (UsagePeriod window : windows) {
            List<OrganisationUsage> all = new ArrayList<>();
            rollups.calculateAll(window, TIMEOUT, all::add);
            for (OrganisationUsage usage : all) {
                assertThat(new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured()))
                        .as("%s among all, %s, seed %s", usage.key(), when, seed)
                        .isEqualTo(figures.get(usage.key()));
            }
        }
    }

    /** Checks a figure in each way of reading it. */
    private void assertFigure(
            PostgresRollups rollups, UsageKey key, Map<UsageKey, CombinedQuery.Totals> figures, String when) {
        Map<String, CombinedQuery.Totals> ways = new HashMap<>();
        try {
            ways.putAll(new Jdbc(Database.pool())
                    .transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> fromDatabase(connection, rollups, key)));
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
        OrganisationUsage calculated = rollups.calculator().calculate(key, TIMEOUT);
        ways.put(
                "calculator",
                new CombinedQuery.Totals(calculated.received(), calculated.sent(), calculated.unmeasured()));
        OrganisationUsage together = Objects.requireNonNull(rollups.calculator()
                .calculateAll(List.of(new UsageKey("org-unknown", key.period()), key), TIMEOUT)
                .figures()
                .get(key));
        ways.put("batch", new CombinedQuery.Totals(together.received(), together.sent(), together.unmeasured()));
        ways.put(
                "series",
                sum(rollups.series(key, UsageSeriesGranularity.DAY, ZoneOffset.UTC, TIMEOUT).stream()
                        .map(point -> new CombinedQuery.Totals(point.received(), point.sent(), point.unmeasured()))
                        .toList()));
        ways.put(
                "projects",
                sum(rollups.byProject(key, TIMEOUT).stream()
                        .map(project ->
                                new CombinedQuery.Totals(project.received(), project.sent(), project.unmeasured()))
                        .toList()));
        PostgresRows behind = PostgresRows.of(Database.pool(), mapping);
        ways.put(
                "rows and retained sums",
                new CombinedQuery.Totals(
                        behind.readReceived(key, row -> {}).figure(),
                        behind.readSent(key, row -> {}).figure(),
                        calculated.unmeasured()));
        for (Map.Entry<String, CombinedQuery.Totals> way : ways.entrySet()) {
            assertThat(way.getValue())
                    .as("%s by %s, %s, seed %s", key, way.getKey(), when, seed)
                    .isEqualTo(figures.get(key));
        }
    }

    private Map<String, CombinedQuery.Totals> fromDatabase(Connection connection, PostgresRollups rollups, UsageKey key)
            throws SQLException {
        Map<String, CombinedQuery.Totals> ways = new HashMap<>();
        RollupSql sql = RollupSql.over(TableShape.read(connection, mapping), rollups.schema());
        ways.put(
                "rolled",
                RollupFigureQuery.over(sql, ProjectScope.ALIVE)
                        .always()
                        .execute(connection, key)
                        .orElseThrow()
                        .totals()
                        .orElseThrow());
        ways.put("combined", sql.combined(ProjectScope.ALIVE).execute(connection, key));
        return ways;
    }

    private static CombinedQuery.Totals sum(List<CombinedQuery.Totals> parts) {
        UsageMetrics received = UsageMetrics.ZERO;
        UsageMetrics sent = UsageMetrics.ZERO;
        long unmeasured = 0;
        for (CombinedQuery.Totals part : parts) {
            unmeasured += part.unmeasured();
            received = received.plus(part.received());
            sent = sent.plus(part.sent());
        }
        return new CombinedQuery.Totals(received, sent, unmeasured);
    }
}
