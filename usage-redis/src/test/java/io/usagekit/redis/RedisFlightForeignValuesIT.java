package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.SetArgs;
import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.YearMonth;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Values that somebody else has written in the place of the flight store's own. */
class RedisFlightForeignValuesIT extends RedisFlightFixture {

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
}
