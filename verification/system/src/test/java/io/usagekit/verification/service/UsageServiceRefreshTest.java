package io.usagekit.verification.service;

import static io.usagekit.verification.service.Scene.MARCH;
import static io.usagekit.verification.service.Scene.ORG;
import static io.usagekit.verification.service.Scene.START;
import static io.usagekit.verification.service.Scene.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A figure past its soft limit: answered at once, refreshed once, in the background. */
class UsageServiceRefreshTest {

    private static final Duration REFRESH_AFTER = Duration.ofMinutes(1);
    private static final Duration TTL = Duration.ofMinutes(10);

    private final Scene scene = new Scene();

    @AfterEach
    void close() {
        scene.close();
    }

    @Test
    void aSoftExpiredFigureIsAnsweredAtOnceWhileItsRefreshIsStillUnderWay() throws InterruptedException {
        UsageService service = scene.open();
        service.get(ORG, MARCH);
        scene.clock.advance(Duration.ofMinutes(2));
        scene.calculator.awaitBegun(1);
        scene.calculator.hold();

        UsageResult result = service.get(ORG, MARCH);

        assertThat(result.freshness()).isEqualTo(Freshness.STALE);
        assertFigure(result);
        assertThat(result.age()).contains(Duration.ofMinutes(2));
        assertThat(result.createdAt()).isEqualTo(START);
        scene.calculator.awaitBegun(1);
        assertThat(scene.calculator.threads().get(1)).as("the refresh's thread").isNotSameAs(Thread.currentThread());
    }

    @Test
    void thereIsOneRefreshHoweverManyHitsAskForIt() throws InterruptedException {
        UsageService service = scene.open();
        scene.keep(Duration.ofMinutes(2));
        scene.calculator.hold();
        UsageResult first = service.get(ORG, MARCH);
        scene.calculator.awaitBegun(1);

        List<Future<UsageResult>> hits = scene.callManyTimes(64, () -> service.get(ORG, MARCH));

        assertThat(first.freshness()).isEqualTo(Freshness.STALE);
        hits.forEach(hit -> assertThat(Scene.done(hit).freshness()).isEqualTo(Freshness.STALE));
        scene.calculator.release();
        scene.events.awaitLoads();
        assertThat(scene.calculator.calls()).isEqualTo(1);
        assertThat(scene.events.count("refreshStarted")).isEqualTo(1);
        assertThat(scene.events.count("coalesced")).isEqualTo(64);
    }

    @Test
    void aFigureIsSoftExpiredAfterATenthOfItsTtlUnlessToldOtherwise() {
        UsageService service = scene.open(scene.builder().ttl(Duration.ofSeconds(30)));
        scene.keep(Duration.ofSeconds(3).minusNanos(1));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        scene.keep(Duration.ofSeconds(3));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
    }

    @Test
    void theRefreshedFigureIsServedNext() {
        UsageService service = scene.open();
        service.get(ORG, MARCH);
        scene.database.received(ORG, START, 10);
        scene.clock.advance(Duration.ofMinutes(2));
        assertFigure(service.get(ORG, MARCH));
        scene.events.awaitLoads();

        UsageResult result = service.get(ORG, MARCH);

        assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
        assertThat(result.usage().map(OrganisationUsage::received)).contains(new UsageMetrics(2, 1_034));
        assertThat(result.createdAt()).isEqualTo(START.plus(Duration.ofMinutes(2)));
        assertThat(result.age()).contains(Duration.ZERO);
    }

    @Test
    void aFigureIsFreshUntilItReachesTheSoftLimit() throws InterruptedException {
        UsageService service = scene.open();
        scene.keep(REFRESH_AFTER.minusNanos(1));
        assertThat(service.get(ORG, MARCH).freshness()).as("1 ns before").isEqualTo(Freshness.FRESH);
        assertThat(scene.events.names()).containsExactly("hit");

        scene.clock.advance(Duration.ofNanos(1));

        assertThat(service.get(ORG, MARCH).freshness()).as("at the limit").isEqualTo(Freshness.STALE);
        scene.events.await("refreshStarted", 1);
    }

    @Test
    void aRefreshThatFailsLeavesTheStaleFigureInPlaceUntilItsTimeIsOver() {
        UsageService service = scene.open();
        service.get(ORG, MARCH);
        scene.database.goDown();
        for (int minute = 2; minute < 10; minute++) {
            scene.clock.advance(Duration.ofMinutes(minute == 2 ? 2 : 1));
            UsageResult result = service.get(ORG, MARCH);
            assertThat(result.freshness()).as("after %d minutes", minute).isEqualTo(Freshness.STALE);
            assertThat(result.createdAt()).isEqualTo(START);
            scene.events.awaitLoads();
        }
        assertThat(scene.events.count("computationFailed")).isEqualTo(8);

        scene.clock.advance(Duration.ofMinutes(1));

        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
    }

