package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.SlotHash;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.Publication;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Keys and values of the flight store in Redis. */
class RedisFlightIT extends RedisFlightFixture {

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
}
