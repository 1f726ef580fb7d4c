package io.usagekit.postgres;

import io.usagekit.FlightStore;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.UsageCache.Condition;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.cache.CacheCounters;
import io.usagekit.postgres.internal.cache.CacheCounters.Count;
import io.usagekit.postgres.internal.cache.CacheInstaller;
import io.usagekit.postgres.internal.cache.CacheSettings;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import javax.sql.DataSource;

/**
 * A cache and fleet-wide single-flight in PostgreSQL alone, for a fleet without Redis: figures, leases and fences in one small table that
 * all processes share. It is {@code UNLOGGED}: a write costs no WAL, and a crash of the server empties it. Fences come from a sequence that
 * survives that, and from random bits, so a load that began before a crash can't publish after it.
 *
 * <pre>{@code
 * PostgresCache shared = PostgresCache.of(dataSource, executor);
 * shared.install(); // once, at deployment
 * UsageService.builder(PostgresUsage.calculator(dataSource))
 *         .cache(shared.cache())
 *         .singleFlight(SingleFlights.fleetWide(shared.flightStore()))
 *         .build();
 * }</pre>
 *
 * <p><b>Calls don't block.</b> Each is a task on the host's executor: one transaction with one statement, on one connection of the data
 * source. It completes within the {@linkplain Builder#timeout timeout}, also where the executor's threads or the pool's connections are
 * taken; a call that has timed out isn't begun any more, and is rolled back if it hasn't been committed. A daemon thread watches the
 * deadlines of calls in flight, and ends after 10 s without any. A failure is a {@link io.usagekit.UsageCacheException}; each outage is
 * logged once when it begins and once when it ends.
 *
 * <p><b>Times</b> are those of the server's clock. If that is set back, figures and leases that were written before count as missing until
 * it has caught up.
 *
 * <p><b>Rows</b> whose figure has expired and whose fences aren't needed any more (10 leases, at least 10 minutes) are deleted after every
 * hundredth write of a process, at most every ten seconds, and by one process at a time.
 *
 * <p>Immutable and thread-safe. The host owns the data sources and the executor.
 *
 * @since 0.1
 */
public final class PostgresCache {

    /** Schema of the table where no other is named: {@value}. */
    public static final String DEFAULT_SCHEMA = "usagekit_cache";

    /** Default time after which a call fails and the service goes on without it: 500 ms. */
    public static final Duration DEFAULT_TIMEOUT = Duration.ofMillis(500);

    private final CacheSettings settings;
    private final CacheInstaller installer;

    private PostgresCache(CacheSettings settings) {
        this.settings = settings;
        this.installer = new CacheInstaller(settings.dataSource(), settings.schema());
    }

    /** Returns a cache in the schema {@value #DEFAULT_SCHEMA}; connects to nothing yet. */
    public static PostgresCache of(DataSource dataSource, Executor executor) {
        return builder(dataSource, executor).build();
    }

    /**
     * Returns a builder.
     *
     * @param executor runs statements, which block: with at least as many threads as there are connections for them, and a queue. It must
     *     not run tasks on the thread that hands them over
     */
    public static Builder builder(DataSource dataSource, Executor executor) {
        return new Builder(dataSource, executor);
    }

    /** Returns the schema of the table. */
    public String schema() {
        return settings.schema();
    }

    /**
     * Creates the schema, the table and the sequence where they are missing. Idempotent: looks into the catalog first, and runs nothing
     * where everything exists. Several processes may install at once, as {@link PostgresUsage#install} says.
     *
     * @throws UsageStorageException if the schema is missing and this role can't create it, or the database refuses; nothing has been
     *     created then
     */
    public void install() {
        try {
            installer.install();
        } catch (SQLException e) {
            throw SqlErrors.storageFailure("the cache can't be installed", e);
        }
    }

    /**
     * Returns whether everything that {@link #install} creates exists. Reads the catalog only.
     *
     * @throws UsageStorageException if the database can't be reached, or refuses
     */
    public boolean isInstalled() {
        try {
            return installer.isInstalled();
        } catch (SQLException e) {
            throw SqlErrors.storageFailure("the cache can't be looked up", e);
        }
    }

