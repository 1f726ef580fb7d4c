package io.usagekit.postgres.internal.cache;

import static io.usagekit.postgres.internal.cache.CacheLoads.KEY;
import static io.usagekit.postgres.internal.cache.CacheLoads.acquired;
import static io.usagekit.postgres.internal.cache.CacheLoads.await;
import static io.usagekit.postgres.internal.cache.CacheLoads.figure;
import static io.usagekit.postgres.internal.cache.CacheLoads.publish;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Publication;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.testing.ChangedStatement;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The server is killed while loads are in flight. Connections aren't pooled: each call opens one. */
class CacheCrashIT {

    private static final String SCHEMA = "usagekit_cache";

    private static EmbeddedPostgresServer server;
    private static ExecutorService executor;

    @BeforeAll
    static void start() {
        server = EmbeddedPostgresServer.start();
        executor = Executors.newFixedThreadPool(2);
    }

    @AfterAll
    static void stop() {
        executor.shutdownNow();
        server.close();
    }

    private static FlightStore store(SqlSource source) {
        DataSource dataSource = server.dataSource();
        CacheSettings settings =
                new CacheSettings(dataSource, executor, SCHEMA, CacheFixture.PATIENT, Optional.empty());
        return new PostgresFlightStore(
                settings,
                new CacheCalls(settings, CacheSql.in(SCHEMA, source), System::nanoTime),
                new WakeUps(),
                Optional.empty());
    }

    private static PostgresCache install() {
        PostgresCache cache = PostgresCache.builder(server.dataSource(), executor)
                .timeout(CacheFixture.PATIENT)
                .build();
        cache.install();
        return cache;
    }

    private static void crash() {
        server.kill();
        server.restart();
    }

    @Test
    void rejectsThePublicationOfALeaderThatWasPausedDuringTheCrash() {
        PostgresCache shared = install();
        UsageKey other = new UsageKey("org-124", KEY.period());
        try (UsageCache cache = shared.cache();
                FlightStore paused = shared.flightStore();
                FlightStore next = shared.flightStore()) {
            long first = acquired(paused, KEY, "paused");
            long ofOther = acquired(paused, other, "paused");
            await(cache.put(new UsageKey("org-125", KEY.period()), cached(), CacheLoads.TIME_TO_LIVE));

            crash();

            assertThat(await(cache.get(cached().usage().key())))
                    .as("the table is empty")
                    .isEmpty();
            long second = acquired(next, KEY, "next");
            assertThat(second).as("a fence that hasn't been issued before").isGreaterThan(first);
            assertThat(publish(paused, KEY, "paused", first, 1)).isEqualTo(new Publication.LeaseLost(second));
            assertThat(publish(next, KEY, "next", second, 2)).isEqualTo(new Publication.Stored());
            assertThat(publish(paused, KEY, "paused", first, 1)).isInstanceOf(Publication.Superseded.class);
            assertThat(await(cache.get(KEY)).orElseThrow().usage())
                    .isEqualTo(figure(KEY, 2).usage());
            assertThat(publish(paused, other, "paused", ofOther, 1))
                    .as("of a load that no other has followed")
                    .isEqualTo(new Publication.Invalidated());
            assertThat(await(cache.get(other))).isEmpty();
        }
    }

    private static AgedUsage cached() {
        return figure(new UsageKey("org-125", KEY.period()), 1);
    }

    /** Without the sequence the same fence is issued again, and the paused leader's figure is stored. */
    @Test
    void wouldStoreTheOldFigureIfFencesDidNotSurviveTheCrash() {
        PostgresCache shared = install();
        UsageKey key = new UsageKey("org-126", KEY.period());
        ChangedStatement counting = new ChangedStatement(
                CacheSql.SOURCE,
                "acquire",
                "nextval({fence-name}) * 1048576 + floor(random() * 1048576)::bigint",
                "(select coalesce(max(c.issued), 0) + 1 from {figure} c where c.organisation_id = :organisation_id)");
        try (UsageCache cache = shared.cache();
                FlightStore paused = store(counting);
                FlightStore next = store(counting)) {
            long first = acquired(paused, key, "paused");

            crash();

            assertThat(acquired(next, key, "next")).isEqualTo(first);
            assertThat(publish(paused, key, "paused", first, 1)).isEqualTo(new Publication.Stored());
            assertThat(await(cache.get(key))).isPresent();
        }
    }
}
