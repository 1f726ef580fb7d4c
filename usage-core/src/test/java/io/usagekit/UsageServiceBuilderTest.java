package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UsageServiceBuilderTest {

    private static final Duration DAY = Duration.ofDays(1);
    private static final Duration NANO = Duration.ofNanos(1);

    @Test
    void theDefaultsAreThoseThatAreDocumented() {
        assertThat(UsageServiceBuilder.DEFAULT_TTL).isEqualTo(Duration.ofMinutes(10));
        assertThat(UsageServiceBuilder.DEFAULT_COMPUTATION_TIMEOUT).isEqualTo(Duration.ofSeconds(30));
        assertAccepted(builder());
    }

    @ParameterizedTest
    @ValueSource(strings = {"PT0S", "PT-0.000000001S", "PT-10M", "PT24H0.000000001S", "PT2562047788015215H30M7S"})
    void aTtlOutOfBoundsIsRejected(Duration ttl) {
        assertRejected(
                builder().ttl(ttl).refreshAfter(Duration.ZERO),
                "ttl must be positive and at most PT24H, but was " + ttl);
    }

    @ParameterizedTest
    @ValueSource(strings = {"PT0S", "PT-0.000000001S", "PT-10M", "PT24H0.000000001S", "PT2562047788015215H30M7S"})
    void aComputationTimeoutOutOfBoundsIsRejected(Duration timeout) {
        assertRejected(
                builder().computationTimeout(timeout),
                "computationTimeout must be positive and at most PT24H, but was " + timeout);
    }

    @ParameterizedTest
    @ValueSource(strings = {"PT-0.000000001S", "PT-1M", "PT5M", "PT5M0.000000001S", "PT10M"})
    void aRefreshAfterThatIsNegativeOrNotBelowTheTtlIsRejected(Duration refreshAfter) {
        assertRejected(
                builder().ttl(Duration.ofMinutes(5)).refreshAfter(refreshAfter),
                "refreshAfter must be at least 0 and less than ttl (PT5M), but was " + refreshAfter);
    }

    @Test
    void anyTtlGoesWithTheDefaultRefreshAfter() {
        assertAccepted(builder().ttl(NANO));
        assertAccepted(builder().ttl(Duration.ofSeconds(30)));
        assertAccepted(builder().ttl(DAY));
    }

    @Test
    void valuesOnTheBoundsAreAccepted() {
        assertAccepted(builder().ttl(NANO).refreshAfter(Duration.ZERO));
        assertAccepted(builder().ttl(DAY));
        assertAccepted(builder().computationTimeout(NANO));
        assertAccepted(builder().computationTimeout(DAY));
        assertAccepted(builder().refreshAfter(Duration.ZERO));
        assertAccepted(builder().ttl(DAY).refreshAfter(DAY.minus(NANO)));
    }

    @Test
    void limitsAreCheckedTogetherSoTheOrderOfTheCallsDoesNotMatter() {
        assertAccepted(builder().refreshAfter(Duration.ofMinutes(30)).ttl(Duration.ofHours(1)));
        assertAccepted(builder().ttl(Duration.ofHours(1)).refreshAfter(Duration.ofMinutes(30)));
    }

    @Test
    void whatIsBuiltDoesNotChangeWithItsBuilder() {
        UsageServiceBuilder builder = builder().missPolicy(MissPolicy.await());
        try (UsageService service = builder.build()) {
            builder.missPolicy(MissPolicy.pending());
            UsageResult result = service.get("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
            assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
        }
    }

    @Test
    @SuppressWarnings("NullAway") // callers without a null checker get an error with the name
    void nothingMayBeNull() {
        UsageServiceBuilder builder = builder();
        assertThatNullPointerException()
                .isThrownBy(() -> UsageService.builder(null))
                .withMessage("calculator");
        assertThatNullPointerException().isThrownBy(() -> builder.cache(null)).withMessage("cache");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.singleFlight(null))
                .withMessage("singleFlight");
        assertThatNullPointerException().isThrownBy(() -> builder.ttl(null)).withMessage("ttl");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.refreshAfter(null))
                .withMessage("refreshAfter");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.computationTimeout(null))
                .withMessage("computationTimeout");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.missPolicy(null))
                .withMessage("missPolicy");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.executor(null))
                .withMessage("executor");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.listener(null))
                .withMessage("listener");
        assertThatNullPointerException().isThrownBy(() -> builder.clock(null)).withMessage("clock");
        assertThatNullPointerException().isThrownBy(() -> builder.ticker(null)).withMessage("ticker");
    }

    private static UsageServiceBuilder builder() {
        return UsageService.builder(
                (key, timeout) -> new OrganisationUsage(key, UsageMetrics.ZERO, UsageMetrics.ZERO, Instant.EPOCH));
    }

    private static void assertAccepted(UsageServiceBuilder builder) {
        assertThatCode(() -> builder.build().close()).doesNotThrowAnyException();
    }

    private static void assertRejected(UsageServiceBuilder builder, String message) {
        assertThatIllegalArgumentException().isThrownBy(builder::build).withMessage(message);
    }
}