    @Test
    void aRefreshAfterAFailedOneSucceeds() {
        UsageService service = scene.open();
        scene.keep(Duration.ofMinutes(2));
        scene.database.goDown();
        service.get(ORG, MARCH);
        scene.events.awaitLoads();
        scene.database.comeBack();
        service.get(ORG, MARCH);
        scene.events.awaitLoads();

        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        assertThat(scene.events.count("refreshStarted")).isEqualTo(2);
    }

    @Test
    void refreshAfterZeroRefreshesOnEachHit() {
        UsageService service = scene.open(scene.builder().refreshAfter(Duration.ZERO));
        assertThat(service.get(ORG, MARCH).freshness()).as("computed just now").isEqualTo(Freshness.FRESH);
        for (int hit = 1; hit <= 3; hit++) {
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
            scene.events.awaitLoads();
            assertThat(scene.calculator.calls()).as("after hit %d", hit).isEqualTo(1 + hit);
        }
    }

    @Test
    void refreshAfterZeroNeverRefreshesTwiceAtATime() throws InterruptedException {
        UsageService service = scene.open(scene.builder().refreshAfter(Duration.ZERO));
        scene.keep(Duration.ZERO);
        scene.calculator.hold();
        service.get(ORG, MARCH);
        scene.calculator.awaitBegun(1);

        scene.callManyTimes(32, () -> service.get(ORG, MARCH)).forEach(Scene::done);

        assertThat(scene.calculator.calls()).as("while the first is under way").isEqualTo(1);
        scene.calculator.release();
        scene.events.awaitLoads();
        scene.callManyTimes(32, () -> service.get(ORG, MARCH)).forEach(Scene::done);
        scene.events.awaitLoads();
        assertThat(scene.calculator.mostAtOnce()).isEqualTo(1);
    }

    @Test
    void aRefreshEndsAtItsOwnDeadlineAndALaterHitStartsAnother() throws InterruptedException {
        UsageService service = scene.open(scene.builder().computationTimeout(Duration.ofMillis(200)));
        scene.keep(Duration.ofMinutes(2));
        scene.calculator.hold();
        service.get(ORG, MARCH);
        scene.calculator.awaitBegun(1);
        scene.events.awaitLoads();

        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);

        scene.calculator.awaitBegun(1);
        assertThat(scene.events.count("refreshStarted")).isEqualTo(2);
    }

    @Test
    void aCallerInterruptedBeforehandGetsTheStaleFigureAndDoesNotDisturbTheRefresh() throws InterruptedException {
        UsageService service = scene.open();
        scene.keep(Duration.ofMinutes(2));
        scene.calculator.hold();

        Future<Boolean> caller = scene.call(() -> {
            Thread.currentThread().interrupt();
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
            return Thread.interrupted();
        });

        assertThat(Scene.done(caller))
                .as("the caller is still marked as interrupted")
                .isTrue();
        scene.calculator.awaitBegun(1);
        scene.calculator.release();
        scene.events.awaitLoads();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void aHitHeldUpUntilAnotherHasRefreshedDoesNotRefreshOnceMore() throws InterruptedException {
        HeldCache held = new HeldCache(scene.cache);
        UsageService service = scene.open(scene.builder().cache(held));
        scene.keep(Duration.ofMinutes(2));
        Future<UsageResult> late = scene.call(() -> {
            held.holdThisThread();
            return service.get(ORG, MARCH);
        });
        held.awaitHeld(1);
        service.get(ORG, MARCH);
        scene.events.awaitLoads();

        held.release();

        assertThat(Scene.done(late).freshness()).isEqualTo(Freshness.STALE);
        scene.events.awaitLoads();
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void aRefreshThatTheExecutorRejectsIsDroppedAndLeftToALaterHit() {
        AtomicBoolean full = new AtomicBoolean(true);
        UsageService service = scene.open(scene.builder().executor(task -> {
            if (full.get()) {
                throw new RejectedExecutionException("full");
            }
            task.run();
        }));
        scene.keep(Duration.ofMinutes(2));

        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        assertThat(scene.events.names()).containsExactly("hit", "refreshDropped", "staleServed");

        full.set(false);
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        assertThat(scene.events.names())
                .containsExactlyInAnyOrder(
                        "hit", "refreshDropped", "staleServed", "hit", "computed", "refreshStarted", "staleServed");
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void aRefreshThatStartedButCannotReadTheCacheComputesAllTheSame() throws InterruptedException {
        HeldCache held = new HeldCache(scene.cache);
        UsageService service = scene.open(scene.builder().cache(held));
        scene.keep(Duration.ofMinutes(2));
        Future<UsageResult> hit = scene.call(() -> {
            held.holdThisThread();
            return service.get(ORG, MARCH);
        });
        held.awaitHeld(1);
        scene.cache.goDown();
        held.release();

        assertThat(Scene.done(hit).freshness()).isEqualTo(Freshness.STALE);
        scene.events.await("cacheWriteFailed", 1);
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void theLimitsHoldForTheTimeBetweenThem() {
        UsageService service = scene.open(scene.builder().ttl(TTL));
        scene.keep(TTL.minusNanos(1));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
    }
}
