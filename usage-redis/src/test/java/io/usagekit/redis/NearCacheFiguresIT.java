package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Near cache without an outage: served figures, their ages, and their changes. */
class NearCacheFiguresIT extends NearCacheFixture {

    /** So long that what was read is valid until the test ends, whatever is stalled. */
    private static final Duration LONG_HEARTBEAT = Duration.ofMinutes(1);

    @Test
    void servesReadFigureWithoutRoundTrip() {
        write(other, 1, 7);
        try (UsageCache cache = openNear(LONG_HEARTBEAT, TrackingSupervisor.RETRY)) {
            assertThat(near(cache, 1)).as("before the first read").isEmpty();
            assertThat(get(cache, 1)).contains(7L);
            Redis.with(otherClient, RedisCommands::configResetstat);

            assertThat(near(cache, 1)).contains(7L);
            assertThat(get(cache, 1)).contains(7L);

            assertThat(Redis.calls(otherClient, "get")).isZero();
        }
    }

    @Test
    void sharesOneReadAmongConcurrentCalls() {
        write(other, 1, 7);
        try (StallingProxy proxy = new StallingProxy(server.url())) {
            RedisClient own = RedisClient.create(proxy.url());
            try (UsageCache cache = openNear(own, entries(), Duration.ofMinutes(1), TrackingSupervisor.RETRY)) {
                get(cache, 2);
                Redis.with(otherClient, RedisCommands::configResetstat);
                proxy.hold(2);
                List<CompletionStage<?>> calls = new ArrayList<>();
                IntStream.range(0, 20).forEach(i -> calls.add(cache.get(key(1))));
                proxy.release();
                calls.forEach(Redis::await);
                assertThat(Redis.calls(otherClient, "get")).isEqualTo(1);
            } finally {
                own.shutdown();
            }
        }
    }

    @Test
    void labelsFigureAsRequested() {
        write(other, 1, 7);
        UsageKey asMonth = key(1);
        UsageKey asWindow = new UsageKey(
                asMonth.organisationId(),
                UsagePeriod.between(asMonth.period().start(), asMonth.period().end()));
        try (UsageCache cache = openNear(LONG_HEARTBEAT, TrackingSupervisor.RETRY)) {
            load(cache, 1);
            for (UsageKey key : List.of(asMonth, asWindow)) {
                String label = key.period().label();
                assertThat(cache.near(key).orElseThrow().usage().period().label())
                        .isEqualTo(label);
                assertThat(cache.fallback(key).orElseThrow().usage().period().label())
                        .isEqualTo(label);
                assertThat(await(cache.get(key)).orElseThrow().usage().period().label())
                        .isEqualTo(label);
            }
        }
    }

    @Test
    void increasesAgeInMemory() {
        AgedUsage figure = new AgedUsage(figure(1), Duration.ofSeconds(5));
        await(other.put(key(1), figure, TIME_TO_LIVE));
        try (UsageCache cache = openNear()) {
            load(cache, 1);
            elapse(Duration.ofMinutes(2));
            List<AgedUsage> near = new ArrayList<>();
            eventually("the validity is renewed", () -> {
                cache.near(key(1)).ifPresent(near::add);
                return !near.isEmpty();
            });
            assertThat(near.get(0).age()).isBetween(Duration.ofSeconds(125), Duration.ofMinutes(4));
        }
    }

    @Test
    void servesNoExpiredFigureWithoutInvalidationMessage() {
        write(other, 1, 7);
        write(other, 2, 7);
        await(other.put(key(1), version(1, 7), Duration.ofMinutes(5)));
        try (UsageCache cache = openNear()) {
            load(cache, 1);
            load(cache, 2);
            elapse(Duration.ofMinutes(5));
            eventually("the other figure is served", () -> cache.near(key(2)).isPresent());
            assertThat(near(cache, 1)).isEmpty();
            assertThat(fallback(cache, 1)).isEmpty();
        }
    }

