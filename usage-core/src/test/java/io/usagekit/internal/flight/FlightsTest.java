package io.usagekit.internal.flight;

import static io.usagekit.internal.flight.StepwiseLoad.KEY;
import static io.usagekit.internal.flight.StepwiseLoad.MARCH;
import static io.usagekit.internal.flight.StepwiseLoad.computing;
import static io.usagekit.internal.flight.StepwiseLoad.figure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.SingleFlight.Landing;
import io.usagekit.SingleFlight.Origin;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
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
    void aFlightLooksOnceMoreComputesKeepsAndLands() {
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<Landing> caller = run(load);
        assertThat(load.steps).containsExactly("tookOff", "lookAgain");
        load.looked.complete(Optional.empty());
        assertThat(load.steps).containsExactly("tookOff", "lookAgain", "compute");
        load.computed.complete(figure(1));
        assertThat(load.steps).containsExactly("tookOff", "lookAgain", "compute", "keep");
        assertThat(caller).as("the caller, while the figure is being kept").isNotDone();

        load.kept.complete(null);

        assertThat(load.steps).containsExactly("tookOff", "lookAgain", "compute", "keep", "landed");
        assertThat(caller).isCompletedWithValue(Landing.with(figure(1), Origin.COMPUTED));
        assertThat(delays.delays()).as("timers left").isEmpty();
    }

    @Test
    void whatTheSecondLookFindsIsNotComputed() {
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<Landing> caller = run(load);
        load.looked.complete(Optional.of(figure(1)));
        assertThat(caller).isCompletedWithValue(Landing.with(figure(1), Origin.FOUND));
        assertThat(load.steps).containsExactly("tookOff", "lookAgain", "landed");
    }

    @Test
    void aSecondLookThatFailsHasFoundNothing() {
        StepwiseLoad load = new StepwiseLoad();
        var unused = run(load);
        load.looked.completeExceptionally(new IllegalStateException("no cache"));
        assertThat(load.steps).containsExactly("tookOff", "lookAgain", "compute");
    }

    @Test
    void aFigureThatCantBeKeptIsHandedOutAllTheSame() {
        StepwiseLoad load = computing();
        CompletableFuture<Landing> caller = run(load);
        load.computed.complete(figure(1));
        load.kept.completeExceptionally(new IllegalStateException("no cache"));
        assertThat(caller).isCompletedWithValue(Landing.with(figure(1), Origin.COMPUTED));
        assertThat(load.steps).endsWith("keep", "landed");
    }

    @Test
    void aFailureIsToldToTheLoadBeforeTheCallersHearOfIt() {
        StepwiseLoad load = computing();
        CompletableFuture<Landing> caller = run(load);
        List<String> stepsWhenHeard = new ArrayList<>();
        var unused = caller.whenComplete((landing, error) -> stepsWhenHeard.addAll(load.steps));
        IllegalStateException broken = new IllegalStateException("no database");
        load.computed.completeExceptionally(broken);
        assertThat(failureOf(caller)).isSameAs(broken);
        assertThat(stepsWhenHeard).containsExactly("tookOff", "lookAgain", "compute", "failed", "landed");
    }

    @Test
    void whoJoinsTakesNoStepOfItsOwn() {
        StepwiseLoad load = computing();
        var unused = run(load);
        StepwiseLoad joined = computing();
        CompletableFuture<Landing> caller = run(joined);
        load.computed.complete(figure(1));
        load.kept.complete(null);
        assertThat(caller).isCompletedWithValue(Landing.with(figure(1), Origin.COMPUTED));
        assertThat(joined.steps).isEmpty();
    }

    @Test
    void atItsDeadlineAFlightFailsAndItsLateFigureIsNeitherKeptNorHandedOut() {
        StepwiseLoad load = computing();
        CompletableFuture<Landing> caller = run(load);
        assertThat(delays.delays()).containsExactly(StepwiseLoad.TIMEOUT);

        delays.goOff();

        assertThat(failureOf(caller)).isSameAs(load.late);
        StepwiseLoad next = computing();
        CompletableFuture<Landing> nextCaller = run(next);
        load.computed.complete(figure(1));
        assertThat(load.steps).doesNotContain("keep", "publicationRejected");
        assertThat(nextCaller).as("the flight after it").isNotDone();
        next.computed.complete(figure(2));
        next.kept.complete(null);
        assertThat(nextCaller).isCompletedWithValue(Landing.with(figure(2), Origin.COMPUTED));
    }

    @Test
    void aLookThatEndsAfterTheDeadlineComputesNothing() {
        StepwiseLoad load = new StepwiseLoad();
        CompletableFuture<Landing> caller = run(load);
        delays.goOff();
        load.looked.complete(Optional.empty());
        assertThat(failureOf(caller)).isSameAs(load.late);
        assertThat(load.steps).doesNotContain("compute");
    }

    @Test
    void aFlightThatIsInvalidatedWhileItComputesKeepsNothing() {
        StepwiseLoad load = computing();
        CompletableFuture<Landing> caller = run(load);

        assertThat(invalidate()).isCompleted();

        load.computed.complete(figure(1));
        assertThat(caller).isCompletedWithValue(Landing.with(figure(1), Origin.COMPUTED));
        assertThat(load.steps).doesNotContain("keep").endsWith("publicationRejected", "landed");
    }

    @Test
    void whoInvalidatesWaitsForWhatIsBeingKept() {
        StepwiseLoad load = computing();
        CompletableFuture<Landing> caller = run(load);
        load.computed.complete(figure(1));

        CompletableFuture<Void> invalidated = invalidate();

        assertThat(invalidated).isNotDone();
        StepwiseLoad next = computing();
        var unused = run(next);
        assertThat(next.steps).as("who asks now doesn't join it").contains("compute");
        load.kept.complete(null);
        assertThat(invalidated).isCompleted();
        assertThat(caller).isCompletedWithValue(Landing.with(figure(1), Origin.COMPUTED));
    }

    @Test
    void whoInvalidatesASecondTimeWaitsForWhatIsBeingKeptToo() {
        StepwiseLoad load = computing();
        var unused = run(load);
        load.computed.complete(figure(1));
        var first = invalidate();

        CompletableFuture<Void> second = invalidate();
        CompletableFuture<Void> whole = flights.invalidate(KEY.organisationId()).toCompletableFuture();

        assertThat(second).isNotDone();
        assertThat(whole).isNotDone();
        load.kept.complete(null);
        assertThat(first).isCompleted();
        assertThat(second).isCompleted();
        assertThat(whole).isCompleted();
    }

    @Test
    void whoInvalidatesWaitsForWhatIsBeingKeptThoughItsFlightIsPastItsDeadline() {
        StepwiseLoad load = computing();
        CompletableFuture<Landing> caller = run(load);
        load.computed.complete(figure(1));
        delays.goOff();
        assertThat(failureOf(caller)).isSameAs(load.late);

        CompletableFuture<Void> invalidated = invalidate();

        assertThat(invalidated).isNotDone();
        load.kept.complete(null);
        assertThat(invalidated).isCompleted();
    }

    @Test
    void whoInvalidatesDoesntWaitForOtherOrganisations() {
        StepwiseLoad load = computing();
        var unused = run(load);
        load.computed.complete(figure(1));
        assertThat(flights.invalidate(new UsageKey("org-124", MARCH)).toCompletableFuture())
                .isCompleted();
        assertThat(flights.invalidate("org-124").toCompletableFuture()).isCompleted();
    }

    @Test
    void closingFailsAlsoTheFlightsThatWereInvalidated() {
        StepwiseLoad load = computing();
        CompletableFuture<Landing> caller = run(load);
        var unused = invalidate();
        flights.close();
        assertThat(failureOf(caller)).isInstanceOf(UsageCalculationException.class);
        assertThat(delays.delays()).as("timers left").isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"tookOff", "timeout", "compute", "publicationRejected"})
    void whatAStepThrowsIsTheOutcomeAndTheKeyIsFree(String step) {
        StepwiseLoad load = computing(step);
        CompletableFuture<Landing> caller = run(load);
        var unused = invalidate();
        load.computed.complete(figure(1));
        assertThat(failureOf(caller)).isInstanceOf(StepwiseLoad.Broken.class).hasMessage(step);
        assertThat(load.steps).endsWith("failed", "landed");
        assertTheKeyIsFree();
    }

    @Test
    void whatTheSecondLookThrowsMeansThatItFoundNothing() {
        StepwiseLoad load = computing("lookAgain");
        CompletableFuture<Landing> caller = run(load);
        load.computed.complete(figure(1));
        load.kept.complete(null);
        assertThat(caller).isCompletedWithValue(Landing.with(figure(1), Origin.COMPUTED));
    }

    @Test
    void whatKeepingThrowsCostsNoAnswer() {
        StepwiseLoad load = computing("keep");
        CompletableFuture<Landing> caller = run(load);
        load.computed.complete(figure(1));
        assertThat(caller).isCompletedWithValue(Landing.with(figure(1), Origin.COMPUTED));
        assertThat(invalidate()).isCompleted();
    }

    @Test
    void whatIsThrownOnLandingDoesntKeepTheFigureFromTheCallers() {
        StepwiseLoad load = computing("landed");
        CompletableFuture<Landing> caller = run(load);
        load.computed.complete(figure(1));
        load.kept.complete(null);
        assertThat(caller).isCompletedWithValue(Landing.with(figure(1), Origin.COMPUTED));
        assertTheKeyIsFree();
    }

    @Test
    void whatIsThrownOnFailingDoesntKeepTheErrorFromTheCallers() {
        StepwiseLoad load = computing("failed", "landed");
        CompletableFuture<Landing> caller = run(load);
        IllegalStateException broken = new IllegalStateException("no database");
        load.computed.completeExceptionally(broken);
        assertThat(failureOf(caller)).isSameAs(broken);
        assertTheKeyIsFree();
    }

    @Test
    void whatIsThrownAtTheDeadlineIsTheOutcome() {
        StepwiseLoad load = computing("timedOut");
        CompletableFuture<Landing> caller = run(load);
        delays.goOff();
        assertThat(failureOf(caller)).isInstanceOf(StepwiseLoad.Broken.class).hasMessage("timedOut");
        assertTheKeyIsFree();
    }

    @Test
    void closingFailsAllFlightsThoughOneThrowsOnThat() {
        CompletableFuture<Landing> broken = run(computing("failed", "landed"));
        CompletableFuture<Landing> other = flights.run(new UsageKey("org-124", MARCH), computing("failed", "landed"))
                .toCompletableFuture();
        flights.close();
        assertThat(failureOf(broken)).isInstanceOf(UsageCalculationException.class);
        assertThat(failureOf(other)).isInstanceOf(UsageCalculationException.class);
    }

    private void assertTheKeyIsFree() {
        StepwiseLoad next = computing();
        CompletableFuture<Landing> caller = run(next);
        next.computed.complete(figure(2));
        next.kept.complete(null);
        assertThat(caller).isCompletedWithValue(Landing.with(figure(2), Origin.COMPUTED));
    }

    private CompletableFuture<Landing> run(StepwiseLoad load) {
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
