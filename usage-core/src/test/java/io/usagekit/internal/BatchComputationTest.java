package io.usagekit.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.MissPolicy;
import io.usagekit.OutagePolicy;
import io.usagekit.SingleFlights;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import io.usagekit.internal.flight.FlightTask;
import io.usagekit.internal.flight.StepwiseLoad;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Members of a batch that end before the calculator is called. */
class BatchComputationTest {

    private final Deque<Runnable> handedOver = new ArrayDeque<>();
    private final Computations computations = computations();
    private final Computation one = computation("org-1");
    private final Computation other = computation("org-2");

    private Computations computations() {
        Limits limits = new Limits(Duration.ZERO, Duration.ofMinutes(10), Duration.ZERO, 0);
        DefaultUsageService.Settings settings = new DefaultUsageService.Settings(
                (key, timeout) -> StepwiseLoad.figure(1).usage(),
                NoCache.INSTANCE,
                SingleFlights.inProcess(),
                limits,
                Duration.ofSeconds(30),
                Duration.ZERO,
                MissPolicy.await(),
                OutagePolicy.FAIL_OPEN,
                1,
                1,
                10,
                Duration.ZERO,
                handedOver::add,
                null,
                List.of(new UsageListener() {}),
                () -> Instant.EPOCH,
                () -> 0);
        return new Computations(
                settings,
                new SafeListener(settings.listeners()),
                new GuardedCache(settings.cache(), limits, settings.ticker()),
                new BackOff(Duration.ZERO, settings.ticker()));
    }

    private Computation computation(String organisation) {
        UsageKey key = new UsageKey(organisation, UsagePeriod.month(YearMonth.of(2026, 3)));
        UsageLoad load = new UsageLoad(computations, key, UsageLoad.Purpose.MISS, Duration.ofMinutes(10), false, null);
        load.started();
        return new Computation(computations, load, FlightTask.Lease.NONE);
    }

    private void start() {
        new BatchComputation(computations, List.of(one, other)).start();
    }

    @Test
    void releasesThePermitOfABatchWhoseMembersHadEndedBefore() {
        one.nobodyWaits();
        other.nobodyWaits();
        start();
        assertThat(handedOver).isEmpty();
        assertThat(computations.permits().isIdle()).isTrue();
    }

    @Test
    void leavesTheQueueWhenTheMembersHaveEndedBeforeAndAfter() {
        Computation running = computation("org-3");
        var unused = running.start();
        one.nobodyWaits();
        start();
        assertThat(computations.permits().waiting()).isEqualTo(1);
        other.nobodyWaits();
        assertThat(computations.permits().waiting()).isZero();
        running.nobodyWaits();
        assertThat(computations.permits().isIdle()).isTrue();
    }

    @Test
    void releasesThePermitWhenTheMembersEndBeforeTheyHaveAThread() {
        start();
        one.nobodyWaits();
        assertThat(computations.permits().isIdle()).isFalse();
        other.nobodyWaits();
        assertThat(computations.permits().isIdle()).isTrue();
        handedOver.forEach(Runnable::run);
        assertThat(computations.permits().isIdle()).isTrue();
    }
}
