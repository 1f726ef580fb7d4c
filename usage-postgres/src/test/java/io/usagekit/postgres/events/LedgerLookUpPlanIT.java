package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.events.Source;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.testing.Commits;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Look-ups by id and key in tables with a partition for each day: they read the partitions of the rows only, and find what isn't entered as well. */
class LedgerLookUpPlanIT {

    /** Of a look-up: the entries of the id, the row's partition, which is planned for, and its row. */
    private static final long MOST_BUFFERS = 60;

    private static PartitionedLedger tables;
    private static EventRepository ledger;

    @BeforeAll
    static void fill() {
        tables = PartitionedLedger.install("look_ups");
        ledger = tables.ledger();
        tables.partition(PartitionInterval.DAY);
        tables.enter();
        ledger.save(new Source("s", "p", "", ""));
        for (int day = 0; day < PartitionedLedger.DAYS; day += 10) {
            ledger.record(PartitionedLedger.event("e" + day, day)
                    .idempotencyKey("key" + day)
                    .sourceId("s")
                    .endpointIds(List.of("one"))
                    .build());
            ledger.recordDeliveries(List.of(PartitionedLedger.delivery("d" + day, "e" + day, day)));
        }
        analyze();
    }

    private static void analyze() {
        Database.execute("analyze " + tables.table("events"), "analyze " + tables.table("event_deliveries"));
    }

    @AfterAll
    static void drop() {
        tables.drop();
    }

    private interface LookUp {
        Object in(EventRepository events, DeliveryRepository deliveries);
    }

    /** Look-ups of rows of a day, by what they are. */
    private static Map<String, LookUp> lookUps(int day) {
        String event = "e" + day;
        String delivery = "d" + day;
        Map<String, LookUp> lookUps = new LinkedHashMap<>();
        lookUps.put("event", (events, deliveries) -> events.find("p", event).isPresent());
        lookUps.put(
                "source",
                (events, deliveries) -> events.findWithSource("p", event).isPresent());
        lookUps.put(
                "key",
                (events, deliveries) -> events.findFirst("p", "key" + day).isPresent());
        lookUps.put("recorded key", (events, deliveries) -> events.isRecorded("p", "key" + day));
        lookUps.put(
                "endpoints",
                (events, deliveries) -> !events.endpointIds("p", event).isEmpty());
        lookUps.put("new endpoints", (events, deliveries) -> events.updateEndpoints("p", event, List.of("two")));
        lookUps.put("status", (events, deliveries) -> events.updateStatus("p", event, "new"));
        lookUps.put(
                "delivery",
                (events, deliveries) -> events.findDelivery("p", delivery).isPresent());
        lookUps.put(
                "deliveries",
                (events, deliveries) ->
                        !deliveries.findAll("p", List.of(delivery, "none")).isEmpty());
        lookUps.put("delivery's status", (events, deliveries) -> events.updateDeliveryStatus("p", delivery, "new"));
        lookUps.put(
                "delivery's failure",
                (events, deliveries) -> events.updateDeliveryStatus("p", delivery, "Failure", "no answer"));
        return lookUps;
    }

    /** The buffers of each look-up of a day, which finds something or nothing, in a session of its own. */
    private static Map<String, Long> buffers(int day, boolean isFound) {
        Map<String, Long> buffers = new LinkedHashMap<>();
        lookUps(day).forEach((name, lookUp) -> {
            try (HikariDataSource one = Database.newPool(1)) {
                PostgresLedger postgres = PostgresLedger.of(
                        Commits.watched(
                                one,
                                connection -> buffers.put(name, LedgerTables.buffers(connection, tables.schema()))),
                        tables.schema());
                assertThat(lookUp.in(postgres.repository(), postgres.deliveries()))
                        .as(name)
                        .isEqualTo(isFound);
            }
        });
        if (Boolean.getBoolean("usagekit.plan.print")) {
            System.out.println("day " + day + ": " + buffers);
        }
        return buffers;
    }

    @Test
    void readFewBuffersOfTheOtherPartitions() {
        assertThat(buffers(20, true).values()).allMatch(read -> read <= MOST_BUFFERS);
        assertThat(buffers(21, false).values()).as("of rows that aren't there").allMatch(read -> read <= MOST_BUFFERS);
    }

