package io.usagekit.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class InProcessSingleFlightTest {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final UsageKey KEY = new UsageKey("org-123", MARCH);

    private final InProcessSingleFlight flights = new InProcessSingleFlight();
    private final AtomicInteger loads = new AtomicInteger();
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void endThreads() {
        threads.shutdownNow();
    }

    @Test
    void sixtyFourThreadsShareOneLoad() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        List<CompletionStage<AgedUsage>> stages = runFromManyThreads(64, load);

        assertThat(loads).as("loads started while one is under way").hasValue(1);
        AgedUsage figure = figure(1);
        load.complete(figure);
        for (CompletionStage<AgedUsage> stage : stages) {
            assertThat(get(stage)).isSameAs(figure);
        }
    }

    @Test
    void aFailureIsSharedByAllWhoJoinedAndByNobodyElse() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        List<CompletionStage<AgedUsage>> stages = runFromManyThreads(64, load);
        UsageCalculationException failure = new UsageCalculationException("no database", null);

        load.completeExceptionally(failure);

        for (CompletionStage<AgedUsage> stage : stages) {
            assertThat(failureOf(stage)).isSameAs(failure);
        }
        assertThat(get(flights.run(KEY, this::loadNow)))
                .as("the next call's own load")
                .isEqualTo(figure(2));
    }

    @Test
    void aFailureIsToldWithoutTheWrappersOfFutures() {
        UsageCalculationException failure = new UsageCalculationException("no database", null);
        CompletableFuture<AgedUsage> wrapped =
                CompletableFuture.failedFuture(new CompletionException(new ExecutionException(failure)));
        assertThat(failureOf(flights.run(KEY, () -> wrapped))).isSameAs(failure);
    }

    @Test
    void aLoadThatThrowsFailsTheFlightAndFreesTheKey() throws Exception {
        for (Throwable thrown : List.of(new IllegalStateException("broken"), new StackOverflowError("deep"))) {
            CompletionStage<AgedUsage> stage = flights.run(KEY, () -> {
                throw sneaky(thrown);
            });
            assertThat(failureOf(stage)).isSameAs(thrown);
            assertThat(get(flights.run(KEY, this::loadNow)))
                    .as("after %s", thrown)
                    .isEqualTo(figure(loads.get()));
        }
    }

    @Test
    @SuppressWarnings("NullAway") // a load that breaks its promise
    void aLoadWithoutAStageFailsTheFlightAndFreesTheKey() throws Exception {
        assertThat(failureOf(flights.run(KEY, () -> null))).isInstanceOf(NullPointerException.class);
        assertThat(get(flights.run(KEY, this::loadNow))).isEqualTo(figure(1));
    }

    @Test
    @SuppressWarnings("NullAway") // a load that breaks its promise
    void aLoadWithoutAFigureFailsTheFlightAndFreesTheKey() throws Exception {
        assertThat(failureOf(flights.run(KEY, () -> CompletableFuture.completedFuture(null))))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("the load gave no figure");
        assertThat(get(flights.run(KEY, this::loadNow))).isEqualTo(figure(1));
    }

    @Test
    void whatOneCallerDoesToItsStageReachesNobodyElse() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        CompletableFuture<AgedUsage> leader = join(load);
        CompletableFuture<AgedUsage> cancels = join(load);
        CompletableFuture<AgedUsage> completes = join(load);
        CompletableFuture<AgedUsage> fails = join(load);
        CompletableFuture<AgedUsage> obtrudes = join(load);
        CompletableFuture<AgedUsage> timesOut = join(load);
        CompletableFuture<AgedUsage> bystander = join(load);

        cancels.cancel(true);
        completes.complete(figure(666));
        fails.completeExceptionally(new IllegalStateException("mine alone"));
        obtrudes.obtrudeValue(figure(666));
        failureOf(timesOut.orTimeout(1, TimeUnit.NANOSECONDS));

        assertThat(load).as("the load").isNotDone();
        assertThat(leader).as("the one who started it").isNotDone();
        assertThat(bystander).as("one who joined").isNotDone();
        load.complete(figure(1));
        assertThat(get(leader)).isEqualTo(figure(1));
        assertThat(get(bystander)).isEqualTo(figure(1));
    }

    @Test
    void whatTheOneWhoStartedItDoesReachesNobodyElse() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        CompletableFuture<AgedUsage> leader = join(load);
        CompletableFuture<AgedUsage> follower = join(load);

        leader.cancel(true);
        leader.obtrudeValue(figure(666));

        assertThat(load).as("the load").isNotDone();
        assertThat(join(load)).as("a flight still to be joined").isNotDone();
        assertThat(loads).hasValue(1);
        load.complete(figure(1));
        assertThat(get(follower)).isEqualTo(figure(1));
    }

    @Test
    void afterLandingTheNextCallStartsALoadOfItsOwn() throws Exception {
        assertThat(get(flights.run(KEY, this::loadNow))).isEqualTo(figure(1));
        assertThat(get(flights.run(KEY, this::loadNow))).isEqualTo(figure(2));
        assertThat(get(flights.run(KEY, this::loadNow))).isEqualTo(figure(3));
    }

    @Test
    void theKeyIsFreeWhenThoseWhoJoinedHearOfTheOutcome() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        CompletionStage<AgedUsage> leaderAsksAgain = join(load).thenCompose(f -> flights.run(KEY, this::loadNow));
        CompletionStage<AgedUsage> followerAsksAgain = join(load).thenCompose(f -> flights.run(KEY, this::loadNow));

        load.complete(figure(1));

        assertThat(List.of(get(leaderAsksAgain), get(followerAsksAgain)))
                .as("each asked after the load had ended")
                .containsExactlyInAnyOrder(figure(2), figure(3));
    }

    @Test
    void theKeyIsFreeWhenThoseWhoJoinedHearOfAFailure() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        CompletableFuture<AgedUsage> leader = join(load);
        CompletionStage<AgedUsage> asksAgain = join(load)
                .handle((figure, error) -> flights.run(KEY, this::loadNow))
                .thenCompose(stage -> stage);

        load.completeExceptionally(new UsageCalculationException("no database", null));

        assertThat(get(asksAgain)).isEqualTo(figure(2));
        assertThat(leader).isCompletedExceptionally();
    }

    /** Loads are numbered; whoever has seen one end and asks again must get a later one. */
    @Test
    void noOutcomeIsHandedToACallMadeAfterItsLoadHadEnded() throws Exception {
        AtomicLong ended = new AtomicLong();
        CyclicBarrier start = new CyclicBarrier(4);
        List<Future<?>> callers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            callers.add(threads.submit(() -> {
                start.await();
                for (int call = 0; call < 5_000; call++) {
                    long endedBefore = ended.get();
                    long got = get(flights.run(KEY, this::loadNow))
                            .usage()
                            .received()
                            .volume();
                    assertThat(got)
                            .as("load %d had ended before the call", endedBefore)
                            .isGreaterThan(endedBefore);
                    ended.accumulateAndGet(got, Math::max);
                }
                return null;
            }));
        }
        for (Future<?> caller : callers) {
            caller.get(60, TimeUnit.SECONDS);
        }
    }

    @Test
    void differentKeysDoNotWaitForEachOther() throws Exception {
        CompletableFuture<AgedUsage> held = new CompletableFuture<>();
        CompletableFuture<AgedUsage> first = join(held);

        for (UsageKey other : List.of(
                new UsageKey("org-124", MARCH),
                new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 4))),
                new UsageKey(
                        "org-123",
                        UsagePeriod.between(MARCH.start(), MARCH.end().minusNanos(1_000))))) {
            CompletionStage<AgedUsage> stage = flights.run(other, this::loadNow);
            assertThat(stage.toCompletableFuture()).as("the load of %s", other).isDone();
        }

        assertThat(first).isNotDone();
        held.complete(figure(1));
        assertThat(get(first)).isEqualTo(figure(1));
    }

    @Test
    void aLoadThatBlocksItsCallerBlocksNoOther() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        CountDownLatch loading = new CountDownLatch(1);
        Future<CompletionStage<AgedUsage>> leader = threads.submit(() -> flights.run(KEY, () -> {
            loading.countDown();
            awaitLatch(release);
            return CompletableFuture.completedFuture(figure(1));
        }));
        awaitLatch(loading);

        CompletionStage<AgedUsage> follower = flights.run(KEY, this::loadNow);
        CompletionStage<AgedUsage> other = flights.run(new UsageKey("org-124", MARCH), this::loadNow);

        assertThat(other.toCompletableFuture()).isDone();
        assertThat(follower.toCompletableFuture()).isNotDone();
        release.countDown();
        assertThat(get(follower)).isEqualTo(figure(1));
        assertThat(get(leader.get(10, TimeUnit.SECONDS))).isEqualTo(figure(1));
    }

    @Test
    void callsForOneWindowJoinWhateverItIsCalled() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        CompletableFuture<AgedUsage> asMonth = join(load);
        CompletableFuture<AgedUsage> asWindow = flights.run(
                        new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end())), this::loadNow)
                .toCompletableFuture();

        assertThat(loads).hasValue(1);
        load.complete(figure(1));
        assertThat(get(asWindow)).isSameAs(get(asMonth));
    }

    @Test
    void closingTwiceIsHarmless() {
        flights.close();
        flights.close();
    }

    private List<CompletionStage<AgedUsage>> runFromManyThreads(int count, CompletableFuture<AgedUsage> load)
            throws Exception {
        CyclicBarrier start = new CyclicBarrier(count);
        List<Future<CompletionStage<AgedUsage>>> callers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            callers.add(threads.submit(() -> {
                start.await();
                return join(load);
            }));
        }
        List<CompletionStage<AgedUsage>> stages = new ArrayList<>();
        for (Future<CompletionStage<AgedUsage>> caller : callers) {
            stages.add(caller.get(30, TimeUnit.SECONDS));
        }
        return stages;
    }

    private CompletableFuture<AgedUsage> join(CompletableFuture<AgedUsage> load) {
        return flights.run(KEY, () -> {
                    loads.incrementAndGet();
                    return load;
                })
                .toCompletableFuture();
    }

    private CompletionStage<AgedUsage> loadNow() {
        return CompletableFuture.completedFuture(figure(loads.incrementAndGet()));
    }

    /** The figure of the load of this number. */
    private static AgedUsage figure(long number) {
        return new AgedUsage(
                new OrganisationUsage(KEY, new UsageMetrics(number, 0), UsageMetrics.ZERO, Instant.EPOCH),
                Duration.ZERO);
    }

    private static AgedUsage get(CompletionStage<AgedUsage> stage) throws Exception {
        return stage.toCompletableFuture().get(30, TimeUnit.SECONDS);
    }

    private static Throwable failureOf(CompletionStage<AgedUsage> stage) {
        Throwable thrown = catchThrowable(() -> get(stage));
        assertThat(thrown).isInstanceOf(ExecutionException.class);
        return Objects.requireNonNull(thrown.getCause());
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> RuntimeException sneaky(Throwable thrown) throws T {
        throw (T) thrown;
    }
}
