package io.usagekit.postgres.rollups;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.FixedDelayScheduler;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.workers.WorkerRuns;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps roll-ups up to date: rolls each hour when it is over, re-rolls hours that have changed, and back-fills the history step by
 * step.
 *
 * <p>Any number of workers may run, in any of the host's processes: locks of PostgreSQL let one step run at a time, and a
 * worker that begins meanwhile returns at once. The next run of any worker does what an earlier one left undone, also after a crash; figures are exact at
 * any time, roll-ups only make them fast. A worker uses short transactions of its own, holds no lock that the host's writers wait
 * for, and ends a run when its budget is used up.
 *
 * <p>A worker needs to write to the roll-ups and to read the host's tables. Its locks and settings are those of transactions: it may be
 * connected through a pooler in transaction mode. Thread-safe.
 *
 * @since 0.1
 */
public final class RollupWorker implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(RollupWorker.class);

    /**
     * The configuration, checked by the builder.
     *
     * @param ticker nanoseconds, by which looks at triggers are recent
     * @param statements source of the SQL statements
     * @param probe called between the parts of a step
     */
    record Settings(
            PostgresRollups.Settings rollups,
            InstantSource clock,
            Duration settle,
            Duration runBudget,
            Duration stepBudget,
            Duration stepTimeout,
            Duration waitForWriters,
            Duration drainTimeout,
            LongSupplier ticker,
            SqlSource statements,
            RollupTransactions.Probe probe) {}

    private final Settings settings;
    private final RollupPass pass;
    private final WorkerRuns<RollupRunResult> runs;
    private volatile @Nullable LastRun lastRun;

    private RollupWorker(Settings settings) {
        this.settings = settings;
        this.runs = new WorkerRuns<>(
                new WorkerRuns.Worker(
                        LOG,
                        "updating",
                        "the roll-ups in the schema " + settings.rollups().schema(),
                        "step",
                        settings.drainTimeout(),
                        Duration.ZERO,
                        settings.clock(),
                        System::nanoTime),
                this::run,
                this::explanation,
                this::ended);
        this.pass = new RollupPass(settings, runs::isClosed);
    }

    /**
     * Does the outstanding work until the budget is used up; at least one step of each kind. Takes one connection. Runs of one worker
     * don't overlap: a second caller waits.
     *
     * @throws IllegalStateException if the worker is closed
     * @throws UsageStorageException if the mapping doesn't fit the tables, there are no roll-ups of this version and
     *     mapping, their triggers are missing or disabled (then all rolled hours are reset, and figures are computed from raw
     *     rows), the database refuses, another session holds a lock on the tables for longer than half the step timeout, or a step
     *     takes longer than the step timeout and can't be retried at half its size, since it has the smallest one or the budget is
     *     used up; what was committed before stays
     */
    public RollupRunResult runOnce() {
        try {
            return runs.runOnce();
        } catch (SQLException e) {
            throw SqlErrors.storageFailure(
                    "updating the roll-ups in the schema " + settings.rollups().quotedSchema() + " failed"
                            + explanation(e),
                    e);
        }
    }

    private RollupRunResult run() throws SQLException {
        return new Jdbc(settings.rollups().dataSource()).stepSession(settings.stepTimeout(), pass::run);
    }

    /** Says what the database's message doesn't, behind a colon. */
    private String explanation(SQLException e) {
        if (runs.isClosed()) {
            return ": the worker was closed, and its step rolled back";
        }
        return SqlErrors.isLockConflict(e)
                ? ": a step waited longer than " + Jdbc.lockTimeout(settings.stepTimeout())
                        + " for a lock that another session holds, and is repeated by the next run"
                : "";
    }

    /** As {@link #start(FixedDelayScheduler, Duration)}, on an executor. */
    public void start(ScheduledExecutorService scheduler, Duration pause) {
        runs.start(scheduler, pause);
    }

    /** As {@link #start(FixedDelayScheduler, Duration)}, on a daemon thread of the worker's own, which ends when the worker is closed. */
    public void start(Duration pause) {
        runs.start("usagekit-rollups", pause);
    }

    /**
     * Runs repeatedly on the host's scheduler, with this pause in between, until the worker is closed. Failed runs are retried, whatever
     * they threw, errors of the JVM included; failures of one kind are logged once until a run succeeds. An interrupt ends the wait for
     * writers, and stays set for the scheduler.
     *
     * @param pause 1 ms to 1 day; while history is left to back-fill, a run takes its whole budget, so that budget and pause set
     *     the worker's share of the database
     * @throws IllegalStateException if the worker has been started already, or is closed
     */
    public void start(FixedDelayScheduler scheduler, Duration pause) {
        runs.start(scheduler, pause);
    }

    /**
     * Ends the schedule, and waits for the current step, if there is one, up to {@link Builder#drainTimeout}. Then it cancels the step's
     * statement, and where that ends nothing within 2 s, it aborts the connection: the step is rolled back and left to another worker.
     * Returns within the drain timeout and 4 s, in any case; logs a line if it had to cancel. An interrupt ends the wait as if the time
     * were over. Idempotent. The scheduler belongs to the host and keeps running.
     */
    @Override
    public void close() {
        runs.close();
    }

    /** Returns the last run that has ended, scheduled or not; for gauges. Empty if none has. Doesn't wait for a run under way. */
    public Optional<LastRun> lastRun() {
        return Optional.ofNullable(lastRun);
    }

    /**
     * A run that has ended.
     *
     * @param startedAt when it started, by the worker's clock
     * @param took how long it took, by the JVM's own time
     * @param result what it did; empty if it failed
     * @param failure why it failed, as the database or the mapping's check reported it; empty if it didn't
     * @since 0.1
     */
    public record LastRun(
            Instant startedAt, Duration took, Optional<RollupRunResult> result, Optional<Throwable> failure) {}

    private void ended(WorkerRuns.Ended<RollupRunResult> ended) {
        LastRun run = new LastRun(ended.startedAt(), ended.took(), ended.result(), ended.failure());
        lastRun = run;
        settings.rollups().listener().runEnded(run);
    }

    /**
     * Builds a worker. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final PostgresRollups.Settings rollups;
        private InstantSource clock;
        private Duration settle = Duration.ofMinutes(1);
        private Duration runBudget = Duration.ofSeconds(10);
        private Duration stepBudget = Duration.ofSeconds(1);
        private Duration stepTimeout = Duration.ofMinutes(1);
        private Duration waitForWriters = Duration.ofSeconds(5);
        private Duration drainTimeout = Duration.ofSeconds(5);
        private LongSupplier ticker = System::nanoTime;
        private SqlSource statements = RollupSql.SOURCE;
        private RollupTransactions.Probe probe = RollupTransactions.Probe.NONE;

        Builder(PostgresRollups.Settings rollups) {
            this.rollups = rollups;
            this.clock = rollups.clock();
        }

        /** Sets the clock that says which hours are over; that of the roll-ups by default. A wrong clock costs speed, never exactness. */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * Sets how long after its end an hour is rolled, so that most of its rows have arrived: 1 min by default, 0 to 1 day. Rows
         * that arrive later mark the hour, and it is re-rolled.
         */
        public Builder settle(Duration settle) {
            this.settle = Objects.requireNonNull(settle, "settle");
            return this;
        }

        /** Sets after how long a run starts no further step: 10 s by default, 1 ms to 1 hour. */
        public Builder runBudget(Duration budget) {
            this.runBudget = Objects.requireNonNull(budget, "budget");
            return this;
        }

        /**
         * Sets how long a step, which is one transaction, should take: 1 s by default, 1 ms to 1 hour. The worker adapts the size of
         * steps to it.
         */
        public Builder stepBudget(Duration budget) {
            this.stepBudget = Objects.requireNonNull(budget, "budget");
            return this;
        }

        /**
         * Sets after how long a statement of a step is cancelled, and the step retried at half its size: 1 min by default, 1 ms to 1
         * hour. A statement that waits for a lock for half of it fails, and ends the run; the size stays as it is.
         */
        public Builder stepTimeout(Duration timeout) {
            this.stepTimeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /**
         * Sets how long a run waits for transactions that write to the tables, before it leaves newer hours to the next run: 5 s by
         * default, 1 ms to 1 hour. No session waits for the worker meanwhile.
         */
        public Builder waitForWriters(Duration timeout) {
            this.waitForWriters = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /** Sets how long {@link RollupWorker#close} waits for the current step before it cancels it: 5 s by default, 0 to 1 day. */
        public Builder drainTimeout(Duration timeout) {
            this.drainTimeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /** Replaces the ticker by which looks at triggers are recent; for tests. */
        Builder ticker(LongSupplier ticker) {
            this.ticker = ticker;
            return this;
        }

        /** Replaces SQL statements; for tests. */
        Builder statements(SqlSource statements) {
            this.statements = statements;
            return this;
        }

        /** Calls a probe between the parts of a step; for tests. */
        Builder probe(RollupTransactions.Probe probe) {
            this.probe = probe;
            return this;
        }

        /**
         * Checks the settings and builds; connects to nothing yet.
         *
         * @throws IllegalArgumentException if {@code settle} or {@code drainTimeout} isn't 0 to 1 day, or one of the others isn't 1 ms to 1 hour
         */
        public RollupWorker build() {
            Duration millisecond = Duration.ofMillis(1);
            Duration hour = Duration.ofHours(1);
            WorkerRuns.checkDuration("settle", settle, Duration.ZERO, Duration.ofDays(1));
            WorkerRuns.checkDuration("drainTimeout", drainTimeout, Duration.ZERO, Duration.ofDays(1));
            WorkerRuns.checkDuration("runBudget", runBudget, millisecond, hour);
            WorkerRuns.checkDuration("stepBudget", stepBudget, millisecond, hour);
            WorkerRuns.checkDuration("stepTimeout", stepTimeout, millisecond, hour);
            WorkerRuns.checkDuration("waitForWriters", waitForWriters, millisecond, hour);
            return new RollupWorker(new Settings(
                    rollups,
                    clock,
                    settle,
                    runBudget,
                    stepBudget,
                    stepTimeout,
                    waitForWriters,
                    drainTimeout,
                    ticker,
                    statements,
                    probe));
        }
    }
}
