package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.Freshness;
import io.usagekit.UsageCache;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A user who may not use some commands: what needs them is done in another way or left out, and said once. */
class RefusedCommandsIT extends RedisOutageFixture {

    private RedisClient restricted;

    @BeforeEach
    void createUser() {
        allow("on", ">secret", "~*", "&*", "+@all");
        restricted = RedisClient.create(RedisURI.builder(RedisURI.create(server.url()))
                .withAuthentication("usage", "secret".toCharArray())
                .build());
    }

    @AfterEach
    void shutDown() {
        restricted.shutdown(0, 1, TimeUnit.SECONDS);
    }

    private void allow(String... rules) {
        CommandArgs<String, String> user =
                new CommandArgs<>(StringCodec.UTF8).add("SETUSER").add("usage");
        for (String rule : rules) {
            user.add(rule);
        }
        Redis.with(client, redis -> redis.dispatch(CommandType.ACL, new StatusOutput<>(StringCodec.UTF8), user));
    }

    @Test
    void storesFiguresAndReportsOnceThatWakeUpsArentPublished() {
        allow("-publish");
        try (UsageCache cache = Redis.patient(restricted);
                FlightStore store = Redis.patientStore(restricted)) {
            for (int i = 0; i < 3; i++) {
                long fence = acquire(store, i);
                assertThat(await(store.publish(key(i), "token", fence, aged(i), TIME_TO_LIVE)))
                        .isInstanceOf(Publication.Stored.class);
                assertThat(await(cache.get(key(i))).map(AgedUsage::usage)).contains(figure(i));
                await(i == 0 ? cache.invalidate(key(i)) : store.invalidate(key(i)));
                assertThat(await(cache.get(key(i)))).isEmpty();
                acquire(store, i);
                await(store.release(key(i), "token"));
                acquire(store, i);
                await(store.fail(key(i), "token", "reason", Duration.ofMillis(1)));
            }
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("refuses to publish wake-ups", "correct the settings", "publish");

            allow("+publish");
            await(store.invalidate(key(1)));
            await(cache.invalidate(key(1)));
        }
        assertThat(log.lines("WARN")).hasSize(1);
        assertThat(log.lines("INFO")).singleElement().asString().contains("publishes wake-ups again");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void cachesByPlainCommandsWhereScriptsAreRefused(boolean near) {
        allow("-@scripting");
        RedisUsage.Builder builder = Redis.patience(restricted);
        try (UsageCache cache = near ? builder.buildNearCache() : builder.build()) {
            for (int i = 0; i < 3; i++) {
                putAndFind(cache, i);
                assertThat(await(cache.getAll(List.of(key(i), key(9)))
                                .values()
                                .iterator()
                                .next()))
                        .map(AgedUsage::usage)
                        .contains(figure(i));
                String index = "usage:index:{org-" + i + "}";
                Redis.with(client, redis -> assertThat(redis.pttl(index)).isGreaterThan(TIME_TO_LIVE.toMillis()));
            }
            await(cache.invalidate(key(0)));
            await(cache.invalidate("org-1"));
            assertThat(await(cache.get(key(0)))).isEmpty();
            assertThat(await(cache.get(key(1)))).isEmpty();
            assertThat(await(cache.get(key(2)))).isPresent();
            assertScriptsAreRefusedOnce();

            allow("+@scripting");
            eventually("a script is executed", () -> {
                await(put(cache, 2));
                return !log.lines("INFO").isEmpty();
            });
            await(cache.invalidate("org-2"));
            assertThat(await(cache.get(key(2))))
                    .as("stored by plain commands, found by scripts")
                    .isEmpty();
        }
        assertScriptsAreRefusedOnce();
        assertThat(log.lines("INFO")).singleElement().asString().contains("executes scripts again");
    }

    private void assertScriptsAreRefusedOnce() {
        assertThat(log.lines("WARN"))
                .singleElement()
                .asString()
                .contains("refuses scripts; figures are stored by plain commands", "correct the settings", "evalsha");
    }

    @Test
    void coordinatesTheCallersOfAProcessWhereScriptsAreRefused() {
        allow("-@scripting");
        AtomicInteger computations = new AtomicInteger();
        try (UsageService one = service(computations);
                UsageService other = service(computations)) {
            List<CompletionStage<UsageResult>> calls = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                calls.add(one.getAsync("org-1", key(1).period()));
            }
            calls.forEach(call -> assertThat(await(call).freshness()).isEqualTo(Freshness.FRESH));
            assertThat(computations).hasValue(1);
            assertThat(other.get("org-1", key(1).period()).freshness()).isEqualTo(Freshness.FRESH);
            assertThat(computations)
                    .as("the other process finds the figure in Redis")
                    .hasValue(1);

            other.invalidate("org-1", key(1).period());
            one.get("org-1", key(1).period());
            assertThat(computations).hasValue(2);
            assertScriptsAreRefusedOnce();

            allow("+@scripting");
            eventually("leases are acquired again", () -> {
                other.invalidate("org-1", key(1).period());
                one.get("org-1", key(1).period());
                return Redis.calls(client, "hset") > 0;
            });
        }
        assertScriptsAreRefusedOnce();
        assertThat(log.lines("INFO")).singleElement().asString().contains("executes scripts again");
    }

