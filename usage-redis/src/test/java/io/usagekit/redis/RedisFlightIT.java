package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.lettuce.core.SetArgs;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.SlotHash;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.servers.RedisServer;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Keys of the flight store in Redis, and foreign values in their place. */
class RedisFlightIT {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final String ENTRY = "usage:org-123:2026-03";
    private static final String LOCK = "usage:lock:{usage:org-123:2026-03}";
    private static final String FENCES = "usage:fence:{usage:org-123:2026-03}";
    private static final String INDEX = "usage:index:{org-123}";
    private static final Duration LEASE = Duration.ofSeconds(30);
    private static final Duration TIME_TO_LIVE = Duration.ofMinutes(10);
    private static final Duration ANY_AGE = Duration.ofDays(1);

    private static RedisServer server;
    private static RedisClient client;
    private FlightStore store;

    @BeforeAll
    static void start() {
        server = RedisServer.start();
        client = RedisClient.create(server.url());
    }

    @AfterAll
    static void stop() {
        client.shutdown();
        server.close();
    }

    @BeforeEach
    void open() {
        store = Redis.emptiedStore(client);
    }

    @AfterEach
    void close() {
        store.close();
    }

    @Test
    void storesDocumentedKeysAndValues() {
        long fence = acquired("token-1");
        Redis.with(client, redis -> {
            assertThat(redis.keys("*")).containsExactlyInAnyOrder(LOCK, FENCES, INDEX);
            assertThat(redis.get(LOCK)).isEqualTo("held " + fence + " token-1");
            assertThat(redis.pttl(LOCK)).isBetween(1L, LEASE.toMillis());
            assertThat(redis.hgetall(FENCES)).isEqualTo(Map.of("issued", "" + fence));
            assertThat(redis.pttl(FENCES)).isBetween(500_000L, 600_000L);
            assertThat(redis.zrange(INDEX, 0, -1)).containsExactly("2026-03");
        });

        publish("token-1", fence, 1);
        Redis.with(client, redis -> {
            assertThat(redis.keys("*")).containsExactlyInAnyOrder(ENTRY, FENCES, INDEX);
            assertThat(redis.hgetall(FENCES)).isEqualTo(Map.of("issued", "" + fence, "published", "" + fence));
            assertThat(redis.get(ENTRY).length()).as("octets of an entry").isLessThanOrEqualTo(128);
        });

        long failed = acquired("token-2");
        await(store.fail(KEY, "token-2", "no database", LEASE));
        Redis.with(client, redis -> assertThat(redis.get(LOCK)).isEqualTo("failed " + failed + " no database"));

        await(store.invalidate(KEY));
        Redis.with(client, redis -> {
            assertThat(redis.keys("*")).containsExactlyInAnyOrder(FENCES, INDEX);
            String unused = redis.hget(FENCES, "issued");
            assertThat(Long.parseLong(unused)).isGreaterThan(failed);
            assertThat(redis.hgetall(FENCES)).isEqualTo(Map.of("issued", unused, "invalidated", unused));
        });
    }

    @Test
    void setsExpiryOnEveryKey() {
        publish("token", acquired("token"), 1);
        acquired("token");
        await(store.renew(KEY, "token", LEASE));
        Redis.with(
                client,
                redis -> assertThat(redis.keys("*"))
                        .hasSize(4)
                        .allSatisfy(key -> assertThat(redis.pttl(key)).as(key).isPositive()));
    }

    @Test
    void keepsFencesForTenLeasesAndAtLeastTenMinutes() {
        acquired("token");
        assertFencesAreRememberedFor(Duration.ofMinutes(10));
        await(store.renew(KEY, "token", Duration.ofMinutes(5)));
        assertFencesAreRememberedFor(Duration.ofMinutes(50));
        await(store.renew(KEY, "token", LEASE));
        assertFencesAreRememberedFor(Duration.ofMinutes(50));
    }

    private static void assertFencesAreRememberedFor(Duration expected) {
        Redis.with(
                client,
                redis -> assertThat(redis.pttl(FENCES))
                        .isBetween(expected.minusMinutes(1).toMillis(), expected.toMillis()));
    }

    @Test
    void putsAllKeysOfEntryIntoOneHashSlot() {
        RedisKeys keys = new RedisKeys("usage");
        for (String organisation : List.of("org-123", "{org}", "}{", "{}", "a{b", "日本", "index", "lock")) {
            for (UsagePeriod period :
                    List.of(KEY.period(), UsagePeriod.between(Instant.EPOCH, Instant.EPOCH.plusSeconds(90)))) {
                String entry = keys.of(new UsageKey(organisation, period));
                assertThat(keys.all(entry))
                        .extracting(SlotHash::getSlot)
                        .as(entry)
                        .containsOnly(SlotHash.getSlot(entry));
                assertThat(entry).doesNotContain("{");
            }
        }
        assertThat(keys.all(ENTRY)).containsExactly(ENTRY, LOCK, FENCES);
        assertThat(keys.index("org-123")).isEqualTo(INDEX);
    }

