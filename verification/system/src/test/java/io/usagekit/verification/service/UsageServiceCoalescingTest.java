package io.usagekit.verification.service;

import static io.usagekit.verification.service.Scene.KEY;
import static io.usagekit.verification.service.Scene.MARCH;
import static io.usagekit.verification.service.Scene.ORG;
import static io.usagekit.verification.service.Scene.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

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

    private final Scene scene = new Scene();

    @AfterEach
    void close() {
        scene.close();
    }

    @Test
    void sixtyFourThreadsOnAColdKeyAreOneComputation() throws InterruptedException {
        UsageService service = scene.open();

        List<Future<UsageResult>> callers = callersOfOneComputation(service, "miss");

        callers.forEach(caller -> assertFigure(Scene.done(caller)));
        assertThat(scene.calculator.calls()).isEqualTo(1);
        assertThat(scene.cache.writes()).isEqualTo(1);
        assertThat(scene.events.count("coalesced")).isEqualTo(63);
    }

    @Test
    void withoutACacheTheyAreOneComputationToo() throws InterruptedException {
        UsageService service = scene.open(scene.withoutCache());

        List<Future<UsageResult>> callers = callersOfOneComputation(service, "miss");

        callers.forEach(caller -> assertFigure(Scene.done(caller)));
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void whileTheCacheIsDownTheyAreOneComputationToo() throws InterruptedException {
        UsageService service = scene.open();
        scene.cache.goDown();

        List<Future<UsageResult>> callers = callersOfOneComputation(service, "cacheReadFailed");

        callers.forEach(caller -> assertFigure(Scene.done(caller)));
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void thoseHeldUpBetweenTheirMissAndTheirFlightFindWhatTheOthersKept() throws InterruptedException {
        HeldCache held = new HeldCache(scene.cache);
        UsageService service = scene.open(scene.builder().cache(held));
        List<Future<UsageResult>> late = scene.callManyTimes(32, () -> {
            held.holdThisThread();
            return service.get(ORG, MARCH);
        });
        held.awaitHeld(32);
        List<Future<UsageResult>> quick = scene.callManyTimes(32, () -> service.get(ORG, MARCH));
        quick.forEach(caller -> assertFigure(Scene.done(caller)));
        scene.events.awaitLoads();
        scene.clock.advance(Duration.ofSeconds(3));

        held.release();

        for (Future<UsageResult> caller : late) {
            assertFigure(Scene.done(caller));
            assertThat(Scene.done(caller).age()).as("the age of what was found").contains(Duration.ofSeconds(3));
        }
        assertThat(scene.calculator.calls()).as("computations for 64 callers").isEqualTo(1);
        assertThat(scene.cache.writes()).isEqualTo(1);
    }

    @Test
    void thoseHeldUpFindItEvenWhereEachHitIsToBeRefreshed() throws InterruptedException {
        HeldCache held = new HeldCache(scene.cache);
        UsageService service = scene.open(scene.builder().cache(held).refreshAfter(Duration.ZERO));
        Future<UsageResult> late = scene.call(() -> {
            held.holdThisThread();
            return service.get(ORG, MARCH);
        });
        held.awaitHeld(1);
        service.get(ORG, MARCH);

        held.release();

        assertFigure(Scene.done(late));
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void withoutACacheWhoAsksAfterTheLandingStartsAnew() {
        UsageService service = scene.open(scene.withoutCache());
        service.get(ORG, MARCH);
        scene.clock.advance(Duration.ofSeconds(1));

        UsageResult result = service.get(ORG, MARCH);

        assertThat(result.createdAt()).isEqualTo(scene.clock.instant());
        assertThat(scene.events.count("coalesced")).isZero();
    }

    @Test
    void differentKeysAreComputedSideBySide() throws InterruptedException {
        UsageService service = scene.open();
        scene.calculator.hold();
        List<UsageKey> keys = List.of(
                KEY, new UsageKey("org-124", MARCH), new UsageKey(ORG, UsagePeriod.month(YearMonth.of(2026, 4))));
        List<Future<UsageResult>> callers = keys.stream()
                .map(key -> scene.call(() -> service.get(key.organisationId(), key.period())))
                .toList();

        scene.calculator.awaitBegun(3);

        scene.calculator.release();
        for (int i = 0; i < keys.size(); i++) {
            assertThat(Scene.done(callers.get(i)).key()).isEqualTo(keys.get(i));
        }
    }

    @Test
    void eachCallerGetsItsOwnLabelThoughItJoinedAFlightUnderAnother() throws InterruptedException {
        UsageService service = scene.open();
        UsagePeriod window = UsagePeriod.between(MARCH.start(), MARCH.end());
        scene.calculator.hold();
        Future<UsageResult> asMonth = scene.call(() -> service.get(ORG, MARCH));
        scene.calculator.awaitBegun(1);
        Future<UsageResult> asWindow = scene.call(() -> service.get(ORG, window));
        scene.events.await("coalesced", 1);
        scene.calculator.release();

        assertLabel("2026-03", Scene.done(asMonth));
        assertLabel("2026-03-01T00:00:00Z/2026-04-01T00:00:00Z", Scene.done(asWindow));
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void aFailureIsTheSameForAllWhoJoinedAndIsNotKept() throws InterruptedException {
        UsageService service = scene.open();
        scene.database.goDown();

        List<Future<UsageResult>> callers = callersOfOneComputation(service, "miss");

        Throwable first = Scene.failure(callers.get(0));
        assertThat(first).isInstanceOf(UsageCalculationException.class).hasMessageContaining("taken down");
        callers.forEach(caller -> assertThat(Scene.failure(caller)).isSameAs(first));
        assertThat(scene.calculator.calls()).isEqualTo(1);
        assertThat(scene.cache.writes()).isZero();
    }

    @Test
    void afterAFailureTheNextCallComputes() {
        UsageService service = scene.open();
        scene.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
        scene.database.comeBack();

        assertFigure(service.get(ORG, MARCH));

        assertThat(scene.calculator.calls()).isEqualTo(2);
    }

    /** Sixty-four callers, of whom all but one have joined when the computation is released. */
    private List<Future<UsageResult>> callersOfOneComputation(UsageService service, String notFound)
            throws InterruptedException {
        scene.calculator.hold();
        List<Future<UsageResult>> callers = scene.callManyTimes(64, () -> service.get(ORG, MARCH));
        scene.events.await(notFound, 64);
        scene.events.await("coalesced", 63);
        scene.calculator.release();
        return callers;
    }

    private static void assertLabel(String label, UsageResult result) {
        assertThat(result.key().period().label()).isEqualTo(label);
        assertThat(result.usage().map(OrganisationUsage::period).map(UsagePeriod::label))
                .contains(label);
    }
}
