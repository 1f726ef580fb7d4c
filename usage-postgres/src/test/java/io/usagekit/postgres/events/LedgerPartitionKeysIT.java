package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.Event;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The keys that are entered with the ids of events in partitions: they follow the rows, and spare a look into all partitions. */
class LedgerPartitionKeysIT {

    private static final String LIVE = "idempotency_key <> '' and not is_duplicate and deleted_at is null";

    private PartitionedLedger tables;
    private String events;
    private EventRepository ledger;

    @BeforeEach
    void install() {
        tables = PartitionedLedger.install("keys");
        events = tables.table("events");
        ledger = tables.ledger();
        ledger.save(new Project("other", "org-1", ""));
    }

    @AfterEach
    void drop() {
        tables.drop();
    }

    private static NewEvent event(String id, int day, String key) {
        return PartitionedLedger.event(id, day).idempotencyKey(key).build();
    }

    private boolean isDuplicate(String id, int day, String key) {
        return ledger.record(event(id, day, key)).duplicate();
    }

    /** The entries of which an event has a key that others repeat. */
    private List<String> entries() {
        return Database.column(
                "select id || ' ' || project_id || ' ' || idempotency_key from " + tables.table("events_ids")
                        + " where idempotency_key is not null or project_id is not null order by 1");
    }

    @Test
    void areTakenInAllPartitions() {
        tables.partitionAndEnter();
        assertThat(isDuplicate("a", 0, "key")).isFalse();
        assertThat(isDuplicate("b", 40, "key")).as("in another partition").isTrue();
        assertThat(ledger
                        .recordAll(List.of(
                                event("c", 40, "key"),
                                event("d", 1, "new"),
                                event("e", 40, "new"),
                                event("f", 40, ""),
                                NewEvent.builder("other", "g")
                                        .idempotencyKey("key")
                                        .build()))
                        .stream()
                        .map(Event::duplicate))
                .containsExactly(true, false, true, false, false);
        assertThat(entries()).containsExactly("a p key", "d p new", "g other key");
        Database.execute("update " + events + " set deleted_at = now() where id = 'a'");
        assertThat(entries()).containsExactly("d p new", "g other key");
        assertThat(isDuplicate("h", 40, "key")).as("after the deletion").isFalse();
        assertThat(isDuplicate("i", 0, "key")).isTrue();
    }

    /** Random changes by SQL, after each of which entries are those of a look at all events, and the ledger finds the keys that it finds there. */
    @Test
    void followTheRows() {
        tables.partitionAndEnter();
        long seed = Long.getLong("usagekit.seed", new Random().nextLong());
        Random random = new Random(seed);
        List<String> changes = List.of(
                "insert into %s (id, project_id, idempotency_key, is_duplicate, created_at) values"
                        + " (%s, %s, %s, %s, %s) on conflict do nothing",
                "update %s set deleted_at = now() where id = %s",
                "update %s set deleted_at = null where id = %s",
                "update %s set project_id = %2$s where id = %1$s",
                "update %s set idempotency_key = %3$s where id = %1$s",
                "update %s set is_duplicate = %4$s where id = %1$s",
                "update %s set created_at = %5$s where id = %1$s",
                "delete from %s where id = %s");
        for (int change = 0; change < 150; change++) {
            String id = "'e" + random.nextInt(12) + "'";
            String sql = changes.get(random.nextInt(changes.size()))
                    .replaceFirst("%s", Matcher.quoteReplacement(events))
                    .formatted(
                            id,
                            random.nextBoolean() ? "'p'" : "'other'",
                            random.nextInt(4) == 0 ? "''" : "'key" + random.nextInt(3) + "'",
                            random.nextInt(4) == 0,
                            "timestamptz '2026-03-01Z' + " + random.nextInt(40) + " * interval '1 day'");
            try {
                Database.execute(sql);
            } catch (AssertionError taken) {
                assertThat(taken).as("%s, seed %d", sql, seed).hasMessageContaining("is taken");
            }
            assertThat(entries())
                    .as("after %s, seed %d", sql, seed)
                    .isEqualTo(Database.column("select id || ' ' || project_id || ' ' || idempotency_key from " + events
                            + " where " + LIVE + " order by 1"));
            assertThat(liveKeys()).as("after %s, seed %d", sql, seed).isEqualTo(liveKeysOfRows());
        }
        Database.execute("insert into " + events + " (id, project_id, idempotency_key, created_at)"
                + " values ('last', 'p', 'key2', '2026-03-01Z')");
        assertThat(tables.areIdsEntered()).isTrue();
        tables.unpartition();
        tables.enter();
        assertThat(entries()).as("where the table isn't partitioned any more").isEmpty();
        assertThat(liveKeys()).isEqualTo(liveKeysOfRows()).isNotEmpty();
    }

