package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.Event;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.events.RecordingResult;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.testing.Commits;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What recording an event or a list takes: round trips, locks, and blocks whatever the statistics say. */
class LedgerRecordingIT {

    private static final int KEYED = 50_000;
    private static final int LIST = 100;

    /** Of a list that is recorded: those of about a dozen indexes for each event and each endpoint. */
    private static final long MOST_BLOCKS = 80 * LIST;

    private static final Set<String> ROUND_TRIPS =
            Set.of("prepareStatement", "createStatement", "commit", "setSavepoint", "releaseSavepoint");

    private String schema = "";

    @BeforeEach
    void install() {
        schema = LedgerTables.install("recording");
        PostgresLedger.of(Database.pool(), schema).repository().save(new Project("p", "org-1", ""));
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    @Test
    void recordsAnEventWithItsEndpointsInOneRoundTrip() throws SQLException {
        assertThat(roundTripsOf(event("e", ""))).isEqualTo(1);
        assertThat(roundTripsOf(event("f", "key"))).as("with a key").isEqualTo(1);
    }

    /** Arrays of one value each would be most of what the client allocates. */
    @Test
    void bindsTheEndpointsOfAnEventAsItsOnlyArray() throws SQLException {
        assertThat(callsOf(event("e", ""), Set.of("createArrayOf"))).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "key"})
    void recordsAnEventInAHostsTransactionByOneText(String key) throws SQLException {
        AtomicInteger calls = new AtomicInteger();
        try (HikariDataSource pool = Database.newPool(1, config -> config.setAutoCommit(false));
                Connection connection = pool.getConnection()) {
            PostgresLedger.of(pool, schema)
                    .repository(counted(connection, ROUND_TRIPS, calls))
                    .record(event("e", key));
            connection.rollback();
        }
        assertThat(calls).hasValue(1);
    }

    private int roundTripsOf(NewEvent event) throws SQLException {
        return callsOf(event, ROUND_TRIPS);
    }

    /** How many calls of these methods of its connection recording an event takes. */
    private int callsOf(NewEvent event, Set<String> methods) throws SQLException {
        AtomicInteger calls = new AtomicInteger();
        try (HikariDataSource pool = Database.newPool(1, config -> {});
                Connection connection = pool.getConnection()) {
            EventRepository ledger = PostgresLedger.of(new OneConnection(counted(connection, methods, calls)), schema)
                    .repository();
            ledger.record(NewEvent.builder("p", "before " + event.id()).build()); // may look at the connection first
            calls.set(0);
            ledger.record(event);
            int taken = calls.get();
            assertThat(ledger.endpointIds("p", event.id())).containsExactlyInAnyOrder("one", "two");
            return taken;
        }
    }

