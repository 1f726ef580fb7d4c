package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.Delivery;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.Project;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Deliveries in partitions: their ids are entered as those of events are, and their events are found by entries. */
class LedgerPartitionDeliveriesIT {

    private PartitionedLedger tables;
    private String deliveries;
    private EventRepository ledger;

    @BeforeEach
    void install() {
        tables = PartitionedLedger.install("deliveries");
        deliveries = tables.table("event_deliveries");
        ledger = tables.ledger();
    }

    @AfterEach
    void drop() {
        tables.drop();
    }

    /** Partitions the tables, from an event and its delivery on that have the id {@code first}. */
    private void partition(PartitionInterval interval) {
        ledger.record(PartitionedLedger.event("first", 0).build());
        deliver("first", "first", 0);
        tables.rewrite(interval);
    }

    private void deliver(String id, String eventId, int day) {
        ledger.recordDeliveries(List.of(PartitionedLedger.delivery(id, eventId, day)));
    }

    private void assertTaken(String id, int day) {
        assertThatThrownBy(() -> deliver(id, "first", day))
                .isInstanceOf(EventLedgerException.class)
                .hasMessageContaining("the id \"" + id + "\" is taken");
    }

    private List<String> entries() {
        return Database.column("select id || ' ' || (created_at at time zone 'UTC')::date from "
                + tables.table("event_deliveries_ids") + " order by 1");
    }

    private String areIdsEntered() {
        return Database.query("select " + tables.table("usagekit_deliveries_are_ids_entered") + "()::text");
    }

    @Test
    void haveEntriesThatFollowThem() {
        partition(PartitionInterval.MONTH);
        assertThat(entries()).as("where none is recorded into partitions").isEmpty();
        deliver("second", "first", 40);
        assertThat(areIdsEntered()).as("by the recording").isEqualTo("true");
        assertThat(entries()).containsExactly("first 2026-03-01", "second 2026-04-10");
        assertTaken("first", 40);
        assertTaken("second", 0);
        assertThatThrownBy(
                        () -> Database.execute(
                                "insert into " + deliveries
                                        + " (id, project_id, event_id, status, created_at) values ('second', 'p', 'first', '', '2026-03-01Z')"))
                .hasMessageContaining("the id \"second\" is taken");
        Database.execute(
                "update " + deliveries + " set created_at = created_at + interval '1 month' where id = 'first'",
                "update " + deliveries + " set status = 'Failed' where id = 'second'",
                "update " + deliveries + " set id = 'renamed' where id = 'second'");
        assertThat(entries()).containsExactly("first 2026-04-01", "renamed 2026-04-10");
        Database.execute("delete from " + deliveries + " where id = 'first'");
        deliver("first", "first", 0);
        tables.unpartition();
        tables.enter();
        assertThat(entries()).as("where the table isn't partitioned any more").isEmpty();
    }

    @Test
    void areUniqueInRaces() throws Exception {
        partition(PartitionInterval.MONTH);
        tables.enter();
        tables.race(
                first -> first.recordDeliveries(List.of(PartitionedLedger.delivery("second", "first", 0))),
                true,
                () -> assertTaken("second", 40));
    }

    /** Also where the event has no entry, or where an entry says that it is in another place. */
    @Test
    void findTheirEvents() {
        partition(PartitionInterval.MONTH);
        tables.enter();
        ledger.record(PartitionedLedger.event("second", 40).build());
        ledger.save(new Project("other", "org-1", ""));
        ledger.recordDeliveries(List.of(
                PartitionedLedger.delivery("a", "second", 0),
                PartitionedLedger.delivery("b", "first", 40),
                PartitionedLedger.delivery("c", "first", 0)));
        assertThatThrownBy(() -> ledger.recordDeliveries(
                        List.of(new NewDelivery("d", "other", "first", "", Delivery.SUCCESS, Optional.empty()))))
                .hasMessageContaining("there is no event \"first\" in the project \"other\"");
        assertThatThrownBy(() -> deliver("d", "missing", 0)).hasMessageContaining("there is no event \"missing\"");

        tables.insertUnentered("id, project_id, created_at", "values ('unentered', 'p', '2026-03-01Z')");
        Database.execute(
                "update " + tables.table("events_ids") + " set created_at = '2026-04-01Z' where id = 'second'");
        ledger.recordDeliveries(List.of(
                PartitionedLedger.delivery("d", "unentered", 0),
                PartitionedLedger.delivery("e", "second", 0),
                PartitionedLedger.delivery("f", "first", 0)));
        assertThat(Database.column("select id from " + deliveries + " order by 1"))
                .containsExactly("a", "b", "c", "d", "e", "f", "first");
    }

