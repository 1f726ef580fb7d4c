package io.usagekit.internal.flight;

import static io.usagekit.internal.flight.StepwiseLoad.KEY;
import static io.usagekit.internal.flight.StepwiseLoad.figure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.Publication;
import io.usagekit.LoadOutcome;
import io.usagekit.UsageCacheException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** A leader that can't compute yet, step by step: it gives its lease up and acquires it again. */
class SuspendedLeaseTest {

    private static final Duration HEARTBEAT = Duration.ofSeconds(1);

    private final StepwiseStore store = new StepwiseStore();
    private final ManualDelays delays = new ManualDelays();
    private final Flights flights =
            new Flights(store, new Intervals(Duration.ofSeconds(5), Duration.ofMillis(100), HEARTBEAT), delays);
    private final StepwiseLoad load = new StepwiseLoad();
    private final CompletableFuture<LoadOutcome> caller = flights.run(KEY, load).toCompletableFuture();

    private void lead() {
        store.answer(new Acquisition.Acquired(7));
    }

    private void suspend() {
        lead();
        load.lease.suspend();
        store.done();
    }

    private CompletableFuture<Boolean> resume() {
        return load.lease.resume().toCompletableFuture();
    }

    @Test
    void releasesTheLeaseAndPublishesUnderTheNextOne() {
        suspend();
        assertThat(store.calls).containsExactly("acquire", "release");

        CompletableFuture<Boolean> resumed = resume();
        assertThat(resumed).isNotDone();
        store.answer(new Acquisition.Acquired(9));
        assertThat(resumed).isCompletedWithValue(true);
        assertThat(delays.delays()).as("renewals").contains(HEARTBEAT);
        load.computed.complete(figure(1));
        store.answer(new Publication.Stored());

        assertThat(store.publishedFence).isEqualTo(9);
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
        assertThat(load.steps).containsOnlyOnce("compute");
        assertThat(delays.delays()).as("timers left").isEmpty();
    }

    /** Its own release wakes it, too: it must not acquire a lease then that it would have to release again. */
    @Test
    void acquiresNothingWhileItCannotCompute() {
        suspend();
        store.wakeUp();
        store.wakeUp();
        delays.goOff(HEARTBEAT);
        assertThat(store.calls).containsExactly("acquire", "release");
        assertThat(load.steps).containsOnlyOnce("look");
        load.looked.complete(Optional.empty());
        assertThat(delays.delays()).as("the next look").contains(HEARTBEAT);
        assertThat(caller).isNotDone();
    }

    @Test
    void looksAtIntervalsSinceAWakeUpMayBeLost() {
        suspend();
        delays.goOff(HEARTBEAT);
        assertThat(load.steps).contains("look");
    }

    @Test
    void findsWhatAnotherProcessHasStored() {
        suspend();
        store.wakeUp();
        load.looked.complete(Optional.of(figure(2)));

        assertThat(caller).isCompletedWithValue(LoadOutcome.remote(figure(2)));
        assertThat(resume()).isCompletedWithValue(false);
        assertThat(store.calls).containsExactly("acquire", "release");
        assertThat(delays.delays()).as("timers left").isEmpty();
    }

    @Test
    void followsTheProcessThatHasTheLeaseByNow() {
        suspend();
        CompletableFuture<Boolean> resumed = resume();
        store.answer(new Acquisition.Held(8, Duration.ofSeconds(5)));

        assertThat(resumed).isCompletedWithValue(false);
        load.computed.completeExceptionally(new IllegalStateException("not computed"));
        assertThat(caller)
                .as("not failed by the computation that was called off")
                .isNotDone();
        store.wakeUp();
        store.answer(new Acquisition.Found(figure(3)));
        assertThat(caller).isCompletedWithValue(LoadOutcome.remote(figure(3)));
    }

    @Test
    void findsTheFigureWhenItAcquiresAgain() {
        suspend();
        CompletableFuture<Boolean> resumed = resume();
        store.answer(new Acquisition.Found(figure(2)));
        assertThat(resumed).isCompletedWithValue(false);
        assertThat(caller).isCompletedWithValue(LoadOutcome.cached(figure(2)));
    }

    @Test
    void computesWithoutALeaseWhereTheStoreCannotBeReachedAnyMore() {
        suspend();
        CompletableFuture<Boolean> resumed = resume();
        store.fail(new UsageCacheException("no server", null));
        assertThat(resumed).isCompletedWithValue(false);
        load.computed.complete(figure(1));
        assertThat(load.steps).contains("computedUncoordinated");
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
    }

    /** A computation that was called off would have to wait for another permit. */
    @Test
    void computesUnderItsPermitWhereTheStoreCannotBeReachedAnyMore() {
        load.goesOnUncoordinated = true;
        suspend();
        CompletableFuture<Boolean> resumed = resume();
        store.fail(new UsageCacheException("no server", null));
        assertThat(resumed).isCompletedWithValue(true);
        store.wakeUp();
        load.computed.complete(figure(1));
        assertThat(load.steps).containsOnlyOnce("compute").contains("computedUncoordinated");
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
        assertThat(store.calls)
                .as("no publication; the lease may have been acquired")
                .containsExactly("acquire", "release", "acquire", "release");
        assertThat(delays.delays()).as("timers left").isEmpty();
    }

    @Test
    void keepsTheLeaseWhereItCanComputeBeforeItWasSuspended() {
        lead();
        assertThat(resume()).isCompletedWithValue(true);
        load.lease.suspend();
        assertThat(store.calls).containsExactly("acquire");
    }

    /** Otherwise the release could be executed after the acquisition, and end a lease under which the load computes. */
    @Test
    void acquiresOnceTheReleaseIsAnswered() {
        lead();
        load.lease.suspend();
        CompletableFuture<Boolean> resumed = resume();
        assertThat(store.calls).containsExactly("acquire", "release");
        store.fail(new UsageCacheException("no answer", null));
        assertThat(store.calls).containsExactly("acquire", "release", "acquire");
        assertThat(resumed).isNotDone();
    }

    @Test
    void releasesALeaseThatArrivesAfterTheDeadline() {
        suspend();
        CompletableFuture<Boolean> resumed = resume();
        delays.goOff();
        assertThat(caller).isCompletedExceptionally();
        assertThat(resumed).isCompletedWithValue(false);
        store.answer(new Acquisition.Acquired(9));
        assertThat(store.calls).containsExactly("acquire", "release", "acquire", "release");
    }
}
