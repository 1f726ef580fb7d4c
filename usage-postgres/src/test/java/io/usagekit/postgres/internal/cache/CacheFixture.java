package io.usagekit.postgres.internal.cache;

import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A table of its own on the shared server, with timeouts for which a loaded machine doesn't matter. */
final class CacheFixture implements AutoCloseable {

    static final Duration PATIENT = Duration.ofSeconds(20);

    private final String schema;
    private final ExecutorService executor = Executors.newFixedThreadPool(6);

    private CacheFixture(String schema) {
        this.schema = schema;
    }

    /** Installs a table in a schema whose name begins like that. */
    static CacheFixture install(String base) {
        CacheFixture fixture = new CacheFixture(Database.newSchema(base));
        fixture.builder().build().install();
        return fixture;
    }

    String schema() {
        return schema;
    }

    String table() {
        return Identifiers.qualified(schema, "figure");
    }

    ExecutorService executor() {
        return executor;
    }

    PostgresCache.Builder builder() {
        return PostgresCache.builder(Database.pool(), executor).schema(schema).timeout(PATIENT);
    }

    UsageCache cache() {
        return builder().build().cache();
    }

    /** A store that polls. */
    FlightStore store() {
        return builder().build().flightStore();
    }

    /** A store that listens. */
    FlightStore listeningStore() {
        return builder().listenOn(Database.pool()).build().flightStore();
    }

    void empty() {
        Database.execute("truncate " + table());
    }

    /** Lets time pass by moving all times of the table back. */
    void elapse(Duration duration) {
        String interval = " - interval '" + duration.toMillis() + " milliseconds'";
        Database.execute("update " + table() + " set born_at = born_at" + interval + ", expires_at = expires_at"
                + interval + ", locked_until = locked_until" + interval + ", kept_until = kept_until" + interval);
    }

    /** Returns the number of rows, those included whose time is over. */
    long rows() {
        return Long.parseLong(Database.query("select count(*) from " + table()));
    }

    @Override
    public void close() {
        executor.shutdownNow();
        Database.dropSchema(schema);
    }
}
