package io.usagekit.benchmarks;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PartitionResult;
import io.usagekit.postgres.partitions.PostgresPartitions;
import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/** Rows a second of partitioning the tables and making them plain again, and the longest lock, while a writer and a reader work. */
final class PartitionBenchmark {

    private static final String SCHEMA = "usagekit";

    /** After each transaction, so that the writer and the reader leave processor time to the work that is measured. */
    private static final long PAUSE_NANOS = 1_000_000;

    private final int events;
    private final PrintWriter out;
    private volatile boolean stopped;
    private volatile long written;
    private volatile long slowestWrite;
    private volatile long reads;
    private volatile long slowestRead;

    PartitionBenchmark(int events, PrintWriter out) {
        this.events = events;
        this.out = out;
    }

    void run() throws SQLException {
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try (BenchmarkDatabase database = new BenchmarkDatabase()) {
            fill(database);
            CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> write(database), threads);
            CompletableFuture<Void> reader = CompletableFuture.runAsync(() -> read(database), threads);
            PostgresPartitions partitions = PostgresPartitions.builder(database.pool())
                    .mapping(TableMapping.usagekit(SCHEMA))
                    .clock(InstantSource.fixed(Instant.parse("2026-03-17T12:00:00Z")))
                    .build();
            try {
                report("partition", () -> partitions.partition(PartitionInterval.WEEK, new PartitionProgress() {}));
                report("unpartition", () -> partitions.unpartition(new PartitionProgress() {}));
            } finally {
                stopped = true;
                writer.join();
                reader.join();
            }
            long rows = database.count("select count(*) from usagekit.events");
            if (rows != events + written) {
                throw new IllegalStateException(
                        "usagekit.events has " + rows + " rows instead of " + (events + written));
            }
            out.printf(
                    Locale.ROOT,
                    "%,d events written meanwhile, the slowest in %,d ms; %,d reads, the slowest in %,d ms%n",
                    written,
                    slowestWrite / 1_000_000,
                    reads,
                    slowestRead / 1_000_000);
        } finally {
            threads.shutdown();
        }
    }

    private void fill(BenchmarkDatabase database) throws SQLException {
        PostgresUsage.install(database.pool(), SCHEMA);
        String time = "timestamptz '2026-01-01Z' + n * interval '75 days' / " + events + " from generate_series(1, "
                + events + ") n";
        database.run(
                "insert into usagekit.projects (id, organisation_id) values ('p', 'org-1'), ('q', 'org-2')",
                "insert into usagekit.events (id, project_id, raw, created_at) select 'e' || n, 'p', repeat('x', 200 + n % 400), "
                        + time,
                "insert into usagekit.event_deliveries (id, project_id, event_id, status, created_at) select 'd' || n, 'p', 'e' || n,"
                        + " 'Success', " + time,
                "analyze usagekit.events",
                "analyze usagekit.event_deliveries");
    }

    private void report(String what, Supplier<PartitionResult> work) {
        long started = System.nanoTime();
        PartitionResult result = work.get();
        double seconds = (System.nanoTime() - started) / 1e9;
        out.printf(
                Locale.ROOT,
                "%s of %,d events and as many deliveries: %,.1f s, %,.0f rows a second, %,d changes caught up with, locked for at most"
                        + " %,d ms%n",
                what,
                events,
                seconds,
                result.copied() / seconds,
                result.changes(),
                result.longestLock().toMillis());
    }

    /** Writes events with their deliveries, a transaction each; the only thread that changes its counts. */
    @SuppressWarnings("NonAtomicVolatileUpdate")
    private void write(BenchmarkDatabase database) {
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            while (!stopped) {
                long started = System.nanoTime();
                String id = "w" + written;
                statement.execute("insert into usagekit.events (id, project_id, raw, created_at) values ('" + id
                        + "', 'q', 'written', '2026-03-17Z')");
                statement.execute(
                        "insert into usagekit.event_deliveries (id, project_id, event_id, status, created_at) values ('"
                                + id + "', 'q', '" + id + "', 'Success', '2026-03-17Z')");
                connection.commit();
                written++;
                slowestWrite = Math.max(slowestWrite, System.nanoTime() - started);
                LockSupport.parkNanos(PAUSE_NANOS);
            }
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Sums up the newest events of the other project; the only thread that changes its counts. */
    @SuppressWarnings("NonAtomicVolatileUpdate")
    private void read(BenchmarkDatabase database) {
        try {
            while (!stopped) {
                long started = System.nanoTime();
                database.count("select sum(payload_bytes) from usagekit.events where project_id = 'p'"
                        + " and created_at >= '2026-03-16Z' and created_at < '2026-03-17Z'");
                reads++;
                slowestRead = Math.max(slowestRead, System.nanoTime() - started);
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
