package io.usagekit.testkit;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * Clock that a test advances: a wall clock ({@link InstantSource}) and a nano ticker that move together. Thread-safe.
 *
 * @since 0.1
 */
public final class ManualClock implements InstantSource {

    private final Instant origin;
    private final AtomicLong elapsedNanos = new AtomicLong();

    private ManualClock(Instant origin) {
        this.origin = origin;
    }

    /** Returns a clock that shows this instant until it is advanced. */
    public static ManualClock at(Instant instant) {
        return new ManualClock(instant);
    }

    /** Returns a clock at an ISO 8601 instant, as {@link #at(Instant)} does. */
    public static ManualClock at(String instant) {
        return at(Instant.parse(instant));
    }

    /**
     * Advances the clock.
     *
     * @throws IllegalArgumentException if {@code duration} is negative
     */
    public void advance(Duration duration) {
        if (duration.isNegative()) {
            throw new IllegalArgumentException("duration must be at least 0, but was " + duration);
        }
        elapsedNanos.addAndGet(duration.toNanos());
    }

    @Override
    public Instant instant() {
        return origin.plusNanos(elapsedNanos.get());
    }

    /** Returns the nano ticker of this clock: nanoseconds advanced since its creation. */
    public LongSupplier ticker() {
        return elapsedNanos::get;
    }
}
