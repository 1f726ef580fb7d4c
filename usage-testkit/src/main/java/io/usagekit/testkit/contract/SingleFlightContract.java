package io.usagekit.testkit.contract;

import static io.usagekit.testkit.contract.TestLoad.figure;
import static io.usagekit.testkit.contract.TestLoad.figureOf;
import static io.usagekit.testkit.contract.TestLoad.sneaky;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.usagekit.AgedUsage;
import io.usagekit.LoadOutcome;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Contract of {@link SingleFlight} towards the callers of one process, for this library's implementations and for those of hosts.
 * A test class of the implementation extends this class and provides the implementation.
 *
 * @since 0.1
 */
public abstract class SingleFlightContract {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    static final UsageKey KEY = new UsageKey("org-123", MARCH);
    private static final UsageKey OTHER = new UsageKey("org-124", MARCH);
    private static final int CALLERS = 64;

    private final AtomicInteger loads = new AtomicInteger();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private SingleFlight flights;

    /** For subclasses. */
    protected SingleFlightContract() {}

    /** Returns an implementation without a load in flight, for one test case, which closes it. */
    protected abstract SingleFlight openSingleFlight();

    /**
     * Whether it calls {@link SingleFlight.Load#store}; false for one that stores figures itself where the service's cache reads
     * them.
     */
    protected boolean storesThroughLoad() {
        return true;
    }

    /** Returns how long a case waits for a load, a store or an invalidation before the case fails. */
    protected Duration patience() {
        return Duration.ofSeconds(30);
    }

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
    final void sharesOneLoadAndItsFigureAmongManyThreads() throws Exception {
        for (int round = 0; round < 20; round++) {
            loads.set(0);
            CompletableFuture<AgedUsage> load = new CompletableFuture<>();
            List<CompletionStage<AgedUsage>> stages = joinFromManyThreads(load);
            load.complete(figure(1));
            for (CompletionStage<AgedUsage> stage : stages) {
                assertEquals(figure(1), get(stage));
            }
            assertEquals(1, loads.get(), "loads started while one was in flight");
        }
    }

    @Test
    final void returnsWithoutWaitingForTheLoad() throws Exception {
        CompletableFuture<AgedUsage> computing = new CompletableFuture<>();
        Future<CompletionStage<AgedUsage>> call = threads.submit(() -> run(KEY, () -> computing));
        try {
            CompletionStage<AgedUsage> stage = call.get(patience().toMillis(), TimeUnit.MILLISECONDS);
            assertFalse(stage.toCompletableFuture().isDone(), "the load is still computing");
        } catch (TimeoutException e) {
            fail("run returns a stage at once, but it waited for the load", e);
        } finally {
            computing.complete(figure(1));
        }
        assertEquals(figure(1), get(call.get(patience().toMillis(), TimeUnit.MILLISECONDS)));
    }

    @Test
    final void sharesFailureWithFollowersOnly() throws Exception {
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
    final void failsWhenTheLoadThrowsAndFreesTheKey() throws Exception {
        for (Throwable thrown : List.of(new IllegalStateException("broken"), new StackOverflowError("deep"))) {
            CompletionStage<AgedUsage> stage = run(KEY, () -> {
                throw sneaky(thrown);
            });
            assertSame(thrown, failureOf(stage));
            assertEquals(figure(loads.get() + 1), get(run(KEY, this::loadNow)), () -> "after " + thrown);
        }
    }

    @Test
    final void isolatesCallersFromEachOthersStages() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        CompletableFuture<LoadOutcome> leader = joinRaw(load);
        CompletableFuture<LoadOutcome> completes = joinRaw(load);
        CompletableFuture<LoadOutcome> timesOut = joinRaw(load);
        CompletableFuture<AgedUsage> bystander = join(load);
        leader.cancel(true);
        completes.complete(LoadOutcome.computed(figure(666)));
        assertThrows(
                ExecutionException.class,
                () -> timesOut.orTimeout(1, TimeUnit.NANOSECONDS).get(30, TimeUnit.SECONDS));
        assertFalse(load.isDone(), "the load continues");
        assertFalse(bystander.isDone(), "a follower still waits");
        CompletableFuture<AgedUsage> late = join(load);
        assertEquals(1, loads.get(), "the load can still be joined");
        load.complete(figure(1));
        assertEquals(figure(1), get(bystander));
        assertEquals(figure(1), get(late));
    }

    @Test
    final void failsTimedOutLoadForAllFollowersAndFreesTheKey() throws Exception {
        CompletableFuture<AgedUsage> never = new CompletableFuture<>();
        CompletionStage<AgedUsage> leader = figureOf(started(KEY, new TestLoad(() -> never, Duration.ofMillis(50))));
        CompletionStage<AgedUsage> follower = run(KEY, this::loadNow);
        assertInstanceOf(TimeoutException.class, failureOf(leader));
        assertInstanceOf(TimeoutException.class, failureOf(follower));
        assertEquals(0, loads.get(), "loads started meanwhile");
        assertEquals(figure(1), get(run(KEY, this::loadNow)));
    }

