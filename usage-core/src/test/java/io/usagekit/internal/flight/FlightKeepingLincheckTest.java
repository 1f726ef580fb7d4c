package io.usagekit.internal.flight;

import static io.usagekit.internal.LincheckRuns.check;
import static io.usagekit.internal.LincheckRuns.schedules;
import static io.usagekit.internal.LincheckRuns.together;
import static io.usagekit.internal.flight.StepwiseLoad.KEY;

import io.usagekit.AgedUsage;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlight.Landing;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jetbrains.lincheck.Lincheck;
import org.junit.jupiter.api.Test;

/** What a flight may keep of what it computed, and that it ends once, however keeping, landing and invalidations race. */
class FlightKeepingLincheckTest {

    private static final int SCHEDULES = schedules(120);

    /** A flight that computes, and a cache that has its figure or hasn't. */
    private static final class World {
        final AtomicBoolean cached = new AtomicBoolean();
        final AtomicBoolean over = new AtomicBoolean();
        final Flight flight = new LocalFlight(new Flight.Start(
                KEY, new StepwiseLoad(), (delay, action) -> () -> {}, free -> {}, done -> over.set(true)));

        void keep() {
            if (flight.beginKeeping()) {
                cached.set(true);
                flight.kept();
            }
        }

        void land() {
            flight.land(Landing.left());
        }

        void invalidate() {
            flight.invalidate().join();
            cached.set(false);
        }

        /** As {@link Flights} does, which forgets a flight that is over. */
        void invalidateUnlessOver() {
            if (!over.get()) {
                invalidate();
            } else {
                cached.set(false);
            }
        }
    }

    @Test
    void whatIsInvalidatedIsNotKept() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            together(world::keep, world::invalidate);
            check(!world.cached.get(), "kept after an invalidation");
            check(!world.flight.beginKeeping(), "may be kept after an invalidation");
        });
    }

    @Test
    void bothWhoInvalidateWaitForWhatIsBeingKept() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            Runnable invalidates = () -> {
                world.invalidate();
                check(!world.cached.get(), "kept after an invalidation");
            };
            together(world::keep, invalidates, invalidates);
        });
    }

    @Test
    void whatHasLandedIsNotKeptAfterAnInvalidation() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            together(world::keep, () -> {
                world.land();
                world.invalidateUnlessOver();
            });
            check(!world.cached.get(), "kept after an invalidation");
        });
    }

    @Test
    void aFlightIsOverOnceItHasLandedAndKeepsNothing() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            together(world::keep, world::land);
            check(world.over.get(), "not over though it has landed and kept");
        });
    }

    @Test
    void aFigureNotKeptYetMayBeKeptLaterUnlessItsFlightHasLanded() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            check(world.flight.beginKeeping(), "it computes");
            together(world.flight::notKeptYet, world::invalidate);
            world.land();
            check(world.over.get(), "not over though it has landed");
        });
    }

    /** Counts what it is told of its end; a list would only be explored as well. */
    private static final class Endings implements SingleFlight.Load {
        final Throwable late = new IllegalStateException("too late");
        final AtomicInteger landings = new AtomicInteger();
        final AtomicInteger failures = new AtomicInteger();

        @Override
        public Duration timeout() {
            return StepwiseLoad.TIMEOUT;
        }

        @Override
        public CompletionStage<AgedUsage> compute() {
            throw new AssertionError("it never takes off");
        }

        @Override
        public CompletionStage<Void> keep(AgedUsage figure) {
            throw new AssertionError("it never takes off");
        }

        @Override
        public Duration timeToLive(AgedUsage figure) {
            return StepwiseLoad.TIMEOUT;
        }

        @Override
        public void failed(Throwable error) {
            failures.incrementAndGet();
        }

        @Override
        public void landed() {
            landings.incrementAndGet();
        }
    }

    /** A load that has been told of a failure backs off: it mustn't where those who wait have got a figure. */
    @Test
    void aFlightEndsOnceAndItsLoadHearsOfTheEndThatCallersGet() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            Endings endings = new Endings();
            Flight flight = new LocalFlight(
                    new Flight.Start(KEY, endings, (delay, action) -> () -> {}, free -> {}, done -> {}));
            together(() -> flight.land(Landing.left()), () -> flight.fail(endings.late));
            check(endings.landings.get() == 1, "landed " + endings.landings.get() + " times");
            int failures = flight.join().isCompletedExceptionally() ? 1 : 0;
            check(endings.failures.get() == failures, "failures told: " + endings.failures.get() + " of " + failures);
        });
    }
}
