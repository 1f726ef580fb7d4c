package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.lettuce.core.SetArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.codec.StringCodec;
import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.redis.internal.Link;
import io.usagekit.redis.internal.ScriptSupport;
import io.usagekit.servers.RedisServer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Entries in Redis, and foreign values in their place. */
class RedisEntryIT {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final String ENTRY = "usage:org-123:2026-03";
    private static final String INDEX = "usage:index:{org-123}";
    private static final AgedUsage FIGURE = new AgedUsage(
            new OrganisationUsage(
                    KEY, new UsageMetrics(100, 1024), new UsageMetrics(50, 512), Instant.parse("2026-03-17T01:28:00Z")),
            Duration.ofSeconds(1));
    private static final Duration TIME_TO_LIVE = Duration.ofSeconds(599);
    private static final String TEXT = "v2 " + ENTRY + " 100/1024 50/512 2026-03-17T01:28:00Z 600000";

    private static RedisServer server;
    private static RedisClient client;
    private UsageCache cache;

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
    void open() {
        cache = Redis.emptied(client);
    }

    @AfterEach
    void close() {
        cache.close();
    }

    @Test
    void storesDocumentedKeysAndValues() {
        await(cache.put(KEY, FIGURE, TIME_TO_LIVE));

        Redis.with(client, redis -> {
            assertThat(redis.keys("*")).containsExactlyInAnyOrder(ENTRY, INDEX);
            assertThat(redis.type(ENTRY)).isEqualTo("string");
            assertThat(redis.get(ENTRY)).isEqualTo(TEXT);
            assertThat(redis.pttl(ENTRY)).isBetween(TIME_TO_LIVE.toMillis() - 30_000, TIME_TO_LIVE.toMillis());
        });
    }

