package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The entered ids of partitions that a host detaches, changes, attaches again or drops, without a trigger that follows. */
class LedgerDetachedPartitionsIT {

    private PartitionedLedger tables;
    private String events;
    private String march = "";

    @BeforeEach
    void install() {
        tables = PartitionedLedger.install("detached");
        events = tables.table("events");
    }

    @AfterEach
    void drop() {
        tables.drop();
    }

    private void partition() {
        tables.partitionAndEnter();
        march = tables.partitionOf("first");
    }

    private static String insert(String table, String id, String createdAt) {
        return "insert into " + table + " (id, project_id, created_at) values ('" + id + "', 'p', '" + createdAt + "')";
    }

    private void changeDetached(String... statements) {
        String bound =
                Database.query("select pg_get_expr(relpartbound, oid) from pg_class where oid = ?::regclass", march);
        Database.execute("alter table " + events + " detach partition " + march);
        Database.execute(statements);
        Database.execute("alter table " + events + " attach partition " + march + " " + bound);
        assertThat(tables.areIdsEntered()).isFalse();
    }

    private String move(String id) {
        return "update " + march + " set created_at = created_at + interval '1 day' where id = '" + id + "'";
    }

    private void record(String id, int day) {
        tables.ledger().record(PartitionedLedger.event(id, day).build());
    }

    private void assertTaken(String id, int day) {
        assertThatThrownBy(() -> record(id, day)).hasMessageContaining("the id \"" + id + "\" is taken");
    }

    private List<String> entries() {
        return Database.column("select id || ' ' || (created_at at time zone 'UTC')::date from "
                + tables.table("events_ids") + " order by 1");
    }

    @Test
    void areListedAgain() {
        partition();
        changeDetached(move("first"));
        record("after", 40);
        assertThat(tables.areIdsEntered()).as("by a recording").isTrue();
        assertThat(entries()).containsExactly("after 2026-04-10", "first 2026-03-02");
        assertTaken("first", 40);

        changeDetached(move("first"));
        tables.enter();
        assertThat(tables.areIdsEntered()).as("by an installation").isTrue();
        assertThat(entries()).containsExactly("after 2026-04-10", "first 2026-03-03");
    }

    /** An entry without its row would let SQL insert an endpoint of the event that is missing. */
    @Test
    void leaveNoEntriesOfDeletedRows() {
        partition();
        record("deleted", 0);
        record("renamed", 0);
        changeDetached(
                "delete from " + march + " where id = 'deleted'",
                "update " + march + " set id = 'another' where id = 'renamed'");
        tables.enter();
        assertThat(tables.areIdsEntered()).isTrue();
        assertThat(entries()).containsExactly("another 2026-03-01", "first 2026-03-01");
        assertThatThrownBy(() -> Database.execute("insert into " + tables.table("events_endpoints")
                        + " (event_id, endpoint_id) values ('deleted', 'one')"))
                .hasMessageContaining("violates foreign key constraint");
    }

    /** While an installation waits for an entry without a row, another transaction inserts the row. */
    @Test
    void keepEntriesWhoseRowsAreInsertedMeanwhile() throws Exception {
        partition();
        record("april", 40);
        changeDetached("delete from " + march + " where id = 'first'");
        tables.insertUnentered("id, project_id, created_at", "values ('first', 'p', '2026-04-10Z')");
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection other = Database.pool().getConnection();
                Statement statement = other.createStatement()) {
            other.setAutoCommit(false);
            statement.execute(insert(events, "first", "2026-03-01Z"));
            Future<?> entering = thread.submit(() -> Database.query(
                    "select " + tables.table("usagekit_enter_ids_of") + "(?::regclass, null, 10)",
                    tables.partitionOf("april")));
            Database.awaitASessionThatWaitsFor(other);
            other.commit();
            entering.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
        assertThat(entries()).containsExactly("april 2026-04-10", "first 2026-03-01");
    }

    /** One has an id that another partition has as well, one has partitions of its own. */
    @Test
    void leaveNoEntriesIfTheyWereNeverListed() {
        partition();
        String far = tables.table("far");
        String later = tables.table("later");
        Database.execute(
                "create table " + far + " partition of " + events
                        + " for values from ('2098-01-01Z') to ('2099-01-01Z')",
                "create table " + later + " partition of " + events
                        + " for values from ('2099-01-01Z') to ('2100-01-01Z') partition by range (created_at)",
                "create table " + tables.table("latest") + " partition of " + later + " default");
        tables.insertUnentered("id, project_id, created_at", "values ('first', 'p', '2098-01-01Z')");
        Database.execute(insert(events, "far", "2098-01-01Z"), insert(events, "latest", "2099-01-01Z"));
        tables.enter();
        assertThat(tables.areIdsEntered()).isFalse();
        Database.execute("drop table " + far + " cascade");
        tables.enter();
        assertThat(entries()).containsExactly("first 2026-03-01", "latest 2099-01-01");
        Database.execute("drop table " + tables.table("latest") + " cascade");
        tables.enter();
        assertThat(entries()).containsExactly("first 2026-03-01");
    }

    @Test
    void leaveNoEntriesInAPlainTable() {
        tables.partition(PartitionInterval.MONTH);
        Database.execute(insert(events, "entered", "2026-03-01Z"));
        tables.unpartition();
        assertThat(entries()).isNotEmpty();
        tables.enter();
        assertThat(entries()).isEmpty();
    }
}
