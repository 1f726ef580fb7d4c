package io.usagekit.internal.flight;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Schedules actions. An interface, so that tests control time. */
@FunctionalInterface
public interface Delays {

    /** The JDK's timer for futures: what runs there is short and doesn't block. */
    Delays SYSTEM = (delay, action) -> {
        CompletableFuture<Void> timer =
                new CompletableFuture<Void>().completeOnTimeout(null, delay.toNanos(), TimeUnit.NANOSECONDS);
        var unused = timer.thenRun(action);
        return () -> timer.cancel(false);
    };

    /** Runs an action once, after this delay. */
    Timer after(Duration delay, Runnable action);

    /** A scheduled action. */
    @FunctionalInterface
    interface Timer {
        /** Cancels the action unless it has begun. Idempotent. */
        void cancel();
    }
}
