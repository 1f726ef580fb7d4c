package io.usagekit.events;

import java.time.Instant;
import java.util.Optional;

/**
 * A window of time {@code [from, before)}, of any length, open where an end is empty.
 *
 * @param from the first instant of it, truncated to microseconds, in the years 1 to 9999
 * @param before the first instant after it, as {@code from}, and after that
 * @since 0.1
 */
public record EventWindow(Optional<Instant> from, Optional<Instant> before) {

    /** All of time. */
    public static final EventWindow ALL = new EventWindow(Optional.empty(), Optional.empty());

    /**
     * @throws IllegalArgumentException if an end is out of bounds, or {@code from} isn't before {@code before}
     */
    public EventWindow {
        from = from.map(instant -> Bounds.instant("from", instant));
        before = before.map(instant -> Bounds.instant("before", instant));
        if (from.isPresent() && before.isPresent() && !from.get().isBefore(before.get())) {
            throw new IllegalArgumentException(
                    "from must be before " + before.get() + " by at least 1 microsecond, but was " + from.get());
        }
    }

    /** {@code [from, before)}. */
    public static EventWindow between(Instant from, Instant before) {
        return new EventWindow(Optional.of(from), Optional.of(before));
    }

    /** From this instant on. */
    public static EventWindow since(Instant from) {
        return new EventWindow(Optional.of(from), Optional.empty());
    }

    /** Everything earlier than this instant. */
    public static EventWindow before(Instant before) {
        return new EventWindow(Optional.empty(), Optional.of(before));
    }

    /** Whether it is in the window. */
    public boolean contains(Instant instant) {
        return from.filter(instant::isBefore).isEmpty()
                && before.filter(end -> !instant.isBefore(end)).isEmpty();
    }
}
