package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static io.usagekit.redis.Redis.succeeds;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.servers.EmbeddedRedisServer;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Fixture: a server that a test kills, stops or restarts, calls of the cache meanwhile, and the captured log. */
abstract class RedisOutageFixture {

    /** Far longer than the default: a loaded machine that stalls a thread or the server must cause no outage. */
    static final Duration COMMAND_TIMEOUT = Duration.ofSeconds(2);

    static final Duration TIME_TO_LIVE = Duration.ofMinutes(10);

    /** Allowance for a loaded machine: less than fifty calls take one after the other, each until its timeout. */
    static final Duration SLACK = Duration.ofSeconds(30);

    EmbeddedRedisServer server;
    RedisClient client;
    CapturedLog log;

    @BeforeEach
    final void start() {
        server = EmbeddedRedisServer.start();
        client = RedisClient.create(server.url());
        log = new CapturedLog();
    }

    @AfterEach
    final void stop() {
        log.close();
        eventually("no thread is left", () -> connectThreads().isEmpty());
        client.shutdown();
        server.close();
    }

    UsageCache open() {
        return builder().build();
    }

    RedisUsage.Builder builder() {
        return RedisUsage.builder(client).commandTimeout(COMMAND_TIMEOUT).connectTimeout(Duration.ofSeconds(20));
    }

    void assertRecovers(UsageCache cache) {
        eventually("calls succeed", () -> succeeds(cache.get(key(1))));
        putAndFind(cache, 1);
    }

    void assertOneIncident() {
        assertThat(log.lines("WARN")).hasSize(1);
        assertThat(log.lines("INFO")).singleElement().asString().contains("Redis answers again");
    }

    /** Asserts that calls have failed when they return: they wait for nothing. */
    static void assertFiftyCallsFailAtOnce(UsageCache cache) {
        for (int i = 0; i < 50; i++) {
            CompletionStage<?> call = i % 2 == 0 ? cache.get(key(i)) : put(cache, i);
            assertThat(call.toCompletableFuture()).as("call %d", i).isCompletedExceptionally();
            assertThat(failure(call)).hasMessageContaining("Redis");
        }
    }

    static void fiftyCallsFail(UsageCache cache) {
        for (int i = 0; i < 50; i++) {
            UsageCacheException error = failure(i % 2 == 0 ? cache.get(key(i)) : put(cache, i));
            assertThat(error).hasMessageContaining("Redis");
        }
    }

    static void putAndFind(UsageCache cache, int i) {
        await(put(cache, i));
        Optional<AgedUsage> found = await(cache.get(key(i)));
        assertThat(found.map(AgedUsage::usage)).contains(figure(i));
    }

    static CompletionStage<Void> put(UsageCache cache, int i) {
        return cache.put(key(i), new AgedUsage(figure(i), Duration.ZERO), TIME_TO_LIVE);
    }

    static UsageKey key(int i) {
        return new UsageKey("org-" + i, UsagePeriod.month(YearMonth.of(2026, 3)));
    }

    static OrganisationUsage figure(int i) {
        return new OrganisationUsage(
                key(i), new UsageMetrics(i, i * 10L), UsageMetrics.ZERO, Instant.parse("2026-03-17T01:28:00Z"));
    }

    static List<String> connectThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter("usagekit-redis-connect"::equals)
                .toList();
    }

    /** Returns the number of connections to the server, except the one that reads it. */
    int connections() {
        int[] count = new int[1];
        Redis.with(
                client,
                redis -> count[0] = (int) redis.clientList()
                                .lines()
                                .filter(line -> !line.isBlank())
                                .count()
                        - 1);
        return count[0];
    }
}
