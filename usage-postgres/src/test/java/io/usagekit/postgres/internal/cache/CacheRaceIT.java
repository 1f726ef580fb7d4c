package io.usagekit.postgres.internal.cache;

import static io.usagekit.postgres.internal.cache.CacheLoads.await;
import static io.usagekit.postgres.internal.cache.CacheLoads.figure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.testing.ChangedStatement;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OwnDatabase;
import java.time.Duration;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Loads, invalidations of keys and of organisations, and pruning at once, on a few keys. What is true changes before each invalidation:
 * once that has completed, no reader finds what was true before.
 */
class CacheRaceIT {

    private static final Duration RACE = Duration.ofSeconds(2);
    private static final int LOADERS = 4;

    private OwnDatabase database;
    private ExecutorService executor;
    private final List<UsageKey> keys = List.of(
            key("org-1", 1), key("org-1", 2), key("org-1", 3), key("org-2", 1), key("org-2", 2), key("org-2", 3));
    /** What is true, of all keys. */
    private final AtomicLong truth = new AtomicLong(1);

    private final AtomicInteger stored = new AtomicInteger();
    private final AtomicInteger wrong = new AtomicInteger();

    private static UsageKey key(String organisation, int month) {
        return new UsageKey(organisation, UsagePeriod.month(YearMonth.of(2026, month)));
    }

    @BeforeEach
    void create() throws Exception {
        database = OwnDatabase.create("cache_race");
        executor = Executors.newFixedThreadPool(8);
        new CacheInstaller(database.pool(), "c").install();
    }

    @AfterEach
    void drop() {
        executor.shutdownNow();
        database.close();
    }

    private CacheSettings settings() {
        return new CacheSettings(database.pool(), executor, "c", CacheFixture.PATIENT, Optional.empty());
    }

    private void race(SqlSource source) throws Exception {
        CacheSettings settings = settings();
        CacheCalls calls = new CacheCalls(settings, CacheSql.in("c", source), System::nanoTime);
        try (UsageCache cache = new PostgresUsageCache(settings, calls);
                FlightStore store = new PostgresFlightStore(settings, calls, new WakeUps(), Optional.empty())) {
            long end = System.nanoTime() + RACE.toNanos();
            ExecutorService threads = Executors.newCachedThreadPool();
            List<Future<?>> running = new ArrayList<>();
            for (int n = 0; n < LOADERS; n++) {
                Random random = new Random(n);
                running.add(threads.submit(() -> load(store, random, end)));
            }
            running.add(threads.submit(() -> invalidate(cache, new Random(LOADERS), end)));
            running.add(threads.submit(() -> {
                while (System.nanoTime() < end) {
                    database.execute(
                            "with free as (select ctid from c.figure where issued is null for update skip locked)"
                                    + " update c.figure f set kept_until = clock_timestamp() from free where f.ctid = free.ctid");
                    await(Pruning.prune(calls));
                }
            }));
            for (Future<?> one : running) {
                one.get(2, TimeUnit.MINUTES);
            }
            threads.shutdown();
        }
    }

    /** Computes what is true while it holds the lease. */
    private void load(FlightStore store, Random random, long end) {
        while (System.nanoTime() < end) {
            UsageKey key = keys.get(random.nextInt(keys.size()));
            String token = "token-" + random.nextLong();
            LeaseRequest request = new LeaseRequest(token, CacheLoads.LEASE, Duration.ofDays(1), OptionalLong.empty());
            if (await(store.acquire(key, request)) instanceof Acquisition.Acquired acquired) {
                AgedUsage figure = figure(key, truth.get());
                if (await(store.publish(key, token, acquired.fence(), figure, CacheLoads.TIME_TO_LIVE))
                        instanceof FlightStore.Publication.Stored) {
                    stored.incrementAndGet();
                }
                await(store.release(key, token));
            }
        }
    }

    private void invalidate(UsageCache cache, Random random, long end) {
        while (System.nanoTime() < end) {
            UsageKey key = keys.get(random.nextInt(keys.size()));
            long now = truth.incrementAndGet();
            if (random.nextBoolean()) {
                await(cache.invalidate(key));
            } else {
                await(cache.invalidate(key.organisationId()));
            }
            for (int reads = 0; reads < 3; reads++) {
                await(cache.get(key)).ifPresent(found -> {
                    if (found.usage().received().volume() < now) {
                        wrong.incrementAndGet();
                    }
                });
            }
        }
    }

    @Test
    void findsNothingOfBeforeAnInvalidationAndNeverDeadlocks() throws Exception {
        race(CacheSql.SOURCE);
        System.out.println("CacheRaceIT: " + stored + " figures stored, " + (truth.get() - 1) + " invalidations");
        assertThat(stored).hasPositiveValue();
        assertThat(wrong).as("figures of before an invalidation").hasValue(0);
        assertThat(Database.query("select deadlocks from pg_stat_database where datname = ?", name()))
                .isEqualTo("0");
    }

    private String name() {
        return database.pool().getJdbcUrl().replaceFirst("^.*/([^/?]+)([?].*)?$", "$1");
    }

    /** An invalidation that leaves the right to publish: the race shows it. */
    @Test
    void noticesAnInvalidationThatLeavesFences() throws Exception {
        long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
        while (wrong.get() == 0 && System.nanoTime() < end) {
            race(new ChangedStatement(
                    CacheSql.SOURCE, "without-figure-and-lease", "issued = null", "issued = f.issued"));
        }
        assertThat(wrong).as("figures of before an invalidation").hasPositiveValue();
    }
}
