package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlight.Landing;
import io.usagekit.SingleFlight.Origin;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What a {@link SingleFlight} promises to the callers of one process. Extend it, and give it one with no flight under way.
 *
 * @since 0.1
 */
public abstract class SingleFlightContract {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final UsageKey KEY = new UsageKey("org-123", MARCH);
    private static final UsageKey OTHER = new UsageKey("org-124", MARCH);
    private static final int CALLERS = 64;

    private final AtomicInteger loads = new AtomicInteger();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private SingleFlight flights;

    /** For subclasses. */
    protected SingleFlightContract() {}

    /** One for one test; closed after it. */
    protected abstract SingleFlight openSingleFlight();

    @BeforeEach
    final void open() {
        flights = openSingleFlight();
    }

    @AfterEach
    final void close() {
        flights.close();
        threads.shutdownNow();
    }

    @Test
    final void manyThreadsShareOneLoadAndItsFigure() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        List<CompletionStage<AgedUsage>> stages = joinFromManyThreads(load);
        load.complete(figure(1));
        for (CompletionStage<AgedUsage> stage : stages) {
            assertEquals(figure(1), get(stage));
        }
        assertEquals(1, loads.get(), "loads started while one was under way");
    }

    @Test
    final void aFailureIsSharedByAllWhoJoinedAndByNobodyElse() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        List<CompletionStage<AgedUsage>> stages = joinFromManyThreads(load);
        UsageCalculationException failure = new UsageCalculationException("no database", null);
        load.completeExceptionally(failure);
        for (CompletionStage<AgedUsage> stage : stages) {
            assertSame(failure, failureOf(stage));
        }
        assertEquals(figure(2), get(run(KEY, this::loadNow)), "the next call's own load");
    }

    @Test
    final void aFailureIsToldWithoutTheWrappersOfFutures() throws Exception {
        UsageCalculationException failure = new UsageCalculationException("no database", null);
        Throwable wrapped = new CompletionException(new ExecutionException(failure));
        assertSame(failure, failureOf(run(KEY, () -> CompletableFuture.failedFuture(wrapped))));
    }

    @Test
    final void aLoadThatThrowsFailsTheFlightAndFreesTheKey() throws Exception {
        for (Throwable thrown : List.of(new IllegalStateException("broken"), new StackOverflowError("deep"))) {
            CompletionStage<AgedUsage> stage = run(KEY, () -> {
                throw sneaky(thrown);
            });
            assertSame(thrown, failureOf(stage));
            assertEquals(figure(loads.get() + 1), get(run(KEY, this::loadNow)), () -> "after " + thrown);
        }
    }

    @Test
    @SuppressWarnings("NullAway") // loads that break their promise
    final void aLoadWithoutAFigureFailsTheFlightAndFreesTheKey() throws Exception {
        assertInstanceOf(NullPointerException.class, failureOf(run(KEY, () -> null)));
        assertInstanceOf(
                NullPointerException.class, failureOf(run(KEY, () -> CompletableFuture.completedFuture(null))));
        assertEquals(figure(1), get(run(KEY, this::loadNow)));
    }

    @Test
    final void whatOneCallerDoesToItsStageReachesNobodyElse() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        CompletableFuture<Landing> leader = joinRaw(load);
        CompletableFuture<Landing> completes = joinRaw(load);
        CompletableFuture<Landing> timesOut = joinRaw(load);
        CompletableFuture<AgedUsage> bystander = join(load);

        leader.cancel(true);
        completes.complete(Landing.with(figure(666), Origin.COMPUTED));
        assertThrows(
                ExecutionException.class,
                () -> timesOut.orTimeout(1, TimeUnit.NANOSECONDS).get(30, TimeUnit.SECONDS));

        assertFalse(load.isDone(), "the load goes on");
        assertFalse(bystander.isDone(), "one who joined still waits");
        CompletableFuture<AgedUsage> late = join(load);
        assertEquals(1, loads.get(), "the flight can still be joined");
        load.complete(figure(1));
        assertEquals(figure(1), get(bystander));
        assertEquals(figure(1), get(late));
    }

    @Test
    final void aLoadWhoseTimeIsOverFailsForAllWhoJoinedAndFreesTheKey() throws Exception {
        UsageCalculationException late = new UsageCalculationException("too late", null);
        CompletableFuture<AgedUsage> never = new CompletableFuture<>();
        CompletionStage<AgedUsage> leader = figureOf(flights.run(KEY, new TestLoad(() -> never) {
            @Override
            public Duration timeout() {
                return Duration.ofMillis(50);
            }

            @Override
            public Throwable timedOut() {
                return late;
            }
        }));
        CompletionStage<AgedUsage> follower = run(KEY, this::loadNow);
        assertSame(late, failureOf(leader));
        assertSame(late, failureOf(follower));
        assertEquals(0, loads.get(), "loads started meanwhile");
        assertEquals(figure(1), get(run(KEY, this::loadNow)));
    }

    @Test
    final void anInvalidatedLoadEndsForThoseWhoJoinedAndTheNextCallerStartsAnew() throws Exception {
        for (boolean wholeOrganisation : new boolean[] {false, true}) {
            loads.set(0);
            CompletableFuture<AgedUsage> load = new CompletableFuture<>();
            CompletableFuture<AgedUsage> joined = join(load);
            CompletableFuture<AgedUsage> others = new CompletableFuture<>();
            CompletionStage<AgedUsage> unaffected = run(OTHER, () -> others);

            get(wholeOrganisation ? flights.invalidate(KEY.organisationId()) : flights.invalidate(KEY));

            assertEquals(figure(2), get(run(KEY, this::loadNow)), "the next caller's own load");
            assertFalse(joined.isDone(), "those who joined still wait");
            load.complete(figure(1));
            assertEquals(figure(1), get(joined));
            CompletionStage<AgedUsage> joinsOther = run(OTHER, this::loadNow);
            others.complete(figure(7));
            assertEquals(figure(7), get(unaffected));
            assertEquals(figure(7), get(joinsOther), "another organisation's load can still be joined");
        }
    }

    @Test
    final void theSecondLoadIsntFreedByTheInvalidatedFirst() throws Exception {
        CompletableFuture<AgedUsage> first = new CompletableFuture<>();
        CompletableFuture<AgedUsage> joined = join(first);
        get(flights.invalidate(KEY));
        CompletableFuture<AgedUsage> second = new CompletableFuture<>();
        CompletableFuture<AgedUsage> next = join(second);
        first.complete(figure(1));
        assertEquals(figure(1), get(joined));
        CompletableFuture<AgedUsage> late = join(new CompletableFuture<>());
        assertEquals(2, loads.get(), "loads: the second is still under way");
        second.complete(figure(2));
        assertEquals(figure(2), get(next));
        assertEquals(figure(2), get(late));
    }

    @Test
    final void closingFailsTheLoadsUnderWay() {
        CompletableFuture<AgedUsage> joined = join(new CompletableFuture<>());
        flights.close();
        assertInstanceOf(UsageCalculationException.class, failureOf(joined));
        assertInstanceOf(UsageCalculationException.class, failureOf(run(KEY, this::loadNow)));
        assertEquals(1, loads.get(), "loads");
    }

    @Test
    final void theKeyIsFreeWhenThoseWhoJoinedHearOfTheOutcome() throws Exception {
        for (boolean fails : new boolean[] {false, true}) {
            loads.set(0);
            CompletableFuture<AgedUsage> load = new CompletableFuture<>();
            CompletionStage<AgedUsage> leader = askAgain(join(load));
            CompletionStage<AgedUsage> follower = askAgain(join(load));
            if (fails) {
                load.completeExceptionally(new UsageCalculationException("no database", null));
            } else {
                load.complete(figure(1));
            }
            assertTrue(get(leader).usage().received().volume() > 1, "the leader's next call starts a load of its own");
            assertTrue(get(follower).usage().received().volume() > 1, "and so does a follower's");
        }
    }

    /** Loads are numbered; whoever has seen one end and asks again must get a later one. */
    @Test
    final void noOutcomeIsHandedToACallMadeAfterItsLoadHadEnded() throws Exception {
        AtomicLong ended = new AtomicLong();
        CyclicBarrier start = new CyclicBarrier(4);
        List<Future<?>> callers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            callers.add(threads.submit(() -> {
                start.await();
                for (int call = 0; call < 2_000; call++) {
                    long before = ended.get();
                    long got = get(run(KEY, this::loadNow)).usage().received().volume();
                    assertTrue(got > before, () -> "got load " + got + " though " + before + " had ended");
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
    final void differentKeysDoNotWaitForEachOther() throws Exception {
        CompletableFuture<AgedUsage> held = new CompletableFuture<>();
        CompletableFuture<AgedUsage> first = join(held);
        UsagePeriod almostMarch = UsagePeriod.between(MARCH.start(), MARCH.end().minusNanos(1_000));
        for (UsageKey other : List.of(new UsageKey("org-124", MARCH), new UsageKey("org-123", almostMarch))) {
            get(run(other, this::loadNow));
        }
        assertFalse(first.isDone());
        held.complete(figure(1));
        assertEquals(figure(1), get(first));
    }

    @Test
    final void callsForOneWindowJoinWhateverItIsCalled() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        CompletableFuture<AgedUsage> asMonth = join(load);
        UsageKey asWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        CompletionStage<AgedUsage> joined = run(asWindow, this::loadNow);
        load.complete(figure(1));
        assertEquals(get(asMonth), get(joined));
        assertEquals(1, loads.get());
    }

    @Test
    final void closingTwiceIsHarmless() {
        flights.close();
        flights.close();
    }

    private List<CompletionStage<AgedUsage>> joinFromManyThreads(CompletableFuture<AgedUsage> load) throws Exception {
        CyclicBarrier start = new CyclicBarrier(CALLERS);
        List<Future<CompletionStage<AgedUsage>>> callers = new ArrayList<>();
        for (int i = 0; i < CALLERS; i++) {
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

    private CompletionStage<AgedUsage> askAgain(CompletionStage<AgedUsage> stage) {
        return stage.handle((figure, error) -> run(KEY, this::loadNow)).thenCompose(next -> next);
    }

    private CompletableFuture<AgedUsage> join(CompletableFuture<AgedUsage> load) {
        return figureOf(joinRaw(load)).toCompletableFuture();
    }

    private CompletableFuture<Landing> joinRaw(CompletableFuture<AgedUsage> load) {
        return flights.run(KEY, new TestLoad(() -> {
                    loads.incrementAndGet();
                    return load;
                }))
                .toCompletableFuture();
    }

    private CompletionStage<AgedUsage> run(UsageKey key, Supplier<CompletionStage<AgedUsage>> computation) {
        return figureOf(flights.run(key, new TestLoad(computation)));
    }

    private static CompletionStage<AgedUsage> figureOf(CompletionStage<Landing> stage) {
        return stage.thenApply(landing -> landing.figure().orElseThrow());
    }

    /** Nothing is found or acceptable: it computes, or joins one that does. */
    private static class TestLoad implements SingleFlight.Load {
        private final Supplier<CompletionStage<AgedUsage>> computation;

        TestLoad(Supplier<CompletionStage<AgedUsage>> computation) {
            this.computation = computation;
        }

        @Override
        public Duration timeout() {
            return Duration.ofMinutes(1);
        }

        @Override
        public CompletionStage<AgedUsage> compute() {
            return computation.get();
        }

        @Override
        public Duration timeToLive(AgedUsage figure) {
            return Duration.ofMinutes(1);
        }
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

    private static <T> T get(CompletionStage<T> stage) throws Exception {
        return stage.toCompletableFuture().get(30, TimeUnit.SECONDS);
    }

    private static Throwable failureOf(CompletionStage<?> stage) {
        Throwable cause =
                assertThrows(ExecutionException.class, () -> get(stage)).getCause();
        if (cause == null) {
            throw new AssertionError("a failure without a cause");
        }
        return cause;
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> RuntimeException sneaky(Throwable thrown) throws T {
        throw (T) thrown;
    }
}
