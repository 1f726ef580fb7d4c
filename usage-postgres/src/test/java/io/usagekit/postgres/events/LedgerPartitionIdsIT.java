package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The entered ids of events in partitions: they follow the rows, keep ids unique, and spare a look into all partitions. */
class LedgerPartitionIdsIT {

    private PartitionedLedger tables;
    private String schema;
    private String events;
    private EventRepository ledger;

    @BeforeEach
    void install() {
        tables = PartitionedLedger.install("ids");
        schema = tables.schema();
        events = tables.table("events");
        ledger = tables.ledger();
    }

    @AfterEach
    void drop() {
        tables.drop();
    }

    private void record(String id, int day) {
        record(ledger, id, day);
    }

    private static void record(EventRepository ledger, String id, int day) {
        ledger.record(event(id, day));
    }

    private static NewEvent event(String id, int day) {
        return PartitionedLedger.event(id, day)
                .endpointIds(List.of("one", "two"))
                .build();
    }

    private void assertTaken(String id, int day) {
        assertThatThrownBy(() -> record(id, day))
                .isInstanceOf(EventLedgerException.class)
                .hasMessageContaining("the id \"" + id + "\" is taken");
    }

    private List<String> entries() {
        return Database.column("select id || ' ' || (created_at at time zone 'UTC')::date from "
                + tables.table("events_ids") + " order by 1");
    }

    @Tag("thorough")
    @Test
    void followTheRows() {
        record("plain", 0);
        assertThat(entries()).as("where the table isn't partitioned").isEmpty();
        tables.partition(PartitionInterval.MONTH);
        record("later", 40);
        assertThat(tables.areIdsEntered()).as("of few rows, by a recording").isTrue();
        tables.enter();
        assertThat(entries()).containsExactly("first 2026-03-01", "later 2026-04-10", "plain 2026-03-01");

        Database.execute(
                "update " + events + " set created_at = created_at + interval '1 day' where id = 'first'",
                "update " + events + " set created_at = created_at + interval '1 month' where id = 'plain'",
                "delete from " + tables.table("events_endpoints") + " where event_id = 'later'",
                "update " + events + " set id = 'renamed' where id = 'later'");
        assertThat(entries()).containsExactly("first 2026-03-02", "plain 2026-04-01", "renamed 2026-04-10");
        ledger.deleteForGood("p", EventWindow.before(PartitionedLedger.FIRST.plus(Duration.ofDays(35))));
        assertThat(entries()).containsExactly("renamed 2026-04-10");
        Database.execute("truncate " + events + " cascade");
        assertThat(entries()).isEmpty();
        record("first", 40);
        record("renamed", 0);
        assertThat(ledger.endpointIds("p", "renamed")).containsExactly("one", "two");

        tables.unpartition();
        tables.enter();
        assertThat(entries()).as("where the table isn't partitioned any more").isEmpty();
    }

    @Tag("thorough")
    @Test
    void areUniqueAcrossPartitionsAlsoForSql() {
        tables.partitionAndEnter();
        assertTaken("first", 40);
        record("second", 40);
        assertTaken("second", 0);
        assertThatThrownBy(() -> Database.execute("insert into " + events + " (id, project_id, created_at)"
                        + " values ('second', 'p', '2026-03-01Z')"))
                .hasMessageContaining("the id \"second\" is taken");
        assertThat(entries()).containsExactly("first 2026-03-01", "second 2026-04-10");
    }

    /** Of two transactions that insert an id into two partitions, the second waits for the first. */
    @Test
    void areUniqueInRaces() throws Exception {
        tables.partitionAndEnter();
        tables.race(first -> record(first, "committed", 0), true, () -> assertTaken("committed", 40));
        tables.race(first -> record(first, "rolled back", 0), false, () -> record("rolled back", 40));
        assertThat(entries()).containsExactly("committed 2026-03-01", "first 2026-03-01", "rolled back 2026-04-10");
    }

