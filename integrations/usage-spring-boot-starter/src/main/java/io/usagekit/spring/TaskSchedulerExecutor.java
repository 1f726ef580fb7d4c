package io.usagekit.spring;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.Callable;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.springframework.scheduling.TaskScheduler;

/** The host's task scheduler as an executor. The host shuts it down: this rejects to. */
final class TaskSchedulerExecutor extends AbstractExecutorService implements ScheduledExecutorService {

    private final TaskScheduler scheduler;

    TaskSchedulerExecutor(TaskScheduler scheduler) {
        this.scheduler = scheduler;
    }

    @Override
    public ScheduledFuture<?> scheduleWithFixedDelay(Runnable task, long initialDelay, long delay, TimeUnit unit) {
        return scheduler.scheduleWithFixedDelay(task, in(initialDelay, unit), Duration.of(delay, unit.toChronoUnit()));
    }

    @Override
    public ScheduledFuture<?> scheduleAtFixedRate(Runnable task, long initialDelay, long period, TimeUnit unit) {
        return scheduler.scheduleAtFixedRate(task, in(initialDelay, unit), Duration.of(period, unit.toChronoUnit()));
    }

    @Override
    public ScheduledFuture<?> schedule(Runnable task, long delay, TimeUnit unit) {
        return scheduler.schedule(task, in(delay, unit));
    }

    /** Rejects: Spring's schedulers take tasks without a result. */
    @Override
    public <V> ScheduledFuture<V> schedule(Callable<V> task, long delay, TimeUnit unit) {
        throw new UnsupportedOperationException("a TaskScheduler runs tasks without a result only");
    }

    @Override
    public void execute(Runnable task) {
        ScheduledFuture<?> unused = scheduler.schedule(task, Instant.now());
    }

    private static Instant in(long delay, TimeUnit unit) {
        return Instant.now().plus(delay, unit.toChronoUnit());
    }

    @Override
    public void shutdown() {
        throw notOurs();
    }

    @Override
    public List<Runnable> shutdownNow() {
        throw notOurs();
    }

    @Override
    public boolean isShutdown() {
        return false;
    }

    @Override
    public boolean isTerminated() {
        return false;
    }

    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) {
        throw notOurs();
    }

    private static UnsupportedOperationException notOurs() {
        return new UnsupportedOperationException("the task scheduler belongs to the host, which shuts it down");
    }
}
