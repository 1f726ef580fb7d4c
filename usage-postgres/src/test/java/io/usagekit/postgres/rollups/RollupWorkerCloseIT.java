package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.testing.CapturedLog;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.FaultyProxy;
import java.net.URI;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/** How workers end while something holds them up, and what a schedule survives. */
class RollupWorkerCloseIT {

    /** What {@link RollupWorker#close} may take beside the drain timeout, and a loaded machine. */
    private static final Duration BOUND = Duration.ofSeconds(4 + 26);

    private static final Duration DRAIN = Duration.ofMillis(300);

    private final RollupFixture fixture = RollupFixture.rolled(Database.pool(), Database.newSchema("close"));
    private final ExecutorService thread = Executors.newSingleThreadExecutor();

    @AfterEach
    void end() {
        thread.shutdownNow();
        fixture.close();
    }

    private static void awaitTrue(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private static boolean isWaitingForALock(String application) {
        return Database.query(
                        "select count(*) from pg_stat_activity where application_name = ? and wait_event_type = 'Lock'",
                        application)
                .equals("1");
    }

    private static HikariDataSource pool(String name) {
        return Database.newPool(2, config -> config.addDataSourceProperty("ApplicationName", name));
    }

    private static Duration close(RollupWorker worker) {
        long began = System.nanoTime();
        worker.close();
        return Duration.ofNanos(System.nanoTime() - began);
    }

    private void assertExactAfterAnotherWorker() {
        assertThat(fixture.runWorker().leader()).isTrue();
        FigureComparison.Pair pair = fixture.read();
        assertThat(pair.rolled()).isEqualTo(pair.raw());
    }

    @Test
    void leavesNoScheduleWhenItIsClosedWhileItStarts() throws Exception {
        RollupWorker worker = fixture.worker().build();
        Thread closing = new Thread(worker::close);
        ScheduledThreadPoolExecutor scheduler = new ScheduledThreadPoolExecutor(1) {
            @Override
            public ScheduledFuture<?> scheduleWithFixedDelay(Runnable run, long initial, long delay, TimeUnit unit) {
                closing.start();
                awaitTrue("closing waits", () -> closing.getState() == Thread.State.TIMED_WAITING);
                return super.scheduleWithFixedDelay(run, initial, delay, unit);
            }
        };
        scheduler.setRemoveOnCancelPolicy(true);
        try {
            worker.start(scheduler, Duration.ofDays(1));
            closing.join();
            awaitTrue(
                    "no run is left",
                    () -> scheduler.getActiveCount() == 0
                            && scheduler.getQueue().isEmpty());
        } finally {
            scheduler.shutdownNow();
        }
    }

    @Test
    void cancelsTheStepThatWaitsForALockedTable() throws Exception {
        fixture.clock.advance(Duration.ofHours(20));
        try (HikariDataSource pool = pool("close-locked");
                CapturedLog log = CapturedLog.of(RollupWorker.class);
                Connection other = Database.pool().getConnection();
                Statement statement = other.createStatement()) {
            RollupWorker worker = fixture.worker(pool).drainTimeout(DRAIN).build();
            other.setAutoCommit(false);
            statement.execute(fixture.sql("lock table {s}.events in access exclusive mode"));
            Future<RollupRunResult> run = thread.submit(worker::runOnce);
            awaitTrue("waits for the lock", () -> isWaitingForALock("close-locked"));
            assertThat(close(worker)).isBetween(DRAIN, DRAIN.plus(BOUND));
            assertThatThrownBy(() -> run.get(30, TimeUnit.SECONDS))
                    .hasCauseInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("the worker was closed, and its step rolled back");
            assertThat(isWaitingForALock("close-locked"))
                    .as("a session is left")
                    .isFalse();
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("didn't end within drainTimeout (PT0.3S); its statement was cancelled");
            other.rollback();
            other.setAutoCommit(true);
        }
        assertExactAfterAnotherWorker();
    }

    @Tag("thorough")
    @Test
    void abortsTheConnectionToAServerThatIsSilent() throws Exception {
        fixture.clock.advance(Duration.ofHours(20));
        URI url = URI.create(Database.jdbcUrl().substring("jdbc:".length()));
        try (FaultyProxy proxy = FaultyProxy.to(url.getHost(), url.getPort());
                HikariDataSource pool = Database.pool(
                        Database.jdbcUrl().replaceFirst("//[^/]+/", "//" + proxy.host() + ":" + proxy.port() + "/"));
                CapturedLog log = CapturedLog.of(RollupWorker.class)) {
            CountDownLatch working = new CountDownLatch(1);
            RollupWorker worker = fixture.worker(pool)
                    .drainTimeout(DRAIN)
                    .probe((step, point) -> {
                        if (point == RollupTransactions.Point.CHOSEN && working.getCount() > 0) {
                            proxy.freeze();
                            working.countDown();
                        }
                    })
                    .build();
            Future<RollupRunResult> run = thread.submit(worker::runOnce);
            assertThat(working.await(30, TimeUnit.SECONDS)).isTrue();
            assertThat(close(worker)).isBetween(DRAIN, DRAIN.plus(BOUND));
            assertThatThrownBy(() -> run.get(30, TimeUnit.SECONDS)).hasCauseInstanceOf(UsageStorageException.class);
            assertThat(log.lines("WARN")).singleElement().asString().contains("its connection was aborted");
            proxy.pass(); // the pool would wait for an answer
        }
        assertExactAfterAnotherWorker();
    }

    @Test
    void isClosedWithinItsBoundWhileTheRunWaitsForAConnection() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        DataSource exhausted = new DelegatingDataSource(Database.pool()) {
            @Override
            public Connection getConnection() throws SQLException {
                asked.countDown();
                awaitQuietly(goOn);
                return super.getConnection();
            }
        };
        RollupWorker worker = fixture.worker(exhausted).drainTimeout(DRAIN).build();
        Future<RollupRunResult> run = thread.submit(worker::runOnce);
        assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();
        try (CapturedLog log = CapturedLog.of(RollupWorker.class)) {
            assertThat(close(worker)).isBetween(DRAIN, DRAIN.plus(BOUND));
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("it has no connection, and does nothing with the one that it may wait for");
        }
        goOn.countDown();
        assertThat(run.get(30, TimeUnit.SECONDS).leader())
                .as("did something after close")
                .isFalse();
    }

