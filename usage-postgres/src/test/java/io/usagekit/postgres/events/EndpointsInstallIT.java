package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Project;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The project and time of the endpoints of events: of rows that a previous version recorded, and while events move. */
class EndpointsInstallIT {

    private static final EventFilter TO_ENDPOINT =
            EventFilter.builder().endpointIds(List.of("to")).build();

    private final String schema = Database.newSchema("endpoints");
    private final String s = Identifiers.quote(schema);
    private final PostgresLedger ledger = PostgresLedger.of(Database.pool(), schema);
    private final EventRepository events = ledger.repository();

    @BeforeEach
    void install() {
        ledger.install();
        events.save(new Project("p", "o", ""));
        events.save(new Project("q", "o", ""));
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    private void run(String... statements) {
        for (String statement : statements) {
            Database.execute(statement.replace("{s}", s));
        }
    }

    /** Records 20 events of each project, as the previous version did. */
    private void recordByPreviousVersion() {
        for (String project : List.of("p", "q")) {
            events.recordAll(IntStream.range(0, 20)
                    .mapToObj(n -> NewEvent.builder(project, project + n)
                            .createdAt(Instant.EPOCH.plusSeconds(n))
                            .endpointIds(List.of("to", "other"))
                            .build())
                    .toList());
        }
        LedgerTables.makeEndpointsOld(schema);
    }

    private void record(String id) {
        events.record(NewEvent.builder("p", id)
                .createdAt(Instant.EPOCH)
                .endpointIds(List.of("to"))
                .build());
    }

    private int page() {
        return events.page("p", TO_ENDPOINT, PageRequest.first(100, EventOrder.ASCENDING))
                .items()
                .size();
    }

    /** How many endpoints of events have the project and time of their event, and how many haven't. */
    private String filled() {
        return Database.query("""
                select count(*) filter (where e.project_id = n.project_id and e.created_at = n.created_at)
                    || ' and ' || count(*) filter (where (e.project_id = n.project_id and e.created_at = n.created_at) is not true)
                from %s.events_endpoints n join %<s.events e on e.id = n.event_id
                """.formatted(s));
    }

    /** Waits until a statement on this ledger's endpoints waits for a lock, or work has ended. */
    private void awaitLockWaitOrEnd(CompletableFuture<?> work) {
        long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
        while (!work.isDone()
                && Database.query(
                                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like ?",
                                "%" + schema + "%")
                        .equals("0")) {
            assertThat(System.nanoTime()).as("a statement waits, or has ended").isLessThan(deadline);
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Test
    void fillsRowsOfThePreviousVersion() {
        List<String> before = indexes();
        recordByPreviousVersion();
        run("update {s}.events set created_at = 'infinity' where id = 'q0'");
        // An installation that was cut off has added the columns, and filled some rows.
        run(
                "alter table {s}.events_endpoints add column project_id text, add column created_at timestamptz",
                "update {s}.events_endpoints n set project_id = e.project_id, created_at = e.created_at from {s}.events e"
                        + " where e.id = n.event_id and e.id in ('p1', 'p7')");

        ledger.install();
        assertThat(indexes()).containsAll(before);
        assertThat(filled()).isEqualTo("80 and 0");
        assertThat(page()).isEqualTo(20);
    }

    private List<String> indexes() {
        return Database.column(
                "select replace(indexdef, ?, 'S') from pg_indexes where schemaname = ? order by 1", s, schema);
    }

    @Test
    void fillsRowsByTheScript() {
        recordByPreviousVersion();

        run(ledger.ddl());

        assertThat(filled()).isEqualTo("80 and 0");
        assertThat(page()).isEqualTo(20);
    }

    /** Such as those that were restored without triggers. */
    @Test
    void fillsRowsThatCameAfterAnInstallation() {
        record("e");
        run("update {s}.events_endpoints set project_id = null, created_at = null");

        ledger.install();

        assertThat(page()).isOne();
    }

    @Test
    void replacesRowsThatAreNotFilledYet() {
        record("e");
        run("update {s}.events_endpoints set project_id = null, created_at = null");
        assertThat(events.endpointIds("p", "e")).containsExactly("to");
        assertThat(events.endpointIds("q", "e")).isEmpty();

        assertThat(events.updateEndpoints("p", "e", List.of("to", "too"))).isTrue();
        assertThat(events.endpointIds("p", "e")).containsExactly("to", "too");
        assertThat(filled()).isEqualTo("2 and 0");
        assertThat(events.updateEndpoints("q", "e", List.of())).isFalse();
        assertThat(page()).isOne();
    }

    @Test
    void repeatsABatchThatMeetsALock() {
        recordByPreviousVersion();
        AtomicBoolean isVictim = new AtomicBoolean(true);
        DataSource deadlocked = proxy(DataSource.class, (method, arguments) -> {
            Object result = method.invoke(Database.pool(), arguments);
            return !(result instanceof Connection connection)
                    ? result
                    : proxy(Connection.class, (call, values) -> {
                        if (call.getName().equals("prepareStatement")
                                && values[0].toString().contains("with batch")
                                && isVictim.getAndSet(false)) {
                            throw new SQLException("deadlock detected", "40P01");
                        }
                        return call.invoke(connection, values);
                    });
        });

        PostgresLedger.of(deadlocked, schema).install();

        assertThat(isVictim).isFalse();
        assertThat(filled()).isEqualTo("80 and 0");
    }

    private interface Call {
        Object of(Method method, Object[] arguments) throws Throwable;
    }

    private static <T> T proxy(Class<T> type, Call call) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                    try {
                        return call.of(method, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }

    /** The previous version, which may run beside this one, and the host's SQL. */
    @Test
    void fillsAndKeepsTheEndpointsOfEventsThatOthersRecordAndMove() {
        events.record(NewEvent.builder("p", "e").createdAt(Instant.EPOCH).build());
        for (int again = 0; again < 2; again++) {
            run("insert into {s}.events_endpoints (event_id, endpoint_id) values ('e', 'to') on conflict do nothing");
        }
        assertThat(events.count("p", TO_ENDPOINT)).isEqualTo(1);

        run("update {s}.events set created_at = '2026-03-01Z'");
        assertThat(page()).isOne();
        assertThat(events.endpointIds("p", "e")).containsExactly("to");
    }

    @Test
    void recordsTheTimeThatATriggerOfTheHostSets() {
        run(
                "create function {s}.round() returns trigger language plpgsql as"
                        + " $$ begin new.created_at := '2026-03-01Z'; return new; end $$",
                "create trigger round before insert on {s}.events for each row execute function {s}.round()");

        record("e");

        assertThat(page()).isOne();
    }

    /** An event moves in a transaction that is still open: a batch of the installation, or an insertion, has read where it was before. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "update {s}.events_endpoints n set project_id = e.project_id, created_at = e.created_at from {s}.events e"
                        + " where e.id = n.event_id and n.project_id is null",
                "insert into {s}.events_endpoints (event_id, endpoint_id) values ('e', 'too')"
            })
    void anEventThatMovesTakesItsEndpointsAlong(String meanwhile) throws SQLException {
        record("e");
        run("update {s}.events_endpoints set project_id = null, created_at = null");
        CompletableFuture<Void> other;
        try (Connection host = Database.pool().getConnection();
                Statement statement = host.createStatement()) {
            host.setAutoCommit(false);
            statement.execute("update " + s + ".events set created_at = '2026-03-01Z' where id = 'e'");
            other = CompletableFuture.runAsync(() -> run(meanwhile));
            awaitLockWaitOrEnd(other);
            host.commit();
        }
        other.join();
        assertThat(filled()).endsWith(" and 0");
    }
}
