package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What else happens while old rows are deleted, before, and after. */
class RollupRetentionIT {

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Instant TEN = Instant.parse("2026-03-17T10:00:00Z");
    private static final RetentionProgress NOBODY = new RetentionProgress() {};
    private static final CombinedQuery.Totals THREE =
            new CombinedQuery.Totals(new UsageMetrics(3, 21), new UsageMetrics(3, 21));

    /** Waits where others would try again with another snapshot. */
    private static final RetentionDeleter.Pace UNHURRIED =
            new RetentionDeleter.Pace(100, 100, PATIENCE, PATIENCE, PATIENCE);

    private RollupFixture scene;

    @BeforeEach
    void begin() {
        scene = RollupFixture.rolled(Database.pool(), Database.newSchema("retention"));
        scene.clock.advance(Duration.ofDays(30));
        scene.runWorker();
        assertThat(figure()).isEqualTo(THREE);
    }

    @AfterEach
    void end() {
        scene.close();
    }

    private CombinedQuery.Totals figure() {
        var usage = scene.rollups.calculator().calculate(RollupFixture.MARCH, PATIENCE);
        return new CombinedQuery.Totals(usage.received(), usage.sent());
    }

    private RetentionResult deleteBeforeTen() {
        return scene.rollups.deleteBefore(TEN, NOBODY);
    }

    private void assertRows(int deliveries, int events) {
        assertThat(Database.column(scene.sql("select count(*) from {s}.event_deliveries")))
                .containsExactly(String.valueOf(deliveries));
        assertThat(Database.column(scene.sql("select count(*) from {s}.events")))
                .containsExactly(String.valueOf(events));
    }

    // Others write to the same rows.

    /**
     * The deletion has its snapshot and waits for a row; meanwhile an event whose delivery it deletes changes its size. Whoever
     * reads after the change has seen the new size; what is kept must be that one.
     */
    private CombinedQuery.Totals sizeChangesHalfWay(RollupSql sql) throws SQLException {
        scene.run("insert into {s}.event_deliveries values ('d9b', 'p', 'e10', 'Success', '2026-03-17T09:20:00Z')");
        try (Connection holder = scene.begin()) {
            scene.run(holder, "update {s}.event_deliveries set id = 'held' where id = 'd9'");
            CompletableFuture<RetentionResult> retention = CompletableFuture.supplyAsync(
                    () -> new RetentionDeleter(Database.pool(), sql, NOBODY, UNHURRIED).deleteBefore(TEN));
            awaitWaiting("with candidate%");
            scene.run("update {s}.events set raw = 'twelve bytes' where id = 'e10'");
            assertThat(figure().sent()).isEqualTo(new UsageMetrics(4, 7 + 12 + 12 + 7));
            holder.rollback();
            holder.setAutoCommit(true);
            assertThat(retention.orTimeout(30, TimeUnit.SECONDS).join().deliveries())
                    .isEqualTo(2);
        }
        return figure();
    }

    @Test
    void aSizeThatChangesHalfWayIsTheOneThatIsKept() throws SQLException {
        assertThat(sizeChangesHalfWay(sql()).sent()).isEqualTo(new UsageMetrics(4, 38));
    }

    @Test
    void withoutTheLockOnEventsTheFigureFalls() throws SQLException {
        RollupSql unlocked = sql().mutated("rollups-delete-deliveries.sql", "for share", "");
        assertThat(sizeChangesHalfWay(unlocked).sent()).isEqualTo(new UsageMetrics(4, 33));
    }

