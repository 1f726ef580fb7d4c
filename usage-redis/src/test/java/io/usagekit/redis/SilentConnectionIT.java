package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.succeeds;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.protocol.ProtocolVersion;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Registration;
import io.usagekit.UsageCache;
import io.usagekit.UsageCache.Condition;
import io.usagekit.testkit.FaultyProxy;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Connections that end without an event, servers that hang while others answer, and networks slower than the timeout. */
class SilentConnectionIT extends RedisOutageFixture {

    private static final Duration TIMEOUT = Duration.ofSeconds(1);
    private static final Duration LEASE = Duration.ofSeconds(30);

    private FaultyProxy proxy;
    private RedisClient own;

    @BeforeEach
    void openProxy() {
        URI address = URI.create(server.url());
        proxy = FaultyProxy.to(address.getHost(), address.getPort());
        own = RedisClient.create("redis://" + proxy.host() + ":" + proxy.port());
    }

    @AfterEach
    void closeProxy() {
        proxy.close();
        own.shutdown();
    }

    @ParameterizedTest
    @EnumSource(names = {"RESP2", "RESP3"})
    void replacesEveryConnectionThatIsSilent(ProtocolVersion protocol) {
        own.setOptions(ClientOptions.builder().protocolVersion(protocol).build());
        AtomicInteger woken = new AtomicInteger();
        try (UsageCache cache = redis().build();
                FlightStore store = redis().settings().openFlightStore();
                FlightStore other = Redis.patientStore(client);
                Registration waits = store.onWakeUp(key(1), woken::incrementAndGet)) {
            putAndFind(cache, 1);
            await(store.acquire(key(2), request("token")));
            int subscribed = woken.get();

            proxy.swallow();

            List<CompletionStage<?>> lost =
                    List.of(cache.get(key(1)), store.renew(key(2), "token", LEASE), put(cache, 3));
            lost.forEach(Redis::failure);
            eventually("commands of the cache are answered", () -> succeeds(cache.get(key(1))));
            eventually(
                    "commands of the flight store are answered", () -> succeeds(store.renew(key(2), "token", LEASE)));
            eventually("the registered action runs once subscribed again", () -> woken.get() > subscribed);
            int before = woken.get();
            await(other.acquire(key(1), request("other")));
            await(other.release(key(1), "other"));
            eventually("wake-ups are received", () -> woken.get() > before);
            assertThat(waits).isNotNull();
        }
        assertThat(log.lines("WARN")).doesNotHaveDuplicates();
        assertThat(log.lines("WARN").stream().filter(line -> line.contains("unavailable")))
                .hasSize(1);
    }

    /** The near cache as before: its link already proved itself each heartbeat. */
    @Test
    void nearCacheServesAgainAfterItsConnectionsWereSwallowed() {
        try (UsageCache cache = redis().heartbeat(Duration.ofMillis(100)).buildNearCache()) {
            await(put(cache, 1));
            NearCacheFixture.load(cache, 1);
            proxy.swallow();
            Redis.failure(put(cache, 2));
            eventually("writes are answered", () -> succeeds(put(cache, 2)));
            NearCacheFixture.load(cache, 1);
        }
    }

    @Test
    void connectsElsewhereWhileAnAttemptHangs() throws IOException {
        try (ServerSocket mute = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                UsageCache cache = toMute(mute).build();
                UsageCache near = toMute(mute).buildNearCache();
                FlightStore store = toMute(mute).settings().openFlightStore()) {
            assertThat(connectThreads()).isNotEmpty();
            URI live = URI.create(server.url());
            proxy.redirect(live.getHost(), live.getPort());

            eventually("the cache connects", () -> succeeds(put(cache, 1)));
            eventually("the flight store connects", () -> succeeds(store.acquire(key(2), request("token"))));
            NearCacheFixture.load(near, 1);
            proxy.cutOnce(); // the attempts that hang
        }
    }

    /** No call is made meanwhile: the load that waits is all that asks for the connection. */
    @Test
    void goesOnConnectingForWakeUpsWhileALoadWaits() throws IOException {
        AtomicInteger woken = new AtomicInteger();
        try (ServerSocket refusing = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                FlightStore store = redis().settings().openFlightStore();
                Registration waits = store.onWakeUp(key(1), woken::incrementAndGet)) {
            refusing.setSoTimeout((int) SLACK.toMillis());
            int subscribed = woken.get();
            proxy.redirect("127.0.0.1", refusing.getLocalPort());
            proxy.swallow();
            for (int attempt = 0; attempt < 3; attempt++) {
                refusing.accept().close();
            }
            URI live = URI.create(server.url());
            proxy.redirect(live.getHost(), live.getPort());

            eventually("the registered action runs once subscribed again", () -> woken.get() > subscribed);
            eventually(
                    "the incident has ended",
                    () -> log.lines("INFO").stream().anyMatch(line -> line.contains("sends wake-ups again")));
            assertThat(waits).isNotNull();
        }
    }

