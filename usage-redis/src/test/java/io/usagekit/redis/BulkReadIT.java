package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageResults;
import io.usagekit.UsageService;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Many figures in one round trip, counted by the server. */
class BulkReadIT extends NearCacheFixture {

    private static List<UsageKey> keys(int count) {
        return IntStream.rangeClosed(1, count).mapToObj(NearCacheFixture::key).toList();
    }

    private static Optional<AgedUsage> found(Map<UsageKey, CompletionStage<Optional<AgedUsage>>> all, int i) {
        return await(Objects.requireNonNull(all.get(key(i)), "no stage"));
    }

    private static String entry(int i) {
        return new RedisKeys("usage").of(key(i));
    }

    private void writeEverySecond(int count) {
        for (int i = 2; i <= count; i += 2) {
            write(other, i, i);
        }
    }

    private static void assertEverySecond(Map<UsageKey, CompletionStage<Optional<AgedUsage>>> all, int count) {
        assertThat(all).hasSize(count);
        for (int i = 1; i <= count; i++) {
            long version = i;
            Optional<AgedUsage> found = found(all, i);
            assertThat(found.map(figure -> figure.usage().received().volume()))
                    .as("figure %s", i)
                    .isEqualTo(i % 2 == 0 ? Optional.of(version) : Optional.empty());
            assertThat(found.map(figure -> figure.usage().key()).orElse(key(i))).isEqualTo(key(i));
        }
    }

    private long commandsOf(Runnable calls) {
        Redis.with(otherClient, RedisCommands::configResetstat);
        calls.run();
        return Redis.calls(otherClient, "evalsha") + Redis.calls(otherClient, "eval");
    }

    @Test
    void readsHundredFiguresWithOneCommand() {
        writeEverySecond(100);
        try (UsageCache cache = Redis.patient(client)) {
            assertEverySecond(cache.getAll(keys(100)), 100); // loads the script
            assertThat(commandsOf(() -> assertEverySecond(cache.getAll(keys(100)), 100)))
                    .isEqualTo(1);
            assertThat(commandsOf(() -> cache.getAll(keys(2_500)).values().forEach(Redis::await)))
                    .as("a thousand with each")
                    .isEqualTo(3);
        }
    }

    @Test
    void unreadableEntryIsAbsentAmongTheOthers() {
        writeEverySecond(6);
        Redis.with(otherClient, redis -> {
            redis.set(entry(2), "garbage");
            redis.del(entry(4));
            redis.lpush(entry(4), "a list");
        });
        try (UsageCache cache = Redis.patient(client)) {
            Map<UsageKey, CompletionStage<Optional<AgedUsage>>> all = cache.getAll(keys(6));
            assertThat(found(all, 2)).isEmpty();
            assertThat(found(all, 4)).isEmpty();
            assertThat(found(all, 6)).isPresent();
            eventually("the garbage is deleted", () -> {
                List<String> left = new ArrayList<>();
                Redis.with(otherClient, redis -> left.addAll(redis.keys(entry(2))));
                return left.isEmpty();
            });
        }
    }

    @Test
    void everyStageFailsWithoutServer() {
        try (UsageCache cache = RedisUsage.builder(client)
                .commandTimeout(COMMAND_TIMEOUT)
                .connectTimeout(Duration.ofSeconds(20))
                .build()) {
            server.close();
            cache.getAll(keys(3)).values().forEach(stage -> failure(stage));
        }
    }

    @Test
    void nearCacheKeepsWhatItReadInBulk() {
        writeEverySecond(100);
        try (UsageCache cache = openNear()) {
            assertEverySecond(cache.getAll(keys(100)), 100);
            assertThat(commandsOf(() -> {
                        for (int i = 2; i <= 100; i += 2) {
                            assertThat(near(cache, i)).contains((long) i);
                        }
                        assertEverySecond(cache.getAll(keys(100)), 100);
                    }))
                    .as("one command for those that are absent")
                    .isEqualTo(1);
            write(other, 4, 44);
            eventually("the change is reported", () -> near(cache, 4).isEmpty());
            assertThat(found(cache.getAll(keys(5)), 4)
                            .map(figure -> figure.usage().received().volume()))
                    .contains(44L);
            assertThat(near(cache, 4)).contains(44L);
        }
    }

    @Test
    void nearCacheReadsOverOtherConnectionWithoutTracking() {
        writeEverySecond(10);
        try (UsageCache cache = openNear(HEARTBEAT, Duration.ofSeconds(30))) {
            killTracking();
            eventually("tracking is lost", () -> notifications.size() == 1);
            assertEverySecond(cache.getAll(keys(10)), 10);
            assertThat(near(cache, 2)).isEmpty();
            assertThat(fallback(cache, 2)).contains(2L);
        }
    }

    @Test
    void serviceReadsOnceWhatIsCached() {
        InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create();
        List<String> organisations =
                IntStream.rangeClosed(1, 100).mapToObj(i -> "bulk-" + i).toList();
        try (UsageService service =
                UsageService.builder(calculator).cache(Redis.patient(client)).build()) {
            UsageResults cold = service.getAll(organisations, key(1).period());
            assertThat(cold.failures()).isEmpty();
            assertThat(calculator.computations()).isEqualTo(100);
            assertThat(commandsOf(() -> assertThat(service.getAll(organisations, key(1).period())
                                    .results())
                            .hasSize(100)))
                    .isEqualTo(1);
            assertThat(calculator.computations()).isEqualTo(100);
        }
    }
}
