package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.AgedUsage;
import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Service whose Redis serves reads and refuses writes: it computes no more than without Redis, and recovers. */
class RedisWriteOutageIT extends RedisOutageFixture {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final Duration BACK_OFF = Duration.ofMinutes(1);
    private static final int KEYS = 8;
    private static final int CALLS = 400;

    private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");
    private final AtomicInteger computations = new AtomicInteger();

    /** Why Redis refuses writes. */
    @SuppressWarnings("ImmutableEnumChecker") // functions without state
    private enum Refusal {
        FULL("OOM", redis -> redis.configSet("maxmemory", "1"), redis -> redis.configSet("maxmemory", "0")),
        WITHOUT_REPLICA(
                "NOREPLICAS",
                redis -> redis.configSet("min-replicas-to-write", "1"),
                redis -> redis.configSet("min-replicas-to-write", "0"));

        private final String reply;
        private final Consumer<RedisCommands<String, String>> begin;
        private final Consumer<RedisCommands<String, String>> end;

        Refusal(
                String reply,
                Consumer<RedisCommands<String, String>> begin,
                Consumer<RedisCommands<String, String>> end) {
            this.reply = reply;
            this.begin = begin;
            this.end = end;
        }
    }

    @ParameterizedTest
    @EnumSource
    void computesEachFigureOnceInProcess(Refusal refusal) {
        assertComputesEachFigureOnce(refusal, service(builder().buildNearCache()));
    }

    @ParameterizedTest
    @EnumSource
    void computesEachFigureOnceInAFleet(Refusal refusal) {
        assertComputesEachFigureOnce(
                refusal,
                service(builder().buildNearCache()).singleFlight(builder().buildSingleFlight()));
    }

    private void assertComputesEachFigureOnce(Refusal refusal, UsageServiceBuilder builder) {
        Redis.with(client, refusal.begin);
        try (UsageService service = builder.build()) {
            for (int call = 0; call < CALLS; call++) {
                UsageResult result = service.get("org-" + call % KEYS, MARCH);
                assertThat(result.freshness()).isEqualTo(call < KEYS ? Freshness.FRESH : Freshness.STALE);
            }
            assertThat(computations.get()).isEqualTo(KEYS);
            assertThat(log.lines("WARN"))
                    .doesNotHaveDuplicates()
                    .allSatisfy(line -> assertThat(line).contains(refusal.reply));

            Redis.with(client, refusal.end);
            clock.advance(BACK_OFF);
            for (int key = 0; key < KEYS; key++) {
                String organisation = "org-" + key;
                eventually(
                        organisation + " is stored",
                        () -> service.get(organisation, MARCH).freshness() == Freshness.FRESH);
            }
            assertThat(computations.get()).as("each once more").isLessThanOrEqualTo(2 * KEYS);
        }
    }

    @ParameterizedTest
    @EnumSource
    void refreshesASoftExpiredFigureOnceAndServesTheNewOne(Refusal refusal) {
        UsageKey key = new UsageKey("org-1", MARCH);
        try (UsageCache other = open()) {
            await(other.put(key, new AgedUsage(figure(1), Duration.ofMinutes(2)), TIME_TO_LIVE));
        }
        Redis.with(client, refusal.begin);
        try (UsageService service = service(builder().buildNearCache()).build()) {
            assertThat(service.get("org-1", MARCH).freshness()).isEqualTo(Freshness.STALE);
            eventually("the refreshed figure is served", () -> {
                UsageResult result = service.get("org-1", MARCH);
                assertThat(result.freshness()).isEqualTo(Freshness.STALE);
                return result.age().orElseThrow().compareTo(Duration.ofMinutes(1)) < 0;
            });
            for (int call = 0; call < CALLS; call++) {
                assertThat(service.get("org-1", MARCH).age().orElseThrow()).isLessThan(Duration.ofMinutes(1));
            }
            assertThat(computations.get()).isEqualTo(1);
        }
    }

    /** Connections are replaced again and again meanwhile, since the address may lead to another server by now. */
    @Test
    void computesEachFigureOnceWhileTheServerIsAReplica() {
        UsageCache near = builder().heartbeat(Duration.ofMillis(100)).buildNearCache();
        try (UsageService service = service(near).build();
                UsageCache other = open()) {
            Redis.with(client, redis -> redis.replicaof("127.0.0.1", 1));
            for (int replacement = 1; replacement <= 2; replacement++) {
                int expected = replacement;
                eventually("connections are replaced", () -> {
                    Redis.failure(put(other, 100));
                    return log.lines("INFO").stream()
                                    .filter(line -> line.contains("receives invalidation messages"))
                                    .count()
                            >= expected;
                });
                for (int call = 0; call < CALLS; call++) {
                    service.get("org-" + call % KEYS, MARCH);
                }
                assertThat(computations.get())
                        .as("after replacement %d", replacement)
                        .isEqualTo(KEYS);
            }

            Redis.with(client, RedisCommands::replicaofNoOne);
            for (int key = 0; key < KEYS; key++) {
                String organisation = "org-" + key;
                eventually(organisation + " is stored", () -> {
                    clock.advance(BACK_OFF); // an attempt may meet a connection that is being replaced
                    return service.get(organisation, MARCH).freshness() == Freshness.FRESH;
                });
            }
        }
    }

    /** An attempt is three scripts: it acquires the lease, adds the period to the index, and releases the lease. */
    @Test
    void staleNearHitsCostOneAttemptWhileNoPermitIsFree() throws InterruptedException {
        UsageKey key = new UsageKey("org-1", MARCH);
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        try (UsageCache other = open();
                UsageService service = UsageService.builder((one, timeout) -> {
                            begun.countDown();
                            awaitLatch(end);
                            return figure(1);
                        })
                        .cache(builder().buildNearCache())
                        .singleFlight(builder().buildSingleFlight())
                        .maxConcurrentComputations(1)
                        .errorBackOff(BACK_OFF)
                        .ticker(clock.ticker())
                        .build()) {
            await(other.put(key, new AgedUsage(figure(1), Duration.ofMinutes(2)), TIME_TO_LIVE));
            var unused = service.getAsync("org-busy", MARCH);
            awaitLatch(begun);
            eventually("the stale figure is in the near cache", () -> {
                assertThat(service.get("org-1", MARCH).freshness()).isEqualTo(Freshness.STALE);
                return Redis.calls(client, "publish") > 0;
            });
            clock.advance(BACK_OFF);
            Redis.with(client, RedisCommands::configResetstat);
            for (int call = 0; call < 100; call++) {
                assertThat(service.get("org-1", MARCH).freshness()).isEqualTo(Freshness.STALE);
            }
            eventually("the attempt has ended", () -> Redis.calls(client, "publish") > 0);
            assertThat(Redis.calls(client, "publish")).isEqualTo(1);
            assertThat(Redis.calls(client, "evalsha")).isLessThanOrEqualTo(4);
            end.countDown();
        }
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            assertThat(latch.await(SLACK.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted", e);
        }
    }

    private UsageServiceBuilder service(UsageCache cache) {
        return UsageService.builder((key, timeout) -> {
                    computations.incrementAndGet();
                    return new OrganisationUsage(key, UsageMetrics.ZERO, UsageMetrics.ZERO, clock.instant());
                })
                .cache(cache)
                .errorBackOff(BACK_OFF)
                .ticker(clock.ticker());
    }
}
