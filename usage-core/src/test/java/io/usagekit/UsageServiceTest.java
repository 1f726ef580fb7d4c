package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.time.Duration;
import java.time.YearMonth;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/**
 * The states of a service over small in-memory ports: under this library's in-process single-flight, and under one that hides
 * the load's internal hooks, as a host's own does.
 */
class UsageServiceTest {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final String ORG = "org-123";
    private static final UsageKey KEY = new UsageKey(ORG, MARCH);

    @Nested
    class InProcess extends Cases {
        @Override
        SingleFlight singleFlight() {
            return SingleFlights.inProcess();
        }

        /** Who joins the load just before its end gets a figure of so long ago. */
        @Test
        void returnsAFigureWithTheTimeThatStoringTook() throws Exception {
            ports.cache.holdWrites();
            CompletionStage<UsageResult> answer = service.getAsync(ORG, MARCH);
            ports.cache.awaitPuts(1);
            ports.advance(Duration.ofMinutes(2));
            CompletionStage<UsageResult> late = service.getAsync(ORG, MARCH);
            ports.events.await("coalesced", 1);
            ports.cache.releaseWrites();
            UsageResult result = result(answer);
            assertThat(result.age()).contains(Duration.ofMinutes(2));
            assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
            assertThat(result(late).freshness()).isEqualTo(Freshness.STALE);
        }
    }

    @Nested
    class OfAHost extends Cases {
        @Override
        SingleFlight singleFlight() {
            return new PlainSingleFlight();
        }
    }

    abstract static class Cases {

        private final CapturedLog log = new CapturedLog(); // asserted by UsageServiceLogTest
        final TestPorts ports = new TestPorts();
        UsageService service = builder().build();

        abstract SingleFlight singleFlight();

        UsageServiceBuilder builder() {
            return UsageService.builder(ports)
                    .cache(ports.cache)
                    .listener(ports.events)
                    .singleFlight(singleFlight())
                    .refreshJitterPercent(0)
                    .ticker(ports.ticker);
        }

        void rebuild(UsageServiceBuilder builder) {
            service.close();
            service = builder.build();
            ports.cache.open();
        }

        @AfterEach
        void close() {
            ports.release();
            service.close();
            log.close();
        }

        @Test
        void computesAMissOnceAndServesItFreshFromTheCache() {
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(ports.calls()).isEqualTo(1);
            assertThat(ports.events.names()).containsExactly("miss", "computed", "hit");
        }

        @Test
        void servesASoftExpiredFigureStaleAndRefreshesItOnce() {
            service.get(ORG, MARCH);
            ports.advance(Duration.ofMinutes(2));
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
            ports.events.awaitLoads();
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(ports.calls()).isEqualTo(2);
        }

        /** A thread that is held up between the computation and the write would make the figure look younger. */
        @Test
        void storesAFigureWithTheTimeSinceItsComputation() {
            rebuild(builder().listener(new UsageListener() {
                @Override
                public void computed(UsageKey key, Duration took) {
                    ports.advance(Duration.ofSeconds(20));
                }
            }));
            service.get(ORG, MARCH);
            assertThat(ports.cache.get(KEY).toCompletableFuture().join())
                    .hasValueSatisfying(figure -> assertThat(figure.age()).isEqualTo(Duration.ofSeconds(20)));
        }

        @Test
        void computesAHardExpiredFigureAndServesItStaleOnError() {
            service.get(ORG, MARCH);
            ports.advance(Duration.ofMinutes(11));
            ports.fail();
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE_ON_ERROR);
            assertThat(ports.calls()).isEqualTo(2);
        }

        @Test
        void throwsAnErrorThatNoRetryCuresInsteadOfServingStaleBeyondTtl() {
            service.get(ORG, MARCH);
            ports.advance(Duration.ofMinutes(11));
            ports.failPermanently();
            for (int calls = 0; calls < 3; calls++) {
                assertThatExceptionOfType(UsageCalculationException.class)
                        .isThrownBy(() -> service.get(ORG, MARCH))
                        .matches(error -> !error.isTransient());
            }
            assertThat(ports.calls())
                    .as("computations, one of them during the back-off")
                    .isEqualTo(2);

            ports.recover();
            ports.advance(Duration.ofSeconds(2));
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        }

        @Test
        void servesStaleWithinTtlAndReportsARefreshErrorThatNoRetryCures() {
            service.get(ORG, MARCH);
            ports.failPermanently();
            ports.advance(Duration.ofMinutes(9));
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
            ports.events.awaitLoads();
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
            assertThat(ports.events.refreshFailures())
                    .singleElement()
                    .matches(error -> error instanceof UsageException known && !known.isTransient());
        }

