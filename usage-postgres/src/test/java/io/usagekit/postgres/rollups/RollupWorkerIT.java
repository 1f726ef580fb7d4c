package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How workers share the work, start, wait and end. */
class RollupWorkerIT {

    private final RollupFixture scene = RollupFixture.rolled(Database.pool(), Database.newSchema("worker"));

    @AfterEach
    void end() {
        scene.close();
    }

    private void assertExact() {
        FigureComparison.Pair pair = scene.read();
        assertThat(pair.rolled()).isEqualTo(pair.raw());
    }

    @Test
    void oneWorksAndTheOthersReturnAtOnce() throws Exception {
        CountDownLatch working = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        scene.clock.advance(Duration.ofHours(1));
        try (RollupWorker first = scene.worker()
                        .probe((step, point) -> {
                            if (step.equals("advance") && point == RollupTransactions.Point.ROLLED) {
                                working.countDown();
                                await(goOn);
                            }
                        })
                        .build();
                RollupWorker second = scene.worker().build()) {
            Future<RollupRunResult> run = thread.submit(first::runOnce);
            await(working);
            RollupRunResult idle = second.runOnce();
            assertThat(idle.leader()).isFalse();
            assertThat(idle.finished()).isFalse();
            assertExact();
            goOn.countDown();
            assertThat(run.get(30, TimeUnit.SECONDS).leader()).isTrue();
            assertThat(second.runOnce().leader()).isTrue();
        } finally {
            thread.shutdownNow();
        }
        assertExact();
    }

    @Test
    void rollupsOfOtherTablesAreSomebodyElsesWork() {
        try (RollupFixture other = RollupFixture.rolled(Database.pool(), Database.newSchema("worker"));
                RollupWorker theirs = other.worker()
                        .probe((step, point) -> {
                            if (point == RollupTransactions.Point.ROLLED) {
                                assertThat(scene.runWorker().leader()).isTrue();
                            }
                        })
                        .build()) {
            other.clock.advance(Duration.ofHours(1));
            assertThat(theirs.runOnce().leader()).isTrue();
        }
    }