    /** While a statement without a name waits for the table, its own takes a partitioned one's place. */
    @Test
    void areUniqueWhereARecordingWaitsForTheTableToBePartitioned() throws Exception {
        ledger.record(PartitionedLedger.event("first", 0).build());
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (HikariDataSource nameless =
                        Database.newPool(1, config -> config.addDataSourceProperty("prepareThreshold", "0"));
                Connection rewrite = Database.pool().getConnection()) {
            EventRepository waiting = PostgresLedger.of(nameless, schema).repository();
            rewrite.setAutoCommit(false);
            for (String sql : List.of(
                    "lock table " + events + " in access exclusive mode",
                    "alter table " + events + " rename to plain",
                    "create table " + events + " (like " + tables.table("plain")
                            + " including all excluding indexes) partition by range (created_at)",
                    "create table " + tables.table("march") + " partition of " + events
                            + " for values from ('2026-03-01Z') to ('2026-04-01Z')",
                    "create table " + tables.table("april") + " partition of " + events
                            + " for values from ('2026-04-01Z') to ('2026-05-01Z')",
                    "insert into " + events + " (id, project_id, created_at) select id, project_id, created_at from "
                            + tables.table("plain"))) {
                execute(rewrite, sql);
            }
            Future<?> recording = thread.submit(() -> assertThatThrownBy(() ->
                            waiting.record(PartitionedLedger.event("first", 40).build()))
                    .hasMessageContaining("the id \"first\" is taken"));
            Database.awaitASessionThatWaitsFor(rewrite);
            rewrite.commit();
            recording.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
        assertThat(Database.query("select count(*) from " + events)).isEqualTo("1");
    }

    /** An event is deleted with an endpoint that another transaction adds meanwhile, and none is added to a deleted event. */
    @Test
    void keepTheEventOfAnEndpoint() throws Exception {
        tables.partitionAndEnter();
        record("deleted", 0);
        String add = "insert into " + tables.table("events_endpoints")
                + " (event_id, endpoint_id, project_id, created_at) values ('%s', 'three', 'p', '2026-03-01Z')";
        String delete = "delete from " + events + " where id = '%s'";
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection first = Database.pool().getConnection()) {
            first.setAutoCommit(false);
            execute(first, add.formatted("first"));
            Future<?> second = thread.submit(() -> Database.execute(delete.formatted("first")));
            Database.awaitASessionThatWaitsFor(first);
            first.commit();
            second.get(30, TimeUnit.SECONDS);

            execute(first, delete.formatted("deleted"));
            second = thread.submit(() -> assertThatThrownBy(() -> Database.execute(add.formatted("deleted")))
                    .hasMessageContaining("violates foreign key constraint"));
            Database.awaitASessionThatWaitsFor(first);
            first.commit();
            second.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
        assertThat(Database.query("select count(*) from " + tables.table("events_endpoints")))
                .isEqualTo("0");
    }

    /** A partition that the host attaches may have any rows; one that it drops leaves entries. */
    @Tag("thorough")
    @Test
    void followPartitionsOfTheHost() {
        tables.partitionAndEnter();
        String partition = tables.partitionOf("first");
        String bound = Database.query(
                "select pg_get_expr(relpartbound, oid) from pg_class where oid = ?::regclass", partition);
        for (String id : List.of("while detached", "while detached again")) {
            Database.execute(
                    "alter table " + events + " detach partition " + partition,
                    "insert into " + partition + " (id, project_id, created_at) values ('" + id
                            + "', 'p', '2026-03-02Z')",
                    "alter table " + events + " attach partition " + partition + " " + bound);
            assertThat(tables.areIdsEntered()).isFalse();
            assertTaken(id, 40);
            record("after " + id, 40);
            assertThat(tables.areIdsEntered()).isTrue();
            assertTaken(id, 41);
        }

        Database.execute("drop table " + partition + " cascade");
        assertThat(entries()).contains("first 2026-03-01", "while detached 2026-03-02");
        assertThatThrownBy(
                        () -> Database.execute(
                                "insert into " + tables.table("events_endpoints")
                                        + " (event_id, endpoint_id, project_id, created_at) values ('first', 'three', 'p', '2026-03-01Z')"))
                .hasMessageContaining("violates foreign key constraint");
        record("first", 40);
        assertThat(entries()).contains("first 2026-04-10");
        assertThat(ledger.endpointIds("p", "first")).containsExactly("one", "two");
        tables.enter();
        assertThat(entries())
                .as("entries of the partition that is gone")
                .containsExactly(
                        "after while detached 2026-04-10", "after while detached again 2026-04-10", "first 2026-04-10");
    }

    /** More ids than a batch has, of a previous version, which entered none. */
    @Test
    void areEnteredInBatches() {
        tables.partition(PartitionInterval.MONTH);
        tables.insertUnentered(
                "id, project_id, created_at",
                "select 'old ' || n, 'p', '2026-03-01Z' from generate_series(1, 20500) n");
        tables.insertUnentered("id, project_id, created_at", "values ('', 'p', '2026-03-01Z')");
        record("later", 40);
        Database.query(
                "select " + tables.table("usagekit_enter_ids") + "(?::regclass)::text", tables.partitionOf("first"));
        assertThat(tables.areIdsEntered()).as("before the installation").isFalse();
        tables.enter();
        assertThat(tables.areIdsEntered()).as("after it").isTrue();
        assertThat(entries()).hasSize(20503);
        assertTaken("old 20500", 40);
    }

    /** Other transactions that record don't wait for the first one that finds ids which aren't entered. */
    @Test
    void areEnteredByOneTransactionBesideOthers() throws Exception {
        tables.partition(PartitionInterval.MONTH);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection first = Database.pool().getConnection()) {
            first.setAutoCommit(false);
            record(PostgresLedger.of(Database.pool(), schema).repository(first), "open", 0);
            thread.submit(() -> record("beside", 40)).get(30, TimeUnit.SECONDS);
            assertThat(tables.areIdsEntered()).as("while it is open").isFalse();
            first.commit();
        } finally {
            thread.shutdownNow();
        }
        assertThat(tables.areIdsEntered()).as("by the first").isTrue();
        assertThat(entries()).hasSize(3);
    }