    private List<String> liveKeysOfRows() {
        return Database.column("select distinct project_id || ' ' || idempotency_key from " + events + " where " + LIVE
                + " order by 1");
    }

    /** Of the keys of the test above, those that the ledger takes for those of live events. */
    private List<String> liveKeys() {
        return Database.column("select k.project_id || ' ' || k.idempotency_key from "
                + tables.table("usagekit_live_keys")
                + "(array['p', 'p', 'p', 'p', 'other', 'other', 'other'],"
                + " array['key0', 'key1', 'key2', '', 'key0', 'key1', 'key2']) k order by 1");
    }

    /** A host's trigger that runs before the one that enters the key, and changes it by a statement of its own. */
    @Test
    void areThoseThatATriggerOfTheHostSets() {
        tables.partitionAndEnter();
        Database.execute(
                "create function " + tables.table("fix_key") + "() returns trigger language plpgsql as $$ begin update "
                        + events + " set idempotency_key = 'fixed-' || idempotency_key where id = new.id; return null;"
                        + " end $$",
                "create trigger fix_key after insert on " + events
                        + " for each row when (new.id like 'host%') execute function " + tables.table("fix_key")
                        + "()");
        assertThat(isDuplicate("host", 0, "key")).isFalse();
        assertThat(entries()).containsExactly("host p fixed-key");
        assertThat(isDuplicate("a", 40, "key")).isFalse();
        assertThat(isDuplicate("b", 40, "fixed-key")).isTrue();
    }

    /** A host's trigger that runs after the one that enters the key of the first row, and changes the key of the second row. */
    @Test
    void areThoseThatATriggerSetsInAnotherRow() {
        tables.partitionAndEnter();
        Database.execute(
                "create function " + tables.table("fix_key") + "() returns trigger language plpgsql as $$ begin update "
                        + events + " set idempotency_key = 'fixed' where id = 'second'; return null; end $$",
                "create trigger zz_fix_key after insert on " + events
                        + " for each row when (new.id = 'a') execute function " + tables.table("fix_key") + "()",
                "insert into " + events + " (id, project_id, idempotency_key, created_at)"
                        + " values ('a', 'p', 'a', '2026-03-01Z'), ('second', 'p', 'b', '2026-03-01Z')");
        assertThat(entries()).containsExactly("a p a", "second p fixed");
    }

    /** A partition that the host truncates leaves entries, and one that it attaches has none. */
    @Test
    void followPartitionsOfTheHost() {
        tables.partitionAndEnter();
        isDuplicate("a", 1, "truncated");
        String partition = tables.partitionOf("a");
        Database.execute("truncate " + partition + " cascade");
        assertThat(entries()).containsExactly("a p truncated");
        assertThat(isDuplicate("b", 40, "truncated")).isFalse();

        String bound = Database.query(
                "select pg_get_expr(relpartbound, oid) from pg_class where oid = ?::regclass", partition);
        Database.execute(
                "alter table " + events + " detach partition " + partition,
                "insert into " + partition + " (id, project_id, idempotency_key, created_at)"
                        + " values ('c', 'p', 'attached', '2026-03-02Z')",
                "alter table " + events + " attach partition " + partition + " " + bound);
        assertThat(tables.areIdsEntered()).isFalse();
        assertThat(isDuplicate("d", 40, "attached")).isTrue();
        assertThat(tables.areIdsEntered()).as("by the recording").isTrue();
        assertThat(entries()).contains("c p attached");
    }