    @Test
    void trimsIndexAndExpiresItWithLastEntry() {
        UsageKey soon = new UsageKey("org-123", UsagePeriod.day(LocalDate.of(2026, 3, 1)));
        try (UsageCache cache = Redis.patient(client)) {
            await(cache.put(soon, aged(soon, 1), Duration.ofMinutes(1)));
            await(cache.put(KEY, aged(KEY, 1), Duration.ofMinutes(20)));
            Redis.elapse(client, Duration.ofMinutes(10));
            await(cache.put(KEY, aged(KEY, 2), Duration.ofMinutes(1)));
            Redis.with(client, redis -> {
                assertThat(redis.zrange(INDEX, 0, -1)).containsExactly("2026-03");
                assertThat(redis.pttl(INDEX)).as("the longest remaining time").isBetween(600_000L, 660_000L);
            });
            Redis.elapse(client, Duration.ofMinutes(11));
            Redis.with(client, redis -> assertThat(redis.exists(INDEX)).isZero());
        }
    }

    @Test
    void sendsScriptsOnlyWhenServerLacksThem() {
        for (int times = 0; times < 3; times++) {
            publish("token", acquired("token"), times);
            acquired("token");
            await(store.renew(KEY, "token", LEASE));
            await(store.fail(KEY, "token", "reason", LEASE));
            await(store.invalidate("org-123"));
            if (times == 0) {
                Redis.with(client, RedisCommands::configResetstat);
            } else if (times == 1) {
                assertThat(Redis.calls(client, "eval")).isZero();
                Redis.with(client, RedisCommands::scriptFlush);
            }
        }
        assertThat(Redis.calls(client, "eval")).isPositive();
    }

    /** A lock that was set by hand, or by a process with other bounds. */
    @Test
    void boundsALockByTheLongestLease() {
        for (String lock : List.of("held 7 another", "failed 7 reason")) {
            Redis.with(client, redis -> redis.set(LOCK, lock, SetArgs.Builder.px(Duration.ofDays(30))));

            Acquisition acquisition = acquire("token", Duration.ZERO);

            Duration remaining = acquisition instanceof Acquisition.Held held
                    ? held.remaining()
                    : ((Acquisition.Failed) acquisition).remaining();
            assertThat(remaining).as(lock).isLessThanOrEqualTo(Duration.ofMinutes(1));
            Redis.with(client, redis -> assertThat(redis.pttl(LOCK)).as(lock).isBetween(1L, 60_000L));
        }
        Redis.elapse(client, Duration.ofMinutes(1));
        acquired("token");
    }

    @Test
    void rejectsOldFencesAfterFlush() {
        long old = acquired("old");
        Redis.with(client, RedisCommands::flushall);
        assertThat(publish("old", old, 1)).isEqualTo(new Publication.Invalidated());
        assertThat(await(store.renew(KEY, "old", LEASE))).isFalse();

        long next = acquired("next");

        assertThat(next).isGreaterThan(old);
        assertThat(publish("old", old, 1)).isEqualTo(new Publication.LeaseLost(next));
        assertThat(publish("next", next, 2)).isEqualTo(new Publication.Stored());
        assertThat(publish("old", old, 1)).isInstanceOf(Publication.Superseded.class);
    }

    @Test
    void releasesLeaseWhenPublicationIsRejectedForLostFences() {
        long fence = acquired("token");
        Redis.with(client, redis -> redis.del(FENCES));
        assertThat(publish("token", fence, 1)).isEqualTo(new Publication.Invalidated());
        assertThat(acquired("next")).isGreaterThan(fence);
    }

    @Test
    void issuesNewFenceToSameTokenWhenFencesAreLost() {
        long fence = acquired("token");
        Redis.with(client, redis -> redis.del(FENCES));
        long next = acquired("token");
        assertThat(next).isGreaterThan(fence);
        assertThat(publish("token", next, 1)).isEqualTo(new Publication.Stored());
    }

    @Test
    void issuesGrowingFencesWhenClockIsSetBack() {
        acquired("token");
        long ahead = 8_000_000_000_000_000L;
        Redis.with(client, redis -> {
            redis.hset(FENCES, "issued", Long.toString(ahead));
            redis.del(LOCK);
        });
        assertThat(acquired("next")).isEqualTo(ahead + 1);
        await(store.invalidate(KEY));
        assertThat(acquired("next")).isEqualTo(ahead + 3);
    }

