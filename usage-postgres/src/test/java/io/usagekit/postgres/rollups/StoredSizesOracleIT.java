package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.postgres.rows.RowSum;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.RandomRows;
import io.usagekit.postgres.testing.Sample;
import io.usagekit.postgres.testing.SourceTables;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
 * Figures of gateways that store sizes in any of the columns for it, in all rows or in some, equal those that are summed up here from
 * what was known of each row: after payloads were emptied, events deleted, and old rows deleted by retention; by the combined query, from
 * roll-ups, and by the mapping that is found out.
 */
class StoredSizesOracleIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final int EVENTS = Boolean.getBoolean("usagekit.thorough") ? 100 : 40;

    /** How the size is stored that belongs to a column. */
    enum Stored {
        NEVER,
        SOMETIMES,
        ALWAYS;

        String column(String name) {
            return switch (this) {
                case NEVER -> "";
                case SOMETIMES -> ", " + name + " bigint";
                case ALWAYS -> ", " + name + " integer not null";
            };
        }
    }

    /** Which sizes a gateway stores. */
    record Sizes(Stored raw, Stored data, Stored delivery) {}

    /** What happened to an event: whether its sizes were stored, its payload emptied, and the event deleted. */
    private record Fate(
            boolean storesRaw, boolean storesData, boolean emptiesRaw, boolean emptiesData, boolean deleted) {}

    private final ManualClock clock = ManualClock.at("2026-05-20T12:34:56Z");
    private final List<UsagePeriod> windows = List.of(
            UsagePeriod.month(YearMonth.of(2026, 2)),
            UsagePeriod.month(YearMonth.of(2026, 3)),
            UsagePeriod.month(YearMonth.of(2026, 4)));
    private final Map<String, Fate> fates = new HashMap<>();
    private final Map<String, Boolean> deliveriesWithSize = new HashMap<>();
    private String schema = "";
    private long seed;
    private Random random;
    private RandomRows rows;
    private @Nullable PostgresRollups installed;

    static Stream<Sizes> combinations() {
        List<Sizes> all = Stream.of(Stored.values())
                .flatMap(delivery -> Stream.of(Stored.values())
                        .flatMap(raw -> Stream.of(Stored.values()).map(data -> new Sizes(raw, data, delivery))))
                // Both columns are treated alike: one order of each pair is enough.
                .filter(sizes -> sizes.raw().compareTo(sizes.data()) >= 0)
                .toList();
        return Sample.of(all, 1);
    }

    @BeforeEach
    void generate(TestInfo test) {
        seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("StoredSizesOracleIT " + test.getDisplayName() + ": -Dusagekit.seed=" + seed);
        random = new Random(seed);
        rows = RandomRows.generate(random, windows, EVENTS);
        schema = Database.newSchema("sizes");
    }

    @AfterEach
    void drop() {
        if (installed != null) {
            installed.removeWithRetained();
        }
        Database.dropSchema(schema);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("combinations")
    void countsWhatIsKnownOfEachRow(Sizes sizes) {
        createTables(sizes);
        TableMapping mapping = TableMapping.gateway(schema);
        PostgresRollups rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(clock)
                .build();
        installed = rollups;
        rollups.install();
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            assertThat(worker.runOnce().finished()).isTrue();
            emptyPayloads();
            assertFigures(sizes, rollups, mapping, false, "payloads were emptied");
            worker.runOnce();
            assertFigures(sizes, rollups, mapping, false, "payloads were emptied, re-rolled");
            deleteEvents();
            assertFigures(sizes, rollups, mapping, true, "events were deleted");
            worker.runOnce();
            assertFigures(sizes, rollups, mapping, true, "events were deleted, re-rolled");
            assertThat(rollups.verify(new VerificationProgress() {})).isZero();
            if (sizes.delivery() != Stored.NEVER) {
                storeLateSizes(sizes);
                assertFigures(sizes, rollups, mapping, true, "sizes of deliveries were stored late");
            }

            rollups.deleteBefore(Instant.parse("2026-03-20T10:20:00Z"), new RetentionProgress() {});
            assertCalculated(sizes, rollups, "retention");
            worker.runOnce();
            assertCalculated(sizes, rollups, "retention, re-rolled");
        }
    }

    private void createTables(Sizes sizes) {
        SourceTables.write(schema, rows);
        run(
                "create table {s}.fate (id text primary key, stores_raw boolean, stores_data boolean, empties_raw boolean, empties_data boolean, deleted boolean)");
        List<String> values = new ArrayList<>();
        for (RandomRows.Event event : rows.events()) {
            Fate fate = new Fate(
                    stores(sizes.raw()),
                    stores(sizes.data()),
                    random.nextInt(3) == 0,
                    random.nextInt(3) == 0,
                    random.nextInt(4) == 0);
            fates.put(event.id(), fate);
            values.add("('" + event.id() + "', " + fate.storesRaw() + ", " + fate.storesData() + ", "
                    + fate.emptiesRaw() + ", " + fate.emptiesData() + ", " + fate.deleted() + ")");
        }
        run("insert into {s}.fate values " + String.join(", ", values));
        List<String> sized = new ArrayList<>();
        for (RandomRows.Delivery delivery : rows.deliveries()) {
            deliveriesWithSize.put(delivery.id(), stores(sizes.delivery()));
            if (deliveriesWithSize.getOrDefault(delivery.id(), false)) {
                sized.add("'" + delivery.id() + "'");
            }
        }
        run(
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz, deleted_at timestamptz"
                        + sizes.raw().column("raw_bytes") + sizes.data().column("data_bytes") + ")",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz"
                        + sizes.delivery().column("event_bytes") + ")",
                "insert into {s}.projects select id, organisation, case when deleted then now() end from {s}.source_projects",
                "insert into {s}.events select e.id, project, raw, data, created_at, case when e.deleted then now() end"
                        + storedValue(sizes.raw(), "f.stores_raw", "coalesce(octet_length(raw), 0)")
                        + storedValue(sizes.data(), "f.stores_data", "coalesce(octet_length(data), 0)")
                        + " from {s}.source_events e join {s}.fate f on f.id = e.id",
                "insert into {s}.event_deliveries select d.id, d.project, event, status, d.created_at"
                        + storedValue(
                                sizes.delivery(),
                                "d.id in (" + (sized.isEmpty() ? "''" : String.join(", ", sized)) + ")",
                                "coalesce(octet_length(raw), 0) + coalesce(octet_length(data), 0)")
                        + " from {s}.source_deliveries d join {s}.source_events e on e.id = d.event");
    }

    private boolean stores(Stored stored) {
        return stored == Stored.ALWAYS || (stored == Stored.SOMETIMES && random.nextBoolean());
    }

    private static String storedValue(Stored stored, String condition, String octets) {
        return stored == Stored.NEVER ? "" : ", case when " + condition + " then " + octets + " end";
    }

    private void emptyPayloads() {
        run(
                "update {s}.events e set raw = case when e.id like '%1' then null else '' end from {s}.fate f where f.id = e.id and f.empties_raw",
                "update {s}.events e set data = case when e.id like '%1' then null else ''::bytea end from {s}.fate f where f.id = e.id and f.empties_data");
    }

    private void deleteEvents() {
        run("delete from {s}.events e using {s}.fate f where f.id = e.id and f.deleted");
    }

    /** A host that begins to store sizes back-fills those of older deliveries. */
    private void storeLateSizes(Sizes sizes) {
        run(
                "update {s}.event_deliveries d set event_bytes = coalesce(octet_length(e.raw), 0) + coalesce(octet_length(e.data), 0)"
                        + " from {s}.source_events e where e.id = d.event_id and d.event_bytes is null and d.id like '%3'");
        if (sizes.delivery() == Stored.SOMETIMES) {
            deliveriesWithSize.replaceAll((id, stored) -> stored || id.endsWith("3"));
        }
    }

    private void run(String... statements) {
        for (String statement : statements) {
            Database.execute(statement.replace("{s}", Identifiers.quote(schema)));
        }
    }

    private void assertFigures(
            Sizes sizes, PostgresRollups rollups, TableMapping mapping, boolean deleted, String when) {
        FigureComparison reads = new FigureComparison(Database.pool(), rollups, mapping);
        List<UsageKey> keys = keys();
        reads.assertBulkEqualsSingle(keys, when + ", seed " + seed);
        TableMapping found = PostgresUsage.discover(Database.pool(), schema);
        assertThat(found.deliveryStoredBytes().isPresent()).isEqualTo(sizes.delivery() != Stored.NEVER);
        for (UsageKey key : keys) {
            CombinedQuery.Totals expected = expected(sizes, key, deleted);
            FigureComparison.Pair pair = reads.compare(key);
            assertThat(pair.raw()).as("%s when %s, seed %s", key, when, seed).isEqualTo(expected);
            assertThat(pair.rolled())
                    .as("%s from roll-ups when %s, seed %s", key, when, seed)
                    .isEqualTo(expected);
            OrganisationUsage usage =
                    PostgresUsage.calculator(Database.pool(), found).calculate(key, TIMEOUT);
            assertThat(new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured()))
                    .as("%s by the mapping found out when %s, seed %s", key, when, seed)
                    .isEqualTo(expected);
            RowSum received = PostgresRows.of(Database.pool(), mapping).readReceived(key, row -> {});
            RowSum sent = PostgresRows.of(Database.pool(), mapping).readSent(key, row -> {});
            assertThat(new CombinedQuery.Totals(
                            received.figure(), sent.figure(), received.unmeasured() + sent.unmeasured()))
                    .as("%s row by row when %s, seed %s", key, when, seed)
                    .isEqualTo(expected);
        }
    }

    private void assertCalculated(Sizes sizes, PostgresRollups rollups, String when) {
        for (UsageKey key : keys()) {
            OrganisationUsage usage = rollups.calculator().calculate(key, TIMEOUT);
            assertThat(new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured()))
                    .as("%s of %s after %s, seed %s", key, sizes, when, seed)
                    .isEqualTo(expected(sizes, key, true));
        }
    }

    private List<UsageKey> keys() {
        return rows.organisations().stream()
                .flatMap(organisation -> windows.stream().map(window -> new UsageKey(organisation, window)))
                .toList();
    }

    /** The oracle: what the host knows of each row's octets after all that happened to it. */
    private CombinedQuery.Totals expected(Sizes sizes, UsageKey key, boolean deleted) {
        Map<String, RandomRows.Event> byId = new HashMap<>();
        rows.events().forEach(event -> byId.put(event.id(), event));
        long unmeasured = 0;
        UsageMetrics received = UsageMetrics.ZERO;
        for (RandomRows.Event event : rows.events()) {
            boolean missing = deleted && fate(event).deleted();
            if (!missing && !event.deleted() && counts(key, event.project(), event.createdAt())) {
                received = received.plus(new UsageMetrics(1, octets(event)));
                unmeasured += isLost(sizes, event) ? 1 : 0;
            }
        }
        UsageMetrics sent = UsageMetrics.ZERO;
        for (RandomRows.Delivery delivery : rows.deliveries()) {
            if (delivery.status().equals("Success") && counts(key, delivery.project(), delivery.createdAt())) {
                RandomRows.Event event = Objects.requireNonNull(byId.get(delivery.event()));
                boolean missing = deleted && fate(event).deleted();
                sent = sent.plus(new UsageMetrics(1, octets(event, delivery, missing)));
                boolean stored = deliveriesWithSize.getOrDefault(delivery.id(), false);
                unmeasured += !stored && (missing || isLost(sizes, event)) ? 1 : 0;
            }
        }
        return new CombinedQuery.Totals(received, sent, unmeasured);
    }

    /** Whether some rows store sizes, but this event has neither a stored size nor octets. */
    private boolean isLost(Sizes sizes, RandomRows.Event event) {
        boolean neverStored = sizes.equals(new Sizes(Stored.NEVER, Stored.NEVER, Stored.NEVER));
        Fate fate = fate(event);
        return !neverStored && !fate.storesRaw() && !fate.storesData() && octets(event) == 0;
    }

    private Fate fate(RandomRows.Event event) {
        return Objects.requireNonNull(fates.get(event.id()));
    }

    private boolean counts(UsageKey key, String project, @Nullable Instant at) {
        return at != null
                && key.period().contains(at)
                && rows.projects().stream()
                        .anyMatch(p -> p.id().equals(project)
                                && !p.deleted()
                                && p.organisation().equals(key.organisationId()));
    }

    private long octets(RandomRows.Event event) {
        Fate fate = fate(event);
        return (fate.storesRaw() || !fate.emptiesRaw() ? RandomRows.raw(event) : 0)
                + (fate.storesData() || !fate.emptiesData() ? RandomRows.data(event) : 0);
    }

    private long octets(RandomRows.Event event, RandomRows.Delivery delivery, boolean missing) {
        boolean stored = deliveriesWithSize.getOrDefault(delivery.id(), false);
        long whole = RandomRows.rawAndData(event);
        if (missing) {
            return stored ? whole : 0;
        }
        return stored ? Math.max(whole, octets(event)) : octets(event);
    }
}
