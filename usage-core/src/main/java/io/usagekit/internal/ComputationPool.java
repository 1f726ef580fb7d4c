package io.usagekit.internal;

import io.usagekit.internal.flight.DaemonThreads;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Thread pool of a service without a host's executor: a thread for each permit, started when needed, ended when idle. Its
 * queue stays almost empty, since each submitted computation has a permit already.
 */
final class ComputationPool implements Executor, AutoCloseable {

    private static final Duration IDLE = Duration.ofMinutes(1);

    /** How long an interrupted computation may take to cancel its statement and to give its connection back. */
    private static final Duration CANCELLATION = Duration.ofSeconds(1);

    private final AtomicInteger number = new AtomicInteger();
    private final ThreadPoolExecutor pool;

    ComputationPool(int threads) {
        pool = new ThreadPoolExecutor(
                threads,
                threads,
                IDLE.toMillis(),
                TimeUnit.MILLISECONDS,
                new LinkedBlockingQueue<>(),
                task -> DaemonThreads.create("usagekit-computation-" + number.incrementAndGet(), task));
        pool.allowCoreThreadTimeOut(true);
    }

    /**
     * @throws RejectedExecutionException if the pool is closed
     */
    @Override
    public void execute(Runnable task) {
        pool.execute(task);
    }

    /** Interrupts the running computations. */
    @Override
    public void close() {
        pool.shutdownNow();
    }

    /** Waits for the end of the interrupted computations, but not for long, so that the host may close the connections next. */
    void awaitEnd() {
        try {
            boolean unused = pool.awaitTermination(CANCELLATION.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