    @Test
    void servesChangesOfAnotherProcess() {
        write(other, 1, 1);
        try (UsageCache cache = openNear()) {
            for (long version = 1; version <= 20; version++) {
                load(cache, 1);
                long next = version + 1;
                write(other, 1, next);
                eventually(
                        "the new version is served",
                        () -> get(cache, 1).filter(found -> found == next).isPresent());
            }
            load(cache, 1);
            await(other.invalidate(key(1)));
            eventually("the figure is removed", () -> near(cache, 1).isEmpty());
            assertThat(fallback(cache, 1)).isEmpty();
            assertThat(get(cache, 1)).isEmpty();
        }
    }

    @Test
    void servesChangesOfAnotherNearCache() {
        try (UsageCache one = openNear();
                UsageCache two = openNear()) {
            for (long version = 1; version <= 20; version++) {
                UsageCache writer = version % 2 == 0 ? one : two;
                UsageCache reader = version % 2 == 0 ? two : one;
                long expected = version;
                write(writer, 1, version);
                assertThat(get(writer, 1)).contains(version);
                eventually(
                        "the change is served",
                        () -> get(reader, 1).filter(found -> found == expected).isPresent());
                load(reader, 1);
                load(writer, 1);
            }
            await(one.invalidate(key(1)));
            assertThat(near(one, 1)).isEmpty();
            eventually("the figure is removed", () -> near(two, 1).isEmpty());
        }
    }

    @Test
    void servesOwnChangesAtOnceWithoutInvalidationMessages() {
        write(other, 1, 1);
        write(other, 2, 1);
        try (StallingProxy proxy = new StallingProxy(server.url())) {
            RedisClient own = RedisClient.create(proxy.url());
            try (UsageCache cache = openNear(own, entries(), Duration.ofMinutes(1), TrackingSupervisor.RETRY)) {
                assertThat(proxy.connections()).isEqualTo(2);
                load(cache, 1);
                load(cache, 2);
                proxy.hold(2);

                write(cache, 1, 2);
                await(cache.invalidate(key(2)));

                assertThat(near(cache, 1)).isEmpty();
                assertThat(fallback(cache, 1)).isEmpty();
                assertThat(near(cache, 2)).isEmpty();
                assertThat(fallback(cache, 2)).isEmpty();
                proxy.release();
                assertThat(get(cache, 1)).contains(2L);
                assertThat(get(cache, 2)).isEmpty();
            } finally {
                own.shutdown();
            }
        }
    }

    @Test
    void servesNothingAfterFlush() {
        try (UsageCache cache = openNear()) {
            for (int i = 0; i < 50; i++) {
                write(other, i, 1);
                load(cache, i);
            }
            Redis.with(otherClient, RedisCommands::flushall);
            eventually(
                    "all figures are removed",
                    () -> IntStream.range(0, 50)
                            .allMatch(i -> near(cache, i).isEmpty()
                                    && fallback(cache, i).isEmpty()));
            assertThat(get(cache, 1)).isEmpty();
        }
    }

    @Test
    void holdsAtMostMaximumSize() {
        try (UsageCache cache = builder().nearMaximumSize(100).buildNearCache()) {
            for (int i = 0; i < 1_000; i++) {
                write(other, i, 1);
                get(cache, i);
            }
            eventually(
                    "the other figures are evicted",
                    () -> IntStream.range(0, 1_000)
                                    .filter(i -> fallback(cache, i).isPresent())
                                    .count()
                            <= 100);
            assertThat(IntStream.range(0, 1_000).filter(i -> near(cache, i).isPresent()))
                    .isNotEmpty();
        }
    }

    @Test
    void keepsNoMissingOrUnreadableEntry() {
        try (UsageCache cache = openNear()) {
            assertThat(get(cache, 1)).isEmpty();
            AtomicInteger unreadable = new AtomicInteger();
            cache.observe(new UsageListener() {
                @Override
                public void entryUnreadable(UsageKey key) {
                    unreadable.incrementAndGet();
                }
            });
            Redis.with(otherClient, redis -> redis.set("usage:org-1:2026-03", "foreign"));
            assertThat(get(cache, 1)).isEmpty();
            assertThat(near(cache, 1)).isEmpty();
            assertThat(unreadable).hasValue(1);
            write(other, 1, 7);
            load(cache, 1);
        }
    }

