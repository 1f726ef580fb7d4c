package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.KEY;
import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.time.YearMonth;
import java.util.List;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** However many ask at the same time, one computation. */
class UsageServiceCoalescingTest {

    private final ServiceFixture fixture = new ServiceFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void sixtyFourThreadsOnAColdKeyAreOneComputation() throws InterruptedException {
        UsageService service = fixture.open();

        List<Future<UsageResult>> callers = callersOfOneComputation(service, "miss");

        callers.forEach(caller -> assertFigure(ServiceFixture.done(caller)));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
        assertThat(fixture.cache.writes()).isEqualTo(1);
        assertThat(fixture.events.count("coalesced")).isEqualTo(63);
    }

    @Test
    void withoutACacheTheyAreOneComputationToo() throws InterruptedException {
        UsageService service = fixture.open(fixture.withoutCache());

        List<Future<UsageResult>> callers = callersOfOneComputation(service, "miss");

        callers.forEach(caller -> assertFigure(ServiceFixture.done(caller)));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void whileTheCacheIsDownTheyAreOneComputationToo() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.cache.goDown();

        List<Future<UsageResult>> callers = callersOfOneComputation(service, "cacheReadFailed");

        callers.forEach(caller -> assertFigure(ServiceFixture.done(caller)));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void thoseHeldUpBetweenTheirMissAndTheirFlightFindWhatTheOthersKept() throws InterruptedException {
        HeldCache held = new HeldCache(fixture.cache);
        UsageService service = fixture.open(fixture.builder().cache(held));
        List<Future<UsageResult>> late = fixture.callManyTimes(32, () -> {
            held.holdThisThread();
            return service.get(ORG, MARCH);
        });
        held.awaitHeld(32);
        List<Future<UsageResult>> quick = fixture.callManyTimes(32, () -> service.get(ORG, MARCH));
        quick.forEach(caller -> assertFigure(ServiceFixture.done(caller)));
        fixture.events.awaitLoads();
        fixture.clock.advance(Duration.ofSeconds(3));

        held.release();

        for (Future<UsageResult> caller : late) {
            assertFigure(ServiceFixture.done(caller));
            assertThat(ServiceFixture.done(caller).age())
                    .as("the age of what was found")
                    .contains(Duration.ofSeconds(3));
        }
        assertThat(fixture.calculator.calls()).as("computations for 64 callers").isEqualTo(1);
        assertThat(fixture.cache.writes()).isEqualTo(1);
    }

    @Test
    void thoseHeldUpFindItEvenWhereEachHitIsToBeRefreshed() throws InterruptedException {
        HeldCache held = new HeldCache(fixture.cache);
        UsageService service = fixture.open(fixture.builder().cache(held).refreshAfter(Duration.ZERO));
        Future<UsageResult> late = fixture.call(() -> {
            held.holdThisThread();
            return service.get(ORG, MARCH);
        });
        held.awaitHeld(1);
        service.get(ORG, MARCH);

        held.release();

        assertFigure(ServiceFixture.done(late));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void withoutACacheWhoAsksAfterTheLandingStartsAnew() {
        UsageService service = fixture.open(fixture.withoutCache());
        service.get(ORG, MARCH);
        fixture.clock.advance(Duration.ofSeconds(1));

        UsageResult result = service.get(ORG, MARCH);

        assertThat(result.createdAt()).isEqualTo(fixture.clock.instant());
        assertThat(fixture.events.count("coalesced")).isZero();
    }

    @Test
    void differentKeysAreComputedSideBySide() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.calculator.hold();
        List<UsageKey> keys = List.of(
                KEY, new UsageKey("org-124", MARCH), new UsageKey(ORG, UsagePeriod.month(YearMonth.of(2026, 4))));
        List<Future<UsageResult>> callers = keys.stream()
                .map(key -> fixture.call(() -> service.get(key.organisationId(), key.period())))
                .toList();

        fixture.calculator.awaitBegun(3);

        fixture.calculator.release();
        for (int i = 0; i < keys.size(); i++) {
            assertThat(ServiceFixture.done(callers.get(i)).key()).isEqualTo(keys.get(i));
        }
    }

    @Test
    void eachCallerGetsItsOwnLabelThoughItJoinedAFlightUnderAnother() throws InterruptedException {
        UsageService service = fixture.open();
        UsagePeriod window = UsagePeriod.between(MARCH.start(), MARCH.end());
        fixture.calculator.hold();
        Future<UsageResult> asMonth = fixture.call(() -> service.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);
        Future<UsageResult> asWindow = fixture.call(() -> service.get(ORG, window));
        fixture.events.await("coalesced", 1);
        fixture.calculator.release();

        assertLabel("2026-03", ServiceFixture.done(asMonth));
        assertLabel("2026-03-01T00:00:00Z/2026-04-01T00:00:00Z", ServiceFixture.done(asWindow));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    /** The figure that it gets may be of before its call, by as long as the computation takes. */
    @Test
    void whoJoinsALongLoadLateGetsNoFigureOfLongBeforeAsFresh() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().refreshAfter(Duration.ofSeconds(5)));
        fixture.calculator.hold();
        Future<UsageResult> first = fixture.call(() -> service.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);
        fixture.clock.advance(Duration.ofSeconds(2));
        Future<UsageResult> soon = fixture.call(() -> service.get(ORG, MARCH));
        fixture.events.await("coalesced", 1);
        fixture.clock.advance(Duration.ofSeconds(2));
        fixture.calculator.release();
        assertThat(ServiceFixture.done(first).freshness()).isEqualTo(Freshness.FRESH);
        assertThat(ServiceFixture.done(soon).freshness()).isEqualTo(Freshness.FRESH);

        fixture.cache.invalidate(KEY);
        fixture.calculator.hold();
        first = fixture.call(() -> service.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);
        fixture.clock.advance(Duration.ofSeconds(6));
        Future<UsageResult> late = fixture.call(() -> service.get(ORG, MARCH));
        Future<UsageResult> renewal = fixture.call(() -> service.refresh(ORG, MARCH));
        fixture.events.await("coalesced", 3);
        fixture.calculator.release();
        assertThat(ServiceFixture.done(first).freshness())
                .as("computed while its caller waited")
                .isEqualTo(Freshness.FRESH);
        assertThat(ServiceFixture.done(late).freshness()).isEqualTo(Freshness.STALE);
        assertThat(ServiceFixture.done(late).age()).contains(Duration.ofSeconds(6));
        assertThat(ServiceFixture.done(renewal).freshness())
                .as("of a refresh, which joins any computation")
                .isEqualTo(Freshness.FRESH);
    }