    @Test
    void keepsLaterLeaseOfTokenWhenPublicationIsRepeated() {
        long first = acquired("token");
        assertThat(publish("token", first, 1)).isEqualTo(new Publication.Stored());
        long second = acquired("token");
        publish("token", first, 1);
        assertThat(acquire("other", Duration.ZERO))
                .isInstanceOfSatisfying(
                        Acquisition.Held.class, held -> assertThat(held.fence()).isEqualTo(second));
    }

    @Test
    void indexesLoadBeforeItComputesAndWithEachRenewal() {
        acquired("token");
        Redis.with(client, redis -> {
            assertThat(redis.zrange(INDEX, 0, -1)).containsExactly("2026-03");
            redis.del(INDEX);
        });
        assertThat(await(store.renew(KEY, "token", LEASE))).isTrue();
        Redis.with(client, redis -> assertThat(redis.zrange(INDEX, 0, -1)).containsExactly("2026-03"));
    }

    @Test
    void treatsOtherTypesAtEntryAsMissing() {
        for (BiConsumer<RedisCommands<String, String>, String> intruder : intruders()) {
            intrude(ENTRY, intruder);
            long fence = acquired("token");
            assertThat(publish("token", fence - 1, 1)).isEqualTo(new Publication.LeaseLost(fence));
            assertThat(publish("token", fence, 1)).isEqualTo(new Publication.Stored());
            assertThat(acquire("other", ANY_AGE)).isInstanceOf(Acquisition.Found.class);
        }
    }

    @Test
    void overwritesForeignValueAtLock() {
        for (BiConsumer<RedisCommands<String, String>, String> intruder : intruders()) {
            intrude(LOCK, intruder);
            assertThat(await(store.renew(KEY, "token", LEASE))).isFalse();
            await(store.release(KEY, "token"));
            await(store.fail(KEY, "token", "reason", LEASE));
            long fence = acquired("token");
            intrude(LOCK, intruder);
            assertThat(publish("token", fence, 1)).isEqualTo(new Publication.Stored());
            await(store.invalidate(KEY));
            Redis.with(client, redis -> assertThat(redis.exists(LOCK)).isZero());
        }
    }

    @Test
    void overwritesForeignValueAtFences() {
        for (BiConsumer<RedisCommands<String, String>, String> intruder : intruders()) {
            intrude(FENCES, intruder);
            assertThat(publish("token", 7, 1)).isEqualTo(new Publication.Invalidated());
            await(store.invalidate(KEY));
            long fence = acquired("token");
            await(store.renew(KEY, "token", LEASE));
            assertThat(publish("token", fence, 1)).isEqualTo(new Publication.Stored());
            await(store.invalidate(KEY));
        }
    }

