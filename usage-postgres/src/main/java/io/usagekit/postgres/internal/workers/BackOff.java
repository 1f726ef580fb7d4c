package io.usagekit.postgres.internal.workers;

import java.time.Duration;
import java.util.function.LongSupplier;

/** How long runs are left out after failures: twice as long after each further one, up to a limit. Not thread-safe. */
final class BackOff {

    private final Duration longest;
    private final LongSupplier nanoTime;
    private Duration wait = Duration.ZERO;
    private long failedAt;

    /**
     * None yet.
     *
     * @param longest the limit; zero for none at all
     */
    BackOff(Duration longest, LongSupplier nanoTime) {
        this.longest = longest;
        this.nanoTime = nanoTime;
    }

    /** Whether the next run is to be left out. */
    boolean isActive() {
        return !wait.isZero() && nanoTime.getAsLong() - failedAt < wait.toNanos();
    }

    /** A run has failed; {@code first} is how long to wait after the first failure. */
    void failed(Duration first) {
        Duration next = wait.isZero() ? first : wait.multipliedBy(2);
        wait = next.compareTo(longest) < 0 ? next : longest;
        failedAt = nanoTime.getAsLong();
    }

    /** A run has succeeded. */
    void succeeded() {
        wait = Duration.ZERO;
    }
}
