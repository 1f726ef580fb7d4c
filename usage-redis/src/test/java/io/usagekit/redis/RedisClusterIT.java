package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lettuce.core.AclSetuserArgs;
import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.SlotHash;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.servers.RedisCluster;
import io.usagekit.testkit.contract.FlightStoreContract;
import io.usagekit.testkit.contract.UsageCacheContract;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

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

    @Test
    void hasNoNearCache() {
        RedisUsage.Builder builder = RedisUsage.builder(client);
        assertThatThrownBy(builder::buildNearCache)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("over which there is no near cache; use build()");
    }
}