    /** Its rows can be read by the table's name alone. */
    @Test
    void leaveOutPartitionsOfOtherOwners() {
        tables.partitionAndEnter();
        String owner = schema + "_owner";
        Database.execute(
                "create role " + owner,
                "grant usage, create on schema " + Identifiers.quote(schema) + " to " + owner,
                "grant all on all tables in schema " + Identifiers.quote(schema) + " to " + owner,
                "alter function " + tables.table("usagekit_unentered_partitions") + " owner to " + owner,
                "alter function " + tables.table("usagekit_enter_ids_of") + " owner to " + owner,
                "alter function " + tables.table("usagekit_enter_ids") + " owner to " + owner,
                "create table " + tables.table("far") + " partition of " + events
                        + " for values from ('2099-01-01Z') to ('2099-02-01Z')");
        try {
            record("second", 40);
            tables.enter();
            assertThat(tables.areIdsEntered()).isFalse();
            assertTaken("second", 0);
            Database.execute("grant select on " + tables.table("far") + " to " + owner);
            record("third", 40);
            assertThat(tables.areIdsEntered())
                    .as("of rows that can be read, but not locked")
                    .isFalse();
        } finally {
            Database.execute("drop owned by " + owner + " cascade", "drop role " + owner);
        }
    }

    /** The function may read what its caller may not. */
    @Test
    void areEnteredOfPartitionsOnly() {
        tables.partitionAndEnter();
        Database.execute("create view " + tables.table("other")
                + " as select 'secret'::text as id, now() as created_at, 0::oid as tableoid");
        assertThat(Database.query("select coalesce(" + tables.table("usagekit_enter_ids_of") + "('"
                        + tables.table("other") + "'::regclass, null, 1), 'nothing')"))
                .isEqualTo("nothing");
        assertThat(entries()).containsExactly("first 2026-03-01");
    }

    /** Partitions may have partitions of their own, whose rows are entered by triggers. */
    @Test
    void stayWhereThePartitionHasBeenPartitioned() {
        tables.partitionAndEnter();
        record("dropped", 40);
        Database.execute(
                "create table " + tables.table("far") + " partition of " + events
                        + " for values from ('2099-01-01Z') to ('2099-02-01Z') partition by range (created_at)",
                "create table " + tables.table("farther") + " partition of " + tables.table("far") + " default",
                "insert into " + events + " (id, project_id, created_at) values ('deep', 'p', '2099-01-05Z')",
                "drop table " + tables.partitionOf("dropped") + " cascade");
        record("another", 0);
        tables.enter();
        assertThat(entries()).containsExactly("another 2026-03-01", "deep 2099-01-05", "first 2026-03-01");
    }

    /** Where one time is in several partitions, an id may be in two of them at that time. */
    @Test
    void areNeverCompleteInPartitionsOfProjects() {
        tables.partitionAndEnter();
        assertThat(tables.areIdsEntered()).isTrue();
        Database.execute(
                "alter table " + events + " rename to of_time",
                "create table " + events + " (like " + tables.table("of_time") + ") partition by list (project_id)",
                "create table " + tables.table("of_p") + " partition of " + events + " for values in ('p')");
        Database.query("select " + tables.table("usagekit_enter_ids") + "(null)::text");
        assertThat(tables.areIdsEntered()).isFalse();
    }

