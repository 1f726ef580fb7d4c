package io.usagekit.internal.flight;

import static io.usagekit.internal.flight.StepwiseLoad.KEY;
import static io.usagekit.internal.flight.StepwiseLoad.figure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.Publication;
import io.usagekit.LoadOutcome;
import io.usagekit.UsageCacheException;
import io.usagekit.internal.NoCache;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** A flight of a fleet, step by step, on one thread. */
class FleetFlightTest {

    private static final Duration HEARTBEAT = Duration.ofMillis(300);
    private static final Intervals INTERVALS = new Intervals(Duration.ofSeconds(5), Duration.ofMillis(100), HEARTBEAT);

    private final ManualDelays delays = new ManualDelays();
    private final StepwiseStore store = new StepwiseStore();
    private final Flights flights = new Flights(store, INTERVALS, delays);
    private final StepwiseLoad load = new StepwiseLoad();
    private final UsageCacheException unreachable = new UsageCacheException("no server", null);

    @Test
    void acquiresComputesAndPublishes() {
        CompletableFuture<LoadOutcome> caller = run(load);
        store.answer(new Acquisition.Acquired(7));
        load.computed.complete(figure(1));
        assertThat(caller).as("while the figure is being published").isNotDone();

        store.answer(new Publication.Stored());

        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
        assertThat(store.calls).containsExactly("acquire", "publish");
        assertThat(delays.delays()).as("timers left").isEmpty();
    }

    @Test
    void keepsNoCopyOfWhatWasComputedWithoutLeaseOnceInvalidated() {
        CompletableFuture<LoadOutcome> caller = run(load);
        store.fail(unreachable);

        CompletableFuture<Void> invalidated = invalidate();

        load.computed.complete(figure(1));
        assertThat(load.steps).contains("publicationRejected").doesNotContain("computedUncoordinated");
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
        assertThat(invalidated).as("until the store has answered").isNotDone();
    }

    @Test
    void keepsACopyOfWhatWasComputedWithoutLease() {
        CompletableFuture<LoadOutcome> caller = run(load);
        store.fail(unreachable);
        load.computed.complete(figure(1));
        assertThat(load.steps).contains("computedUncoordinated").doesNotContain("publicationRejected");
        assertThat(caller).isCompletedWithValue(LoadOutcome.computed(figure(1)));
    }

    @Test
    void keepsNoCopyOfWhatWasComputedWithoutLeaseAfterTheDeadline() {
        CompletableFuture<LoadOutcome> caller = run(load);
        store.fail(unreachable);
        delays.goOff();
        load.computed.complete(figure(1));
        assertThat(caller).isCompletedExceptionally();
        assertThat(load.steps).doesNotContain("computedUncoordinated", "publicationRejected");
    }

    @Test
    void invalidationWaitsUntilAFailedPublicationIsKeptInMemory() {
        var unused = run(load);
        store.answer(new Acquisition.Acquired(7));
        load.computed.complete(figure(1));
        var invalidated = invalidate().thenAccept(done -> load.steps.add("invalidated"));
        store.onInvalidate = () -> load.steps.add("store invalidated");

        store.fail(unreachable);

        assertThat(load.steps).containsSubsequence("publicationFailed", "store invalidated");
        assertThat(invalidated).as("until the store has answered").isNotDone();
    }

    /** The wake-up of an invalidation by another process may be lost. */
    @Test
    void makesSureOfItsLeaseAtEveryHeartbeatAndFreesTheKeyWhenThatIsLost() {
        var unused = run(load);
        store.answer(new Acquisition.Acquired(7));
        assertThat(delays.delays()).contains(HEARTBEAT);

        delays.goOff(HEARTBEAT);
        store.answer(true);
        delays.goOff(HEARTBEAT);
        store.answer(false);

        assertThat(store.calls).containsExactly("acquire", "renew", "renew");
        StepwiseLoad next = new StepwiseLoad();
        var unusedToo = run(next);
        assertThat(next.steps).as("a new caller's own load").contains("started");
        assertThat(delays.delays()).as("renewals of the lost lease").doesNotContain(HEARTBEAT);
    }

    @Test
    void renewsAThirdOfTheWayThroughALeaseThatIsShorterThanThreeHeartbeats() {
        Flights shortLeases =
                new Flights(store, new Intervals(Duration.ofMillis(600), Duration.ofMillis(100), HEARTBEAT), delays);
        var unused = shortLeases.run(KEY, load);
        store.answer(new Acquisition.Acquired(7));
        assertThat(delays.delays()).contains(Duration.ofMillis(200));
    }

    @Test
    void leavesTheInvalidationToACacheThatDoesTheSame() {
        var unused = run(load);
        store.answer(new Acquisition.Acquired(7));
        store.invalidatedByCaches = true;

        assertThat(flights.invalidateBefore(NoCache.INSTANCE, KEY).toCompletableFuture())
                .isCompleted();
        assertThat(flights.invalidateBefore(NoCache.INSTANCE, KEY.organisationId())
                        .toCompletableFuture())
                .isCompleted();

        assertThat(store.calls).containsExactly("acquire");
        load.computed.complete(figure(1));
        assertThat(load.steps).as("of the load in this process").contains("publicationRejected");
        store.invalidatedByCaches = false;
        var unusedToo = flights.invalidateBefore(NoCache.INSTANCE, KEY);
        assertThat(store.calls).endsWith("invalidate");
    }

    private CompletableFuture<LoadOutcome> run(StepwiseLoad one) {
        return flights.run(KEY, one).toCompletableFuture();
    }

    private CompletableFuture<Void> invalidate() {
        return flights.invalidate(KEY).toCompletableFuture();
    }
}
