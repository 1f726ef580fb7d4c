package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.Redis.took;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.servers.EmbeddedRedisServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A server that is away, dies, hangs or refuses: calls fail in time, nothing is kept for later, and it recovers by itself. */
class RedisOutageIT {

    /** Longer than the default: a loaded machine isn't an outage. */
    private static final Duration COMMAND_TIMEOUT = Duration.ofMillis(500);

    private static final Duration TIME_TO_LIVE = Duration.ofMinutes(10);

    /** For a machine that has other work to do. */
    private static final Duration SLACK = Duration.ofSeconds(2);

    private EmbeddedRedisServer server;
    private RedisClient client;
    private CapturedLog log;

    @BeforeEach
    void start() {
        server = EmbeddedRedisServer.start();
        client = RedisClient.create(server.url());
        log = new CapturedLog();
    }

    @AfterEach
    void stop() {
        log.close();
        eventually("no thread is left", () -> connectThreads().isEmpty());
        client.shutdown();
        server.close();
    }

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
        try (Hang hang = Hang.of(client)) {
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
                Visitors visitors = new Visitors(refusing)) {
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

    // Hangs

    @Test
    void whileItHangsEveryCallEndsInTimeAndAfterwardsItRecovers() {
        try (UsageCache cache = open()) {
            putAndFind(cache, 1);
            try (Hang hang = Hang.of(client)) {
                List<CompletionStage<?>> atOnce = new ArrayList<>();
                assertThat(took(() -> {
                            for (int i = 0; i < 50; i++) {
                                atOnce.add(i % 2 == 0 ? cache.get(key(i)) : put(cache, i));
                            }
                            atOnce.forEach(call -> assertThat(failure(call)).hasMessageContaining("answer"));
                        }))
                        .isBetween(COMMAND_TIMEOUT, COMMAND_TIMEOUT.plus(SLACK));

                hang.end();

                assertRecovers(cache);
            }
        }
        assertOneIncident();
    }

    @Test
    void onceItIsKnownToHangNoCallWaitsAndNothingIsSentThatCouldPileUp() {
        try (UsageCache cache = builder().commandTimeout(Duration.ofSeconds(3)).build()) {
            putAndFind(cache, 1);
            Redis.with(client, redis -> redis.configResetstat());
            try (Hang hang = Hang.of(client)) {
                failure(cache.get(key(1)));
                assertFiftyCallsFailAtOnce(cache);
                failure(put(cache, 7));

                hang.end();

                eventually("it answers", () -> succeeds(cache.get(key(1))));
                assertThat(await(cache.get(key(7))))
                        .as("a write that comes late would make its figure look younger than it is")
                        .isEmpty();
                assertThat(Redis.calls(client, "set")).isZero();
                assertThat(Redis.calls(client, "evalsha")).as("what was sent").isLessThan(10);
            }
        }
        assertOneIncident();
    }

    @Test
    void itRecoversFromHangingAlsoWhenOnlyPutsAreCalled() {
        try (UsageCache cache = open()) {
            try (Hang hang = Hang.of(client)) {
                failure(put(cache, 1));
                hang.end();
                eventually("it answers", () -> succeeds(put(cache, 1)));
            }
        }
        assertOneIncident();
    }

    @Test
    void aHostsOwnShorterTimeoutIsATimeoutToo() {
        client.setOptions(ClientOptions.builder()
                .timeoutOptions(TimeoutOptions.enabled(Duration.ofMillis(100)))
                .build());
        try (UsageCache cache = builder().commandTimeout(Duration.ofSeconds(20)).build()) {
            putAndFind(cache, 1);
            try (Hang hang = Hang.of(client)) {
                assertThat(took(() -> failure(cache.get(key(1))))).isLessThan(SLACK);
                assertFiftyCallsFailAtOnce(cache);
                hang.end();
                assertRecovers(cache);
            }
        }
        assertOneIncident();
    }

    @Test
    void killedWhileItHangsNothingThatTimedOutIsCarriedOutAfterwards() {
        try (UsageCache cache = open()) {
            putAndFind(cache, 1);
            try (Hang hang = Hang.of(client)) {
                List<CompletionStage<?>> atOnce = new ArrayList<>();
                for (int i = 0; i < 40; i++) {
                    atOnce.add(i % 2 == 0 ? put(cache, i) : cache.get(key(i)));
                }
                atOnce.forEach(Redis::failure);

                server.kill();
                hang.end();
                server.restart();

                eventually("it answers", () -> succeeds(cache.get(key(1))));
                Redis.with(client, redis -> assertThat(redis.keys("*")).isEmpty());
                assertThat(Redis.calls(client, "set"))
                        .as("writes that were sent again")
                        .isZero();
                assertThat(Redis.calls(client, "evalsha"))
                        .as("reads that were sent again")
                        .isLessThan(10);
                putAndFind(cache, 1);
            }
        }
        assertOneIncident();
    }

    // Refuses

    @Test
    void aServerThatIsFullServesReadsAndIsLoggedOnce() {
        assertRefusedWritesAreOneIncident(
                redis -> redis.configSet("maxmemory", "1"), redis -> redis.configSet("maxmemory", "0"), "OOM");
    }

    @Test
    void aServerThatIsReadOnlyServesReadsAndIsLoggedOnce() {
        assertRefusedWritesAreOneIncident(
                redis -> redis.replicaof("127.0.0.1", 1), redis -> redis.replicaofNoOne(), "READONLY");
    }

    private void assertRefusedWritesAreOneIncident(
            Consumer<RedisCommands<String, String>> begin, Consumer<RedisCommands<String, String>> end, String reason) {
        try (UsageCache cache = open()) {
            putAndFind(cache, 1);
            Redis.with(client, begin);
            for (int times = 0; times < 5; times++) {
                assertThat(failure(put(cache, 1))).hasMessageContaining(reason);
                assertThat(await(cache.get(key(1)))).isPresent();
            }
            Redis.with(client, end);
            putAndFind(cache, 2);
        }
        assertThat(log.lines("WARN")).singleElement().asString().contains(reason);
        assertThat(log.lines("INFO")).hasSize(1);
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
        try (Hang hang = Hang.of(client)) {
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
            RedisLink link = new RedisLink(own, COMMAND_TIMEOUT, Duration.ofMillis(200));
            try (UsageCache cache = new RedisUsageCache(link, new EntryKeys("usage"))) {
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

    // What they have in common

    private UsageCache open() {
        return builder().commandTimeout(COMMAND_TIMEOUT).build();
    }

    private RedisUsage.Builder builder() {
        return RedisUsage.builder(client).connectTimeout(Duration.ofSeconds(20));
    }

    private void assertRecovers(UsageCache cache) {
        eventually("it answers", () -> succeeds(cache.get(key(1))));
        putAndFind(cache, 1);
    }

    private void assertOneIncident() {
        assertThat(log.lines("WARN")).hasSize(1);
        assertThat(log.lines("INFO")).singleElement().asString().contains("Redis answers again");
    }

    private static void assertFiftyCallsFailAtOnce(UsageCache cache) {
        assertThat(took(() -> fiftyCallsFail(cache))).isLessThan(SLACK);
    }

    private static void fiftyCallsFail(UsageCache cache) {
        for (int i = 0; i < 50; i++) {
            UsageCacheException error = failure(i % 2 == 0 ? cache.get(key(i)) : put(cache, i));
            assertThat(error).hasMessageContaining("Redis");
        }
    }

    private static void putAndFind(UsageCache cache, int i) {
        await(put(cache, i));
        Optional<AgedUsage> found = await(cache.get(key(i)));
        assertThat(found.map(AgedUsage::usage)).contains(figure(i));
    }

    private static CompletionStage<Void> put(UsageCache cache, int i) {
        return cache.put(key(i), new AgedUsage(figure(i), Duration.ZERO), TIME_TO_LIVE);
    }

    private static UsageKey key(int i) {
        return new UsageKey("org-" + i, UsagePeriod.month(YearMonth.of(2026, 3)));
    }

    private static OrganisationUsage figure(int i) {
        return new OrganisationUsage(
                key(i), new UsageMetrics(i, i * 10L), UsageMetrics.ZERO, Instant.parse("2026-03-17T01:28:00Z"));
    }

    private static List<String> connectThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter("usagekit-redis-connect"::equals)
                .toList();
    }

    /** How many there are to the server, but for the one that asks. */
    private int connections() {
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

    /** Hangs up on everyone who calls, and counts them. */
    private static final class Visitors implements AutoCloseable {
        private final AtomicInteger count = new AtomicInteger();
        private final ServerSocket door;
        private final Thread porter;

        Visitors(ServerSocket door) {
            this.door = door;
            this.porter = new Thread(this::answer, "visitors");
            porter.start();
        }

        private void answer() {
            try {
                while (true) {
                    door.accept().close();
                    count.incrementAndGet();
                }
            } catch (IOException e) {
                // The door is closed: the test is over.
            }
        }

        int count() {
            return count.get();
        }

        @Override
        public void close() throws IOException {
            door.close();
            eventually("the door is closed", () -> !porter.isAlive());
        }
    }
}
