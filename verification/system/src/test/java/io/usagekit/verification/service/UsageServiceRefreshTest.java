package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.START;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A figure past its soft limit: answered at once, refreshed once, in the background. */
class UsageServiceRefreshTest {

    private static final Duration REFRESH_AFTER = Duration.ofMinutes(1);
    private static final Duration TTL = Duration.ofMinutes(10);

    private final ServiceFixture fixture = new ServiceFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void aSoftExpiredFigureIsAnsweredAtOnceWhileItsRefreshIsStillUnderWay() throws InterruptedException {
        UsageService service = fixture.open();
        service.get(ORG, MARCH);
        fixture.clock.advance(Duration.ofMinutes(2));
        fixture.calculator.awaitBegun(1);
        fixture.calculator.hold();

        UsageResult result = service.get(ORG, MARCH);

        assertThat(result.freshness()).isEqualTo(Freshness.STALE);
        assertFigure(result);
        assertThat(result.age()).contains(Duration.ofMinutes(2));
        assertThat(result.createdAt()).isEqualTo(START);
        fixture.calculator.awaitBegun(1);
        assertThat(fixture.calculator.threads().get(1))
                .as("the refresh's thread")
                .isNotSameAs(Thread.currentThread());
    }

    @Test
    void thereIsOneRefreshHoweverManyHitsAskForIt() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.keep(Duration.ofMinutes(2));
        fixture.calculator.hold();
        UsageResult first = service.get(ORG, MARCH);
        fixture.calculator.awaitBegun(1);

        List<Future<UsageResult>> hits = fixture.callManyTimes(64, () -> service.get(ORG, MARCH));

