package io.usagekit.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Claim;
import io.usagekit.FlightStore.Terms;
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

    private static final Terms TERMS =
            new Terms("token", Duration.ofSeconds(30), Duration.ofDays(1), OptionalLong.empty());

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
        Claim granted = Scene.resultOf(store.claim(Scene.KEY, TERMS));
        store.goDown();

        List<CompletionStage<?>> calls = List.of(
                store.claim(Scene.KEY, TERMS),
                store.renew(Scene.KEY, "token", TERMS.lease()),
                store.publish(Scene.KEY, "token", 1, figure, TERMS.lease()),
                store.release(Scene.KEY, "token"),
                store.fail(Scene.KEY, "token", "reason", TERMS.lease()),
                store.invalidate(Scene.KEY),
                store.invalidate(Scene.ORG));

        assertThat(calls).allSatisfy(call -> assertThat(Scene.failureOf(call)).isInstanceOf(UsageCacheException.class));
        store.comeBack();
        assertThat(Scene.resultOf(store.claim(Scene.KEY, TERMS)))
                .as("its lease is still there")
                .isEqualTo(granted);
    }

    @Test
    void itRunsOnTheJvmsTimeUnlessAClockIsGiven() {
        InMemoryFlightStore store = InMemoryFlightStore.create();
        Scene.resultOf(store.claim(Scene.KEY, TERMS));
        Terms others = new Terms("other", TERMS.lease(), TERMS.acceptableAge(), TERMS.followed());
        clock.advance(Duration.ofDays(1));
        assertThat(Scene.resultOf(store.claim(Scene.KEY, others))).isInstanceOf(Claim.Held.class);
    }
}
