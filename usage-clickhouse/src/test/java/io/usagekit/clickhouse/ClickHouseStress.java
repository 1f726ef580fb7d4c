package io.usagekit.clickhouse;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Writers, retention, a worker of roll-ups, a feeder in a process of its own and readers run at once, while PostgreSQL, the feeder and the shards are
 * killed one after the other. Each figure with days from ClickHouse is compared with the combined query in one snapshot, and each of history with
 * the raw rows of the cycle that published its state.
 */
final class ClickHouseStress implements AutoCloseable {

    private static final int WRITERS = 3;
    private static final int READERS = 3;
    private static final Duration TIMEOUT = Duration.ofSeconds(20);
    private static final Duration KEPT = Duration.ofDays(4);
    private static final Duration LONGEST_BETWEEN_FAULTS = Duration.ofSeconds(6);
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    /** What is done to the servers, one after the other. */
    enum Fault {
        FEEDER_KILLED,
        FEEDERS_SESSION_ENDED,
        SHARD_KILLED,
        OTHER_SHARD_KILLED,
        POSTGRES_KILLED,
        SUPERSEDED_REMOVED
    }

    private final long seed;
    private final StressClock clock = new StressClock(System.currentTimeMillis());
    private final TestCluster cluster;
    private final EmbeddedPostgresServer postgres = EmbeddedPostgresServer.start();
    private final StressTables tables = new StressTables(postgres.jdbcUrl());
    private final String database;
    private final ClickHouseUsage clickHouse;
    private final Path states;
    private final Map<RowFeed.Variant, RowFeed> controls = new EnumMap<>(RowFeed.Variant.class);
    private final StressWriter writer;
    private FeederProcess.Running feeder;

    private final StressReader reader;
    private final AtomicLong retained = new AtomicLong();
    private final Map<Fault, Long> faults = new EnumMap<>(Fault.class);
    private volatile boolean writersStopped;
    private volatile boolean stopped;

    ClickHouseStress(long seed, TestCluster cluster) throws IOException {
        this.seed = seed;
        this.cluster = cluster;
        this.database = cluster.install();
        this.clickHouse = cluster.usage(database, clock);
        this.states = Files.createTempDirectory("usagekit-stress-states");
        tables.create(clock);
        ship();
        for (RowFeed.Variant variant : RowFeed.Variant.values()) {
            controls.put(variant, new RowFeed(variant, tables, cluster, database));
        }
        reader = new StressReader(tables, clock, clickHouse, states, () -> stopped);
        writer = new StressWriter(tables, clock, () -> writersStopped);
        feeder = startFeeder();
    }

    /** Before the feeder and the faults. */
    private void ship() {
        PostgresRollups rollups = StressTables.rollups(tables.dataSource(), clock);
        try (RollupWorker worker = rollups.worker().settle(Duration.ZERO).build()) {
            worker.runOnce();
        }
        try (FeedWorker worker = StressFeeder.worker(tables, clock, clickHouse, states)) {
            worker.runOnce();
        }
    }

    private FeederProcess.Running startFeeder() throws IOException {
        return FeederProcess.start(
                StressFeeder.class,
                Long.toString(clock.startedMillis()),
                tables.jdbcUrl() + "&ApplicationName=" + StressFeeder.class.getSimpleName(),
                cluster.jdbcUrls().get(0),
                database,
                cluster.name(),
                states.toString());
    }

