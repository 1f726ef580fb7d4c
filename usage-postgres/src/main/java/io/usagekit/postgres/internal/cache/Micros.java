package io.usagekit.postgres.internal.cache;

import java.time.Duration;

/** Times as statements take them. */
final class Micros {

    /** Longer times are as good as this one, and can be added to any of the database's times. */
    private static final Duration LONGEST = Duration.ofDays(200 * 365);

    private Micros() {}

    /** Returns a time in whole microseconds, rounded up: an age rather too old than too young. At most 200 years, at least none. */
    static long of(Duration time) {
        if (time.isNegative()) {
            return 0;
        }
        Duration bounded = time.compareTo(LONGEST) < 0 ? time : LONGEST;
        return bounded.plusNanos(999).toNanos() / 1_000;
    }

    /** The inverse of {@link #of}; a negative number is none. */
    static Duration duration(long micros) {
        return Duration.ofNanos(Math.multiplyExact(Math.max(0, micros), 1_000));
    }
}