    @Test
    void endsTheWaitForWritersWhenClosed() throws Exception {
        fixture.clock.advance(Duration.ofHours(1));
        try (Connection writer = Database.pool().getConnection();
                Statement statement = writer.createStatement();
                CapturedLog log = CapturedLog.of(RollupWorker.class)) {
            writer.setAutoCommit(false);
            statement.execute(
                    fixture.sql("insert into {s}.events values ('open', 'p', 'x', '', '2026-03-17T11:00:00Z')"));
            CountDownLatch waiting = new CountDownLatch(1);
            RollupWorker worker = fixture.worker()
                    .waitForWriters(Duration.ofHours(1))
                    .probe((step, point) -> {
                        if (point == RollupTransactions.Point.WRITERS_LISTED) {
                            waiting.countDown();
                        }
                    })
                    .build();
            Future<RollupRunResult> run = thread.submit(worker::runOnce);
            assertThat(waiting.await(30, TimeUnit.SECONDS)).isTrue();
            assertThat(close(worker)).isLessThan(BOUND);
            RollupRunResult result = run.get(30, TimeUnit.SECONDS);
            assertThat(result.finished()).isFalse();
            assertThat(result.waitedFor()).hasSize(1);
            assertThat(log.lines("WARN")).isEmpty();
            writer.rollback();
            writer.setAutoCommit(true);
        }
    }