    private UsageService service(AtomicInteger computations) {
        RedisUsage.Builder adapters = Redis.patience(restricted);
        return UsageService.builder((key, timeout) -> {
                    computations.incrementAndGet();
                    return figure(1);
                })
                .cache(adapters.build())
                .singleFlight(adapters.buildSingleFlight())
                .build();
    }

    /** Each try costs a round trip, so there is one a second and not one a call. */
    @Test
    void sendsNoScriptForAWhileOnceOneWasRefused() {
        try (UsageCache cache = Redis.patient(restricted);
                FlightStore store = Redis.patientStore(restricted)) {
            putAndFind(cache, 1);
            long fence = acquire(store, 2);
            allow("-@scripting");
            long began = System.nanoTime();
            int calls = 0;
            for (; calls < 600; calls += 6) {
                cache.getAll(List.of(key(1), key(9))).values().forEach(Redis::await);
                await(store.acquire(key(3), request()));
                failure(store.renew(key(2), "token", TIME_TO_LIVE));
                failure(store.release(key(2), "token"));
                failure(store.fail(key(2), "token", "reason", TIME_TO_LIVE));
                failure(store.publish(key(2), "token", fence, aged(2), TIME_TO_LIVE));
            }
            long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - began);
            assertThat(refusals())
                    .as("scripts refused in %d s of %d calls", seconds, calls)
                    .isBetween(2L, 2 * (seconds + 1));
        }
    }

    /** Returns how many scripts were refused. */
    private long refusals() {
        long[] count = new long[1];
        Redis.with(client, redis -> {
            Matcher rejected =
                    Pattern.compile("cmdstat_evalsha:.*rejected_calls=(\\d+)").matcher(redis.info("commandstats"));
            count[0] = rejected.find() ? Long.parseLong(rejected.group(1)) : 0;
        });
        return count[0];
    }

    @Test
    void keepsAnIndexForItsLongestFigureWhereScriptsAreRefused() {
        allow("-@scripting");
        try (UsageCache cache = Redis.patient(restricted)) {
            await(cache.put(key(1), aged(1), Duration.ofDays(800)));
            await(put(cache, 1));
            Redis.with(
                    client,
                    redis -> assertThat(redis.pttl("usage:index:{org-1}"))
                            .isGreaterThan(Duration.ofDays(799).toMillis()));
        }
    }

    /** A lease that a script has acquired binds others, which a plain command wouldn't respect. */
    @Test
    void publishesNothingPlainlyUnderALeaseOfAScript() {
        try (FlightStore store = Redis.patientStore(restricted);
                UsageCache cache = Redis.patient(client)) {
            long fence = acquire(store, 1);
            allow("-@scripting");
            assertThat(failure(store.publish(key(1), "token", fence, aged(1), TIME_TO_LIVE)))
                    .hasMessageContaining("refuses scripts");
            assertThat(await(cache.get(key(1)))).isEmpty();
        }
    }

    private static AgedUsage aged(int i) {
        return new AgedUsage(figure(i), Duration.ZERO);
    }

    private static LeaseRequest request() {
        return new LeaseRequest("token", Duration.ofMinutes(1), Duration.ZERO, OptionalLong.empty());
    }

    private static long acquire(FlightStore store, int i) {
        Acquisition acquisition = await(store.acquire(key(i), request()));
        assertThat(acquisition).isInstanceOf(Acquisition.Acquired.class);
        return ((Acquisition.Acquired) acquisition).fence();
    }
}
