package io.usagekit.verification.service;

import static io.usagekit.verification.service.Scene.KEY;
import static io.usagekit.verification.service.Scene.MARCH;
import static io.usagekit.verification.service.Scene.ORG;
import static io.usagekit.verification.service.Scene.assertFigure;
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

    private final Scene scene = new Scene();
    private final TwoTierCache cache = new TwoTierCache(scene.clock, scene.cache);

    @BeforeEach
    void begin() {
        scene.cache.goDown();
        cache.loseTrack();
    }

    @AfterEach
    void close() {
        scene.close();
    }

    @ParameterizedTest
    @EnumSource
    void aFallbackCopyIsNeverFresh(OutagePolicy policy) {
        UsageService service = scene.open(builder(policy));
        remember(Duration.ofSeconds(1));
        UsageResult result = service.get(ORG, MARCH);
        assertThat(result.freshness()).isEqualTo(Freshness.STALE);
        assertFigure(result);
        assertThat(scene.events.names()).containsExactly("cacheReadFailed", "staleServed");
        assertThat(scene.calculator.calls()).as("it isn't due").isZero();
    }

    @Test
    void failingOpenADueFallbackCopyIsRefreshedAndReplaced() {
        UsageService service = scene.open(builder(OutagePolicy.FAIL_OPEN));
        remember(Duration.ofMinutes(2));
        assertThat(service.get(ORG, MARCH).age()).contains(Duration.ofMinutes(2));
        scene.events.awaitLoads();
        assertThat(scene.calculator.calls()).isEqualTo(1);
        assertThat(service.get(ORG, MARCH).age()).contains(Duration.ZERO);
    }

    @Test
    void failingClosedADueFallbackCopyIsServedAndNotRefreshed() {
        UsageService service = scene.open(builder(OutagePolicy.FAIL_CLOSED));
        remember(Duration.ofMinutes(2));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        scene.events.awaitLoads();
        assertThat(scene.calculator.calls()).isZero();
    }

    @Test
    void aRefreshOfAFallbackCopyTakesAFreePermitOrNone() throws InterruptedException {
        UsageService service = scene.open(builder(OutagePolicy.FAIL_OPEN).maxConcurrentComputations(1));
        scene.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        scene.calculator.awaitBegun(1);
        remember(Duration.ofMinutes(2));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        assertThat(scene.events.count("refreshDropped")).isEqualTo(1);
    }

    @Test
    void failingOpenAFallbackCopyPastItsHardLimitIsALastResort() {
        UsageService service = scene.open(builder(OutagePolicy.FAIL_OPEN));
        remember(Duration.ofMinutes(10));
        scene.database.goDown();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE_ON_ERROR);
        scene.database.comeBack();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void failingClosedItIsServedWithoutAnAttempt() {
        UsageService service = scene.open(builder(OutagePolicy.FAIL_CLOSED));
        remember(Duration.ofMinutes(10));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE_ON_ERROR);
        assertThat(scene.calculator.calls()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void aFallbackCopyPastItsGraceIsIgnored(OutagePolicy policy) {
        UsageService service = scene.open(builder(policy));
        remember(Duration.ofMinutes(10).plus(GRACE));
        scene.database.goDown();
        assertThatExceptionOfType(
                        policy == OutagePolicy.FAIL_OPEN
                                ? UsageCalculationException.class
                                : UsageUnavailableException.class)
                .isThrownBy(() -> service.get(ORG, MARCH));
    }

    @Test
    void failingOpenAFigureWithoutFallbackCopyIsComputedAndKeptAsOne() throws InterruptedException {
        UsageService service = scene.open(builder(OutagePolicy.FAIL_OPEN));
        UsageResult computed = service.get(ORG, MARCH);
        assertThat(computed.freshness()).isEqualTo(Freshness.FRESH);
        assertFigure(computed);
        scene.events.await("cacheWriteFailed", 1);

        scene.clock.advance(Duration.ofSeconds(3));
        UsageResult next = service.get(ORG, MARCH);

        assertThat(next.freshness()).isEqualTo(Freshness.STALE);
        assertThat(next.age()).contains(Duration.ofSeconds(3));
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void failingClosedItIsRefusedWithTheReason() {
        UsageService service = scene.open(builder(OutagePolicy.FAIL_CLOSED));
        assertThatExceptionOfType(UsageUnavailableException.class)
                .isThrownBy(() -> service.get(ORG, MARCH))
                .withMessage("the usage of " + KEY + " isn't computed while the cache can't be reached")
                .withCauseInstanceOf(UsageCacheException.class);
        assertThat(scene.calculator.calls()).isZero();
        assertThat(scene.events.names()).as("it isn't a miss").containsExactly("cacheReadFailed");
    }

    @ParameterizedTest
    @EnumSource
    void onceTheCacheIsBackAllIsAsEver(OutagePolicy policy) {
        UsageService service = scene.open(builder(policy));
        remember(Duration.ofSeconds(1));
        service.get(ORG, MARCH);
        scene.cache.comeBack();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        assertThat(scene.calculator.calls())
                .as("the fallback copy isn't served any more")
                .isEqualTo(1);
    }

    @Test
    void failingOpenWithoutRoomTheFigureIsPendingWhateverTheMissPolicy() throws InterruptedException {
        UsageService service = scene.open(builder(OutagePolicy.FAIL_OPEN)
                .missPolicy(MissPolicy.await())
                .maxConcurrentComputations(1)
                .maxQueuedComputations(0));
        scene.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        scene.calculator.awaitBegun(1);
        UsageResult result = service.get(ORG, MARCH);
        assertThat(result.isPending()).isTrue();
        assertThat(result.usage()).isEmpty();
    }

    @Test
    void aWriteThatFailsLeavesAFallbackCopy() {
        scene.cache.comeBack();
        UsageService service = scene.open(UsageService.builder((key, timeout) -> {
                    scene.cache.goDown();
                    return scene.database.calculate(key, timeout);
                })
                .cache(cache)
                .ticker(scene.clock.ticker()));
        service.get(ORG, MARCH);
        assertThat(cache.fallback(KEY)
                        .map(AgedUsage::usage)
                        .map(usage -> usage.received().bytes()))
                .contains(1_024L);
    }

    @Test
    void aMemoryThatThrowsCostsNoAnswer() throws InterruptedException {
        UsageService service = scene.open(builder(OutagePolicy.FAIL_OPEN));
        cache.breakMemory();
        assertFigure(service.get(ORG, MARCH));
        scene.events.await("cacheWriteFailed", 1);
        assertFigure(service.get(ORG, MARCH));
    }

    private UsageServiceBuilder builder(OutagePolicy policy) {
        return scene.builder().cache(cache).outagePolicy(policy).staleIfError(GRACE);
    }

    private void remember(Duration age) {
        UsageServiceNearTest.rememberIn(cache, scene, MARCH, age);
    }
}
