package io.usagekit.internal;

import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The pool of a service whose host brings none: few threads, a bounded queue, nothing left when idle. */
public final class ComputationPool implements Executor, AutoCloseable {

    /** The most computations at a time. */
    public static final int THREADS = 4;

    /** The most computations waiting for a thread. */
    public static final int QUEUE = 1_000;

    private static final Duration IDLE = Duration.ofMinutes(1);
    private static final Duration DRAIN = Duration.ofSeconds(5);

    private final AtomicInteger number = new AtomicInteger();
    private final ThreadPoolExecutor pool = new ThreadPoolExecutor(
            THREADS, THREADS, IDLE.toMillis(), TimeUnit.MILLISECONDS, new LinkedBlockingQueue<>(QUEUE), task -> {
                Thread thread = new Thread(task, "usagekit-computation-" + number.incrementAndGet());
                thread.setDaemon(true);
                return thread;
            });

    ComputationPool() {
        pool.allowCoreThreadTimeOut(true);
    }

    /**
     * @throws RejectedExecutionException if the queue is full or the pool closed
     */
    @Override
    public void execute(Runnable task) {
        pool.execute(task);
    }

    /** Lets what runs or waits end, up to five seconds, then interrupts what runs and abandons what waits. */
    @Override
    public void close() {
        pool.shutdown();
        try {
            if (!pool.awaitTermination(DRAIN.toMillis(), TimeUnit.MILLISECONDS)) {
                end();
            }
        } catch (InterruptedException e) {
            end();
            Thread.currentThread().interrupt();
        }
    }

    private void end() {
        for (Runnable waiting : pool.shutdownNow()) {
            if (waiting instanceof Load load) {
                load.abandon();
            }
        }
    }
}
