package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryCount;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Buffers of pages and counts of deliveries. {@code -Dusagekit.plan.events=1000000} checks the same over many deliveries. */
class DeliveryPagePlanIT {

    private static final int DELIVERIES = Integer.getInteger("usagekit.plan.events", 20_000);
    private static final int PAGE = 20;
    private static final int STATUSES = 4;
    private static final String PROJECT = "project-1";

    private String schema = "";

    @BeforeEach
    void install() {
        schema = LedgerTables.install("delivery_plan");
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_partitions");
    }

    /**
     * Nine tenths of the deliveries of 90 days are sent, and the first one has a status of its own. An endpoint without id has a tenth of
     * all, of which only the first is sent; others have one in 1,000 each.
     */
    private void fill() {
        String s = Identifiers.quote(schema);
        Database.execute(
                "insert into " + s
                        + ".projects (id, organisation_id) select 'project-' || n, 'org-1' from generate_series(1, 2) n",
                "insert into " + s + ".events (id, project_id, created_at) select 'event-' || n, 'project-1',"
                        + " timestamptz '2026-01-01Z' from generate_series(0, " + DELIVERIES / 4 + ") n",
                "insert into " + s + ".event_deliveries (id, project_id, event_id, endpoint_id, status, created_at)"
                        + " select 'delivery-' || n, 'project-' || (1 + (n % 7 = 3)::int), 'event-' || n / 4,"
                        + " case when n % 10 = 0 then '' else 'endpoint-' || n % 1000 end,"
                        + " case when n = 1 then 'Rare' when n % 10 > 0 or n = 0 then 'Success'"
                        + " when n % 20 = 0 then 'Failure' else 'Retry' end,"
                        + " timestamptz '2026-01-01Z' + n * interval '90 days' / " + DELIVERIES
                        + " from generate_series(0, " + (DELIVERIES - 1) + ") n");
    }

    private static Map<String, DeliveryFilter.Builder> filters() {
        EventWindow window =
                EventWindow.between(Instant.parse("2026-01-20T00:00:00Z"), Instant.parse("2026-03-10T00:00:00Z"));
        Map<String, DeliveryFilter.Builder> filters = new LinkedHashMap<>();
        filters.put("none", DeliveryFilter.builder());
        filters.put("window", DeliveryFilter.builder().window(window));
        filters.put("an event", DeliveryFilter.builder().eventId("event-" + DELIVERIES / 8));
        filters.put("an event that isn't there", DeliveryFilter.builder().eventId("none"));
        filters.put(
                "an event and a status",
                DeliveryFilter.builder().eventId("event-" + DELIVERIES / 8).statuses(List.of(Delivery.SUCCESS)));
        filters.put("one endpoint of 1,000", DeliveryFilter.builder().endpointId("endpoint-7"));
        filters.put("an endpoint that isn't there", DeliveryFilter.builder().endpointId("none"));
        filters.put("an endpoint with a tenth", DeliveryFilter.builder().endpointId(""));
        filters.put("sent", DeliveryFilter.builder().statuses(List.of(Delivery.SUCCESS)));
        filters.put("failed or to be repeated", DeliveryFilter.builder().statuses(List.of("Failure", "Retry")));
        filters.put(
                "failed in a window",
                DeliveryFilter.builder().statuses(List.of("Failure")).window(window));
        filters.put("a rare status", DeliveryFilter.builder().statuses(List.of("Rare")));
        filters.put(
                "the only one that an endpoint was sent",
                DeliveryFilter.builder().endpointId("").statuses(List.of(Delivery.SUCCESS)));
        filters.put(
                "sent by an endpoint of 1,000",
                DeliveryFilter.builder().endpointId("endpoint-7").statuses(List.of(Delivery.SUCCESS)));
        filters.put(
                "failed at an endpoint in a window",
                DeliveryFilter.builder()
                        .endpointId("")
                        .statuses(List.of("Failure"))
                        .window(window));
        return filters;
    }

    @Test
    void readsFewBuffersForEveryPage() throws SQLException {
        fill();
        Database.execute("vacuum (analyze) " + Identifiers.qualified(schema, "event_deliveries"));
        assertThat(pagesOfMoreThan(200 + 10 * (PAGE + 1), filters())).isEmpty();
    }

