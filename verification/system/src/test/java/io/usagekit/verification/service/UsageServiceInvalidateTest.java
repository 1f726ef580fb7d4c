package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.KEY;
import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.START;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.testkit.InMemoryFlightStore;
import io.usagekit.testkit.InMemoryUsageCache;
import java.time.Duration;
import java.time.YearMonth;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What was invalidated is never served again, whatever was under way. */
class UsageServiceInvalidateTest {

    /** The two ways to say it. */
    enum What {
        ONE_FIGURE {
            @Override
            CompletionStage<Void> invalidate(UsageService service) {
                return service.invalidateAsync(ORG, MARCH);
            }
        },
        WHOLE_ORGANISATION {
            @Override
            CompletionStage<Void> invalidate(UsageService service) {
                return service.invalidateAsync(ORG);
            }
        };

        abstract CompletionStage<Void> invalidate(UsageService service);
    }

    private final ServiceFixture fixture = new ServiceFixture();
    private final GatedCache cache = new GatedCache(fixture.cache);

    @AfterEach
    void close() {
        cache.release();
        fixture.close();
    }

    @ParameterizedTest
    @EnumSource
    void whatIsKeptIsForgotten(What what) {
        UsageService service = fixture.open();
        service.get(ORG, MARCH);
        changeTheData();

        ServiceFixture.resultOf(what.invalidate(service));

        assertNewFigure(service.get(ORG, MARCH));
    }

    @Test
    void thePlainFormsDoTheSame() {
        UsageService service = fixture.open();
        service.get(ORG, MARCH);
        service.invalidate(ORG, MARCH);
        assertNothingIsKept();
        service.get(ORG, MARCH);
        service.invalidate(ORG);
        assertNothingIsKept();
    }

    @Test
    void oneFigureLeavesTheOthersOfItsOrganisation() {
        UsageService service = fixture.open();
        UsagePeriod april = UsagePeriod.month(YearMonth.of(2026, 4));
        service.get(ORG, april);
        service.invalidate(ORG, MARCH);
        service.get(ORG, april);
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void anOrganisationIsForgottenInAllPeriodsAndOthersArent() {
        UsageService service = fixture.open();
        UsagePeriod april = UsagePeriod.month(YearMonth.of(2026, 4));
        service.get(ORG, MARCH);
        service.get(ORG, april);
        service.get("org-124", MARCH);
        service.invalidate(ORG);
        service.get("org-124", MARCH);
        assertThat(fixture.calculator.calls()).isEqualTo(3);
        service.get(ORG, MARCH);
        service.get(ORG, april);
        assertThat(fixture.calculator.calls()).isEqualTo(5);
    }

    @ParameterizedTest
    @EnumSource
    void whatIsBeingComputedGoesToThoseWhoJoinedAndIsNotKeptAndTheNextCallerComputesAnew(What what)
            throws InterruptedException {
        UsageService service = fixture.open();
        CountingGate gate = new CountingGate();
        UsageService held = fixture.open(UsageService.builder((key, timeout) -> {
                    OrganisationUsage usage = fixture.database.calculate(key, timeout);
                    gate.pass();
                    return usage;
                })
                .cache(fixture.cache)
                .listener(fixture.events)
                .ticker(fixture.clock.ticker()));
        CompletionStage<UsageResult> leader = held.getAsync(ORG, MARCH);
        CompletionStage<UsageResult> joined = held.getAsync(ORG, MARCH);
        gate.awaitEntered();
        changeTheData();

        ServiceFixture.resultOf(what.invalidate(held));

        CompletionStage<UsageResult> next = held.getAsync(ORG, MARCH);
        gate.awaitEntered();
        gate.open();
        assertFigure(ServiceFixture.resultOf(leader));
        assertFigure(ServiceFixture.resultOf(joined));
        assertNewFigure(ServiceFixture.resultOf(next));
        assertThat(fixture.events.count("publicationRejected")).isEqualTo(1);
        assertNewFigure(service.get(ORG, MARCH));
        assertThat(fixture.database.computations()).isEqualTo(2);
    }

    @ParameterizedTest
    @EnumSource
    void aRefreshUnderWayKeepsNothingEither(What what) throws InterruptedException {
        UsageService service = fixture.open();
        fixture.keep(Duration.ofMinutes(2));
        fixture.calculator.hold();
        service.get(ORG, MARCH);
        fixture.calculator.awaitBegun(1);

        ServiceFixture.resultOf(what.invalidate(service));

        fixture.calculator.release();
        fixture.events.awaitLoads();
        assertNothingIsKept();
    }

    @ParameterizedTest
    @EnumSource
    void whatIsBeingKeptIsWaitedForAndForgottenAfterThat(What what) throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().cache(cache));
        cache.holdWrites();
        CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        changeTheData();