    @Test
    final void readsTheTermsOfTheLeadersLoadBeforeItReturnsAndCallsNothingOnAFollowers() throws Exception {
        CompletableFuture<AgedUsage> computing = new CompletableFuture<>();
        TestLoad leader = new TestLoad(() -> computing);
        TestLoad follower = new TestLoad(this::loadNow);
        CompletionStage<LoadOutcome> first = started(KEY, leader);
        assertTrue(leader.termsRead, "the terms of the leader's load were read");
        CompletionStage<LoadOutcome> second = started(KEY, follower);
        computing.complete(figure(1));
        assertEquals(figure(1), get(figureOf(first)));
        assertEquals(figure(1), get(figureOf(second)));
        assertFalse(follower.termsRead, "the terms of a follower's load were read");
        assertEquals(0, loads.get(), "loads of followers");
    }

    @Test
    final void storesTheFigureOnceBeforeItCompletes() throws Exception {
        TestLoad load = new TestLoad(this::loadNow);
        if (storesThroughLoad()) {
            load.storing = new CompletableFuture<>();
        }
        CompletableFuture<LoadOutcome> caller = started(KEY, load).toCompletableFuture();
        assertEquals(storesThroughLoad(), !caller.isDone(), "the caller waits for the store");
        load.storing.complete(null);
        assertEquals(figure(1), get(figureOf(caller)));
        assertEquals(storesThroughLoad() ? List.of(LoadOutcome.computed(figure(1))) : List.of(), load.stored);
    }

    @Test
    final void returnsTheFigureWhenItCannotBeStored() throws Exception {
        TestLoad load = new TestLoad(this::loadNow);
        load.storing = CompletableFuture.failedFuture(new IllegalStateException("no cache"));
        assertEquals(figure(1), get(figureOf(started(KEY, load))));
        assertEquals(figure(2), get(run(KEY, this::loadNow)));
    }

    @Test
    final void returnsTheFigureWhenStoringThrows() throws Exception {
        CompletionStage<LoadOutcome> caller = started(KEY, new TestLoad(this::loadNow) {
            @Override
            public CompletionStage<Void> store(LoadOutcome outcome) {
                throw new IllegalStateException("no cache");
            }
        });
        assertEquals(figure(1), get(figureOf(caller)));
        assertEquals(figure(2), get(run(KEY, this::loadNow)));
    }

    @Test
    final void storesNothingWhenTheKeyWasInvalidatedSinceTheLoadBegan() throws Exception {
        CompletableFuture<AgedUsage> computing = new CompletableFuture<>();
        TestLoad load = new TestLoad(() -> computing);
        CompletionStage<LoadOutcome> caller = started(KEY, load);
        get(flights.invalidate(KEY));
        computing.complete(figure(1));
        assertEquals(figure(1), get(figureOf(caller)));
        assertEquals(List.of(), load.stored, "stored");
    }

    @Test
    final void invalidatesOnlyAfterStoreInProgress() throws Exception {
        if (!storesThroughLoad()) {
            return;
        }
        TestLoad load = new TestLoad(this::loadNow);
        load.storing = new CompletableFuture<>();
        CompletionStage<LoadOutcome> caller = started(KEY, load);
        CompletableFuture<Void> invalidation = flights.invalidate(KEY).toCompletableFuture();
        CompletableFuture<Void> second =
                flights.invalidate(KEY.organisationId()).toCompletableFuture();
        assertFalse(invalidation.isDone(), "the figure may still become visible");
        assertFalse(second.isDone(), "so it may for a second invalidation");
        load.storing.complete(null);
        get(invalidation);
        get(second);
        assertEquals(figure(1), get(figureOf(caller)));
    }

    @Test
    final void returnsTheOriginThatTheLoadReports() throws Exception {
        LoadOutcome cached = LoadOutcome.cached(figure(1));
        assertEquals(cached, get(started(KEY, new TestLoad(this::loadNow) {
            @Override
            public CompletionStage<LoadOutcome> compute() {
                return CompletableFuture.completedFuture(cached);
            }
        })));
    }

    @Test
    final void completesInvalidatedLoadForItsFollowersAndStartsAnotherForNextCaller() throws Exception {
        for (boolean wholeOrganisation : new boolean[] {false, true}) {
            loads.set(0);
            CompletableFuture<AgedUsage> load = new CompletableFuture<>();
            CompletableFuture<AgedUsage> joined = join(load);
            CompletableFuture<AgedUsage> others = new CompletableFuture<>();
            CompletionStage<AgedUsage> unaffected = run(OTHER, () -> others);
            get(wholeOrganisation ? flights.invalidate(KEY.organisationId()) : flights.invalidate(KEY));
            assertEquals(figure(2), get(run(KEY, this::loadNow)), "the next caller's own load");
            assertFalse(joined.isDone(), "followers still wait");
            load.complete(figure(1));
            assertEquals(figure(1), get(joined));
            CompletionStage<AgedUsage> joinsOther = run(OTHER, this::loadNow);
            others.complete(figure(7));
            assertEquals(figure(7), get(unaffected));
            assertEquals(figure(7), get(joinsOther), "another organisation's load can still be joined");
        }
    }

