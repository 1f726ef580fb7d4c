package io.usagekit.internal.flight;

import static io.usagekit.internal.flight.StepwiseLoad.KEY;
import static io.usagekit.internal.flight.StepwiseLoad.MARCH;
import static io.usagekit.internal.flight.StepwiseLoad.figure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.LoadOutcome;
import io.usagekit.LoadTerms;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The flights of one process, step by step, on one thread. */
class FlightsTest {

    private final ManualDelays delays = new ManualDelays();
    private final Flights flights = new Flights(delays);

    @AfterEach
    void close() {
        flights.close();
    }

    @Test
    void aFlightComputesStoresAndCompletes() {
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<LoadOutcome> caller = run(load);
        assertThat(load.steps).containsExactly("started", "compute");
        load.computed.complete(figure(1));
        assertThat(load.steps).containsExactly("started", "compute", "store");
        assertThat(caller).as("the caller, while the figure is being stored").isNotDone();

        load.stored.complete(null);

        assertThat(load.steps).containsExactly("started", "compute", "store", "ended");
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
        assertThat(delays.delays()).as("timers left").isEmpty();
    }

    @Test
    void whatTheLoadFindsInTheCacheIsNotStoredAgain() {
        StepwiseLoad load = new StepwiseLoad();
        load.origin = LoadOutcome::cached;
        CompletableFuture<LoadOutcome> caller = run(load);
        load.computed.complete(figure(1));
        assertThat(caller).isCompletedWithValue(LoadOutcome.cached(figure(1)));
        assertThat(load.steps).containsExactly("started", "compute", "ended");
    }

    @Test
    void returnsTheFigureWhenItCantBeStored() {
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<LoadOutcome> caller = run(load);
        load.computed.complete(figure(1));
        load.stored.completeExceptionally(new IllegalStateException("no cache"));
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
        assertThat(load.steps).endsWith("store", "ended");
    }

    @Test
    void notesAFailureBeforeTheCallersReceiveIt() {
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<LoadOutcome> caller = run(load);
        List<String> stepsAtCompletion = new ArrayList<>();
        var unused = caller.whenComplete((outcome, error) -> stepsAtCompletion.addAll(load.steps));
        IllegalStateException broken = new IllegalStateException("no database");
        load.computed.completeExceptionally(broken);
        assertThat(failureOf(caller)).isSameAs(broken);
        assertThat(stepsAtCompletion).containsExactly("started", "compute", "failed", "ended");
    }

    @Test
    void callsNothingOnAFollowersLoad() {
        StepwiseLoad load = new StepwiseLoad();
        var unused = run(load);
        StepwiseLoad joined = new StepwiseLoad();
        CompletableFuture<LoadOutcome> caller = run(joined);
        load.computed.complete(figure(1));
        load.stored.complete(null);
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
        assertThat(joined.steps).isEmpty();
    }

    @Test
    void failsAtItsDeadlineAndDropsTheLateFigure() {
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<LoadOutcome> caller = run(load);
        assertThat(delays.delays()).containsExactly(StepwiseLoad.TIMEOUT);

        delays.goOff();

        assertThat(failureOf(caller)).isSameAs(load.late);
        StepwiseLoad next = new StepwiseLoad();
        CompletableFuture<LoadOutcome> nextCaller = run(next);
        load.computed.complete(figure(1));
        assertThat(load.steps).doesNotContain("store", "publicationRejected");
        assertThat(nextCaller).as("the flight after it").isNotDone();
        next.computed.complete(figure(2));
        next.stored.complete(null);
        assertThat(nextCaller).isCompletedWithValue(LoadOutcome.computed(figure(2)));
    }

    @Test
    void storesNothingWhenInvalidatedWhileItComputes() {
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<LoadOutcome> caller = run(load);

        assertThat(invalidate()).isCompleted();

        load.computed.complete(figure(1));
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
        assertThat(load.steps).doesNotContain("store").endsWith("publicationRejected", "ended");
    }

    @Test
    void invalidationWaitsForAStore() {
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<LoadOutcome> caller = run(load);
        load.computed.complete(figure(1));

        CompletableFuture<Void> invalidated = invalidate();

        assertThat(invalidated).isNotDone();
        StepwiseLoad next = new StepwiseLoad();
        var unused = run(next);
        assertThat(next.steps).as("a new caller doesn't join it").contains("compute");
        load.stored.complete(null);
        assertThat(invalidated).isCompleted();
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
    }

    @Test
    void aSecondInvalidationWaitsForAStoreToo() {
        StepwiseLoad load = new StepwiseLoad();
        var unused = run(load);
        load.computed.complete(figure(1));
        var first = invalidate();

        CompletableFuture<Void> second = invalidate();
        CompletableFuture<Void> whole = flights.invalidate(KEY.organisationId()).toCompletableFuture();

        assertThat(second).isNotDone();
        assertThat(whole).isNotDone();
        load.stored.complete(null);
        assertThat(first).isCompleted();
        assertThat(second).isCompleted();
        assertThat(whole).isCompleted();
    }

    @Test
    void invalidationWaitsForAStoreAlsoAfterTheDeadline() {
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<LoadOutcome> caller = run(load);
        load.computed.complete(figure(1));
        delays.goOff();
        assertThat(failureOf(caller)).isSameAs(load.late);

        CompletableFuture<Void> invalidated = invalidate();

        assertThat(invalidated).isNotDone();
        load.stored.complete(null);
        assertThat(invalidated).isCompleted();
    }