    @Test
    void aFailureIsTheSameForAllWhoJoinedAndIsNotKept() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.database.goDown();

        List<Future<UsageResult>> callers = callersOfOneComputation(service, "miss");

        Throwable first = ServiceFixture.failure(callers.get(0));
        assertThat(first).isInstanceOf(UsageCalculationException.class).hasMessageContaining("taken down");
        callers.forEach(caller -> assertThat(ServiceFixture.failure(caller)).isSameAs(first));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
        assertThat(fixture.cache.writes()).isZero();
    }

    @Test
    void afterAFailureTheNextCallComputes() {
        UsageService service = fixture.open();
        fixture.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
        fixture.database.comeBack();

        assertFigure(service.get(ORG, MARCH));

        assertThat(fixture.calculator.calls()).isEqualTo(2);
    }

    /** Sixty-four callers, of whom all but one have joined when the computation is released. */
    private List<Future<UsageResult>> callersOfOneComputation(UsageService service, String notFound)
            throws InterruptedException {
        fixture.calculator.hold();
        List<Future<UsageResult>> callers = fixture.callManyTimes(64, () -> service.get(ORG, MARCH));
        fixture.events.await(notFound, 64);
        fixture.events.await("coalesced", 63);
        fixture.calculator.release();
        return callers;
    }

    private static void assertLabel(String label, UsageResult result) {
        assertThat(result.key().period().label()).isEqualTo(label);
        assertThat(result.usage().map(OrganisationUsage::period).map(UsagePeriod::label))
                .contains(label);
    }
}
