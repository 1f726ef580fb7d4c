package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
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

/** Workers run one at a time, start, wait, fail and close. */
class RollupWorkerIT {

    private final RollupFixture fixture = RollupFixture.rolled(Database.pool(), Database.newSchema("worker"));

    @AfterEach
    void end() {
        fixture.close();
    }

    private void assertExact() {
        FigureComparison.Pair pair = fixture.read();
        assertThat(pair.rolled()).isEqualTo(pair.raw());
    }

    @Test
    void letsOneWorkerRunAtATime() throws Exception {
        CountDownLatch working = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        fixture.clock.advance(Duration.ofHours(1));
        try (RollupWorker first = fixture.worker()
                        .probe((step, point) -> {
                            if (step == RollupTransactions.Step.ADVANCE && point == RollupTransactions.Point.ROLLED) {
                                working.countDown();
                                await(goOn);
                            }
                        })
                        .build();
                RollupWorker second = fixture.worker().build()) {
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
    void letsWorkersOfDifferentSchemasRunTogether() {
        try (RollupFixture other = RollupFixture.rolled(Database.pool(), Database.newSchema("worker"));
                RollupWorker theirs = other.worker()
                        .probe((step, point) -> {
                            if (point == RollupTransactions.Point.ROLLED) {
                                assertThat(fixture.runWorker().leader()).isTrue();
                            }
                        })
                        .build()) {
            other.clock.advance(Duration.ofHours(1));
            assertThat(theirs.runOnce().leader()).isTrue();
        }
    }

    @Test
    void runsOnScheduleUntilClosed() throws Exception {
        ScheduledExecutorService scheduler = Executors.newSingleThreadScheduledExecutor();
        AtomicInteger advances = new AtomicInteger();
        try {
            RollupWorker worker = fixture.worker()
                    .probe((step, point) -> {
                        if (step == RollupTransactions.Step.ADVANCE && point == RollupTransactions.Point.COMMITTED) {
                            advances.incrementAndGet();
                        }
                    })
                    .build();
            worker.start(scheduler, Duration.ofMillis(5));
            assertThatThrownBy(() -> worker.start(scheduler, Duration.ofMillis(5)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("started already");
            for (int hour = 1; hour <= 3; hour++) {
                fixture.clock.advance(Duration.ofHours(1));
                long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
                while (advances.get() < hour) {
                    assertThat(System.nanoTime()).as("advanced").isLessThan(deadline);
                    Thread.onSpinWait();
                }
            }
            worker.close();
            worker.close();
            fixture.clock.advance(Duration.ofHours(1));
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
    void runsOnScheduleAfterFailure() throws Exception {
        ScheduledExecutorService scheduler = Executors.newSingleThreadScheduledExecutor();
        CountDownLatch advanced = new CountDownLatch(1);
        AtomicInteger failures = new AtomicInteger();
        try (RollupWorker worker = fixture.worker()
                .probe((step, point) -> {
                    if (step == RollupTransactions.Step.ADVANCE
                            && point == RollupTransactions.Point.CHOSEN
                            && failures.getAndIncrement() < 3) {
                        throw new SQLException("the database failed");
                    }
                    if (step == RollupTransactions.Step.ADVANCE && point == RollupTransactions.Point.COMMITTED) {
                        advanced.countDown();
                    }
                })
                .build()) {
            fixture.clock.advance(Duration.ofHours(1));
            worker.start(scheduler, Duration.ofMillis(5));
            await(advanced);
        } finally {
            scheduler.shutdownNow();
        }
        assertThat(failures.get()).isEqualTo(4);
        assertExact();
    }

    @Test
    void reportsLastRunAndItsFailure() {
        try (RollupWorker worker = fixture.worker().build()) {
            assertThat(worker.lastRun()).isEmpty();
            RollupRunResult result = worker.runOnce();
            RollupWorker.LastRun succeeded = worker.lastRun().orElseThrow();
            assertThat(succeeded.result()).contains(result);
            assertThat(succeeded.failure()).isEmpty();
            assertThat(succeeded.startedAt()).isEqualTo(fixture.clock.instant());
            assertThat(succeeded.took()).isPositive();

            fixture.clock.advance(Duration.ofMinutes(1));
            fixture.rollups.remove();
            assertThatThrownBy(worker::runOnce).isInstanceOf(UsageStorageException.class);
            RollupWorker.LastRun failed = worker.lastRun().orElseThrow();
            assertThat(failed.result()).isEmpty();
            assertThat(failed.failure().orElseThrow()).hasMessageContaining("there are no roll-ups in the schema");
            assertThat(failed.startedAt()).isEqualTo(fixture.clock.instant());
        }
    }

    @Test
    void notifiesTheListenerOfEachRunWhateverItThrows() {
        List<RollupWorker.LastRun> runs = new CopyOnWriteArrayList<>();
        PostgresRollups observed = PostgresRollups.builder(Database.pool())
                .mapping(fixture.mapping)
                .clock(fixture.clock)
                .listener(new RollupListener() {
                    @Override
                    public void runEnded(RollupWorker.LastRun run) {
                        runs.add(run);
                        throw new IllegalStateException("a listener fails");
                    }
                })
                .build();
        try (RollupWorker worker = observed.worker().build()) {
            RollupRunResult result = worker.runOnce();
            assertThat(runs).containsExactly(worker.lastRun().orElseThrow());
            assertThat(runs.get(0).result()).contains(result);

            observed.remove();
            assertThatThrownBy(worker::runOnce)
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("there are no roll-ups in the schema");
            assertThat(runs).hasSize(2).last().isEqualTo(worker.lastRun().orElseThrow());
        }
    }

    @Test
    void waitsForCurrentStepWhenClosed() throws Exception {
        CountDownLatch working = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        fixture.clock.advance(Duration.ofDays(3));
        RollupWorker worker = fixture.worker()
                .drainTimeout(Duration.ofMinutes(1))
                .probe((step, point) -> {
                    if (step == RollupTransactions.Step.ADVANCE && point == RollupTransactions.Point.ROLLED) {
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
        assertThat(fixture.rollups.status().orElseThrow().coveredBefore())
                .contains(fixture.clock.instant().minus(Duration.ofDays(2)));
        assertExact();
    }

    @Test
    void restoresConnectionAfterSuccessAndFailure() throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            connection.setNetworkTimeout(Runnable::run, 54_321);
            connection.setAutoCommit(false);
            for (boolean failing : new boolean[] {false, true}) {
                fixture.clock.advance(Duration.ofHours(1));
                try (RollupWorker worker = fixture.worker(new OneConnection(connection))
                        .probe((step, point) -> {
                            if (failing && point == RollupTransactions.Point.ROLLED) {
                                throw new SQLException("the database failed");
                            }
                        })
                        .build()) {
                    if (failing) {
                        assertThatThrownBy(worker::runOnce)
                                .isInstanceOf(UsageStorageException.class)
                                .hasMessageContaining("the database failed");
                    } else {
                        assertThat(worker.runOnce().leader()).isTrue();
                    }
                }
                assertThat(connection.getAutoCommit()).isFalse();
                assertThat(connection.getTransactionIsolation()).isEqualTo(Connection.TRANSACTION_SERIALIZABLE);
                assertThat(connection.getNetworkTimeout()).isEqualTo(54_321);
                connection.rollback();
                assertThat(fixture.runWorker().leader()).as("the lock is free").isTrue();
            }
            connection.setAutoCommit(true);
            connection.setNetworkTimeout(Runnable::run, 0);
            connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        }
    }

    @Test
    void retriesTimedOutStepAtHalfItsSize() throws SQLException {
        fixture.clock.advance(Duration.ofHours(20));
        AtomicInteger attempts = new AtomicInteger();
        try (RollupWorker worker = fixture.worker()
                .stepBudget(Duration.ofHours(1)) // a step that takes less than half of it doubles the next
                .probe((step, point) -> {
                    if (step == RollupTransactions.Step.ADVANCE
                            && point == RollupTransactions.Point.CHOSEN
                            && attempts.getAndIncrement() < 3) {
                        throw new SQLException("canceling statement due to statement timeout", "57014");
                    }
                })
                .build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        // Steps of 24, 12 and 6 hours failed; then 3, 6 and 12 (up to 20) hours were rolled.
        assertThat(attempts.get()).isEqualTo(3 + 3);
        assertExact();
    }

    @Test
    void backfillsHistoryStepByStepAcrossRuns() {
        fixture.run(
                "insert into {s}.projects select 'h' || n, 'org-123', null from generate_series(1, 60) n",
                "insert into {s}.events select 'h' || n, 'h' || n % 60 + 1, 'seven b', '', timestamptz '2026-03-17T11:00:00Z' - n"
                        + " * interval '11 minutes', null from generate_series(1, 6000) n");
        long steps = 0;
        long unfinished = 0;
        while (true) {
            try (RollupWorker worker =
                    fixture.worker().runBudget(Duration.ofMillis(1)).build()) {
                RollupRunResult run = worker.runOnce();
                steps += run.backfillSteps();
                assertExact();
                if (run.finished()) {
                    break;
                }
                RollupStatus status = fixture.rollups.status().orElseThrow();
                assertThat(status.backfilledTo().isPresent()).isEqualTo(status.projectsToBackfill() > 0);
                unfinished += status.projectsToBackfill() > 0 ? 1 : 0;
            }
        }
        assertThat(steps).as("steps").isGreaterThan(1);
        assertThat(unfinished).as("runs that ended with history left").isPositive();
        assertThat(fixture.rollups.status().orElseThrow().projectsToBackfill()).isZero();
        assertThat(fixture.rollups.status().orElseThrow().projects()).isEqualTo(62);
    }

    @Test
    void rejectsSettingsOutOfBounds() {
        assertThatThrownBy(() ->
                        fixture.rollups.worker().settle(Duration.ofDays(2)).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("settle must be between PT0S and PT24H, but was PT48H");
        assertThatThrownBy(
                        () -> fixture.rollups.worker().runBudget(Duration.ZERO).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("runBudget must be between");
    }

    @Test
    void rejectsRunWithoutRollups() {
        fixture.rollups.remove();
        assertThatThrownBy(fixture::runWorker)
                .isInstanceOf(UsageStorageException.class)
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
