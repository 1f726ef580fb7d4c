package io.usagekit.verification.soak;

import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.YearMonth;

/** What the processes are configured with, and the checker counts on: short, so that much happens in a minute. */
final class SoakLimits {

    static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    static final int ORGANISATIONS = 5;
    static final int OCTETS = 10;
    static final int PERMITS = 3;

    static final Duration SOFT = Duration.ofSeconds(1);
    static final Duration HARD = Duration.ofSeconds(5);
    static final Duration GRACE = Duration.ofSeconds(20);
    static final Duration COMPUTATION_TIMEOUT = Duration.ofSeconds(3);
    static final Duration COMMAND_TIMEOUT = Duration.ofMillis(500);
    static final Duration HEARTBEAT = Duration.ofMillis(500);
    static final Duration LEASE = Duration.ofSeconds(1);

    /** A fresh figure is younger than the soft limit with its jitter. */
    static final Duration OLDEST_FRESH = SOFT.multipliedBy(110).dividedBy(100);

    /** From then on no near cache serves what was invalidated. */
    static final Duration NEAR_BOUND = HEARTBEAT.plus(COMMAND_TIMEOUT);

    /** Looks into the cache, the flight, and what a machine with much to do adds. */
    static final Duration LONGEST_CALL =
            COMPUTATION_TIMEOUT.plus(COMMAND_TIMEOUT.multipliedBy(4)).plusSeconds(30);

    private SoakLimits() {}

    static String organisation(int number) {
        return "org-" + number;
    }
}
