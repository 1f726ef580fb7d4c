package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static org.assertj.core.api.Assertions.assertThat;

import com.github.benmanes.caffeine.cache.Caffeine;
import io.lettuce.core.AclSetuserArgs;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.SlotHash;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.servers.RedisCluster;
import io.usagekit.testkit.FaultyProxy;
import io.usagekit.testkit.contract.FlightStoreContract;
import io.usagekit.testkit.contract.UsageCacheContract;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Runs the contracts of one server on a cluster of three masters. */
class RedisClusterIT {

    private static RedisClusterClient client;
    private static RedisClusterClient other;

    @BeforeAll
    static void start() {
        client = SharedCluster.client();
        other = SharedCluster.client();
    }

    @AfterAll
    static void stop() {
        client.shutdown();
        other.shutdown();
    }

    @Nested
    class Cache extends UsageCacheContract {

        @Override
        protected UsageCache openCache() {
            SharedCluster.empty();
            return SharedCluster.patience(client).build();
        }

        @Override
        protected void elapse(Duration duration) {
            SharedCluster.elapse(duration);
        }

        @Override
        protected OptionalLong heldEntries() {
            return OptionalLong.of(SharedCluster.keys());
        }
    }

    @Nested
    class NearCache extends UsageCacheContract {

        private final AtomicLong elapsed = new AtomicLong();
        private final ConcurrentMap<UsageKey, NearStore.Slot> memory = Caffeine.newBuilder()
                .maximumSize(200)
                .executor(Runnable::run)
                .<UsageKey, NearStore.Slot>build()
                .asMap();

        @Override
        protected UsageCache openCache() {
            SharedCluster.empty();
            return SharedCluster.patience(client)
                    .settings()
                    .openNearCache(
                            new NearStore(memory), () -> System.nanoTime() + elapsed.get(), TrackingSupervisor.RETRY);
        }

        @Override
        protected void elapse(Duration duration) {
            SharedCluster.elapse(duration);
            elapsed.addAndGet(duration.toNanos());
        }

        @Override
        protected OptionalLong heldEntries() {
            return OptionalLong.of(memory.size() + SharedCluster.keys());
        }
    }

    @Nested
    class Flights extends FlightStoreContract {

        @Override
        protected FlightStore openStore() {
            SharedCluster.empty();
            return SharedCluster.patience(client).settings().openFlightStore();
        }

        @Override
        protected FlightStore openSecondStore() {
            return SharedCluster.patience(other).settings().openFlightStore();
        }

        @Override
        protected UsageCache openCache() {
            return SharedCluster.patience(other).build();
        }

        @Override
        protected void elapse(Duration duration) {
            SharedCluster.elapse(duration);
        }
    }

    @Test
    void keepsFiguresOnAllMasters() {
        SharedCluster.empty();
        List<UsageKey> keys =
                IntStream.range(0, 50).mapToObj(RedisOutageFixture::key).toList();
        try (UsageCache cache = SharedCluster.patience(client).build()) {
            for (int i = 0; i < keys.size(); i++) {
                await(RedisOutageFixture.put(cache, i));
            }
            Map<UsageKey, CompletionStage<Optional<AgedUsage>>> found = cache.getAll(keys);
            for (int i = 0; i < keys.size(); i++) {
                assertThat(await(Objects.requireNonNull(found.get(keys.get(i)), "no stage"))
                                .map(AgedUsage::usage))
                        .contains(RedisOutageFixture.figure(i));
            }
        }
        assertThat(keys.stream().map(key -> RedisCluster.masterOf(SlotHash.getSlot(new RedisKeys("usage").of(key)))))
                .contains(0, 1, 2);
    }

    @Test
    void keepsWhatOneScriptNeedsInOneSlot() {
        RedisKeys keys = new RedisKeys("usage");
        String entry = keys.of(RedisOutageFixture.key(1));
        assertThat(keys.all(entry).stream().map(SlotHash::getSlot).distinct()).hasSize(1);
    }

    @Test
    void leavesInvalidationsToCachesOfItsClientOnly() {
        try (FlightStore store = SharedCluster.patience(client).settings().openFlightStore();
                UsageCache ofItsClient = SharedCluster.patience(client).build();
                UsageCache ofAnother = SharedCluster.patience(other).build()) {
            assertThat(store.isInvalidatedBy(ofItsClient)).isTrue();
            assertThat(store.isInvalidatedBy(ofAnother)).isFalse();
        }
    }

    @Test
    void connectsToEachNodeAsTheClientsAddressSays() {
        SharedCluster.with(redis -> redis.aclSetuser(
                "app",
                AclSetuserArgs.Builder.on().addPassword("secret").allKeys().allCommands()));
        RedisURI address = RedisURI.builder(RedisURI.create(SharedCluster.url()))
                .withAuthentication("app", "secret")
                .build();
        RedisClusterClient app = RedisClusterClient.create(address);
        try (UsageCache cache = SharedCluster.patience(app).build()) {
            assertThat(await(cache.get(RedisOutageFixture.key(1)))).isEmpty();
            SharedCluster.with(redis -> assertThat(redis.clientList()).contains("user=app"));
        } finally {
            app.shutdown();
            SharedCluster.with(redis -> redis.aclDeluser("app"));
        }
    }