    @Test
    void keepsTheSizeOfStepsWhileATableIsLocked() throws Exception {
        fixture.clock.advance(Duration.ofHours(20));
        AtomicInteger steps = new AtomicInteger();
        try (Connection other = Database.pool().getConnection();
                Statement statement = other.createStatement();
                RollupWorker worker = fixture.worker()
                        .stepTimeout(Duration.ofSeconds(6))
                        .probe((step, point) -> {
                            if (step == RollupTransactions.Step.ADVANCE && point == RollupTransactions.Point.CHOSEN) {
                                steps.incrementAndGet();
                            }
                        })
                        .build()) {
            other.setAutoCommit(false);
            statement.execute(fixture.sql("lock table {s}.events in access exclusive mode"));
            assertThatThrownBy(worker::runOnce)
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("a step waited longer than PT3S for a lock that another session holds")
                    .hasMessageContaining("lock timeout");
            other.rollback();
            other.setAutoCommit(true);
            assertThat(worker.runOnce().finished()).isTrue();
        }
        assertThat(steps.get()).as("steps that rolled 20 hours, 24 at a time").isEqualTo(1);
    }

    @Test
    void leavesAHalvedStepToTheNextRunWhenTheBudgetIsUsedUp() {
        fixture.clock.advance(Duration.ofHours(20));
        AtomicInteger attempts = new AtomicInteger();
        try (RollupWorker worker = fixture.worker()
                .runBudget(Duration.ofMillis(1))
                .probe((step, point) -> {
                    if (step == RollupTransactions.Step.ADVANCE
                            && point == RollupTransactions.Point.CHOSEN
                            && attempts.getAndIncrement() == 0) {
                        awaitTrue("budget is used up", elapsed(Duration.ofMillis(2)));
                        throw new SQLException("canceling statement due to statement timeout", "57014");
                    }
                })
                .build()) {
            assertThatThrownBy(worker::runOnce).isInstanceOf(UsageStorageException.class);
            assertThat(attempts.get()).isEqualTo(1);
            worker.runOnce();
            assertThat(fixture.rollups.status().orElseThrow().coveredBefore())
                    .as("12 of 20 hours")
                    .contains(fixture.clock.instant().minus(Duration.ofHours(8)));
        }
    }

    private static BooleanSupplier elapsed(Duration duration) {
        long end = System.nanoTime() + duration.toNanos();
        return () -> System.nanoTime() > end;
    }

    @Test
    void keepsItsScheduleWhateverARunThrows() throws Exception {
        ScheduledExecutorService scheduler = Executors.newSingleThreadScheduledExecutor();
        CountDownLatch advanced = new CountDownLatch(1);
        AtomicInteger asked = new AtomicInteger();
        DataSource broken = new DelegatingDataSource(Database.pool()) {
            @Override
            public Connection getConnection() throws SQLException {
                int number = asked.incrementAndGet();
                if (number <= 3) {
                    throw new NoClassDefFoundError("com/zaxxer/hikari/pool/ProxyFactory");
                }
                if (number == 4) {
                    throw new OutOfMemoryError("unable to create native thread");
                }
                return super.getConnection();
            }
        };
        fixture.clock.advance(Duration.ofHours(1));
        try (CapturedLog log = CapturedLog.of(RollupWorker.class);
                RollupWorker worker = fixture.worker(broken)
                        .probe((step, point) -> {
                            if (point == RollupTransactions.Point.COMMITTED) {
                                advanced.countDown();
                            }
                        })
                        .build()) {
            worker.start(scheduler, Duration.ofMillis(1));
            assertThat(advanced.await(30, TimeUnit.SECONDS)).as("ran again").isTrue();
            assertThat(log.lines("WARN"))
                    .satisfiesExactly(
                            first -> assertThat(first)
                                    .contains("failed and is retried: java.lang.NoClassDefFoundError: com/zaxxer"),
                            second -> assertThat(second).contains("OutOfMemoryError: unable to create native thread"));
        } finally {
            scheduler.shutdownNow();
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
