package io.usagekit.internal.flight;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Runs things later. A port of its own, so that tests can decide when later is. */
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

    /** Something that will run. */
    @FunctionalInterface
    interface Timer {
        /** It won't, unless it has begun. Idempotent. */
        void cancel();
    }
}
