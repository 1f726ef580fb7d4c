package io.usagekit.redis;

import static io.usagekit.redis.Redis.took;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import io.usagekit.redis.internal.Connector;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.testkit.FaultyProxy;
import java.net.URI;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Closing while Redis is reachable and silent, or while the client's own threads are held up. */
class RedisCloseIT {

    /** A command's timeout, and the limits of the connections, two of the near cache and two of the single-flight; and a loaded machine. */
    private static final Duration BOUND = Connector.CLOSE_LIMIT.multipliedBy(2).plusSeconds(26);

    private static final UsageKey KEY = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));

    private final EmbeddedRedisServer server = EmbeddedRedisServer.start();
    private final URI url = URI.create(server.url());
    private final FaultyProxy proxy = FaultyProxy.to(url.getHost(), url.getPort());
    private final RedisClient client = RedisClient.create("redis://" + proxy.host() + ":" + proxy.port());

    @AfterEach
    void end() {
        proxy.close();
        client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        server.close();
    }

    /** Closes in a thread of its own: without a limit it would last as long as what holds it up. */
    private static Duration closing(Runnable close) throws Exception {
        return CompletableFuture.supplyAsync(() -> took(close)).get(60, TimeUnit.SECONDS);
    }

    @Test
    void closesCachesAndSingleFlightWithinTheirBound() throws Exception {
        UsageCache plain = RedisUsage.builder(client).build();
        UsageCache near = RedisUsage.builder(client).buildNearCache();
        SingleFlight flight = RedisUsage.builder(client).buildSingleFlight();
        proxy.freeze();
        CompletionStage<?> first = plain.get(KEY);
        CompletionStage<?> second = near.get(KEY);
        assertThat(closing(plain::close)).as("cache").isLessThan(BOUND);
        assertThat(closing(near::close)).as("near cache").isLessThan(BOUND);
        assertThat(closing(flight::close)).as("single-flight").isLessThan(BOUND);
        Redis.failure(first);
        Redis.failure(second);
    }

    /** The client tries for a minute to connect to a server that doesn't answer. */
    @Test
    void waitsForAnAttemptToTrackNoLongerThanForACommand() throws Exception {
        UsageCache near = RedisUsage.builder(client)
                .commandTimeout(Duration.ofMillis(300))
                .heartbeat(Duration.ofMillis(100))
                .buildNearCache();
        CountDownLatch lost = new CountDownLatch(1);
        near.observe(new UsageListener() {
            @Override
            public void trackingLost(String reason) {
                lost.countDown();
            }
        });
        long attempts = attempts();
        proxy.freeze();
        assertThat(lost.await(30, TimeUnit.SECONDS)).as("tracking is lost").isTrue();
        while (attempts() <= attempts) {
            Thread.onSpinWait();
        }

        assertThat(closing(near::close)).isBetween(Duration.ofMillis(300), BOUND);
    }

    private static long attempts() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("usagekit-redis-connect"))
                .count();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void waitsForTheClientsThreadsNoLongerThanTheLimitOfAConnection(boolean isNear) throws Exception {
        RedisUsage.Builder builder = RedisUsage.builder(client).commandTimeout(Duration.ofSeconds(30));
        UsageCache cache = isNear ? builder.buildNearCache() : builder.build();
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        proxy.freezeResponses(); // until the stage has what holds the client's thread up
        var unused = cache.get(KEY).thenRun(() -> {
            held.countDown();
            await(release);
        });
        proxy.pass();
        assertThat(held.await(30, TimeUnit.SECONDS)).as("a thread is held up").isTrue();
        try (CapturedLog log = new CapturedLog()) {
            assertThat(closing(cache::close)).isBetween(Connector.CLOSE_LIMIT, BOUND);
            assertThat(log.lines("WARN"))
                    .isNotEmpty()
                    .allSatisfy(line -> assertThat(line)
                            .contains("a connection to Redis wasn't closed within PT2S, and is left to its client"));
        } finally {
            release.countDown();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
