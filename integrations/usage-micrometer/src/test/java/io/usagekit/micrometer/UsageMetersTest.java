package io.usagekit.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.usagekit.Freshness;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a service does and its state, as its meters show them. */
class UsageMetersTest {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));

    private final MeterRegistry registry = new SimpleMeterRegistry();
    private final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    private final InMemoryUsageCalculator database = InMemoryUsageCalculator.create(clock);
    private final InMemoryUsageCache cache = InMemoryUsageCache.create(clock);
    private final UsageMeters meters = UsageMeters.of(registry);
    private final UsageService service = meters.bind(UsageService.builder(database)
            .cache(cache)
            .errorBackOff(Duration.ZERO)
            .ticker(clock.ticker())
            .clock(clock)
            .addListener(meters)
            .build());

    @AfterEach
    void close() {
        service.close();
    }

    private double count(String name, String... tags) {
        return registry.get(name).tags(tags).counter().count();
    }

    private double gauge(String name) {
        return registry.get(name).gauge().value();
    }

    @Test
    void countsHitsByTierMissesAndComputations() {
        service.get("org-123", MARCH);
        service.get("org-123", MARCH);
        service.get("org-123", MARCH);

        assertThat(count("usagekit.misses")).isEqualTo(1);
        assertThat(count("usagekit.hits", "tier", "shared")).isEqualTo(2);
        assertThat(count("usagekit.hits", "tier", "near")).isZero();
        assertThat(count("usagekit.loads.completed", "origin", "computed")).isEqualTo(1);
        assertThat(registry.get("usagekit.computations").timer().count()).isEqualTo(1);
    }

    @Test
    void recordsTheAgesOfStaleFiguresByTheirFreshness() {
        service.get("org-123", MARCH);
        clock.advance(Duration.ofMinutes(20));
        database.goDown();

        assertThat(service.get("org-123", MARCH).freshness()).isEqualTo(Freshness.STALE_ON_ERROR);

        var ages = registry.get("usagekit.stale.age")
                .tag("freshness", "stale_on_error")
                .timer();
        assertThat(ages.count()).isEqualTo(1);
        assertThat(ages.totalTime(TimeUnit.MINUTES)).isEqualTo(20);
        assertThat(registry.get("usagekit.stale.age")
                        .tag("freshness", "stale")
                        .timer()
                        .count())
                .isZero();
    }

    @Test
    void tellsOutagesFromWrongSettings() {
        database.goDown();
        assertThatThrownBy(() -> service.get("org-123", MARCH)).isInstanceOf(UsageCalculationException.class);
        assertThat(count("usagekit.computations.failed", "error", "transient")).isEqualTo(1);
        assertThat(count("usagekit.computations.failed", "error", "permanent")).isZero();

        UsageMeters wrong = UsageMeters.of(registry, Tags.of("service", "wrong"));
        try (UsageService misconfigured = UsageService.builder((key, timeout) -> {
                    throw UsageCalculationException.permanent("relation app.events doesn't exist", null);
                })
                .addListener(wrong)
                .build()) {
            assertThatThrownBy(() -> misconfigured.get("org-123", MARCH)).isInstanceOf(UsageCalculationException.class);
        }
        assertThat(count("usagekit.computations.failed", "service", "wrong", "error", "permanent"))
                .isEqualTo(1);
        assertThat(count("usagekit.loads.failed", "service", "wrong", "error", "permanent"))
                .isEqualTo(1);
    }

    @Test
    void gaugesShowTheStateOfTheService() {
        assertThat(gauge("usagekit.permits.max")).isEqualTo(4);
        assertThat(gauge("usagekit.permits.used")).isZero();
        assertThat(gauge("usagekit.queue.max")).isEqualTo(1000);
        assertThat(gauge("usagekit.queue.size")).isZero();
        assertThat(gauge("usagekit.loads")).isZero();
        assertThat(gauge("usagekit.cache.up")).isEqualTo(1);
        assertThat(gauge("usagekit.tracking.up")).as("there is no near cache").isNaN();
        assertThat(gauge("usagekit.cache.near.size")).isNaN();

        cache.goDown();
        assertThat(gauge("usagekit.cache.up")).isZero();
    }

    @Test
    void gaugesAreThoseOfTheServiceThatWasBoundLast() {
        try (UsageService second = UsageService.builder(database)
                .maxConcurrentComputations(7)
                .addListener(meters)
                .build()) {
            meters.bind(second);

            assertThat(gauge("usagekit.permits.max")).isEqualTo(7);
            assertThat(gauge("usagekit.cache.up")).as("it has no cache").isNaN();
        }
    }
}
