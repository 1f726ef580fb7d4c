package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.KEY;
import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.AgedUsage;
import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.OutagePolicy;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.UsageUnavailableException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** While the shared cache can't be reached: what this process still remembers, and who computes. */
class UsageServiceOutageTest {

    private static final Duration GRACE = Duration.ofHours(1);

    private final ServiceFixture fixture = new ServiceFixture();
    private final TwoTierCache cache = new TwoTierCache(fixture.clock, fixture.cache);

    @BeforeEach
    void begin() {
        fixture.cache.goDown();
        cache.loseTrack();
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @ParameterizedTest
    @EnumSource
    void aFallbackCopyIsNeverFresh(OutagePolicy policy) {
        UsageService service = fixture.open(builder(policy));
        remember(Duration.ofSeconds(1));
        UsageResult result = service.get(ORG, MARCH);
        assertThat(result.freshness()).isEqualTo(Freshness.STALE);
        assertFigure(result);
        assertThat(fixture.events.names()).containsExactly("cacheReadFailed", "staleServed");
        assertThat(fixture.calculator.calls()).as("it isn't due").isZero();
    }

    @Test
    void failingOpenADueFallbackCopyIsRefreshedAndReplaced() {
        UsageService service = fixture.open(builder(OutagePolicy.FAIL_OPEN));
        remember(Duration.ofMinutes(2));
        assertThat(service.get(ORG, MARCH).age()).contains(Duration.ofMinutes(2));
        fixture.events.awaitLoads();
        assertThat(fixture.calculator.calls()).isEqualTo(1);
        assertThat(service.get(ORG, MARCH).age()).contains(Duration.ZERO);
    }

    @Test
    void failingClosedADueFallbackCopyIsServedAndNotRefreshed() {
        UsageService service = fixture.open(builder(OutagePolicy.FAIL_CLOSED));
        remember(Duration.ofMinutes(2));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        fixture.events.awaitLoads();
        assertThat(fixture.calculator.calls()).isZero();
    }

    @Test
    void aRefreshOfAFallbackCopyTakesAFreePermitOrNone() throws InterruptedException {
        UsageService service = fixture.open(builder(OutagePolicy.FAIL_OPEN).maxConcurrentComputations(1));
        fixture.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        fixture.calculator.awaitBegun(1);
        remember(Duration.ofMinutes(2));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        assertThat(fixture.events.count("refreshDropped")).isEqualTo(1);
    }

    @Test
    void failingOpenAFallbackCopyPastItsHardLimitIsALastResort() {
        UsageService service = fixture.open(builder(OutagePolicy.FAIL_OPEN));
        remember(Duration.ofMinutes(10));
        fixture.database.goDown();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE_ON_ERROR);
        fixture.database.comeBack();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void failingClosedItIsServedWithoutAnAttempt() {
        UsageService service = fixture.open(builder(OutagePolicy.FAIL_CLOSED));
        remember(Duration.ofMinutes(10));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE_ON_ERROR);
        assertThat(fixture.calculator.calls()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void aFallbackCopyPastItsGraceIsIgnored(OutagePolicy policy) {
        UsageService service = fixture.open(builder(policy));
        remember(Duration.ofMinutes(10).plus(GRACE));
        fixture.database.goDown();
        assertThatExceptionOfType(
                        policy == OutagePolicy.FAIL_OPEN
                                ? UsageCalculationException.class
                                : UsageUnavailableException.class)
                .isThrownBy(() -> service.get(ORG, MARCH));
    }

    @Test
    void failingOpenAFigureWithoutFallbackCopyIsComputedAndKeptAsOne() throws InterruptedException {
        UsageService service = fixture.open(builder(OutagePolicy.FAIL_OPEN));
        UsageResult computed = service.get(ORG, MARCH);
        assertThat(computed.freshness()).isEqualTo(Freshness.FRESH);
        assertFigure(computed);
        fixture.events.await("cacheWriteFailed", 1);

        fixture.clock.advance(Duration.ofSeconds(3));
        UsageResult next = service.get(ORG, MARCH);

        assertThat(next.freshness()).isEqualTo(Freshness.STALE);
        assertThat(next.age()).contains(Duration.ofSeconds(3));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void failingClosedItIsRefusedWithTheReason() {
        UsageService service = fixture.open(builder(OutagePolicy.FAIL_CLOSED));
        assertThatExceptionOfType(UsageUnavailableException.class)
                .isThrownBy(() -> service.get(ORG, MARCH))
                .withMessage("the usage of " + KEY + " isn't computed while the cache can't be reached")
                .withCauseInstanceOf(UsageCacheException.class);
        assertThat(fixture.calculator.calls()).isZero();
        assertThat(fixture.events.names()).as("it isn't a miss").containsExactly("cacheReadFailed");
    }

    @ParameterizedTest
    @EnumSource
    void onceTheCacheIsBackAllIsAsEver(OutagePolicy policy) {
        UsageService service = fixture.open(builder(policy));
        remember(Duration.ofSeconds(1));
        service.get(ORG, MARCH);
        fixture.cache.comeBack();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        assertThat(fixture.calculator.calls())
                .as("the fallback copy isn't served any more")
                .isEqualTo(1);
    }

    @Test
    void failingOpenWithoutRoomTheFigureIsPendingWhateverTheMissPolicy() throws InterruptedException {
        UsageService service = fixture.open(builder(OutagePolicy.FAIL_OPEN)
                .missPolicy(MissPolicy.await())
                .maxConcurrentComputations(1)
                .maxQueuedComputations(0));
        fixture.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        fixture.calculator.awaitBegun(1);
        UsageResult result = service.get(ORG, MARCH);
        assertThat(result.isPending()).isTrue();
        assertThat(result.usage()).isEmpty();
    }

    @Test
    void aWriteThatFailsLeavesAFallbackCopy() {
        fixture.cache.comeBack();
        UsageService service = fixture.open(UsageService.builder((key, timeout) -> {
                    fixture.cache.goDown();
                    return fixture.database.calculate(key, timeout);
                })
                .cache(cache)
                .ticker(fixture.clock.ticker()));
        service.get(ORG, MARCH);
        assertThat(cache.fallback(KEY)
                        .map(AgedUsage::usage)
                        .map(usage -> usage.received().bytes()))
                .contains(1_024L);
    }

    @Test
    void aMemoryThatThrowsCostsNoAnswer() throws InterruptedException {
        UsageService service = fixture.open(builder(OutagePolicy.FAIL_OPEN));
        cache.breakMemory();
        assertFigure(service.get(ORG, MARCH));
        fixture.events.await("cacheWriteFailed", 1);
        assertFigure(service.get(ORG, MARCH));
    }

    private UsageServiceBuilder builder(OutagePolicy policy) {
        return fixture.builder().cache(cache).outagePolicy(policy).staleIfError(GRACE);
    }

    private void remember(Duration age) {
        UsageServiceNearTest.rememberIn(cache, fixture, MARCH, age);
    }
}