        @Test
        void throwsAnErrorThatNoRetryCuresAlsoWhereCallersDoNotWait() {
            rebuild(builder().missPolicy(MissPolicy.pending()));
            ports.failPermanently();
            ports.cache.store(KEY, Duration.ofMinutes(11));
            ports.hold();
            assertThat(service.get(ORG, MARCH).freshness())
                    .as("before the first computation has failed")
                    .isEqualTo(Freshness.STALE_ON_ERROR);
            ports.release();
            ports.events.awaitLoads();
            for (int calls = 0; calls < 3; calls++) {
                assertThatExceptionOfType(UsageCalculationException.class)
                        .as("during the back-off and after it")
                        .isThrownBy(() -> service.get(ORG, MARCH));
                ports.events.awaitLoads();
                ports.advance(Duration.ofSeconds(2));
            }
            assertThat(ports.calls()).isEqualTo(3);
        }

        @Test
        void coalescesConcurrentCallersAndReportsThoseThatJoin() throws Exception {
            ports.hold();
            CompletionStage<UsageResult> first = service.getAsync(ORG, MARCH);
            CompletionStage<UsageResult> second = service.getAsync(ORG, MARCH);
            ports.events.await("coalesced", 1);
            ports.release();
            assertThat(result(first)).isEqualTo(result(second));
            assertThat(ports.calls()).isEqualTo(1);
        }

        @Test
        void findsTheFigureThatWasStoredBetweenTheMissAndTheLoad() {
            ports.events.beforeLoad(() -> ports.cache.store(KEY, Duration.ZERO));
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(ports.calls()).as("computations").isZero();
            assertThat(ports.cache.puts()).as("writes by the service").isZero();
        }

        @Test
        void computesWhenLookingAgainFails() {
            ports.events.beforeLoad(ports.cache::goDown);
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(ports.calls()).isEqualTo(1);
        }

        @Test
        void backsOffAfterAFailureAndTriesAgainAfterwards() {
            ports.fail();
            assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
            assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
            assertThat(ports.calls()).as("attempts during the back-off").isEqualTo(1);
            ports.recover();
            ports.advance(Duration.ofSeconds(2));
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        }

        @Test
        void aCallerHeldUpDuringAFailureGetsItInsteadOfAnotherAttempt() {
            ports.fail();
            ports.events.beforeLoad(() -> assertThatExceptionOfType(UsageCalculationException.class)
                    .isThrownBy(() -> service.get(ORG, MARCH)));
            assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
            assertThat(ports.calls()).isEqualTo(1);
        }

        /** On a stalled machine a load may time out before it has a thread; then another one has more time. */
        @Test
        void failsAComputationThatTimesOut() {
            Throwable error = new UsageOverloadedException("not called yet", null);
            for (Duration timeout = Duration.ofMillis(100);
                    error instanceof UsageOverloadedException;
                    timeout = timeout.multipliedBy(10)) {
                rebuild(builder().computationTimeout(timeout));
                ports.hold();
                error = catchThrowable(() -> service.get(ORG, MARCH));
                ports.release();
                assertThat(error).hasMessageContaining("wasn't computed within " + timeout);
            }
            assertThat(error).isInstanceOf(UsageCalculationException.class);
        }

        @Test
        void answersPendingWithoutZerosAndComputesInTheBackground() {
            rebuild(builder().missPolicy(MissPolicy.pending()));
            ports.hold();
            UsageResult pending = service.get(ORG, MARCH);
            assertThat(pending.isPending()).isTrue();
            assertThat(pending.usage()).isEmpty();
            ports.release();
            ports.events.awaitLoads();
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        }

