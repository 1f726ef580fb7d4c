package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * How fast the tables are partitioned and made plain again while a writer and a reader are at work, and how long anything is locked;
 * printed. {@code -Dusagekit.benchmark.events=1000000} takes long enough to measure.
 */
class PartitionWhileWrittenIT {

    private static final int EVENTS = Integer.getInteger("usagekit.benchmark.events", 3_000);

    private final HikariDataSource pool = Database.newPool(6);
    private final PartitionFixture scene = PartitionFixture.create(Database.pool(), "bench");
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicLong written = new AtomicLong();
    private final AtomicLong slowestWrite = new AtomicLong();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong slowestRead = new AtomicLong();

    @AfterEach
    void end() {
        threads.shutdown();
        scene.close();
        pool.close();
    }

    @Test
    void bothWaysWhileAWriterAndAReaderAreAtWork() {
        scene.run(
                "truncate {s}.events, {s}.event_deliveries, {s}.notes",
                "insert into {s}.events (id, project_id, raw, created_at) select 'e' || n, 'p', repeat('x', 200 + n % 400), timestamptz '2026-01-01Z' + n * interval '75 days' / "
                        + EVENTS + " from generate_series(1, " + EVENTS + ") n",
                "insert into {s}.event_deliveries select 'd' || n, 'p', 'e' || n, 'Success', timestamptz '2026-01-01Z' + n * interval '75 days' / "
                        + EVENTS + " from generate_series(1, " + EVENTS + ") n",
                "analyze {s}.events",
                "analyze {s}.event_deliveries");
        CompletableFuture<Void> writer = CompletableFuture.runAsync(this::write, threads);
        CompletableFuture<Void> reader = CompletableFuture.runAsync(this::read, threads);
        PostgresPartitions partitions = PostgresPartitions.builder(pool)
                .mapping(scene.mapping)
                .clock(ManualClock.at("2026-03-17T12:00:00Z"))
                .build();
        try {
            report("partition", () -> partitions.partition(PartitionInterval.WEEK, new PartitionProgress() {}));
            report("unpartition", () -> partitions.unpartition(new PartitionProgress() {}));
        } finally {
            over.set(true);
            writer.join();
            reader.join();
        }
        assertThat(scene.one("select count(*) from {s}.events")).isEqualTo(String.valueOf(EVENTS + written.get()));
        assertThat(scene.one("select count(*) from {s}.event_deliveries"))
                .isEqualTo(String.valueOf(EVENTS + written.get()));
        assertThat(written).hasPositiveValue();
        assertThat(reads).hasPositiveValue();
        System.out.printf(
                Locale.ROOT,
                "PartitionWhileWrittenIT: %,d events written meanwhile, the slowest in %,d ms; %,d reads, the slowest in %,d ms%n",
                written.get(),
                slowestWrite.get() / 1_000_000,
                reads.get(),
                slowestRead.get() / 1_000_000);
    }

    private interface Work {
        PartitionResult run();
    }

    private static void report(String what, Work work) {
        long began = System.nanoTime();
        PartitionResult run = work.run();
        Duration took = Duration.ofNanos(System.nanoTime() - began);
        System.out.printf(
                Locale.ROOT,
                "PartitionWhileWrittenIT: %s of %,d events and as many deliveries: %,d s, %,d rows/s, %,d changes caught up with, at most %,d ms locked%n",
                what,
                EVENTS,
                took.toSeconds(),
                run.copied() * 1_000 / Math.max(1, took.toMillis()),
                run.changes(),
                run.longestLock().toMillis());
    }

    /** An event, then its delivery, in a transaction. */
    private void write() {
        try (Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            while (!over.get()) {
                long began = System.nanoTime();
                String id = "w" + written.get();
                scene.run(
                        connection,
                        "insert into {s}.events (id, project_id, raw, created_at) values ('" + id
                                + "', 'q', 'written', '2026-03-17Z')");
                scene.run(
                        connection,
                        "insert into {s}.event_deliveries values ('" + id + "', 'q', '" + id
                                + "', 'Success', '2026-03-17Z')");
                connection.commit();
                written.incrementAndGet();
                slowestWrite.accumulateAndGet(System.nanoTime() - began, Math::max);
            }
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** What the other project's newest events have come to. */
    private void read() {
        try (Connection connection = pool.getConnection()) {
            while (!over.get()) {
                long began = System.nanoTime();
                scene.count(
                        connection,
                        "select sum(payload_bytes) from {s}.events where project_id = 'p' and created_at >= '2026-03-16Z' and created_at < '2026-03-17Z'");
                reads.incrementAndGet();
                slowestRead.accumulateAndGet(System.nanoTime() - began, Math::max);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }
}
