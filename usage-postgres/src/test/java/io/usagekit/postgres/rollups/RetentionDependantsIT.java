package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.usagekit.UsageMetrics;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Rows of other tables that refer to the rows that retention deletes. */
class RetentionDependantsIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Instant TEN = Instant.parse("2026-03-17T10:00:00Z");
    private static final CombinedQuery.Totals THREE =
            new CombinedQuery.Totals(new UsageMetrics(3, 21), new UsageMetrics(3, 21));

    private final List<RetentionDependant> found = new ArrayList<>();
    private RollupFixture fixture;

    @BeforeEach
    void begin() {
        fixture = RollupFixture.rolled(Database.pool(), Database.newSchema("dependants"));
        fixture.clock.advance(Duration.ofDays(30));
        fixture.runWorker();
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    private CombinedQuery.Totals figure() {
        var usage = fixture.rollups.calculator().calculate(RollupFixture.MARCH, TIMEOUT);
        return new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured());
    }

    /** Deletes what is older than ten o'clock: the delivery d9 and the event e9. */
    private RetentionResult delete(String... along) {
        found.clear();
        return PostgresRollups.builder(Database.pool())
                .mapping(fixture.mapping)
                .clock(fixture.clock)
                .deleteDependants(along)
                .build()
                .deleteBefore(TEN, new RetentionProgress() {
                    @Override
                    public void dependantsFound(List<RetentionDependant> dependants) {
                        found.addAll(dependants);
                    }
                });
    }

    private List<String> effects() {
        return found.stream()
                .map(key -> key.foreignKey() + " " + key.effect() + (key.indexed() ? "" : ", not indexed"))
                .sorted()
                .toList();
    }

    private long rows(String table) {
        return Long.parseLong(Database.column(fixture.sql("select count(*) from {s}." + table))
                .get(0));
    }

    /** Attempts of each delivery, lines of each attempt, and a tag of each event. */
    private void createAttempts() {
        fixture.run(
                "create table {s}.attempts (id bigint generated always as identity primary key, delivery_id varchar not null"
                        + " constraint attempted references {s}.event_deliveries, retry_of bigint constraint retried references {s}.attempts)",
                "create table {s}.lines (attempt_id bigint constraint lined references {s}.attempts on delete restrict, line text)",
                "create table {s}.tags (event_id varchar primary key constraint tagged references {s}.events, tag text)",
                "insert into {s}.attempts (delivery_id) select id from {s}.event_deliveries",
                "insert into {s}.attempts (delivery_id, retry_of) select delivery_id, id from {s}.attempts",
                "insert into {s}.lines select id, 'line ' || n from {s}.attempts cross join generate_series(1, 3) n",
                "insert into {s}.tags select id, 'tag' from {s}.events");
    }

    @Test
    void deletesRowsOfNamedTablesInTheSameBatchChildrenFirst() {
        createAttempts();
        assertThat(delete("attempts", fixture.schema + ".lines", "tags"))
                .isEqualTo(new RetentionResult(1, 1, 0, 2 + 6 + 1));
        assertThat(List.of(rows("attempts"), rows("lines"), rows("tags"))).containsExactly(4L, 12L, 2L);
        assertThat(figure()).isEqualTo(THREE);
        assertThat(effects())
                .containsExactly(
                        "attempted DELETED, not indexed",
                        "lined DELETED, not indexed",
                        "retried BLOCKING, not indexed",
                        "tagged DELETED");
        fixture.run("create index on {s}.attempts (delivery_id)", "create index on {s}.lines (attempt_id, line)");
        delete("attempts", "lines", "tags");
        assertThat(effects()).contains("attempted DELETED", "lined DELETED", "retried BLOCKING, not indexed");
    }

    @Test
    void namesAllForeignKeysThatAreInTheWayAtOnce() {
        createAttempts();
        fixture.run(
                "create table {s}.marks (event_id varchar constraint marked references {s}.events)",
                "create table {s}.links (event_id varchar constraint linked references {s}.events on delete set null)",
                "alter table {s}.projects add first_event varchar constraint first references {s}.events");
        Throwable refusal = catchThrowable(() -> delete("attempts"));
        assertThat(refusal)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("failed after deleting 0 deliveries and 0 events")
                .hasMessageContaining("In the way are ")
                .hasMessageContaining("the foreign key \"lined\" of \"" + fixture.schema
                        + "\".\"lines\" (allow its rows to be" + " deleted along by deleteDependants(\""
                        + fixture.schema + ".lines\"), or let it be ON DELETE")
                .hasMessageContaining("\"tagged\"")
                .hasMessageContaining("\"marked\"")
                .hasMessageContaining("\"first\" of \"" + fixture.schema
                        + "\".\"projects\" (rows of a mapped table are never deleted along")
                .hasMessageNotContaining("\"attempted\"")
                .hasMessageNotContaining("\"linked\"");
        assertThat(effects()).contains("linked DETACHED, not indexed", "marked BLOCKING, not indexed");
        assertThat(List.of(rows("attempts"), rows("event_deliveries"), rows("events")))
                .containsExactly(6L, 3L, 3L);
        assertThat(figure()).isEqualTo(THREE);
    }

    @Test
    void deletesWhatACascadeWouldLeaveInTheWay() {
        fixture.run(
                "create table {s}.attempts (id bigint primary key, delivery_id varchar constraint attempted references {s}.event_deliveries on delete cascade)",
                "create table {s}.lines (attempt_id bigint constraint lined references {s}.attempts)",
                "insert into {s}.attempts values (1, 'd9'), (2, 'd10')",
                "insert into {s}.lines values (1), (2)");
        assertThatThrownBy(this::delete)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("the foreign key \"lined\"");
        assertThat(effects()).containsExactly("attempted CASCADED, not indexed", "lined BLOCKING, not indexed");
        assertThat(delete("lines")).isEqualTo(new RetentionResult(1, 1, 0, 2));
        assertThat(List.of(rows("attempts"), rows("lines"))).containsExactly(1L, 1L);
        assertThat(figure()).isEqualTo(THREE);
    }

    @Test
    void deletesByCompositeKeysFromPartitionedTablesWithOddNames() {
        fixture.run(
                "alter table {s}.events add column \"n: {x} --\" int not null default 7, add unique (id, \"n: {x} --\")",
                "create table {s}.\"odd {t} :x\" (id varchar, \"the n\" bigint, at timestamptz,"
                        + " constraint odd foreign key (id, \"the n\") references {s}.events (id, \"n: {x} --\")) partition by range (at)",
                "create table {s}.odd_old partition of {s}.\"odd {t} :x\" for values from (minvalue) to ('2026-03-17Z')",
                "create table {s}.odd_new partition of {s}.\"odd {t} :x\" default",
                "insert into {s}.\"odd {t} :x\" select e.id, 7, at from {s}.events e"
                        + " cross join (values (timestamptz '2026-01-01Z'), ('2026-04-01Z')) v (at)");
        assertThat(delete("odd {t} :x")).isEqualTo(new RetentionResult(1, 1, 0, 2));
        assertThat(rows("odd_old")).isEqualTo(2);
        assertThat(rows("odd_new")).isEqualTo(2);
        assertThat(figure()).isEqualTo(THREE);
    }

    @Test
    void deletesDependantsOfDeliveriesThatCountNowhere() {
        fixture.run("insert into {s}.event_deliveries values ('failed', 'p', 'e9', 'Failure', '2026-03-17T09:11:00Z')");
        createAttempts();
        assertThat(delete("attempts", "lines", "tags")).isEqualTo(new RetentionResult(2, 1, 0, 4 + 12 + 1));
        assertThat(figure()).isEqualTo(THREE);
    }

    @Test
    void refusesCyclesInWordsBeforeAnythingIsDeleted() {
        createAttempts();
        fixture.run(
                "alter table {s}.lines add unique (line, attempt_id)",
                "alter table {s}.attempts add first_line text, add constraint circular foreign key (first_line, id) references {s}.lines (line, attempt_id)");
        assertThatThrownBy(() -> delete("attempts", "lines", "tags"))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("the foreign key \"circular\" of \"" + fixture.schema
                        + "\".\"attempts\" completes a cycle of tables that refer to each other")
                .hasMessageContaining("ON DELETE SET NULL")
                .hasMessageEndingWith("nothing has been deleted");
        assertThat(rows("event_deliveries")).isEqualTo(3);
    }

    @Test
    void deletesAlongAnAttemptThatIsInsertedDuringTheDeletion() throws SQLException {
        createAttempts();
        try (Connection host = fixture.begin()) {
            fixture.run(host, "insert into {s}.attempts (delivery_id) values ('d9')");
            CompletableFuture<RetentionResult> retention =
                    CompletableFuture.supplyAsync(() -> delete("attempts", "lines", "tags"));
            awaitLockWait();
            host.commit();
            host.setAutoCommit(true);
            assertThat(retention.orTimeout(30, TimeUnit.SECONDS).join())
                    .isEqualTo(new RetentionResult(1, 1, 0, 3 + 6 + 1));
        }
        assertThat(figure()).isEqualTo(THREE);
    }

    private void awaitLockWait() {
        long deadline = System.nanoTime() + TIMEOUT.toNanos();
        while (Database.query(
                        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like 'with candidate%'")
                .equals("0")) {
            assertThat(System.nanoTime()).as("a session waits for a lock").isLessThan(deadline);
            LockSupport.parkNanos(1_000_000);
        }
    }
}
