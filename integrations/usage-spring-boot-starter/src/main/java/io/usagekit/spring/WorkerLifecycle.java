package io.usagekit.spring;

import io.usagekit.postgres.rollups.RollupWorker;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.context.SmartLifecycle;
import org.springframework.scheduling.TaskScheduler;

/**
 * Starts the worker when all beans are ready, and closes it first of all: a scheduler of the host's, which stops in the same phase, waits for
 * the end of its tasks, and so for the worker's run.
 */
final class WorkerLifecycle implements SmartLifecycle {

    static final String PREFIX = UsageProperties.PREFIX + ".worker";

    private final RollupWorker worker;
    private final Duration pause;
    private final Supplier<@Nullable TaskScheduler> scheduler;
    private @Nullable ScheduledExecutorService own;
    private boolean running;

    WorkerLifecycle(RollupWorker worker, Duration pause, Supplier<@Nullable TaskScheduler> scheduler) {
        this.worker = worker;
        this.pause = pause;
        this.scheduler = scheduler;
    }

    @Override
    public synchronized void start() {
        TaskScheduler host = scheduler.get();
        Knobs.named(PREFIX, UsageProperties.Worker.class, () -> {
            if (host == null) {
                worker.start(ownScheduler(), pause);
            } else {
                worker.start(host::scheduleWithFixedDelay, pause);
            }
            return worker;
        });
        running = true;
    }

    private ScheduledExecutorService ownScheduler() {
        ScheduledThreadPoolExecutor created = new ScheduledThreadPoolExecutor(1, task -> {
            Thread thread = new Thread(task, "usage-rollup-worker");
            thread.setDaemon(true);
            return thread;
        });
        own = created;
        return created;
    }

    @Override
    public synchronized void stop() {
        running = false;
        worker.close();
        if (own != null) {
            own.shutdown();
        }
    }

    @Override
    public synchronized boolean isRunning() {
        return running;
    }

    @Override
    public int getPhase() {
        return DEFAULT_PHASE;
    }

    /** Keeps tests' contexts of Spring Framework 7 from pausing it, which can't be started again. */
    public boolean isPauseable() {
        return false;
    }
}
