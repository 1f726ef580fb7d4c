package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Maintains roll-ups: rolls each hour when it is over, rolls hours anew that have changed, and rolls the history bit by bit.
 *
 * <p>Any number of workers may run, in any of the host's processes: an advisory lock of PostgreSQL lets one at a time work, and
 * the others return at once. Whatever a worker hasn't done, or has been killed at, is done by the next run of any of them;
 * figures are exact all the time, roll-ups only make them fast. It works in short transactions of its own, holds no lock that
 * the host's writers wait for, and ends a run when its budget is used up.
 *
 * <p>It needs to write to the roll-ups and to read the host's tables, and, since the advisory lock is the session's, a connection
 * that isn't shared between transactions (no pooler in transaction mode). Thread-safe.
 *
 * @since 0.1
 */
public final class RollupWorker implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(RollupWorker.class);

    /** What the network adds to a statement's time at the most. */
    private static final Duration GRACE = Duration.ofSeconds(2);

    private final DataSource dataSource;
    private final String schema;
    private final Duration stepTimeout;
    private final RollupPass work;

    /** Held while a run is under way, so that {@link #close} can wait for it. */
    private final ReentrantLock running = new ReentrantLock();

    private volatile boolean closed;
    private volatile @Nullable ScheduledFuture<?> schedule;

    /** Guarded by {@link #running}. */
    private boolean failing;

    private RollupWorker(Builder builder) {
        dataSource = builder.dataSource;
        schema = builder.schema;
        stepTimeout = builder.stepTimeout;
        work = new RollupPass(
                builder.mapping,
                builder.schema,
                new RollupPass.Settings(
                        builder.clock,
                        builder.settle,
                        builder.runBudget,
                        builder.stepBudget,
                        builder.stepTimeout,
                        builder.waitForWriters,
                        Set.copyOf(builder.guards),
                        builder.probe),
                () -> closed);
    }

    /**
     * Does what there is to do, for as long as the budget allows; at least one step of each kind. Takes one connection. Runs of
     * one worker don't overlap: a second caller waits.
     *
     * @throws IllegalStateException if the worker is closed
     * @throws UsageCalculationException if there are no roll-ups or other ones, their triggers are missing or disabled (what
     *     was rolled is forgotten then, and figures are computed from raw rows), the database refuses, or one step of the
     *     smallest size can't be done within the step timeout; what was committed before stays
     */
    public RollupRunResult runOnce() {
        running.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the worker is closed");
            }
            return run();
        } catch (SQLException e) {
            throw new UsageCalculationException(
                    "the roll-ups in the schema " + Identifiers.quote(schema) + " can't be maintained: "
                            + e.getMessage(),
                    e);
        } finally {
            running.unlock();
        }
    }

    /**
     * Runs again and again on the host's scheduler, with this pause in between, until the worker is closed. Failures are logged,
     * one line an incident, and tried again.
     *
     * @param pause 1 ms to 1 day; while history is left to roll, a run takes its whole budget, so that budget and pause set
     *     the worker's share of the database
     * @throws IllegalStateException if it has been started already, or is closed
     */
    public void start(ScheduledExecutorService scheduler, Duration pause) {
        checkDuration("pause", pause, Duration.ofMillis(1), Duration.ofDays(1));
        running.lock();
        try {
            if (closed || schedule != null) {
                throw new IllegalStateException(
                        closed ? "the worker is closed" : "the worker has been started already");
            }
            schedule = scheduler.scheduleWithFixedDelay(this::runQuietly, 0, pause.toMillis(), TimeUnit.MILLISECONDS);
        } finally {
            running.unlock();
        }
    }

    /** Ends the schedule, and waits for the step under way, if there is one. The scheduler is the host's and stays. */
    @Override
    public void close() {
        closed = true;
        ScheduledFuture<?> started = schedule;
        if (started != null) {
            started.cancel(false);
        }
        running.lock();
        try {
            schedule = null;
        } finally {
            running.unlock();
        }
    }

    private void runQuietly() {
        running.lock();
        try {
            if (closed) {
                return;
            }
            run();
            if (failing) {
                LOG.info("the roll-ups in {} are maintained again", schema);
                failing = false;
            }
        } catch (SQLException | RuntimeException e) {
            if (!failing) {
                LOG.warn("the roll-ups in {} can't be maintained; tried again: {}", schema, e.getMessage(), e);
                failing = true;
            }
        } finally {
            running.unlock();
        }
    }

    private RollupRunResult run() throws SQLException {
        try (Connection connection = dataSource.getConnection()) {
            boolean autoCommit = connection.getAutoCommit();
            int isolation = connection.getTransactionIsolation();
            int networkTimeout = connection.getNetworkTimeout();
            RollupRunResult run;
            try {
                connection.setAutoCommit(true);
                connection.setNetworkTimeout(
                        Runnable::run, Math.toIntExact(stepTimeout.plus(GRACE).toMillis()));
                run = work.run(connection);
            } catch (SQLException | RuntimeException e) {
                try {
                    restore(connection, autoCommit, isolation, networkTimeout);
                } catch (SQLException broken) {
                    e.addSuppressed(broken);
                }
                throw e;
            }
            restore(connection, autoCommit, isolation, networkTimeout);
            return run;
        }
    }

    private static void restore(Connection connection, boolean autoCommit, int isolation, int networkTimeout)
            throws SQLException {
        if (!connection.isClosed()) {
            connection.setAutoCommit(true);
            connection.setTransactionIsolation(isolation);
            connection.setNetworkTimeout(Runnable::run, networkTimeout);
            connection.setAutoCommit(autoCommit);
        }
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
        private final DataSource dataSource;
        private final TableMapping mapping;
        private final String schema;
        private InstantSource clock = InstantSource.system();
        private Duration settle = Duration.ofMinutes(1);
        private Duration runBudget = Duration.ofSeconds(10);
        private Duration stepBudget = Duration.ofSeconds(1);
        private Duration stepTimeout = Duration.ofMinutes(1);
        private Duration waitForWriters = Duration.ofSeconds(5);
        private Set<RollupTransactions.Guard> guards = EnumSet.allOf(RollupTransactions.Guard.class);
        private RollupTransactions.Probe probe = RollupTransactions.Probe.NONE;

        Builder(DataSource dataSource, TableMapping mapping, String schema) {
            this.dataSource = dataSource;
            this.mapping = mapping;
            this.schema = schema;
        }

        /**
         * Says which hours are over; the system's by default. A clock that is wrong costs speed, never exactness.
         */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * How long after an hour's end it is rolled, so that what was under way has come: 1 min by default. What comes later is
         * marked, and its hour is rolled anew.
         */
        public Builder settle(Duration settle) {
            this.settle = Objects.requireNonNull(settle, "settle");
            return this;
        }

        /** After how long a run begins no further step: 10 s by default. */
        public Builder runBudget(Duration budget) {
            this.runBudget = Objects.requireNonNull(budget, "budget");
            return this;
        }

        /** How long one step, which is one transaction, should take: 1 s by default. Steps grow and shrink to fit. */
        public Builder stepBudget(Duration budget) {
            this.stepBudget = Objects.requireNonNull(budget, "budget");
            return this;
        }

        /** How long one statement of a step may take, before the step is tried at half its size: 1 min by default. */
        public Builder stepTimeout(Duration timeout) {
            this.stepTimeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /**
         * How long a run waits for transactions that write to the tables, before it leaves newer hours to the next run: 5 s by
         * default. Nobody waits for the worker meanwhile.
         */
        public Builder waitForWriters(Duration patience) {
            this.waitForWriters = Objects.requireNonNull(patience, "patience");
            return this;
        }

        /** For tests: leaves guards out. */
        Builder guards(Set<RollupTransactions.Guard> kept) {
            this.guards = kept;
            return this;
        }

        /** For tests: interrupts steps. */
        Builder probe(RollupTransactions.Probe probe) {
            this.probe = probe;
            return this;
        }

        /**
         * Checks and builds; connects to nothing yet.
         *
         * @throws IllegalArgumentException if {@code settle} isn't 0 to 1 day, or one of the others isn't 1 ms to 1 hour
         */
        public RollupWorker build() {
            Duration millisecond = Duration.ofMillis(1);
            Duration hour = Duration.ofHours(1);
            checkDuration("settle", settle, Duration.ZERO, Duration.ofDays(1));
            checkDuration("runBudget", runBudget, millisecond, hour);
            checkDuration("stepBudget", stepBudget, millisecond, hour);
            checkDuration("stepTimeout", stepTimeout, millisecond, hour);
            checkDuration("waitForWriters", waitForWriters, millisecond, hour);
            return new RollupWorker(this);
        }
    }
}
