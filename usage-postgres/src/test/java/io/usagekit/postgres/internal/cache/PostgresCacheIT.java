package io.usagekit.postgres.internal.cache;

import static io.usagekit.postgres.internal.cache.CacheLoads.KEY;
import static io.usagekit.postgres.internal.cache.CacheLoads.TIME_TO_LIVE;
import static io.usagekit.postgres.internal.cache.CacheLoads.acquired;
import static io.usagekit.postgres.internal.cache.CacheLoads.await;
import static io.usagekit.postgres.internal.cache.CacheLoads.figure;
import static io.usagekit.postgres.internal.cache.CacheLoads.publish;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Publication;
import io.usagekit.UsageCache;
import io.usagekit.UsageCache.Condition;
import io.usagekit.UsageKey;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.internal.cache.CacheCounters.Count;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Installing and removing, and what is pruned. */
class PostgresCacheIT {

    private CacheFixture fixture;

    @BeforeEach
    void install() {
        fixture = CacheFixture.install("cache_install");
    }

    @AfterEach
    void remove() {
        fixture.close();
    }

    private String objects() {
        return Database.query(
                "select string_agg(relname || ' ' || relkind::text || ' ' || relpersistence::text, ', ' order by relname)"
                        + " from pg_class where relnamespace = to_regnamespace(?)",
                "\"" + fixture.schema() + "\"");
    }

    @Test
    void createsAnUnloggedTableAndALoggedSequenceOnce() {
        assertThat(objects()).isEqualTo("fence S p, figure r u, figure_pkey i u");
        try (UsageCache cache = fixture.cache()) {
            await(cache.put(KEY, figure(KEY, 1), TIME_TO_LIVE));
            fixture.builder().build().install();
            assertThat(await(cache.get(KEY))).as("stays when installed again").isPresent();
        }
    }

    @Test
    void createsTheSameByItsScript() {
        PostgresCache shared = fixture.builder().build();
        String installed = objects();
        Database.dropSchema(fixture.schema());
        Database.execute(shared.ddl());
        assertThat(objects()).isEqualTo(installed);
        Database.execute(shared.ddl());
        shared.install();
        assertThat(objects()).isEqualTo(installed);
    }

    @Test
    void knowsWhetherItIsInstalled() {
        PostgresCache shared = fixture.builder().build();
        assertThat(shared.isInstalled()).isTrue();
        Database.execute("drop sequence \"" + fixture.schema() + "\".fence");
        assertThat(shared.isInstalled()).isFalse();
        shared.install();
        assertThat(shared.isInstalled()).isTrue();
        shared.remove();
        assertThat(shared.isInstalled()).isFalse();
    }

    @Test
    void removesItsOwnAndAnEmptySchemaOnly() {
        PostgresCache shared = fixture.builder().build();
        Database.execute("create table \"" + fixture.schema() + "\".hosts ()");
        shared.remove();
        assertThat(objects()).isEqualTo("hosts r p");
        Database.execute("drop table \"" + fixture.schema() + "\".hosts");
        shared.install();
        shared.remove();
        assertThat(Database.query("select count(*) from pg_namespace where nspname = ?", fixture.schema()))
                .isEqualTo("0");
        shared.remove();
    }

