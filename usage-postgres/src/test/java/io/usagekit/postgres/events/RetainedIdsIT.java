package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The ids of what retention deletes: which are retained, for how long, and beside other transactions. */
class RetainedIdsIT {

    private RetainingLedger retaining;
    private PartitionedLedger tables;
    private String events;
    private EventRepository ledger;

    @BeforeEach
    void install() {
        retaining = RetainingLedger.install();
        tables = retaining.tables();
        events = tables.table("events");
        ledger = retaining.ledger();
    }

    @AfterEach
    void drop() {
        retaining.drop();
    }

    private static NewEvent event(String id, int day, String key) {
        return PartitionedLedger.event(id, day).idempotencyKey(key).build();
    }

    private void assertTaken(Runnable recording) {
        assertThatThrownBy(recording::run)
                .isInstanceOf(EventLedgerException.class)
                .hasMessageContaining("is taken");
    }

    /** A delivery that retention has deleted, of an event that stays, since another delivery of it does. */
    @Test
    void areThoseOfDeliveriesToo() {
        ledger.record(event("a", 0, ""));
        ledger.recordDeliveries(
                List.of(PartitionedLedger.delivery("old", "a", 1), PartitionedLedger.delivery("new", "a", 9)));
        retaining.deleteBefore(5);
        assertThat(ledger.find("p", "a")).isPresent();
        assertThat(retaining.retained()).containsExactly("deliveries old");
        assertTaken(() -> ledger.recordDeliveries(List.of(PartitionedLedger.delivery("old", "a", 20))));
        retaining.retainIdsFor(Duration.ZERO);
        assertThat(retaining.retained()).isEmpty();
        ledger.recordDeliveries(List.of(PartitionedLedger.delivery("old", "a", 20)));
    }

    /** Nothing of an event but its id, project and a digest of its key; of what a host or the ledger deletes for good nothing at all. */
    @Test
    void areAllThatIsRetained() {
        ledger.recordAll(List.of(
                event("deleted by the ledger", 0, "key"),
                event("deleted by the host", 1, "other key"),
                event("a", 1, "the key"),
                event("repeats", 1, "the key")));
        ledger.deleteForGood("p", EventWindow.before(RetainingLedger.day(1)));
        Database.execute("delete from " + events + " where id = 'deleted by the host'");
        assertThat(retaining.retained()).isEmpty();
        retaining.deleteBefore(2);
        assertThat(Database.column("select id || ' ' || project_id || ' '"
                        + " || coalesce((key_digest = sha256('the key'))::text, 'no key') || ' '"
                        + " || (retained_until - now() between interval '29 days' and interval '30 days') from "
                        + tables.table("retained_ids") + " order by 1"))
                .containsExactly("a p true true", "repeats p no key true");
        assertThat(Database.column(
                        "select column_name::text from information_schema.columns where table_schema = ?"
                                + " and table_name = 'retained_ids' order by 1",
                        tables.schema()))
                .containsExactly("id", "key_digest", "project_id", "retained_until", "role");
    }

    /** By SQL as well, where ids aren't entered, and by triggers that come back to a plain table. The random test has the other tables. */
    @ParameterizedTest
    @ValueSource(strings = {"partitioned", "plain again"})
    void areTakenInAnyTable(String table) {
        ledger.record(event("a", 0, "key"));
        tables.partition(PartitionInterval.WEEK);
        if (table.equals("plain again")) {
            tables.unpartition();
        }
        retaining.deleteBefore(10);
        assertThat(retaining.retained()).contains("events a");
        assertTaken(() -> ledger.record(event("a", 20, "")));
        assertTaken(() -> ledger.recordAll(List.of(event("b", 20, ""), event("a", 20, ""))));
        assertThat(ledger.recordNew(List.of(event("b", 20, ""), event("a", 20, "")))
                        .recordedAlready())
                .containsExactly("a");
        assertThatThrownBy(() -> Database.execute(
                        "insert into " + events + " (id, project_id, created_at) values ('a', 'p', '2026-03-20Z')"))
                .hasMessageContaining("the id \"a\" is taken");
        assertThat(ledger.record(event("c", 20, "key")).duplicate()).isTrue();
        assertThat(ledger.recordAll(List.of(event("d", 20, "key"), event("e", 20, "key"), event("f", 20, "new"))))
                .extracting(e -> e.duplicate())
                .containsExactly(true, true, false);
    }

    /** The time is that of the deletion and the setting then; retention deletes ids whose time is over. */
    @Test
    void areDeletedByRetentionOnceTheirTimeIsOver() {
        ledger.recordAll(List.of(event("a", 0, "key"), event("b", 1, "")));
        retaining.deleteBefore(1);
        Database.execute("update " + tables.table("retained_ids") + " set retained_until = now()");
        assertThat(ledger.record(event("a", 1, "key")).duplicate())
                .as("after its time")
                .isFalse();
        assertThat(retaining.retained()).containsExactly("events a");
        Database.execute("update " + tables.table("retained_ids") + " set id = 'over'");
        retaining.deleteBefore(2);
        assertThat(retaining.retained()).containsExactly("events a", "events b");
    }