    private RollupSql sql() throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            return RollupSql.over(scene.mapping, TableShape.read(connection, scene.mapping), scene.rollups.schema());
        }
    }

    private void awaitWaiting(String statement) throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (scene.count(
                            connection,
                            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '"
                                    + statement + "'")
                    == 0) {
                assertThat(System.nanoTime()).as("somebody waits").isLessThan(deadline);
                LockSupport.parkNanos(1_000_000);
            }
        }
    }

    @Test
    void aDeliveryThatIsNoSuccessAnyMoreIsNotKept() throws SQLException {
        try (Connection host = scene.begin()) {
            scene.run(host, "update {s}.event_deliveries set status = 'Failure' where id = 'd9'");
            CompletableFuture<RetentionResult> retention = CompletableFuture.supplyAsync(this::deleteBeforeTen);
            awaitWaiting("with candidate%");
            host.commit();
            host.setAutoCommit(true);
            assertThat(retention.orTimeout(30, TimeUnit.SECONDS).join()).isEqualTo(new RetentionResult(1, 1, 0));
        }
        assertThat(figure()).isEqualTo(new CombinedQuery.Totals(new UsageMetrics(3, 21), new UsageMetrics(2, 14)));
        assertRows(2, 2);
    }

    @Test
    void anEventThatIsDeliveredOnceMoreStays() throws SQLException {
        scene.run("alter table {s}.event_deliveries add foreign key (event_id) references {s}.events (id)");
        try (Connection host = scene.begin()) {
            scene.run(host, "insert into {s}.event_deliveries values ('again', 'p', 'e9', 'Success', now())");
            CompletableFuture<RetentionResult> retention = CompletableFuture.supplyAsync(this::deleteBeforeTen);
            awaitWaiting("with candidate%");
            host.commit();
            host.setAutoCommit(true);
            assertThat(retention.orTimeout(30, TimeUnit.SECONDS).join()).isEqualTo(new RetentionResult(1, 0, 1));
        }
        assertThat(figure()).isEqualTo(THREE);
        assertRows(3, 3);
    }

    @Test
    void whatTheHostDoesToAnHourAfterwardsCounts() {
        assertThat(deleteBeforeTen()).isEqualTo(new RetentionResult(1, 1, 0));
        assertRows(2, 2);
        assertThat(figure()).isEqualTo(THREE);
        scene.run(
                "insert into {s}.events values ('late', 'p', 'five!', '', '2026-03-17T09:10:00Z')",
                "insert into {s}.event_deliveries values ('late', 'p', 'late', 'Success', '2026-03-17T09:12:00Z')");
        CombinedQuery.Totals four = new CombinedQuery.Totals(new UsageMetrics(4, 26), new UsageMetrics(4, 26));
        assertThat(figure()).isEqualTo(four);
        scene.runWorker();
        assertThat(figure()).isEqualTo(four);
        assertThat(deleteBeforeTen()).isEqualTo(new RetentionResult(1, 1, 0));
        assertThat(figure()).isEqualTo(four);
        scene.run("truncate {s}.events, {s}.event_deliveries");
        assertThat(figure())
                .as("what is kept, and nothing else")
                .isEqualTo(new CombinedQuery.Totals(new UsageMetrics(2, 12), new UsageMetrics(2, 12)));
    }

    // Rows that can't go.

    @Test
    void anEventStaysAsLongAsADeliveryIsYounger() {
        scene.run(
                "insert into {s}.event_deliveries values ('failed', 'p', 'e9', 'Failure', '2026-03-17T09:11:00Z')",
                "insert into {s}.event_deliveries values ('retried', 'p', 'e9', 'Success', '2026-03-17T11:50:00Z')");
        assertThat(deleteBeforeTen()).isEqualTo(new RetentionResult(2, 0, 1));
        assertRows(3, 3);
        assertThat(figure().sent()).isEqualTo(new UsageMetrics(4, 28));
        assertThat(scene.rollups.deleteBefore(TEN.plus(Duration.ofHours(2)), NOBODY))
                .isEqualTo(new RetentionResult(3, 3, 0));
        assertRows(0, 0);
        assertThat(figure()).isEqualTo(new CombinedQuery.Totals(new UsageMetrics(3, 21), new UsageMetrics(4, 28)));
    }

    @Test
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void eventsThatStayAreNotInTheWayOfThoseThatGo() throws SQLException {
        scene.run(
                "insert into {s}.events select 'x' || n, 'p', 'seven b', '', '2026-03-17T08:00:00Z' from generate_series(1, 40) n");
        scene.run(
                "insert into {s}.event_deliveries select 'x' || n, 'p', 'x' || n, 'Success', now() from generate_series(1, 40, 2) n");
        assertThat(new RetentionDeleter(Database.pool(), sql(), NOBODY, RetentionDeleter.Pace.batchesOf(3))
                        .deleteBefore(TEN))
                .isEqualTo(new RetentionResult(1, 21, 20));
        assertThat(figure().received()).isEqualTo(new UsageMetrics(43, 7 * 43));
    }

    @Test
    void rowsThatATriggerKeepsAreNotCountedTwice() {
        scene.run(
                "insert into {s}.event_deliveries values ('d9b', 'p', 'e9', 'Success', '2026-03-17T09:20:00Z')",
                "create function {s}.keep() returns trigger language plpgsql as 'begin return null; end'",
                "create trigger keep before delete on {s}.event_deliveries for each row when (old.id = 'd9')"
                        + " execute function {s}.keep()");
        CombinedQuery.Totals before = figure();
        assertThatThrownBy(this::deleteBeforeTen)
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("1 of 2 old deliveries of the project p weren't deleted");
        assertRows(3, 3);
        assertThat(figure()).isEqualTo(before);
    }

    @Test
    void anotherTableThatRefersToAnEventIsNamed() {
        scene.run(
                "create table {s}.catalogue (event_id varchar constraint catalogued references {s}.events (id))",
                "insert into {s}.catalogue values ('e9')");
        assertThatThrownBy(this::deleteBeforeTen)
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("ended after 1 deliveries and 0 events, whose sums are kept")
                .hasMessageContaining("catalogued");
        assertRows(2, 3);
        assertThat(figure()).isEqualTo(THREE);
        scene.run("drop table {s}.catalogue");
        assertThat(deleteBeforeTen()).isEqualTo(new RetentionResult(0, 1, 0));
    }

    // It is ended half way.

    @Test
    void aSessionThatIsKilledLosesNothingAndTheNextCallGoesOn() throws SQLException {
        try (Connection holder = scene.begin()) {
            scene.run(holder, "update {s}.event_deliveries set id = id where id = 'd9'");
            CompletableFuture<RetentionResult> retention = CompletableFuture.supplyAsync(this::deleteBeforeTen);
            awaitWaiting("with candidate%");
            scene.run("select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'"
                    + " and query like 'with candidate%'");
            assertThatThrownBy(() -> retention.orTimeout(30, TimeUnit.SECONDS).join())
                    .hasCauseInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("ended after 0 deliveries and 0 events");
            holder.rollback();
            holder.setAutoCommit(true);
        }
        assertThat(figure()).isEqualTo(THREE);
        assertRows(3, 3);
        assertThat(deleteBeforeTen()).isEqualTo(new RetentionResult(1, 1, 0));
        assertThat(figure()).isEqualTo(THREE);
    }

    @Test
    void aListenerEndsItBetweenTwoBatchesAndIsToldHowItGoes() {
        List<String> told = new ArrayList<>();
        RetentionProgress listener = new RetentionProgress() {
            @Override
            public void began(long parts) {
                told.add("began " + parts);
            }

            @Override
            public void deleted(long deliveries, long events) {
                told.add(deliveries + " " + events);
                if (told.contains("no further")) {
                    throw new IllegalStateException("no further");
                }
            }

            @Override
            public void partDone() {
                told.add("done");
            }
        };
        told.add("no further");
        assertThatThrownBy(() -> scene.rollups.deleteBefore(TEN, listener))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no further");
        assertRows(2, 3);
        assertThat(figure()).isEqualTo(THREE);
        told.clear();
        assertThat(scene.rollups.deleteBefore(TEN, listener)).isEqualTo(new RetentionResult(0, 1, 0));
        assertThat(told).containsExactly("began 2", "done", "0 1", "done");
    }

    @Test
    void nobodySeesANoteOfAnEventThatWent() {
        deleteBeforeTen();
        RollupStatus status = scene.rollups.status().orElseThrow();
        assertThat(status.changedEvents()).isZero();
        assertThat(status.markedHours()).as("both went in the same hour").isEqualTo(1);
    }

    // Windows.

    private static UsageKey key(String start, String end) {
        return new UsageKey("org-123", UsagePeriod.between(Instant.parse(start), Instant.parse(end)));
    }

    @Test
    void aWindowThatCutsAQuarterOfDeletedRowsIsAnErrorAndNoGuess() {
        deleteBeforeTen(); // of 9:10
        UsageCalculator calculator = scene.rollups.calculator();
        for (UsageKey cut : List.of(
                key("2026-03-17T09:05:00Z", "2026-03-17T12:00:00Z"),
                key("2026-03-17T00:00:00Z", "2026-03-17T09:14:59.999999Z"),
                key("2026-03-17T09:05:00Z", "2026-03-17T09:12:00Z"))) {
            assertThatThrownBy(() -> calculator.calculate(cut, PATIENCE))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("begins or ends within a quarter of an hour of which rows were deleted");
            assertThatThrownBy(() -> scene.rollups.byProject(cut, PATIENCE))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("begins or ends within a quarter of an hour of which rows were deleted");
        }
        for (UsageKey whole : List.of(
                key("2026-03-17T09:00:00Z", "2026-03-17T09:15:00Z"),
                key("2026-03-17T08:59:59.999999Z", "2026-03-17T09:15:00.000001Z"))) {
            assertThat(calculator.calculate(whole, PATIENCE).sent()).isEqualTo(new UsageMetrics(1, 7));
        }
        assertThat(calculator
                        .calculate(key("2026-03-17T09:20:00Z", "2026-03-17T12:00:00Z"), PATIENCE)
                        .sent())
                .isEqualTo(new UsageMetrics(2, 14));
        assertThat(scene.rollups.series(
                        RollupFixture.MARCH, UsageSeriesGranularity.HOUR, ZoneId.of("Asia/Kathmandu"), PATIENCE))
                .filteredOn(point -> point.received().volume() > 0)
                .hasSize(3);
    }

    // Roll-ups that are removed, replaced, or can't be read.

    @Test
    void whatIsKeptIsNotRemovedByTheWay() {
        deleteBeforeTen();
        assertThatThrownBy(scene.rollups::remove)
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("hold sums of rows that were deleted by retention, which are nowhere else");
        assertThat(figure()).isEqualTo(THREE);
        scene.rollups.removeWithRetained();
        assertThat(figure().received()).isEqualTo(new UsageMetrics(2, 14));
        scene.rollups.remove();
    }

    @Test
    void whatIsKeptOutlastsAnInstallationOfOtherRollups() {
        deleteBeforeTen();
        PostgresRollups other = PostgresRollups.builder(Database.pool())
                .mapping(scene.mapping.toBuilder()
                        .deliveredStatuses("Success", "Delivered")
                        .build())
                .clock(scene.clock)
                .build();
        assertThat(other.calculator().calculate(RollupFixture.MARCH, PATIENCE).sent())
                .as("these roll-ups are for another mapping")
                .isEqualTo(THREE.sent());
        assertThatThrownBy(() -> other.deleteBefore(TEN, NOBODY))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("there are no roll-ups of this version and mapping");
        other.install();
        assertThat(other.calculator().calculate(RollupFixture.MARCH, PATIENCE).received())
                .isEqualTo(THREE.received());
        try (RollupWorker worker = other.worker().build()) {
            worker.runOnce();
        }
        assertThat(other.calculator().calculate(RollupFixture.MARCH, PATIENCE).sent())
                .isEqualTo(THREE.sent());
        scene.run("update {r}.state set version = 0");
        scene.rollups.install();
        assertThat(figure()).isEqualTo(THREE);
    }

    @Test
    void aRoleThatCanNotReadWhatIsKeptGetsAnErrorRatherThanTooLittle() throws SQLException {
        deleteBeforeTen();
        scene.run(
                "create role usagekit_blind",
                "grant usage on schema {s} to usagekit_blind",
                "grant select on all tables in schema {s} to usagekit_blind");
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            UsageCalculator calculator = PostgresRollups.builder(new OneConnection(connection))
                    .mapping(scene.mapping)
                    .build()
                    .calculator();
            statement.execute("set role usagekit_blind");
            assertThatThrownBy(() -> calculator.calculate(RollupFixture.MARCH, PATIENCE))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("hold sums of rows that were deleted by retention")
                    .hasMessageContaining("this role");
            statement.execute("reset role");
        }
        scene.run("drop owned by usagekit_blind", "drop role usagekit_blind");
    }

    @Test
    void aTimeThatIsTooRecentIsRefused() {
        Instant yesterday = scene.clock.instant().minus(Duration.ofDays(1));
        assertThatThrownBy(() -> scene.rollups.deleteBefore(yesterday.plusNanos(1_000), NOBODY))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("before must be at least a day ago, 2026-04-15T12:00:00Z at the latest, but was"
                        + " 2026-04-15T12:00:00.000001Z");
        assertRows(3, 3);
        assertThat(scene.rollups.deleteBefore(yesterday, NOBODY).events()).isEqualTo(3);
    }
}
