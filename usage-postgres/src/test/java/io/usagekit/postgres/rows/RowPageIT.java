package io.usagekit.postgres.rows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.testing.CapturedLog;
import io.usagekit.postgres.testing.ChangedStatement;
import io.usagekit.postgres.testing.Database;
import java.lang.reflect.Proxy;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Pages of rows: what they return while others write, and what they reject. */
class RowPageIT {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final UsageKey KEY = new UsageKey("org", MARCH);

    private PageTables tables;
    private PostgresRows behind;
    private int written;

    @BeforeEach
    void create() {
        tables = new PageTables();
        behind = PostgresRows.of(Database.pool(), tables.mapping());
    }

    @AfterEach
    void drop() {
        Database.dropSchema(tables.schema);
    }

    // While others write

    @Test
    void eachRowThatIsThereAllTheWhileComesOnce() {
        long seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("RowPageIT: -Dusagekit.seed=" + seed);
        Random random = new Random(seed);
        Set<String> before = ids(behind);
        for (EventOrder order : EventOrder.values()) {
            List<String> seen = pages(behind, order, 7, () -> write(random));
            assertThat(seen).as("order %s, seed %s", order, seed).doesNotHaveDuplicates();
            assertThat(seen).as("order %s, seed %s", order, seed).containsAll(before);
        }
        assertThat(ids(behind)).as("rows were written meanwhile").hasSizeGreaterThan(before.size());
    }

    @Test
    void rowsAddUpToTheFigureOfTheirSnapshotWhileOthersWrite() throws InterruptedException {
        Random random = new Random();
        Thread writer = new Thread(() -> IntStream.range(0, 100).forEach(n -> write(random)));
        writer.start();
        int sums = 0;
        while (writer.isAlive() || sums == 0) {
            List<SentRow> all = new ArrayList<>();
            RowSum sum = behind.readSent(KEY, all::add); // compares them with the figure
            assertThat(sum.rows().volume()).isEqualTo(all.size());
            sums++;
        }
        writer.join();
        assertThat(ids(behind)).as("rows were written meanwhile").hasSizeGreaterThan(200);
    }

    /** Adds and deletes rows between those that are there, at the same instants and at others; never one of those. */
    private void write(Random random) {
        int n = written++;
        String time = "timestamptz '2026-03-02Z' + " + random.nextInt(45) + " * interval '1 minute'";
        tables.run(
                "insert into {s}.event_deliveries values ('" + (random.nextBoolean() ? "a" : "z") + n + "', 'p2', 'e"
                        + (1 + random.nextInt(300)) + "', 'Success', " + time + ")",
                "delete from {s}.event_deliveries where id = 'a" + random.nextInt(n + 1) + "'",
                "update {s}.event_deliveries set status = case status when 'Success' then 'Failure' else 'Success' end"
                        + " where id = 'z" + random.nextInt(n + 1) + "'");
    }

    /** The negative control: a keyset condition on the time alone skips rows of one instant. */
    @Test
    void aConditionOnTheTimeAloneSkipsRows() {
        PostgresRows flawed = behind.with(new ChangedStatement(
                RowSql.SOURCE,
                "keyset-condition",
                "({row-time}, {row-id}) {comparison} (:boundary_at, :boundary_id)",
                "{row-time} {comparison} :boundary_at and :boundary_id::text is not null"));
        assertThat(pages(flawed, EventOrder.ASCENDING, 5))
                .hasSizeLessThan(ids(behind).size());
    }

    private static Set<String> ids(PostgresRows behind) {
        Set<String> ids = new TreeSet<>();
        behind.readSent(KEY, row -> ids.add(row.deliveryId()));
        return ids;
    }

    private static List<String> pages(PostgresRows behind, EventOrder order, int size) {
        return pages(behind, order, size, () -> {});
    }

    private static List<String> pages(PostgresRows behind, EventOrder order, int size, Runnable afterEach) {
        List<String> ids = new ArrayList<>();
        PageRequest first = PageRequest.first(size, order);
        for (Optional<PageRequest> next = Optional.of(first); next.isPresent(); ) {
            RowPage<SentRow> page = behind.sent(KEY, next.get());
            page.rows().forEach(row -> ids.add(row.deliveryId()));
            next = page.next().map(first::at);
            afterEach.run();
        }
        return ids;
    }

    // What a row says

