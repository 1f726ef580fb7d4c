package io.usagekit.redis.internal;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Redis's clock as its answers have shown it: exact or slow by the time that an answer took, never fast unless the server's clock is set
 * back. Thread-safe.
 */
public final class ServerClock {

    /** Any time is past this deadline. */
    private static final long UNKNOWN = 0;

    /** Offset from {@link System#nanoTime()} in nanoseconds. */
    private volatile long offset;

    private volatile boolean known;

    /** Redis's clock was this, in microseconds since 1970, before the present moment. */
    public void was(long micros) {
        offset = TimeUnit.MICROSECONDS.toNanos(micros) - System.nanoTime();
        known = true;
    }

    /** Returns the time that it was at a reading of {@link System#nanoTime()}, in microseconds since 1970; 0 before the first answer. */
    public long at(long nanos) {
        return known ? TimeUnit.NANOSECONDS.toMicros(nanos + offset) : UNKNOWN;
    }

    /** Returns the time that it will be after this, in microseconds since 1970; 0 before the first answer. */
    public long after(Duration time) {
        return at(System.nanoTime() + time.toNanos());
    }
}
