package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.Redis.took;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandTimeoutException;
import io.lettuce.core.TimeoutOptions;
import io.usagekit.UsageCache;
import io.usagekit.redis.internal.ConnectionAttempt;
import io.usagekit.redis.internal.Connections;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import io.usagekit.redis.internal.OneServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Cache whose server hangs: calls fail in time, no command piles up or is kept for later, and the cache recovers. */
class RedisHangIT extends RedisOutageFixture {

    @Test
    void endsCallsInTimeWhileServerHangsAndRecovers() {
        try (UsageCache cache = open()) {
            putAndFind(cache, 1);
            try (StoppedServer stopped = StoppedServer.of(client)) {
                List<CompletionStage<?>> atOnce = new ArrayList<>();
                assertThat(took(() -> {
                            for (int i = 0; i < 50; i++) {
                                atOnce.add(i % 2 == 0 ? cache.get(key(i)) : put(cache, i));
                            }
                            atOnce.forEach(call -> assertThat(failure(call)).hasMessageContaining("answer"));
                        }))
                        .isBetween(COMMAND_TIMEOUT, COMMAND_TIMEOUT.plus(SLACK));

                stopped.resume();

                assertRecovers(cache);
            }
        }
        assertOneIncident();
    }

    /** The functions that a host attaches to its own timed-out futures run on the JVM's timer, and may block there. */
    @Test
    void endsCallsInTimeWhileTheTimerOfTheJvmIsBlocked() {
        CountDownLatch release = new CountDownLatch(1);
        CountDownLatch blocked = new CountDownLatch(1);
        CompletableFuture<Void> timesOut = new CompletableFuture<>();
        var unused = timesOut.exceptionally(timeout -> {
            blocked.countDown();
            awaitLatch(release);
            return null;
        });
        var unusedToo = timesOut.orTimeout(1, TimeUnit.NANOSECONDS);
        awaitLatch(blocked);
        try (UsageCache cache = open()) {
            putAndFind(cache, 1);
            try (StoppedServer stopped = StoppedServer.of(client)) {
                assertThat(failure(cache.get(key(1)))).hasMessageContaining("commandTimeout");
                stopped.resume();
                assertRecovers(cache);
            }
        } finally {
            release.countDown();
        }
        assertOneIncident();
    }

    /** Timeouts run on the client's threads, which end with it. */
    @Test
    void endsCallsWhenTheHostShutsItsClientDownMeanwhile() {
        RedisClient own = RedisClient.create(server.url());
        UsageCache cache =
                RedisUsage.builder(own).commandTimeout(Duration.ofMinutes(1)).build();
        putAndFind(cache, 1);
        try (StoppedServer stopped = StoppedServer.of(client)) {
            CompletionStage<?> pending = cache.get(key(1));
            own.shutdown(Duration.ZERO, Duration.ofSeconds(2));
            failure(pending);
            failure(cache.get(key(1)));
            stopped.resume();
        } finally {
            cache.close();
        }
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Answers to commands that were sent before the one that has timed out arrive while the PING behind it is pending. */
    @Test
    void logsOneOutageWhateverOlderCommandsReceiveMeanwhile() {
        Connections connection = new OneServer(
                client, Duration.ofSeconds(20), ConnectionAttempt.Limits.of(client, Duration.ofSeconds(20)));
        connection.open(Duration.ofSeconds(20));
        try (StoppedServer stopped = StoppedServer.of(client)) {
            List<CompletableFuture<String>> answers = new ArrayList<>();
            List<CompletionStage<String>> older = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                CompletableFuture<String> answer = new CompletableFuture<>();
                answers.add(answer);
                older.add(connection.send("key", Purpose.READ, redis -> answer));
            }
            CompletableFuture<String> timedOut =
                    CompletableFuture.failedFuture(new RedisCommandTimeoutException("timed out"));
            failure(connection.send("key", Purpose.READ, redis -> timedOut));

            for (int i = 0; i < answers.size(); i++) {
                answers.get(i).complete("answer");
                assertThat(await(older.get(i))).isEqualTo("answer");
                assertThat(connection.isAvailable())
                        .as("calls fail until the PING is answered")
                        .isFalse();
                assertThat(failure(connection.send(
                                "key",
                                Purpose.READ,
                                redis -> redis.connection().async().get("key").toCompletableFuture())))
                        .hasMessageContaining("commandTimeout (PT20S)");
            }

            stopped.resume();
            eventually(
                    "calls succeed",
                    () -> succeeds(connection.send(
                            "key",
                            Purpose.READ,
                            redis -> redis.connection().async().get("key").toCompletableFuture())));
            assertThat(connection.isAvailable()).isTrue();
        } finally {
            connection.close();
        }
        assertOneIncident();
    }

    @Test
    void includesTheTimeInAHangingServerInAnAge() {
        try (UsageCache cache = Redis.patient(client)) {
            putAndFind(cache, 1);
            CompletionStage<Void> put;
            long sent;
            Duration hung;
            try (StoppedServer stopped = StoppedServer.of(client)) {
                sent = System.nanoTime();
                put = put(cache, 1);
                hung = passed(sent);
                stopped.resume();
            }
            await(put);
            assertThat(await(cache.get(key(1))).orElseThrow().age()).isGreaterThanOrEqualTo(hung);
        }
    }

