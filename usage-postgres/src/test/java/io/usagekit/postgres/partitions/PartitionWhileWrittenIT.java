package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The tables are partitioned and made plain again while a writer and a reader work: no row is lost, and both go on. */
class PartitionWhileWrittenIT {

    private static final int EVENTS = 3_000;

    /** After each transaction, so that the writer and the reader leave processor time to the work that they accompany. */
    private static final long PAUSE_NANOS = 1_000_000;

    private final HikariDataSource pool = Database.newPool(6);
    private final PartitionFixture fixture = PartitionFixture.create(Database.pool(), "written");
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicLong written = new AtomicLong();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final AtomicLong reads = new AtomicLong();

    @AfterEach
    void end() {
        threads.shutdown();
        fixture.close();
        pool.close();
    }

    @Test
    void keepsEveryRowWhileHostsWriteAndRead() {
        fixture.run(
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
                .mapping(fixture.mapping)
                .clock(ManualClock.at("2026-03-17T12:00:00Z"))
                .build();
        try {
            partitions.partition(PartitionInterval.WEEK, new PartitionProgress() {});
            partitions.unpartition(new PartitionProgress() {});
        } finally {
            over.set(true);
            writer.join();
            reader.join();
        }
        assertThat(fixture.one("select count(*) from {s}.events")).isEqualTo(String.valueOf(EVENTS + written.get()));
        assertThat(fixture.one("select count(*) from {s}.event_deliveries"))
                .isEqualTo(String.valueOf(EVENTS + written.get()));
        assertThat(written).hasPositiveValue();
        assertThat(reads).hasPositiveValue();
    }

    /** An event, then its delivery, in a transaction. */
    private void write() {
        try (Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            while (!over.get()) {
                String id = "w" + written.get();
                fixture.run(
                        connection,
                        "insert into {s}.events (id, project_id, raw, created_at) values ('" + id
                                + "', 'q', 'written', '2026-03-17Z')");
                fixture.run(
                        connection,
                        "insert into {s}.event_deliveries values ('" + id + "', 'q', '" + id
                                + "', 'Success', '2026-03-17Z')");
                connection.commit();
                written.incrementAndGet();
                LockSupport.parkNanos(PAUSE_NANOS);
            }
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** Sums up the newest events of the other project. */
    private void read() {
        try (Connection connection = pool.getConnection()) {
            while (!over.get()) {
                fixture.count(
                        connection,
                        "select sum(payload_bytes) from {s}.events where project_id = 'p' and created_at >= '2026-03-16Z' and created_at < '2026-03-17Z'");
                reads.incrementAndGet();
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }
}
