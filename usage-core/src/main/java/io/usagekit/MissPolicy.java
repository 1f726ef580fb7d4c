package io.usagekit;

import io.usagekit.internal.Arguments;
import java.time.Duration;
import java.util.Optional;

/**
 * What a caller gets when no figure is cached that can be served at once: the computation begins in any case, and goes on
 * whatever the caller does. Where a figure past its hard limit is still cached, a caller that would get {@link
 * Freshness#PENDING} gets that figure as {@link Freshness#STALE_ON_ERROR} instead: an old figure that says so is worth more
 * than none.
 *
 * @since 0.1
 */
public final class MissPolicy {

    private static final MissPolicy AWAIT = new MissPolicy(Optional.empty());
    private static final MissPolicy PENDING = new MissPolicy(Optional.of(Duration.ZERO));

    private final Optional<Duration> limit;

    private MissPolicy(Optional<Duration> limit) {
        this.limit = limit;
    }

    /** Waits for the computation to end: the figure, or its error. */
    public static MissPolicy await() {
        return AWAIT;
    }

    /**
     * Waits, but no longer than this, and then answers {@link Freshness#PENDING}.
     *
     * @param limit positive, at most a day
     * @throws IllegalArgumentException if {@code limit} is out of bounds
     */
    public static MissPolicy awaitUpTo(Duration limit) {
        return new MissPolicy(Optional.of(Arguments.positive("limit", limit)));
    }

    /** Answers {@link Freshness#PENDING} at once. */
    public static MissPolicy pending() {
        return PENDING;
    }

    /** The longest wait; empty means until the computation ends. */
    public Optional<Duration> limit() {
        return limit;
    }

    @Override
    public String toString() {
        return limit.map(d -> "await up to " + d).orElse("await");
    }
}
