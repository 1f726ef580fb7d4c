package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.servers.RedisServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** All that the adapter does works for the ACL user of {@code docs/privileges.md}, and something fails without each of its rules. */
class AclIT {

    private static final Path PAGE = Path.of("../docs/privileges.md");
    private static final Duration PATIENCE = Duration.ofSeconds(2);
    private static final Duration AGE = Duration.ofMinutes(1);
    private static final UsageKey KEY = new UsageKey("org", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final String ENTRY = "usage:org:2026-03";
    private static final AgedUsage FIGURE = new AgedUsage(
            new OrganisationUsage(
                    KEY, new UsageMetrics(1, 2), new UsageMetrics(3, 4), Instant.parse("2026-03-17T12:00:00Z")),
            Duration.ZERO);

    private static RedisServer server;
    private static RedisClient admin;

    @BeforeAll
    static void start() {
        server = RedisServer.start();
        admin = RedisClient.create(server.url());
    }

    @AfterAll
    static void stop() {
        admin.shutdown();
        server.close();
    }

    private static List<String> rulesOfThePage() throws IOException {
        Matcher line = Pattern.compile("^ACL SETUSER usage (on >secret.*?)```", Pattern.MULTILINE | Pattern.DOTALL)
                .matcher(Files.readString(PAGE));
        assertThat(line.find()).as("%s has the ACL user", PAGE).isTrue();
        return Pattern.compile("\\s+").splitAsStream(line.group(1).strip()).toList();
    }

    @Test
    void worksWithTheRulesOfThePageAndNotWithoutOneOfThem() throws IOException {
        List<String> rules = rulesOfThePage();
        run(rules);
        List<String> unneeded = new ArrayList<>();
        for (String rule : rules) {
            if (rule.startsWith("+") || rule.startsWith("~") || rule.startsWith("&")) {
                try {
                    run(rules.stream().filter(other -> !other.equals(rule)).toList());
                    unneeded.add(rule);
                } catch (RuntimeException | AssertionError e) {
                    assertThat(e).as("without %s", rule).isNotNull();
                }
            }
        }
        assertThat(unneeded).as("rules without which all works").isEmpty();
        assertThatCode(() -> run(rules)).doesNotThrowAnyException();
    }

    private static void run(List<String> rules) {
        CommandArgs<String, String> user =
                new CommandArgs<>(StringCodec.UTF8).add("SETUSER").add("usage").add("reset");
        rules.forEach(user::add);
        Redis.with(admin, redis -> {
            redis.flushall();
            redis.scriptFlush();
            redis.dispatch(CommandType.ACL, new StatusOutput<>(StringCodec.UTF8), user);
        });
        RedisClient client = RedisClient.create(RedisURI.builder(RedisURI.create(server.url()))
                .withAuthentication("usage", "secret".toCharArray())
                .build());
        try {
            useCache(client);
            useFlightStore(client);
            useNearCache(client);
        } finally {
            client.shutdown(0, 1, TimeUnit.SECONDS);
        }
    }

    private static RedisUsage.Builder builder(RedisClient client) {
        return RedisUsage.builder(client)
                .commandTimeout(PATIENCE)
                .connectTimeout(PATIENCE)
                .heartbeat(Duration.ofMillis(100));
    }

    private static void useCache(RedisClient client) {
        try (UsageCache cache = builder(client).build()) {
            await(cache.put(KEY, FIGURE, AGE));
            assertThat(await(cache.get(KEY))).isPresent();
            await(cache.invalidate(KEY));
            await(cache.put(KEY, FIGURE, AGE));
            await(cache.invalidate("org"));
            assertThat(await(cache.get(KEY))).isEmpty();
            Redis.with(admin, redis -> redis.set(ENTRY, "unreadable"));
            assertThat(await(cache.get(KEY))).isEmpty();
            soon("the unreadable entry is deleted", () -> count(ENTRY) == 0);
        }
    }

    private static long count(String key) {
        long[] count = new long[1];
        Redis.with(admin, redis -> count[0] = redis.exists(key));
        return count[0];
    }

    private static void useFlightStore(RedisClient client) {
        try (FlightStore store = builder(client).settings().openFlightStore();
                FlightStore other = Redis.patientStore(admin)) {
            await(store.invalidate(KEY));
            long fence = acquire(store, "one");
            assertThat(await(store.renew(KEY, "one", AGE))).isTrue();
            assertThat(await(store.publish(KEY, "one", fence, FIGURE, AGE)))
                    .isInstanceOf(FlightStore.Publication.Stored.class);
            await(store.invalidate("org"));
            acquire(store, "two");
            await(store.release(KEY, "two"));
            acquire(store, "three");
            await(store.fail(KEY, "three", "reason", Duration.ofMillis(1)));
            await(store.invalidate(KEY));

            assertWakes(other, store);
            assertWakes(store, other);
        }
    }

    private static void assertWakes(FlightStore publisher, FlightStore subscriber) {
        CountDownLatch woken = new CountDownLatch(1);
        try (FlightStore.Registration registration = subscriber.onWakeUp(KEY, woken::countDown)) {
            assertThat(registration).isNotNull();
            soon("a wake-up arrives", () -> {
                await(publisher.invalidate(KEY));
                return woken.getCount() == 0 && subscribers() > 0;
            });
        }
    }

    private static long subscribers() {
        long[] count = new long[1];
        Redis.with(
                admin, redis -> count[0] = redis.pubsubNumsub("usage:wakeups").getOrDefault("usage:wakeups", 0L));
        return count[0];
    }

    private static long acquire(FlightStore store, String token) {
        FlightStore.Acquisition acquired = await(
                store.acquire(KEY, new FlightStore.LeaseRequest(token, AGE, Duration.ZERO, OptionalLong.empty())));
        assertThat(acquired).isInstanceOf(FlightStore.Acquisition.Acquired.class);
        long fence = ((FlightStore.Acquisition.Acquired) acquired).fence();
        assertThat(fence).as("issued by a script").isPositive();
        return fence;
    }

    private static void useNearCache(RedisClient client) {
        AtomicBoolean lost = new AtomicBoolean();
        try (UsageCache near = builder(client).buildNearCache();
                UsageCache other = Redis.patient(admin)) {
            near.observe(new UsageListener() {
                @Override
                public void trackingLost(String reason) {
                    lost.set(true);
                }
            });
            await(other.put(KEY, FIGURE, AGE));
            soon("the near cache has the figure", () -> {
                await(near.get(KEY));
                return near.near(KEY).isPresent() || lost.get();
            });
            await(other.invalidate(KEY));
            soon("the near cache is notified", () -> near.near(KEY).isEmpty());
            long pings = Redis.calls(admin, "ping");
            soon("heartbeats are answered", () -> Redis.calls(admin, "ping") > pings + 1 || lost.get());
            assertThat(lost).as("tracking is lost").isFalse();
        }
    }

    /** Waits for a condition, though not for long: most runs wait for nothing. */
    private static void soon(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("not within " + PATIENCE + ": " + what);
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
        }
    }
}