    @Test
    void readsEntryWrittenByHand() {
        Redis.with(client, redis -> redis.set(ENTRY, TEXT, SetArgs.Builder.px(540_000)));

        AgedUsage found = await(cache.get(KEY)).orElseThrow();

        assertThat(found.usage()).isEqualTo(FIGURE.usage());
        assertThat(found.age()).isBetween(Duration.ofMinutes(1), Duration.ofSeconds(90));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "7",
                "{\"received\":{\"volume\":100,\"bytes\":1024}}",
                "v0 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000",
                "v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600",
                "v2 usage:org-9:2026-03 100/1024 50/512 2026-03-17T01:28:00Z 600000",
            })
    void treatsForeignTextAsMissUntilReplaced(String text) {
        assertAMissThatAPutHeals((redis, entry) -> redis.set(entry, text, SetArgs.Builder.px(540_000)));
        assertATellingAndDeletedMiss((redis, entry) -> redis.set(entry, text, SetArgs.Builder.px(540_000)));
    }

    /** The value is one that the library has written itself, with its expiry. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void treatsRenamedEntryAsMiss(boolean near) {
        UsageKey other = new UsageKey("org-9", KEY.period());
        try (UsageCache reader = near ? Redis.patience(client).buildNearCache() : Redis.patient(client)) {
            await(cache.put(KEY, FIGURE, TIME_TO_LIVE));
            Redis.with(client, redis -> redis.rename(ENTRY, "usage:org-9:2026-03"));
            assertThat(reader.getAll(List.of(other)).values())
                    .allSatisfy(read -> assertThat(await(read)).isEmpty());

            await(cache.put(KEY, FIGURE, TIME_TO_LIVE));
            Redis.with(client, redis -> redis.rename(ENTRY, "usage:org-9:2026-03"));
            assertThat(await(reader.get(other))).isEmpty();
        }
    }

    @Test
    void reportsNeitherPresentNorMissingEntryAsUnreadable() {
        AtomicInteger notifications = new AtomicInteger();
        cache.observe(counting(notifications));
        assertThat(await(cache.get(KEY))).isEmpty();
        await(cache.put(KEY, FIGURE, TIME_TO_LIVE));
        assertThat(await(cache.get(KEY))).isPresent();
        assertThat(notifications).hasValue(0);
    }

    @Test
    void ignoresExceptionsOfListener() {
        cache.observe(new UsageListener() {
            @Override
            public void entryUnreadable(UsageKey key) {
                throw new IllegalStateException("exception of the listener");
            }
        });
        Redis.with(client, redis -> redis.set(ENTRY, "foreign"));
        assertThat(await(cache.get(KEY))).isEmpty();
        eventually("the entry is deleted", () -> await(cache.get(KEY)).isEmpty() && !holds(ENTRY));
    }

    /** Asserts that the listener is notified once per read and the entry is deleted. */
    private void assertATellingAndDeletedMiss(BiConsumer<RedisCommands<String, String>, String> intruder) {
        AtomicInteger notifications = new AtomicInteger();
        cache.observe(counting(notifications));
        Redis.with(client, redis -> intruder.accept(redis, ENTRY));

        assertThat(await(cache.get(KEY))).isEmpty();

        assertThat(notifications).hasValue(1);
        eventually("the entry is deleted", () -> !holds(ENTRY));
    }

    private static UsageListener counting(AtomicInteger notifications) {
        return new UsageListener() {
            @Override
            public void entryUnreadable(UsageKey key) {
                assertThat(key).isEqualTo(KEY);
                notifications.incrementAndGet();
            }
        };
    }

    private boolean holds(String key) {
        AtomicBoolean there = new AtomicBoolean();
        Redis.with(client, redis -> there.set(redis.exists(key) == 1));
        return there.get();
    }

    @Test
    void treatsInvalidUtf8AsMissUntilReplaced() {
        assertAMissThatAPutHeals((redis, entry) -> {
            try (StatefulRedisConnection<String, String> latin1 =
                    client.connect(new StringCodec(StandardCharsets.ISO_8859_1))) {
                latin1.sync().set(entry, TEXT.replace("100", "1\u00ff\u0000"), SetArgs.Builder.px(540_000));
            }
        });
    }

    @Test
    void treatsFigureWithoutExpiryAsMissUntilReplaced() {
        assertAMissThatAPutHeals((redis, entry) -> redis.set(entry, TEXT));
        assertATellingAndDeletedMiss((redis, entry) -> redis.set(entry, TEXT));
        assertAMissThatAPutHeals((redis, entry) -> redis.set(entry, TEXT));
        Redis.with(client, redis -> assertThat(redis.pttl(ENTRY)).isPositive());
    }

    @Test
    void treatsOtherTypesAsMissUntilReplaced() {
        assertAMissThatAPutHeals((redis, entry) -> redis.rpush(entry, TEXT));
        assertAMissThatAPutHeals((redis, entry) -> redis.hset(entry, "v1", TEXT));
        assertAMissThatAPutHeals((redis, entry) -> redis.sadd(entry, TEXT));
        assertAMissThatAPutHeals((redis, entry) -> redis.zadd(entry, 1, TEXT));
        assertAMissThatAPutHeals((redis, entry) -> redis.xadd(entry, Map.of("v1", TEXT)));
    }

    private void assertAMissThatAPutHeals(BiConsumer<RedisCommands<String, String>, String> intruder) {
        Redis.with(client, redis -> {
            redis.del(ENTRY);
            intruder.accept(redis, ENTRY);
        });

        assertThat(await(cache.get(KEY))).isEmpty();

        await(cache.put(KEY, FIGURE, TIME_TO_LIVE));
        assertThat(await(cache.get(KEY)).map(AgedUsage::usage)).contains(FIGURE.usage());
    }

    @Test
    void sendsScriptsAgainWhenServerLosesThem() {
        await(cache.put(KEY, FIGURE, TIME_TO_LIVE));
        for (int times = 0; times < 3; times++) {
            assertThat(await(cache.get(KEY)).map(AgedUsage::usage)).contains(FIGURE.usage());
            Redis.with(client, RedisCommands::scriptFlush);
        }
    }

    @Test
    void sendsScriptOnlyWhenServerLacksIt() {
        await(cache.invalidate(KEY));
        Redis.with(client, RedisCommands::configResetstat);
        for (int times = 0; times < 5; times++) {
            await(cache.invalidate(KEY));
        }
        Redis.with(
                client,
                redis -> assertThat(redis.info("commandstats"))
                        .contains("cmdstat_evalsha:calls=5,")
                        .doesNotContain("cmdstat_eval:"));
    }

    @Test
    void readsByPlainCommands() {
        await(cache.put(KEY, FIGURE, TIME_TO_LIVE));
        Redis.with(client, RedisCommands::configResetstat);
        await(cache.get(KEY));
        Redis.with(
                client,
                redis -> assertThat(redis.info("commandstats"))
                        .contains("cmdstat_get:calls=1,", "cmdstat_pttl:calls=2,")
                        .doesNotContain("cmdstat_eval"));
    }

    @Test
    void findsNothingAfterFlushAndStoresAgain() {
        await(cache.put(KEY, FIGURE, TIME_TO_LIVE));
        Redis.with(client, RedisCommands::flushall);
        assertThat(await(cache.get(KEY))).isEmpty();
        await(cache.put(KEY, FIGURE, TIME_TO_LIVE));
        assertThat(await(cache.get(KEY)).map(AgedUsage::usage)).contains(FIGURE.usage());
    }

    @Test
    void failsWhenTimeToLiveExceedsRedisRange() {
        assertThat(failure(cache.put(KEY, FIGURE, Duration.ofSeconds(Long.MAX_VALUE))))
                .hasMessageContaining("PT2562047788015215H30M7S");
        assertThat(failure(cache.put(KEY, FIGURE, Duration.ofMillis(Long.MAX_VALUE - 10_000))))
                .hasMessageContaining("invalid expire time");

        Duration ages = Duration.ofDays(365 * 100_000L);
        await(cache.put(KEY, FIGURE, ages));
        assertThat(await(cache.get(KEY)).map(AgedUsage::usage)).contains(FIGURE.usage());
    }

    @Test
    void separatesCachesByPrefix() {
        try (UsageCache other = Redis.patience(client).keyPrefix("other").build()) {
            await(cache.put(KEY, FIGURE, TIME_TO_LIVE));
            assertThat(await(other.get(KEY))).isEmpty();
            await(other.put(KEY, FIGURE, TIME_TO_LIVE));
        }
        Redis.with(
                client,
                redis -> assertThat(redis.keys("*"))
                        .containsExactlyInAnyOrder(ENTRY, INDEX, "other:org-123:2026-03", "other:index:{org-123}"));
    }

    @Test
    void deletesUnreadableEntryOnlyIfUnchanged() {
        Script discard = Script.resource("discard.lua");
        try (StatefulRedisConnection<String, String> connection = client.connect()) {
            connection.sync().set(ENTRY, "new");
            await(discard.run(Link.of(connection, new ScriptSupport(client, "Redis")), List.of(ENTRY), "old"));
            assertThat(connection.sync().get(ENTRY)).isEqualTo("new");
            await(discard.run(Link.of(connection, new ScriptSupport(client, "Redis")), List.of(ENTRY), "new"));
            assertThat(connection.sync().exists(ENTRY)).isZero();
        }
    }
}
