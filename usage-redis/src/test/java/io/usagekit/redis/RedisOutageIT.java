package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.Redis.took;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.usagekit.UsageCache;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A server that is away or dies, and a cache that is closed: calls fail at once, and it recovers by itself. */
class RedisOutageIT extends RedisOutageFixture {

    // Away from the start

    @Test
    void builtWithoutRedisItFailsAtOnceAndRecoversWhenRedisComes() {
        server.kill();
        List<UsageCache> built = new ArrayList<>();
        assertThat(took(() -> built.add(RedisUsage.builder(client)
                        .commandTimeout(COMMAND_TIMEOUT)
                        .connectTimeout(Duration.ofSeconds(5))
                        .build())))
                .as("a refused connection is an answer: nothing to wait for")
                .isLessThan(Duration.ofSeconds(3));
        try (UsageCache cache = built.get(0)) {
            assertFiftyCallsFailAtOnce(cache);

            server.restart();

            assertRecovers(cache);
        }
        assertOneIncident();
    }

    @Test
    void builtWhileRedisHangsItFailsAtOnceAndRecovers() {
        try (StoppedServer hang = StoppedServer.of(client)) {
            List<UsageCache> built = new ArrayList<>();
            Duration connectTimeout = Duration.ofMillis(300);
            assertThat(took(() -> built.add(RedisUsage.builder(client)
                            .commandTimeout(COMMAND_TIMEOUT)
                            .connectTimeout(connectTimeout)
                            .build())))
                    .isBetween(connectTimeout, connectTimeout.plus(SLACK));
            try (UsageCache cache = built.get(0)) {
                assertThat(log.lines("WARN")).singleElement().asString().contains("no connection within PT0.3S");
                assertFiftyCallsFailAtOnce(cache);
                assertThat(connectThreads()).as("one attempt at a time").hasSize(1);

                hang.end();

                assertRecovers(cache);
            }
        }
        assertOneIncident();
    }

    @Test
    void whileNobodyAnswersThereIsOneAttemptASecondAtMost() throws Exception {
        try (ServerSocket refusing = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                RejectingServer visitors = new RejectingServer(refusing)) {
            RedisClient own = RedisClient.create("redis://127.0.0.1:" + refusing.getLocalPort());
            long began = System.nanoTime();
            try (UsageCache cache = RedisUsage.cache(own)) {
                eventually("three attempts", () -> {
                    assertThat(succeeds(cache.get(key(1)))).isFalse();
                    return visitors.count() >= 3;
                });
            } finally {
                eventually("the last attempt is over", () -> connectThreads().isEmpty());
                own.shutdown();
            }
            assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofSeconds(2));
        }
    }

    // Killed

    @Test
    void killedWhileConnectedItFailsFastAndAnswersAgainAfterTheRestart() {
        try (UsageCache cache = open()) {
            putAndFind(cache, 1);

            server.kill();
            assertThat(took(() -> fiftyCallsFail(cache))).isLessThan(SLACK);
            server.restart();

            assertRecovers(cache);
        }
        assertOneIncident();
    }

    @Test
    void withoutAConnectionNoCallWaitsForItsTimeout() {
        try (UsageCache cache = builder().commandTimeout(Duration.ofSeconds(20)).build()) {
            putAndFind(cache, 1);
            server.kill();
            eventually(
                    "the client has noticed",
                    () -> cache.get(key(1)).toCompletableFuture().isCompletedExceptionally());
            assertFiftyCallsFailAtOnce(cache);
        }
    }

    @Test
    void aHostThatDoesNotReconnectGetsANewConnection() {
        client.setOptions(ClientOptions.builder().autoReconnect(false).build());
        try (UsageCache cache = open()) {
            for (int times = 0; times < 2; times++) {
                putAndFind(cache, 1);
                server.kill();
                fiftyCallsFail(cache);
                server.restart();
                assertRecovers(cache);
            }
            assertThat(connections()).as("connections of this client").isEqualTo(1);
        }
        assertThat(log.lines("WARN")).hasSize(2);
        assertThat(log.lines("INFO")).hasSize(2);
    }

    // Closed

    @Test
    void closedDuringAnOutageItDoesNotComeBack() {
        try (UsageCache other = open()) {
            UsageCache cache = open();
            putAndFind(cache, 1);
            server.kill();
            fiftyCallsFail(cache);

            cache.close();

            failure(cache.get(key(1)));
            server.restart();
            assertRecovers(other);
            failure(cache.get(key(1)));
            assertThat(connections()).as("the other one's").isEqualTo(1);
        }
    }

    @Test
    void closedWithoutEverHavingBeenConnectedItDoesNotCome() {
        server.kill();
        try (UsageCache other = open()) {
            UsageCache cache = open();
            cache.close();
            server.restart();
            assertRecovers(other);
            failure(cache.get(key(1)));
            assertThat(connections()).as("the other one's").isEqualTo(1);
        }
    }

    @Test
    void closedDuringAnAttemptToConnectItLeavesNoThreadAndNoConnection() {
        try (StoppedServer hang = StoppedServer.of(client)) {
            UsageCache cache = RedisUsage.builder(client)
                    .connectTimeout(Duration.ofMillis(50))
                    .build();
            assertThat(connectThreads()).hasSize(1);

            cache.close();
            failure(cache.get(key(1)));

            hang.end();
            eventually("the attempt is over", () -> connectThreads().isEmpty());
            eventually("its connection is closed", () -> connections() == 0);
        }
        assertThat(log.lines("INFO")).isEmpty();
    }

    @Test
    void whereNobodyEverAnswersTheAttemptEndsWithTheClientsOwnTimeout() throws Exception {
        try (ServerSocket mute = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            RedisURI uri = RedisURI.create("redis://127.0.0.1:" + mute.getLocalPort());
            uri.setTimeout(Duration.ofMillis(500));
            RedisClient own = RedisClient.create(uri);
            UsageCache cache = RedisUsage.builder(own)
                    .connectTimeout(Duration.ofMillis(50))
                    .build();
            assertThat(connectThreads()).hasSize(1);
            cache.close();
            assertThat(took(() -> eventually(
                            "the attempt is over", () -> connectThreads().isEmpty())))
                    .isLessThan(Duration.ofSeconds(5));
            own.shutdown();
        }
    }

    @Test
    void anAttemptThatTheClientForgetsIsGivenUpAndFollowedByAnother() throws Exception {
        try (ServerSocket mute = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            RedisClient own = RedisClient.create("redis://127.0.0.1:" + mute.getLocalPort());
            GuardedConnection link = new GuardedConnection(own, COMMAND_TIMEOUT, Duration.ofMillis(200));
            try (UsageCache cache = new RedisUsageCache(link, new RedisKeys("usage"))) {
                for (int attempts = 0; attempts < 2; attempts++) {
                    eventually("an attempt", () -> {
                        failure(cache.get(key(1)));
                        return !connectThreads().isEmpty();
                    });
                    eventually("it is given up", () -> connectThreads().isEmpty());
                }
            } finally {
                own.shutdown();
            }
        }
    }

    @Test
    void closedItIsDisconnectedAndItsCallsFail() {
        UsageCache cache = open();
        putAndFind(cache, 1);
        assertThat(connections()).isEqualTo(1);
        cache.close();
        cache.close();
        eventually("its connection is closed", () -> connections() == 0);
        assertFiftyCallsFailAtOnce(cache);
        assertThat(connections()).isZero();
        assertThat(log.lines("WARN")).as("a closed cache isn't an incident").isEmpty();
    }
}
