package io.usagekit.internal;

import static io.usagekit.internal.flight.StepwiseLoad.KEY;
import static io.usagekit.internal.flight.StepwiseLoad.MARCH;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.YearMonth;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BackOffTest {

    private static final Duration LENGTH = Duration.ofSeconds(1);
    private static final int MOST = 10_000;

    private final IllegalStateException error = new IllegalStateException("no database");
    /** Near the end of its range: elapsed time is a difference, also across the overflow. */
    private final AtomicLong nanos =
            new AtomicLong(Long.MAX_VALUE - Duration.ofMillis(700).toNanos());

    private final BackOff backOff = new BackOff(LENGTH, nanos::get);

    @Test
    void whatHasntFailedIsTried() {
        assertThat(backOff.of(KEY)).isEmpty();
        backOff.failed(new UsageKey("org-124", MARCH), error);
        assertThat(backOff.of(KEY)).isEmpty();
    }

    @Test
    void whatHasFailedIsTheSameErrorForHalfOfTheLengthAndIsTriedAfterOneAndAHalf() {
        List<UsageKey> keys = keys(2_000);
        keys.forEach(key -> backOff.failed(key, error));
        advance(LENGTH.dividedBy(2).minusNanos(1));
        assertThat(keys).allSatisfy(key -> assertThat(backOff.of(key)).containsSame(error));
        advance(LENGTH.plusNanos(1));
        assertThat(keys).allSatisfy(key -> assertThat(backOff.of(key)).isEmpty());
    }

    @Test
    void thoseThatFailedTogetherArentTriedTogether() {
        List<UsageKey> keys = keys(2_000);
        keys.forEach(key -> backOff.failed(key, error));
        int before = 0;
        for (int tenth = 6; tenth <= 15; tenth++) {
            advance(tenth == 6 ? Duration.ofMillis(600) : Duration.ofMillis(100));
            int over =
                    (int) keys.stream().filter(key -> backOff.of(key).isEmpty()).count();
            assertThat(over - before).as("over in tenth %d", tenth).isBetween(120, 280);
            before = over;
        }
        assertThat(before).as("over in the end").isEqualTo(2_000);
    }

    @Test
    void aBackOffOfZeroRemembersNothing() {
        BackOff none = new BackOff(Duration.ZERO, nanos::get);
        none.failed(KEY, error);
        assertThat(none.of(KEY)).isEmpty();
        assertThat(none.forOthers()).isEmpty();
    }

    @Test
    void aFailureIsForgottenWithItsKey() {
        UsageKey april = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 4)));
        backOff.failed(KEY, error);
        backOff.failed(april, error);
        backOff.clear(KEY);
        assertThat(backOff.of(KEY)).isEmpty();
        assertThat(backOff.of(april)).containsSame(error);
    }

    @Test
    void allFailuresOfAnOrganisationAreForgottenWithIt() {
        UsageKey april = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 4)));
        UsageKey other = new UsageKey("org-124", MARCH);
        List.of(KEY, april, other).forEach(key -> backOff.failed(key, error));
        backOff.clear("org-123");
        assertThat(backOff.of(KEY)).isEmpty();
        assertThat(backOff.of(april)).isEmpty();
        assertThat(backOff.of(other)).containsSame(error);
    }

    @Test
    void itRemembersNoMoreThanSoManyFailuresAndGoesOnOnceTheyAreOver() {
        List<UsageKey> keys = keys(MOST + 2_000);
        keys.forEach(key -> backOff.failed(key, error));
        assertThat(remembered(keys)).isEqualTo(MOST);
        advance(LENGTH.multipliedBy(2));
        backOff.failed(KEY, error);
        assertThat(backOff.of(KEY)).as("there is room again").containsSame(error);
    }

    @Test
    void othersHoldOffForLessThanAnyoneWhoFailed() {
        assertThat(backOff.forOthers()).contains(Duration.ofMillis(333));
        assertThat(new BackOff(Duration.ofMillis(3), nanos::get).forOthers()).contains(Duration.ofMillis(1));
        assertThat(new BackOff(Duration.ofMillis(2), nanos::get).forOthers()).isEmpty();
    }

    private long remembered(List<UsageKey> keys) {
        return keys.stream().filter(key -> backOff.of(key).isPresent()).count();
    }

    private void advance(Duration duration) {
        nanos.addAndGet(duration.toNanos());
    }

    private static List<UsageKey> keys(int howMany) {
        return IntStream.range(0, howMany)
                .mapToObj(i -> new UsageKey("org-" + i, MARCH))
                .toList();
    }
}
