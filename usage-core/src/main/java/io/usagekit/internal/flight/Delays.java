package io.usagekit.internal.flight;

import java.time.Duration;

/** Schedules actions. An interface, so that tests control time. */
@FunctionalInterface
public interface Delays {

    /** Runs an action once, after this delay, unless these delays are closed. The action is short and doesn't block. */
    Timer after(Duration delay, Runnable action);

    /** A scheduled action. */
    @FunctionalInterface
    interface Timer {
        /** Cancels the action unless it has begun. Idempotent. */
        void cancel();
    }
}