        CompletableFuture<Void> invalidated = what.invalidate(service).toCompletableFuture();

        assertThat(invalidated)
                .as("while the old figure is on its way to the cache")
                .isNotDone();
        cache.release();
        ServiceFixture.done(invalidated);
        assertFigure(ServiceFixture.resultOf(caller));
        assertNothingIsKept();
        assertNewFigure(service.get(ORG, MARCH));
    }

    @ParameterizedTest
    @EnumSource
    void whoeverInvalidatesSecondWaitsForItToo(What what) throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().cache(cache));
        cache.holdWrites();
        var unused = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        var first = service.invalidateAsync(ORG, MARCH);

        CompletableFuture<Void> second = what.invalidate(service).toCompletableFuture();

        assertThat(second).isNotDone();
        cache.release();
        ServiceFixture.done(second);
        assertNothingIsKept();
        ServiceFixture.resultOf(first);
    }

    @Test
    void whatLandedWhileItWasBeingKeptIsWaitedForToo() throws InterruptedException {
        ManualTimers timers = new ManualTimers();
        UsageService service = fixture.open(fixture.builder().cache(cache).singleFlight(timers.singleFlight()));
        cache.holdWrites();
        CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        timers.goOff();
        assertThat(ServiceFixture.failureOf(caller)).hasMessageContaining("wasn't computed within");

        CompletableFuture<Void> invalidated =
                service.invalidateAsync(ORG, MARCH).toCompletableFuture();

        assertThat(invalidated).isNotDone();
        cache.release();
        ServiceFixture.done(invalidated);
        assertNothingIsKept();
    }

    @ParameterizedTest
    @EnumSource
    void whatIsComputedWithoutTheFleetIsNoFallbackCopyOnceInvalidated(What what) throws InterruptedException {
        InMemoryFlightStore store = InMemoryFlightStore.over(fixture.cache);
        RememberingCache memory = new RememberingCache(InMemoryUsageCache.over(fixture.cache), fixture.clock.ticker());
        UsageService service =
                fixture.open(fixture.builder().cache(memory).singleFlight(SingleFlights.fleetWide(store)));
        fixture.cache.goDown();
        store.goDown();
        fixture.calculator.hold();
        CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
        fixture.calculator.awaitBegun(1);
        fixture.cache.comeBack();
        store.comeBack();
        changeTheData();

        ServiceFixture.resultOf(what.invalidate(service));

        fixture.calculator.release();
        ServiceFixture.resultOf(caller);
        assertThat(memory.fallback(KEY)).as("served at the next outage").isEmpty();
        assertThat(fixture.events.count("publicationRejected")).isEqualTo(1);
    }

    @Test
    void itIsNotDoneBeforeTheCacheIs() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().cache(cache));
        fixture.keep(Duration.ZERO);
        cache.holdInvalidations();
        CompletableFuture<Void> invalidated =
                service.invalidateAsync(ORG, MARCH).toCompletableFuture();
        cache.awaitHeld(1);
        assertThat(invalidated).isNotDone();
        cache.release();
        ServiceFixture.done(invalidated);
    }

    @ParameterizedTest
    @EnumSource
    void aCacheThatCantBeToldIsThrown(What what) {
        UsageService service = fixture.open();
        fixture.keep(Duration.ZERO);
        fixture.cache.goDown();
        assertThat(ServiceFixture.failureOf(what.invalidate(service))).isInstanceOf(UsageCacheException.class);
        assertThatExceptionOfType(UsageCacheException.class).isThrownBy(() -> service.invalidate(ORG, MARCH));
        assertThatExceptionOfType(UsageCacheException.class).isThrownBy(() -> service.invalidate(ORG));
    }

    @ParameterizedTest
    @EnumSource
    void evenThenWhatIsBeingComputedIsNotKept(What what) throws InterruptedException {
        UsageService service = fixture.open();
        fixture.calculator.hold();
        CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
        fixture.calculator.awaitBegun(1);
        fixture.cache.goDown();
        assertThat(ServiceFixture.failureOf(what.invalidate(service))).isInstanceOf(UsageCacheException.class);
        fixture.cache.comeBack();
        fixture.calculator.release();
        assertFigure(ServiceFixture.resultOf(caller));
        assertNothingIsKept();
    }

    @ParameterizedTest
    @EnumSource
    void whateverTheCacheFailsWithIsAFailureOfTheCache(What what) {
        IllegalStateException broken = new IllegalStateException("broken");
        for (boolean throwsAtOnce : new boolean[] {true, false}) {
            UsageService service = fixture.open(fixture.withoutCache().cache(new BrokenCache(broken, throwsAtOnce)));
            assertThat(ServiceFixture.failureOf(what.invalidate(service)))
                    .as("it throws at once: %s", throwsAtOnce)
                    .isInstanceOf(UsageCacheException.class)
                    .hasMessageContaining(ORG)
                    .hasCause(broken);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whereTheFleetCantBeToldTheCacheIsAllTheSame(What what) {
        UsageCacheException unreachable = new UsageCacheException("no fleet", null);
        UsageService service = fixture.open(fixture.builder().singleFlight(new BrokenFlights(unreachable)));
        fixture.keep(Duration.ZERO);
        assertThat(ServiceFixture.failureOf(what.invalidate(service))).isSameAs(unreachable);
        assertNothingIsKept();
    }

    @Test
    void argumentsAreChecked() {
        UsageService service = fixture.open();
        assertThatIllegalArgumentException().isThrownBy(() -> service.invalidate(" ", MARCH));
        assertThatIllegalArgumentException().isThrownBy(() -> service.invalidateAsync(" ", MARCH));
        assertThatIllegalArgumentException().isThrownBy(() -> service.invalidate(" "));
        assertThatIllegalArgumentException().isThrownBy(() -> service.invalidateAsync(" "));
        service.close();
        assertThatIllegalStateException().isThrownBy(() -> service.invalidate(ORG, MARCH));
        assertThatIllegalStateException().isThrownBy(() -> service.invalidateAsync(ORG));
    }

    private void changeTheData() {
        fixture.database.received(ORG, START, 10);
    }

    private void assertNothingIsKept() {
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY)))
                .as("what is kept")
                .isEmpty();
    }

    private static void assertNewFigure(UsageResult result) {
        assertThat(result.usage().map(OrganisationUsage::received)).contains(new UsageMetrics(2, 1_034));
    }

    private static final class BrokenCache extends BareCache {
        private final RuntimeException error;
        private final boolean throwsAtOnce;

        BrokenCache(RuntimeException error, boolean throwsAtOnce) {
            this.error = error;
            this.throwsAtOnce = throwsAtOnce;
        }

        private <T> CompletionStage<T> fail() {
            if (throwsAtOnce) {
                throw error;
            }
            return CompletableFuture.failedFuture(error);
        }

        @Override
        public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
            return fail();
        }

        @Override
        public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
            return fail();
        }

        @Override
        public CompletionStage<Void> invalidate(UsageKey key) {
            return fail();
        }

        @Override
        public CompletionStage<Void> invalidate(String organisationId) {
            return fail();
        }
    }
}
