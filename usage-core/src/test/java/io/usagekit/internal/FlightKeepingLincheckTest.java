package io.usagekit.internal;

import static io.usagekit.internal.LincheckRuns.check;
import static io.usagekit.internal.LincheckRuns.together;
import static io.usagekit.internal.StepwiseLoad.KEY;

import io.usagekit.SingleFlight.Landing;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jetbrains.lincheck.Lincheck;
import org.junit.jupiter.api.Test;

/** Whether a flight may keep what it computed, however keeping, landing and invalidations race. */
class FlightKeepingLincheckTest {

    private static final int SCHEDULES = 120;

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
}