    /** Keys that a previous version recorded, before there were partitions and after. */
    @Test
    void areEnteredInBatches() {
        ledger.record(event("plain", 0, "of a plain table"));
        tables.partition(PartitionInterval.MONTH);
        tables.insertUnentered(
                "id, project_id, idempotency_key, is_duplicate, created_at",
                "select 'old ' || n, 'p', 'key ' || n, n % 3 = 0, '2026-03-01Z' from generate_series(1, 10500) n");
        assertThat(isDuplicate("before", 40, "key 10499")).isTrue();
        assertThat(tables.areIdsEntered()).isFalse();
        tables.enter();
        assertThat(tables.areIdsEntered()).isTrue();
        assertThat(entries()).as("of those that are no duplicates").hasSize(7_001);
        assertThat(isDuplicate("a", 40, "of a plain table")).isTrue();
        assertThat(isDuplicate("b", 40, "key 10499")).isTrue();
        assertThat(isDuplicate("c", 40, "key 10500"))
                .as("which only a duplicate has")
                .isFalse();

        Database.execute(
                "update " + tables.table("events_ids") + " set idempotency_key = null where id = 'old 1'",
                "update " + tables.table("events_ids_partitions") + " set partitions = '{}', attached_by = '{}'");
        tables.enter();
        assertThat(tables.areIdsEntered()).as("with the key that was missing").isTrue();
        assertThat(entries()).contains("old 1 p key 1");
        assertThat(isDuplicate("d", 40, "key 1")).isTrue();
    }

    /** A table of ids that was installed before it had keys, or got the columns alone. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void areEnteredByAnUpgrade(boolean hasColumns) {
        tables.partitionAndEnter();
        LedgerTables.makeIdsOld(tables.schema());
        Database.execute("insert into " + events + " (id, project_id, idempotency_key, created_at)"
                + " values ('a', 'p', 'key a', '2026-03-01Z'), ('b', 'p', 'key b', '2026-03-01Z')");
        assertThat(tables.areIdsEntered()).as("without keys").isTrue();
        if (hasColumns) {
            Database.execute("alter table " + tables.table("events_ids")
                    + " add column project_id text, add column idempotency_key text");
        }
        tables.enter();
        assertThat(tables.areIdsEntered()).isTrue();
        assertThat(entries()).containsExactly("a p key a", "b p key b");
        assertThat(isDuplicate("c", 40, "key a")).isTrue();
        Database.execute("update " + events + " set deleted_at = now() where id = 'b'");
        assertThat(entries()).as("by the trigger of changes").containsExactly("a p key a");
        String version = Database.query("select xmin::text from " + tables.table("events_ids_partitions"));
        tables.enter();
        assertThat(Database.query("select xmin::text from " + tables.table("events_ids_partitions")))
                .as("the list, after another installation")
                .isEqualTo(version);
    }

    /** A deletion beside the transaction that enters the event's key waits for it, or that waits for the deletion. */
    @Test
    void areEnteredBesideDeletions() throws Exception {
        tables.partition(PartitionInterval.MONTH);
        tables.insertUnentered(
                "id, project_id, idempotency_key, created_at",
                "values ('a', 'p', 'key a', '2026-03-01Z'), ('b', 'p', 'key b', '2026-03-01Z')");
        String enter = "select " + tables.table("usagekit_enter_ids_of") + "('" + tables.partitionOf("a")
                + "'::regclass, '%s', 1)";
        String delete = "update " + events + " set deleted_at = now() where id = '%s'";
        assertRunsAfter(enter.formatted("Z"), delete.formatted("a"));
        assertRunsAfter(delete.formatted("b"), enter.formatted("a"));
        assertThat(entries()).isEmpty();
        assertThat(Database.column("select id from " + tables.table("events_ids") + " where id < 'c' order by 1"))
                .containsExactly("a", "b");
    }

