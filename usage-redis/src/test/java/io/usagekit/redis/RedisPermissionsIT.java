package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.failure;
import static io.usagekit.redis.Redis.succeeds;
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
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.servers.RedisServer;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What works in the client's database, and for the ACL user that the Javadoc of {@link RedisUsage} names, and fails without each of its permissions. */
class RedisPermissionsIT {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final String ENTRY = "usage:org-123:2026-03";
    private static final String INDEX = "usage:index:{org-123}";
    private static final AgedUsage FIGURE = new AgedUsage(
            new OrganisationUsage(
                    KEY, new UsageMetrics(100, 1024), new UsageMetrics(50, 512), Instant.parse("2026-03-17T01:28:00Z")),
            Duration.ofSeconds(1));
    private static final Duration TIME_TO_LIVE = Duration.ofSeconds(599);
    private static final String USER = "usagekit-test";

    /** What the Javadoc of {@link RedisUsage} says. */
    static final List<String> PERMISSIONS = List.of(
            "+get",
            "+set",
            "+del",
            "+type",
            "+pttl",
            "+pexpire",
            "+hmget",
            "+hset",
            "+hdel",
            "+zadd",
            "+zscore",
            "+zrange",
            "+zremrangebyscore",
            "+time",
            "+eval",
            "+evalsha",
            "+publish",
            "+subscribe",
            "&usage:wakeups",
            "~usage:*");

    private static RedisServer server;
    private static RedisClient client;

    @BeforeAll
    static void start() {
        server = RedisServer.start();
        client = RedisClient.create(server.url());
    }

    @AfterAll
    static void stop() {
        client.shutdown();
        server.close();
    }

    @BeforeEach
    void empty() {
        Redis.emptied(client).close();
    }

    @Test
    void usesDatabaseOfClient() {
        RedisURI uri = RedisURI.create(server.url());
        uri.setDatabase(3);
        assertWorks(uri);
        Redis.with(client, redis -> {
            assertThat(redis.keys("*")).isEmpty();
            redis.select(3);
            assertThat(redis.keys("*")).contains(INDEX);
        });
    }

    @Test
    void worksWithDocumentedPermissions() {
        withUser(PERMISSIONS, RedisPermissionsIT::assertWorks);
    }

    @Test
    void worksWithDocumentedPermissionsInAnotherDatabase() {
        List<String> permissions = new ArrayList<>(PERMISSIONS);
        permissions.add("+select");
        withUser(permissions, uri -> {
            uri.setDatabase(3);
            assertWorks(uri);
        });
    }

    @Test
    void needsEachDocumentedPermission() {
        for (String permission : PERMISSIONS) {
            List<String> others = new ArrayList<>(PERMISSIONS);
            others.remove(permission);
            withUser(others, uri -> assertRefused(uri, permission));
        }
        withUser(PERMISSIONS, uri -> {
            uri.setDatabase(3);
            assertRefused(uri, "+select");
        });
    }

    @Test
    void storesAndComputesNothingWhenIndexIsRefused() {
        List<String> permissions = new ArrayList<>(PERMISSIONS);
        permissions.remove("~usage:*");
        permissions.addAll(List.of("~usage:org-123:*", "~usage:lock:*", "~usage:fence:*"));
        withUser(permissions, uri -> {
            RedisClient own = RedisClient.create(uri);
            try (CapturedLog log = new CapturedLog();
                    UsageCache of = Redis.patient(own);
                    FlightStore flights = Redis.patientStore(own)) {
                failure(of.put(KEY, FIGURE, TIME_TO_LIVE));
                failure(flights.acquire(
                        KEY, new LeaseRequest("token", TIME_TO_LIVE, Duration.ZERO, OptionalLong.empty())));
                failure(flights.publish(KEY, "token", 1, FIGURE, TIME_TO_LIVE));
                failure(flights.invalidate(KEY.organisationId()));
                assertThat(log.lines("WARN"))
                        .as("one line each for indexing, leasing, storing and deleting")
                        .hasSize(4);
                Redis.with(client, redis -> {
                    assertThat(redis.get(ENTRY)).isNull();
                    assertThat(redis.exists("usage:lock:{" + ENTRY + "}")).isZero();
                });
            } finally {
                own.shutdown();
            }
        });
    }

    private static void withUser(List<String> permissions, Consumer<RedisURI> test) {
        CommandArgs<String, String> user = new CommandArgs<>(StringCodec.UTF8)
                .add("SETUSER")
                .add(USER)
                .add("reset")
                .add("on")
                .add(">secret")
                .add("resetchannels");
        permissions.forEach(user::add);
        Redis.with(client, redis -> {
            redis.scriptFlush();
            redis.dispatch(CommandType.ACL, new StatusOutput<>(StringCodec.UTF8), user);
        });
        RedisURI uri = RedisURI.builder(RedisURI.create(server.url()))
                .withAuthentication(USER, "secret".toCharArray())
                .build();
        try {
            test.accept(uri);
        } finally {
            Redis.with(client, redis -> redis.aclDeluser(USER));
        }
    }

    private static void assertWorks(RedisURI uri) {
        try (CapturedLog log = new CapturedLog()) {
            assertThat(tour(uri)).allMatch(Redis::succeeds);
            assertThat(log.lines("WARN")).isEmpty();
        }
    }

    private static void assertRefused(RedisURI uri, String missing) {
        try (CapturedLog log = new CapturedLog()) {
            for (CompletionStage<?> call : tour(uri)) {
                if (!succeeds(call)) {
                    assertThat(failure(call)).as("without %s", missing).hasMessageContaining("Redis");
                }
            }
            assertThat(log.lines("WARN")).as("without %s", missing).isNotEmpty();
        }
    }

    /** Makes every call of cache and flight store. */
    private static List<CompletionStage<?>> tour(RedisURI uri) {
        LeaseRequest request = new LeaseRequest("token", TIME_TO_LIVE, Duration.ZERO, OptionalLong.empty());
        RedisClient own = RedisClient.create(uri);
        List<CompletionStage<?>> calls = new ArrayList<>();
        try (UsageCache of = Redis.patient(own);
                FlightStore flights = Redis.patientStore(own)) {
            calls.add(of.get(KEY));
            calls.add(of.put(KEY, FIGURE, TIME_TO_LIVE));
            CompletionStage<Acquisition> acquisition = flights.acquire(KEY, request);
            calls.add(acquisition);
            calls.add(flights.renew(KEY, "token", TIME_TO_LIVE));
            long fence = await(acquisition.handle(
                    (one, error) -> one instanceof Acquisition.Acquired granted ? granted.fence() : 1L));
            calls.add(flights.publish(KEY, "token", fence, FIGURE, TIME_TO_LIVE));
            calls.add(flights.acquire(KEY, request));
            calls.add(flights.release(KEY, "token"));
            calls.add(flights.acquire(KEY, request));
            calls.add(flights.fail(KEY, "token", "reason", TIME_TO_LIVE));
            calls.add(flights.invalidate(KEY));
            calls.add(of.invalidate(KEY.organisationId()));
            calls.forEach(call -> await(call.handle((answer, error) -> "done")));
        } finally {
            own.shutdown();
        }
        return calls;
    }
}
