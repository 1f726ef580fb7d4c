package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.Redis.took;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.TimeoutOptions;
import io.usagekit.UsageCache;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;

/** A server that hangs: calls fail in time, nothing piles up or is kept for later, and it recovers by itself. */
class RedisHangIT extends RedisOutageFixture {

    @Test
    void whileItHangsEveryCallEndsInTimeAndAfterwardsItRecovers() {
        try (UsageCache cache = open()) {
            putAndFind(cache, 1);
            try (StoppedServer hang = StoppedServer.of(client)) {
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
            try (StoppedServer hang = StoppedServer.of(client)) {
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
            try (StoppedServer hang = StoppedServer.of(client)) {
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
            try (StoppedServer hang = StoppedServer.of(client)) {
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
            try (StoppedServer hang = StoppedServer.of(client)) {
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
}