    @Test
    void includesTheTimeBetweenItsCommandsInAnAge() {
        try (StallingProxy proxy = new StallingProxy(server.url())) {
            RedisClient own = RedisClient.create(proxy.url());
            try (UsageCache cache = Redis.patient(own)) {
                putAndFind(cache, 2);
                proxy.hold(1);
                long sent = System.nanoTime();
                CompletionStage<Void> put = put(cache, 1);
                Redis.with(
                        client,
                        redis -> eventually(
                                "the period is in the index", () -> redis.exists("usage:index:{org-1}") > 0));
                Duration held = passed(sent);
                proxy.release();
                await(put);
                assertThat(await(cache.get(key(1))).orElseThrow().age()).isGreaterThanOrEqualTo(held);
            } finally {
                own.shutdown(Duration.ZERO, Duration.ofSeconds(2));
            }
        }
    }

    /** The time to live can't be counted from the execution then, but from Redis's clock before it. */
    @Test
    void includesTheTimeThatAWriteWaitsInAHangingServerInAnAge() {
        try (StallingProxy proxy = new StallingProxy(server.url())) {
            RedisClient own = RedisClient.create(proxy.url());
            try (UsageCache cache = Redis.patient(own)) {
                putAndFind(cache, 2);
                proxy.hold(1);
                long began = System.nanoTime();
                CompletionStage<Void> put = put(cache, 1);
                Redis.with(
                        client,
                        redis -> eventually(
                                "the period is in the index", () -> redis.exists("usage:index:{org-1}") > 0));
                Duration until;
                try (StoppedServer stopped = StoppedServer.of(client)) {
                    int before = proxy.requests();
                    proxy.release();
                    eventually("the figure is sent", () -> proxy.requests() > before);
                    assertThat(passed(System.nanoTime())).as("it hangs").isPositive();
                    until = Duration.ofNanos(System.nanoTime() - began);
                    stopped.resume();
                }
                await(put);
                assertThat(await(cache.get(key(1))).orElseThrow().age()).isGreaterThanOrEqualTo(until);
            } finally {
                own.shutdown(Duration.ZERO, Duration.ofSeconds(2));
            }
        }
    }

    /** Lets some time pass since then, and returns how much. */
    private static Duration passed(long since) {
        eventually("time passes", () -> System.nanoTime() - since > TimeUnit.MILLISECONDS.toNanos(100));
        return Duration.ofNanos(System.nanoTime() - since);
    }

    @Test
    void failsAtOnceAndSendsNothingOnceServerHangs() {
        try (UsageCache cache = builder().commandTimeout(Duration.ofSeconds(3)).build()) {
            putAndFind(cache, 1);
            Redis.with(client, redis -> redis.configResetstat());
            try (StoppedServer stopped = StoppedServer.of(client)) {
                failure(cache.get(key(1)));
                assertFiftyCallsFailAtOnce(cache);
                failure(put(cache, 7));

                stopped.resume();

                eventually("calls succeed", () -> succeeds(cache.get(key(1))));
                assertThat(await(cache.get(key(7))))
                        .as("a late write would make its figure look too young")
                        .isEmpty();
                assertThat(Redis.calls(client, "set")).isZero();
                assertThat(Redis.calls(client, "evalsha")).as("commands sent").isLessThan(10);
            }
        }
        assertOneIncident();
    }

    @Test
    void recoversWhenOnlyPutsAreCalled() {
        try (UsageCache cache = open()) {
            try (StoppedServer stopped = StoppedServer.of(client)) {
                failure(put(cache, 1));
                stopped.resume();
                eventually("calls succeed", () -> succeeds(put(cache, 1)));
            }
        }
        assertOneIncident();
    }

    @Test
    void treatsShorterTimeoutOfHostAsTimeout() {
        client.setOptions(ClientOptions.builder()
                .timeoutOptions(TimeoutOptions.enabled(Duration.ofSeconds(1)))
                .build());
        try (UsageCache cache = builder().commandTimeout(Duration.ofMinutes(1)).build()) {
            putAndFind(cache, 1);
            try (StoppedServer stopped = StoppedServer.of(client)) {
                assertThat(took(() -> failure(cache.get(key(1))))).isLessThan(SLACK);
                assertThat(took(() -> fiftyCallsFail(cache))).isLessThan(SLACK);
                stopped.resume();
                assertRecovers(cache);
            }
        }
        assertOneIncident();
    }

    @Test
    void executesNoTimedOutCommandWhenHangingServerIsKilled() {
        try (UsageCache cache = open()) {
            putAndFind(cache, 1);
            try (StoppedServer stopped = StoppedServer.of(client)) {
                List<CompletionStage<?>> atOnce = new ArrayList<>();
                for (int i = 0; i < 40; i++) {
                    atOnce.add(i % 2 == 0 ? put(cache, i) : cache.get(key(i)));
                }
                atOnce.forEach(Redis::failure);

                server.kill();
                stopped.resume();
                server.restart();

                eventually("calls succeed", () -> succeeds(cache.get(key(1))));
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
}
