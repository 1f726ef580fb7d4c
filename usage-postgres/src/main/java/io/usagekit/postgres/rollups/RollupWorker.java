package io.usagekit.postgres.rollups;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.FixedDelayScheduler;
import io.usagekit.postgres.internal.Cancellation;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlSource;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
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
            SqlSource statements,
            RollupTransactions.Probe probe) {}

    /** How long a cancelled statement, and then an aborted connection, may take to end a run. */
    private static final Duration CANCEL_TIMEOUT = Duration.ofSeconds(2);

    private static final int CANCEL_ATTEMPTS = 4;

    private final Settings settings;
    private final RollupPass pass;
    private final Cancellation cancellation = new Cancellation();

    /** Held during a run, so that {@link #close} can wait for it. */
    private final ReentrantLock running = new ReentrantLock();

    private volatile boolean closed;
    private volatile @Nullable Future<?> schedule;
    private volatile @Nullable LastRun lastRun;

    /** The kind of the failure that was logged last; null after a success. Guarded by {@link #running}. */
    private @Nullable Class<?> failing;

    private RollupWorker(Settings settings) {
        this.settings = settings;
        this.pass = new RollupPass(settings, () -> closed);
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
        running.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the worker is closed");
            }
            return run();
        } catch (SQLException e) {
            throw SqlErrors.storageFailure(
                    "updating the roll-ups in the schema " + settings.rollups().quotedSchema() + " failed"
                            + explanation(e),
                    e);
        } finally {
            running.unlock();
        }
    }

    /** Says what the database's message doesn't, behind a colon. */
    private String explanation(SQLException e) {
        if (closed) {
            return ": the worker was closed, and its step rolled back";
        }
        return SqlErrors.isLockConflict(e)
                ? ": a step waited longer than " + Jdbc.lockTimeout(settings.stepTimeout())
                        + " for a lock that another session holds, and is repeated by the next run"
                : "";
    }

    /** As {@link #start(FixedDelayScheduler, Duration)}, on an executor. */
    public void start(ScheduledExecutorService scheduler, Duration pause) {
        start(
                (task, delay) -> scheduler.scheduleWithFixedDelay(task, 0, delay.toMillis(), TimeUnit.MILLISECONDS),
                pause);
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
        checkDuration("pause", pause, Duration.ofMillis(1), Duration.ofDays(1));
        running.lock();
        try {
            if (closed || schedule != null) {
                throw new IllegalStateException(
                        closed ? "the worker is closed" : "the worker has been started already");
            }
            Future<?> started = scheduler.scheduleWithFixedDelay(this::runQuietly, pause);
            schedule = started;
            if (closed) {
                started.cancel(false); // close, which doesn't wait for this, may have found no schedule
            }
        } finally {
            running.unlock();
        }
    }

    /**
     * Ends the schedule, and waits for the current step, if there is one, up to {@link Builder#drainTimeout}. Then it cancels the step's
     * statement, and where that ends nothing within 2 s, it aborts the connection: the step is rolled back and left to another worker.
     * Returns within the drain timeout and 4 s, in any case; logs a line if it had to cancel. An interrupt ends the wait as if the time
     * were over. Idempotent. The scheduler belongs to the host and keeps running.
     */
    @Override
    public void close() {
        closed = true;
        Future<?> started = schedule;
        if (started != null) {
            started.cancel(false);
        }
        if (endsWithin(settings.drainTimeout())) {
            return;
        }
        String outcome = cancel();
        LOG.warn(
                "closing the worker of the roll-ups in the schema {}: its step didn't end within drainTimeout ({}); {}; the step is"
                        + " rolled back, and the next run of any worker repeats it",
                settings.rollups().schema(),
                settings.drainTimeout(),
                outcome);
    }

    private String cancel() {
        for (int attempt = 0; attempt < CANCEL_ATTEMPTS; attempt++) {
            cancellation.cancel(); // again, in case it ran no statement in that moment
            if (endsWithin(CANCEL_TIMEOUT.dividedBy(CANCEL_ATTEMPTS))) {
                return "its statement was cancelled";
            }
        }
        if (!cancellation.abort()) {
            return "it still waits for a connection, with which it will do nothing";
        }
        // The driver waits for the end of its request to cancel before it returns, some seconds where the server is
        // silent.
        return "cancelling its statement had no effect within " + CANCEL_TIMEOUT + ", so its connection was aborted"
                + (endsWithin(CANCEL_TIMEOUT) ? "" : ", and its thread ends as soon as the driver notices");
    }

    /** Waits for the end of the current run; an interrupt ends the wait and stays set. */
    private boolean endsWithin(Duration limit) {
        try {
            if (!running.tryLock(limit.toNanos(), TimeUnit.NANOSECONDS)) {
                return false;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
        running.unlock();
        return true;
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

    private void runQuietly() {
        running.lock();
        try {
            if (closed) {
                return;
            }
            run();
            if (failing != null) {
                failing = null;
                LOG.info(
                        "updating the roll-ups in the schema {} succeeded again",
                        settings.rollups().schema());
            }
        } catch (Throwable e) { // an Error that left here would end the schedule, without a word
            report(e);
        } finally {
            running.unlock();
        }
    }

    private void report(Throwable e) {
        if (closed || e.getClass() == failing) {
            return;
        }
        try {
            LOG.warn(
                    "updating the roll-ups in the schema {} failed and is retried{}",
                    settings.rollups().schema(),
                    e instanceof SQLException failure
                            ? explanation(failure) + ": " + SqlErrors.message(failure)
                            : ": " + (e instanceof Error ? e : e.getMessage()),
                    e);
            failing = e.getClass();
        } catch (Throwable logging) {
            // Without memory for a log line, for instance. The next failure is logged.
        }
    }

    private RollupRunResult run() throws SQLException {
        Instant startedAt = settings.clock().instant();
        long began = System.nanoTime();
        RollupRunResult result;
        try {
            result = new Jdbc(settings.rollups().dataSource())
                    .stepSession(settings.stepTimeout(), connection -> cancellation.watch(connection, pass::run));
        } catch (Throwable e) {
            ended(new LastRun(startedAt, since(began), Optional.empty(), Optional.of(e)));
            throw e;
        }
        ended(new LastRun(startedAt, since(began), Optional.of(result), Optional.empty()));
        return result;
    }

    private void ended(LastRun run) {
        lastRun = run;
        try {
            settings.rollups().listener().runEnded(run);
        } catch (RuntimeException e) {
            LOG.warn(
                    "the listener of the roll-ups in the schema {} threw an exception",
                    settings.rollups().schema(),
                    e);
        }
    }

    private static Duration since(long began) {
        return Duration.ofNanos(System.nanoTime() - began);
    }

    private static void checkDuration(String name, Duration value, Duration least, Duration most) {
        if (value.compareTo(least) < 0 || value.compareTo(most) > 0) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "%s must be between %s and %s, but was %s", name, least, most, value));
        }
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
            checkDuration("settle", settle, Duration.ZERO, Duration.ofDays(1));
            checkDuration("drainTimeout", drainTimeout, Duration.ZERO, Duration.ofDays(1));
            checkDuration("runBudget", runBudget, millisecond, hour);
            checkDuration("stepBudget", stepBudget, millisecond, hour);
            checkDuration("stepTimeout", stepTimeout, millisecond, hour);
            checkDuration("waitForWriters", waitForWriters, millisecond, hour);
            return new RollupWorker(new Settings(
                    rollups,
                    clock,
                    settle,
                    runBudget,
                    stepBudget,
                    stepTimeout,
                    waitForWriters,
                    drainTimeout,
                    statements,
                    probe));
        }
    }
}
