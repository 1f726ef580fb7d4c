package io.usagekit.redis;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Redis's clock as its answers have shown it: exact or slow by the time that an answer took, never fast unless the server's clock is set
 * back. Thread-safe.
 */
final class ServerClock {

    /** Any time is past this deadline. */
    private static final long UNKNOWN = 0;

    /** Offset from {@link System#nanoTime()} in nanoseconds. */
    private volatile long offset;

    private volatile boolean known;

    /** Redis's clock was this, in microseconds since 1970, before the present moment. */
    void was(long micros) {
        offset = TimeUnit.MICROSECONDS.toNanos(micros) - System.nanoTime();
        known = true;
    }

    /** Returns the time in microseconds since 1970; 0 before the first answer. */
    long now() {
        return after(Duration.ZERO);
    }

    /** Returns the time that it will be after this, in microseconds since 1970; 0 before the first answer. */
    long after(Duration time) {
        return known ? TimeUnit.NANOSECONDS.toMicros(System.nanoTime() + offset + time.toNanos()) : UNKNOWN;
    }
}
