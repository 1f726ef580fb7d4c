package io.usagekit.redis;

import static io.usagekit.redis.RedisOutageFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class IndexedLoadsTest {

    private static final UsageKey KEY = key(1);
    private static final long COMPUTING = Duration.ofMinutes(20).toMillis();
    private static final long LIFE = Duration.ofHours(1).toMillis();

    private long now;
    private boolean isCurrent = true;
    private final IndexedLoads loads = new IndexedLoads(() -> now);

    private void add(UsageKey key) {
        loads.added(key, () -> isCurrent, now, loads.millis(COMPUTING));
    }

    /** Lets the loads know how long a figure lives. */
    private void learnLife() {
        assertThat(loads.endCovering(key(0), LIFE)).isFalse();
    }

    @Test
    void coversFiguresThatLiveAsLongAsEarlierOnes() {
        add(KEY);
        assertThat(loads.endCovering(KEY, LIFE)).isFalse();
        add(KEY);
        assertThat(loads.endCovering(KEY, LIFE)).isTrue();
        add(KEY);
        assertThat(loads.endCovering(KEY, LIFE + COMPUTING)).isFalse();
        add(KEY);
        assertThat(loads.endCovering(KEY, LIFE + COMPUTING)).isTrue();
    }

    @Test
    void countsTheTimeOfTheComputation() {
        learnLife();
        add(KEY);
        add(key(2));
        now += Duration.ofMillis(COMPUTING - 1).toNanos();
        assertThat(loads.endCovering(KEY, LIFE)).isTrue();
        now += Duration.ofMillis(1).toNanos();
        assertThat(loads.endCovering(key(2), LIFE)).isFalse();
    }

    @Test
    void countsOnNoMasterThatMayHaveLostThePeriod() {
        learnLife();
        add(KEY);
        isCurrent = false;
        assertThat(loads.endCovering(KEY, LIFE)).isFalse();
    }

    @Test
    void keepsNothingOfLoadsThatHaveEnded() {
        learnLife();
        add(KEY);
        assertThat(loads.endCovering(KEY, LIFE)).isTrue();
        assertThat(loads.endCovering(KEY, LIFE)).isFalse();
        add(KEY);
        loads.end(KEY);
        assertThat(loads.endCovering(KEY, LIFE)).isFalse();
    }

    @Test
    void removesLoadsThatWereNeverEnded() {
        learnLife();
        for (int i = 0; i <= IndexedLoads.MOST; i++) {
            add(key(i));
        }
        assertThat(loads.endCovering(key(0), LIFE)).isFalse();
        assertThat(loads.endCovering(key(IndexedLoads.MOST), LIFE)).isTrue();
    }

    @Test
    void boundsTheTimeThatItCountsOn() {
        assertThat(loads.endCovering(KEY, Long.MAX_VALUE)).isFalse();
        assertThat(loads.millis(Long.MAX_VALUE)).isEqualTo(Long.MAX_VALUE);
        add(KEY);
        assertThat(loads.endCovering(KEY, Duration.ofDays(366).toMillis())).isTrue();
        add(KEY);
        assertThat(loads.endCovering(KEY, Duration.ofDays(400).toMillis())).isFalse();
    }
}