    /** Nodes have users of their own: what one of them refuses says nothing of the others. */
    @ParameterizedTest
    @CsvSource({"-@scripting,refuses scripts", "-@pubsub,refuses to publish wake-ups"})
    void reportsOnceWhatOneNodeRefuses(String rule, String message) {
        SharedCluster.empty();
        SharedCluster.with(redis -> allow(redis, "+@all"));
        SharedCluster.with(0, redis -> allow(redis, rule));
        RedisClusterClient app = RedisClusterClient.create(RedisURI.builder(RedisURI.create(SharedCluster.url()))
                .withAuthentication("app", "secret")
                .build());
        try (CapturedLog log = new CapturedLog();
                UsageCache cache = SharedCluster.patience(app).build()) {
            for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 30; i++) {
                    await(RedisOutageFixture.put(cache, i));
                    await(cache.invalidate(RedisOutageFixture.key(i)));
                }
            }
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("Redis node " + SharedCluster.url().substring("redis://".length()) + " " + message);
            assertThat(log.lines("INFO")).isEmpty();
        } finally {
            app.shutdown();
            SharedCluster.with(redis -> redis.aclDeluser("app"));
        }
    }

    private static void allow(RedisCommands<String, String> redis, String rule) {
        redis.dispatch(
                CommandType.ACL,
                new StatusOutput<>(StringCodec.UTF8),
                new CommandArgs<>(StringCodec.UTF8)
                        .add("SETUSER")
                        .add("app")
                        .add("on")
                        .add(">secret")
                        .add("~*")
                        .add("&*")
                        .add(rule));
    }

    @Test
    void reportsNothingWhileConnectingTakesLongerThanACommand() {
        URI node = URI.create(SharedCluster.url());
        try (FaultyProxy proxy = FaultyProxy.to(node.getHost(), node.getPort());
                CapturedLog log = new CapturedLog()) {
            proxy.freeze();
            RedisClusterClient slow = RedisClusterClient.create("redis://" + proxy.host() + ":" + proxy.port());
            CompletableFuture<UsageCache> opened = CompletableFuture.supplyAsync(() -> RedisUsage.builder(slow)
                    .commandTimeout(Duration.ofMillis(1_500))
                    .connectTimeout(Duration.ofSeconds(60))
                    .build());
            Redis.eventually("it connects", () -> proxy.connections() > 0);
            long began = System.nanoTime();
            Redis.eventually("commandTimeout passes", () -> System.nanoTime() - began > 1_600_000_000L);
            proxy.pass();
            try (UsageCache cache = await(opened)) {
                assertThat(log.lines("WARN")).isEmpty();
                assertThat(cache.stats().shared()).isEqualTo(UsageCache.Condition.UP);
            } finally {
                slow.shutdown();
            }
        }
    }

    /** An administrator may kill a connection; the other masters' are as good as before. */
    @Test
    void removesOnlyFiguresOfTheMasterWhoseConnectionWasLost() {
        SharedCluster.empty();
        List<String> notifications = new CopyOnWriteArrayList<>();
        int lost = ClusterFixture.figuresOf(0).get(0);
        int kept = ClusterFixture.figuresOf(1).get(0);
        try (UsageCache writer = SharedCluster.patience(other).build();
                UsageCache cache = SharedCluster.patience(client).buildNearCache()) {
            cache.observe(NearCacheFixture.recording(notifications));
            for (int i : List.of(lost, kept)) {
                NearCacheFixture.write(writer, i, 1);
                NearCacheFixture.load(cache, i);
            }
            assertThat(NearCacheFixture.killTracking(SharedCluster.master(0))).isEqualTo(1);
            Redis.eventually("tracking is regained", () -> notifications.size() == 2);
            assertThat(notifications.get(0)).startsWith("lost: Redis node 127.0.0.1:");
            // Changes during the outage are unknown. Another thread than that of the report removes.
            Redis.eventually(
                    "a figure of the lost connection is removed",
                    () -> NearCacheFixture.fallback(cache, lost).isEmpty());
            Redis.eventually(
                    "one of another master is served",
                    () -> NearCacheFixture.near(cache, kept).equals(Optional.of(1L)));
            NearCacheFixture.load(cache, lost);
            NearCacheFixture.write(writer, lost, 2);
            NearCacheFixture.write(writer, kept, 2);
            for (int i : List.of(lost, kept)) {
                Redis.eventually(
                        "the change arrives",
                        () -> NearCacheFixture.get(cache, i).equals(Optional.of(2L)));
            }
        }
    }

    @Test
    void tracksWithDocumentedPermissions() {
        SharedCluster.with(redis -> List.of("-@all", "+get", "+pttl", "+ping", "+client|tracking", "+cluster|nodes")
                .forEach(rule -> allow(redis, rule)));
        int figure = ClusterFixture.figuresOf(0).get(0);
        RedisClusterClient app = RedisClusterClient.create(RedisURI.builder(RedisURI.create(SharedCluster.url()))
                .withAuthentication("app", "secret")
                .build());
        try (UsageCache writer = SharedCluster.patience(other).build();
                UsageCache cache = SharedCluster.patience(app).buildNearCache()) {
            NearCacheFixture.write(writer, figure, 1);
            NearCacheFixture.load(cache, figure);
            NearCacheFixture.write(writer, figure, 2);
            Redis.eventually(
                    "the change arrives",
                    () -> NearCacheFixture.get(cache, figure).equals(Optional.of(2L)));
        } finally {
            app.shutdown();
            SharedCluster.with(redis -> redis.aclDeluser("app"));
        }
    }
}