    @Test
    final void keepsSuccessorInFlightWhenInvalidatedLoadEnds() throws Exception {
        CompletableFuture<AgedUsage> first = new CompletableFuture<>();
        CompletableFuture<AgedUsage> joined = join(first);
        get(flights.invalidate(KEY));
        CompletableFuture<AgedUsage> second = new CompletableFuture<>();
        CompletableFuture<AgedUsage> next = join(second);
        first.complete(figure(1));
        assertEquals(figure(1), get(joined));
        CompletableFuture<AgedUsage> late = join(new CompletableFuture<>());
        assertEquals(2, loads.get(), "loads: the second is still in flight");
        second.complete(figure(2));
        assertEquals(figure(2), get(next));
        assertEquals(figure(2), get(late));
    }

    @Test
    final void failsLoadsInFlightAndLaterOnesOnceClosed() {
        CompletableFuture<AgedUsage> joined = join(new CompletableFuture<>());
        flights.close();
        assertInstanceOf(UsageException.class, failureOf(joined));
        assertInstanceOf(UsageException.class, failureOf(run(KEY, this::loadNow)));
        assertEquals(1, loads.get(), "loads");
    }

    @Test
    final void freesTheKeyBeforeCallersReceiveTheOutcome() throws Exception {
        for (boolean fails : new boolean[] {false, true}) {
            loads.set(0);
            CompletableFuture<AgedUsage> load = new CompletableFuture<>();
            CompletionStage<AgedUsage> leader = callAgain(join(load));
            CompletionStage<AgedUsage> follower = callAgain(join(load));
            if (fails) {
                load.completeExceptionally(new UsageCalculationException("no database", null));
            } else {
                load.complete(figure(1));
            }
            assertTrue(get(leader).usage().received().volume() > 1, "the leader's next call starts a load of its own");
            assertTrue(get(follower).usage().received().volume() > 1, "and so does a follower's");
        }
    }

    /** Loads are numbered: a caller that has received one and calls again must get a later one. */
    @Test
    final void returnsNoOutcomeToACallMadeAfterItsLoadHadCompleted() throws Exception {
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
            try {
                caller.get(60, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                throw new AssertionError("one of the callers: " + e.getCause(), e);
            }
        }
    }

    @Test
    final void loadsDifferentKeysIndependently() throws Exception {
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
    final void joinsLoadOfSameWindowUnderAnyLabel() throws Exception {
        CompletableFuture<AgedUsage> load = new CompletableFuture<>();
        CompletableFuture<AgedUsage> asMonth = join(load);
        UsageKey asWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        CompletionStage<AgedUsage> joined = run(asWindow, this::loadNow);
        load.complete(figure(1));
        assertEquals(get(asMonth), get(joined));
        assertEquals(1, loads.get());
    }

    @Test
    final void allowsClosingTwice() {
        flights.close();
        assertDoesNotThrow(flights::close, "close is idempotent");
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

    private CompletionStage<AgedUsage> callAgain(CompletionStage<AgedUsage> stage) {
        return stage.handle((figure, error) -> run(KEY, this::loadNow)).thenCompose(next -> next);
    }

    private CompletableFuture<AgedUsage> join(CompletableFuture<AgedUsage> load) {
        return figureOf(joinRaw(load)).toCompletableFuture();
    }

    private CompletableFuture<LoadOutcome> joinRaw(CompletableFuture<AgedUsage> load) {
        return started(KEY, new TestLoad(() -> {
                    loads.incrementAndGet();
                    return load;
                }))
                .toCompletableFuture();
    }

    private CompletionStage<AgedUsage> run(UsageKey key, Supplier<CompletionStage<AgedUsage>> computation) {
        return figureOf(started(key, new TestLoad(computation)));
    }

    /** Calls run, which throws nothing itself, whatever the load throws. */
    private CompletionStage<LoadOutcome> started(UsageKey key, SingleFlight.Load load) {
        return assertDoesNotThrow(() -> flights.run(key, load), "run throws nothing itself: its stage fails");
    }

    private CompletionStage<AgedUsage> loadNow() {
        return CompletableFuture.completedFuture(figure(loads.incrementAndGet()));
    }

    private <T> T get(CompletionStage<T> stage) throws InterruptedException {
        try {
            return stage.toCompletableFuture().get(patience().toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError("expected an outcome, but it failed: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new AssertionError("expected an outcome, but there was none after " + patience(), e);
        }
    }

    /** What a stage failed with, behind the wrappers of futures. */
    private Throwable failureOf(CompletionStage<?> stage) {
        Throwable cause = assertThrows(
                ExecutionException.class,
                () -> stage.toCompletableFuture().get(patience().toMillis(), TimeUnit.MILLISECONDS));
        while (cause instanceof ExecutionException || cause instanceof CompletionException) {
            cause = Objects.requireNonNull(cause.getCause(), "a failure without a cause");
        }
        return cause;
    }
}
