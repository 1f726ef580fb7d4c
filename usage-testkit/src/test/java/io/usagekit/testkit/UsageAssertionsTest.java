package io.usagekit.testkit;

import static io.usagekit.testkit.UsageAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import java.time.Duration;
import java.time.Instant;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Each assertion passes where it holds, and otherwise says of what it doesn't hold. */
class UsageAssertionsTest {

    private static final UsageKey KEY = new UsageKey("org-%d", UsagePeriod.parse("2026-03"));
    private static final Instant NOON = Instant.parse("2026-03-17T12:00:00Z");
    private static final OrganisationUsage FIGURE =
            new OrganisationUsage(KEY, new UsageMetrics(2, 300), new UsageMetrics(1, 100), NOON, 4);
    private static final AgedUsage AGED = new AgedUsage(FIGURE, Duration.ZERO);
    private static final UsageResult PENDING = UsageResult.pending(KEY, NOON);

    @Test
    void aFigureHasItsParts() {
        assertThat(FIGURE).hasReceived(2, 300).hasSent(1, 100).hasUnmeasured(4).hasCreatedAt(NOON);
    }

    @Test
    void aFigureWithOtherPartsFails() {
        fails(
                () -> assertThat(FIGURE).hasReceived(2, 301),
                "expected received of " + KEY
                        + " to be UsageMetrics[volume=2, bytes=301], but was UsageMetrics[volume=2, bytes=300]");
        fails(() -> assertThat(FIGURE).hasReceived(3, 300), "expected received of " + KEY);
        fails(() -> assertThat(FIGURE).hasSent(2, 300), "expected sent of " + KEY);
        fails(() -> assertThat(FIGURE).hasUnmeasured(0), "expected unmeasured of " + KEY + " to be 0, but was 4");
        fails(() -> assertThat(FIGURE).hasCreatedAt(NOON.plusSeconds(1)), "expected createdAt of " + KEY);
        fails(() -> assertThat((OrganisationUsage) null).hasSent(1, 100), "Expecting actual not to be null");
    }

    @Test
    void aResultHasItsFreshness() {
        assertThat(UsageResult.fresh(AGED)).isFresh();
        assertThat(UsageResult.stale(AGED)).isStale();
        assertThat(UsageResult.staleOnError(AGED)).isStaleOnError();
        assertThat(PENDING).isPending();
    }

    @Test
    void aResultOfAnotherFreshnessFails() {
        UsageResult stale = UsageResult.stale(AGED);
        fails(() -> assertThat(stale).isFresh(), "expected " + KEY + " to be FRESH, but was STALE");
        fails(() -> assertThat(stale).isStaleOnError(), "to be STALE_ON_ERROR, but was STALE");
        fails(() -> assertThat(stale).isPending(), "to be PENDING, but was STALE");
        fails(() -> assertThat(PENDING).isStale(), "to be STALE, but was PENDING");
        fails(() -> assertThat((UsageResult) null).isStale(), "Expecting actual not to be null");
    }

    @Test
    void aResultHasThePartsOfItsFigure() {
        assertThat(UsageResult.fresh(AGED))
                .hasReceived(2, 300)
                .hasSent(1, 100)
                .hasUnmeasured(4)
                .hasCreatedAt(NOON);
    }

    @Test
    void aResultWithoutThePartsOfItsFigureFails() {
        UsageResult fresh = UsageResult.fresh(AGED);
        fails(() -> assertThat(fresh).as("the bill").hasReceived(1, 300), "[the bill] expected received of " + KEY);
        fails(() -> assertThat(fresh).hasSent(0, 100), "expected sent of " + KEY);
        fails(() -> assertThat(fresh).hasUnmeasured(3), "expected unmeasured of " + KEY);
        fails(() -> assertThat(fresh).hasCreatedAt(NOON.minusSeconds(1)), "expected createdAt of " + KEY);
        fails(
                () -> assertThat(PENDING).as("the bill").hasReceived(0, 0),
                "[the bill] expected a figure of " + KEY + ", but it is pending");
    }

    private static void fails(ThrowingCallable assertion, String message) {
        assertThatExceptionOfType(AssertionError.class).isThrownBy(assertion).withMessageContaining(message);
    }
}
