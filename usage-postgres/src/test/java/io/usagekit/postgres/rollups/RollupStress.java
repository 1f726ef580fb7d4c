package io.usagekit.postgres.rollups;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;

/**
 * Writers that make every kind of change that a host may make, two workers, and readers that compare the figure from roll-ups with
 * that of the combined query in one snapshot run at once. The worker's clock runs fast, so that hours end all the time.
 */
final class RollupStress implements AutoCloseable {

    /** What the negative control leaves out. */
    enum Variant {
        /** Nothing. */
        WHOLE,
        /** Hours are rolled without waiting for transactions that may still write to them unmarked. */
        NO_WAIT,
        /** An hour is rolled in READ COMMITTED: its marks are deleted in a later snapshot than its rows are summed up in. */
        READ_COMMITTED,
        /** A transaction relies on the mark of another one. */
        SHARED_MARKS,
        /** A changed size marks only the hours of deliveries that the changing transaction sees. */
        NO_CHANGE_LOG
    }

    private static final int WRITERS = 8;
    private static final int READERS = 3;
    private static final int ORGANISATIONS = 4;
    private static final int PROJECTS = 10;
    /**
     * Pause between the reads of an advance and its deletion of marks, so that writers commit in between. Where the variant depends
     * on just that, the pause is longer, and in every step.
     */
    private static final long ROLLING_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private static final Instant BEGIN = Instant.parse("2026-03-17T00:00:00Z");

    private final long seed;
    private final Variant variant;
    private final HikariDataSource pool = Database.newPool(WRITERS + READERS + 4);
    private final String schema = Database.newSchema("stress");
    private final ManualClock clock = ManualClock.at(BEGIN.toString());
    private final PostgresRollups rollups;
    private final Optional<DataSource> workers;
    private final TableMapping mapping = TableMapping.gateway(schema);

    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong readsOfMarked = new AtomicLong();
    private final AtomicLong readsOfRolled = new AtomicLong();
    private final AtomicLong advances = new AtomicLong();
    private final AtomicLong rerolled = new AtomicLong();
    private final Queue<String> mismatches = new ConcurrentLinkedQueue<>();
    private volatile boolean stopped;

    private final RollupStressWriter writer =
            new RollupStressWriter(pool, this::sql, clock, PROJECTS, ORGANISATIONS, () -> stopped);

    RollupStress(long seed, Variant variant) {
        this(seed, variant, Optional.empty());
    }

    /** With workers on connections of their own. */
    RollupStress(long seed, Variant variant, Optional<DataSource> workers) {
        this.seed = seed;
        this.variant = variant;
        this.workers = workers;
        this.rollups = rollups(pool);
    }

    private PostgresRollups rollups(DataSource dataSource) {
        return PostgresRollups.builder(dataSource).mapping(mapping).clock(clock).build();
    }

