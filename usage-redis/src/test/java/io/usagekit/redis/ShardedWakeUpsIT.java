package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.RedisOutageFixture.key;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lettuce.core.AclSetuserArgs;
import io.lettuce.core.KillArgs;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.SlotHash;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.servers.RedisCluster;
import io.usagekit.servers.RedisExecutable;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Wake-ups over a cluster of Redis 7 or later. */
@Tag("thorough")
class ShardedWakeUpsIT extends ClusterFixture {

    private static final Duration LEASE = Duration.ofSeconds(60);

    private final AtomicInteger wakeUps = new AtomicInteger();

    /** Sharded publications came with Redis 7, and the embedded servers are older: skipped, aloud, where no newer executable is installed or named. */
    @Override
    RedisCluster startCluster(String... settings) {
        assumeTrue(RedisExecutable.modern().isPresent(), () -> RedisExecutable.announceSkipped(ShardedWakeUpsIT.class));
        return RedisCluster.start(RedisExecutable.modern().orElseThrow(), settings);
    }

    private FlightStore open() {
        return builder().settings().openFlightStore();
    }

    private FlightStore.Registration register(FlightStore store, int i) {
        return store.onWakeUp(key(i), wakeUps::incrementAndGet);
    }

    /** Returns the number of calls of a command at a node, those of scripts included. */
    private long calls(int node, String command) {
        RedisClient one = RedisClient.create(cluster.node(node).url());
        long calls = Redis.calls(one, command);
        one.shutdown();
        return calls;
    }

    /** Returns a figure whose entry and shard were this master's at first, and in different slots. */
    private static int figureOf(int master) {
        return IntStream.iterate(1, i -> i + 1)
                .filter(i -> masterOf(i) == master && RedisCluster.masterOf(slotOfShard(i)) == master)
                .filter(i -> slot(i) != slotOfShard(i))
                .findFirst()
                .orElseThrow();
    }

    private static String shard(int i) {
        return KEYS.shard(KEYS.of(key(i)));
    }

    private static int slotOfShard(int i) {
        return SlotHash.getSlot(shard(i));
    }

    private long subscribers(int node, int i) {
        long[] count = new long[1];
        with(node, redis -> count[0] = redis.pubsubShardNumsub(shard(i)).getOrDefault(shard(i), 0L));
        return count[0];
    }

    private static void acquire(FlightStore store, int i) {
        eventually("the lease is acquired", () -> succeeds(store.acquire(key(i), request("token"))));
    }

    private static LeaseRequest request(String token) {
        return new LeaseRequest(token, LEASE, Duration.ZERO, OptionalLong.empty());
    }

    /** Acquires and releases until a release wakes: those before the subscription are lost. */
    private void assertWakes(FlightStore store, int i) {
        eventually("a wake-up arrives", () -> {
            int before = wakeUps.get();
            acquire(store, i);
            return succeeds(store.release(key(i), "token")) && wakeUps.get() > before;
        });
    }

    /** Returns how many publications of scripts a node has refused for want of a permission. */
    private long refusedPublications(int node) {
        AtomicLong refused = new AtomicLong();
        with(
                node,
                redis -> redis.aclLog().stream()
                        .filter(entry -> "lua".equals(entry.get("context")))
                        .forEach(entry -> refused.addAndGet(Long.parseLong(String.valueOf(entry.get("count"))))));
        return refused.get();
    }

    private void move(int slot, int from, int to) {
        with(to, redis -> redis.clusterSetSlotImporting(slot, cluster.id(from)));
        with(from, redis -> redis.clusterSetSlotMigrating(slot, cluster.id(to)));
        List.of(to, from).forEach(node -> with(node, redis -> redis.clusterSetSlotNode(slot, cluster.id(to))));
    }

