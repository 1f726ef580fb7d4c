package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageMetrics;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Each race that a guard closes, step by step: with the guard the figures agree, and without it they don't. A scene that
 * wouldn't tell the two apart would prove nothing.
 */
class RollupGuardsIT {

    private static final Set<RollupTransactions.Guard> ALL = EnumSet.allOf(RollupTransactions.Guard.class);

    private RollupFixture scene;

    @BeforeEach
    void begin() {
        scene = RollupFixture.rolled(Database.pool(), Database.newSchema("guards"));
        FigureComparison.Pair pair = scene.read();
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        assertThat(pair.raw().received()).isEqualTo(new UsageMetrics(3, 21));
        assertThat(pair.markedHours()).isZero();
    }

    @AfterEach
    void end() {
        scene.close();
    }

    private void assertExact(boolean exact) {
        FigureComparison.Pair pair = scene.read();
        if (exact) {
            assertThat(pair.rolled()).isEqualTo(pair.raw());
        } else {
            assertThat(pair.rolled()).as("without the guard").isNotEqualTo(pair.raw());
        }
    }

    // A transaction that wrote to the hour before its end, and commits after it was rolled.

    @Test
    void anHourIsRolledOnceThoseWhoWroteToItHaveEnded() throws SQLException {
        try (RollupWorker worker = scene.worker().build();
                Connection writer = scene.begin()) {
            scene.run(writer, "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T12:30:00Z')");
            scene.clock.advance(Duration.ofHours(1));
            RollupRunResult run = worker.runOnce();
            assertThat(run.waitedFor()).hasSize(1).first().asString().startsWith("process ");
            assertThat(run.finished()).isFalse();
            assertThat(run.coveredBefore()).contains(scene.clock.instant().minus(Duration.ofHours(1)));
            writer.commit();
            writer.setAutoCommit(true);
            assertThat(worker.runOnce().finished()).isTrue();
        }
        assertThat(scene.rollups.status().orElseThrow().coveredBefore()).contains(scene.clock.instant());
        assertExact(true);
    }

    @Test
    void withoutTheWaitTheLateCommitIsMissed() throws SQLException {
        try (RollupWorker hasty = scene.worker()
                        .guards(EnumSet.complementOf(EnumSet.of(RollupTransactions.Guard.WAIT_FOR_WRITERS)))
                        .build();
                Connection writer = scene.begin()) {
            scene.run(writer, "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T12:30:00Z')");
            scene.clock.advance(Duration.ofHours(1));
            assertThat(hasty.runOnce().waitedFor()).isEmpty();
            writer.commit();
            writer.setAutoCommit(true);
        }
        assertExact(false);
    }

    // A transaction that sees the new threshold, and commits while the hour is being rolled.

    private void commitWhileRolling(Set<RollupTransactions.Guard> guards) throws SQLException {
        try (RollupWorker worker = scene.worker()
                .guards(guards)
                .probe((step, point) -> {
                    if (step.equals("advance") && point == RollupTransactions.Point.ROLLED) {
                        scene.run("insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T12:30:00Z')");
                    }
                })
                .build()) {
            scene.clock.advance(Duration.ofHours(1));
            worker.runOnce();
        }
    }

    @Test
    void aMarkThatCameWhileItsHourWasRolledStays() throws SQLException {
        commitWhileRolling(ALL);
        assertExact(true);
    }

    @Test
    void inReadCommittedTheMarkGoesWithoutItsRow() throws SQLException {
        commitWhileRolling(EnumSet.complementOf(EnumSet.of(RollupTransactions.Guard.ONE_SNAPSHOT)));
        assertExact(false);
    }

    // Two late rows of one hour: the second's transaction finds the first's mark, which goes before it commits.

    private void twoLateRows() throws SQLException {
        scene.run("insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T10:30:00Z')");
        try (Connection writer = scene.begin()) {
            scene.run(writer, "insert into {s}.events values ('later', 'p', 'later', '', '2026-03-17T10:31:00Z')");
            assertThat(scene.runWorker().rerolledHours()).isEqualTo(1);
            writer.commit();
            writer.setAutoCommit(true);
        }
    }

    @Test
    void eachTransactionHasItsOwnMarks() throws SQLException {
        twoLateRows();
        assertExact(true);
    }

    @Test
    void marksSharedByTransactionsAreTakenFromUnderTheSecond() throws SQLException {
        scene.run("create unique index on {r}.mark (project_id, bucket)", """
                create or replace function {r}.mark_hours(
                    old_project_id varchar, old_created_at timestamptz, new_project_id varchar, new_created_at timestamptz
                ) returns void language plpgsql as $$
                begin
                    insert into {r}.mark (project_id, bucket)
                    values (new_project_id, date_trunc('hour', new_created_at, 'UTC'))
                    on conflict do nothing;
                end $$
                """);
        twoLateRows();
        assertExact(false);
    }

    // An event's size changes while a delivery of it is being inserted; the delivery's hour is rolled between their
    // commits.