    @Test
    void aDeliveryOfAMissingEventHasNoOctetsAndNamesIt() {
        tables.run(
                "delete from {s}.events where id = 'e1'",
                "update {s}.event_deliveries set event_id = null where id = 'd3'");
        List<SentRow> rows = new ArrayList<>();
        RowSum sum = behind.readSent(KEY, rows::add);
        assertThat(rows)
                .contains(
                        new SentRow(
                                "d1",
                                "p2",
                                Optional.of("e1"),
                                Instant.parse("2026-03-02T00:00:00Z"),
                                OptionalLong.empty()),
                        new SentRow(
                                "d3",
                                "p1",
                                Optional.empty(),
                                Instant.parse("2026-03-02T00:00:00Z"),
                                OptionalLong.empty()),
                        new SentRow(
                                "d4",
                                "p2",
                                Optional.of("e4"),
                                Instant.parse("2026-03-02T00:00:00Z"),
                                OptionalLong.of(4)));
        assertThat(sum.unmeasured()).isEqualTo(2);
    }

    @Test
    void rowsWithoutASizeAreShownWhereThereIsNoFigure() {
        tables.run("alter table {s}.events add size bigint", "update {s}.events set size = 7 where id <> 'e1'");
        PostgresRows stored = PostgresRows.of(
                Database.pool(),
                tables.mapping().toBuilder().payload().storedBytes("size").build());
        List<ReceivedRow> unknown = new ArrayList<>();
        RowSum sum = stored.readReceived(KEY, row -> {
            if (row.bytes().isEmpty()) {
                unknown.add(row);
            }
        });
        assertThat(unknown).extracting(ReceivedRow::eventId).containsExactly("e1");
        assertThat(sum).isEqualTo(new RowSum(new UsageMetrics(200, 199 * 7), 1, RetainedUsage.NONE));
    }

    @Test
    void idsOfAnyTypeComeInOneOrder() {
        tables.run(
                "alter table {s}.event_deliveries alter column event_id type bytea using event_id::bytea",
                "alter table {s}.events alter column id type bytea using id::bytea");
        try (HikariDataSource escaping =
                Database.newPool(1, pool -> pool.setConnectionInitSql("set bytea_output = 'escape'"))) {
            PostgresRows escaped = PostgresRows.of(escaping, tables.mapping());
            List<ReceivedRow> rows = new ArrayList<>();
            escaped.readReceived(KEY, rows::add);
            assertThat(rows.get(0).eventId()).startsWith("\\x65");
            assertThat(RowPages.all(
                            request -> escaped.received(KEY, request), PageRequest.first(7, EventOrder.ASCENDING)))
                    .isEqualTo(rows);
        }
    }

    @Test
    void idsThatAreLongFitIntoACursor() {
        tables.run("update {s}.event_deliveries set id = repeat('é', 500) || id");
        assertThat(RowPages.all(request -> behind.sent(KEY, request), PageRequest.first(50, EventOrder.DESCENDING)))
                .hasSize(200);
    }

    // What is rejected

