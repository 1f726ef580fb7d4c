package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.KEY;
import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.START;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A cache with a copy in this process's memory. */
class UsageServiceNearTest {

    private final ServiceFixture fixture = new ServiceFixture();
    private final TwoTierCache cache = new TwoTierCache(fixture.clock, fixture.cache);
    private final List<UsageListener.Tier> tiers = new CopyOnWriteArrayList<>();
    private final UsageService service = fixture.open(fixture.builder().cache(cache));

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void aNearHitReadsNothingElse() {
        remember(Duration.ofSeconds(7));
        UsageResult result = service.get(ORG, MARCH);
        assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
        assertThat(result.age()).contains(Duration.ofSeconds(7));
        assertFigure(result);
        assertThat(fixture.cache.reads()).isZero();
    }

    @Test
    void withoutWaitingItIsThereAtOnce() {
        remember(Duration.ofSeconds(7));
        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);
        assertThat(stage.toCompletableFuture()).isCompleted();
        assertFigure(ServiceFixture.resultOf(stage));
        assertThat(fixture.cache.reads()).isZero();
    }

    @Test
    void theListenerIsToldTheTier() {
        UsageService told = fixture.open(fixture.builder().cache(cache).listener(new UsageListener() {
            @Override
            public void hit(UsageKey key, UsageListener.Tier tier, Duration age) {
                tiers.add(tier);
            }
        }));
        fixture.keep(Duration.ZERO);
        told.get(ORG, MARCH);
        remember(Duration.ZERO);
        told.get(ORG, MARCH);
        ServiceFixture.resultOf(told.getAsync(ORG, MARCH));
        assertThat(tiers).containsExactly(UsageListener.Tier.SHARED, UsageListener.Tier.NEAR, UsageListener.Tier.NEAR);
    }

    @Test
    void pastItsSoftLimitItIsStaleAndRefreshedOnce() throws InterruptedException {
        remember(Duration.ofMinutes(2));
        fixture.calculator.hold();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        fixture.calculator.awaitBegun(1);
        fixture.database.received(ORG, START, 10);
        fixture.calculator.release();
        fixture.events.awaitLoads();
        assertThat(fixture.calculator.calls()).isEqualTo(1);
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY))
                        .map(AgedUsage::usage)
                        .map(OrganisationUsage::received))
                .contains(new UsageMetrics(2, 1_034));
    }

    @Test
    void aRefreshThatFindsAYoungerOneInTheSharedCacheComputesNothing() {
        remember(Duration.ofMinutes(2));
        fixture.keep(Duration.ofSeconds(5));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        fixture.events.awaitLoads();
        assertThat(fixture.calculator.calls()).isZero();
    }

    @Test
    void pastItsHardLimitTheSharedCacheIsAsked() {
        remember(Duration.ofMinutes(10));
        fixture.keep(Duration.ofSeconds(5));
        UsageResult result = service.get(ORG, MARCH);
        assertThat(result.age()).contains(Duration.ofSeconds(5));
        assertThat(fixture.calculator.calls()).isZero();
        assertThat(ServiceFixture.resultOf(service.getAsync(ORG, MARCH)).age()).contains(Duration.ofSeconds(5));
    }

    @Test
    void whatIsntKnownToBeCurrentIsntServed() {
        remember(Duration.ZERO);
        fixture.keep(Duration.ofSeconds(5));
        cache.loseTrack();
        assertThat(service.get(ORG, MARCH).age()).contains(Duration.ofSeconds(5));
    }

    @Test
    void anInvalidationReachesIt() {
        remember(Duration.ZERO);
        fixture.database.received(ORG, START, 10);
        service.invalidate(ORG, MARCH);
        assertThat(service.get(ORG, MARCH).usage().map(OrganisationUsage::received))
                .contains(new UsageMetrics(2, 1_034));
    }

    @Test
    void aMemoryThatThrowsIsLeftOut() {
        remember(Duration.ZERO);
        cache.breakMemory();
        fixture.keep(Duration.ofSeconds(5));
        assertThat(service.get(ORG, MARCH).age()).contains(Duration.ofSeconds(5));
    }

    private void remember(Duration age) {
        rememberIn(cache, fixture, MARCH, age);
    }

    static void rememberIn(TwoTierCache cache, ServiceFixture fixture, UsagePeriod period, Duration age) {
        UsageKey key = new UsageKey(ORG, period);
        OrganisationUsage usage = new OrganisationUsage(
                key,
                new UsageMetrics(1, 1_024),
                new UsageMetrics(1, 512),
                fixture.clock.instant().minus(age));
        ServiceFixture.resultOf(cache.memory.put(key, new AgedUsage(usage, age), Duration.ofHours(2)));
    }
}