    /** Counts of a run. */
    record Result(long commits, long retained, Map<Fault, Long> faults, StressReader.Counts reads) {

        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT, "%,d commits, %,d events retained, %s; %s", commits, retained, faults, reads);
        }
    }

    private Result result() {
        return new Result(writer.commits(), retained.get(), new EnumMap<>(faults), reader.counts());
    }

    /** What runs on a thread of its own. */
    private interface Task {
        void run() throws Exception;
    }

    /** Runs until there are so many figures with days from ClickHouse and each fault has happened; then once more without writers and faults. */
    Result run(long enough, Duration atMost) throws Exception {
        ExecutorService threads = Executors.newCachedThreadPool();
        List<Future<?>> writers = new ArrayList<>();
        List<Future<?>> others = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            Random random = new Random(seed + i);
            writers.add(threads.submit(() -> writer.write(random)));
        }
        writers.add(submit(threads, this::retain));
        writers.add(submit(threads, this::poll));
        for (int i = 0; i < READERS; i++) {
            Random random = new Random(seed + 100 + i);
            others.add(submit(threads, () -> reader.read(random)));
        }
        others.add(submit(threads, () -> reader.readHistory(new Random(seed + 200))));
        others.add(submit(threads, this::roll));
        long began = System.nanoTime();
        long betweenFaults = Math.min(LONGEST_BETWEEN_FAULTS.toMillis(), 1_000 + enough);
        try {
            Random random = new Random(seed + 300);
            for (int i = 0; isRunning(writers, others) && System.nanoTime() - began < atMost.toNanos(); i++) {
                if (reader.counts().ofCells() >= enough && i >= Fault.values().length) {
                    break;
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(500 + random.nextLong(betweenFaults)));
                fault(Fault.values()[i % Fault.values().length], random);
            }
            writersStopped = true;
            for (Future<?> each : writers) {
                each.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            }
            if (reader.counts().wrong().isEmpty()) {
                settle();
            }
        } finally {
            writersStopped = true;
            stopped = true;
            threads.shutdown();
        }
        for (Future<?> each : others) {
            each.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
        return result();
    }

    private boolean isRunning(List<Future<?>> writers, List<Future<?>> others) {
        return reader.counts().wrong().isEmpty()
                && writers.stream().noneMatch(Future::isDone)
                && others.stream().noneMatch(Future::isDone);
    }

    private static Future<?> submit(ExecutorService threads, Task task) {
        return threads.submit(() -> {
            task.run();
            return true;
        });
    }

    private void fault(Fault fault, Random random) throws IOException {
        long pause = TimeUnit.MILLISECONDS.toNanos(random.nextInt(1_000));
        switch (fault) {
            case FEEDER_KILLED -> {
                feeder.kill();
                feeder = startFeeder();
            }
            case FEEDERS_SESSION_ENDED ->
                tables.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = '"
                        + StressFeeder.class.getSimpleName() + "'");
            case SHARD_KILLED, OTHER_SHARD_KILLED -> {
                int shard = fault == Fault.SHARD_KILLED ? 0 : 1;
                cluster.shards().kill(shard);
                LockSupport.parkNanos(pause);
                cluster.shards().restart(shard);
            }
            case POSTGRES_KILLED -> {
                postgres.kill();
                LockSupport.parkNanos(pause);
                postgres.restart();
            }
            case SUPERSEDED_REMOVED -> clickHouse.removeSuperseded(Duration.ofMinutes(1), 10);
        }
        faults.merge(fault, 1L, Math::addExact);
    }

    private void retain() throws InterruptedException {
        PostgresRollups rollups = StressTables.rollups(tables.ofRetention(), clock);
        while (!writersStopped) {
            Instant before = clock.instant().minus(KEPT).truncatedTo(ChronoUnit.HOURS);
            try {
                retained.addAndGet(
                        rollups.deleteBefore(before, new RetentionProgress() {}).events());
            } catch (UsageStorageException e) {
                // PostgreSQL is away.
            }
            TimeUnit.MILLISECONDS.sleep(2_000);
        }
    }

    private void poll() throws InterruptedException {
        while (!writersStopped) {
            pollOnce();
            TimeUnit.MILLISECONDS.sleep(1_000);
        }
    }

    private boolean pollOnce() {
        try {
            for (RowFeed control : controls.values()) {
                control.poll();
            }
            return true;
        } catch (SQLException | IllegalStateException e) {
            return false; // a server is away
        }
    }

    private void roll() {
        try (RollupWorker worker = StressTables.rollups(tables.dataSource(), clock)
                .worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMillis(500))
                .build()) {
            while (!stopped) {
                try {
                    worker.runOnce();
                } catch (UsageStorageException e) {
                    // PostgreSQL is away.
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
            }
        }
    }

    /** Without writers and faults everything is shipped at last, and figures agree; those of rows don't. */
    private void settle() {
        PostgresRollups rollups = StressTables.rollups(tables.dataSource(), clock);
        Instant end = clock.instant();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!reader.comparesStateAfter(end)) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("nothing was published without writers: " + rollups.status() + ", "
                        + rollups.feed().status(TIMEOUT));
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
        }
        List<ProjectDays> differing = new ArrayList<>();
        rollups.feed().verify(clickHouse.reader(), TIMEOUT, differing::add);
        if (!differing.isEmpty() || !pollOnce()) {
            throw new AssertionError("cells differ: " + differing + ", or rows can't be sent");
        }
        misleadControls();
    }

    /** In a short run too: an event that they have sent is deleted, and another one moves from shard to shard. */
    private void misleadControls() {
        tables.execute("delete from {s}.events where id = (select max(id) from {s}.events where deleted_at is null)");
        for (int project = 0; project < StressTables.PROJECTS; project++) {
            tables.execute("update {s}.events set project_id = 'p" + project
                    + "' where id = (select max(id) from {s}.events where deleted_at is null)");
            if (!pollOnce()) {
                throw new AssertionError("rows can't be sent");
            }
        }
    }

    /** What was counted by the rows of a negative control, and what is right. */
    List<String> counts(RowFeed.Variant variant) {
        RowFeed control = Objects.requireNonNull(controls.get(variant));
        return List.of(control.counted(), control.expected());
    }

    @Override
    public void close() {
        stopped = true;
        feeder.kill();
        postgres.close();
        try (var files = Files.list(states)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
            Files.delete(states);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
