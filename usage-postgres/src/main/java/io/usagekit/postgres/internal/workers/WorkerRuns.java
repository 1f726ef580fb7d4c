package io.usagekit.postgres.internal.workers;

import io.usagekit.postgres.FixedDelayScheduler;
import io.usagekit.postgres.internal.Cancellation;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;

/**
 * The runs of a worker, one at a time: those that callers ask for, and those of a schedule, which goes on whatever a run throws; and how the
 * worker is closed within a bound. Thread-safe.
 *
 * @param <R> result of a run
 */
public final class WorkerRuns<R> {

    /**
     * The worker.
     *
     * @param log gets a line for each incident
     * @param verb what its runs do, such as {@code updating}
     * @param subject what they do it to, such as {@code the roll-ups in the schema app_rollups}
     * @param unit what they are made of, such as {@code step}
     * @param drainTimeout how long {@link #close} waits for the current unit
     * @param longestBackOff how long runs of a schedule are left out at most after failures, twice as long after each; zero for not at all
     * @param clock labels runs
     * @param nanoTime measures back-offs
     */
    public record Worker(
            Logger log,
            String verb,
            String subject,
            String unit,
            Duration drainTimeout,
            Duration longestBackOff,
            InstantSource clock,
            LongSupplier nanoTime) {}

    /**
     * A run that has ended.
     *
     * @param took by the JVM's own time
     * @param failure empty if there is a result
     * @param <R> result of a run
     */
    public record Ended<R>(Instant startedAt, Duration took, Optional<R> result, Optional<Throwable> failure) {}

    /** How long a cancelled statement, and then an aborted connection, may take to end a run. */
    private static final Duration CANCEL_TIMEOUT = Duration.ofSeconds(2);

    private static final int CANCEL_ATTEMPTS = 4;
    private static final Duration SHORTEST_PAUSE = Duration.ofMillis(1);
    private static final Duration LONGEST_PAUSE = Duration.ofDays(1);

    private final Worker worker;
    private final Jdbc.Attempt<R> work;
    private final Function<SQLException, String> explanation;
    private final Consumer<Ended<R>> listener;
    private final Cancellation cancellation = new Cancellation();
    private final BackOff backOff;

    /** Held during a run, so that {@link #close} can wait for it. */
    private final ReentrantLock running = new ReentrantLock();

    private volatile boolean closed;

    /** Ends the schedule; null if there is none. */
    private volatile @Nullable Runnable schedule;

    /** The kind of the failure that was logged last; null after a success. Guarded by {@link #running}. */
    private @Nullable Class<?> failing;

    /**
     * The runs of a worker.
     *
     * @param work what a run does, through {@link Jdbc}
     * @param explanation what a database's error doesn't say itself, behind a colon; may be empty
     * @param listener receives each run that has ended, before the next one; what it throws is logged
     */
    public WorkerRuns(
            Worker worker,
            Jdbc.Attempt<R> work,
            Function<SQLException, String> explanation,
            Consumer<Ended<R>> listener) {
        this.worker = worker;
        this.work = work;
        this.explanation = explanation;
        this.listener = listener;
        this.backOff = new BackOff(worker.longestBackOff(), worker.nanoTime());
    }

    /** Whether {@link #close} has been called: a run starts nothing else. */
    public boolean isClosed() {
        return closed;
    }

    /**
     * Runs now; waits for a run that is under way.
     *
     * @throws IllegalStateException if the worker is closed
     */
    public R runOnce() throws SQLException {
        running.lock();
        try {
            if (closed) {
                throw closedAlready();
            }
            return run();
        } finally {
            running.unlock();
        }
    }

    private static IllegalStateException closedAlready() {
        return new IllegalStateException("the worker is closed");
    }

    /**
     * Runs repeatedly, with this pause in between, until {@link #close}.
     *
     * @param pause 1 ms to 1 day
     * @throws IllegalStateException if the worker has been started already, or is closed
     */
    public void start(FixedDelayScheduler scheduler, Duration pause) {
        start(pause, task -> {
            Future<?> started = scheduler.scheduleWithFixedDelay(task, pause);
            return () -> started.cancel(false);
        });
    }

    /** As {@link #start(FixedDelayScheduler, Duration)}, on an executor. */
    public void start(ScheduledExecutorService scheduler, Duration pause) {
        start(
                (task, delay) -> scheduler.scheduleWithFixedDelay(task, 0, delay.toMillis(), TimeUnit.MILLISECONDS),
                pause);
    }

