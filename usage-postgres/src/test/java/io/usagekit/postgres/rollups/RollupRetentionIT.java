package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.testing.Database;
import io.usagekit.reports.UsageSeriesGranularity;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Deletion of old rows together with concurrent changes, failures, and reads before and after it. */
class RollupRetentionIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Instant TEN = Instant.parse("2026-03-17T10:00:00Z");
    private static final RetentionProgress NO_PROGRESS = new RetentionProgress() {};

    /** Waits for locks rather than retrying with another snapshot. */
    private static final RetentionDeleter.Pace PATIENT = new RetentionDeleter.Pace(100, 100, TIMEOUT, TIMEOUT, TIMEOUT);

    private RollupFixture fixture;

    @BeforeEach
    void begin() {
        fixture = RollupFixture.ofLastMonth(Database.pool(), Database.newSchema("retention"));
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    private RetentionResult deleteBeforeTen() {
        return fixture.rollups.deleteBefore(TEN, NO_PROGRESS);
    }

    // Concurrent writes to the same rows.

    /**
     * Changes the size of an event while the deletion, which has its snapshot, waits for a row. Readers after the change see the new
     * size, so the retained sums must hold the new one.
     */
    private CombinedQuery.Totals changeSizeDuringDeletion(RollupSql sql) throws SQLException {
        fixture.run("insert into {s}.event_deliveries values ('d9b', 'p', 'e10', 'Success', '2026-03-17T09:20:00Z')");
        try (Connection holder = fixture.begin()) {
            fixture.run(holder, "update {s}.event_deliveries set id = 'held' where id = 'd9'");
            CompletableFuture<RetentionResult> retention = CompletableFuture.supplyAsync(
                    () -> new RetentionDeleter(Database.pool(), sql, Set.of(), NO_PROGRESS, PATIENT).deleteBefore(TEN));
            awaitLockWait("with candidate%");
            fixture.run("update {s}.events set raw = 'twelve bytes' where id = 'e10'");
            assertThat(fixture.figure().sent()).isEqualTo(new UsageMetrics(4, 7 + 12 + 12 + 7));
            holder.rollback();
            holder.setAutoCommit(true);
            assertThat(retention.orTimeout(30, TimeUnit.SECONDS).join().deliveries())
                    .isEqualTo(2);
        }
        return fixture.figure();
    }

    @Test
    void retainsSizeThatChangedDuringDeletion() throws SQLException {
        assertThat(changeSizeDuringDeletion(fixture.sql()).sent()).isEqualTo(new UsageMetrics(4, 38));
    }

    @Test
    void losesChangedSizeWithoutLockOnEvents() throws SQLException {
        RollupSql unlocked = fixture.sql(WeakenedStatements.withoutLockOnEvents());
        assertThat(changeSizeDuringDeletion(unlocked).sent()).isEqualTo(new UsageMetrics(4, 33));
    }

    private void awaitLockWait(String statement) throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            long deadline = System.nanoTime() + TIMEOUT.toNanos();
            while (fixture.count(
                            connection,
                            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '"
                                    + statement + "'")
                    == 0) {
                assertThat(System.nanoTime()).as("a session waits for a lock").isLessThan(deadline);
                LockSupport.parkNanos(1_000_000);
            }
        }
    }

    @Test
    void ignoresDeliveryThatFailedDuringDeletion() throws SQLException {
        try (Connection host = fixture.begin()) {
            fixture.run(host, "update {s}.event_deliveries set status = 'Failure' where id = 'd9'");
            CompletableFuture<RetentionResult> retention = CompletableFuture.supplyAsync(this::deleteBeforeTen);
            awaitLockWait("with candidate%");
            host.commit();
            host.setAutoCommit(true);
            assertThat(retention.orTimeout(30, TimeUnit.SECONDS).join()).isEqualTo(new RetentionResult(1, 1, 0));
        }
        assertThat(fixture.figure())
                .isEqualTo(new CombinedQuery.Totals(new UsageMetrics(3, 21), new UsageMetrics(2, 14)));
        fixture.assertRows(2, 2);
    }

    @Test
    void keepsEventThatIsDeliveredAgainDuringDeletion() throws SQLException {
        fixture.run("alter table {s}.event_deliveries add foreign key (event_id) references {s}.events (id)");
        try (Connection host = fixture.begin()) {
            fixture.run(host, "insert into {s}.event_deliveries values ('again', 'p', 'e9', 'Success', now())");
            CompletableFuture<RetentionResult> retention = CompletableFuture.supplyAsync(this::deleteBeforeTen);
            awaitLockWait("with candidate%");
            host.commit();
            host.setAutoCommit(true);
            assertThat(retention.orTimeout(30, TimeUnit.SECONDS).join()).isEqualTo(new RetentionResult(1, 0, 1));
        }
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
        fixture.assertRows(3, 3);
    }

    @Test
    void countsLaterChangesOfHourWithRetainedSums() {
        assertThat(deleteBeforeTen()).isEqualTo(new RetentionResult(1, 1, 0));
        fixture.assertRows(2, 2);
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
        fixture.run(
                "insert into {s}.events values ('late', 'p', 'five!', '', '2026-03-17T09:10:00Z')",
                "insert into {s}.event_deliveries values ('late', 'p', 'late', 'Success', '2026-03-17T09:12:00Z')");
        CombinedQuery.Totals four = new CombinedQuery.Totals(new UsageMetrics(4, 26), new UsageMetrics(4, 26));
        assertThat(fixture.figure()).isEqualTo(four);
        fixture.runWorker();
        assertThat(fixture.figure()).isEqualTo(four);
        assertThat(deleteBeforeTen()).isEqualTo(new RetentionResult(1, 1, 0));
        assertThat(fixture.figure()).isEqualTo(four);
        fixture.run("truncate {s}.events, {s}.event_deliveries");
        assertThat(fixture.figure())
                .as("the retained sums alone")
                .isEqualTo(new CombinedQuery.Totals(new UsageMetrics(2, 12), new UsageMetrics(2, 12)));
    }

    // Rows that can't be deleted.

    @Test
    void keepsEventWithYoungerDelivery() {
        fixture.run(
                "insert into {s}.event_deliveries values ('failed', 'p', 'e9', 'Failure', '2026-03-17T09:11:00Z')",
                "insert into {s}.event_deliveries values ('retried', 'p', 'e9', 'Success', '2026-03-17T11:50:00Z')");
        assertThat(deleteBeforeTen()).isEqualTo(new RetentionResult(2, 0, 1));
        fixture.assertRows(3, 3);
        assertThat(fixture.figure().sent()).isEqualTo(new UsageMetrics(4, 28));
        assertThat(fixture.rollups.deleteBefore(TEN.plus(Duration.ofHours(2)), NO_PROGRESS))
                .isEqualTo(new RetentionResult(3, 3, 0));
        fixture.assertRows(0, 0);
        assertThat(fixture.figure())
                .isEqualTo(new CombinedQuery.Totals(new UsageMetrics(3, 21), new UsageMetrics(4, 28)));
    }

    @Test
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void passesOverEventsThatStay() throws SQLException {
        fixture.run(
                "insert into {s}.events select 'x' || n, 'p', 'seven b', '', '2026-03-17T08:00:00Z' from generate_series(1, 40) n");
        fixture.run(
                "insert into {s}.event_deliveries select 'x' || n, 'p', 'x' || n, 'Success', now() from generate_series(1, 40, 2) n");
        assertThat(new RetentionDeleter(
                                Database.pool(), fixture.sql(), Set.of(), NO_PROGRESS, RollupFixture.batchesOf(3))
                        .deleteBefore(TEN))
                .isEqualTo(new RetentionResult(1, 21, 20));
        assertThat(fixture.figure().received()).isEqualTo(new UsageMetrics(43, 7 * 43));
    }

    @Test
    void rejectsDeliveriesThatTriggerKeeps() {
        fixture.run(
                "insert into {s}.event_deliveries values ('d9b', 'p', 'e9', 'Success', '2026-03-17T09:20:00Z')",
                "create function {s}.keep() returns trigger language plpgsql as 'begin return null; end'",
                "create trigger keep before delete on {s}.event_deliveries for each row when (old.id = 'd9')"
                        + " execute function {s}.keep()");
        CombinedQuery.Totals before = fixture.figure();
        assertThatThrownBy(this::deleteBeforeTen)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("1 of 2 old deliveries of the project p weren't deleted");
        fixture.assertRows(3, 3);
        assertThat(fixture.figure()).isEqualTo(before);
    }

    @Test
    void namesForeignKeyThatPreventsDeletion() {
        fixture.run(
                "create table {s}.catalogue (event_id varchar constraint catalogued references {s}.events (id))",
                "insert into {s}.catalogue values ('e9')");
        assertThatThrownBy(this::deleteBeforeTen)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("failed after deleting 1 deliveries and 0 events, whose sums are retained")
                .hasMessageContaining("catalogued");
        fixture.assertRows(2, 3);
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
        fixture.run("drop table {s}.catalogue");
        assertThat(deleteBeforeTen()).isEqualTo(new RetentionResult(0, 1, 0));
    }

    // Deletion is interrupted.

    @Test
    void resumesAfterTerminatedSessionWithoutLoss() throws SQLException {
        try (Connection holder = fixture.begin()) {
            fixture.run(holder, "update {s}.event_deliveries set id = id where id = 'd9'");
            CompletableFuture<RetentionResult> retention = CompletableFuture.supplyAsync(this::deleteBeforeTen);
            awaitLockWait("with candidate%");
            fixture.run("select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'"
                    + " and query like 'with candidate%'");
            assertThatThrownBy(() -> retention.orTimeout(30, TimeUnit.SECONDS).join())
                    .hasCauseInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("failed after deleting 0 deliveries and 0 events");
            holder.rollback();
            holder.setAutoCommit(true);
        }
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
        fixture.assertRows(3, 3);
        assertThat(deleteBeforeTen()).isEqualTo(new RetentionResult(1, 1, 0));
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
    }

    @Test
    void reportsProgressAndStopsBetweenBatchesWhenProgressThrows() {
        List<String> reports = new ArrayList<>();
        RetentionProgress listener = new RetentionProgress() {
            @Override
            public void started(long parts) {
                reports.add("started " + parts);
            }

            @Override
            public void deleted(long deliveries, long events) {
                reports.add(deliveries + " " + events);
                if (reports.contains("no further")) {
                    throw new IllegalStateException("no further");
                }
            }

            @Override
            public void partCompleted() {
                reports.add("completed");
            }
        };
        reports.add("no further");
        assertThatThrownBy(() -> fixture.rollups.deleteBefore(TEN, listener))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no further");
        fixture.assertRows(2, 3);
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
        reports.clear();
        assertThat(fixture.rollups.deleteBefore(TEN, listener)).isEqualTo(new RetentionResult(0, 1, 0));
        assertThat(reports).containsExactly("started 2", "completed", "0 1", "completed");
    }

    @Test
    void leavesNoChangeLogForDeletedEvents() {
        deleteBeforeTen();
        RollupStatus status = fixture.rollups.status().orElseThrow();
        assertThat(status.changedEvents()).isZero();
        assertThat(status.markedHours())
                .as("both were deleted in the same hour")
                .isEqualTo(1);
    }

    // Windows.

    private static UsageKey key(String start, String end) {
        return new UsageKey("org-123", UsagePeriod.between(Instant.parse(start), Instant.parse(end)));
    }

    @Test
    void rejectsWindowWithEdgeInQuarterOfDeletedRows() {
        deleteBeforeTen(); // of 9:10
        UsageCalculator calculator = fixture.rollups.calculator();
        for (UsageKey cut : List.of(
                key("2026-03-17T09:05:00Z", "2026-03-17T12:00:00Z"),
                key("2026-03-17T00:00:00Z", "2026-03-17T09:14:59.999999Z"),
                key("2026-03-17T09:05:00Z", "2026-03-17T09:12:00Z"))) {
            assertThatThrownBy(() -> calculator.calculate(cut, TIMEOUT))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("begins or ends within a quarter of an hour of which rows were deleted");
            assertThatThrownBy(() -> fixture.rollups.byProject(cut, TIMEOUT))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("begins or ends within a quarter of an hour of which rows were deleted");
        }
        for (UsageKey whole : List.of(
                key("2026-03-17T09:00:00Z", "2026-03-17T09:15:00Z"),
                key("2026-03-17T08:59:59.999999Z", "2026-03-17T09:15:00.000001Z"))) {
            assertThat(calculator.calculate(whole, TIMEOUT).sent()).isEqualTo(new UsageMetrics(1, 7));
        }
        assertThat(calculator
                        .calculate(key("2026-03-17T09:20:00Z", "2026-03-17T12:00:00Z"), TIMEOUT)
                        .sent())
                .isEqualTo(new UsageMetrics(2, 14));
        assertThat(fixture.rollups.series(
                        RollupFixture.MARCH, UsageSeriesGranularity.HOUR, ZoneId.of("Asia/Kathmandu"), TIMEOUT))
                .filteredOn(point -> point.received().volume() > 0)
                .hasSize(3);
    }

    @Test
    void rejectsDeletionOfRecentRows() {
        Instant yesterday = fixture.clock.instant().minus(Duration.ofDays(1));
        assertThatThrownBy(() -> fixture.rollups.deleteBefore(yesterday.plusNanos(1_000), NO_PROGRESS))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("before must be at least a day ago, 2026-04-15T12:00:00Z at the latest, but was"
                        + " 2026-04-15T12:00:00.000001Z");
        fixture.assertRows(3, 3);
        assertThat(fixture.rollups.deleteBefore(yesterday, NO_PROGRESS).events())
                .isEqualTo(3);
    }
}
