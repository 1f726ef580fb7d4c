package io.usagekit.postgres.internal.cache;

import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.postgres.internal.Jdbc;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import javax.sql.DataSource;

/**
 * Configuration of a cache and a flight store, which it validates and opens.
 *
 * @param executor runs what blocks
 * @param schema of the table and the sequence, not quoted
 * @param timeout of each call
 * @param listenOn where a session receives wake-ups; empty if none does
 * @param counters of what is opened
 */
public record CacheSettings(
        DataSource dataSource,
        Executor executor,
        String schema,
        Duration timeout,
        Optional<DataSource> listenOn,
        CacheCounters counters) {

    private static final Duration SHORTEST = Duration.ofMillis(1);
    private static final Duration LONGEST = Duration.ofMinutes(1);

    /** Checks the bounds. */
    public CacheSettings {
        if (timeout.compareTo(SHORTEST) < 0 || timeout.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException(
                    "timeout must be between " + SHORTEST + " and " + LONGEST + ", but was " + timeout);
        }
    }

    /** With counters of its own. */
    public CacheSettings(
            DataSource dataSource, Executor executor, String schema, Duration timeout, Optional<DataSource> listenOn) {
        this(dataSource, executor, schema, timeout, listenOn, new CacheCounters());
    }

    /** Opens a cache. */
    public UsageCache openCache() {
        return new PostgresUsageCache(this, new CacheCalls(this));
    }

    /** Opens a flight store; waits until it listens, but no longer than the timeout. */
    public FlightStore openFlightStore() {
        WakeUps wakeUps = new WakeUps();
        Optional<WakeUpListener> listener = listenOn.map(
                source -> WakeUpListener.start(new Jdbc(source), CacheSql.in(schema), wakeUps, timeout, counters));
        return new PostgresFlightStore(this, new CacheCalls(this), wakeUps, listener);
    }

    /** Whether both are over the same table. */
    boolean isOverSameData(CacheSettings other) {
        return dataSource == other.dataSource && schema.equals(other.schema);
    }
}