        @Test
        void answersPendingAfterTheLimitOfTheMissPolicy() {
            rebuild(builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofMillis(50))));
            ports.hold();
            assertThat(service.get(ORG, MARCH).isPending()).isTrue();
        }

        @Test
        void anInvalidatedLoadAnswersItsCallersAndStoresNothing() throws Exception {
            ports.hold();
            CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
            ports.awaitCalls(1);
            service.invalidate(ORG, MARCH);
            ports.release();
            assertThat(result(caller).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(ports.cache.puts()).isZero();
            assertThat(ports.events.names()).contains("publicationRejected");
            service.get(ORG, MARCH);
            assertThat(ports.calls()).as("the next caller's own load").isEqualTo(2);
        }

        /** The load began while the cache couldn't be read, and its write is under way when the cache is back. */
        @Test
        void anInvalidationWaitsForAWriteThatBeganDuringAnOutage() throws Exception {
            ports.hold();
            ports.cache.goDown();
            CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
            ports.awaitCalls(1);
            ports.cache.comeBack();
            ports.cache.holdWrites();
            ports.release();
            ports.cache.awaitPuts(1);

            CompletionStage<Void> invalidated = service.invalidateAsync(ORG, MARCH);

            boolean early = invalidated.toCompletableFuture().isDone();
            ports.cache.releaseWrites();
            result(invalidated);
            assertThat(early)
                    .as("done while the old figure was on its way to the cache")
                    .isFalse();
            assertThat(result(caller).freshness()).isEqualTo(Freshness.FRESH);
            service.get(ORG, MARCH);
            assertThat(ports.calls()).as("the next caller's own load").isEqualTo(2);
        }

        @Test
        void joinsLoadOfMissingFigureWithoutReadingItAgain() throws Exception {
            ports.hold();
            CompletionStage<UsageResult> first = service.getAsync(ORG, MARCH);
            ports.awaitCalls(1);
            int reads = ports.cache.reads();

            CompletionStage<UsageResult> other = service.getAsync(ORG, MARCH);

            assertThat(ports.cache.reads()).isEqualTo(reads);
            ports.release();
            assertThat(result(first).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(result(other).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(ports.events.names()).containsExactly("miss", "miss", "coalesced", "computed");
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(ports.cache.reads()).as("after the load").isEqualTo(reads + 1);
        }

        @Test
        void findsWhatWasStoredDuringLoadOfMissingFigure() {
            ports.hold();
            CompletionStage<UsageResult> loading = service.getAsync(ORG, MARCH);
            ports.awaitCalls(1);
            ports.cache.store(KEY, Duration.ZERO);
            ports.advance(Duration.ofMillis(100));
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(loading.toCompletableFuture()).isNotDone();
        }

        @Test
        void readsAgainDuringLoadWhoseCallerHasAnOldFigure() {
            ports.cache.store(KEY, Duration.ofMinutes(11));
            ports.hold();
            var unused = service.getAsync(ORG, MARCH);
            ports.awaitCalls(1);
            ports.cache.store(KEY, Duration.ZERO);
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        }

        @Test
        void readsAgainWhileCallersDontWaitForMissingFigure() {
            rebuild(builder().missPolicy(MissPolicy.pending()));
            ports.hold();
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.PENDING);
            ports.awaitCalls(1);
            ports.cache.store(KEY, Duration.ZERO);
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        }

        @Test
        void invalidatesAllPeriodsOfAnOrganisation() {
            service.get(ORG, MARCH);
            service.invalidate(ORG);
            service.get(ORG, MARCH);
            assertThat(ports.calls()).isEqualTo(2);
        }

        @Test
        void refreshComputesWhateverIsCached() {
            service.get(ORG, MARCH);
            assertThat(service.refresh(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(ports.calls()).isEqualTo(2);
        }

        @Test
        void warmComputesWhatIsMissing() {
            service.get(ORG, MARCH);
            WarmResult warm = service.warm(List.of(ORG, "org-124"), MARCH);
            assertThat(warm).isEqualTo(new WarmResult(1, 1, java.util.Map.of()));
        }

        @Test
        void failsOpenOrClosedWhileTheCacheIsDown() {
            ports.cache.goDown();
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
            rebuild(builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
            ports.cache.goDown();
            assertThatExceptionOfType(UsageUnavailableException.class).isThrownBy(() -> service.get(ORG, MARCH));
        }

        @Test
        void rejectsCallsAfterCloseAndClosesItsPorts() {
            service.close();
            service.close();
            assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> service.get(ORG, MARCH));
            assertThat(ports.cache.closes()).isEqualTo(1);
        }

        @Test
        void closeFailsALoadThatIsStillComputing() {
            rebuild(builder().drainTimeout(Duration.ZERO));
            ports.hold();
            CompletableFuture<UsageResult> caller = service.getAsync(ORG, MARCH).toCompletableFuture();
            ports.awaitCalls(1);
            service.close();
            assertThat(caller).failsWithin(Duration.ofSeconds(30));
        }

        @Test
        void rejectsBadArgumentsBeforeAnyCall() {
            assertThatIllegalArgumentException().isThrownBy(() -> service.get(" ", MARCH));
            assertThat(ports.events.names()).isEmpty();
        }

        static <T> T result(CompletionStage<T> stage) throws Exception {
            return stage.toCompletableFuture().get(30, TimeUnit.SECONDS);
        }
    }
}
