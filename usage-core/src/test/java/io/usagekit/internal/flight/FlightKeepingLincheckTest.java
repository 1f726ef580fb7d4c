package io.usagekit.internal.flight;

import static io.usagekit.internal.LincheckRuns.check;
import static io.usagekit.internal.LincheckRuns.together;
import static io.usagekit.internal.flight.StepwiseLoad.KEY;

import io.usagekit.LoadOutcome;
import io.usagekit.LoadTerms;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jetbrains.lincheck.Lincheck;
import org.junit.jupiter.api.Test;

/** Whether a flight may store its figure, and that it ends once, however stores, completion and invalidations race. */
class FlightKeepingLincheckTest {

    private static final int SCHEDULES = 120;

    /** A flight that computes, and a cache that holds its figure or not. */
    private static final class World {
        final AtomicBoolean cached = new AtomicBoolean();
        final AtomicBoolean ended = new AtomicBoolean();
        final Flight flight = new LocalFlight(new Flight.Start(
                KEY, new StepwiseLoad(), (delay, action) -> () -> {}, free -> {}, done -> ended.set(true)));

        void store() {
            if (flight.beginStore()) {
                cached.set(true);
                flight.endStore();
            }
        }

        void complete() {
            flight.complete(LoadOutcome.notWaited());
        }

        void invalidate() {
            flight.invalidate().join();
            cached.set(false);
        }

        /** Does as {@link Flights}, which drops a flight that has ended. */
        void invalidateUnlessEnded() {
            if (!ended.get()) {
                invalidate();
            } else {
                cached.set(false);
            }
        }
    }

    @Test
    void storesNothingAfterAnInvalidation() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            together(world::store, world::invalidate);
            check(!world.cached.get(), "stored after an invalidation");
            check(!world.flight.beginStore(), "may be stored after an invalidation");
        });
    }

    @Test
    void twoInvalidationsBothWaitForAStore() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            Runnable invalidates = () -> {
                world.invalidate();
                check(!world.cached.get(), "stored after an invalidation");
            };
            together(world::store, invalidates, invalidates);
        });
    }

    @Test
    void aCompletedFlightStoresNothingAfterAnInvalidation() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            together(world::store, () -> {
                world.complete();
                world.invalidateUnlessEnded();
            });
            check(!world.cached.get(), "stored after an invalidation");
        });
    }

    @Test
    void endsOnceItHasCompletedAndStored() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            together(world::store, world::complete);
            check(world.ended.get(), "not ended though it has completed and stored");
        });
    }

    @Test
    void mayStoreLaterAfterARejectedStoreUnlessCompleted() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            check(world.flight.beginStore(), "it computes");
            together(world.flight::resumeAfterStore, world::invalidate);
            world.complete();
            check(world.ended.get(), "not ended though it has completed");
        });
    }

    /** Counts its hooks; a list would only be explored as well. */
    private static final class Endings implements FlightTask {
        final Throwable late = new IllegalStateException("too late");
        final AtomicInteger ends = new AtomicInteger();
        final AtomicInteger failures = new AtomicInteger();

        @Override
        public LoadTerms terms() {
            return StepwiseLoad.TERMS;
        }

        @Override
        public CompletionStage<LoadOutcome> compute() {
            throw new AssertionError("it is never started");
        }

        @Override
        public CompletionStage<Void> store(LoadOutcome outcome) {
            throw new AssertionError("it is never started");
        }

        @Override
        public void failed(Throwable error) {
            failures.incrementAndGet();
        }

        @Override
        public void ended() {
            ends.incrementAndGet();
        }
    }

    /** A load that has noted a failure backs off; it must not note one when its callers received a figure. */
    @Test
    void endsOnceAndItsLoadNotesTheOutcomeThatCallersReceive() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            Endings endings = new Endings();
            Flight flight = new LocalFlight(
                    new Flight.Start(KEY, endings, (delay, action) -> () -> {}, free -> {}, done -> {}));
            together(() -> flight.complete(LoadOutcome.notWaited()), () -> flight.fail(endings.late));
            check(endings.ends.get() == 1, "ended " + endings.ends.get() + " times");
            int failures = flight.join().isCompletedExceptionally() ? 1 : 0;
            check(endings.failures.get() == failures, "failures noted: " + endings.failures.get() + " of " + failures);
        });
    }
}