        assertThat(first.freshness()).isEqualTo(Freshness.STALE);
        hits.forEach(hit -> assertThat(ServiceFixture.done(hit).freshness()).isEqualTo(Freshness.STALE));
        fixture.calculator.release();
        fixture.events.awaitLoads();
        assertThat(fixture.calculator.calls()).isEqualTo(1);
        assertThat(fixture.events.count("refreshStarted")).isEqualTo(1);
        assertThat(fixture.events.count("coalesced")).isEqualTo(64);
    }

    @Test
    void aFigureIsSoftExpiredAfterATenthOfItsTtlUnlessToldOtherwise() {
        UsageService service = fixture.open(fixture.builder().ttl(Duration.ofSeconds(30)));
        fixture.keep(Duration.ofSeconds(3).minusNanos(1));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        fixture.keep(Duration.ofSeconds(3));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
    }

    @Test
    void theRefreshedFigureIsServedNext() {
        UsageService service = fixture.open();
        service.get(ORG, MARCH);
        fixture.database.received(ORG, START, 10);
        fixture.clock.advance(Duration.ofMinutes(2));
        assertFigure(service.get(ORG, MARCH));
        fixture.events.awaitLoads();

        UsageResult result = service.get(ORG, MARCH);

        assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
        assertThat(result.usage().map(OrganisationUsage::received)).contains(new UsageMetrics(2, 1_034));
        assertThat(result.createdAt()).isEqualTo(START.plus(Duration.ofMinutes(2)));
        assertThat(result.age()).contains(Duration.ZERO);
    }

    @Test
    void aFigureIsFreshUntilItReachesTheSoftLimit() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.keep(REFRESH_AFTER.minusNanos(1));
        assertThat(service.get(ORG, MARCH).freshness()).as("1 ns before").isEqualTo(Freshness.FRESH);
        assertThat(fixture.events.names()).containsExactly("hit");

        fixture.clock.advance(Duration.ofNanos(1));

        assertThat(service.get(ORG, MARCH).freshness()).as("at the limit").isEqualTo(Freshness.STALE);
        fixture.events.await("refreshStarted", 1);
    }

    @Test
    void aRefreshThatFailsLeavesTheStaleFigureInPlaceUntilItsTimeIsOver() {
        UsageService service = fixture.open();
        service.get(ORG, MARCH);
        fixture.database.goDown();
        for (int minute = 2; minute < 10; minute++) {
            fixture.clock.advance(Duration.ofMinutes(minute == 2 ? 2 : 1));
            UsageResult result = service.get(ORG, MARCH);
            assertThat(result.freshness()).as("after %d minutes", minute).isEqualTo(Freshness.STALE);
            assertThat(result.createdAt()).isEqualTo(START);
            fixture.events.awaitLoads();
        }
        assertThat(fixture.events.count("computationFailed")).isEqualTo(8);

        fixture.clock.advance(Duration.ofMinutes(1));

        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
    }

    @Test
    void aRefreshAfterAFailedOneSucceeds() {
        UsageService service = fixture.open();
        fixture.keep(Duration.ofMinutes(2));
        fixture.database.goDown();
        service.get(ORG, MARCH);
        fixture.events.awaitLoads();
        fixture.database.comeBack();
        service.get(ORG, MARCH);
        fixture.events.awaitLoads();

        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        assertThat(fixture.events.count("refreshStarted")).isEqualTo(2);
    }

    @Test
    void aRefreshThatSucceededIsFollowedByTheNextOneHoweverLongTheBackOff() {
        UsageService service = fixture.open(
                fixture.builder().errorBackOff(Duration.ofMinutes(1)).refreshAfter(Duration.ofSeconds(10)));
        service.get(ORG, MARCH);
        for (int refresh = 1; refresh <= 2; refresh++) {
            fixture.clock.advance(Duration.ofSeconds(20));
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
            fixture.events.awaitLoads();
            // Listeners are notified of a refresh's end before the next one may begin: it may take another hit.
            long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
            while (fixture.calculator.calls() <= refresh) {
                assertThat(System.nanoTime()).as("refresh %d begins", refresh).isLessThan(deadline);
                service.get(ORG, MARCH);
                fixture.events.awaitLoads();
            }
            assertThat(fixture.calculator.calls()).isEqualTo(1 + refresh);
        }
    }

    /** The interval of attempts counts from the start of one, the back-off from its failure; that lasts for half its length at least. */
    @Test
    void aHitDuringTheBackOffStartsNoLoad() throws InterruptedException {
        AtomicInteger loads = new AtomicInteger();
        UsageService service = fixture.open(
                fixture.builder().errorBackOff(Duration.ofSeconds(10)).addListener(new UsageListener() {
                    @Override
                    public void loadRequested(UsageKey key) {
                        loads.incrementAndGet();
                    }
                }));
        fixture.keep(Duration.ofMinutes(2));
        fixture.calculator.hold();
        service.get(ORG, MARCH);
        fixture.calculator.awaitBegun(1);
        fixture.clock.advance(Duration.ofSeconds(9));
        fixture.database.goDown();
        fixture.calculator.release();
        fixture.events.awaitLoads();

        fixture.clock.advance(Duration.ofSeconds(2));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        assertThat(loads).hasValue(1);
    }

    @Test
    void refreshAfterZeroRefreshesOnEachHit() {
        UsageService service = fixture.open(fixture.builder().refreshAfter(Duration.ZERO));
        assertThat(service.get(ORG, MARCH).freshness()).as("computed just now").isEqualTo(Freshness.FRESH);
        for (int hit = 1; hit <= 3; hit++) {
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
            fixture.events.awaitLoads();
            assertThat(fixture.calculator.calls()).as("after hit %d", hit).isEqualTo(1 + hit);
        }
    }

    @Test
    void refreshAfterZeroNeverRefreshesTwiceAtATime() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().refreshAfter(Duration.ZERO));
        fixture.keep(Duration.ZERO);
        fixture.calculator.hold();
        service.get(ORG, MARCH);
        fixture.calculator.awaitBegun(1);

        fixture.callManyTimes(32, () -> service.get(ORG, MARCH)).forEach(ServiceFixture::done);

        assertThat(fixture.calculator.calls())
                .as("while the first is under way")
                .isEqualTo(1);
        fixture.calculator.release();
        fixture.events.awaitLoads();
        fixture.callManyTimes(32, () -> service.get(ORG, MARCH)).forEach(ServiceFixture::done);
        fixture.events.awaitLoads();
        assertThat(fixture.calculator.mostAtOnce()).isEqualTo(1);
    }

    @Test
    void aRefreshEndsAtItsOwnDeadlineAndALaterHitStartsAnother() throws InterruptedException {
        ManualTimers timers = new ManualTimers();
        UsageService service = fixture.open(fixture.builder().singleFlight(timers.singleFlight()));
        fixture.keep(Duration.ofMinutes(2));
        fixture.calculator.hold();
        service.get(ORG, MARCH);
        fixture.calculator.awaitBegun(1);
        timers.goOff();
        fixture.events.awaitLoads();

        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);

        fixture.calculator.awaitBegun(1);
        assertThat(fixture.events.count("refreshStarted")).isEqualTo(2);
    }

    @Test
    void aCallerInterruptedBeforehandGetsTheStaleFigureAndDoesNotDisturbTheRefresh() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.keep(Duration.ofMinutes(2));
        fixture.calculator.hold();

        Future<Boolean> caller = fixture.call(() -> {
            Thread.currentThread().interrupt();
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
            return Thread.interrupted();
        });

        assertThat(ServiceFixture.done(caller))
                .as("the caller is still marked as interrupted")
                .isTrue();
        fixture.calculator.awaitBegun(1);
        fixture.calculator.release();
        fixture.events.awaitLoads();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void aHitHeldUpUntilAnotherHasRefreshedDoesNotRefreshOnceMore() throws InterruptedException {
        HeldCache held = new HeldCache(fixture.cache);
        UsageService service = fixture.open(fixture.builder().cache(held));
        fixture.keep(Duration.ofMinutes(2));
        Future<UsageResult> late = fixture.call(() -> {
            held.holdThisThread();
            return service.get(ORG, MARCH);
        });
        held.awaitHeld(1);
        service.get(ORG, MARCH);
        fixture.events.awaitLoads();

        held.release();

        assertThat(ServiceFixture.done(late).freshness()).isEqualTo(Freshness.STALE);
        fixture.events.awaitLoads();
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void aRefreshThatTheExecutorRejectsIsDroppedAndLeftToALaterHit() {
        AtomicBoolean full = new AtomicBoolean(true);
        UsageService service = fixture.open(fixture.builder().executor(task -> {
            if (full.get()) {
                throw new RejectedExecutionException("full");
            }
            task.run();
        }));
        fixture.keep(Duration.ofMinutes(2));

        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        assertThat(fixture.events.names()).containsExactly("hit", "refreshDropped", "staleServed");

        full.set(false);
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        assertThat(fixture.events.names())
                .containsExactlyInAnyOrder(
                        "hit", "refreshDropped", "staleServed", "hit", "computed", "refreshStarted", "staleServed");
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void aRefreshThatStartedButCannotReadTheCacheComputesAllTheSame() throws InterruptedException {
        HeldCache held = new HeldCache(fixture.cache);
        UsageService service = fixture.open(fixture.builder().cache(held));
        fixture.keep(Duration.ofMinutes(2));
        Future<UsageResult> hit = fixture.call(() -> {
            held.holdThisThread();
            return service.get(ORG, MARCH);
        });
        held.awaitHeld(1);
        fixture.cache.goDown();
        held.release();

        assertThat(ServiceFixture.done(hit).freshness()).isEqualTo(Freshness.STALE);
        fixture.events.await("cacheWriteFailed", 1);
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void theLimitsHoldForTheTimeBetweenThem() {
        UsageService service = fixture.open(fixture.builder().ttl(TTL));
        fixture.keep(TTL.minusNanos(1));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
    }
}