    /** Periods that the index held before can't be found any more: an invalidation that missed them must not succeed. */
    @Test
    void failsWhenForeignValueReplacesIndex() {
        UsageKey april = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 4)));
        LeaseRequest request = new LeaseRequest("other", LEASE, Duration.ZERO, OptionalLong.empty());
        publish("token", acquired("token"), 1);
        for (BiConsumer<RedisCommands<String, String>, String> intruder : intruders()) {
            intrude(INDEX, intruder);
            assertThat(Redis.failure(store.invalidate("org-123")))
                    .hasMessageContaining(INDEX)
                    .hasMessageContaining("usage:org-123:");
            assertThat(Redis.failure(store.acquire(april, request)))
                    .as("another period in its place would hide that")
                    .hasMessageContaining(INDEX);
            Redis.with(client, redis -> assertThat(redis.type(INDEX)).isNotEqualTo("zset"));
        }
        await(store.invalidate(KEY));
        Redis.with(client, redis -> {
            assertThat(redis.exists(ENTRY)).as("the one period is invalidated").isZero();
            redis.del(INDEX);
        });
        await(store.invalidate("org-123"));
        acquired("token");
    }

    private static List<BiConsumer<RedisCommands<String, String>, String>> intruders() {
        return List.of(
                (redis, key) -> redis.set(key, "foreign"),
                (redis, key) -> redis.set(key, "foreign", SetArgs.Builder.px(60_000)),
                (redis, key) -> redis.set(key, "held 7 without a limit"),
                (redis, key) -> redis.rpush(key, "foreign"),
                (redis, key) -> redis.hset(key, "issued", "foreign"),
                (redis, key) -> redis.sadd(key, "foreign"),
                (redis, key) -> redis.xadd(key, Map.of("foreign", "foreign")));
    }

    private static void intrude(String key, BiConsumer<RedisCommands<String, String>, String> intruder) {
        Redis.with(client, redis -> {
            redis.del(key);
            intruder.accept(redis, key);
        });
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "v0 received=1/2 sent=3/4 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=1/2 sent=3/4 computed=2026-03-17T01:28:00Z life=600",
                "v1 received=007/2 sent=3/4 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=1/2 sent=3/4 computed=2026-03-17T01:28:61Z life=600000",
                "v1 received=99999999999999999999/2 sent=3/4 computed=2026-03-17T01:28:00Z life=600000",
                "v2 usage:org-9:2026-03 1/2 3/4 2026-03-17T01:28:00Z 600000",
            })
    void ignoresUnreadableEntryOnAcquireAndPublish(String text) {
        Redis.with(client, redis -> redis.set(ENTRY, text, SetArgs.Builder.px(540_000)));
        long fence = acquired("token", ANY_AGE);
        Redis.with(client, redis -> redis.set(ENTRY, text, SetArgs.Builder.px(540_000)));
        AgedUsage old = new AgedUsage(figure(KEY, 1), Duration.ofHours(1));
        assertThat(await(store.publish(KEY, "zombie", fence - 1, old, TIME_TO_LIVE)))
                .isEqualTo(new Publication.LeaseLost(fence));
        assertThat(publish("token", fence, 1)).isEqualTo(new Publication.Stored());
    }

    @Test
    void acquiresLeaseWhereEntryWasRenamedFromAnother() {
        assertThat(publish("token", acquired("token"), 1)).isEqualTo(new Publication.Stored());
        Redis.with(client, redis -> redis.rename(ENTRY, "usage:org-9:2026-03"));
        UsageKey other = new UsageKey("org-9", KEY.period());
        FlightStore.LeaseRequest request = new FlightStore.LeaseRequest("other", LEASE, ANY_AGE, OptionalLong.empty());
        assertThat(await(store.acquire(other, request))).isInstanceOf(Acquisition.Acquired.class);
        Redis.with(
                client,
                redis -> assertThat(redis.exists("usage:org-9:2026-03"))
                        .as("the script has seen whose figure it is: it wasn't read, found unreadable and deleted")
                        .isOne());
    }

    @Test
    void keepsUnusualTokensAndReasons() {
        String odd = "held 7 \n\r\0 'é😀' %d $1 {x}";
        long fence = acquired(odd);
        assertThat(acquired(odd)).isEqualTo(fence);
        assertThat(acquire("other", Duration.ZERO)).isInstanceOf(Acquisition.Held.class);
        assertThat(await(store.renew(KEY, odd, LEASE))).isTrue();
        await(store.fail(KEY, odd, odd, LEASE));
        assertThat(acquire("other", Duration.ZERO))
                .isInstanceOfSatisfying(
                        Acquisition.Failed.class,
                        failed -> assertThat(failed.reason()).isEqualTo(odd));
    }

    @Test
    void shortensReasonAtCharacterBoundary() {
        acquired("token");
        await(store.fail(KEY, "token", "x" + "😀".repeat(150), LEASE));
        assertThat(acquire("other", Duration.ZERO))
                .isInstanceOfSatisfying(
                        Acquisition.Failed.class,
                        failed -> assertThat(failed.reason()).isEqualTo("x" + "😀".repeat(99)));
    }

    @Test
    void invalidatesOrganisationWithManyPeriods() {
        LocalDate first = LocalDate.of(2025, 1, 1);
        try (UsageCache cache = Redis.patient(client)) {
            for (int day = 0; day < 250; day++) {
                UsageKey key = new UsageKey("org-123", UsagePeriod.day(first.plusDays(day)));
                await(cache.put(key, aged(key, day), TIME_TO_LIVE));
            }
            await(cache.invalidate("org-123"));
            Redis.with(client, redis -> assertThat(redis.keys("*")).containsExactly(INDEX));
        }
    }

    private Acquisition acquire(String token, Duration acceptableAge) {
        return await(store.acquire(KEY, new LeaseRequest(token, LEASE, acceptableAge, OptionalLong.empty())));
    }

    private long acquired(String token) {
        return acquired(token, Duration.ZERO);
    }

    private long acquired(String token, Duration acceptableAge) {
        Acquisition acquisition = acquire(token, acceptableAge);
        assertThat(acquisition).isInstanceOf(Acquisition.Acquired.class);
        return ((Acquisition.Acquired) acquisition).fence();
    }

    private Publication publish(String token, long fence, long volume) {
        return await(store.publish(KEY, token, fence, aged(KEY, volume), TIME_TO_LIVE));
    }

    private static AgedUsage aged(UsageKey key, long volume) {
        return new AgedUsage(figure(key, volume), Duration.ZERO);
    }

    private static OrganisationUsage figure(UsageKey key, long volume) {
        return new OrganisationUsage(
                key, new UsageMetrics(volume, volume), UsageMetrics.ZERO, Instant.parse("2026-03-17T01:28:00.123456Z"));
    }
}
