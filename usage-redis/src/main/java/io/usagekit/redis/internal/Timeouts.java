package io.usagekit.redis.internal;

import io.lettuce.core.AbstractRedisClient;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Timeouts on the client's own executor, whose threads run the client's own timeouts as well. The JDK's timer for futures doesn't
 * serve: functions of the host's run on that one thread, and one that blocks there blocks all timeouts of the JVM.
 */
public record Timeouts(ScheduledExecutorService timers) {

    public static Timeouts of(AbstractRedisClient client) {
        return new Timeouts(client.getResources().eventExecutorGroup());
    }

    /**
     * Fails a future with {@link TimeoutException} unless it completes in time; at once if the client is shut down.
     *
     * @return the same future
     */
    public <T> CompletableFuture<T> limit(CompletableFuture<T> future, Duration timeout) {
        Runnable fail = () -> future.completeExceptionally(new TimeoutException("not completed within " + timeout));
        schedule(future, timeout.toNanos(), fail, fail);
        return future;
    }

    /** Returns a future that completes after this time, or when it is completed before; never if the client is shut down. */
    public CompletableFuture<Void> after(long nanos) {
        CompletableFuture<Void> due = new CompletableFuture<>();
        schedule(due, nanos, () -> due.complete(null), () -> {});
        return due;
    }

    /**
     * Schedules an action unless the future completes before.
     *
     * @param rejected what to do if the host has shut its client down
     */
    private void schedule(CompletableFuture<?> future, long nanos, Runnable action, Runnable rejected) {
        if (future.isDone()) {
            return;
        }
        Future<?> timer;
        try {
            timer = timers.schedule(action, nanos, TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException e) {
            rejected.run();
            return;
        }
        var unused = future.whenComplete((value, error) -> timer.cancel(false));
    }
}