    @Test
    void aScheduledWorkerKeepsUpUntilItIsClosed() throws Exception {
        ScheduledExecutorService scheduler = Executors.newSingleThreadScheduledExecutor();
        AtomicInteger advances = new AtomicInteger();
        try {
            RollupWorker worker = scene.worker()
                    .probe((step, point) -> {
                        if (step.equals("advance") && point == RollupTransactions.Point.COMMITTED) {
                            advances.incrementAndGet();
                        }
                    })
                    .build();
            worker.start(scheduler, Duration.ofMillis(5));
            assertThatThrownBy(() -> worker.start(scheduler, Duration.ofMillis(5)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("started already");
            for (int hour = 1; hour <= 3; hour++) {
                scene.clock.advance(Duration.ofHours(1));
                long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
                while (advances.get() < hour) {
                    assertThat(System.nanoTime()).as("advanced").isLessThan(deadline);
                    Thread.onSpinWait();
                }
            }
            worker.close();
            worker.close();
            scene.clock.advance(Duration.ofHours(1));
            assertThat(scheduler.submit(advances::get).get(30, TimeUnit.SECONDS))
                    .isEqualTo(3);
            assertThatThrownBy(worker::runOnce)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
            assertThatThrownBy(() -> worker.start(scheduler, Duration.ofMillis(5)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        } finally {
            scheduler.shutdownNow();
        }
        assertExact();
    }

    @Test
    void aScheduledWorkerGoesOnAfterAFailure() throws Exception {
        ScheduledExecutorService scheduler = Executors.newSingleThreadScheduledExecutor();
        CountDownLatch advanced = new CountDownLatch(1);
        AtomicInteger failures = new AtomicInteger();
        try (RollupWorker worker = scene.worker()
                .probe((step, point) -> {
                    if (step.equals("advance")
                            && point == RollupTransactions.Point.CHOSEN
                            && failures.getAndIncrement() < 3) {
                        throw new SQLException("the database has its moods");
                    }
                    if (step.equals("advance") && point == RollupTransactions.Point.COMMITTED) {
                        advanced.countDown();
                    }
                })
                .build()) {
            scene.clock.advance(Duration.ofHours(1));
            worker.start(scheduler, Duration.ofMillis(5));
            await(advanced);
        } finally {
            scheduler.shutdownNow();
        }
        assertThat(failures.get()).isEqualTo(4);
        assertExact();
    }

    @Test
    void closingWaitsForTheStepUnderWayAndNoFurtherOneBegins() throws Exception {
        CountDownLatch working = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        scene.clock.advance(Duration.ofDays(3));
        RollupWorker worker = scene.worker()
                .probe((step, point) -> {
                    if (step.equals("advance") && point == RollupTransactions.Point.ROLLED) {
                        working.countDown();
                        await(goOn);
                    }
                })
                .build();
        try {
            Future<RollupRunResult> run = threads.submit(worker::runOnce);
            await(working);
            Future<?> close = threads.submit(worker::close);
            assertThatThrownBy(() -> close.get(100, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
            goOn.countDown();
            close.get(30, TimeUnit.SECONDS);
            assertThat(run.get(30, TimeUnit.SECONDS).finished()).isFalse();
        } finally {
            threads.shutdownNow();
        }
        assertThat(scene.rollups.status().orElseThrow().coveredBefore())
                .contains(scene.clock.instant().minus(Duration.ofDays(2)));
        assertExact();
    }

    @Test
    void theConnectionIsGivenBackAsItWasAlsoAfterAnError() throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            connection.setNetworkTimeout(Runnable::run, 54_321);
            connection.setAutoCommit(false);
            for (boolean failing : new boolean[] {false, true}) {
                scene.clock.advance(Duration.ofHours(1));
                try (RollupWorker worker = new RollupWorker.Builder(
                                new OneConnection(connection), scene.mapping, scene.rollups.schema())
                        .clock(scene.clock)
                        .settle(Duration.ZERO)
                        .probe((step, point) -> {
                            if (failing && point == RollupTransactions.Point.ROLLED) {
                                throw new SQLException("the database has its moods");
                            }
                        })
                        .build()) {
                    if (failing) {
                        assertThatThrownBy(worker::runOnce)
                                .isInstanceOf(UsageCalculationException.class)
                                .hasMessageContaining("its moods");
                    } else {
                        assertThat(worker.runOnce().leader()).isTrue();
                    }
                }
                assertThat(connection.getAutoCommit()).isFalse();
                assertThat(connection.getTransactionIsolation()).isEqualTo(Connection.TRANSACTION_SERIALIZABLE);
                assertThat(connection.getNetworkTimeout()).isEqualTo(54_321);
                connection.rollback();
                assertThat(scene.runWorker().leader()).as("the lock is free").isTrue();
            }
            connection.setAutoCommit(true);
            connection.setNetworkTimeout(Runnable::run, 0);
            connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        }
    }

    @Test
    void aStepThatTakesTooLongIsTriedAtHalfItsSize() throws SQLException {
        scene.clock.advance(Duration.ofHours(20));
        AtomicInteger attempts = new AtomicInteger();
        try (RollupWorker worker = scene.worker()
                .stepBudget(Duration.ofHours(1)) // whatever takes less than half of it is quick
                .probe((step, point) -> {
                    if (step.equals("advance")
                            && point == RollupTransactions.Point.CHOSEN
                            && attempts.getAndIncrement() < 3) {
                        throw new SQLException("canceling statement due to statement timeout", "57014");
                    }
                })
                .build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        // 24, 12 and 6 hours failed; then 3, 6, 12 (up to 20) were done, since they were quick.
        assertThat(attempts.get()).isEqualTo(3 + 3);
        assertExact();
    }

    @Test
    void historyIsRolledBitByBitAndGoesOnWhereItStopped() {
        scene.run(
                "insert into {s}.projects select 'h' || n, 'org-123', null from generate_series(1, 60) n",
                "insert into {s}.events select 'h' || n, 'h' || n % 60 + 1, 'seven b', '', timestamptz '2026-03-17T11:00:00Z' - n"
                        + " * interval '11 minutes', null from generate_series(1, 6000) n");
        long steps = 0;
        long unfinished = 0;
        while (true) {
            try (RollupWorker worker =
                    scene.worker().runBudget(Duration.ofMillis(1)).build()) {
                RollupRunResult run = worker.runOnce();
                steps += run.backfillSteps();
                assertExact();
                if (run.finished()) {
                    break;
                }
                RollupStatus status = scene.rollups.status().orElseThrow();
                assertThat(status.backfilledTo().isPresent()).isEqualTo(status.projectsToBackfill() > 0);
                unfinished += status.projectsToBackfill() > 0 ? 1 : 0;
            }
        }
        assertThat(steps).as("bits").isGreaterThan(1);
        assertThat(unfinished).as("looks at a part of the history").isPositive();
        assertThat(scene.rollups.status().orElseThrow().projectsToBackfill()).isZero();
        assertThat(scene.rollups.status().orElseThrow().projects()).isEqualTo(62);
    }

    // Prepared transactions hold their locks without a process.

    private void writerIsPreparedWhileWaitedFor(
            RollupTransactions.Point when, Set<RollupTransactions.Guard> guards, boolean exact) throws SQLException {
        try (EmbeddedPostgresServer server = EmbeddedPostgresServer.start(Map.of("max_prepared_transactions", "5"));
                RollupFixture prepared = RollupFixture.rolled(server.dataSource(), "prepared");
                Connection writer = prepared.begin();
                RollupWorker worker = prepared.worker()
                        .waitForWriters(Duration.ofMillis(200))
                        .guards(guards)
                        .probe((step, point) -> {
                            if (step.equals("advance") && point == when) {
                                prepared.run(writer, "prepare transaction 'paid'");
                            }
                        })
                        .build()) {
            prepared.run(writer, "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T12:30:00Z')");
            prepared.clock.advance(Duration.ofHours(1));
            RollupRunResult run = worker.runOnce();
            assertThat(run.waitedFor()).isEqualTo(exact ? List.of("a prepared transaction") : List.of());
            prepared.run("commit prepared 'paid'");
            FigureComparison.Pair pair = prepared.read();
            assertThat(pair.rolled().equals(pair.raw())).isEqualTo(exact);
            if (exact) {
                assertThat(prepared.runWorker().finished()).isTrue();
                pair = prepared.read();
                assertThat(pair.rolled()).isEqualTo(pair.raw());
                assertThat(pair.raw().received().volume()).isEqualTo(4);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"PUBLISHED", "LISTED"})
    void aTransactionThatIsPreparedIsWaitedFor(String when) throws SQLException {
        writerIsPreparedWhileWaitedFor(
                RollupTransactions.Point.valueOf(when), EnumSet.allOf(RollupTransactions.Guard.class), true);
    }

    @ParameterizedTest
    @ValueSource(strings = {"PUBLISHED", "LISTED"})
    void withoutThatItsCommitIsMissed(String when) throws SQLException {
        writerIsPreparedWhileWaitedFor(
                RollupTransactions.Point.valueOf(when),
                EnumSet.complementOf(EnumSet.of(RollupTransactions.Guard.WAIT_FOR_PREPARED)),
                false);
    }

    @Test
    void optionsOutOfBoundsAreRefused() {
        assertThatThrownBy(
                        () -> scene.rollups.worker().settle(Duration.ofDays(2)).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("settle must be between PT0S and PT24H, but was PT48H");
        assertThatThrownBy(() -> scene.rollups.worker().runBudget(Duration.ZERO).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("runBudget must be between");
    }

    @Test
    void withoutRollupsThereIsNothingToMaintain() {
        scene.rollups.remove();
        assertThatThrownBy(scene::runWorker)
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("there are no roll-ups in the schema");
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