    private void sizeChangesUnderADelivery() throws SQLException {
        try (Connection delivering = scene.begin();
                Connection changing = scene.begin()) {
            scene.run(
                    delivering,
                    "insert into {s}.event_deliveries values ('late', 'q', 'e9', 'Success', '2026-03-17T10:30:00Z')");
            assertThat(scene.run(changing, "update {s}.events set raw = 'twelve bytes' where id = 'e9'"))
                    .isEqualTo(1);
            delivering.commit();
            scene.runWorker();
            changing.commit();
            delivering.setAutoCommit(true);
            changing.setAutoCommit(true);
        }
    }

    @Test
    void aChangedSizeReachesDeliveriesThatItsTransactionCanNotSee() throws SQLException {
        sizeChangesUnderADelivery();
        assertExact(true);
        assertThat(scene.read().raw().sent()).isEqualTo(new UsageMetrics(4, 7 + 7 + 12 + 12));
        assertThat(scene.runWorker().changedEvents()).isEqualTo(1);
        assertExact(true);
        assertThat(scene.read().markedHours()).isZero();
    }

    @Test
    void marksForTheDeliveriesThatAreSeenMissTheOneThatIsNot() throws SQLException {
        scene.run("""
                create or replace function {r}.event_size_changed() returns trigger
                language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
                begin
                    insert into {r}.mark (project_id, bucket)
                    select project_id, date_trunc('hour', created_at, 'UTC')
                    from {s}.event_deliveries where event_id = new.id;
                    return null;
                end $$
                """);
        sizeChangesUnderADelivery();
        assertExact(false);
    }

    // The same while the delivery's hour isn't over, so that its insert finds nothing to mark.

    @Test
    void aChangedSizeReachesDeliveriesOfAnHourThatIsRolledMeanwhile() throws SQLException {
        try (Connection delivering = scene.begin();
                Connection changing = scene.begin();
                RollupWorker worker = scene.worker()
                        .probe((step, point) -> {
                            if (point == RollupTransactions.Point.PUBLISHED) {
                                scene.run(
                                        delivering,
                                        "insert into {s}.event_deliveries values ('new', 'q', 'e9', 'Success', '2026-03-17T12:30:00Z')");
                                scene.run(changing, "update {s}.events set raw = 'twelve bytes' where id = 'e9'");
                                delivering.commit();
                            }
                        })
                        .build()) {
            scene.clock.advance(Duration.ofHours(1));
            assertThat(worker.runOnce().waitedFor()).hasSize(1);
            changing.commit();
            delivering.setAutoCommit(true);
            changing.setAutoCommit(true);
        }
        assertExact(true);
        scene.runWorker();
        assertExact(true);
    }

    // A threshold that isn't set.

    @Test
    void withoutAThresholdEveryChangeIsMarked() {
        scene.run("select setval('{r}.mark_before'::regclass, 1, false)");
        scene.run("insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T10:30:00Z')");
        assertThat(scene.read().markedHours()).isEqualTo(1);
        assertExact(true);
    }

    // A delivery whose event comes after it was rolled, or comes back.

    @Test
    void anEventThatComesAfterItsDeliveryCountsInTheDeliverysHour() {
        scene.run("insert into {s}.event_deliveries values ('early', 'q', 'e0', 'Success', '2026-03-17T10:30:00Z')");
        scene.runWorker();
        assertThat(scene.read().raw().sent()).isEqualTo(new UsageMetrics(4, 21));
        assertExact(true);
        assertThat(scene.read().markedHours()).isZero();

        scene.run("insert into {s}.events values ('e0', 'elsewhere', 'eight b.', '', '2026-03-17T12:00:00Z')");
        assertThat(scene.read().raw().sent()).isEqualTo(new UsageMetrics(4, 29));
        assertExact(true);
        assertThat(scene.read().markedHours()).isEqualTo(1);
        scene.runWorker();
        assertExact(true);
        assertThat(scene.read().markedHours()).isZero();
    }

    @Test
    void withoutRememberingOrphansTheLateEventIsMissed() {
        scene.run("insert into {s}.event_deliveries values ('early', 'q', 'e0', 'Success', '2026-03-17T10:30:00Z')");
        scene.runWorker();
        scene.run("truncate {r}.orphan");
        scene.run("insert into {s}.events values ('e0', 'elsewhere', 'eight b.', '', '2026-03-17T12:00:00Z')");
        assertExact(false);
    }

    @Test
    void anEventThatIsDeletedForGoodLeavesItsDeliveriesWithoutBytes() {
        scene.run("delete from {s}.events where id = 'e9'");
        assertThat(scene.read().raw().sent()).isEqualTo(new UsageMetrics(3, 14));
        assertExact(true);
        scene.runWorker();
        assertExact(true);
        scene.run("insert into {s}.events values ('e9', 'q', 'back again', '', '2026-03-17T12:10:00Z')");
        assertThat(scene.read().raw().sent()).isEqualTo(new UsageMetrics(3, 24));
        assertExact(true);
    }
}
