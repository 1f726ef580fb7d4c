package io.usagekit.postgres.rollups.spi;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.FixedDelayScheduler;
import io.usagekit.postgres.internal.workers.WorkerRuns;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ships what a {@link RollupFeed} has listed: hours that were rolled or have changed since, and days that are to be shipped again, as after a
 * read that wasn't believed.
 *
 * <p>Any number of workers may run, in any of the host's processes: one cycle runs at a time, and a worker that begins meanwhile returns at
 * once. The next run of any worker ships what an earlier one left, also after a crash; figures are exact at any time. {@link
 * RollupFeed#status} says how far the store is behind.
 *
 * <p>A cycle takes one connection, with a transaction that is open while the store inserts. It may lead through a pooler in transaction mode.
 * Thread-safe.
 *
 * @since 0.1
 */
public final class FeedWorker implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(FeedWorker.class);

    /** After failures a schedule leaves runs out for so long at most: a failed attempt may leave rows in the store. */
    private static final Duration LONGEST_BACK_OFF = Duration.ofMinutes(5);

    /** The configuration, checked by the builder. */
    private record Settings(
            RollupFeed feed,
            CellStore store,
            int maxHours,
            Duration runBudget,
            Duration cycleTimeout,
            Duration drainTimeout,
            Duration interval,
            Runnable housekeeping,
            FeedListener listener,
            InstantSource clock,
            LongSupplier nanoTime) {

        /** The feed, for messages. */
        String subject() {
            return "the feed in the schema " + feed.schema();
        }
    }

    private final Settings settings;
    private final CellStore store;
    private final WorkerRuns<FeedRun> runs;
    private volatile @Nullable LastRun lastRun;

    /** When the task of housekeeping began; empty before the first time. Used by one run at a time. */
    private Optional<Long> housekeptAt = Optional.empty();

    private FeedWorker(Settings settings) {
        this.settings = settings;
        this.runs = new WorkerRuns<>(
                new WorkerRuns.Worker(
                        LOG,
                        "running",
                        settings.subject(),
                        "cycle",
                        settings.drainTimeout(),
                        LONGEST_BACK_OFF,
                        settings.clock(),
                        settings.nanoTime()),
                this::run,
                e -> "",
                this::ended);
        this.store = new OpenStore(settings.store());
    }

    /**
     * Ships in cycles until nothing is left or the budget is used up; at least one. Runs of one worker don't overlap: a second caller waits.
     *
     * @throws IllegalStateException if the worker is closed
     * @throws UsageStorageException as {@link RollupFeed#ship}, like whatever the store throws; cycles that committed before stay
     */
    public FeedRun runOnce() {
        try {
            return runs.runOnce();
        } catch (SQLException e) {
            throw new IllegalStateException(e); // the feed throws none
        }
    }

    /**
     * Runs repeatedly on the host's scheduler, with this pause in between, until the worker is closed. Failed runs are retried, whatever they threw,
     * errors of the JVM included: after the pause, then after twice as long each time, up to five minutes. Failures of one kind are logged
     * once until a run succeeds.
     *
     * @param pause 1 ms to 1 day; while much is to be shipped, a run takes its whole budget, so that budget and pause set the worker's share of
     *     database and store
     * @throws IllegalStateException if the worker has been started already, or is closed
     */
    public void start(FixedDelayScheduler scheduler, Duration pause) {
        runs.start(scheduler, pause);
    }

    /** As {@link #start(FixedDelayScheduler, Duration)}, on an executor. */
    public void start(ScheduledExecutorService scheduler, Duration pause) {
        runs.start(scheduler, pause);
    }

    /** As {@link #start(FixedDelayScheduler, Duration)}, on a daemon thread of the worker's own, which ends when the worker is closed. */
    public void start(Duration pause) {
        runs.start("usagekit-feed", pause);
    }

    /**
     * Ends the schedule, and waits for the current cycle, if there is one, up to {@link Builder#drainTimeout}. Then it cancels the cycle's
     * statement, and where that ends nothing within 2 s, as while the store inserts, it aborts the connection: the cycle is rolled back and left
     * to another worker. Returns within the drain timeout and 4 s, in any case; logs a line if it had to cancel. An interrupt ends the wait as if
     * the time were over. Idempotent. The scheduler belongs to the host and keeps running; so does a call of the store, until its own timeout.
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
     * @param failure why it failed; empty if it didn't
     * @since 0.1
     */
    public record LastRun(Instant startedAt, Duration took, Optional<FeedRun> result, Optional<Throwable> failure) {}

    private FeedRun run() {
        long began = settings.nanoTime().getAsLong();
        FeedRun run = FeedRun.NONE;
        do {
            Optional<FeedCycle> cycle = settings.feed().ship(store, settings.maxHours(), settings.cycleTimeout());
            if (cycle.isEmpty()) {
                return run;
            }
            run = run.plus(cycle.get());
            report(cycle.get());
        } while (run.left() && !runs.isClosed() && since(began).compareTo(settings.runBudget()) < 0);
        if (!run.left() && !runs.isClosed()) {
            keepHouse();
        }
        return run;
    }

    private Duration since(long began) {
        return Duration.ofNanos(settings.nanoTime().getAsLong() - began);
    }

    private void report(FeedCycle cycle) {
        try {
            settings.listener().cycleEnded(cycle);
        } catch (RuntimeException e) {
            LOG.warn("the listener of {} threw an exception", settings.subject(), e);
        }
    }

    private void keepHouse() {
        if (housekeptAt.isPresent() && since(housekeptAt.get()).compareTo(settings.interval()) < 0) {
            return;
        }
        housekeptAt = Optional.of(settings.nanoTime().getAsLong());
        try {
            settings.housekeeping().run();
        } catch (RuntimeException e) {
            LOG.warn(
                    "housekeeping of {} failed and is tried again in {}: {}",
                    settings.subject(),
                    settings.interval(),
                    e.getMessage(),
                    e);
        }
    }

    private void ended(WorkerRuns.Ended<FeedRun> ended) {
        LastRun run = new LastRun(ended.startedAt(), ended.took(), ended.result(), ended.failure());
        lastRun = run;
        settings.listener().runEnded(run);
    }

    /** The store, unless the worker was closed while it waited for a connection: then no cycle begins. */
    private final class OpenStore implements CellStore {

        private final CellStore delegate;

        OpenStore(CellStore delegate) {
            this.delegate = delegate;
        }

        @Override
        public long highestVersion() {
            if (runs.isClosed()) {
                throw new UsageStorageException("the worker was closed before the cycle began", null);
            }
            return delegate.highestVersion();
        }

        @Override
        public void insertCells(long version, List<UsageCell> cells) {
            delegate.insertCells(version, cells);
        }

        @Override
        public void insertDays(long version, List<ShippedDay> days) {
            delegate.insertDays(version, days);
        }

        @Override
        public void insertProjects(long version, List<CellProject> projects) {
            delegate.insertProjects(version, projects);
        }

        @Override
        public void publish(Watermark watermark) {
            delegate.publish(watermark);
        }
    }

    /**
     * Builds a worker. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {

        private final RollupFeed feed;
        private final CellStore store;
        private int maxHours = 100_000;
        private Duration runBudget = Duration.ofSeconds(10);
        private Duration cycleTimeout = Duration.ofMinutes(5);
        private Duration drainTimeout = Duration.ofSeconds(5);
        private Duration interval = Duration.ofDays(1);
        private Runnable housekeeping = () -> {};
        private FeedListener listener = new FeedListener() {};
        private InstantSource clock = InstantSource.system();
        private LongSupplier nanoTime = System::nanoTime;

        Builder(RollupFeed feed, CellStore store) {
            this.feed = feed;
            this.store = Objects.requireNonNull(store, "store");
        }

        /** Sets how many hours a cycle ships at most: 100,000 by default, 1 to {@value RollupFeed#MAX_HOURS}. */
        public Builder maxHours(int hours) {
            this.maxHours = hours;
            return this;
        }

        /** Sets after how long a run starts no further cycle: 10 s by default, 1 ms to 1 hour. */
        public Builder runBudget(Duration budget) {
            this.runBudget = Objects.requireNonNull(budget, "budget");
            return this;
        }

        /**
         * Sets how long each statement of a cycle may take, and how long its transaction may wait for the store: 5 min by default, 1 s to 1
         * day. Longer than an insert into the store may take.
         */
        public Builder cycleTimeout(Duration timeout) {
            this.cycleTimeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /** Sets how long {@link FeedWorker#close} waits for the current cycle before it cancels it: 5 s by default, 0 to 1 day. */
        public Builder drainTimeout(Duration timeout) {
            this.drainTimeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /**
         * Has a task run rarely, such as the removal of superseded cells: at the end of a run that leaves nothing to ship, the first time as of any
         * other one after this interval. Workers don't share it: where many processes have one, give the task to one of them. A failure is
         * logged, and the task runs again after the interval. None by default.
         *
         * @param interval 1 min to 30 days
         */
        public Builder housekeeping(Duration interval, Runnable task) {
            this.interval = Objects.requireNonNull(interval, "interval");
            this.housekeeping = Objects.requireNonNull(task, "task");
            return this;
        }

        /** Sets the listener; none by default. */
        public Builder listener(FeedListener listener) {
            this.listener = Objects.requireNonNull(listener, "listener");
            return this;
        }

        /** Sets the clock that says when a run started; the system's by default. */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /** Replaces what ages are measured by; for tests. */
        Builder nanoTime(LongSupplier nanoTime) {
            this.nanoTime = nanoTime;
            return this;
        }

        /**
         * Checks the settings and builds; connects to nothing yet.
         *
         * @throws IllegalArgumentException if one is out of its bounds
         */
        public FeedWorker build() {
            Duration day = Duration.ofDays(1);
            if (maxHours < 1 || maxHours > RollupFeed.MAX_HOURS) {
                throw new IllegalArgumentException(
                        "maxHours must be between 1 and " + RollupFeed.MAX_HOURS + ", but was " + maxHours);
            }
            WorkerRuns.checkDuration("runBudget", runBudget, Duration.ofMillis(1), Duration.ofHours(1));
            WorkerRuns.checkDuration("cycleTimeout", cycleTimeout, Duration.ofSeconds(1), day);
            WorkerRuns.checkDuration("drainTimeout", drainTimeout, Duration.ZERO, day);
            WorkerRuns.checkDuration("interval of housekeeping", interval, Duration.ofMinutes(1), Duration.ofDays(30));
            return new FeedWorker(new Settings(
                    feed,
                    store,
                    maxHours,
                    runBudget,
                    cycleTimeout,
                    drainTimeout,
                    interval,
                    housekeeping,
                    listener,
                    clock,
                    nanoTime));
        }
    }
}
