package io.usagekit.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageMetrics;
import io.usagekit.testkit.contract.FlightStoreContract;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;

class InMemoryFlightStoreTest extends FlightStoreContract {

    private static final LeaseRequest REQUEST =
            new LeaseRequest("token", Duration.ofSeconds(30), Duration.ofDays(1), OptionalLong.empty());

    private final ManualClock clock = ManualClock.at(Scene.START);
    private final InMemoryUsageCache cache = InMemoryUsageCache.create(clock);

    @Override
    protected FlightStore openStore() {
        return InMemoryFlightStore.over(cache);
    }

    @Override
    protected FlightStore openSecondStore() {
        return InMemoryFlightStore.over(cache);
    }

    @Override
    protected UsageCache openCache() {
        return cache;
    }

    @Override
    protected void elapse(Duration duration) {
        clock.advance(duration);
    }

    @Test
    void whileDownEveryCallFailsAndAfterwardsWhatWasKeptIsStillThere() {
        InMemoryFlightStore store = InMemoryFlightStore.create(clock);
        AgedUsage figure = new AgedUsage(
                new OrganisationUsage(Scene.KEY, UsageMetrics.ZERO, UsageMetrics.ZERO, Scene.START), Duration.ZERO);
        Acquisition granted = Scene.resultOf(store.acquire(Scene.KEY, REQUEST));
        store.goDown();

        List<CompletionStage<?>> calls = List.of(
                store.acquire(Scene.KEY, REQUEST),
                store.renew(Scene.KEY, "token", REQUEST.lease()),
                store.publish(Scene.KEY, "token", 1, figure, REQUEST.lease()),
                store.release(Scene.KEY, "token"),
                store.fail(Scene.KEY, "token", "reason", REQUEST.lease()),
                store.invalidate(Scene.KEY),
                store.invalidate(Scene.ORG));

        assertThat(calls).allSatisfy(call -> assertThat(Scene.failureOf(call)).isInstanceOf(UsageCacheException.class));
        store.comeBack();
        assertThat(Scene.resultOf(store.acquire(Scene.KEY, REQUEST)))
                .as("its lease is still there")
                .isEqualTo(granted);
    }

    @Test
    void itRunsOnTheJvmsTimeUnlessAClockIsGiven() {
        InMemoryFlightStore store = InMemoryFlightStore.create();
        Scene.resultOf(store.acquire(Scene.KEY, REQUEST));
        LeaseRequest others =
                new LeaseRequest("other", REQUEST.lease(), REQUEST.acceptableAge(), REQUEST.awaitedFence());
        clock.advance(Duration.ofDays(1));
        assertThat(Scene.resultOf(store.acquire(Scene.KEY, others))).isInstanceOf(Acquisition.Held.class);
    }
}