    /** Returns what {@link #install} creates, as a script; its first statement creates the schema, as in {@link PostgresUsage#ddl}. */
    public String ddl() {
        return installer.ddl();
    }

    /**
     * Drops the table and the sequence, and the schema if nothing else is in it and this role could create it again. Idempotent. To be
     * called when no process uses them: a load that is in flight could publish once they have been installed again.
     *
     * @throws UsageStorageException if other sessions hold locks on the table for longer than two minutes, or the database refuses;
     *     nothing has been removed then
     */
    public void remove() {
        try {
            installer.remove();
        } catch (SQLException e) {
            throw SqlErrors.storageFailure("the cache can't be removed", e);
        }
    }

    /**
     * Opens a cache; connects to nothing yet. With the single-flight in one process, a figure that was computed before an invalidation by
     * another process may be stored after it; with that of {@link #flightStore} it isn't.
     */
    public UsageCache cache() {
        return settings.openCache();
    }

    /**
     * Opens a store for {@link SingleFlights#fleetWide}. Loads that wait for another process poll; with {@link Builder#listenOn} they are
     * woken as well. It then holds one connection and one daemon thread until it is closed, and this method waits for the connection, but
     * no longer than the timeout.
     */
    public FlightStore flightStore() {
        return settings.openFlightStore();
    }

    /** Returns what the caches and the flight stores of this object have done so far, without I/O, for meters. */
    public Stats stats() {
        CacheCounters counters = settings.counters();
        return new Stats(
                counters.get(Count.HITS),
                counters.get(Count.MISSES),
                counters.get(Count.WRITES),
                counters.get(Count.PRUNES),
                counters.get(Count.FAILED_PRUNES),
                counters.get(Count.PRUNED_ROWS),
                counters.get(Count.WAKE_UPS),
                counters.listening());
    }

    /**
     * What caches and flight stores have done since they were opened. Numbers never decrease.
     *
     * @param hits figures that a cache looked for and found
     * @param misses figures that a cache looked for and didn't find
     * @param writes figures that were stored, by a cache or by a leader
     * @param prunes how often this process deleted rows whose time is over; also where there were none
     * @param failedPrunes how often that failed
     * @param prunedRows rows that were deleted
     * @param wakeUps messages about leases and figures that were received, of this process and others
     * @param listening whether wake-ups are received; {@link Condition#UNKNOWN} where no flight store {@linkplain Builder#listenOn listens}
     * @since 0.1
     */
    public record Stats(
            long hits,
            long misses,
            long writes,
            long prunes,
            long failedPrunes,
            long prunedRows,
            long wakeUps,
            Condition listening) {}

    /**
     * Builds it. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final DataSource dataSource;
        private final Executor executor;
        private String schema = DEFAULT_SCHEMA;
        private Duration timeout = DEFAULT_TIMEOUT;
        private Optional<DataSource> listenOn = Optional.empty();

        private Builder(DataSource dataSource, Executor executor) {
            this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
            this.executor = Objects.requireNonNull(executor, "executor");
        }

        /** Sets the schema of the table; {@value PostgresCache#DEFAULT_SCHEMA} by default; an identifier of 1 to 63 bytes. */
        public Builder schema(String schema) {
            this.schema = Objects.requireNonNull(schema, "schema");
            return this;
        }

        /** Sets the time after which a call fails, the wait for a connection included; 1 ms to 1 min; 500 ms by default. */
        public Builder timeout(Duration timeout) {
            this.timeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /**
         * Sets where {@link #flightStore} listens for the wake-ups of other processes ({@code LISTEN}); nowhere by default. A connection
         * that is lost, or doesn't answer for 5 s and the timeout, is replaced. Through a pooler in transaction mode nothing can be received:
         * loads poll then, and the log says so; pass a data source that connects to PostgreSQL itself.
         */
        public Builder listenOn(DataSource direct) {
            this.listenOn = Optional.of(direct);
            return this;
        }

        /**
         * Checks and builds; connects to nothing yet.
         *
         * @throws IllegalArgumentException if the schema's name or the timeout is out of bounds
         */
        public PostgresCache build() {
            TableMapping.usagekit(schema); // checks its name
            return new PostgresCache(new CacheSettings(dataSource, executor, schema, timeout, listenOn));
        }
    }
}
