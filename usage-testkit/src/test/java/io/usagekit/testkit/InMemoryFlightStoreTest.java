package io.usagekit.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.OrganisationUsage;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.testkit.contract.FlightStoreContract;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;

class InMemoryFlightStoreTest extends FlightStoreContract {

    private static final LeaseRequest REQUEST =
            new LeaseRequest("token", Duration.ofSeconds(30), Duration.ofDays(1), OptionalLong.empty());

    private static final Instant START = Instant.parse("2026-03-17T01:28:00.123456Z");
    private static final String ORG = "org-123";
    private static final UsageKey KEY = new UsageKey(ORG, UsagePeriod.month(YearMonth.of(2026, 3)));

    private final ManualClock clock = ManualClock.at(START);
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
        return InMemoryUsageCache.over(cache);
    }

    @Override
    protected void elapse(Duration duration) {
        clock.advance(duration);
    }

    /** A thread that is held up between the computation and the publication would make the figure look younger. */
    @Test
    void receivesAFigureWithTheTimeSinceItsComputation() {
        UsageListener holdsUp = new UsageListener() {
            @Override
            public void computed(UsageKey key, Duration took) {
                clock.advance(Duration.ofSeconds(20));
            }
        };
        try (UsageService service = UsageService.builder(InMemoryUsageCalculator.create(clock))
                .cache(openCache())
                .singleFlight(SingleFlights.fleetWide(openStore()))
                .ticker(clock.ticker())
                .listener(holdsUp)
                .build()) {
            service.get(ORG, KEY.period());
            assertThat(cache.get(KEY).toCompletableFuture().join())
                    .hasValueSatisfying(figure -> assertThat(figure.age()).isEqualTo(Duration.ofSeconds(20)));
        }
    }

    @Test
    void failsWhileDownAndKeepsLeases() {
        InMemoryFlightStore store = InMemoryFlightStore.create(clock);
        AgedUsage figure =
                new AgedUsage(new OrganisationUsage(KEY, UsageMetrics.ZERO, UsageMetrics.ZERO, START), Duration.ZERO);
        Acquisition acquired = Callers.resultOf(store.acquire(KEY, REQUEST));
        store.goDown();

        List<CompletionStage<?>> calls = List.of(
                store.acquire(KEY, REQUEST),
                store.renew(KEY, "token", REQUEST.lease()),
                store.publish(KEY, "token", 1, figure, REQUEST.lease()),
                store.release(KEY, "token"),
                store.fail(KEY, "token", "reason", REQUEST.lease()),
                store.invalidate(KEY),
                store.invalidate(ORG));

        assertThat(calls)
                .allSatisfy(call -> assertThat(Callers.failureOf(call)).isInstanceOf(UsageCacheException.class));
        store.comeBack();
        assertThat(Callers.resultOf(store.acquire(KEY, REQUEST)))
                .as("its lease is still there")
                .isEqualTo(acquired);
    }

    @Test
    void usesTimeOfJvmUnlessClockIsGiven() {
        InMemoryFlightStore store = InMemoryFlightStore.create();
        Callers.resultOf(store.acquire(KEY, REQUEST));
        LeaseRequest others =
                new LeaseRequest("other", REQUEST.lease(), REQUEST.acceptableAge(), REQUEST.awaitedFence());
        clock.advance(Duration.ofDays(1));
        assertThat(Callers.resultOf(store.acquire(KEY, others))).isInstanceOf(Acquisition.Held.class);
    }
}