    @Test
    void wakesByTheNodesOfTheShardAlone() {
        int figure = figureOf(0);
        try (FlightStore leading = open();
                FlightStore waiting = open();
                FlightStore.Registration waits = register(waiting, figure)) {
            assertThat(waits).isNotNull();
            assertThat(subscribers(0, figure)).isEqualTo(2);
            acquire(leading, figure);
            await(leading.release(key(figure), "token"));
            eventually("the release wakes", () -> wakeUps.get() == 1);
            await(leading.invalidate(key(figure)));
            eventually("the invalidation wakes", () -> wakeUps.get() == 2);
            assertThat(calls(0, "spublish")).isEqualTo(2);
            assertThat(calls(0, "publish")).isZero();

            // As processes of an earlier version do, and nodes without sharded channels.
            with(1, redis -> redis.publish(KEYS.wakeUps(), KEYS.of(key(figure))));
            eventually("the publication to all nodes wakes", () -> wakeUps.get() == 3);

            with(0, redis -> redis.clientKill(KillArgs.Builder.typePubsub()));
            eventually("it has subscribed again", () -> subscribers(0, figure) > 0);
            assertWakes(leading, figure);
        }
        assertThat(log.lines("WARN")).isEmpty();
    }

    @Test
    void followsSlotsThatMoveAndAFailover() {
        int figure = figureOf(1);
        try (FlightStore leading = open();
                FlightStore waiting = open();
                FlightStore.Registration leads = leading.onWakeUp(key(figure), () -> {});
                FlightStore.Registration waits = register(waiting, figure)) {
            assertThat(List.of(leads, waits)).hasSize(2);
            move(slotOfShard(figure), 1, 2);
            eventually("both have subscribed at the new master", () -> subscribers(2, figure) == 2);
            assertWakes(leading, figure); // by all nodes: the entry isn't where the channel is
            assertThat(calls(1, "publish")).isPositive();

            move(slot(figure), 1, 2);
            assertWakes(leading, figure);
            eventually("the shard's node publishes", () -> {
                assertWakes(leading, figure);
                return calls(2, "spublish") > 0;
            });

            failOver(2, 2 + RedisCluster.MASTERS);
            assertWakes(leading, figure);
            eventually("both have subscribed at the replica", () -> {
                acquire(leading, figure);
                acquire(waiting, figure);
                return subscribers(2 + RedisCluster.MASTERS, figure) == 2;
            });
            assertWakes(leading, figure);
        }
    }

    /**
     * A master ends the subscriptions of a slot that it loses; here it has it again before anybody can ask. Which master has which slot is asked once a
     * second, so that at least the second time nobody does.
     */
    @Test
    void subscribesAgainWithTheNextCallWhereNoSlotHasMoved() {
        int figure = figureOf(0);
        try (FlightStore leading = open();
                FlightStore waiting = open()) {
            acquire(leading, figure);
            for (int time = 1; time <= 3; time++) {
                with(0, redis -> {
                    redis.multi();
                    redis.clusterSetSlotNode(slotOfShard(figure), cluster.id(1));
                    redis.clusterSetSlotNode(slotOfShard(figure), cluster.id(0));
                    assertThat(redis.exec().wasDiscarded()).isFalse();
                });
                eventually(
                        "who finds the lease held subscribes again, time " + time,
                        () -> await(waiting.acquire(key(figure), request("other"))) instanceof Acquisition.Held
                                && subscribers(0, figure) > 0);
            }
        }
    }

    /** The user of the previous version, who may publish and subscribe on one channel. */
    @Test
    void wakesByAllNodesWhereShardsAreRefused() {
        int figure = figureOf(0);
        for (int node = 0; node < RedisCluster.MASTERS; node++) {
            with(
                    node,
                    redis -> redis.aclSetuser(
                            "app",
                            AclSetuserArgs.Builder.on()
                                    .addPassword("secret")
                                    .allKeys()
                                    .resetChannels()
                                    .channelPattern(KEYS.wakeUps())
                                    .allCommands()));
        }
        RedisClusterClient app = RedisClusterClient.create(
                RedisURI.builder(RedisURI.create(cluster.node(0).url()))
                        .withAuthentication("app", "secret")
                        .build());
        try (FlightStore leading = RedisUsage.builder(app).settings().openFlightStore();
                FlightStore waiting = RedisUsage.builder(app).settings().openFlightStore();
                FlightStore.Registration waits = register(waiting, figure)) {
            assertThat(waits).isNotNull();
            assertWakes(leading, figure);
            assertWakes(leading, figure);
            assertThat(calls(0, "spublish")).isZero();
            assertThat(refusedPublications(0))
                    .as("SPUBLISH isn't tried again after a refusal")
                    .isOne();
            assertThat(log.lines("WARN"))
                    .hasSize(RedisCluster.MASTERS)
                    .allMatch(line -> line.contains("refuses subscriptions to sharded wake-ups"));
        } finally {
            app.shutdown();
        }
    }
}
