package io.usagekit.micrometer;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.PostgresCache.Stats;
import java.util.function.ToLongFunction;

/**
 * Meters of what the caches and flight stores of a {@link PostgresCache} do, beside those of the service that uses them ({@link
 * UsageMeters}). They are read without I/O. Thread-safe.
 *
 * @since 0.1
 */
public final class PostgresCacheMeters {

    private static final String PREFIX = "usagekit.cache.postgres.";

    private final MeterFactory meters;

    private PostgresCacheMeters(MeterFactory meters) {
        this.meters = meters;
    }

    /** Returns meters in a registry. */
    public static PostgresCacheMeters of(MeterRegistry registry) {
        return of(registry, Tags.empty());
    }

    /** Returns meters in a registry, all of them with these tags. */
    public static PostgresCacheMeters of(MeterRegistry registry, Iterable<Tag> tags) {
        return new PostgresCacheMeters(new MeterFactory(registry, Tags.of(tags)));
    }

    /**
     * Registers the meters of this cache, in place of those of a cache that was bound before.
     *
     * @return the cache
     */
    public PostgresCache bind(PostgresCache cache) {
        String reads = "Figures that were looked for in the cache in PostgreSQL";
        counted(cache, meters.with("result", "hit"), "reads", reads, Stats::hits);
        counted(cache, meters.with("result", "miss"), "reads", reads, Stats::misses);
        counted(cache, meters, "writes", "Figures that were stored in PostgreSQL", Stats::writes);
        String prunes = "Deletions of the rows whose time is over";
        counted(cache, meters.with("outcome", "finished"), "prunes", prunes, Stats::prunes);
        counted(cache, meters.with("outcome", "failed"), "prunes", prunes, Stats::failedPrunes);
        meters.counted(
                PREFIX + "pruned",
                "rows",
                "Rows that were deleted",
                () -> cache.stats().prunedRows());
        counted(cache, meters, "wakeups", "Messages about leases and figures that were received", Stats::wakeUps);
        meters.gauge(
                PREFIX + "listening",
                "Whether wake-ups are received: 1 or 0, NaN where nothing listens",
                () -> UsageMeters.state(cache.stats().listening()));
        return cache;
    }

    private static void counted(
            PostgresCache cache, MeterFactory meters, String name, String description, ToLongFunction<Stats> value) {
        meters.counted(PREFIX + name, null, description, () -> value.applyAsLong(cache.stats()));
    }
}