    // Fallback copies

    @Test
    void returnsFallbackCopyNeitherFromNearNorFromGet() {
        try (UsageCache cache = openNear()) {
            cache.putFallback(key(1), version(1, 7), TIME_TO_LIVE);
            assertThat(near(cache, 1)).isEmpty();
            assertThat(fallback(cache, 1)).contains(7L);

            assertThat(get(cache, 1)).as("Redis has no figure").isEmpty();
            assertThat(fallback(cache, 1))
                    .as("Redis has none because the figure couldn't be stored")
                    .contains(7L);
            await(cache.invalidate(key(1)));
            assertThat(fallback(cache, 1)).isEmpty();

            cache.putFallback(key(1), version(1, 8), TIME_TO_LIVE);
            elapse(TIME_TO_LIVE);
            assertThat(fallback(cache, 1)).as("at its expiry").isEmpty();

            cache.putFallback(key(1), version(1, 9), Duration.ofSeconds(Long.MAX_VALUE));
            assertThat(fallback(cache, 1)).contains(9L);
        }
    }

    @Test
    void removesCopyOfStoredFigureWhenRedisHasNone() {
        try (UsageCache cache = openNear()) {
            write(other, 1, 1);
            load(cache, 1);
            write(other, 1, 2);
            eventually("the invalidation message arrives", () -> near(cache, 1).isEmpty());
            get(cache, 1);
            await(other.invalidate(key(1)));
            eventually("the figure is removed", () -> get(cache, 1).isEmpty());
            assertThat(fallback(cache, 1)).isEmpty();
        }
    }

    @Test
    void keepsFigureThatCouldNotBeStoredUntilRedisHasYoungerOne() {
        Duration older = Duration.ofMinutes(2);
        Duration younger = Duration.ofMinutes(1);
        try (UsageCache cache = openNear()) {
            cache.putFallback(key(1), new AgedUsage(version(1, 2).usage(), younger), TIME_TO_LIVE);
            await(other.put(key(1), new AgedUsage(version(1, 1).usage(), older), TIME_TO_LIVE));
            assertThat(get(cache, 1)).contains(1L);
            assertThat(fallback(cache, 1)).contains(2L);
            assertThat(near(cache, 1)).as("a copy that no other process has").isEmpty();

            write(other, 1, 3);
            load(cache, 1); // a message for the read before may remove the first load
            assertThat(fallback(cache, 1)).contains(3L);
        }
    }

    @Test
    void keepsFallbackCopyWhenPutFails() {
        try (UsageCache cache = openNear()) {
            write(cache, 1, 1);
            load(cache, 1);
            Redis.with(otherClient, redis -> redis.configSet("maxmemory", "1"));
            failure(cache.put(key(1), version(1, 2), TIME_TO_LIVE));
            assertThat(fallback(cache, 1)).contains(2L);
            assertThat(near(cache, 1)).isEmpty();
            Redis.with(otherClient, redis -> redis.configSet("maxmemory", "0"));
        }
    }

    @Test
    void removesFallbackCopyWhenInvalidationFails() {
        write(other, 1, 1);
        try (UsageCache cache = openNear()) {
            load(cache, 1);
            load(cache, 1);
            cache.putFallback(key(2), version(2, 1), TIME_TO_LIVE);
            cache.putFallback(key(3), version(3, 1), TIME_TO_LIVE);
            server.kill();
            failure(cache.invalidate(key(1)));
            failure(cache.invalidate("org-2"));
            assertThat(fallback(cache, 1)).isEmpty();
            assertThat(fallback(cache, 2)).isEmpty();
            assertThat(fallback(cache, 3)).as("of another organisation").contains(1L);
        }
    }

    private void elapse(Duration duration) {
        elapsed.addAndGet(duration.toNanos());
    }
}