    @Test
    void invalidationWaitsForAStoreThatCallersDontWaitFor() {
        StepwiseLoad load = new StepwiseLoad();
        load.storeAwaited = false;
        CompletableFuture<LoadOutcome> caller = run(load);
        load.computed.complete(figure(1));
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));

        CompletableFuture<Void> invalidated = invalidate();

        assertThat(invalidated).isNotDone();
        load.stored.complete(null);
        assertThat(invalidated).isCompleted();
        assertThat(delays.delays()).as("timers left").isEmpty();
    }

    @Test
    void invalidationDoesntWaitForOtherOrganisations() {
        StepwiseLoad load = new StepwiseLoad();
        var unused = run(load);
        load.computed.complete(figure(1));
        assertThat(flights.invalidate(new UsageKey("org-124", MARCH)).toCompletableFuture())
                .isCompleted();
        assertThat(flights.invalidate("org-124").toCompletableFuture()).isCompleted();
    }

    @Test
    void closeFailsInvalidatedFlightsToo() {
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<LoadOutcome> caller = run(load);
        var unused = invalidate();
        flights.close();
        assertThat(failureOf(caller)).isInstanceOf(UsageCalculationException.class);
        assertThat(delays.delays()).as("timers left").isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"started", "terms", "compute", "publicationRejected"})
    void failsWithWhatAStepThrowsAndFreesTheKey(String step) {
        StepwiseLoad load = new StepwiseLoad(step);
        CompletableFuture<LoadOutcome> caller = run(load);
        var unused = invalidate();
        load.computed.complete(figure(1));
        assertThat(failureOf(caller)).isInstanceOf(StepwiseLoad.Broken.class).hasMessage(step);
        assertThat(load.steps).endsWith("failed", "ended");
        assertTheKeyIsFree();
    }

    @Test
    void returnsTheFigureWhenStoreThrows() {
        StepwiseLoad load = new StepwiseLoad("store");
        CompletableFuture<LoadOutcome> caller = run(load);
        load.computed.complete(figure(1));
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
        assertThat(invalidate()).isCompleted();
    }

    @Test
    void returnsTheFigureWhenTheEndHookThrows() {
        StepwiseLoad load = new StepwiseLoad("ended");
        CompletableFuture<LoadOutcome> caller = run(load);
        load.computed.complete(figure(1));
        load.stored.complete(null);
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
        assertTheKeyIsFree();
    }

    @Test
    void returnsTheErrorWhenTheFailureHookThrows() {
        StepwiseLoad load = new StepwiseLoad("failed", "ended");
        CompletableFuture<LoadOutcome> caller = run(load);
        IllegalStateException broken = new IllegalStateException("no database");
        load.computed.completeExceptionally(broken);
        assertThat(failureOf(caller)).isSameAs(broken);
        assertTheKeyIsFree();
    }

    @Test
    void failsWithWhatTimedOutThrows() {
        StepwiseLoad load = new StepwiseLoad("timedOut");
        CompletableFuture<LoadOutcome> caller = run(load);
        delays.goOff();
        assertThat(failureOf(caller)).isInstanceOf(StepwiseLoad.Broken.class).hasMessage("timedOut");
        assertTheKeyIsFree();
    }

    @Test
    void closeFailsAllFlightsThoughOneThrows() {
        CompletableFuture<LoadOutcome> broken = run(new StepwiseLoad("failed", "ended"));
        CompletableFuture<LoadOutcome> other = flights.run(
                        new UsageKey("org-124", MARCH), new StepwiseLoad("failed", "ended"))
                .toCompletableFuture();
        flights.close();
        assertThat(failureOf(broken)).isInstanceOf(UsageCalculationException.class);
        assertThat(failureOf(other)).isInstanceOf(UsageCalculationException.class);
    }

    @Test
    void failsWithoutTheWrappersOfFutures() {
        UsageCalculationException failure = new UsageCalculationException("no database", null);
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<LoadOutcome> caller = run(load);
        load.computed.completeExceptionally(new CompletionException(new ExecutionException(failure)));
        assertThat(failureOf(caller)).isSameAs(failure);
    }

    @Test
    @SuppressWarnings("NullAway") // loads that break their promise
    void failsWhenTheLoadReturnsNoFigureAndFreesTheKey() {
        StepwiseLoad load = new StepwiseLoad();
        load.origin = figure -> null;
        CompletableFuture<LoadOutcome> caller = run(load);
        load.computed.complete(figure(1));
        assertThat(failureOf(caller)).isInstanceOf(NullPointerException.class);
        CompletableFuture<LoadOutcome> noStage =
                flights.run(KEY, new LoadWithoutStage()).toCompletableFuture();
        assertThat(failureOf(noStage)).isInstanceOf(NullPointerException.class);
        assertTheKeyIsFree();
    }

    private record LoadWithoutStage() implements SingleFlight.Load {
        @Override
        public LoadTerms terms() {
            return StepwiseLoad.TERMS;
        }

        @Override
        @SuppressWarnings("NullAway") // breaks its promise
        public CompletionStage<LoadOutcome> compute() {
            return null;
        }

        @Override
        public CompletionStage<Void> store(LoadOutcome outcome) {
            return CompletableFuture.completedFuture(null);
        }
    }

    private void assertTheKeyIsFree() {
        StepwiseLoad next = new StepwiseLoad();
        CompletableFuture<LoadOutcome> caller = run(next);
        next.computed.complete(figure(2));
        next.stored.complete(null);
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(2)));
    }

    private CompletableFuture<LoadOutcome> run(StepwiseLoad load) {
        return flights.run(KEY, load).toCompletableFuture();
    }

    private CompletableFuture<Void> invalidate() {
        return flights.invalidate(KEY).toCompletableFuture();
    }

    private static Throwable failureOf(CompletableFuture<?> future) {
        try {
            throw new AssertionError("didn't fail: " + future.get(0, TimeUnit.SECONDS));
        } catch (ExecutionException e) {
            return java.util.Objects.requireNonNull(e.getCause());
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("hasn't ended", e);
        }
    }
}
