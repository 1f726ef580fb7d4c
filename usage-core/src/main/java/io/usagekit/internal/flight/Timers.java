package io.usagekit.internal.flight;

import io.usagekit.UsageUnavailableException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Delays on a daemon thread of their own, or on the host's scheduler. The JDK's timer for futures doesn't serve: the functions that
 * a host attaches to its own timed-out futures run on that one thread, and one that blocks there blocks all deadlines of the JVM.
 * For the same reason nothing of the host's runs here: {@link #passOn} takes it elsewhere. Thread-safe.
 */
public final class Timers implements Delays, AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Timers.class);
    private static final ThreadLocal<Boolean> IN_ACTION = new ThreadLocal<>();
    /** Number of actions that run at present, of all timers: without any, no thread needs a look at its {@link #IN_ACTION}, which costs memory. */
    private static final AtomicInteger ACTIONS = new AtomicInteger();

    private final ScheduledExecutorService scheduler;
    private final @Nullable ScheduledExecutorService own;

    /** Delays on a thread of their own, which starts with the first one and ends with {@link #close}. */
    public Timers() {
        ScheduledThreadPoolExecutor thread =
                new ScheduledThreadPoolExecutor(1, task -> DaemonThreads.create("usagekit-timer", task));
        thread.setRemoveOnCancelPolicy(true); // most deadlines are cancelled long before they are due
        this.scheduler = thread;
        this.own = thread;
    }

    /** Delays on the host's scheduler, which the host shuts down. */
    public Timers(ScheduledExecutorService hosts) {
        this.scheduler = hosts;
        this.own = null;
    }

    /**
     * Runs an action once, after this delay, unless closed.
     *
     * @throws UsageUnavailableException if the host has shut its scheduler down
     */
    @Override
    public Timer after(Duration delay, Runnable action) {
        Future<?> timer;
        try {
            timer = scheduler.schedule(() -> run(action), delay.toNanos(), TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException e) {
            if (own != null) {
                return () -> {};
            }
            throw new UsageUnavailableException(
                    "the host's scheduler takes no deadline; shut it down after the service is closed, not before", e);
        }
        return () -> timer.cancel(false);
    }

    private static void run(Runnable action) {
        IN_ACTION.set(true);
        ACTIONS.incrementAndGet();
        try {
            action.run();
        } catch (Throwable e) { // nobody looks at the timer's outcome
            LOG.error("a deadline's action threw", e);
        } finally {
            ACTIONS.decrementAndGet();
            IN_ACTION.remove();
        }
    }

    /** Whether the calling thread runs an action of some timers. */
    public static boolean isInAction() {
        return ACTIONS.get() != 0 && IN_ACTION.get() != null;
    }

    /** Runs what may block: at once, or where the calling thread runs a timer's action on {@link CompletableFuture}'s default executor. */
    public static void passOn(Runnable task) {
        if (isInAction()) {
            var unused = CompletableFuture.runAsync(task);
        } else {
            task.run();
        }
    }

    /** Runs no action any more, and ends the own thread. Idempotent. */
    @Override
    public void close() {
        if (own != null) {
            var unused = own.shutdownNow();
        }
    }
}