    @Test
    void rejectsACursorBeforeItConnects() {
        PageRequest first = PageRequest.first(5, EventOrder.ASCENDING);
        String cursor = behind.sent(KEY, first).next().orElseThrow();
        DataSource none = (DataSource) Proxy.newProxyInstance(
                DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    throw new AssertionError("connected");
                });
        PostgresRows unconnected = PostgresRows.of(none, tables.mapping());
        assertThatThrownBy(() -> unconnected.sent(KEY, first.at("made up")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("cursor must be one that this library has given out");
        assertThatThrownBy(() -> unconnected.received(KEY, first.at(cursor)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("figure that it was given out for");
        assertThatThrownBy(() -> unconnected.sent(new UsageKey("other", MARCH), first.at(cursor)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> unconnected.sent(KEY, new PageRequest(5, EventOrder.DESCENDING, Optional.of(cursor))))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> PageRequest.first(PageRequest.MAX_SIZE + 1, EventOrder.ASCENDING))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1000");
    }

    @Test
    void rejectsAnOrganisationThatTheColumnCantHold() {
        tables.run("alter table {s}.projects alter column organisation_id type uuid using md5(organisation_id)::uuid");
        assertThatThrownBy(() -> behind.received(KEY, PageRequest.first(5, EventOrder.ASCENDING)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("org")
                .hasMessageContaining("uuid");
        String id = Database.query("select upper(md5('org'))");
        assertThat(behind.readReceived(new UsageKey(id, MARCH), row -> {})
                        .rows()
                        .volume())
                .isEqualTo(200);
    }

    @Test
    void namesTheColumnThatTellsDeliveriesApart() {
        tables.run("alter table {s}.event_deliveries drop column id");
        assertThatThrownBy(() -> behind.sent(KEY, PageRequest.first(5, EventOrder.ASCENDING)))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll(
                        "\"event_deliveries\" has no column \"id\" (mapped as deliveryId)", "map deliveryId");
        assertThat(behind.received(KEY, PageRequest.first(5, EventOrder.ASCENDING))
                        .rows())
                .hasSize(5);
        PostgresRows mapped = PostgresRows.of(
                Database.pool(),
                tables.mapping().toBuilder().deliveryId("event_id").build());
        assertThat(mapped.readSent(KEY, row -> {}).rows().volume()).isEqualTo(200);
    }

    @Test
    void rejectsPagesOfDeliveriesThatAreAlike() {
        tables.run(
                "insert into {s}.event_deliveries select d.* from {s}.event_deliveries d, generate_series(1, 2) n where id = 'd4'");
        assertThatThrownBy(() -> pages(behind, EventOrder.ASCENDING, 1))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll(
                        "several have the id \"d4\"", "2026-03-02T00:00:00Z", "map an id that differs");
        assertThat(behind.readSent(KEY, row -> {}).rows().volume()).isEqualTo(202);
    }

    /** Each of their deliveries counts twice, so that a page would end between the two. */
    @Test
    void rejectsPagesOfDeliveriesWhoseEventIsThereTwice() {
        tables.run(
                "alter table {s}.events drop constraint events_pkey",
                "insert into {s}.events select * from {s}.events where id in ('e9', 'e10')");
        assertThatThrownBy(() -> pages(behind, EventOrder.ASCENDING, 200))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll("several have the id \"d10\"", "several events of one id");
        for (int size : List.of(1, 2, 3, 7)) {
            assertThatThrownBy(() -> pages(behind, EventOrder.ASCENDING, size))
                    .as("pages of %s rows", size)
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("several events of one id");
        }
        assertThat(behind.readSent(KEY, row -> {}).rows().volume()).isEqualTo(202);
    }

    @Test
    void namesSizesWhoseSumIsTooLarge() {
        tables.run(
                "alter table {s}.events add size bigint default 1",
                "update {s}.events set size = " + Long.MAX_VALUE + " where id in ('e4', 'e5')");
        PostgresRows stored = PostgresRows.of(
                Database.pool(),
                tables.mapping().toBuilder().payload().storedBytes("size").build());
        assertThatThrownBy(() -> stored.readReceived(KEY, row -> {}))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll(
                        "the rows of \"org\"", "exceed 9223372036854775807", "correct the stored sizes");
        assertThat(stored.received(KEY, PageRequest.first(10, EventOrder.ASCENDING))
                        .rows())
                .hasSize(10);
    }

    @Test
    void namesIndexesThatAreMissingOnce() {
        try (CapturedLog log = CapturedLog.of(PostgresUsage.class)) {
            behind.received(KEY, PageRequest.first(5, EventOrder.ASCENDING));
            behind.sent(KEY, PageRequest.first(5, EventOrder.ASCENDING));
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("\"events\" (\"project_id\", \"created_at\")", "\"event_deliveries\"", "installIndexes");
        }
        PostgresUsage.installIndexes(Database.pool(), tables.mapping());
        try (CapturedLog log = CapturedLog.of(PostgresUsage.class)) {
            PostgresRows.of(Database.pool(), tables.mapping())
                    .received(KEY, PageRequest.first(5, EventOrder.ASCENDING));
            assertThat(log.lines("WARN")).isEmpty();
        }
    }

    @Test
    void namesATableThatIsMissing() {
        tables.run("drop table {s}.event_deliveries");
        assertThatThrownBy(() -> behind.received(KEY, PageRequest.first(5, EventOrder.ASCENDING)))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("there is no table")
                .hasMessageContaining("(mapped as deliveries)");
    }

    @Test
    void aStoredSizeThatIsNoneIsNoSize() {
        tables.run(
                "alter table {s}.events add size bigint default 1", "update {s}.events set size = -1 where id = 'e4'");
        PostgresRows stored = PostgresRows.of(
                Database.pool(),
                tables.mapping().toBuilder().storedBytes("size").build());
        List<ReceivedRow> unknown = new ArrayList<>();
        RowSum sum = stored.readReceived(KEY, row -> {
            if (row.bytes().isEmpty()) {
                unknown.add(row);
            }
        });
        assertThat(unknown).extracting(ReceivedRow::eventId).containsExactly("e4");
        assertThat(sum).isEqualTo(new RowSum(new UsageMetrics(200, 199), 1, RetainedUsage.NONE));
    }

    @Test
    void noticesEventsOfOneId() {
        tables.run(
                "alter table {s}.events drop constraint events_pkey",
                "insert into {s}.events select id, project_id, raw, data, created_at - interval '2 months', deleted_at"
                        + " from {s}.events where id = 'e4'");
        assertThatThrownBy(() -> behind.readSent(KEY, row -> {}))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll("are 201 of", "the figure of the same snapshot is 200 of", "unique");
    }
}