    /** As {@link #start(FixedDelayScheduler, Duration)}, on a daemon thread, which ends with the schedule. */
    public void start(String thread, Duration pause) {
        start(pause, task -> {
            ScheduledThreadPoolExecutor own =
                    new ScheduledThreadPoolExecutor(1, run -> DaemonThreads.create(thread, run));
            Future<?> started = own.scheduleWithFixedDelay(task, 0, pause.toMillis(), TimeUnit.MILLISECONDS);
            return () -> {
                started.cancel(false);
                own.shutdown();
            };
        });
    }

    /**
     * Starts a schedule.
     *
     * @param begin begins it for a task, and returns what ends it
     */
    private void start(Duration pause, Function<Runnable, Runnable> begin) {
        checkDuration("pause", pause, SHORTEST_PAUSE, LONGEST_PAUSE);
        running.lock();
        try {
            if (closed) {
                throw closedAlready();
            }
            if (schedule != null) {
                throw new IllegalStateException("the worker has been started already");
            }
            Runnable end = begin.apply(() -> runQuietly(pause));
            schedule = end;
            if (closed) {
                end.run(); // close, which doesn't wait for this, may have found no schedule
            }
        } finally {
            running.unlock();
        }
    }

    private void runQuietly(Duration pause) {
        running.lock();
        try {
            if (closed || backOff.isActive()) {
                return;
            }
            run();
            backOff.succeeded();
            if (failing != null) {
                failing = null;
                worker.log().info("{} {} succeeded again", worker.verb(), worker.subject());
            }
        } catch (Throwable e) { // an Error that left here would end the schedule, without a word
            backOff.failed(pause);
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
            worker.log()
                    .warn(
                            "{} {} failed and is retried{}",
                            worker.verb(),
                            worker.subject(),
                            e instanceof SQLException failure
                                    ? explanation.apply(failure) + ": " + SqlErrors.message(failure)
                                    : ": " + (e instanceof Error ? e : e.getMessage()),
                            e);
            failing = e.getClass();
        } catch (Throwable logging) {
            // Without memory for a log line, for instance. The next failure is logged.
        }
    }

    private R run() throws SQLException {
        Instant startedAt = worker.clock().instant();
        long began = System.nanoTime();
        R result;
        try {
            result = cancellation.watch(work);
        } catch (Throwable e) {
            ended(new Ended<>(startedAt, since(began), Optional.empty(), Optional.of(e)));
            throw e;
        }
        ended(new Ended<>(startedAt, since(began), Optional.of(result), Optional.empty()));
        return result;
    }

    private static Duration since(long began) {
        return Duration.ofNanos(System.nanoTime() - began);
    }

    private void ended(Ended<R> run) {
        try {
            listener.accept(run);
        } catch (RuntimeException e) {
            worker.log().warn("the listener of {} threw an exception", worker.subject(), e);
        }
    }

    /**
     * Ends the schedule, and waits for the current unit up to the drain timeout. Then it cancels the unit's statement, and where that ends
     * nothing within 2 s, it aborts the connection. Returns within the drain timeout and 4 s, in any case; logs a line if it had to cancel. An
     * interrupt ends the wait as if the time were over. Idempotent.
     */
    public void close() {
        closed = true;
        Runnable started = schedule;
        if (started != null) {
            started.run();
        }
        if (endsWithin(worker.drainTimeout())) {
            return;
        }
        String outcome = cancel();
        worker.log()
                .warn(
                        "closing the worker of {}: its {} didn't end within drainTimeout ({}); {}; the {} is rolled back, and the next"
                                + " run of any worker repeats it",
                        worker.subject(),
                        worker.unit(),
                        worker.drainTimeout(),
                        outcome,
                        worker.unit());
    }

    private String cancel() {
        for (int attempt = 0; attempt < CANCEL_ATTEMPTS; attempt++) {
            cancellation.cancel(); // again, in case it ran no statement in that moment
            if (endsWithin(CANCEL_TIMEOUT.dividedBy(CANCEL_ATTEMPTS))) {
                return "its statement was cancelled";
            }
        }
        if (!cancellation.abort()) {
            return "it has no connection, and does nothing with the one that it may wait for";
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

    /** Checks the bounds of a setting of a worker. */
    public static void checkDuration(String name, Duration value, Duration least, Duration most) {
        if (value.compareTo(least) < 0 || value.compareTo(most) > 0) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "%s must be between %s and %s, but was %s", name, least, most, value));
        }
    }
}
