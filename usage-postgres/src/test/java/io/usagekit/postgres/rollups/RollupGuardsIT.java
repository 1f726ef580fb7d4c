package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageMetrics;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Each race that a guard closes, step by step: with the guard the figures agree; the negative control leaves the guard out, and they
 * differ.
 */
class RollupGuardsIT {

    /** After so many executions the driver and PostgreSQL keep the plan of a statement. */
    private static final int PLANNED_AFTER = 12;

    private RollupFixture fixture;

    @BeforeEach
    void begin() {
        fixture = RollupFixture.rolled(Database.pool(), Database.newSchema("guards"));
        FigureComparison.Pair pair = fixture.read();
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        assertThat(pair.raw().received()).isEqualTo(new UsageMetrics(3, 21));
        assertThat(pair.markedHours()).isZero();
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    // A transaction that wrote to the hour before its end, and commits after it was rolled.

    @Test
    void rollsHourOnlyAfterItsWritersHaveEnded() throws SQLException {
        try (RollupWorker worker = fixture.worker().build();
                Connection writer = fixture.begin()) {
            fixture.run(writer, "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T12:30:00Z')");
            fixture.clock.advance(Duration.ofHours(1));
            RollupRunResult run = worker.runOnce();
            assertThat(run.waitedFor()).hasSize(1).first().asString().startsWith("process ");
            assertThat(run.finished()).isFalse();
            assertThat(run.coveredBefore()).contains(fixture.clock.instant().minus(Duration.ofHours(1)));
            writer.commit();
            writer.setAutoCommit(true);
            assertThat(worker.runOnce().finished()).isTrue();
        }
        assertThat(fixture.rollups.status().orElseThrow().coveredBefore()).contains(fixture.clock.instant());
        fixture.assertExact(true);
    }

    @Test
    void missesLateCommitWithoutWaitingForWriters() throws SQLException {
        try (RollupWorker hasty = fixture.worker()
                        .statements(WeakenedStatements.withoutWaitForWriters())
                        .build();
                Connection writer = fixture.begin()) {
            fixture.run(writer, "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T12:30:00Z')");
            fixture.clock.advance(Duration.ofHours(1));
            assertThat(hasty.runOnce().waitedFor()).isEmpty();
            writer.commit();
            writer.setAutoCommit(true);
        }
        fixture.assertExact(false);
    }

    // A transaction that sees the new watermark, and commits while the hour is being rolled.

    private void commitWhileRolling(DataSource workersDataSource) {
        try (RollupWorker worker = fixture.worker(workersDataSource)
                .probe((step, point) -> {
                    if (step == RollupTransactions.Step.ADVANCE && point == RollupTransactions.Point.ROLLED) {
                        fixture.run("insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T12:30:00Z')");
                    }
                })
                .build()) {
            fixture.clock.advance(Duration.ofHours(1));
            worker.runOnce();
        }
    }

    @Test
    void keepsMarkThatWasCommittedWhileItsHourWasRolled() {
        commitWhileRolling(fixture.dataSource);
        fixture.assertExact(true);
    }

    @Test
    void missesRowCommittedWhileRollingInReadCommitted() {
        commitWhileRolling(ReadCommittedConnections.of(fixture.dataSource));
        fixture.assertExact(false);
    }

    // Two late rows of one hour: the mark of the first is deleted before the second's transaction commits.

    private void insertTwoLateRows() throws SQLException {
        fixture.run("insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T10:30:00Z')");
        try (Connection writer = fixture.begin()) {
            fixture.run(writer, "insert into {s}.events values ('later', 'p', 'later', '', '2026-03-17T10:31:00Z')");
            assertThat(fixture.runWorker().rerolledHours()).isEqualTo(1);
            writer.commit();
            writer.setAutoCommit(true);
        }
    }

    @Test
    void keepsMarkOfSecondTransactionInTheSameHour() throws SQLException {
        insertTwoLateRows();
        fixture.assertExact(true);
    }

    @Test
    void missesSecondTransactionWhenMarksAreShared() throws SQLException {
        fixture.run(WeakenedStatements.SHARED_MARKS);
        insertTwoLateRows();
        fixture.assertExact(false);
    }

    // An event's size changes while a delivery of it is being inserted; the delivery's hour is rolled between their
    // commits.

    private void changeSizeWhileDeliveryIsInserted() throws SQLException {
        try (Connection delivering = fixture.begin();
                Connection changing = fixture.begin()) {
            fixture.run(
                    delivering,
                    "insert into {s}.event_deliveries values ('late', 'q', 'e9', 'Success', '2026-03-17T10:30:00Z')");
            assertThat(fixture.run(changing, "update {s}.events set raw = 'twelve bytes' where id = 'e9'"))
                    .isEqualTo(1);
            delivering.commit();
            fixture.runWorker();
            changing.commit();
            delivering.setAutoCommit(true);
            changing.setAutoCommit(true);
        }
    }

    @Test
    void countsChangedSizeInDeliveriesThatItsTransactionCanNotSee() throws SQLException {
        changeSizeWhileDeliveryIsInserted();
        fixture.assertExact(true);
        assertThat(fixture.read().raw().sent()).isEqualTo(new UsageMetrics(4, 7 + 7 + 12 + 12));
        assertThat(fixture.runWorker().changedEvents()).isEqualTo(1);
        fixture.assertExact(true);
        assertThat(fixture.read().markedHours()).isZero();
    }

    @Test
    void missesInvisibleDeliveryWhenOnlyVisibleOnesAreMarked() throws SQLException {
        fixture.run(WeakenedStatements.MARK_INSTEAD_OF_LOG, WeakenedStatements.RECORD_FUNCTIONS);
        changeSizeWhileDeliveryIsInserted();
        fixture.assertExact(false);
    }

    // The same while the delivery's hour isn't over, so that its insert leaves no mark.

    @Test
    void countsChangedSizeInDeliveriesOfHourRolledMeanwhile() throws SQLException {
        try (Connection delivering = fixture.begin();
                Connection changing = fixture.begin();
                RollupWorker worker = fixture.worker()
                        .probe((step, point) -> {
                            if (point == RollupTransactions.Point.PUBLISHED) {
                                fixture.run(
                                        delivering,
                                        "insert into {s}.event_deliveries values ('new', 'q', 'e9', 'Success', '2026-03-17T12:30:00Z')");
                                fixture.run(changing, "update {s}.events set raw = 'twelve bytes' where id = 'e9'");
                                delivering.commit();
                            }
                        })
                        .build()) {
            fixture.clock.advance(Duration.ofHours(1));
            assertThat(worker.runOnce().waitedFor()).hasSize(1);
            changing.commit();
            delivering.setAutoCommit(true);
            changing.setAutoCommit(true);
        }
        fixture.assertExact(true);
        fixture.runWorker();
        fixture.assertExact(true);
    }

    // A watermark that isn't set.

    @Test
    void marksEveryChangeWhileWatermarkIsUnset() {
        fixture.run("select setval('{r}.mark_before'::regclass, 1, false)");
        fixture.run("insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T10:30:00Z')");
        assertThat(fixture.read().markedHours()).isEqualTo(1);
        fixture.assertExact(true);
    }

    // A statement that a session has planned, and run, before the watermark advanced.

    private void insertLateByPlannedStatement() throws SQLException {
        try (Connection writer = fixture.dataSource.getConnection();
                PreparedStatement insert = writer.prepareStatement(
                        fixture.sql("insert into {s}.events values (?, 'p', 'row', '', '2026-03-17T12:30:00Z')"))) {
            for (int i = 0; i <= PLANNED_AFTER; i++) {
                if (i == PLANNED_AFTER) {
                    assertThat(fixture.count(writer, "select count(*) from {r}.mark"))
                            .isZero();
                    fixture.clock.advance(Duration.ofHours(1));
                    fixture.runWorker();
                }
                insert.setString(1, "row-" + i);
                assertThat(insert.executeUpdate()).isEqualTo(1);
            }
        }
    }

    @Test
    void readsWatermarkInEachStatement() throws SQLException {
        insertLateByPlannedStatement();
        assertThat(fixture.read().markedHours()).isEqualTo(1);
        fixture.assertExact(true);
    }

    @Test
    void missesLateRowWithWatermarkOfTheSession() throws SQLException {
        fixture.run("""
                create or replace function {r}.watermark() returns timestamptz language plpgsql immutable security definer as $$ begin
                    if coalesce(current_setting('guards.watermark', true), '') = '' then
                        perform set_config('guards.watermark', to_timestamp(pg_sequence_last_value('{r}.mark_before'::regclass))::text, false);
                    end if;
                    return current_setting('guards.watermark');
                end $$
                """, WeakenedStatements.RECORD_FUNCTIONS);
        insertLateByPlannedStatement();
        fixture.assertExact(false);
    }

    // A delivery whose event is inserted after the delivery was rolled, or deleted and inserted again.

    @Test
    void countsLateEventInHourOfItsDelivery() {
        fixture.run("insert into {s}.event_deliveries values ('early', 'q', 'e0', 'Success', '2026-03-17T10:30:00Z')");
        fixture.runWorker();
        assertThat(fixture.read().raw().sent()).isEqualTo(new UsageMetrics(4, 21));
        fixture.assertExact(true);
        assertThat(fixture.read().markedHours()).isZero();

        fixture.run("insert into {s}.events values ('e0', 'elsewhere', 'eight b.', '', '2026-03-17T12:00:00Z')");
        assertThat(fixture.read().raw().sent()).isEqualTo(new UsageMetrics(4, 29));
        fixture.assertExact(true);
        assertThat(fixture.read().markedHours()).isEqualTo(1);
        fixture.runWorker();
        fixture.assertExact(true);
        assertThat(fixture.read().markedHours()).isZero();
    }

    @Test
    void missesLateEventWithoutOrphans() {
        fixture.run("insert into {s}.event_deliveries values ('early', 'q', 'e0', 'Success', '2026-03-17T10:30:00Z')");
        fixture.runWorker();
        fixture.run("truncate {r}.orphan");
        fixture.run("insert into {s}.events values ('e0', 'elsewhere', 'eight b.', '', '2026-03-17T12:00:00Z')");
        fixture.assertExact(false);
    }

    @Test
    void countsDeliveriesOfDeletedEventWithoutBytes() {
        fixture.run("delete from {s}.events where id = 'e9'");
        assertThat(fixture.read().raw().sent()).isEqualTo(new UsageMetrics(3, 14));
        fixture.assertExact(true);
        fixture.runWorker();
        fixture.assertExact(true);
        fixture.run("insert into {s}.events values ('e9', 'q', 'back again', '', '2026-03-17T12:10:00Z')");
        assertThat(fixture.read().raw().sent()).isEqualTo(new UsageMetrics(3, 24));
        fixture.assertExact(true);
    }
}
