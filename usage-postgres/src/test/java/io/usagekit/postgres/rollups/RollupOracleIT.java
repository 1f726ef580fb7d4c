package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Layout;
import io.usagekit.postgres.testing.RandomRows;
import io.usagekit.postgres.testing.Sample;
import io.usagekit.postgres.testing.SourceTables;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Figures from roll-ups equal those of the combined query (which the raw rows' oracle holds to the truth) in every layout: before
 * anything is rolled, half way through the history, with everything rolled, after changes of every kind, and when those hours are
 * re-rolled. Without dirty marks, roll-ups would miss each of the changes.
 */
class RollupOracleIT {

    private static final int EVENTS = 400;

    private static final boolean THOROUGH = Boolean.getBoolean("usagekit.thorough");

    /** Of how many states one is also read by bulk calls. */
    private static final int BULK_INTERVAL = 4;

    /** How many of the changes are made, chosen at random. */
    private static final int CHANGES = THOROUGH ? 7 : 3;

    private List<UsagePeriod> windows;
    private RandomRows rows;
    private Random random;
    private long seed;
    private ManualClock clock;
    private String schema = "";
    private @Nullable PostgresRollups installed;
    private int states;
    private final MemoryStore store = new MemoryStore();
    private long daysFromStore;

    @BeforeEach
    void generate(TestInfo test) {
        seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("RollupOracleIT " + test.getDisplayName() + ": -Dusagekit.seed=" + seed);
        random = new Random(seed);
        windows = RandomRows.windows(random);
        rows = RandomRows.generate(random, windows, EVENTS);
        clock = ManualClock.at("2026-03-20T12:34:56Z");
    }

    @AfterEach
    void drop() {
        if (installed != null) {
            installed.feed().uninstall();
            installed.remove();
        }
        Database.dropSchema(schema);
    }

    static Stream<Layout> layouts() {
        return Sample.of(List.of(Layout.values()), 1);
    }

    @ParameterizedTest
    @MethodSource("layouts")
    void equalsCombinedQueryInEveryStateAndAfterEveryChange(Layout layout) {
        schema = Database.newSchema("rolled");
        SourceTables.write(schema, rows);
        layout.create(schema);
        TableMapping mapping = layout.mapping(schema);
        // Some hosts have no foreign keys: they delete events and keep the deliveries.
        Database.execute("alter table " + Identifiers.qualified(schema, mapping.deliveries())
                + " drop constraint if exists event_deliveries_event_id_fkey");
        PostgresRollups rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(clock)
                .build();
        installed = rollups;
        rollups.install();
        rollups.feed().install();
        FigureComparison reads = new FigureComparison(Database.pool(), rollups, mapping);
        assertEqual(reads, "nothing is rolled");

        try (RollupWorker cautious = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMillis(1))
                .build()) {
            cautious.runOnce();
            assertThat(rollups.status().orElseThrow().coveredBefore()).contains(Instant.parse("2026-03-20T12:00:00Z"));
            assertEqual(reads, "the first part of the history is rolled");
            clock.advance(Duration.ofDays(9));
            cautious.runOnce();
            assertEqual(reads, "another nine days are rolled");
        }
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            assertThat(worker.runOnce().finished()).isTrue();
            assertThat(rollups.status().orElseThrow().projectsToBackfill()).isZero();
            assertThat(assertEqual(reads, "everything is rolled")).isZero();

            List<String> changes = new ArrayList<>(changes(mapping, layout));
            Collections.shuffle(changes, random);
            for (String change : changes.subList(0, Math.min(CHANGES, changes.size()))) {
                int changed = change(change);
                assertThat(changed).as("rows of: %s, seed %s", change, seed).isPositive();
                long marked = assertEqual(reads, change);
                assertThat(marked)
                        .as("marked hours that were read after: %s, seed %s", change, seed)
                        .isPositive();
                RollupRunResult run = worker.runOnce();
                assertThat(run.finished()).as("%s", run).isTrue();
                assertThat(assertEqual(reads, "re-rolled after " + change)).isZero();
            }
            assertThat(daysFromStore).as("seed %s", seed).isPositive();
            RollupStatus status = rollups.status().orElseThrow();
            assertThat(status.markedHours() + status.changedEvents())
                    .as("%s", status)
                    .isZero();
        }
    }

    /** Returns how many marked hours all comparisons read. */
    private long assertEqual(FigureComparison reads, String when) {
        List<UsageKey> keys = new ArrayList<>();
        for (UsagePeriod window : windows) {
            rows.organisations().forEach(organisation -> keys.add(new UsageKey(organisation, window)));
        }
        if (states++ % BULK_INTERVAL == 0) {
            reads.assertBulkEqualsSingle(keys, when + ", seed " + seed);
        }
        UsageCalculator withStore = shipSome();
        long marked = 0;
        for (String organisation : rows.organisations()) {
            for (UsagePeriod window : windows) {
                FigureComparison.Pair pair = reads.compare(new UsageKey(organisation, window));
                assertThat(pair.rolled())
                        .as("%s in %s when %s, seed %s", organisation, window, when, seed)
                        .isEqualTo(pair.raw());
                OrganisationUsage usage =
                        withStore.calculate(new UsageKey(organisation, window), Duration.ofSeconds(30));
                assertThat(new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured()))
                        .as("%s in %s with a store when %s, seed %s", organisation, window, when, seed)
                        .isEqualTo(pair.raw());
                marked += pair.markedHours();
            }
        }
        return marked;
    }

    /** Ships some of the hours to a store, or none, or all; returns a calculator of figures with it. */
    private UsageCalculator shipSome() {
        RollupFeed feed = Objects.requireNonNull(installed).feed();
        for (int cycle = random.nextInt(3); cycle > 0; cycle--) {
            feed.ship(store, 1 + random.nextInt(3 * EVENTS), Duration.ofSeconds(30));
        }
        return feed.calculator(store, new CellReadListener() {
            @Override
            public void fromCells(UsageKey key, long days) {
                daysFromStore += days;
            }

            @Override
            public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
                throw new AssertionError(key + " was refused: " + days + ", seed " + seed);
            }
        });
    }

    /** Changes that a host may make to its rows, as far as the layout has the columns; each affects about one row in eight. */
    private static List<String> changes(TableMapping mapping, Layout layout) {
        String events = Identifiers.qualified(mapping.schema(), mapping.events());
        String deliveries = Identifiers.qualified(mapping.schema(), mapping.deliveries());
        String projects = Identifiers.qualified(mapping.schema(), mapping.projects());
        String eventId = Identifiers.quote(mapping.eventId());
        String eventProject = Identifiers.quote(mapping.eventProjectId());
        String eventAt = Identifiers.quote(mapping.eventCreatedAt());
        String deliveryEvent = Identifiers.quote(mapping.deliveryEventId());
        String deliveryProject = Identifiers.quote(mapping.deliveryProjectId());
        String deliveryAt = Identifiers.quote(mapping.deliveryCreatedAt());
        String status = Identifiers.quote(mapping.deliveryStatus());
        String project = Identifiers.quote(mapping.projectId());
        String someEvents = " where abs(hashtext(" + eventId + "::text)::bigint) % 8 = ";
        String someDeliveries =
                " where abs(hashtext(" + deliveryEvent + "::text || " + deliveryAt + "::text)::bigint) % 8 = ";
        String anyProject = "(select " + project + " from " + projects + " order by hashtext(" + project
                + "::text || %s::text)" + " limit 1)";

        List<String> changes = new ArrayList<>(List.of(
                "update " + deliveries + " set " + status + " = 'Failure'" + someDeliveries + "1",
                "update " + deliveries + " set " + status + " = 'Success'" + someDeliveries + "2",
                "update " + deliveries + " d set " + deliveryProject + " = " + anyProject.formatted("d." + deliveryAt)
                        + someDeliveries + "3",
                "update " + deliveries + " set " + deliveryAt + " = " + deliveryAt + " - interval '100 minutes'"
                        + someDeliveries + "4",
                "update " + deliveries + " d set " + deliveryEvent + " = (select " + eventId + " from " + events
                        + " order by hashtext(" + eventId + "::text || d." + deliveryAt + "::text) limit 1)"
                        + someDeliveries + "5",
                "delete from " + deliveries + someDeliveries + "6",
                // Rows that are deleted and inserted again are late arrivals.
                "with deleted as (delete from " + deliveries + someDeliveries + "7 returning *) insert into "
                        + deliveries + " select * from deleted where hashtext(deleted::text) % 2 = 0",
                "update " + events + " e set " + eventProject + " = " + anyProject.formatted("e." + eventAt)
                        + someEvents + "1",
                "update " + events + " set " + eventAt + " = " + eventAt + " + interval '100 minutes'" + someEvents
                        + "2",
                "delete from " + events + someEvents + "3"));
        mapping.eventDeletedAt().map(Identifiers::quote).ifPresent(deleted -> {
            String live = layout.liveMark();
            String isDeleted = "(" + deleted + " is not null and " + deleted + " is distinct from " + live + ")";
            changes.add("update " + events + " set " + deleted + " = " + live + " where " + isDeleted + " and hashtext("
                    + eventId + "::text) % 2 = 0");
            changes.add("update " + events + " set " + deleted + " = (select " + deleted + " from " + events + " where "
                    + isDeleted + " limit 1)" + someEvents + "4 and not " + isDeleted);
        });
        for (String column : mapping.payload()) {
            String payload = Identifiers.quote(column);
            changes.add("update " + events + " e set " + payload + " = (select " + payload + " from " + events
                    + " order by octet_length(" + payload + "::text) desc nulls last limit 1)" + someEvents + "5");
        }
        return changes;
    }

    private static int change(String sql) {
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            return statement.executeUpdate(sql);
        } catch (SQLException e) {
            throw new AssertionError(sql + ": " + e.getMessage(), e);
        }
    }
}
