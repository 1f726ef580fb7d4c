package io.usagekit.testkit;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Objects;
import java.util.function.LongSupplier;

/**
 * Clock that a test advances: a wall clock ({@link InstantSource}) and a nano ticker that move together, unless the wall clock is {@linkplain
 * #set set}. Thread-safe.
 *
 * @since 0.1
 */
public final class ManualClock implements InstantSource {

    private Instant instant;
    private long elapsedNanos;

    private ManualClock(Instant instant) {
        this.instant = instant;
    }

    /** Returns a clock that shows this instant until it is advanced or set. */
    public static ManualClock at(Instant instant) {
        return new ManualClock(Objects.requireNonNull(instant, "instant"));
    }

    /** Returns a clock at an ISO 8601 instant, as {@link #at(Instant)} does. */
    public static ManualClock at(String instant) {
        return at(Instant.parse(instant));
    }

    /**
     * Advances the wall clock and the ticker.
     *
     * @throws IllegalArgumentException if {@code duration} is negative
     */
    public synchronized void advance(Duration duration) {
        if (duration.isNegative()) {
            throw new IllegalArgumentException("duration must be at least 0, but was " + duration);
        }
        instant = instant.plus(duration);
        elapsedNanos = Math.addExact(elapsedNanos, duration.toNanos());
    }

    /**
     * Sets the wall clock, forwards or backwards, as an operator does: the ticker doesn't move, so nothing becomes older.
     *
     * @param instant what it shows from now on
     */
    public synchronized void set(Instant instant) {
        this.instant = Objects.requireNonNull(instant, "instant");
    }

    /** Sets the wall clock to an ISO 8601 instant, as {@link #set(Instant)} does. */
    public void set(String instant) {
        set(Instant.parse(instant));
    }

    @Override
    public synchronized Instant instant() {
        return instant;
    }

    /** Returns the nano ticker of this clock: nanoseconds advanced since its creation. */
    public LongSupplier ticker() {
        return this::elapsedNanos;
    }

    private synchronized long elapsedNanos() {
        return elapsedNanos;
    }
}
