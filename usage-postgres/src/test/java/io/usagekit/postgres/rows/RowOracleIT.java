package io.usagekit.postgres.rows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.testing.ChangedStatement;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Layout;
import io.usagekit.postgres.testing.RandomRows;
import io.usagekit.postgres.testing.Sample;
import io.usagekit.postgres.testing.SourceTables;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Random;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The rows behind a figure, page by page and all at once, are those that are counted in Java from the raw rows, in every layout of a
 * host's tables, and add up to the figure to the byte; flaws in the statements are noticed.
 */
class RowOracleIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final int EVENTS = Boolean.getBoolean("usagekit.thorough") ? 500 : 120;
    private static final Comparator<ReceivedRow> BY_TIME_AND_ID =
            Comparator.comparing(ReceivedRow::createdAt).thenComparing(ReceivedRow::eventId, RowOracleIT::byCodePoints);

    private List<UsagePeriod> windows = List.of();
    private RandomRows rows;
    private Random random;
    private long seed;
    private String schema = "";

    @BeforeEach
    void generate(TestInfo test) {
        seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("RowOracleIT " + test.getDisplayName() + ": -Dusagekit.seed=" + seed);
        random = new Random(seed);
        windows = RandomRows.windows(random);
        rows = RandomRows.generate(random, windows, EVENTS);
        schema = Database.newSchema("rows");
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    static Stream<Layout> layouts() {
        return Sample.of(List.of(Layout.values()), 1);
    }

    @ParameterizedTest
    @MethodSource("layouts")
    void addUpToTheFigure(Layout layout) {
        create(layout);
        TableMapping mapping = layout.mapping(schema);
        PostgresRows behind = PostgresRows.of(Database.pool(), mapping);
        UsageCalculator calculator = PostgresUsage.calculator(Database.pool(), mapping);
        ToLongFunction<RandomRows.Event> octets = layout.octets(schema);
        RandomRows present = layout == Layout.PARTITIONED ? rows.withEventsOfDeletedElsewhere() : rows;
        UsageMetrics all = UsageMetrics.ZERO;
        for (UsageKey key : keys()) {
            CombinedQuery.Totals expected = present.totals(
                    key.organisationId(),
                    key.period(),
                    List.copyOf(mapping.deliveredStatuses()),
                    ProjectScope.ALIVE,
                    octets);
            long unmeasured = assertRows(behind, key, expected);
            OrganisationUsage figure = calculator.calculate(key, TIMEOUT);
            assertThat(figure.unmeasured()).as("%s, seed %s", key, seed).isEqualTo(unmeasured);
            if (!List.of(Layout.RENAMED, Layout.PARTLY_STORED, Layout.MIXED).contains(layout)) {
                assertThat(receivedPages(behind, key, EventOrder.ASCENDING, 1 + random.nextInt(50)))
                        .as("%s, seed %s", key, seed)
                        .isEqualTo(expectedRows(present, key, octets));
            }
            all = all.plus(expected.received()).plus(expected.sent());
        }
        assertThat(all.bytes()).as("octets compared, seed %s", seed).isPositive();
    }

    @ParameterizedTest
    @EnumSource(
            value = Layout.class,
            names = {"GATEWAY", "FLAGGED"})
    void countDeletedProjectsWhereAsked(Layout layout) {
        create(layout);
        PostgresRows behind = PostgresRows.builder(Database.pool())
                .mapping(layout.mapping(schema))
                .countDeletedProjects(true)
                .build();
        for (UsageKey key : keys()) {
            assertRows(
                    behind,
                    key,
                    rows.totals(
                            key.organisationId(),
                            key.period(),
                            List.of("Success"),
                            ProjectScope.ALL,
                            layout.octets(schema)));
        }
    }

    /** Returns how many rows have octets that aren't known. */
    private long assertRows(PostgresRows behind, UsageKey key, CombinedQuery.Totals expected) {
        EventOrder order = random.nextBoolean() ? EventOrder.ASCENDING : EventOrder.DESCENDING;
        int size = 1 + random.nextInt(60);
        List<ReceivedRow> received = new ArrayList<>();
        RowSum receivedSum = behind.readReceived(key, received::add);
        assertThat(receivedSum.figure()).as("received, %s, seed %s", key, seed).isEqualTo(expected.received());
        assertThat(receivedPages(behind, key, order, size))
                .as("received by %s %s, %s, seed %s", size, order, key, seed)
                .isEqualTo(ordered(received, order));
        List<SentRow> sent = new ArrayList<>();
        RowSum sentSum = behind.readSent(key, sent::add);
        assertThat(sentSum.figure()).as("sent, %s, seed %s", key, seed).isEqualTo(expected.sent());
        assertThat(RowPages.all(request -> behind.sent(key, request), PageRequest.first(size, order)))
                .as("sent by %s %s, %s, seed %s", size, order, key, seed)
                .isEqualTo(ordered(sent, order));
        assertThat(sum(sent, SentRow::bytes)).isEqualTo(expected.sent());
        return receivedSum.unmeasured() + sentSum.unmeasured();
    }

    private static List<ReceivedRow> receivedPages(PostgresRows behind, UsageKey key, EventOrder order, int size) {
        return RowPages.all(request -> behind.received(key, request), PageRequest.first(size, order));
    }

    private static <T> List<T> ordered(List<T> rows, EventOrder order) {
        List<T> ordered = new ArrayList<>(rows);
        if (order == EventOrder.DESCENDING) {
            Collections.reverse(ordered);
        }
        return ordered;
    }

    private static <T> UsageMetrics sum(List<T> rows, Function<T, OptionalLong> bytes) {
        return new UsageMetrics(
                rows.size(),
                rows.stream().mapToLong(row -> bytes.apply(row).orElse(0)).sum());
    }

    /** The rows as Java counts, orders and measures them. */
    private static List<ReceivedRow> expectedRows(
            RandomRows present, UsageKey key, ToLongFunction<RandomRows.Event> octets) {
        return present.events().stream()
                .filter(event -> !event.deleted()
                        && event.createdAt() != null
                        && key.period().contains(event.createdAt())
                        && present.projects().stream()
                                .anyMatch(project -> project.id().equals(event.project())
                                        && !project.deleted()
                                        && project.organisation().equals(key.organisationId())))
                .map(event -> new ReceivedRow(
                        event.id(),
                        event.project(),
                        Objects.requireNonNull(event.createdAt()),
                        OptionalLong.of(octets.applyAsLong(event))))
                .sorted(BY_TIME_AND_ID)
                .toList();
    }

    private static int byCodePoints(String one, String other) {
        return Arrays.compare(one.codePoints().toArray(), other.codePoints().toArray());
    }

    /** The negative controls: each of these flaws is noticed by the call itself, which compares the rows with the figure. */
    @Tag("thorough")
    @ParameterizedTest(name = "{0}: {2} for {1}")
    @CsvSource(
            delimiter = '|',
            value = {
                "all-received     | and {event.counts}    | and true",
                "all-received     | {event-in-window}     | e.{event.created_at} > :start and e.{event.created_at} < :end",
                "all-received     | {event-in-window}     | e.{event.created_at} >= :start and e.{event.created_at} <= :end",
                "received-columns | coalesce({event.octets}, 0) | coalesce(length(e.\"raw\"), 0)",
                "all-sent         | left join             | join",
                "all-sent         | {delivery-counts}     | d.{delivery.created_at} >= :start and d.{delivery.created_at} < :end",
                "all-sent         | with project as materialized ( | with project as materialized (select id from {projects} union all",
                "sent-columns     | coalesce({delivery.octets}, 0) | coalesce({event.octets} + 1, 0)",
            })
    void noticesAFlawInAStatement(String statement, String right, String flaw) {
        create(Layout.GATEWAY);
        // What the flaws need, whatever the seed, of a project that always counts: a delivery whose event is missing,
        // so that a join
        // loses it, an event at each edge of a window, and one of fewer characters than octets.
        String s = "\"" + schema + "\"";
        UsagePeriod window = windows.get(0);
        Database.execute(
                "insert into " + s + ".event_deliveries values ('d-lost', 'p1', 'none', 'Success', '" + window.start()
                        + "')",
                "insert into " + s + ".events values ('e-start', 'p1', 'é', '', '" + window.start() + "', null)",
                "insert into " + s + ".events values ('e-end', 'p1', 'é', '', '" + window.end() + "', null)");
        TableMapping mapping = Layout.GATEWAY.mapping(schema);
        PostgresRows behind = PostgresRows.of(Database.pool(), mapping);
        PostgresRows flawed = behind.with(new ChangedStatement(RowSql.SOURCE, statement, right, flaw));
        readAll(behind, statement);
        assertThatThrownBy(() -> readAll(flawed, statement))
                .as("seed %s", seed)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("the figure of the same snapshot is");
    }

    private void readAll(PostgresRows behind, String statement) {
        for (UsageKey key : keys()) {
            if (statement.contains("received")) {
                behind.readReceived(key, row -> {});
            } else {
                behind.readSent(key, row -> {});
            }
        }
    }

    private List<UsageKey> keys() {
        return rows.organisations().stream()
                .flatMap(organisation -> windows.stream().map(window -> new UsageKey(organisation, window)))
                .toList();
    }

    private void create(Layout layout) {
        SourceTables.write(schema, rows);
        layout.create(schema);
    }
}