    /** A delivery that SQL inserts beside the deletion of its event keeps the event, as in a plain table. */
    @Test
    void keepTheirEvents() throws Exception {
        partition(PartitionInterval.MONTH);
        tables.enter();
        ledger.record(PartitionedLedger.event("second", 40).build());
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection first = Database.pool().getConnection();
                Statement statement = first.createStatement()) {
            first.setAutoCommit(false);
            statement.execute(
                    "insert into " + deliveries
                            + " (id, project_id, event_id, status, created_at) values ('second', 'p', 'second', '', '2026-04-10Z')");
            Future<Long> deletion = thread.submit(() -> ledger.deleteForGood("p", EventWindow.ALL));
            Database.awaitASessionThatWaitsFor(first);
            first.commit();
            assertThat(deletion.get(30, TimeUnit.SECONDS)).isZero();
        } finally {
            thread.shutdownNow();
        }
        assertThatThrownBy(() -> Database.execute("insert into " + deliveries
                        + " (id, project_id, event_id, status, created_at) values ('x', 'p', 'missing', '', now())"))
                .hasMessageContaining("violates foreign key constraint");
    }

    /** One function has the privileges of its caller, the other one locks what its caller may not. */
    @Test
    void aLockOfEventsNeedsThePrivilege() throws SQLException {
        partition(PartitionInterval.MONTH);
        tables.enter();
        String role = tables.schema() + "_role";
        Database.execute(
                "create role " + role,
                "grant usage on schema " + Identifiers.quote(tables.schema()) + " to " + role,
                "grant select on " + tables.table("events") + ", " + tables.table("events_ids") + " to " + role);
        try (HikariDataSource pool = Database.newPool(1, config -> config.setConnectionInitSql("set role " + role));
                Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            assertThatThrownBy(() -> statement.execute(
                            "select " + tables.table("usagekit_lock_events") + "(array['p'], array['first'])"))
                    .hasMessageContaining("permission denied for table events");
            assertThatThrownBy(
                            () -> statement.execute("select " + tables.table("usagekit_lock_ids") + "(array['first'])"))
                    .hasMessageContaining("permission denied to delete events");
        } finally {
            Database.execute("drop owned by " + role, "drop role " + role);
        }
    }

    /** A list that waits for a delivery of another transaction has inserted none which that one records later. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void areRecordedInOneOrder(boolean isPartitioned) throws Exception {
        if (isPartitioned) {
            partition(PartitionInterval.MONTH);
            tables.enter();
        } else {
            ledger.record(PartitionedLedger.event("first", 0).build());
        }
        List<NewDelivery> list =
                List.of(PartitionedLedger.delivery("b", "first", 0), PartitionedLedger.delivery("a", "first", 0));
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection first = Database.pool().getConnection()) {
            first.setAutoCommit(false);
            EventRepository open =
                    PostgresLedger.of(Database.pool(), tables.schema()).repository(first);
            open.recordDeliveries(list.subList(1, 2));
            Future<?> waiting = thread.submit(() ->
                    assertThatThrownBy(() -> ledger.recordDeliveries(list)).hasMessageNotContaining("deadlock"));
            Database.awaitASessionThatWaitsFor(first);
            open.recordDeliveries(list.subList(0, 1));
            first.commit();
            waiting.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
        assertThat(Database.column("select id from " + deliveries + " where id < 'first' order by id"))
                .containsExactly("a", "b");
    }

    /** Whatever the statistics say, recording into many partitions reads about as many buffers as into a plain table. */
    @Test
    void spareALookIntoAllPartitions() {
        PartitionedLedger.Reads plain = readsOfAList("plain");
        partition(PartitionInterval.DAY);
        assertThat(readsOfAList("unentered").looks()).isEqualTo(1);
        tables.enter();
        Database.execute("delete from pg_statistic where starelid in (select inhrelid from pg_inherits)");
        readsOfAList("before");
        PartitionedLedger.Reads partitioned = readsOfAList("partitioned");
        assertThat(partitioned.looks()).isZero();
        assertThat(partitioned.buffers()).isLessThan(3 * plain.buffers());
    }

    /** What is read by a call that records deliveries of as many events. */
    private PartitionedLedger.Reads readsOfAList(String prefix) {
        ledger.recordAll(IntStream.range(0, 100)
                .mapToObj(n -> PartitionedLedger.event(prefix + n, 1).build())
                .toList());
        return tables.reads(recording -> recording.recordDeliveries(IntStream.range(0, 100)
                .mapToObj(n -> PartitionedLedger.delivery(prefix + n, prefix + n, 1))
                .toList()));
    }
}
