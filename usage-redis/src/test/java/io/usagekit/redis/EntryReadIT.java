package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.AclSetuserArgs;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SetArgs;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.event.command.CommandFailedEvent;
import io.lettuce.core.event.command.CommandListener;
import io.lettuce.core.event.command.CommandSucceededEvent;
import io.lettuce.core.protocol.CommandType;
import io.lettuce.core.protocol.RedisCommand;
import io.lettuce.core.resource.ClientResources;
import io.netty.util.HashedWheelTimer;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.redis.internal.Link;
import io.usagekit.redis.internal.ScriptSupport;
import io.usagekit.servers.RedisServer;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** An entry that another client changes between the commands of a read. */
class EntryReadIT {

    private static final String ENTRY = "usage:org-123:2026-03";
    private static final int BEFORE_GET = 1;
    private static final int AFTER_GET = 2;

    private static RedisServer server;
    private static RedisClient client;
    private StatefulRedisConnection<String, String> connection;
    private RedisCommands<String, String> redis;
    private int reads;

    /** What happens after GET, in addition. */
    private Runnable later = () -> {};

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
    void connect() {
        connection = client.connect();
        redis = connection.sync();
        redis.flushall();
    }

    @AfterEach
    void disconnect() {
        connection.close();
    }

    @Test
    void readsAgainWhenAValueThatLivesLongerReplacesTheEntryBeforeGet() {
        set("old", 10_000);
        assertRead(readWhile(BEFORE_GET, replace -> set("new", 600_000)), "new", 600_000);
        assertThat(reads).isEqualTo(2);
    }

    @Test
    void readsAgainWhenAValueThatLivesLongerReplacesTheEntryAfterGet() {
        set("old", 10_000);
        assertRead(readWhile(AFTER_GET, replace -> set("new", 600_000)), "new", 600_000);
        assertThat(reads).isEqualTo(2);
    }

    @Test
    void readsAgainWhenAValueThatExpiresMuchSoonerReplacesTheEntryAfterGet() {
        set("old", 600_000);
        assertRead(readWhile(AFTER_GET, replace -> set("new", 10_000)), "new", 10_000);
        assertThat(reads).isEqualTo(2);
    }

    @Test
    void readsAgainWhenTheEntryIsStoredAfterTheFirstCommand() {
        assertRead(readWhile(BEFORE_GET, store -> set("new", 600_000)), "new", 600_000);
        assertThat(reads).isEqualTo(2);
    }

    @Test
    void findsNothingWhenTheEntryIsDeletedAfterGet() {
        set("old", 600_000);
        assertThat(readWhile(AFTER_GET, delete -> redis.del(ENTRY))).containsExactly(null, -2L);
        assertThat(reads).isEqualTo(1);
    }

    @Test
    void readsAgainWhenTheEntryIsMissingForGetOnly() {
        set("old", 600_000);
        later = () -> set("new", 600_000);
        assertRead(readWhile(BEFORE_GET, delete -> redis.del(ENTRY)), "new", 600_000);
        assertThat(reads).isEqualTo(2);
    }

    @Test
    void readsOnceWhenNothingChanges() {
        set("old", 600_000);
        assertRead(readWhile(AFTER_GET, nothing -> {}), "old", 600_000);
        assertThat(reads).isEqualTo(1);
    }

    @Test
    void readsNoValueOfAnotherType() {
        redis.sadd(ENTRY, "member");
        assertThat(readWhile(AFTER_GET, nothing -> {})).containsExactly(null, -1L);
    }

    @Test
    void readsAValueWithoutExpiry() {
        redis.set(ENTRY, "for ever");
        assertThat(readWhile(AFTER_GET, nothing -> {})).containsExactly("for ever", -1L);
    }

    private void set(String value, long millis) {
        redis.set(ENTRY, value, SetArgs.Builder.px(millis));
    }

    /** The remaining time to live is that of this value: at most half of it has passed. */
    private static void assertRead(List<Object> answer, String value, long millis) {
        assertThat(answer.get(0)).isEqualTo(value);
        assertThat((Long) answer.get(1)).isBetween(millis / 2, millis);
    }

    @Test
    void withdrawsEachReadOfSeveralThatTimeOutTogether() {
        List<RedisCommand<String, String, ?>> sent = new ArrayList<>();
        CompletableFuture<List<Object>> answer =
                CacheEntry.sendEach(link(sent::addAll), List.of("usage:org-1:2026-03", "usage:org-2:2026-03"));
        answer.completeExceptionally(new TimeoutException());
        assertThat(sent).hasSize(6).allMatch(RedisCommand::isCancelled);
    }