    /** Counts of a run, and the mismatches. */
    record Result(
            long commits,
            long reads,
            long readsOfRolled,
            long readsOfMarked,
            long advances,
            long rerolled,
            List<String> mismatches) {

        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "%,d commits, %,d reads (%,d of rolled hours, %,d of marked ones), %,d advances, %,d hours re-rolled, %,d"
                            + " mismatches",
                    commits,
                    reads,
                    readsOfRolled,
                    readsOfMarked,
                    advances,
                    rerolled,
                    mismatches.size());
        }
    }

    private Result result() {
        return new Result(
                writer.commits(),
                reads.get(),
                readsOfRolled.get(),
                readsOfMarked.get(),
                advances.get(),
                rerolled.get(),
                List.copyOf(mismatches));
    }

    /** Decides when the run ends. */
    interface Enough {
        boolean is(Duration elapsed, Result soFar);
    }

    /** Runs until there is enough; then, without writers, until everything is re-rolled, and compares once more. */
    Result run(Enough enough) throws Exception {
        create();
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS + READERS + 2);
        List<Future<?>> done = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            Random random = new Random(seed + i);
            done.add(threads.submit(() -> writer.write(random)));
        }
        for (int i = 0; i < READERS; i++) {
            Random random = new Random(seed + 100 + i);
            done.add(threads.submit(() -> read(random)));
        }
        for (int i = 0; i < 2; i++) {
            done.add(threads.submit(this::work));
        }
        try {
            long began = System.nanoTime();
            while (!enough.is(Duration.ofNanos(System.nanoTime() - began), result())
                    && done.stream().noneMatch(Future::isDone)) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(400));
                clock.advance(Duration.ofMinutes(30));
            }
        } finally {
            stopped = true;
            threads.shutdown();
        }
        for (Future<?> thread : done) {
            thread.get(60, TimeUnit.SECONDS);
        }
        if (variant == Variant.WHOLE) {
            settle();
        }
        return result();
    }

    private void create() {
        execute(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz, deleted_at timestamptz)",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                "insert into {s}.projects select 'p' || n, 'org-' || n % " + ORGANISATIONS
                        + ", null from generate_series(0, " + (PROJECTS - 1) + ") n",
                "insert into {s}.events select 'h' || n, 'p' || n % " + PROJECTS
                        + ", repeat('x', n % 30), '', timestamptz '" + BEGIN
                        + "' - n * interval '7 minutes', null from generate_series(1, 2000) n",
                "insert into {s}.event_deliveries select 'h' || n, 'p' || n % " + PROJECTS
                        + ", 'h' || n, 'Success', timestamptz '" + BEGIN
                        + "' - n * interval '7 minutes' from generate_series(1, 2000) n");
        execute("insert into {s}.events select 'a' || n, 'p0', 'hot', '', '" + BEGIN
                + "', null from generate_series(0, " + (RollupStressWriter.HOT_EVENTS - 1) + ") n");
        rollups.install();
        if (variant == Variant.SHARED_MARKS) {
            execute(WeakenedStatements.SHARED_MARKS);
        } else if (variant == Variant.NO_CHANGE_LOG) {
            execute(WeakenedStatements.MARK_INSTEAD_OF_LOG, WeakenedStatements.RECORD_FUNCTIONS);
        }
    }

    private void work() {
        DataSource workersDataSource =
                variant == Variant.READ_COMMITTED ? ReadCommittedConnections.of(pool) : workers.orElse(pool);
        SqlSource statements =
                variant == Variant.NO_WAIT ? WeakenedStatements.withoutWaitForWriters() : RollupSql.SOURCE;
        try (RollupWorker worker = rollups(workersDataSource)
                .worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMillis(300))
                .stepBudget(Duration.ofMillis(50))
                .statements(statements)
                .probe((step, point) -> {
                    if (step == RollupTransactions.Step.ADVANCE && point == RollupTransactions.Point.COMMITTED) {
                        advances.incrementAndGet();
                    } else if (point == RollupTransactions.Point.ROLLED
                            && (step == RollupTransactions.Step.ADVANCE || variant == Variant.READ_COMMITTED)) {
                        LockSupport.parkNanos(variant == Variant.READ_COMMITTED ? 4 * ROLLING_NANOS : ROLLING_NANOS);
                    }
                })
                .build()) {
            while (!stopped) {
                rerolled.addAndGet(worker.runOnce().rerolledHours());
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            }
        }
    }

    private void read(Random random) {
        FigureComparison both = new FigureComparison(pool, rollups, mapping);
        try (Connection connection = pool.getConnection()) {
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            connection.setAutoCommit(false);
            while (!stopped) {
                for (int i = 0; i < 3 && !stopped; i++) {
                    UsageKey key = new UsageKey("org-" + random.nextInt(ORGANISATIONS), window(random));
                    compare(both.compare(connection, key), key);
                }
                connection.rollback();
            }
            connection.rollback();
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private void compare(FigureComparison.Pair pair, UsageKey key) {
        long hours = Duration.between(key.period().start(), key.period().end()).toHours();
        reads.incrementAndGet();
        if (pair.markedHours() > 0) {
            readsOfMarked.incrementAndGet();
        }
        if (pair.liveHours() < hours) {
            readsOfRolled.incrementAndGet();
        }
        if (!pair.isEqual()) {
            mismatches.add(key + ": " + pair);
        }
    }

    /** A window of up to three days around now, with edges on hours, beside them, and anywhere. */
    private UsagePeriod window(Random random) {
        Instant start = edge(random);
        Instant end = edge(random);
        while (start.equals(end)) {
            end = edge(random);
        }
        return start.isBefore(end) ? UsagePeriod.between(start, end) : UsagePeriod.between(end, start);
    }

    private Instant edge(Random random) {
        Instant any = clock.instant()
                .minus(60, ChronoUnit.HOURS)
                .plus(random.nextLong(72L * 3_600_000_000L), ChronoUnit.MICROS);
        return switch (random.nextInt(3)) {
            case 0 -> any.truncatedTo(ChronoUnit.HOURS);
            case 1 -> any.truncatedTo(ChronoUnit.HOURS).plus(random.nextInt(3) - 1, ChronoUnit.MICROS);
            default -> any;
        };
    }

    /** Without writers: once everything is re-rolled no hour is marked, and all figures agree. */
    private void settle() {
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            for (int i = 0; !worker.runOnce().finished(); i++) {
                if (i == 100) {
                    throw new AssertionError("the worker didn't finish in 100 runs: " + rollups.status());
                }
            }
        }
        FigureComparison both = new FigureComparison(pool, rollups, mapping);
        Random random = new Random(seed - 1);
        for (int i = 0; i < 200; i++) {
            UsageKey key = new UsageKey("org-" + i % ORGANISATIONS, window(random));
            FigureComparison.Pair pair = both.compare(key);
            compare(pair, key);
            if (pair.markedHours() > 0) {
                mismatches.add(key + " is still marked: " + pair);
            }
        }
    }

    private String sql(String sql) {
        return sql.replace("{s}", Identifiers.quote(schema)).replace("{r}", Identifiers.quote(rollups.schema()));
    }

    private void execute(String... statements) {
        for (String statement : statements) {
            Database.execute(sql(statement));
        }
    }

    @Override
    public void close() {
        rollups.remove();
        Database.dropSchema(schema);
        pool.close();
    }
}
