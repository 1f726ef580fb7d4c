package io.usagekit.internal.flight;

import static io.usagekit.internal.LincheckRuns.check;
import static io.usagekit.internal.LincheckRuns.schedules;
import static io.usagekit.internal.LincheckRuns.together;
import static io.usagekit.internal.flight.StepwiseLoad.KEY;

import io.usagekit.AgedUsage;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlight.Landing;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jetbrains.lincheck.Lincheck;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * The flights of one process under the schedules that a model checker chooses. What threads do here is as little as the race
 * needs: futures and maps are explored, too, and that is what the schedules go into.
 */
class FlightsLincheckTest {

    private static final int SCHEDULES = schedules(150);

    /** Made beforehand, for the same reason. */
    private static final AgedUsage OLD = StepwiseLoad.figure(1);

    private static final AgedUsage NEW = StepwiseLoad.figure(2);

    /** Computes what the test gives it, and keeps that in the cache at once. */
    private static final class Load implements SingleFlight.Load {
        final CompletableFuture<AgedUsage> computed;
        final AtomicInteger takeOffs;
        final AtomicReference<@Nullable AgedUsage> cache;

        Load(
                CompletableFuture<AgedUsage> computed,
                AtomicInteger takeOffs,
                AtomicReference<@Nullable AgedUsage> cache) {
            this.computed = computed;
            this.takeOffs = takeOffs;
            this.cache = cache;
        }

        @Override
        public void tookOff() {
            takeOffs.incrementAndGet();
        }

        @Override
        public Duration timeout() {
            return StepwiseLoad.TIMEOUT;
        }

        @Override
        public CompletionStage<AgedUsage> compute() {
            return computed;
        }

        @Override
        public CompletionStage<Void> keep(AgedUsage figure) {
            cache.set(figure);
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public Duration timeToLive(AgedUsage figure) {
            return StepwiseLoad.TIMEOUT;
        }
    }

    /** One flight, and those who may race with it. */
    private static final class World {
        final ManualDelays delays = new ManualDelays();
        final Flights flights = new Flights(delays);
        final AtomicInteger takeOffs = new AtomicInteger();
        final AtomicReference<@Nullable AgedUsage> cache = new AtomicReference<>();
        final CompletableFuture<AgedUsage> computed = new CompletableFuture<>();

        CompletableFuture<Landing> run(CompletableFuture<AgedUsage> computation) {
            return flights.run(KEY, new Load(computation, takeOffs, cache)).toCompletableFuture();
        }

        /** Forgets the figure as the service does: first the flights, then the cache. */
        void invalidate() {
            flights.invalidate(KEY).toCompletableFuture().join();
            cache.set(null);
        }
    }

    @Test
    void ofTwoWhoAskTogetherOneFlies() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            Runnable caller = () -> {
                var unused = world.run(world.computed);
            };
            together(caller, caller);
            check(world.takeOffs.get() == 1, "loads in flight: " + world.takeOffs.get());
        });
    }

    @Test
    void noOutcomeIsHandedToACallMadeAfterItWasHeardOf() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            AtomicReference<@Nullable AgedUsage> heard = new AtomicReference<>();
            var unused = world.run(world.computed).thenAccept(landing -> heard.set(OLD));
            together(() -> world.computed.complete(OLD), () -> {
                AgedUsage before = heard.get();
                AgedUsage got = world.run(CompletableFuture.completedFuture(NEW))
                        .join()
                        .figure()
                        .orElseThrow();
                check(!got.equals(before), "got the outcome of a flight that had landed before");
            });
        });
    }

    @Test
    void whatIsInvalidatedWhileItIsComputedIsNotKept() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            var unused = world.run(world.computed);
            together(() -> world.computed.complete(OLD), world::invalidate);
            check(world.cache.get() == null, "an invalidated figure is kept");
        });
    }

    @Test
    void whatIsInvalidatedPastItsDeadlineIsNotKept() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            var unused = world.run(world.computed);
            together(() -> world.computed.complete(OLD), () -> {
                world.delays.goOff();
                world.invalidate();
            });
            check(world.cache.get() == null, "an invalidated figure is kept");
        });
    }

    @Test
    void whoFliesAfterAnInvalidationIsntFreedByTheOldFlight() {
        Lincheck.runConcurrentTest(2 * SCHEDULES, () -> {
            World world = new World();
            var unused = world.run(world.computed);
            together(() -> world.computed.complete(OLD), () -> {
                world.invalidate();
                var second = world.run(new CompletableFuture<>());
                check(!second.isDone(), "an old outcome was handed to a later call");
            });
            var third = world.run(new CompletableFuture<>());
            check(!third.isDone(), "an old outcome was handed to a later call");
            check(world.takeOffs.get() == 2, "take-offs: " + world.takeOffs.get());
        });
    }
}