    /** A connection whose calls of these methods are counted. */
    private static Connection counted(Connection connection, Set<String> methods, AtomicInteger calls) {
        return (Connection) Proxy.newProxyInstance(
                LedgerRecordingIT.class.getClassLoader(),
                new Class<?>[] {Connection.class},
                (proxy, method, arguments) -> {
                    if (methods.contains(method.getName())) {
                        calls.incrementAndGet();
                    }
                    try {
                        return method.invoke(connection, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private static NewEvent event(String id, String key) {
        return NewEvent.builder("p", id)
                .idempotencyKey(key)
                .endpointIds(List.of("one", "two"))
                .build();
    }

    /** The statistics are of a table without keys, as before a host's first one. */
    @Test
    void readsFewBlocksForAKeyedListWhateverTheStatisticsSay() {
        String events = Identifiers.qualified(schema, "events");
        String insert =
                "insert into " + events + " (id, project_id, idempotency_key, created_at) select %s || n, 'p', %s,"
                        + " current_timestamp from generate_series(1, %d) n";
        Database.execute(
                insert.formatted("'unkeyed'", "''", LIST),
                "analyze " + events,
                insert.formatted("'keyed'", "'key' || n", KEYED));
        assertThat(blocksOfAList("stale")).as("with stale statistics").isLessThan(MOST_BLOCKS);
        Database.execute("delete from pg_statistic where starelid = '" + events + "'::regclass");
        assertThat(blocksOfAList("none")).as("without statistics").isLessThan(MOST_BLOCKS);
    }

    private long blocksOfAList(String prefix) {
        AtomicLong blocks = new AtomicLong();
        try (HikariDataSource pool = Database.newPool(1, config -> {})) {
            EventRepository ledger = PostgresLedger.of(
                            Commits.watched(pool, connection -> blocks.set(blocks(connection))), schema)
                    .repository();
            List<Event> recorded = ledger.recordAll(IntStream.rangeClosed(1, LIST)
                    .mapToObj(n -> event(prefix + n, n % 2 == 0 ? "key" + n : "new key of " + prefix + n))
                    .toList());
            assertThat(recorded).filteredOn(Event::duplicate).hasSize(LIST / 2);
        }
        return blocks.get();
    }

    /** The event that is recorded already and the new one have times of one partition of several. */
    @Test
    void looksIntoOnePartitionForTheRestOfAList() {
        String partitioned = LedgerTables.installPartitioned("rest");
        AtomicLong partitions = new AtomicLong();
        try (HikariDataSource pool = Database.newPool(1, config -> {})) {
            String scanned =
                    "select count(distinct h.inhrelid) from pg_inherits h join pg_index i on i.indrelid = h.inhrelid"
                            + " where h.inhparent = '" + Identifiers.qualified(partitioned, "events")
                            + "'::regclass and pg_stat_get_xact_numscans(i.indexrelid) > 0";
            RecordingResult result = PostgresLedger.of(
                            Commits.watched(pool, connection -> partitions.set(count(connection, scanned))),
                            partitioned)
                    .repository()
                    .recordNew(Stream.of("e", "new")
                            .map(id -> NewEvent.builder("p", id)
                                    .createdAt(Instant.parse("2026-02-01T00:00:00Z"))
                                    .build())
                            .toList());
            assertThat(result.recordedAlready()).containsExactly("e");
            assertThat(partitions).hasValue(1);
        } finally {
            Database.dropSchema(partitioned);
            Database.dropSchema(partitioned + "_partitions");
        }
    }

    /** Another transaction holds "b" and waits for "a", which the list has inserted when it comes to "b". */
    @Test
    void beginsAListAgainWhenPostgresEndsItsDeadlock() throws Exception {
        String s = Identifiers.quote(schema);
        String lock = "(hashtext(" + Identifiers.literal(schema) + "))";
        String insert = "insert into " + s + ".events (id, project_id) values ('%s', 'p')";
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (HikariDataSource patient =
                        Database.newPool(1, config -> config.setConnectionInitSql("set deadlock_timeout = '1min'"));
                HikariDataSource victims =
                        Database.newPool(1, config -> config.setConnectionInitSql("set deadlock_timeout = '10ms'"));
                Connection other = patient.getConnection()) {
            Database.execute(
                    "create function " + s + ".await_waiter() returns trigger language plpgsql as $$begin"
                            + " perform pg_advisory_xact_lock" + lock + ";"
                            + " while not exists (select from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))) loop"
                            + " perform pg_sleep(0.01); end loop; return new; end$$",
                    "create trigger await_waiter before insert on " + s + ".events for each row"
                            + " when (new.event_type = 'waits') execute function " + s + ".await_waiter()");
            other.setAutoCommit(false);
            Jdbc.execute(other, insert.formatted("b"));
            Jdbc.execute(other, "select pg_advisory_lock" + lock);
            Future<RecordingResult> list = thread.submit(() -> PostgresLedger.of(victims, schema)
                    .repository()
                    .recordNew(List.of(
                            event("a", ""),
                            NewEvent.builder("p", "b").type("waits").build())));
            Database.awaitASessionThatWaitsFor(other);
            Jdbc.execute(other, "select pg_advisory_unlock" + lock);
            Jdbc.execute(other, insert.formatted("a"));
            other.commit();
            assertThat(list.get(60, TimeUnit.SECONDS).recordedAlready()).containsExactly("a", "b");
        } finally {
            thread.shutdownNow();
        }
    }

    @Test
    void locksManyKeysWithFewLocksThatOthersWaitFor() throws SQLException {
        try (Connection many = Database.pool().getConnection();
                Connection few = Database.pool().getConnection()) {
            many.setAutoCommit(false);
            few.setAutoCommit(false);
            lockKeys(few, 2, 60);
            assertThat(locksOf(few)).as("of few keys").isBetween(3L, 256L);
            few.rollback();

            lockKeys(many, 500, 60);
            assertThat(locksOf(many)).as("of 30,000 keys of 500 projects").isBetween(1L, 128L);
            assertWaits(few, 1, 1);
            many.rollback();

            lockKeys(many, 1, 1);
            lockKeys(few, 1, 1, "another key ");
            few.rollback();
            assertWaits(few, 500, 60);
            many.rollback();
        }
    }

    private void assertWaits(Connection connection, int projects, int keys) throws SQLException {
        Jdbc.limit(connection, "lock_timeout", Duration.ofMillis(100));
        assertThatThrownBy(() -> lockKeys(connection, projects, keys)).hasMessageContaining("lock timeout");
        connection.rollback();
    }

    private void lockKeys(Connection connection, int projects, int keys) throws SQLException {
        lockKeys(connection, projects, keys, "key ");
    }

    private void lockKeys(Connection connection, int projects, int keys, String prefix) throws SQLException {
        List<String> projectIds = new ArrayList<>();
        List<String> idempotencyKeys = new ArrayList<>();
        for (int i = 0; i < projects * keys; i++) {
            projectIds.add("project " + i % projects);
            idempotencyKeys.add(prefix + i / projects);
        }
        LedgerSql.in(schema, ProjectScope.ALIVE)
                .call(connection, LedgerStatement.LOCK_KEYS)
                .texts("project_ids", projectIds)
                .texts("idempotency_keys", idempotencyKeys)
                .text("table", Identifiers.qualified(schema, "events"))
                .list(row -> row.text("locked"));
    }

    private static long locksOf(Connection connection) throws SQLException {
        return count(
                connection,
                "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted");
    }

    private static long count(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            row.next();
            return row.getLong(1);
        }
    }

    /** Those that the transaction has read so far, from the schema's tables and their indexes. */
    private long blocks(Connection connection) throws SQLException {
        return count(
                connection,
                "select sum(pg_stat_get_xact_blocks_fetched(oid)) from pg_class where relnamespace = "
                        + Identifiers.literal(Identifiers.quote(schema)) + "::regnamespace");
    }
}
