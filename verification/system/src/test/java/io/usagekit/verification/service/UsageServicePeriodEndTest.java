package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.START;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.format.CacheHeaders;
import io.usagekit.testkit.InMemoryFlightStore;
import io.usagekit.testkit.InMemoryUsageCache;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A figure that was computed before its period's end isn't fresh after it, however young it is. */
class UsageServicePeriodEndTest {

    /** Well within {@code refreshAfter}, which is a minute. */
    private static final Duration UNTIL_END = Duration.ofSeconds(2);

    private static final Instant END = START.plus(UNTIL_END);
    private static final UsagePeriod PERIOD = UsagePeriod.between(START.minusSeconds(3_600), END);
    private static final UsageKey KEY = new UsageKey(ORG, PERIOD);
    private static final UsageMetrics OF_LAST_MOMENT = new UsageMetrics(1, 10);

    private final ServiceFixture fixture = new ServiceFixture();
    private final Semaphore snapshots = new Semaphore(0);
    private volatile CountDownLatch gate = new CountDownLatch(0);

    @AfterEach
    void close() {
        gate.countDown();
        fixture.close();
    }

    /** An event arrives in the last moment of the period, and the period ends. */
    private void passEnd() {
        fixture.database.received(ORG, END.minusNanos(1_000), 10);
        fixture.clock.advance(UNTIL_END);
    }

    /** Computations of this one take their snapshot, and are then held up until the gate opens. */
    private OrganisationUsage calculate(UsageKey key, Duration timeout) {
        OrganisationUsage usage = fixture.database.calculate(key, timeout);
        CountDownLatch closed = gate;
        snapshots.release();
        ServiceFixture.await(closed);
        return usage;
    }

    private void awaitSnapshots(int many) throws InterruptedException {
        assertThat(snapshots.tryAcquire(many, 30, TimeUnit.SECONDS))
                .as("computations have begun")
                .isTrue();
    }

    private UsageService slowService(InMemoryUsageCache cache, SingleFlight singleFlight) {
        UsageCalculator slow = this::calculate;
        return fixture.open(UsageService.builder(slow)
                .cache(cache)
                .singleFlight(singleFlight)
                .listener(fixture.events)
                .refreshJitterPercent(0)
                .clock(fixture.clock)
                .ticker(fixture.clock.ticker()));
    }

    private void assertProvisional(Freshness freshness, UsageResult result) {
        assertThat(result.freshness()).as("%s", result).isEqualTo(freshness);
        assertThat(result.isPeriodOver()).as("period over: %s", result).isFalse();
        assertThat(result.usage().map(OrganisationUsage::received)).contains(UsageMetrics.ZERO);
    }

    private void assertFinal(UsageResult result) {
        assertThat(result.freshness()).as("%s", result).isEqualTo(Freshness.FRESH);
        assertThat(result.isPeriodOver()).as("period over: %s", result).isTrue();
        assertThat(result.usage().map(OrganisationUsage::received)).contains(OF_LAST_MOMENT);
    }

    @Test
    void firstCallAfterEndRefreshesSharedEntry() {
        UsageService service = fixture.open();
        assertProvisional(Freshness.FRESH, service.get(ORG, PERIOD));
        fixture.clock.advance(UNTIL_END.minusMillis(1));
        UsageResult last = service.get(ORG, PERIOD);
        assertProvisional(Freshness.FRESH, last);
        assertThat(last.freshFor()).isEqualTo(Duration.ofMillis(1));
        assertThat(CacheHeaders.of(last).cacheControl()).isEqualTo("private, max-age=0");

        fixture.database.received(ORG, END.minusNanos(1_000), 10);
        fixture.clock.advance(Duration.ofMillis(1));
        assertProvisional(Freshness.STALE, service.get(ORG, PERIOD));
        fixture.events.awaitLoads();
        assertFinal(service.get(ORG, PERIOD));
        assertThat(fixture.calculator.calls()).isEqualTo(2);
    }

