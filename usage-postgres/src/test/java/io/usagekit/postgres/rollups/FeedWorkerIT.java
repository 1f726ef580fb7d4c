package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.rollups.spi.FeedRun;
import io.usagekit.postgres.rollups.spi.FeedStatus;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.testing.CapturedLog;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/** Workers of a feed ship one at a time, ship again what readers didn't believe, end, and go on where another one was killed. */
class FeedWorkerIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Duration DRAIN = Duration.ofMillis(300);

    /** What {@link FeedWorker#close} may take beside the drain timeout, and a loaded machine. */
    private static final Duration BOUND = Duration.ofSeconds(4 + 26);

    private static final Instant NINE = Instant.parse("2026-03-17T09:00:00Z");
    private static final String CHANGE =
            "update {r}.rollup set received_volume = received_volume + 10 where bucket = '" + NINE + "'";

    private final ExecutorService thread = Executors.newSingleThreadExecutor();
    private final CountDownLatch inserting = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private FeedFixture fixture;

    @BeforeEach
    void create() {
        fixture = FeedFixture.shipped("feed_worker");
    }

    @AfterEach
    void drop() {
        goOn.countDown();
        thread.shutdownNow();
        fixture.close();
    }

    /** A worker as another process has it: with connections of its own. */
    private FeedWorker.Builder worker(DataSource dataSource) {
        return PostgresRollups.builder(dataSource)
                .mapping(fixture.of.mapping)
                .clock(fixture.of.clock)
                .build()
                .feed()
                .worker(fixture.store);
    }

    private FeedWorker another() {
        return worker(Database.pool()).build();
    }

    private static HikariDataSource pool(String name) {
        return Database.newPool(2, config -> config.addDataSourceProperty("ApplicationName", name));
    }

    /** Has the next insert wait for {@link #goOn}. */
    private void stopTheNextInsert() {
        fixture.store.beforeInsert = () -> {
            fixture.store.beforeInsert = () -> {};
            inserting.countDown();
            await(goOn);
        };
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void awaitTrue(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    @Test
    void shipOneAtATime() throws Exception {
        fixture.run(CHANGE);
        stopTheNextInsert();
        try (FeedWorker first = another();
                FeedWorker second = another()) {
            Future<FeedRun> run = thread.submit(first::runOnce);
            await(inserting);
            assertThat(second.runOnce().leader()).isFalse();
            fixture.assertExact(true);

            goOn.countDown();
            assertThat(run.get(30, TimeUnit.SECONDS).hours()).isOne();
            assertThat(second.runOnce().leader()).isTrue();
        }
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(31);
    }

    @Test
    void neverInsertAtTheSameTimeOnSchedules() {
        AtomicInteger inserts = new AtomicInteger();
        AtomicInteger atOnce = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        fixture.store.beforeInsert = () -> most.accumulateAndGet(atOnce.incrementAndGet(), Math::max);
        fixture.store.afterInsert = () -> {
            atOnce.decrementAndGet();
            inserts.incrementAndGet();
        };
        try (FeedWorker first = another();
                FeedWorker second = another()) {
            first.start(Duration.ofMillis(1));
            second.start(Duration.ofMillis(1));
            for (int change = 1; change <= 20; change++) {
                int expected = change;
                fixture.run(CHANGE);
                awaitTrue("shipped", () -> inserts.get() >= expected && fixture.toShip() == 0);
            }
        }
        assertThat(most).hasValue(1);
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(31);
    }

    @Test
    void goOnWhereOneWasKilled() throws Exception {
        fixture.run(CHANGE);
        stopTheNextInsert();
        try (HikariDataSource pool = pool("feed-killed");
                FeedWorker killed = worker(pool).build();
                FeedWorker other = another()) {
            Future<FeedRun> run = thread.submit(killed::runOnce);
            await(inserting);
            assertThat(other.runOnce().leader()).isFalse();

            Database.column(
                    "select pg_terminate_backend(pid)::text from pg_stat_activity where application_name = ?",
                    "feed-killed");
            awaitTrue("goes on", () -> other.runOnce().hours() == 1);
            fixture.assertExact(true);
            assertThat(fixture.daysFromStore).isEqualTo(31);

            fixture.run(CHANGE);
            assertThat(other.runOnce().hours()).isOne();
            goOn.countDown(); // what was given up arrives last
            assertThatThrownBy(() -> run.get(30, TimeUnit.SECONDS)).hasCauseInstanceOf(UsageStorageException.class);
            fixture.assertExact(true);
            assertThat(fixture.daysFromStore).isEqualTo(31);
        }
        assertThat(fixture.refused).isEmpty();
    }

    @Test
    void shipAgainWhatAReaderDidNotBelieve() {
        fixture.store.lose("p", NINE);
        fixture.assertExact(true);
        assertThat(fixture.refused).containsExactly("[ProjectDays[projectId=p, from=2026-03-01, to=2026-04-01]]");
        Optional<FeedStatus> status = fixture.feed.status(TIMEOUT);
        assertThat(status.orElseThrow().hoursToShip()).isEqualTo(31 * 24);
        assertThat(status.orElseThrow().oldestToShip()).isPresent();

        try (FeedWorker worker = another()) {
            FeedRun run = worker.runOnce();
            assertThat(run.hours()).isEqualTo(31 * 24);
            assertThat(run.complete()).isTrue();
        }
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(31);
        assertThat(fixture.refused).hasSize(1);
    }

    @Test
    void shipInCyclesOfAtMostSoManyHours() {
        fixture.feed.reship(List.of(new ProjectDays("p", LocalDate.of(2026, 3, 17), LocalDate.of(2026, 3, 18))));
        try (FeedWorker worker = worker(Database.pool()).maxHours(10).build()) {
            FeedRun run = worker.runOnce();
            assertThat(run.cycles()).isEqualTo(3);
            assertThat(run.hours()).isEqualTo(24);
            assertThat(run.left()).isFalse();
        }
        fixture.assertExact(true);
    }

    @Test
    void closesWithinItsBoundWhileTheStoreInserts() throws Exception {
        fixture.run(CHANGE);
        stopTheNextInsert();
        FeedWorker worker = worker(Database.pool()).drainTimeout(DRAIN).build();
        Future<FeedRun> run = thread.submit(worker::runOnce);
        await(inserting);
        try (CapturedLog log = CapturedLog.of(FeedWorker.class)) {
            long began = System.nanoTime();
            worker.close();
            assertThat(Duration.ofNanos(System.nanoTime() - began)).isBetween(DRAIN, DRAIN.plus(BOUND));
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("closing the worker of the feed in the schema " + fixture.feed.schema()
                            + ": its cycle didn't end within drainTimeout (PT0.3S)")
                    .contains("its connection was aborted");
        }
        try (FeedWorker other = another()) {
            awaitTrue("goes on", () -> other.runOnce().hours() == 1);
        }
        goOn.countDown();
        assertThatThrownBy(() -> run.get(30, TimeUnit.SECONDS)).hasCauseInstanceOf(UsageStorageException.class);
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(31);
    }

    @Test
    void beginsNoCycleWithAConnectionThatItGetsAfterItWasClosed() throws Exception {
        fixture.run(CHANGE);
        CountDownLatch asked = new CountDownLatch(1);
        AtomicInteger connections = new AtomicInteger();
        DataSource exhausted = new DelegatingDataSource(Database.pool()) {
            @Override
            public Connection getConnection() throws SQLException {
                if (connections.incrementAndGet() > 1) { // the first one looks the tables up
                    asked.countDown();
                    await(goOn);
                }
                return super.getConnection();
            }
        };
        FeedWorker worker = worker(exhausted).drainTimeout(DRAIN).build();
        Future<FeedRun> run = thread.submit(worker::runOnce);
        await(asked);
        try (CapturedLog log = CapturedLog.of(FeedWorker.class)) {
            worker.close();
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("it has no connection, and does nothing with the one that it may wait for");
        }
        goOn.countDown();
        assertThatThrownBy(() -> run.get(30, TimeUnit.SECONDS)).hasMessageContaining("the worker was closed");
        assertThat(fixture.toShip()).isOne();
    }
}
