package io.usagekit.internal.flight;

import static io.usagekit.internal.LincheckRuns.check;
import static io.usagekit.internal.LincheckRuns.together;
import static io.usagekit.internal.flight.StepwiseLoad.KEY;

import io.usagekit.LoadOutcome;
import io.usagekit.LoadTerms;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jetbrains.lincheck.Lincheck;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * The flights of one process under the schedules that a model checker chooses. The threads do as little as the race needs: the
 * model checker explores futures and maps as well, and spends its schedules on them.
 */
class FlightsLincheckTest {

    private static final int SCHEDULES = 150;

    /** Made beforehand, for the same reason. */
    private static final LoadOutcome OLD = LoadOutcome.computed(StepwiseLoad.figure(1));

    private static final LoadOutcome NEW = LoadOutcome.computed(StepwiseLoad.figure(2));

    /** Computes what the test gives it, and stores that in the cache at once. */
    private static final class Load implements FlightTask {
        final CompletableFuture<LoadOutcome> computed;
        final AtomicInteger starts;
        final AtomicReference<@Nullable LoadOutcome> cache;

        Load(
                CompletableFuture<LoadOutcome> computed,
                AtomicInteger starts,
                AtomicReference<@Nullable LoadOutcome> cache) {
            this.computed = computed;
            this.starts = starts;
            this.cache = cache;
        }

        @Override
        public void started() {
            starts.incrementAndGet();
        }

        @Override
        public LoadTerms terms() {
            return StepwiseLoad.TERMS;
        }

        @Override
        public CompletionStage<LoadOutcome> compute() {
            return computed;
        }

        @Override
        public CompletionStage<Void> store(LoadOutcome outcome) {
            cache.set(outcome);
            return CompletableFuture.completedFuture(null);
        }
    }

    /** One flight, and callers and invalidations that may race with it. */
    private static final class World {
        final ManualDelays delays = new ManualDelays();
        final Flights flights = new Flights(delays);
        final AtomicInteger starts = new AtomicInteger();
        final AtomicReference<@Nullable LoadOutcome> cache = new AtomicReference<>();
        final CompletableFuture<LoadOutcome> computed = new CompletableFuture<>();

        CompletableFuture<LoadOutcome> run(CompletableFuture<LoadOutcome> computation) {
            return flights.run(KEY, new Load(computation, starts, cache)).toCompletableFuture();
        }

        /** Invalidates as the service does: first the flights, then the cache. */
        void invalidate() {
            flights.invalidate(KEY).toCompletableFuture().join();
            cache.set(null);
        }
    }

    @Test
    void startsOneLoadForTwoConcurrentCallers() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            Runnable caller = () -> {
                var unused = world.run(world.computed);
            };
            together(caller, caller);
            check(world.starts.get() == 1, "loads in flight: " + world.starts.get());
        });
    }

    @Test
    void returnsNoOutcomeToACallMadeAfterItWasReceived() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            AtomicReference<@Nullable LoadOutcome> received = new AtomicReference<>();
            var unused = world.run(world.computed).thenAccept(outcome -> received.set(OLD));
            together(() -> world.computed.complete(OLD), () -> {
                LoadOutcome before = received.get();
                LoadOutcome got =
                        world.run(CompletableFuture.completedFuture(NEW)).join();
                check(!got.equals(before), "got the outcome of a flight that had completed before");
            });
        });
    }

    @Test
    void storesNothingWhenInvalidatedWhileItComputes() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            var unused = world.run(world.computed);
            together(() -> world.computed.complete(OLD), world::invalidate);
            check(world.cache.get() == null, "an invalidated figure is stored");
        });
    }

    @Test
    void storesNothingWhenInvalidatedPastItsDeadline() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            var unused = world.run(world.computed);
            together(() -> world.computed.complete(OLD), () -> {
                world.delays.goOff();
                world.invalidate();
            });
            check(world.cache.get() == null, "an invalidated figure is stored");
        });
    }

    @Test
    void aLoadStartedAfterAnInvalidationIsntFreedByTheOldFlight() {
        Lincheck.runConcurrentTest(2 * SCHEDULES, () -> {
            World world = new World();
            var unused = world.run(world.computed);
            together(() -> world.computed.complete(OLD), () -> {
                world.invalidate();
                var second = world.run(new CompletableFuture<>());
                check(!second.isDone(), "an old outcome was returned to a later call");
            });
            var third = world.run(new CompletableFuture<>());
            check(!third.isDone(), "an old outcome was returned to a later call");
            check(world.starts.get() == 2, "loads started: " + world.starts.get());
        });
    }
}