    /** The confirmation of a subscription may arrive late, and says nothing about what follows. */
    @Test
    void wakeUpsAreBackOnceAPingIsAnsweredInTime() {
        Duration timeout = Duration.ofMillis(200);
        AtomicInteger woken = new AtomicInteger();
        try (FlightStore store = redis().commandTimeout(timeout).settings().openFlightStore();
                Registration waits = store.onWakeUp(key(1), woken::incrementAndGet)) {
            int subscribed = woken.get();
            proxy.slow(timeout.multipliedBy(2)); // longer than twice the timeout for a response
            eventually("another connection is subscribed", () -> woken.get() > subscribed);
            long pings = Redis.calls(client, "ping");
            eventually("it is sent PINGs", () -> Redis.calls(client, "ping") > pings);
            assertThat(log.lines("INFO")).isEmpty();

            proxy.pass();
            eventually("the incident has ended", () -> !log.lines("INFO").isEmpty());
            assertThat(log.lines("INFO")).singleElement().asString().contains("sends wake-ups again");
            assertThat(waits).isNotNull();
        }
        assertThat(log.lines("WARN")).hasSize(1);
    }

    private RedisUsage.Builder toMute(ServerSocket mute) {
        proxy.redirect("127.0.0.1", mute.getLocalPort());
        return redis().connectTimeout(Duration.ofMillis(100));
    }

    /** A round trip of 300 ms and a timeout of 200 ms: some connections are replaced, until the patience is longer than that. */
    @Test
    void logsOneIncidentWhileTheNetworkIsSlowerThanTheTimeout() {
        Duration timeout = Duration.ofMillis(200);
        try (UsageCache cache = redis().commandTimeout(timeout)
                .heartbeat(Duration.ofMillis(100))
                .buildNearCache()) {
            eventually("connected", () -> succeeds(put(cache, 1)));
            NearCacheFixture.load(cache, 1);
            int regained = log.lines("INFO").size();
            int lost = log.lines("WARN").size();
            long connected = connectionsSoFar();
            proxy.slow(Duration.ofMillis(150));
            long began = System.nanoTime();
            int failed = 0;
            while (System.nanoTime() - began < Duration.ofSeconds(4).toNanos()) {
                failed += succeeds(cache.get(key(1))) ? 0 : 1;
                Redis.failure(put(cache, 2));
            }
            assertThat(failed).isPositive();
            assertThat(log.lines("WARN").size() - lost)
                    .as("one of Redis, one of the near cache")
                    .isBetween(1, 2);
            assertThat(log.lines("INFO")).hasSize(regained);
            assertThat(connectionsSoFar() - connected).as("new connections").isLessThan(7);

            proxy.pass();
            eventually("calls succeed", () -> succeeds(put(cache, 2)));
            NearCacheFixture.load(cache, 2);
        }
    }

    @Test
    void attemptsToTrackLessAndLessOftenWhileRedisRefuses() {
        own.setOptions(
                ClientOptions.builder().protocolVersion(ProtocolVersion.RESP2).build());
        try (UsageCache cache =
                redis().settings().openNearCache(NearCacheFixture.entries(), System::nanoTime, Duration.ofMillis(10))) {
            long connected = connectionsSoFar();
            long began = System.nanoTime();
            eventually(
                    "a second has passed",
                    () -> System.nanoTime() - began > Duration.ofSeconds(1).toNanos());
            assertThat(connectionsSoFar() - connected)
                    .as("new connections, of which one reads this number")
                    .isBetween(1L, 9L);
            assertThat(succeeds(cache.get(key(1)))).isTrue();
        }
        assertThat(log.lines("WARN")).singleElement().asString().contains("RESP3");
    }

    /** A network that is slow isn't a refusal: the near cache works again as soon as the network does. */
    @Test
    void attemptsToTrackAsOftenAsEverWhileTheNetworkIsSlow() {
        proxy.slow(Duration.ofMillis(20));
        RedisSettings settings = redis().commandTimeout(Duration.ofMillis(1))
                .connectTimeout(Duration.ofMillis(200))
                .settings();
        try (UsageCache cache =
                settings.openNearCache(NearCacheFixture.entries(), System::nanoTime, Duration.ofMillis(100))) {
            long connected = connectionsSoFar();
            AtomicInteger readings = new AtomicInteger();
            eventually( // after ten refusals in a row it would take 100 s
                    "ten more connections", () -> connectionsSoFar() - connected - readings.incrementAndGet() >= 10);
            assertThat(cache.stats().tracking()).isEqualTo(Condition.DOWN);
        }
    }

    private long connectionsSoFar() {
        long[] count = new long[1];
        Redis.with(client, redis -> {
            Matcher total = Pattern.compile("total_connections_received:(\\d+)").matcher(redis.info("stats"));
            assertThat(total.find()).isTrue();
            count[0] = Long.parseLong(total.group(1));
        });
        return count[0];
    }

    private RedisUsage.Builder redis() {
        return RedisUsage.builder(own).commandTimeout(TIMEOUT).connectTimeout(Duration.ofSeconds(20));
    }

    private static LeaseRequest request(String token) {
        return new LeaseRequest(token, LEASE, Duration.ZERO, OptionalLong.empty());
    }
}