    @Test
    void figureComputedAfterEndStaysFreshForRefreshAfter() {
        UsageService service = fixture.open();
        passEnd();
        assertFinal(service.get(ORG, PERIOD));
        fixture.clock.advance(Duration.ofSeconds(59));
        assertFinal(service.get(ORG, PERIOD));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void firstCallAfterEndRefreshesNearEntry() {
        TwoTierCache cache = new TwoTierCache(fixture.clock, fixture.cache);
        UsageService service = fixture.open(fixture.builder().cache(cache));
        remember(cache);
        assertProvisional(Freshness.FRESH, service.get(ORG, PERIOD));
        passEnd();
        assertProvisional(Freshness.STALE, service.get(ORG, PERIOD));
        fixture.events.awaitLoads();
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY)))
                .as("refreshed in the shared cache")
                .hasValueSatisfying(
                        figure -> assertThat(figure.usage().isPeriodOver()).isTrue());
    }

    @Test
    void firstCallAfterEndRefreshesFallbackCopy() {
        TwoTierCache cache = new TwoTierCache(fixture.clock, fixture.cache);
        UsageService service = fixture.open(fixture.builder().cache(cache));
        remember(cache);
        cache.loseTrack();
        fixture.cache.goDown();
        assertProvisional(Freshness.STALE, service.get(ORG, PERIOD));
        assertThat(fixture.calculator.calls()).as("not due before the end").isZero();
        passEnd();
        assertProvisional(Freshness.STALE, service.get(ORG, PERIOD));
        fixture.events.awaitLoads();
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    private void remember(TwoTierCache cache) {
        AgedUsage figure = new AgedUsage(fixture.database.calculate(KEY, Duration.ofSeconds(1)), Duration.ZERO);
        ServiceFixture.resultOf(cache.shared.put(KEY, figure, Duration.ofHours(1)));
        ServiceFixture.resultOf(cache.memory.put(KEY, figure, Duration.ofHours(1)));
    }

    @Test
    void bulkCallAndWarmAfterEndCompute() {
        UsageService service = fixture.open();
        assertThat(service.warm(List.of(ORG), PERIOD).computed()).isEqualTo(1);
        assertThat(service.warm(List.of(ORG), PERIOD).fresh()).isEqualTo(1);
        passEnd();
        assertProvisional(Freshness.STALE, service.getAll(List.of(ORG), PERIOD).get(KEY));
        fixture.events.awaitLoads();
        assertFinal(service.getAll(List.of(ORG), PERIOD).get(KEY));

        UsageService other = fixture.open();
        UsagePeriod next = UsagePeriod.between(END.minusSeconds(60), END.plusSeconds(5));
        assertThat(other.warm(List.of(ORG), next).computed()).isEqualTo(1);
        fixture.clock.advance(Duration.ofSeconds(5));
        assertThat(other.warm(List.of(ORG), next).computed())
                .as("computed after the end")
                .isEqualTo(1);
        assertThat(other.get(ORG, next).isPeriodOver()).isTrue();
    }

    @Test
    void refreshUnderLeaseDoesNotTakeStoredFigureOfBeforeEnd() {
        UsageService service = fleetService();
        assertProvisional(Freshness.FRESH, service.get(ORG, PERIOD));
        passEnd();
        assertProvisional(Freshness.STALE, service.get(ORG, PERIOD));
        fixture.events.awaitLoads();
        assertFinal(service.get(ORG, PERIOD));
    }

    private UsageService fleetService() {
        return slowService(
                InMemoryUsageCache.over(fixture.cache),
                SingleFlights.fleetWide(InMemoryFlightStore.over(fixture.cache)));
    }

    @Test
    void callerAfterEndDoesNotTakeFigureOfLoadThatBeganBefore() throws InterruptedException {
        UsageService service = slowService(InMemoryUsageCache.over(fixture.cache), SingleFlights.inProcess());
        assertLaterCallersGetFinalFigure(service, service);
    }

    @Test
    void callerAfterEndDoesNotTakeFigureOfAnotherProcessThatBeganBefore() throws InterruptedException {
        assertLaterCallersGetFinalFigure(fleetService(), fleetService());
    }

    private void assertLaterCallersGetFinalFigure(UsageService one, UsageService other) throws InterruptedException {
        gate = new CountDownLatch(1);
        Future<UsageResult> early = fixture.call(() -> one.get(ORG, PERIOD));
        awaitSnapshots(1);
        passEnd();
        Future<UsageResult> late = fixture.call(() -> other.get(ORG, PERIOD));
        if (one == other) {
            fixture.events.await("coalesced", 1);
        } else {
            fixture.events.await("remoteLoadAwaited", 1);
        }
        Future<UsageResult> renewal = fixture.call(() -> other.refresh(ORG, PERIOD));
        if (one == other) {
            fixture.events.await("coalesced", 2);
        }
        gate.countDown();
        assertProvisional(Freshness.STALE, ServiceFixture.done(early));
        assertFinal(ServiceFixture.done(late));
        assertFinal(ServiceFixture.done(renewal));
        fixture.events.awaitLoads();
        assertFinal(one.get(ORG, PERIOD));
    }

    /** The other computation fails: the figure that is there is better than none, and says what it is. */
    @Test
    void joinedFigureIsStaleWhereNoOtherCanBeComputed() throws InterruptedException {
        UsageService service = slowService(InMemoryUsageCache.over(fixture.cache), SingleFlights.inProcess());
        gate = new CountDownLatch(1);
        Future<UsageResult> early = fixture.call(() -> service.get(ORG, PERIOD));
        awaitSnapshots(1);
        passEnd();
        Future<UsageResult> late = fixture.call(() -> service.get(ORG, PERIOD));
        fixture.events.await("coalesced", 1);
        fixture.database.goDown();
        gate.countDown();
        assertProvisional(Freshness.STALE, ServiceFixture.done(early));
        assertProvisional(Freshness.STALE, ServiceFixture.done(late));
    }
}
