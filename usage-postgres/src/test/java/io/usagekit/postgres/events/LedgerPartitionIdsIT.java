package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.testing.Commits;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The entered ids of events in partitions: they follow the rows, keep ids unique, and spare a look into all partitions. */
class LedgerPartitionIdsIT {

    private static final Instant FIRST = Instant.parse("2026-03-01T00:00:00Z");
    private static final int DAYS = 40;

    private String schema;
    private String events;
    private EventRepository ledger;

    @BeforeEach
    void install() {
        schema = LedgerTables.install("ids");
        events = Identifiers.qualified(schema, "events");
        ledger = PostgresLedger.of(Database.pool(), schema).repository();
        ledger.save(new Project("p", "org-1", ""));
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_partitions");
    }

    /** Partitions the tables by an interval, from an event on that has the id {@code first}. */
    private void partition(PartitionInterval interval) {
        record("first", 0);
        partitions().partition(interval, new PartitionProgress() {});
    }

    private PostgresPartitions partitions() {
        return PostgresPartitions.builder(Database.pool())
                .mapping(TableMapping.usagekit(schema))
                .clock(ManualClock.at(FIRST.plus(Duration.ofDays(DAYS)).toString()))
                .build();
    }

    private void partitionAndEnter() {
        partition(PartitionInterval.MONTH);
        PostgresLedger.of(Database.pool(), schema).install();
    }

    private void record(String id, int day) {
        record(ledger, id, day);
    }

    private static void record(EventRepository ledger, String id, int day) {
        ledger.record(event(id, day));
    }

