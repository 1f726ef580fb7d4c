package io.usagekit.internal;

import static io.usagekit.internal.LincheckRuns.check;
import static io.usagekit.internal.LincheckRuns.together;
import static io.usagekit.internal.flight.StepwiseLoad.KEY;

import io.usagekit.MissPolicy;
import io.usagekit.OrganisationUsage;
import io.usagekit.OutagePolicy;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.internal.flight.FlightTask;
import io.usagekit.internal.flight.StepwiseLoad;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jetbrains.lincheck.Lincheck;
import org.junit.jupiter.api.Test;

/** A computation that gets its thread at the moment at which its load times out. */
class ComputationLincheckTest {

    private static final int SCHEDULES = 120;
    private static final OrganisationUsage FIGURE = StepwiseLoad.figure(1).usage();
    private static final SingleFlight FLIGHTS = SingleFlights.inProcess();

    private static final class World implements Permits.Holder {
        final List<Runnable> handedOver = new ArrayList<>();
        final AtomicBoolean permitFree = new AtomicBoolean();
        final Computations computations;
        final UsageLoad load;

        World() {
            Limits limits = new Limits(Duration.ZERO, Duration.ofMinutes(10), Duration.ZERO, 0);
            DefaultUsageService.Settings settings = new DefaultUsageService.Settings(
                    this::calculate,
                    NoCache.INSTANCE,
                    FLIGHTS,
                    limits,
                    Duration.ofSeconds(30),
                    Duration.ZERO,
                    MissPolicy.await(),
                    OutagePolicy.FAIL_OPEN,
                    1,
                    1,
                    1,
                    Duration.ZERO,
                    handedOver::add,
                    null,
                    List.of(new UsageListener() {}),
                    () -> Instant.EPOCH,
                    () -> 0);
            computations = new Computations(
                    settings,
                    new SafeListener(settings.listeners()),
                    new GuardedCache(settings.cache(), limits, settings.ticker()),
                    new BackOff(Duration.ZERO, settings.ticker()));
            load = new UsageLoad(computations, KEY, UsageLoad.Purpose.MISS, limits.hard(), false, null);
            load.started();
            var unused = load.computeUnderLease(FlightTask.Lease.NONE);
        }

        private OrganisationUsage calculate(UsageKey key, Duration timeout) {
            if (computations
                    .permits()
                    .request("org-124", Permits.Urgency.NOW_OR_NOT, this)
                    .isPresent()) {
                permitFree.set(true);
            }
            return FIGURE;
        }

        @Override
        public void granted() {}

        @Override
        public void refused() {}
    }

    @Test
    void doesntBeginOnceItsPermitIsReleased() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            together(world.handedOver.get(0), world.load::ended);
            check(!world.permitFree.get(), "it was computing while its permit was free for another");
        });
    }
}