    /** An event whose id another one has as well, in a partition that the host has attached again, is changed and deleted. */
    @Test
    void letEventsWithASharedIdBeDeleted() {
        tables.partitionAndEnter();
        String partition = tables.partitionOf("first");
        String bound = Database.query(
                "select pg_get_expr(relpartbound, oid) from pg_class where oid = ?::regclass", partition);
        Database.execute("alter table " + events + " detach partition " + partition);
        record("first", 40);
        Database.execute("alter table " + events + " attach partition " + partition + " " + bound);
        Database.execute("update " + events + " set idempotency_key = 'key' where id = 'first'");
        ledger.delete("p", EventWindow.ALL);
        assertThat(Database.query("select count(*) from " + events + " where deleted_at is not null"))
                .isEqualTo("2");
        assertThat(entries()).containsExactly("first 2026-04-10");
        assertThatThrownBy(
                        () -> Database.execute(
                                "update " + events
                                        + " set created_at = created_at + interval '1 day' where id = 'first' and created_at < '2026-04-01Z'"))
                .hasMessageContaining("the id \"first\" is taken");
    }

    /** An id that two partitions have can't be entered twice: the one that stays is found by a look into all partitions. */
    @Tag("thorough")
    @Test
    void leaveOutPartitionsWithSharedIds() {
        tables.partition(PartitionInterval.MONTH);
        tables.insertUnentered("id, project_id, created_at", "values ('first', 'p', '2026-04-10Z')");
        tables.enter();
        assertThat(tables.areIdsEntered()).isFalse();
        String version = version();
        record("second", 40);
        assertThat(version())
                .as("the row that lists partitions isn't written again")
                .isEqualTo(version);
        Database.execute("delete from " + events + " where id = 'first' and created_at < '2026-04-01Z'");
        assertTaken("first", 0);
    }

    private String version() {
        return Database.query("select ctid::text from " + tables.table("events_ids_partitions"));
    }

    /** Whatever the statistics say, recording into many partitions reads about as many buffers as into a plain table. */
    @Test
    void spareALookIntoAllPartitions() {
        PartitionedLedger.Reads plain = readsOfAList("plain");
        tables.partition(PartitionInterval.DAY);
        assertThat(readsOfAList("unentered").looks()).isEqualTo(1);
        tables.enter();
        Database.execute("delete from pg_statistic where starelid in (select inhrelid from pg_inherits)");
        readsOfAList("before");
        assertThat(Database.query("select count(*) from pg_inherits where inhparent = ?::regclass", events))
                .as("partitions")
                .satisfies(count -> assertThat(Integer.parseInt(count)).isGreaterThanOrEqualTo(PartitionedLedger.DAYS));
        PartitionedLedger.Reads partitioned = readsOfAList("partitioned");
        assertThat(partitioned.looks()).isZero();
        assertThat(partitioned.buffers()).isLessThan(3 * plain.buffers());
    }

    private PartitionedLedger.Reads readsOfAList(String prefix) {
        return tables.reads(recording -> recording.recordAll(
                IntStream.range(0, 100).mapToObj(n -> event(prefix + n, 1)).toList()));
    }

    private static long blocks(Connection connection, String condition) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "select sum(pg_stat_get_xact_blocks_fetched(oid)) from pg_class where " + condition)) {
            row.next();
            return row.getLong(1);
        }
    }

    /** A session keeps the plans of triggers from when the table of ids had a single block. */
    @Test
    void areFoundByTheirIndexInASessionThatSawFewOfThem() throws SQLException {
        tables.partitionAndEnter();
        String ids = tables.table("events_ids");
        Database.execute("alter table " + ids + " set (autovacuum_enabled = false)", "vacuum analyze " + ids);
        String table = "oid = " + Identifiers.literal(ids) + "::regclass";
        String insert = "insert into " + events + " (id, project_id, created_at) ";
        try (Connection session = Database.pool().getConnection()) {
            for (int n = 0; n < 10; n++) {
                execute(session, insert + "values ('few', 'p', '2026-03-01Z')");
                execute(session, "update " + events + " set id = 'less' where id = 'few'");
                execute(session, "delete from " + events + " where id = 'less'");
            }
            Database.execute(insert + "select 'many ' || n, 'p', '2026-03-01Z' from generate_series(1, 10000) n");
            session.setAutoCommit(false);
            long before = blocks(session, table);
            execute(session, insert + "values ('last', 'p', '2026-03-01Z')");
            execute(session, "update " + events + " set id = 'renamed' where id = 'last'");
            execute(session, "delete from " + events + " where id = 'renamed'");
            assertThat(blocks(session, table) - before).isLessThan(40);
            session.rollback();
        }
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