    /** Only new entries are locked by the transaction that enters those of a partition. */
    @Test
    void areEnteredWithoutLockingOthers() throws Exception {
        tables.partitionAndEnter();
        isDuplicate("a", 0, "key a");
        tables.insertUnentered("id, project_id, created_at", "values ('b', 'p', '2026-03-01Z')");
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection first = Database.pool().getConnection();
                Statement entering = first.createStatement()) {
            first.setAutoCommit(false);
            entering.execute("select " + tables.table("usagekit_enter_ids_of") + "('" + tables.partitionOf("a")
                    + "'::regclass, null, 10)");
            thread.submit(() -> Database.execute("update " + events + " set deleted_at = now() where id = 'a'"))
                    .get(30, TimeUnit.SECONDS);
            first.commit();
        } finally {
            thread.shutdownNow();
        }
        assertThat(entries()).isEmpty();
        assertThat(Database.column("select id from " + tables.table("events_ids") + " order by 1"))
                .containsExactly("a", "b", "first");
    }

    /** In a deadlock with an installation, that is the one whose statement is cancelled and repeated, however late the deletion starts to wait. */
    @Test
    void areEnteredByAnInstallationThatYieldsToDeletions() throws Exception {
        tables.partition(PartitionInterval.MONTH);
        tables.insertUnentered(
                "id, project_id, idempotency_key, created_at",
                "values ('a', 'p', 'key a', '2026-03-01Z'), ('b', 'p', 'key b', '2026-03-01Z')");
        String delete = "update " + events + " set deleted_at = now() where id = '%s'";
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (HikariDataSource pool =
                        Database.newPool(2, config -> config.setConnectionInitSql("set deadlock_timeout = '1min'"));
                Connection first = Database.pool().getConnection();
                Statement deleting = first.createStatement()) {
            first.setAutoCommit(false);
            deleting.execute("set local deadlock_timeout = '10s'");
            deleting.execute(delete.formatted("b"));
            Future<?> installed =
                    thread.submit(() -> PostgresLedger.of(pool, tables.schema()).install());
            Database.awaitASessionThatWaitsFor(first);
            deleting.execute(delete.formatted("a"));
            first.commit();
            installed.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
        assertThat(tables.areIdsEntered()).isTrue();
        assertThat(entries()).isEmpty();
    }

    /** An entry of a dropped partition that an open transaction takes over is left to it, also until old entries are deleted again. */
    @Test
    void stayWhereTakenOverBesideADeletionOfOldEntries() throws Exception {
        tables.partitionAndEnter();
        isDuplicate("a", 40, "key a");
        isDuplicate("b", 40, "key b");
        Database.execute("drop table " + tables.partitionOf("a") + " cascade");
        Database.query("select " + tables.table("usagekit_enter_ids") + "(null)::text");
        String delete = "select " + tables.table("usagekit_delete_old_ids") + "(10000)";
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection first = Database.pool().getConnection()) {
            first.setAutoCommit(false);
            EventRepository uncommitted =
                    PostgresLedger.of(Database.pool(), tables.schema()).repository(first);
            uncommitted.record(event("a", 0, "key a"));
            Future<String> deleted = thread.submit(() -> Database.query(delete));
            assertThat(deleted.get(30, TimeUnit.SECONDS)).isEqualTo("1");
            first.rollback();
            assertThat(Database.query(delete)).as("of an entry that was locked").isEqualTo("1");
        } finally {
            thread.shutdownNow();
        }
    }

    /** Two transactions that record a key, by itself or in a list: the second waits, and is a duplicate where the first was committed. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void areTakenInRaces(boolean isPartitioned) throws Exception {
        if (isPartitioned) {
            tables.partitionAndEnter();
        }
        tables.race(
                first -> first.record(event("a", 0, "committed")),
                true,
                () -> assertThat(isDuplicate("b", 40, "committed")).isTrue());
        tables.race(
                first -> first.record(event("c", 0, "rolled back")),
                false,
                () -> assertThat(isDuplicate("d", 40, "rolled back")).isFalse());
        tables.race(
                first -> first.recordAll(List.of(event("e", 0, "of a list"), event("f", 0, "of the list"))),
                true,
                () -> assertThat(isDuplicate("g", 40, "of a list")).isTrue());
    }

    /** Runs a statement in a transaction, and another one that waits for the end of that. */
    private static void assertRunsAfter(String statement, String after) throws Exception {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection first = Database.pool().getConnection();
                Statement running = first.createStatement()) {
            first.setAutoCommit(false);
            running.execute(statement);
            Future<?> second = thread.submit(() -> Database.execute(after));
            Database.awaitASessionThatWaitsFor(first);
            first.commit();
            second.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
    }

    /** Entries that say anything else than their rows, e.g. since a host changed rows while it had disabled triggers. */
    @Test
    void areThoseOfTheRows() {
        tables.partitionAndEnter();
        isDuplicate("a", 0, "of the row");
        Database.execute(
                "update " + tables.table("events_ids") + " set idempotency_key = 'of the entry' where id = 'a'");
        assertThat(tables.areIdsEntered()).isTrue();
        assertThat(isDuplicate("b", 40, "of the entry")).isFalse();
    }

    /** Where there are hundreds of partitions, comparing their list with the catalog takes longer than anything else in recording an event. */
    @Test
    void areTakenAfterOneLookAtTheListOfPartitions() throws SQLException {
        tables.partitionAndEnter();
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("set local track_functions = 'pl'");
            EventRepository inTransaction =
                    PostgresLedger.of(Database.pool(), tables.schema()).repository(connection);
            assertThat(inTransaction.record(event("a", 0, "key")).duplicate()).isFalse();
            try (ResultSet calls = statement.executeQuery(
                    "select sum(calls) from pg_stat_xact_user_functions where funcname = 'usagekit_are_ids_entered'")) {
                calls.next();
                assertThat(calls.getLong(1)).isEqualTo(1);
            }
            assertThat(inTransaction.record(event("b", 40, "key")).duplicate()).isTrue();
            connection.rollback();
        }
    }

    /**
     * Whatever the statistics say, recording keys into many partitions reads twice the blocks of a plain table, since it reads entries as well, and indexes
     * have a level more by then. A look into all partitions reads eight times as many; looking entered events up by an index of project and time,
     * which is the same for all of them, three times as many.
     */
    @Tag("thorough")
    @Test
    void spareALookIntoAllPartitions() {
        PartitionedLedger.Reads plain = readsOfAList("plain");
        tables.partition(PartitionInterval.DAY);
        assertThat(readsOfAList("unentered").looks()).isEqualTo(1);
        tables.enter();
        Database.execute("delete from pg_statistic where starelid in (select inhrelid from pg_inherits)");
        readsOfAList("before");
        PartitionedLedger.Reads partitioned = readsOfAList("partitioned");
        assertThat(partitioned.looks()).isZero();
        assertThat(partitioned.buffers()).isLessThan(5 * plain.buffers() / 2);
    }

    /** What is read by a call that records a list of which half are duplicates. */
    private PartitionedLedger.Reads readsOfAList(String prefix) {
        List<NewEvent> list = new ArrayList<>();
        IntStream.range(0, 100).forEach(n -> list.add(event(prefix + n, 1, n % 2 == 0 ? "key" + n : prefix + n)));
        return tables.reads(recording -> recording.recordAll(list));
    }
}