    /** Lettuce sets a timer for each command where the client's timeout is the shorter one, and where the library doesn't switch it off. */
    @ParameterizedTest
    @ValueSource(strings = {"PT1S", "PT1M"})
    void leavesNoTimerOfTheClientBehind(Duration commandTimeout) {
        HashedWheelTimer timer = new HashedWheelTimer();
        ClientResources resources = ClientResources.builder().timer(timer).build();
        RedisClient own = RedisClient.create(resources, server.url() + "?timeout=59s");
        own.setOptions(
                ClientOptions.builder().timeoutOptions(TimeoutOptions.enabled()).build());
        try (UsageCache cache =
                RedisUsage.builder(own).commandTimeout(commandTimeout).build()) {
            for (int i = 0; i < 20; i++) {
                await(cache.get(new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)))));
            }
            eventually("no timer is left", () -> timer.pendingTimeouts() == 0);
        } finally {
            own.shutdown();
            var unused = resources.shutdown();
            var unusedToo = timer.stop();
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {"PTTL | PTTL, GET: NOPERM, PTTL", "GET | PTTL: NOPERM, GET, PTTL: NOPERM"})
    void reportsRefusedCommandsToListenersOfTheClient(CommandType permitted, String expected) {
        redis.aclSetuser(
                "reader",
                AclSetuserArgs.Builder.reset()
                        .on()
                        .addPassword("secret")
                        .allKeys()
                        .addCommand(permitted));
        RedisURI reader = RedisURI.builder(RedisURI.create(server.url()))
                .withAuthentication("reader", "secret")
                .build();
        assertThat(reported(reader, failure -> assertThat(failure).hasMessageStartingWith("NOPERM")))
                .isEqualTo(expected);
    }

    @Test
    void reportsAValueOfAnotherTypeToListenersOfTheClientOnly() {
        redis.sadd(ENTRY, "member");
        assertThat(reported(
                        RedisURI.create(server.url()),
                        failure -> assertThat(failure).isNull()))
                .isEqualTo("PTTL, GET: WRONGTYPE, PTTL");
    }

    /** Reads by a client of its own, and returns the commands that its listener is called with, and the errors of those that failed. */
    private static String reported(RedisURI uri, Consumer<Throwable> expectation) {
        List<String> commands = new CopyOnWriteArrayList<>();
        RedisClient own = RedisClient.create(uri);
        own.addListener(new CommandListener() {
            @Override
            public void commandSucceeded(CommandSucceededEvent event) {
                commands.add(event.getCommand().getType().toString());
            }

            @Override
            public void commandFailed(CommandFailedEvent event) {
                String error = String.valueOf(event.getCause().getMessage());
                commands.add(event.getCommand().getType() + ": " + error.substring(0, error.indexOf(' ')));
            }
        });
        try (StatefulRedisConnection<String, String> observed = own.connect()) {
            Link link = Link.of(observed, new ScriptSupport(own, "Redis"));
            expectation.accept(await(
                    EntryRead.send(link, ENTRY, (value, left) -> left).<Throwable>handle((left, error) -> error)));
            eventually("the last command is reported", () -> commands.size() == 3);
        } finally {
            own.shutdown();
        }
        return String.join(", ", commands);
    }

    private Link link(Consumer<Collection<RedisCommand<String, String, ?>>> dispatch) {
        return Link.of(connection(dispatch), new ScriptSupport(client, "Redis"));
    }

    /** Reads, and changes the entry once, after this many commands of the first read. */
    private List<Object> readWhile(int commands, Consumer<String> change) {
        return await(EntryRead.send(
                link(sent -> dispatch(sent, commands, change)),
                ENTRY,
                (value, left) ->
                        Arrays.asList(value == null ? null : new String(value, StandardCharsets.UTF_8), left)));
    }

    @SuppressWarnings("unchecked")
    private StatefulRedisConnection<String, String> connection(
            Consumer<Collection<RedisCommand<String, String, ?>>> dispatch) {
        return (StatefulRedisConnection<String, String>) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {StatefulRedisConnection.class}, (proxy, method, given) -> {
                    if (!method.getName().equals("dispatch")) {
                        throw new UnsupportedOperationException(method.toString());
                    }
                    dispatch.accept((Collection<RedisCommand<String, String, ?>>) given[0]);
                    return null;
                });
    }

    private void dispatch(Collection<RedisCommand<String, String, ?>> sent, int commands, Consumer<String> change) {
        boolean isFirstRead = ++reads == 1;
        int count = 0;
        for (RedisCommand<String, String, ?> command : sent) {
            if (isFirstRead) {
                redis.ping(); // what was sent before has been executed
            }
            if (isFirstRead && count == commands) {
                change.accept(ENTRY);
            }
            if (isFirstRead && count == AFTER_GET) {
                later.run();
            }
            count++;
            connection.dispatch(command);
        }
    }
}
