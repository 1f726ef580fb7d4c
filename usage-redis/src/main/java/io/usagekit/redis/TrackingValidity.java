package io.usagekit.redis;

import java.time.Duration;

/**
 * Up to when this process is known to have been told of every change: whatever was changed before the latest command that has
 * been answered was sent. It lapses by itself, so that nothing that stalls can make an old figure look current; and once it
 * is over it is over for good.
 */
final class TrackingValidity {

    private final long nanos;
    private volatile long latest;
    private volatile boolean over;

    /**
     * @param validFor how long after the latest command was sent
     * @param first when the first command that was answered was sent, in nanoseconds of the ticker
     */
    TrackingValidity(Duration validFor, long first) {
        this.nanos = validFor.toNanos();
        this.latest = first;
    }

    boolean holds(long now) {
        return !over && now - latest <= nanos;
    }

    /** A command sent then has been answered, and the changes told before that answer have been dealt with. */
    void renew(long sent) {
        if (sent - latest > 0) {
            latest = sent; // should two do so at once, the earlier may stay: it lapses a little sooner
        }
    }

    boolean isOver() {
        return over;
    }

    void end() {
        over = true;
    }
}
