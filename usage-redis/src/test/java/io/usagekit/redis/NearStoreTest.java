package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

/** Which of two figures stays: one that couldn't be stored in Redis, or one that was read from it. */
class NearStoreTest {

    private static final UsageKey KEY = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Duration TIME_TO_LIVE = Duration.ofMinutes(10);

    private final NearStore store = new NearStore(new ConcurrentHashMap<>());
    private final NearEntry unstored = NearEntry.unstored(figure(1, Duration.ZERO), 0, TIME_TO_LIVE);

    /** Redis rounds ages up, so that the figure that it has looks older than the one that was sent. */
    @Test
    void keepsTheReadFigureWhereAWriteThatFailedHereWasExecuted() {
        store.put(KEY, unstored);

        NearEntry read = read(figure(1, Duration.ofMillis(1)));

        assertThat(store.entry(KEY)).isSameAs(read);
    }

    @Test
    void keepsTheUnstoredFigureWhereRedisHasAnOlderOne() {
        store.put(KEY, unstored);

        NearEntry read = read(figure(2, Duration.ofMillis(1)));

        assertThat(store.entry(KEY)).isSameAs(unstored).isNotSameAs(read);
    }

    @Test
    void keepsTheReadFigureWhereItIsYounger() {
        store.put(KEY, NearEntry.unstored(figure(1, Duration.ofMillis(1)), 0, TIME_TO_LIVE));

        NearEntry read = read(figure(2, Duration.ZERO));

        assertThat(store.entry(KEY)).isSameAs(read);
    }

    @Test
    void removesAllThatWasStoredAndTheLoadsInFlight() {
        UsageKey loading = new UsageKey("org-2", KEY.period());
        UsageKey reading = new UsageKey("org-3", KEY.period());
        store.put(KEY, unstored);
        store.put(loading, unstored);
        NearStore.Pending load = new NearStore.Pending(loading);
        store.register(load);
        NearEntry stored = read(reading, figure(3, Duration.ZERO));

        store.removeStored();
        store.complete(load, stored);

        assertThat(store.entry(KEY)).isSameAs(unstored);
        assertThat(store.entry(loading)).as("what the load read is dropped").isSameAs(unstored);
        assertThat(store.entry(reading)).isNull();
    }

    private NearEntry read(AgedUsage figure) {
        return read(KEY, figure);
    }

    private NearEntry read(UsageKey key, AgedUsage figure) {
        NearEntry read = NearEntry.of(new CacheEntry(figure, TIME_TO_LIVE.toMillis()), 0, null);
        NearStore.Pending load = new NearStore.Pending(key);
        store.register(load);
        store.complete(load, read);
        return read;
    }

    private static AgedUsage figure(long volume, Duration age) {
        return new AgedUsage(
                new OrganisationUsage(
                        KEY, new UsageMetrics(volume, 0), UsageMetrics.ZERO, Instant.parse("2026-03-17T01:28:00Z")),
                age);
    }
}
