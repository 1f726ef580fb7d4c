package io.usagekit.verification.service;

import static io.usagekit.verification.service.Scene.KEY;
import static io.usagekit.verification.service.Scene.MARCH;
import static io.usagekit.verification.service.Scene.ORG;
import static io.usagekit.verification.service.Scene.START;
import static io.usagekit.verification.service.Scene.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
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

    private final Scene scene = new Scene();
    private final GatedCache cache = new GatedCache(scene.cache);

    @AfterEach
    void close() {
        cache.release();
        scene.close();
    }

    @ParameterizedTest
    @EnumSource
    void whatIsKeptIsForgotten(What what) {
        UsageService service = scene.open();
        service.get(ORG, MARCH);
        changeTheData();

        Scene.resultOf(what.invalidate(service));

        assertNewFigure(service.get(ORG, MARCH));
    }

    @Test
    void thePlainFormsDoTheSame() {
        UsageService service = scene.open();
        service.get(ORG, MARCH);
        service.invalidate(ORG, MARCH);
        assertNothingIsKept();
        service.get(ORG, MARCH);
        service.invalidate(ORG);
        assertNothingIsKept();
    }

    @Test
    void oneFigureLeavesTheOthersOfItsOrganisation() {
        UsageService service = scene.open();
        UsagePeriod april = UsagePeriod.month(YearMonth.of(2026, 4));
        service.get(ORG, april);
        service.invalidate(ORG, MARCH);
        service.get(ORG, april);
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void anOrganisationIsForgottenInAllPeriodsAndOthersArent() {
        UsageService service = scene.open();
        UsagePeriod april = UsagePeriod.month(YearMonth.of(2026, 4));
        service.get(ORG, MARCH);
        service.get(ORG, april);
        service.get("org-124", MARCH);
        service.invalidate(ORG);
        service.get("org-124", MARCH);
        assertThat(scene.calculator.calls()).isEqualTo(3);
        service.get(ORG, MARCH);
        service.get(ORG, april);
        assertThat(scene.calculator.calls()).isEqualTo(5);
    }

    @ParameterizedTest
    @EnumSource
    void whatIsBeingComputedGoesToThoseWhoJoinedAndIsNotKeptAndTheNextCallerComputesAnew(What what)
            throws InterruptedException {
        UsageService service = scene.open();
        CountingGate gate = new CountingGate();
        UsageService held = scene.open(UsageService.builder((key, timeout) -> {
                    OrganisationUsage usage = scene.database.calculate(key, timeout);
                    gate.pass();
                    return usage;
                })
                .cache(scene.cache)
                .listener(scene.events)
                .ticker(scene.clock.ticker()));
        CompletionStage<UsageResult> leader = held.getAsync(ORG, MARCH);
        CompletionStage<UsageResult> joined = held.getAsync(ORG, MARCH);
        gate.awaitEntered();
        changeTheData();

        Scene.resultOf(what.invalidate(held));

        CompletionStage<UsageResult> next = held.getAsync(ORG, MARCH);
        gate.awaitEntered();
        gate.open();
        assertFigure(Scene.resultOf(leader));
        assertFigure(Scene.resultOf(joined));
        assertNewFigure(Scene.resultOf(next));
        assertThat(scene.events.count("publicationRejected")).isEqualTo(1);
        assertNewFigure(service.get(ORG, MARCH));
        assertThat(scene.database.computations()).isEqualTo(2);
    }

    @ParameterizedTest
    @EnumSource
    void aRefreshUnderWayKeepsNothingEither(What what) throws InterruptedException {
        UsageService service = scene.open();
        scene.keep(Duration.ofMinutes(2));
        scene.calculator.hold();
        service.get(ORG, MARCH);
        scene.calculator.awaitBegun(1);

        Scene.resultOf(what.invalidate(service));

        scene.calculator.release();
        scene.events.awaitLoads();
        assertNothingIsKept();
    }

    @ParameterizedTest
    @EnumSource
    void whatIsBeingKeptIsWaitedForAndForgottenAfterThat(What what) throws InterruptedException {
        UsageService service = scene.open(scene.builder().cache(cache));
        cache.holdWrites();
        CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        changeTheData();

        CompletableFuture<Void> invalidated = what.invalidate(service).toCompletableFuture();

        assertThat(invalidated)
                .as("while the old figure is on its way to the cache")
                .isNotDone();
        cache.release();
        Scene.done(invalidated);
        assertFigure(Scene.resultOf(caller));
        assertNothingIsKept();
        assertNewFigure(service.get(ORG, MARCH));
    }

    @ParameterizedTest
    @EnumSource
    void whoeverInvalidatesSecondWaitsForItToo(What what) throws InterruptedException {
        UsageService service = scene.open(scene.builder().cache(cache));
        cache.holdWrites();
        var unused = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        var first = service.invalidateAsync(ORG, MARCH);

        CompletableFuture<Void> second = what.invalidate(service).toCompletableFuture();

        assertThat(second).isNotDone();
        cache.release();
        Scene.done(second);
        assertNothingIsKept();
        Scene.resultOf(first);
    }

    @Test
    void whatLandedWhileItWasBeingKeptIsWaitedForToo() throws InterruptedException {
        UsageService service = scene.open(scene.builder().cache(cache).computationTimeout(Duration.ofMillis(500)));
        cache.holdWrites();
        CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        assertThat(Scene.failureOf(caller)).hasMessageContaining("wasn't computed within");

        CompletableFuture<Void> invalidated =
                service.invalidateAsync(ORG, MARCH).toCompletableFuture();

        assertThat(invalidated).isNotDone();
        cache.release();
        Scene.done(invalidated);
        assertNothingIsKept();
    }

    @Test
    void itIsNotDoneBeforeTheCacheIs() throws InterruptedException {
        UsageService service = scene.open(scene.builder().cache(cache));
        scene.keep(Duration.ZERO);
        cache.holdInvalidations();
        CompletableFuture<Void> invalidated =
                service.invalidateAsync(ORG, MARCH).toCompletableFuture();
        cache.awaitHeld(1);
        assertThat(invalidated).isNotDone();
        cache.release();
        Scene.done(invalidated);
    }

    @ParameterizedTest
    @EnumSource
    void aCacheThatCantBeToldIsThrown(What what) {
        UsageService service = scene.open();
        scene.keep(Duration.ZERO);
        scene.cache.goDown();
        assertThat(Scene.failureOf(what.invalidate(service))).isInstanceOf(UsageCacheException.class);
        assertThatExceptionOfType(UsageCacheException.class).isThrownBy(() -> service.invalidate(ORG, MARCH));
        assertThatExceptionOfType(UsageCacheException.class).isThrownBy(() -> service.invalidate(ORG));
    }

    @ParameterizedTest
    @EnumSource
    void evenThenWhatIsBeingComputedIsNotKept(What what) throws InterruptedException {
        UsageService service = scene.open();
        scene.calculator.hold();
        CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
        scene.calculator.awaitBegun(1);
        scene.cache.goDown();
        assertThat(Scene.failureOf(what.invalidate(service))).isInstanceOf(UsageCacheException.class);
        scene.cache.comeBack();
        scene.calculator.release();
        assertFigure(Scene.resultOf(caller));
        assertNothingIsKept();
    }

    @ParameterizedTest
    @EnumSource
    void whateverTheCacheFailsWithIsAFailureOfTheCache(What what) {
        IllegalStateException broken = new IllegalStateException("broken");
        for (boolean throwsAtOnce : new boolean[] {true, false}) {
            UsageService service = scene.open(scene.withoutCache().cache(new BrokenCache(broken, throwsAtOnce)));
            assertThat(Scene.failureOf(what.invalidate(service)))
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
        UsageService service = scene.open(scene.builder().singleFlight(new BrokenFlights(unreachable)));
        scene.keep(Duration.ZERO);
        assertThat(Scene.failureOf(what.invalidate(service))).isSameAs(unreachable);
        assertNothingIsKept();
    }

    @Test
    void argumentsAreChecked() {
        UsageService service = scene.open();
        assertThatIllegalArgumentException().isThrownBy(() -> service.invalidate(" ", MARCH));
        assertThatIllegalArgumentException().isThrownBy(() -> service.invalidateAsync(" ", MARCH));
        assertThatIllegalArgumentException().isThrownBy(() -> service.invalidate(" "));
        assertThatIllegalArgumentException().isThrownBy(() -> service.invalidateAsync(" "));
        service.close();
        assertThatIllegalStateException().isThrownBy(() -> service.invalidate(ORG, MARCH));
        assertThatIllegalStateException().isThrownBy(() -> service.invalidateAsync(ORG));
    }

    private void changeTheData() {
        scene.database.received(ORG, START, 10);
    }

    private void assertNothingIsKept() {
        assertThat(Scene.resultOf(scene.cache.get(KEY))).as("what is kept").isEmpty();
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