    @Test
    void checksBoundsBeforeItConnects() {
        assertThatThrownBy(() -> fixture.builder().timeout(Duration.ofNanos(1)).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("timeout must be between PT0.001S and PT1M, but was PT0.000000001S");
        assertThatThrownBy(
                        () -> fixture.builder().timeout(Duration.ofSeconds(61)).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("but was PT1M1S");
        assertThatThrownBy(() -> fixture.builder().schema("x".repeat(64)).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("schema must be an identifier of 1 to 63 bytes");
    }

    @Test
    void leavesInvalidationsToCachesOfItsDataSourceAndSchemaOnly() {
        try (FlightStore store = fixture.store();
                UsageCache cache = fixture.cache();
                UsageCache elsewhere =
                        fixture.builder().schema("another").build().cache()) {
            assertThat(store.isInvalidatedBy(cache)).isTrue();
            assertThat(store.isInvalidatedBy(elsewhere)).isFalse();
        }
    }

    private void prune() {
        CacheSettings settings = new CacheSettings(
                Database.pool(), fixture.executor(), fixture.schema(), CacheFixture.PATIENT, Optional.empty());
        try (CacheCalls calls = new CacheCalls(settings)) {
            await(Pruning.prune(calls));
        }
    }

    /** A row stays as long as its figure, or a load that may publish. */
    @Test
    void prunesRowsThatAreOfNoUse() {
        UsageKey cached = new UsageKey("cached", KEY.period());
        UsageKey loading = new UsageKey("loading", KEY.period());
        UsageKey expired = new UsageKey("expired", KEY.period());
        try (UsageCache cache = fixture.cache();
                FlightStore store = fixture.store()) {
            await(cache.put(cached, figure(cached, 1), Duration.ofMinutes(10)));
            await(cache.put(expired, figure(expired, 1), Duration.ofMinutes(2)));
            long fence = acquired(store, loading, "token");
            await(cache.put(loading, figure(loading, 1), Duration.ofMinutes(2)));
            fixture.elapse(Duration.ofMinutes(5));
            prune();
            assertThat(Database.column("select organisation_id from " + fixture.table() + " order by 1"))
                    .containsExactly("cached", "loading");
            assertThat(publish(store, loading, "token", fence, 2)).isEqualTo(new Publication.Stored());
            fixture.elapse(Duration.ofMinutes(11));
            prune();
            assertThat(fixture.rows()).isZero();
            assertThat(publish(store, loading, "token", fence, 3)).isEqualTo(new Publication.Invalidated());
        }
    }

    @Test
    void countsWhatItHasDone() {
        PostgresCache shared = fixture.builder().build();
        UsageKey expired = new UsageKey("expired", KEY.period());
        try (UsageCache cache = shared.cache();
                FlightStore store = shared.flightStore()) {
            await(cache.get(KEY));
            long fence = acquired(store, KEY, "token");
            publish(store, KEY, "token", fence, 1);
            publish(store, KEY, "token", fence - 1, 2);
            await(cache.get(KEY));
            cache.getAll(List.of(KEY, expired)).values().forEach(CacheLoads::await);
            assertThat(shared.stats()).isEqualTo(new PostgresCache.Stats(2, 2, 1, 0, 0, 0, 0, Condition.UNKNOWN));

            await(cache.put(expired, figure(expired, 1), Duration.ofMinutes(2)));
            fixture.elapse(Duration.ofMinutes(5));
            for (int writes = 1; writes < 100; writes++) {
                await(cache.put(KEY, figure(KEY, 1), TIME_TO_LIVE));
            }
            CacheLoads.eventually("pruned", () -> shared.stats().prunes() == 1);
            assertThat(shared.stats()).isEqualTo(new PostgresCache.Stats(2, 2, 101, 1, 0, 1, 0, Condition.UNKNOWN));
        }
        assertThat(fixture.builder().build().stats().writes())
                .as("of another one")
                .isZero();
    }

    @Test
    void countsAFailureOfPruning() {
        CacheSettings settings = new CacheSettings(
                Database.pool(), fixture.executor(), fixture.schema(), CacheFixture.PATIENT, Optional.empty());
        CacheCalls calls = new CacheCalls(settings);
        calls.close();
        Pruning pruning = new Pruning(calls, settings.counters());
        for (int writes = 0; writes < 100; writes++) {
            pruning.written();
        }
        assertThat(settings.counters().get(Count.FAILED_PRUNES)).isEqualTo(1);
    }

    @Test
    void prunesInOneSessionAtATime() throws SQLException {
        try (UsageCache cache = fixture.cache();
                Connection other = Database.pool().getConnection()) {
            for (String organisation : List.of("one", "another")) {
                UsageKey key = new UsageKey(organisation, KEY.period());
                await(cache.put(key, figure(key, 1), Duration.ofMinutes(2)));
            }
            fixture.elapse(Duration.ofMinutes(5));
            other.setAutoCommit(false);
            CacheSql.in(fixture.schema()).call(other, "prune").number("most", 1).update();
            prune();
            assertThat(fixture.rows()).as("while another session prunes").isEqualTo(2);
            other.rollback();
            other.setAutoCommit(true);
            prune();
            assertThat(fixture.rows()).isZero();
        }
    }

    @Test
    void keepsTheFenceOfALoadThatRenewsItsLease() {
        Duration minute = Duration.ofMinutes(1);
        try (FlightStore store = fixture.store()) {
            long fence = acquired(store, KEY, "token");
            for (int renewals = 0; renewals < 12; renewals++) {
                assertThat(await(store.renew(KEY, "token", minute))).isTrue();
                fixture.elapse(Duration.ofSeconds(55));
            }
            prune();
            assertThat(publish(store, KEY, "token", fence, 1)).isEqualTo(new Publication.Stored());
        }
    }
}
