package io.usagekit.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.testkit.contract.UsageCacheContract;
import java.time.Duration;
import java.time.YearMonth;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class InMemoryUsageCacheTest extends UsageCacheContract {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));

    private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");
    private final InMemoryUsageCache server = InMemoryUsageCache.create(clock);

    @Override
    protected UsageCache openCache() {
        return InMemoryUsageCache.over(server);
    }

    @Override
    protected OptionalLong heldEntries() {
        return OptionalLong.of(server.heldFigures());
    }

    @Override
    protected void elapse(Duration duration) {
        clock.advance(duration);
    }

    @Test
    void failsWhileDownAndKeepsFigures() {
        InMemoryUsageCache cache = InMemoryUsageCache.create(clock);
        Callers.resultOf(cache.put(KEY, entry(Duration.ZERO), Duration.ofHours(1)));
        cache.goDown();

        assertThat(Callers.failureOf(cache.get(KEY))).isInstanceOf(UsageCacheException.class);

        cache.comeBack();
        assertThat(Callers.resultOf(cache.get(KEY))).isPresent();
        assertThat(cache.reads()).as("failed reads count too").isEqualTo(2);
        assertThat(cache.writes()).isEqualTo(1);
    }

    @Test
    void sharesFiguresCountersAndOutagesWithCachesOverIt() {
        InMemoryUsageCache first = InMemoryUsageCache.create(clock);
        InMemoryUsageCache second = InMemoryUsageCache.over(first);
        Callers.resultOf(first.put(KEY, entry(Duration.ZERO), Duration.ofHours(1)));
        first.close();

        assertThat(Callers.resultOf(second.get(KEY))).isPresent();
        assertThat(second.writes()).isEqualTo(1);
        first.goDown();
        assertThat(Callers.failureOf(second.get(KEY))).hasMessageContaining("goDown()");
        second.comeBack();
        assertThat(Callers.resultOf(InMemoryUsageCache.over(first).get(KEY))).isPresent();
        assertThat(first.reads()).isEqualTo(3);
    }

    @Test
    void clearRemovesFiguresAndCounts() {
        InMemoryUsageCache cache = InMemoryUsageCache.create(clock);
        InMemoryUsageCache other = InMemoryUsageCache.over(cache);
        Callers.resultOf(cache.put(KEY, entry(Duration.ZERO), Duration.ofHours(1)));
        Callers.resultOf(cache.get(KEY));
        other.clear();

        assertThat(cache.reads()).isZero();
        assertThat(cache.writes()).isZero();
        assertThat(cache.heldFigures()).isZero();
        assertThat(Callers.resultOf(cache.get(KEY))).isEmpty();
    }

    @Test
    void usesTimeOfJvmUnlessClockIsGiven() {
        InMemoryUsageCache real = InMemoryUsageCache.create();
        Callers.resultOf(real.put(KEY, entry(Duration.ofSeconds(5)), Duration.ofHours(1)));
        assertThat(Callers.resultOf(real.get(KEY)).orElseThrow().age())
                .isBetween(Duration.ofSeconds(5), Duration.ofMinutes(5));
    }

    /** A figure of this age. */
    private AgedUsage entry(Duration age) {
        OrganisationUsage usage = new OrganisationUsage(
                KEY,
                new UsageMetrics(1, 1_024),
                new UsageMetrics(1, 512),
                clock.instant().minus(age));
        return new AgedUsage(usage, age);
    }
}