    /** The statuses of deliveries have an index that looks as good. */
    @Test
    void readsDeliveriesOfAnEventByItsIdWithoutStatistics() throws SQLException {
        fill();
        Map<String, DeliveryFilter.Builder> ofEvents = filters();
        ofEvents.values().removeIf(filter -> filter.build().eventId().isEmpty());
        assertThat(ofEvents).hasSize(3);
        assertThat(pagesOfMoreThan(PAGE, ofEvents)).isEmpty();
    }

    /** A day has 190 deliveries of the project, and the index of their statuses 17,000 entries. */
    @Test
    void readsTheWindowOfACountOnly() throws SQLException {
        fill();
        Database.execute("vacuum (analyze) " + Identifiers.qualified(schema, "event_deliveries"));
        DeliveryFilter.Builder day = DeliveryFilter.builder()
                .window(EventWindow.between(
                        Instant.parse("2026-02-10T00:00:00Z"), Instant.parse("2026-02-11T00:00:00Z")));
        Set<DeliveryCount.Property> all = EnumSet.allOf(DeliveryCount.Property.class);
        try (HikariDataSource one = Database.newPool(1);
                Connection connection = one.getConnection()) {
            connection.setAutoCommit(false);
            DeliveryRepository counts = PostgresLedger.of(one, schema).deliveries(connection);
            long before = LedgerTables.buffers(connection, schema);
            long counted = counts.count(PROJECT, day.build(), all).stream()
                    .mapToLong(DeliveryCount::deliveries)
                    .sum();
            assertThat(LedgerTables.buffers(connection, schema) - before).isLessThanOrEqualTo(60);
            assertThat(counted).isBetween(DELIVERIES / 90L * 5 / 6, DELIVERIES / 90L);
            connection.rollback();
        }
    }

    /** In each partition a status and its rows are looked up by themselves. */
    @Test
    void readsFewBuffersOfEachPartition() throws SQLException {
        fill();
        PostgresPartitions partitions = PostgresPartitions.builder(Database.pool())
                .mapping(TableMapping.usagekit(schema))
                .clock(ManualClock.at("2026-03-31T00:00:00Z"))
                .build();
        partitions.partition(PartitionInterval.MONTH, new PartitionProgress() {});
        int tables = partitions.status().deliveries().partitions().size();
        assertThat(tables).isGreaterThan(3);
        Database.execute("analyze " + Identifiers.qualified(schema, "event_deliveries"));
        assertThat(pagesOfMoreThan(200 + 10 * (PAGE + 1) + 3L * tables * (STATUSES + 1), filters()))
                .isEmpty();
    }

    /** Reads the first and second pages of filters; returns the buffers of those that read too many. */
    private Map<String, Long> pagesOfMoreThan(long buffers, Map<String, DeliveryFilter.Builder> filters)
            throws SQLException {
        try (HikariDataSource one = Database.newPool(1);
                Connection connection = one.getConnection()) {
            connection.setAutoCommit(false);
            connection.createStatement().execute("set jit = off");
            DeliveryRepository pages = PostgresLedger.of(one, schema).deliveries(connection);
            Map<String, Long> tooMany = new LinkedHashMap<>();
            filters.forEach((name, filter) -> {
                PageRequest request = PageRequest.first(PAGE, EventOrder.DESCENDING);
                for (String which : List.of("first", "second")) {
                    long before = LedgerTables.buffers(connection, schema);
                    Page<Delivery> page = pages.page(PROJECT, filter.build(), request);
                    long read = LedgerTables.buffers(connection, schema) - before;
                    if (Boolean.getBoolean("usagekit.plan.print")) {
                        System.out.println(which + " page, " + name + ": " + read + " for "
                                + page.items().size());
                    }
                    if (read > buffers) {
                        tooMany.put("the " + which + " page, " + name, read);
                    }
                    request = page.next().map(request::at).orElse(request);
                }
            });
            connection.rollback();
            return tooMany;
        }
    }
}