    /** Where many rows have one time, an index of project and time has all of them. */
    @Test
    void readFewBuffersOfOneTimeWithoutStatistics() {
        String rows = " from generate_series(1, 5000) n";
        Database.execute(
                "insert into " + tables.table("events") + " (id, project_id, idempotency_key, created_at)"
                        + " select 'same' || n, 'p', 'same' || n, '2026-03-01Z'" + rows,
                "insert into " + tables.table("event_deliveries")
                        + " (id, project_id, event_id, status, created_at)"
                        + " select 'same' || n, 'p', 'same' || n, '', '2026-03-01Z'" + rows,
                "delete from pg_statistic where starelid in (select inhrelid from pg_inherits)");
        assertThat(buffers(0, true).values())
                .as("indexes have a level more")
                .allMatch(read -> read <= 2 * MOST_BUFFERS);
        analyze();
    }

    @Test
    void findRowsThatAreNotWhereTheirEntriesSay() {
        for (String name : List.of("events", "event_deliveries")) {
            Database.execute("update " + tables.table(name + "_ids")
                    + " set created_at = '2026-03-04Z' where id in ('e10', 'd10')");
        }
        assertFinds(10);
    }

    private static void assertFinds(int day) {
        assertThat(ledger.find("p", "e" + day)).isPresent();
        assertThat(ledger.findFirst("p", "key" + day)).isPresent();
        assertThat(ledger.updateStatus("p", "e" + day, "new")).isTrue();
        assertThat(ledger.findDelivery("p", "d" + day)).isPresent();
    }

    @Test
    void findRowsThatAreNotEntered() {
        for (String name : List.of("events", "event_deliveries")) {
            Database.execute(
                    "delete from " + tables.table(name + "_ids") + " where id in ('e30', 'd30')",
                    "update " + tables.table(name + "_ids_partitions") + " set partitions = '{}', attached_by = '{}'");
        }
        assertThat(tables.areIdsEntered()).isFalse();
        assertFinds(30);
        tables.enter();
        assertThat(tables.areIdsEntered()).isTrue();
    }

    /** As a host may keep old events. */
    @Test
    void findRowsOfTablesThatInherit() {
        String schema = LedgerTables.install("inherited");
        String old = Identifiers.qualified(schema, "old_events");
        EventRepository inherited = PostgresLedger.of(Database.pool(), schema).repository();
        inherited.save(new Project("p", "org-1", ""));
        Database.execute(
                "create table " + old + " () inherits (" + Identifiers.qualified(schema, "events") + ")",
                "insert into " + old + " (id, project_id, event_type, raw, idempotency_key, created_at)"
                        + " values ('e', 'p', '', '', 'key', '2026-03-01Z')");
        assertThat(inherited.find("p", "e")).isPresent();
        assertThat(inherited.findFirst("p", "key")).isPresent();
        assertThat(inherited.updateStatus("p", "e", "new")).isTrue();
        assertThat(inherited.isRecorded("p", "key")).isTrue();
        NewEvent again = NewEvent.builder("p", "again").idempotencyKey("key").build();
        assertThat(inherited.record(again).duplicate()).isTrue();
        Database.dropSchema(schema);
    }

    /** Those of an export of all projects. */
    @Test
    void walkProjectsByAnIndex() throws SQLException {
        String schema = LedgerTables.install("walked");
        Database.execute(
                "insert into " + Identifiers.qualified(schema, "projects")
                        + " (id, organisation_id) select 'p' || n, 'o' from generate_series(1, 20000) n",
                "vacuum analyze " + Identifiers.qualified(schema, "projects"));
        try (Connection connection = Database.pool().getConnection()) {
            connection.setAutoCommit(false);
            long before = LedgerTables.buffers(connection, schema);
            List<String> ids = LedgerSql.in(schema, ProjectScope.ALIVE)
                    .call(connection, LedgerStatement.LIST_NEXT_PROJECTS)
                    .text("after", "p19998")
                    .number("limit", 3)
                    .list(row -> row.text("id"));
            assertThat(ids).containsExactly("p19999", "p2", "p20");
            assertThat(LedgerTables.buffers(connection, schema) - before).isLessThanOrEqualTo(MOST_BUFFERS);
            connection.rollback();
        } finally {
            Database.dropSchema(schema);
        }
    }
}
