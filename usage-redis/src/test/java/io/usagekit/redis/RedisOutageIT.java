package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.Redis.took;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.usagekit.UsageCache;
import io.usagekit.redis.internal.ConnectionAttempt;
import io.usagekit.redis.internal.Connections;
import io.usagekit.redis.internal.OneServer;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** Cache whose server is down or killed, and a closed cache: calls fail at once, and the cache recovers. */
class RedisOutageIT extends RedisOutageFixture {

    @Test
    void failsAtOnceAndRecoversWhenServerStartsLater() {
        server.kill();
        List<UsageCache> built = new ArrayList<>();
        assertThat(took(() -> built.add(RedisUsage.builder(client)
                        .commandTimeout(COMMAND_TIMEOUT)
                        .connectTimeout(Duration.ofMinutes(1))
                        .build())))
                .as("a refused connection isn't waited for")
                .isLessThan(SLACK);
        try (UsageCache cache = built.get(0)) {
            assertFiftyCallsFailAtOnce(cache);

            server.restart();

            assertRecovers(cache);
        }
        assertOneIncident();
    }

    @Test
    void failsAtOnceAndRecoversWhenBuiltWhileServerHangs() {
        try (StoppedServer stopped = StoppedServer.of(client)) {
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

                stopped.resume();

                assertRecovers(cache);
            }
        }
        assertOneIncident();
    }

    @Test
    void connectsAtMostOnceASecondWhileServerRejects() throws Exception {
        try (ServerSocket refusing = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                RejectingServer rejecting = new RejectingServer(refusing)) {
            RedisClient own = RedisClient.create("redis://127.0.0.1:" + refusing.getLocalPort());
            long began = System.nanoTime();
            try (UsageCache cache = RedisUsage.cache(own)) {
                eventually("three attempts", () -> {
                    assertThat(succeeds(cache.get(key(1)))).isFalse();
                    return rejecting.count() >= 3;
                });
            } finally {
                eventually("the last attempt has ended", () -> connectThreads().isEmpty());
                own.shutdown();
            }
            assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofSeconds(2));
        }
    }

    @Test
    void failsFastAndRecoversWhenServerRestarts() {
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
    void failsAtOnceWithoutConnection() {
        try (UsageCache cache = builder().commandTimeout(Duration.ofSeconds(20)).build()) {
            putAndFind(cache, 1);
            server.kill();
            eventually(
                    "the client has noticed the loss",
                    () -> cache.get(key(1)).toCompletableFuture().isCompletedExceptionally());
            assertFiftyCallsFailAtOnce(cache);
        }
    }

    @Test
    void opensNewConnectionWhenClientDoesNotReconnect() {
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

    @Test
    void staysClosedWhenClosedDuringOutage() {
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
            assertThat(connections()).as("connection of the other cache").isEqualTo(1);
        }
    }

    @Test
    void staysClosedWhenNeverConnected() {
        server.kill();
        try (UsageCache other = open()) {
            UsageCache cache = open();
            cache.close();
            server.restart();
            assertRecovers(other);
            failure(cache.get(key(1)));
            assertThat(connections()).as("connection of the other cache").isEqualTo(1);
        }
    }

    @Test
    void leavesNoThreadOrConnectionWhenClosedDuringAttempt() {
        try (StoppedServer stopped = StoppedServer.of(client)) {
            UsageCache cache = RedisUsage.builder(client)
                    .connectTimeout(Duration.ofMillis(50))
                    .build();
            assertThat(connectThreads()).hasSize(1);

            cache.close();
            failure(cache.get(key(1)));

            stopped.resume();
            eventually("the attempt has ended", () -> connectThreads().isEmpty());
            eventually("the connection is closed", () -> connections() == 0);
        }
        assertThat(log.lines("INFO")).isEmpty();
    }

    @Test
    void endsAttemptAtTimeoutOfClient() throws Exception {
        try (ServerSocket mute = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            RedisURI uri = RedisURI.create("redis://127.0.0.1:" + mute.getLocalPort());
            uri.setTimeout(Duration.ofSeconds(3));
            RedisClient own = RedisClient.create(uri);
            UsageCache cache = RedisUsage.builder(own)
                    .connectTimeout(Duration.ofMillis(50))
                    .build();
            assertThat(connectThreads()).hasSize(1);
            cache.close();
            eventually("the attempt has ended", () -> connectThreads().isEmpty());
            own.shutdown();
        }
    }

    /** Some of them the client drops without completing them, depending on how far they are; their threads would block for minutes. */
    @Test
    void endsAttemptsWhenTheHostShutsItsClientDown() throws Exception {
        try (ServerSocket mute = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            for (int attempts = 0; attempts < 50; attempts++) {
                RedisClient own = RedisClient.create("redis://127.0.0.1:" + mute.getLocalPort());
                ConnectionAttempt.start(
                        own::connect,
                        ConnectionAttempt.Limits.of(own, Duration.ofSeconds(1)),
                        new CompletableFuture<>());
                LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(100L * attempts)); // each a bit further
                own.shutdown(Duration.ZERO, Duration.ofSeconds(5));
            }
            eventually("the attempts have ended", () -> connectThreads().isEmpty());
        }
    }

    @Test
    void abandonsAttemptThatClientDropsAndStartsAnother() throws Exception {
        try (ServerSocket mute = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            RedisClient own = RedisClient.create("redis://127.0.0.1:" + mute.getLocalPort());
            Connections connection = new OneServer(
                    own,
                    COMMAND_TIMEOUT,
                    new ConnectionAttempt.Limits(
                            Duration.ofMinutes(1), Duration.ofMillis(200), GlobalEventExecutor.INSTANCE.newPromise()));
            try (UsageCache cache = new RedisUsageCache(new Scripts(connection), new RedisKeys("usage"))) {
                for (int attempts = 0; attempts < 2; attempts++) {
                    eventually("an attempt", () -> {
                        failure(cache.get(key(1)));
                        return !connectThreads().isEmpty();
                    });
                    eventually(
                            "the attempt is abandoned", () -> connectThreads().isEmpty());
                }
            } finally {
                own.shutdown();
            }
        }
    }

    @Test
    void failsAndReleasesConnectionOnceClosed() {
        UsageCache cache = open();
        putAndFind(cache, 1);
        assertThat(connections()).isEqualTo(1);
        cache.close();
        cache.close();
        eventually("the connection is closed", () -> connections() == 0);
        assertFiftyCallsFailAtOnce(cache);
        assertThat(connections()).isZero();
        assertThat(log.lines("WARN")).as("a closed cache is no outage").isEmpty();
    }
}
