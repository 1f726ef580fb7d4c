package io.usagekit.postgres.internal.cache;

import static io.usagekit.postgres.internal.cache.CacheLoads.TIME_TO_LIVE;
import static io.usagekit.postgres.internal.cache.CacheLoads.acquired;
import static io.usagekit.postgres.internal.cache.CacheLoads.await;
import static io.usagekit.postgres.internal.cache.CacheLoads.figure;
import static io.usagekit.postgres.internal.cache.CacheLoads.publish;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.testing.OwnDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What calls leave behind in the table, and what they cost; prints it. */
class CacheCostIT {

    private static final int FIGURES = 100;
    private static final int ROUNDS = Integer.getInteger("usagekit.cache.rounds", 5);

    private OwnDatabase database;
    private ExecutorService executor;

    @BeforeEach
    void create() throws SQLException {
        database = OwnDatabase.create("cache_cost");
        executor = Executors.newFixedThreadPool(1);
        new CacheInstaller(database.pool(), "c").install();
    }

    @AfterEach
    void drop() {
        executor.shutdownNow();
        database.close();
    }

    private long number(String sql) {
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private static UsageKey key(int number) {
        return new UsageKey("org-" + number, UsagePeriod.month(YearMonth.of(2026, 3)));
    }

    /** Each load acquires, publishes, and is read twice; after the first round each writes to rows that exist. */
    @Test
    void updatesRowsInPlace() {
        CacheSettings settings =
                new CacheSettings(database.pool(), executor, "c", CacheFixture.PATIENT, Optional.empty());
        List<Long> hits = new ArrayList<>();
        List<Long> loads = new ArrayList<>();
        try (UsageCache cache = settings.openCache();
                FlightStore store = settings.openFlightStore()) {
            for (int round = 0; round < ROUNDS; round++) {
                for (int n = 0; n < FIGURES; n++) {
                    UsageKey key = key(n);
                    long began = System.nanoTime();
                    publish(store, key, "token", acquired(store, key, "token"), round);
                    loads.add(System.nanoTime() - began);
                    for (int reads = 0; reads < 2; reads++) {
                        began = System.nanoTime();
                        assertThat(await(cache.get(key))).isPresent();
                        hits.add(System.nanoTime() - began);
                    }
                }
            }
            await(cache.put(key(0), figure(key(0), 1), TIME_TO_LIVE));
            assertThat(await(cache.get(key(0))).orElseThrow().age()).isLessThan(Duration.ofMinutes(1));
        }
        CacheLoads.eventually(
                "the statistics are there",
                () -> number("select n_tup_upd from pg_stat_user_tables where relname = 'figure'")
                        >= (2L * ROUNDS - 1) * FIGURES);
        long updates = number("select n_tup_upd from pg_stat_user_tables where relname = 'figure'");
        long inPlace = number("select n_tup_hot_upd from pg_stat_user_tables where relname = 'figure'");
        System.out.printf(
                Locale.ROOT,
                "CacheCostIT: %d figures, %d loads: hit p50 %.2f ms, load (acquire, publish) p50 %.2f ms; %d updates, %d of them"
                        + " without the index, %d dead rows, table %d KB, index %d KB%n",
                FIGURES,
                loads.size(),
                median(hits),
                median(loads),
                updates,
                inPlace,
                number("select n_dead_tup from pg_stat_user_tables where relname = 'figure'"),
                number("select pg_relation_size('c.figure') / 1024"),
                number("select pg_relation_size('c.figure_pkey') / 1024"));
        assertThat(inPlace).as("updates that leave the index as it is").isGreaterThan(updates * 9 / 10);
        assertThat(number("select pg_relation_size('c.figure')"))
                .as("octets of the table, whatever the number of updates")
                .isLessThan(FIGURES * 1_024L);
    }

    private static double median(List<Long> nanos) {
        return nanos.stream().sorted().skip(nanos.size() / 2).findFirst().orElseThrow() / 1e6;
    }
}