    private static NewEvent event(String id, int day) {
        return NewEvent.builder("p", id)
                .createdAt(FIRST.plus(Duration.ofDays(day)))
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
                + Identifiers.qualified(schema, "events_ids") + " order by 1");
    }

    private boolean areIdsEntered() {
        return Database.query("select " + Identifiers.qualified(schema, "usagekit_are_ids_entered") + "()::text")
                .equals("true");
    }

    /** The partition that has the event, quoted. */
    private String partitionOf(String id) {
        return Database.query("select tableoid::regclass::text from " + events + " where id = ?", id);
    }

    @Tag("thorough")
    @Test
    void followTheRows() {
        record("plain", 0);
        assertThat(entries()).as("where the table isn't partitioned").isEmpty();
        partition(PartitionInterval.MONTH);
        record("later", 40);
        assertThat(areIdsEntered()).as("of few rows, by a recording").isTrue();
        PostgresLedger.of(Database.pool(), schema).install();
        assertThat(entries()).containsExactly("first 2026-03-01", "later 2026-04-10", "plain 2026-03-01");

        Database.execute(
                "update " + events + " set created_at = created_at + interval '1 day' where id = 'first'",
                "update " + events + " set created_at = created_at + interval '1 month' where id = 'plain'",
                "delete from " + Identifiers.qualified(schema, "events_endpoints") + " where event_id = 'later'",
                "update " + events + " set id = 'renamed' where id = 'later'");
        assertThat(entries()).containsExactly("first 2026-03-02", "plain 2026-04-01", "renamed 2026-04-10");
        ledger.deleteForGood("p", EventWindow.before(FIRST.plus(Duration.ofDays(35))));
        assertThat(entries()).containsExactly("renamed 2026-04-10");
        Database.execute("truncate " + events + " cascade");
        assertThat(entries()).isEmpty();
        record("first", 40);
        record("renamed", 0);
        assertThat(ledger.endpointIds("p", "renamed")).containsExactly("one", "two");

        partitions().unpartition(new PartitionProgress() {});
        PostgresLedger.of(Database.pool(), schema).install();
        assertThat(entries()).as("where the table isn't partitioned any more").isEmpty();
    }

    @Tag("thorough")
    @Test
    void areUniqueAcrossPartitionsAlsoForSql() {
        partitionAndEnter();
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
        partitionAndEnter();
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection first = Database.pool().getConnection()) {
            first.setAutoCommit(false);
            EventRepository uncommitted =
                    PostgresLedger.of(Database.pool(), schema).repository(first);
            record(uncommitted, "committed", 0);
            Future<?> second = thread.submit(() -> assertTaken("committed", 40));
            Database.awaitASessionThatWaitsFor(first);
            first.commit();
            second.get(30, TimeUnit.SECONDS);

            record(uncommitted, "rolled back", 0);
            second = thread.submit(() -> record("rolled back", 40));
            Database.awaitASessionThatWaitsFor(first);
            first.rollback();
            second.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
        assertThat(entries()).containsExactly("committed 2026-03-01", "first 2026-03-01", "rolled back 2026-04-10");
    }

    /** An event is deleted with an endpoint that another transaction adds meanwhile, and none is added to a deleted event. */
    @Test
    void keepTheEventOfAnEndpoint() throws Exception {
        partitionAndEnter();
        record("deleted", 0);
        String add = "insert into " + Identifiers.qualified(schema, "events_endpoints")
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
        assertThat(Database.query("select count(*) from " + Identifiers.qualified(schema, "events_endpoints")))
                .isEqualTo("0");
    }

    /** A partition that the host attaches may have any rows; one that it drops leaves entries. */
    @Tag("thorough")
    @Test
    void followPartitionsOfTheHost() {
        partitionAndEnter();
        String partition = partitionOf("first");
        String bound = Database.query(
                "select pg_get_expr(relpartbound, oid) from pg_class where oid = ?::regclass", partition);
        for (String id : List.of("while detached", "while detached again")) {
            Database.execute(
                    "alter table " + events + " detach partition " + partition,
                    "insert into " + partition + " (id, project_id, created_at) values ('" + id
                            + "', 'p', '2026-03-02Z')",
                    "alter table " + events + " attach partition " + partition + " " + bound);
            assertThat(areIdsEntered()).isFalse();
            assertTaken(id, 40);
            record("after " + id, 40);
            assertThat(areIdsEntered()).isTrue();
            assertTaken(id, 41);
        }

        Database.execute("drop table " + partition + " cascade");
        assertThat(entries()).contains("first 2026-03-01", "while detached 2026-03-02");
        assertThatThrownBy(
                        () -> Database.execute(
                                "insert into " + Identifiers.qualified(schema, "events_endpoints")
                                        + " (event_id, endpoint_id, project_id, created_at) values ('first', 'three', 'p', '2026-03-01Z')"))
                .hasMessageContaining("violates foreign key constraint");
        record("first", 40);
        assertThat(entries()).contains("first 2026-04-10");
        assertThat(ledger.endpointIds("p", "first")).containsExactly("one", "two");
        PostgresLedger.of(Database.pool(), schema).install();
        assertThat(entries())
                .as("entries of the partition that is gone")
                .containsExactly(
                        "after while detached 2026-04-10", "after while detached again 2026-04-10", "first 2026-04-10");
    }

    /** More ids than a batch has, of a previous version, which entered none. */
    @Test
    void areEnteredInBatches() {
        partition(PartitionInterval.MONTH);
        insertUnentered("select 'old ' || n, 'p', '2026-03-01Z' from generate_series(1, 20500) n");
        insertUnentered("values ('', 'p', '2026-03-01Z')");
        record("later", 40);
        Database.query(
                "select " + Identifiers.qualified(schema, "usagekit_enter_ids") + "(?::regclass)::text",
                partitionOf("first"));
        assertThat(areIdsEntered()).as("before the installation").isFalse();
        PostgresLedger.of(Database.pool(), schema).install();
        assertThat(areIdsEntered()).as("after it").isTrue();
        assertThat(entries()).hasSize(20503);
        assertTaken("old 20500", 40);
    }

    private void insertUnentered(String rows) {
        Database.execute(
                "alter table " + events + " disable trigger usagekit_enter_id",
                "insert into " + events + " (id, project_id, created_at) " + rows,
                "alter table " + events + " enable always trigger usagekit_enter_id");
    }

    /** Other transactions that record don't wait for the first one that finds ids which aren't entered. */
    @Test
    void areEnteredByOneTransactionBesideOthers() throws Exception {
        partition(PartitionInterval.MONTH);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection first = Database.pool().getConnection()) {
            first.setAutoCommit(false);
            record(PostgresLedger.of(Database.pool(), schema).repository(first), "open", 0);
            thread.submit(() -> record("beside", 40)).get(30, TimeUnit.SECONDS);
            assertThat(areIdsEntered()).as("while it is open").isFalse();
            first.commit();
        } finally {
            thread.shutdownNow();
        }
        assertThat(areIdsEntered()).as("by the first").isTrue();
        assertThat(entries()).hasSize(3);
    }

    /** Its rows can be read by the table's name alone. */
    @Test
    void leaveOutPartitionsOfOtherOwners() {
        partitionAndEnter();
        String owner = schema + "_owner";
        Database.execute(
                "create role " + owner,
                "grant usage, create on schema " + Identifiers.quote(schema) + " to " + owner,
                "grant all on all tables in schema " + Identifiers.quote(schema) + " to " + owner,
                "alter function " + Identifiers.qualified(schema, "usagekit_unentered_partitions") + " owner to "
                        + owner,
                "alter function " + Identifiers.qualified(schema, "usagekit_enter_ids_of") + " owner to " + owner,
                "alter function " + Identifiers.qualified(schema, "usagekit_enter_ids") + " owner to " + owner,
                "create table " + Identifiers.qualified(schema, "far") + " partition of " + events
                        + " for values from ('2099-01-01Z') to ('2099-02-01Z')");
        try {
            record("second", 40);
            PostgresLedger.of(Database.pool(), schema).install();
            assertThat(areIdsEntered()).isFalse();
            assertTaken("second", 0);
            Database.execute("grant select on " + Identifiers.qualified(schema, "far") + " to " + owner);
            record("third", 40);
            assertThat(areIdsEntered())
                    .as("of rows that can be read, but not locked")
                    .isFalse();
        } finally {
            Database.execute("drop owned by " + owner + " cascade", "drop role " + owner);
        }
    }

    /** The function may read what its caller may not. */
    @Test
    void areEnteredOfPartitionsOnly() {
        partitionAndEnter();
        Database.execute("create view " + Identifiers.qualified(schema, "other")
                + " as select 'secret'::text as id, now() as created_at, 0::oid as tableoid");
        assertThat(Database.query("select coalesce(" + Identifiers.qualified(schema, "usagekit_enter_ids_of") + "('"
                        + Identifiers.qualified(schema, "other") + "'::regclass, null, 1), 'nothing')"))
                .isEqualTo("nothing");
        assertThat(entries()).containsExactly("first 2026-03-01");
    }

    /** Partitions may have partitions of their own, whose rows are entered by triggers. */
    @Test
    void stayWhereThePartitionHasBeenPartitioned() {
        partitionAndEnter();
        record("dropped", 40);
        Database.execute(
                "create table " + Identifiers.qualified(schema, "far") + " partition of " + events
                        + " for values from ('2099-01-01Z') to ('2099-02-01Z') partition by range (created_at)",
                "create table " + Identifiers.qualified(schema, "farther") + " partition of "
                        + Identifiers.qualified(schema, "far") + " default",
                "insert into " + events + " (id, project_id, created_at) values ('deep', 'p', '2099-01-05Z')",
                "drop table " + partitionOf("dropped") + " cascade");
        record("another", 0);
        PostgresLedger.of(Database.pool(), schema).install();
        assertThat(entries()).containsExactly("another 2026-03-01", "deep 2099-01-05", "first 2026-03-01");
    }

    /** Where one time is in several partitions, an id may be in two of them at that time. */
    @Test
    void areNeverCompleteInPartitionsOfProjects() {
        partitionAndEnter();
        assertThat(areIdsEntered()).isTrue();
        Database.execute(
                "alter table " + events + " rename to of_time",
                "create table " + events
                        + " (id text, project_id text, created_at timestamptz) partition by list (project_id)",
                "create table " + Identifiers.qualified(schema, "of_p") + " partition of " + events
                        + " for values in ('p')");
        Database.query("select " + Identifiers.qualified(schema, "usagekit_enter_ids") + "(null)::text");
        assertThat(areIdsEntered()).isFalse();
    }

    /** An id that two partitions have can't be entered twice: the one that stays is found by a look into all partitions. */
    @Tag("thorough")
    @Test
    void leaveOutPartitionsWithSharedIds() {
        partition(PartitionInterval.MONTH);
        insertUnentered("values ('first', 'p', '2026-04-10Z')");
        PostgresLedger.of(Database.pool(), schema).install();
        assertThat(areIdsEntered()).isFalse();
        String version = version();
        record("second", 40);
        assertThat(version())
                .as("the row that lists partitions isn't written again")
                .isEqualTo(version);
        Database.execute("delete from " + events + " where id = 'first' and created_at < '2026-04-01Z'");
        assertTaken("first", 0);
    }

    private String version() {
        return Database.query("select ctid::text from " + Identifiers.qualified(schema, "events_ids_partitions"));
    }

    /** Whatever the statistics say, recording into many partitions reads about as many blocks as into a plain table. */
    @Test
    void spareALookIntoAllPartitions() {
        long plain = blocksOfAList("plain");
        partition(PartitionInterval.DAY);
        PostgresLedger.of(Database.pool(), schema).install();
        Database.execute("delete from pg_statistic where starelid in (select inhrelid from pg_inherits)");
        blocksOfAList("before");
        assertThat(Database.query("select count(*) from pg_inherits where inhparent = ?::regclass", events))
                .as("partitions")
                .satisfies(count -> assertThat(Integer.parseInt(count)).isGreaterThanOrEqualTo(DAYS));
        assertThat(blocksOfAList("partitioned")).isLessThan(3 * plain);
    }

    /** Those that a transaction reads which records a list, from the tables and their indexes. */
    private long blocksOfAList(String prefix) {
        AtomicLong blocks = new AtomicLong();
        try (HikariDataSource pool = Database.newPool(1, config -> {})) {
            PostgresLedger.of(Commits.watched(pool, connection -> blocks.set(blocks(connection))), schema)
                    .repository()
                    .recordAll(IntStream.range(0, 100)
                            .mapToObj(n -> event(prefix + n, 1))
                            .toList());
        }
        return blocks.get();
    }

    private long blocks(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "select sum(pg_stat_get_xact_blocks_fetched(oid)) from pg_class where relnamespace in ("
                                + Identifiers.literal(Identifiers.quote(schema))
                                + "::regnamespace, 'pg_catalog'::regnamespace)")) {
            row.next();
            return row.getLong(1);
        }
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
