package io.usagekit.redis;

import java.time.Duration;

/**
 * Period in which this process is known to have received every invalidation message. It is extended by each answered command:
 * the messages of all changes made before that command was sent have then been handled. It expires by itself, so that no
 * stalled thread or connection makes an old figure look current. Once ended it never becomes valid again.
 */
final class TrackingValidity {

    private final long nanos;
    private volatile long latest;
    private volatile boolean ended;

    /**
     * Begins the period.
     *
     * @param validFor how long the period lasts after the latest answered command was sent
     * @param first when the first answered command was sent, in nanoseconds of the ticker
     */
    TrackingValidity(Duration validFor, long first) {
        this.nanos = validFor.toNanos();
        this.latest = first;
    }

    boolean isValid(long now) {
        return !ended && now - latest <= nanos;
    }

    /** Extends the period: a command sent then has been answered, and the messages before that answer have been handled. */
    void renew(long sent) {
        if (sent - latest > 0) {
            latest = sent; // of two concurrent calls the earlier may win: the period then expires a little sooner
        }
    }

    boolean hasEnded() {
        return ended;
    }

    /** Ends the period for good. */
    void end() {
        ended = true;
    }
}