    /** More than a statement of retention deletes, beside tables without old rows. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void areDeletedWhereRetentionFindsNothingToDelete(boolean isPartitioned) {
        if (isPartitioned) {
            tables.partition(PartitionInterval.WEEK);
        }
        Database.execute("insert into " + tables.table("retained_ids")
                + " (role, id, project_id, retained_until) select 'events', 'over ' || n, 'p', now()"
                + " from generate_series(1, 2500) n union all select 'events', 'left', 'p', now() + interval '1 day'");
        retaining.deleteBefore(-30);
        assertThat(retaining.retained()).containsExactly("events left");
    }

    @Test
    void areRetainedAsTheLastInstallationSays() {
        String triggers = "select oid || ' ' || pg_get_triggerdef(oid) from pg_trigger"
                + " where tgname = 'usagekit_retain_ids' and tgrelid in ('" + events + "'::regclass, '"
                + tables.table("event_deliveries") + "'::regclass) order by 1";
        List<String> before = Database.column(triggers);
        tables.enter();
        retaining.retainIdsFor(Duration.ofDays(30));
        assertThat(Database.column(triggers))
                .isEqualTo(before)
                .hasSize(2)
                .allMatch(text -> text.contains("('PT720H')"));
        retaining.retainIdsFor(Duration.ofMinutes(90));
        assertThat(Database.column(triggers)).hasSize(2).allMatch(text -> text.contains("('PT1H30M')"));
        ledger.record(event("a", 0, ""));
        retaining.deleteBefore(1);
        assertThat(retaining.retained()).containsExactly("events a");
        retaining.retainIdsFor(Duration.ZERO);
        assertThat(Database.column(triggers)).isEmpty();
        assertThat(retaining.retained()).isEmpty();
        ledger.record(event("b", 0, ""));
        retaining.deleteBefore(1);
        assertThat(retaining.retained()).isEmpty();
    }

    /** A recording that waits for the retention of its id finds the id once it is retained. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void areTakenBesideRetention(boolean isPartitioned) throws Exception {
        ledger.record(event("a", 0, ""));
        if (isPartitioned) {
            tables.partitionAndEnter();
        }
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection retention = Database.pool().getConnection();
                Statement deleting = retention.createStatement()) {
            retention.setAutoCommit(false);
            deleting.execute("set local usagekit.retention = 'on'");
            deleting.execute("delete from " + events + " where id = 'a'");
            Future<?> recording =
                    thread.submit(() -> assertTaken(() -> ledger.record(event("a", isPartitioned ? 20 : 0, ""))));
            Database.awaitASessionThatWaitsFor(retention);
            retention.commit();
            recording.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
    }

    /** Retention that commits after the insertion, and before the look into all partitions, which would have found the event till then. */
    @Test
    void areTakenBesideRetentionOfPartitionsThatAreNotEntered() throws Exception {
        ledger.record(event("a", 0, ""));
        tables.partition(PartitionInterval.WEEK);
        assertThat(tables.areIdsEntered()).isFalse();
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection holder = Database.pool().getConnection();
                Statement locking = holder.createStatement()) {
            holder.setAutoCommit(false);
            locking.execute(
                    "select pg_advisory_xact_lock(hashtextextended('usagekit ids ' || '" + events + "' || ' a', 0))");
            Future<?> recording = thread.submit(() -> assertTaken(() -> ledger.record(event("a", 20, ""))));
            Database.awaitASessionThatWaitsFor(holder);
            retaining.deleteBefore(10);
            holder.commit();
            recording.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
        assertThat(ledger.find("p", "a")).isEmpty();
    }

    /** Also in a host's transaction that has its snapshot from before the retention, and after it none. */
    @Test
    void areTakenInTransactionsOfOneSnapshot() throws SQLException {
        ledger.record(event("a", 0, ""));
        try (Connection host = Database.pool().getConnection();
                Statement statement = host.createStatement()) {
            host.setAutoCommit(false);
            statement.execute("set transaction isolation level repeatable read");
            statement.execute("select from " + events);
            retaining.deleteBefore(1);
            EventRepository ofHost =
                    PostgresLedger.of(Database.pool(), tables.schema()).repository(host);
            ofHost.record(event("b", 0, ""));
            assertThatThrownBy(() -> ofHost.record(event("a", 0, ""))).hasMessageContaining("could not serialize");
            host.commit();
            statement.execute("set transaction isolation level repeatable read");
            assertTaken(() -> ofHost.record(event("a", 0, "")));
            host.rollback();
            host.setAutoCommit(true);
        }
        assertThat(retaining.retained()).containsExactly("events a");
        assertThat(ledger.find("p", "b")).isPresent();
    }

    /** Two transactions at a time, of ids beside each other. */
    @Test
    void leaveSerialisableTransactionsOfOtherIdsAlone() throws SQLException {
        ledger.record(event("a", 0, ""));
        retaining.deleteBefore(1);
        try (Connection one = Database.pool().getConnection();
                Connection other = Database.pool().getConnection()) {
            EventRepository ofOne =
                    PostgresLedger.of(Database.pool(), tables.schema()).repository(one);
            EventRepository ofOther =
                    PostgresLedger.of(Database.pool(), tables.schema()).repository(other);
            for (Connection each : List.of(one, other)) {
                each.setAutoCommit(false);
                each.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            }
            for (int i = 0; i < 2; i++) {
                ofOne.record(event("b" + i, 0, ""));
                ofOther.record(event("c" + i, 0, ""));
            }
            one.commit();
            other.commit();
            for (Connection each : List.of(one, other)) {
                each.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
                each.setAutoCommit(true);
            }
        }
        assertThat(ledger.find("p", "c1")).isPresent();
    }
}
