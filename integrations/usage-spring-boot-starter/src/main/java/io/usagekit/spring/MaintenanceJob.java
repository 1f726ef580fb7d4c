package io.usagekit.spring;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.Trigger;

/**
 * Work on the database that each process of the fleet has on its schedule, and that one of them at a time does: creating partitions,
 * retention, or removing replaced cells from ClickHouse. A process whose schedule fires while another one runs the job skips that run; one that fires later runs the job again, and finds
 * what is left to do. Health and the endpoint have the last run of each job. Thread-safe.
 *
 * @since 0.1
 */
public final class MaintenanceJob {

    /**
     * How a run ended.
     *
     * @since 0.1
     */
    public enum Outcome {
        /** Nothing is left to do. */
        DONE,
        /** Something is left that the job can't do. */
        INCOMPLETE,
        /** Another process was running the job. */
        STANDBY,
        /** The job threw an exception. */
        FAILED
    }

    /**
     * A run that has ended.
     *
     * @param startedAt when it started, by the system's clock
     * @param took how long it took
     * @param details what it did, or why it failed
     * @since 0.1
     */
    public record LastRun(Instant startedAt, Duration took, Outcome outcome, String details) {}

    /** What a job does. */
    @FunctionalInterface
    interface Work {
        /**
         * Runs once.
         *
         * @param stopped whether the job is closed, and the work should end
         */
        Result run(BooleanSupplier stopped);
    }

    /**
     * What work came to.
     *
     * @param isComplete whether nothing is left that the work can't do
     */
    record Result(boolean isComplete, String details) {}

    private static final Logger LOG = LoggerFactory.getLogger(MaintenanceJob.class);

    /** How long closing waits for a run, after it was interrupted: a batch takes about half a second. */
    private static final Duration DRAIN_TIMEOUT = Duration.ofSeconds(5);

    private final String name;
    private final Trigger trigger;
    private final Predicate<Runnable> lock;
    private final Work work;

    /** Held during a run, so that {@link #close} can wait for it. */
    private final ReentrantLock running = new ReentrantLock();

    private volatile boolean closed;
    private volatile @Nullable Future<?> schedule;
    private volatile @Nullable LastRun lastRun;

    /** What was logged last, with its details; null after a run that left nothing. Guarded by {@link #running}. */
    private @Nullable String incident;

    /**
     * Creates a job.
     *
     * @param lock runs what it is given unless another process does, and returns whether it did
     */
    MaintenanceJob(String name, Trigger trigger, Predicate<Runnable> lock, Work work) {
        this.name = name;
        this.trigger = trigger;
        this.lock = lock;
        this.work = work;
    }

    /** Returns its name, that of its group of properties: {@code partitions}, {@code retention} or {@code clickhouse.pruning}. */
    public String name() {
        return name;
    }

    /** Returns the last run in this process; empty if there was none. Doesn't wait for a run under way. */
    public Optional<LastRun> lastRun() {
        return Optional.ofNullable(lastRun);
    }

    void start(TaskScheduler scheduler) {
        schedule = scheduler.schedule(this::run, trigger);
    }

    /** Ends the schedule, interrupts a run and waits for its end; what it has committed stays, and the next run goes on. */
    void close() {
        closed = true;
        Future<?> started = schedule;
        if (started != null) {
            started.cancel(true);
        }
        try {
            if (running.tryLock(DRAIN_TIMEOUT.toNanos(), TimeUnit.NANOSECONDS)) {
                running.unlock();
            } else {
                LOG.warn("the run of {} didn't end within {}, and fails when the pool is closed", name, DRAIN_TIMEOUT);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Runs the work, unless another process does. */
    void run() {
        running.lock();
        try {
            if (!closed) {
                runOnce();
            }
        } finally {
            running.unlock();
        }
    }

    private void runOnce() {
        Instant startedAt = InstantSource.system().instant();
        long began = System.nanoTime();
        Outcome outcome = Outcome.STANDBY;
        String details = "another process runs it";
        @Nullable Throwable failure = null;
        try {
            Result[] result = new Result[1];
            if (lock.test(() -> result[0] = work.run(() -> closed))) {
                outcome = result[0].isComplete() ? Outcome.DONE : Outcome.INCOMPLETE;
                details = result[0].details();
            }
        } catch (Throwable e) { // an Error that left here would end the schedule with some schedulers
            outcome = Outcome.FAILED;
            details = e instanceof Error ? e.toString() : String.valueOf(e.getMessage());
            failure = e;
        }
        if (closed && failure != null) {
            return; // interrupted by close
        }
        lastRun = new LastRun(startedAt, Duration.ofNanos(System.nanoTime() - began), outcome, details);
        report(outcome, details, failure);
    }

    /** Logs the first of several runs that end alike. */
    private void report(Outcome outcome, String details, @Nullable Throwable failure) {
        switch (outcome) {
            case STANDBY -> {}
            case DONE -> {
                if (incident != null) {
                    incident = null;
                    LOG.info("{} succeeded again: {}", name, details);
                }
            }
            case INCOMPLETE, FAILED -> {
                String now = failure == null ? details : failure.getClass().getName() + ": " + details;
                if (!now.equals(incident)) {
                    incident = now;
                    LOG.warn(
                            "{} {}: {}",
                            name,
                            outcome == Outcome.FAILED
                                    ? "failed and is run again when its cron says so"
                                    : "left something",
                            details,
                            failure);
                }
            }
        }
    }
}
