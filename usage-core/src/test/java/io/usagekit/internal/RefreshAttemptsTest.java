package io.usagekit.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.internal.Loads.RefreshAttempts;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** How often refreshes that come to nothing are attempted. */
class RefreshAttemptsTest {

    private static final Duration INTERVAL = Duration.ofSeconds(10);

    private final AtomicLong now = new AtomicLong(-3);
    private final RefreshAttempts attempts = new RefreshAttempts(INTERVAL, now::get);

    @Test
    void beginsOncePerKeyAndInterval() {
        assertThat(attempts.begin(key(1))).isTrue();
        assertThat(attempts.isDue(key(1))).isFalse();
        assertThat(attempts.begin(key(1))).isFalse();
        assertThat(attempts.isDue(key(2))).isTrue();
        now.addAndGet(INTERVAL.toNanos());
        assertThat(attempts.isDue(key(1))).isTrue();
        assertThat(attempts.begin(key(1))).isTrue();
        assertThat(attempts.begin(key(1))).isFalse();
        attempts.succeeded(key(1));
        assertThat(attempts.begin(key(1))).isTrue();
    }

    @Test
    void beginsEachTimeWithoutAnInterval() {
        RefreshAttempts unlimited = new RefreshAttempts(Duration.ZERO, now::get);
        assertThat(unlimited.begin(key(1))).isTrue();
        assertThat(unlimited.isDue(key(1))).isTrue();
        assertThat(unlimited.begin(key(1))).isTrue();
    }

    /** A full map is read once in an interval, not with each hit. */
    @Test
    void beginsNoOthersWhileFullAndMakesRoomOnceInAnInterval() {
        beginHalf(0);
        now.addAndGet(INTERVAL.toNanos() / 2);
        beginHalf(1);
        assertThat(attempts.begin(key(-1))).as("full").isFalse();
        assertThat(attempts.isDue(key(-1))).isFalse();

        now.addAndGet(INTERVAL.toNanos() / 2);
        assertThat(attempts.begin(key(-1)))
                .as("half an interval after the last look")
                .isFalse();
        assertThat(attempts.begin(key(0))).as("one that is held").isTrue();

        now.addAndGet(INTERVAL.toNanos() / 2);
        assertThat(attempts.isDue(key(-1))).isTrue();
        assertThat(attempts.begin(key(-1))).isTrue();
    }

    private void beginHalf(int half) {
        int size = RefreshAttempts.MOST / 2;
        for (int i = half * size; i < (half + 1) * size; i++) {
            assertThat(attempts.begin(key(i))).isTrue();
        }
    }

    private static UsageKey key(int i) {
        return new UsageKey("org-" + i, UsagePeriod.month(YearMonth.of(2026, 3)));
    }
}
