package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.START;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.testkit.InMemoryUsageCache;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Figures of a source that lags count their age from the state that they are of, not from the call that read it. */
class UsageServiceLagTest {

    private static final Duration LAG = Duration.ofSeconds(50);

    private final ServiceFixture fixture = new ServiceFixture();
    private final Lagging source = new Lagging();

    @AfterEach
    void close() {
        source.gate.countDown();
        fixture.close();
    }

    /** Reads a copy that is behind. */
    private final class Lagging implements UsageCalculator {

        private volatile Duration lag = LAG;
        private volatile CountDownLatch gate = new CountDownLatch(0);

        @Override
        public OrganisationUsage calculate(UsageKey key, Duration timeout) {
            OrganisationUsage usage = fixture.database.calculate(key, timeout);
            ServiceFixture.await(gate);
            return new OrganisationUsage(
                    key, usage.received(), usage.sent(), fixture.clock.instant().minus(lag));
        }

        @Override
        public Duration ageOf(OrganisationUsage figure) {
            return Duration.between(figure.createdAt(), fixture.clock.instant());
        }
    }

    private UsageServiceBuilder builder() {
        return UsageService.builder(source)
                .cache(InMemoryUsageCache.over(fixture.cache))
                .listener(fixture.events)
                .refreshAfter(Duration.ofMinutes(1))
                .ttl(Duration.ofMinutes(10))
                .refreshJitterPercent(0)
                .staleIfError(Duration.ZERO)
                .clock(fixture.clock)
                .ticker(fixture.clock.ticker());
    }

    private static Duration age(UsageResult result) {
        return result.age().orElseThrow();
    }

    /** Its age doesn't say when it was computed. */
    @Test
    void whoJoinsALoadGetsWhatItsLeaderDoes() throws InterruptedException {
        UsageService service = fixture.open(builder());
        source.lag = Duration.ofMinutes(2);
        source.gate = new CountDownLatch(1);
        Future<UsageResult> first = fixture.call(() -> service.get(ORG, MARCH));
        fixture.events.await("miss", 1);
        Future<UsageResult> other = fixture.call(() -> service.get(ORG, MARCH));
        fixture.events.await("coalesced", 1);
        source.gate.countDown();
        for (Future<UsageResult> caller : List.of(first, other)) {
            assertThat(ServiceFixture.done(caller).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(age(ServiceFixture.done(caller))).isEqualTo(Duration.ofMinutes(2));
        }
    }

    @Test
    void countsRefreshAfterFromTheState() {
        UsageService service = fixture.open(builder());
        assertThat(age(service.get(ORG, MARCH))).isEqualTo(LAG);
        fixture.clock.advance(Duration.ofSeconds(9));
        UsageResult fresh = service.get(ORG, MARCH);
        assertThat(fresh.freshness()).isEqualTo(Freshness.FRESH);
        assertThat(fresh.freshFor()).isEqualTo(Duration.ofSeconds(1));

        fixture.clock.advance(Duration.ofSeconds(1));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        fixture.events.awaitLoads();
        assertThat(age(service.get(ORG, MARCH))).isEqualTo(LAG);
    }

    @Test
    void countsTimeToLiveFromTheState() {
        source.lag = Duration.ofMinutes(9);
        UsageService service = fixture.open(builder());
        service.get(ORG, MARCH);
        fixture.clock.advance(Duration.ofSeconds(61));
        assertThat(age(service.get(ORG, MARCH))).as("computed again").isEqualTo(source.lag);
        assertThat(fixture.database.computations()).isEqualTo(2);
    }

    @Test
    void refreshesOnceAnIntervalWhereTheSourceHasNothingNewer() {
        source.lag = Duration.ofMinutes(5);
        UsageService service = fixture.open(builder().errorBackOff(Duration.ofSeconds(2)));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        for (int interval = 1; interval <= 2; interval++) {
            for (int hit = 0; hit < 10; hit++) {
                assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
                fixture.events.awaitLoads();
            }
            assertThat(fixture.database.computations()).isEqualTo(1 + interval);
            fixture.clock.advance(Duration.ofSeconds(2));
        }
    }

    /** At the end of a month all callers ask, and for a while the source has no state of after it. */
    @Test
    void computesOneFigureForAllWhileTheStateIsOfBeforeThePeriodsEnd() throws Exception {
        UsagePeriod over = UsagePeriod.between(START.minusSeconds(3_600), START.minusSeconds(10));
        source.gate = new CountDownLatch(1);
        UsageService service = fixture.open(builder());
        List<Future<UsageResult>> callers = fixture.callManyTimes(20, () -> service.get(ORG, over));
        fixture.events.await("coalesced", 19);
        source.gate.countDown();
        for (Future<UsageResult> caller : callers) {
            UsageResult result = ServiceFixture.done(caller);
            assertThat(result.freshness()).isEqualTo(Freshness.STALE);
            assertThat(result.isPeriodOver()).isFalse();
        }
        fixture.events.awaitLoads();
        assertThat(fixture.database.computations())
                .as("for all callers, and by one refresh")
                .isEqualTo(2);
    }

    @Test
    void takesAStateOfTheFutureForThatOfTheCall() {
        source.lag = Duration.ofSeconds(-1);
        assertThat(age(fixture.open(builder()).get(ORG, MARCH))).isZero();
    }

    @Test
    void failsWhereTheCalculatorCannotSayHowOldAFigureIs() {
        UsageService rude = fixture.open(UsageService.builder(new UsageCalculator() {
            @Override
            public OrganisationUsage calculate(UsageKey key, Duration timeout) {
                return fixture.database.calculate(key, timeout);
            }

            @Override
            public Duration ageOf(OrganisationUsage figure) {
                throw new IllegalStateException("no clock");
            }
        }));
        assertThatThrownBy(() -> rude.get(ORG, MARCH))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("no clock");
    }
}
