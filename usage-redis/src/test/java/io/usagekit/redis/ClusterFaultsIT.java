package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.RedisOutageFixture.figure;
import static io.usagekit.redis.RedisOutageFixture.key;
import static io.usagekit.redis.RedisOutageFixture.put;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.KillArgs;
import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.SlotHash;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.UsageCache;
import io.usagekit.servers.RedisCluster;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A cluster whose slots move and whose nodes end, hang and come back. */
class ClusterFaultsIT extends ClusterFixture {

    private static void assertFound(UsageCache cache, int i) {
        assertThat(await(cache.get(key(i))).map(AgedUsage::usage)).contains(figure(i));
    }

    private static LeaseRequest request(String token) {
        return new LeaseRequest(token, Duration.ofSeconds(30), Duration.ZERO, OptionalLong.empty());
    }

    @Test
    void followsASlotWhileItMoves() {
        int stays = 1;
        int moves = figureInSlotOf(stays);
        int absent = figureInSlotOf(moves);
        int from = masterOf(stays);
        int to = (from + 1) % RedisCluster.MASTERS;
        int slot = slot(stays);
        try (UsageCache cache = builder().build();
                FlightStore store = builder().settings().openFlightStore()) {
            await(put(cache, stays));
            await(put(cache, moves));
            with(to, redis -> redis.clusterSetSlotImporting(slot, cluster.id(from)));
            with(from, redis -> redis.clusterSetSlotMigrating(slot, cluster.id(to)));
            migrate(from, to, KEYS.of(key(moves)));

            assertFound(cache, stays);
            assertFound(cache, moves);
            assertThat(await(cache.get(key(absent)))).isEmpty();
            await(put(cache, absent)); // goes to the other node
            assertFound(cache, absent);
            // Its entry is there, its lock and fences aren't: refused until the slot has moved.
            CompletionStage<Acquisition> acquired = store.acquire(key(absent), request("token"));

            migrate(from, to, KEYS.of(key(stays)));
            with(to, redis -> redis.clusterSetSlotNode(slot, cluster.id(to)));
            with(from, redis -> redis.clusterSetSlotNode(slot, cluster.id(to)));
            assertThat(await(acquired)).isInstanceOf(Acquisition.Acquired.class);
            assertFound(cache, stays);
            assertFound(cache, moves);
            await(cache.invalidate(key(moves)));
            assertThat(await(cache.get(key(moves)))).isEmpty();
        }
        assertThat(log.lines("WARN")).isEmpty();
    }

    /** Whatever becomes of them on the way, commands have one command timeout in all. */
    @Test
    void givesARedirectedCommandWhatIsLeftOfItsTimeout() {
        int figure = 1;
        int from = masterOf(figure);
        int to = (from + 1) % RedisCluster.MASTERS;
        try (UsageCache cache = builder().build()) {
            assertThat(await(cache.get(key(figure)))).isEmpty();
            with(to, redis -> redis.clusterSetSlotImporting(slot(figure), cluster.id(from)));
            with(from, redis -> redis.clusterSetSlotMigrating(slot(figure), cluster.id(to)));
            cluster.node(to).pause();
            assertThat(failure(cache.get(key(figure))))
                    .hasMessageContaining("what connecting and redirections left of commandTimeout");
        }
    }

    @Test
    @Tag("thorough")
    void reportsNoMasterThatAnswersWhereAnotherOneDoesNot() {
        cluster.node(1).pause();
        RedisClusterClient one = RedisClusterClient.create(cluster.node(0).url());
        Duration connectTimeout = Duration.ofSeconds(6);
        try (UsageCache cache =
                RedisUsage.builder(one).connectTimeout(connectTimeout).build()) {
            assertThat(cache.stats().shared()).isEqualTo(UsageCache.Condition.DOWN);
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains(
                            "127.0.0.1:"
                                    + RedisURI.create(cluster.node(1).url()).getPort(),
                            connectTimeout.toString());
        } finally {
            one.shutdown();
        }
    }

    @Test
    @Tag("thorough")
    void servesOtherSlotsWhileAMasterIsAwayAndItsOwnFromItsReplica() {
        for (boolean hangs : new boolean[] {false, true}) {
            int master = hangs ? 1 : 0;
            List<Integer> lost = figuresOf(master);
            List<Integer> others = figuresOf(2);
            try (UsageCache cache = builder().build()) {
                for (int i : others) {
                    await(put(cache, i));
                }
                newLog(); // the client has addresses of nodes that were killed before
                if (hangs) {
                    cluster.node(master).pause();
                } else {
                    cluster.node(master).kill();
                }
                List<CompletionStage<?>> calls = new ArrayList<>();
                for (int i : lost) {
                    calls.add(cache.get(key(i)));
                }
                for (int i : others) {
                    assertFound(cache, i);
                }
                for (CompletionStage<?> call : calls) {
                    assertThat(succeeds(call)).as("a call to the lost master").isFalse();
                }
                eventually("the replica serves the slots", () -> succeeds(put(cache, lost.get(0))));
                for (int i : lost) {
                    eventually("figure " + i + " is stored", () -> succeeds(put(cache, i)));
                    assertFound(cache, i);
                }
                assertThat(log.lines("WARN"))
                        .as("incidents of %s", cluster.node(master).url())
                        .hasSize(1);
                eventually(
                        "its end is logged",
                        () -> log.lines("INFO").stream()
                                        .filter(line -> line.contains("no part in its cluster"))
                                        .count()
                                == 1);
            }
        }
    }

    @Test
    @Tag("thorough")
    void failsForSlotsThatNoNodeServesAloneAndRecovers() {
        List<Integer> lost = figuresOf(1);
        List<Integer> others = figuresOf(0);
        try (UsageCache cache = builder().build()) {
            cluster.node(1 + RedisCluster.MASTERS).kill();
            cluster.node(1).kill();
            eventually("the slots are lost", () -> !succeeds(cache.get(key(lost.get(0)))));
            for (int round = 0; round < 20; round++) {
                for (int i : others) {
                    await(put(cache, i));
                }
                assertThat(succeeds(cache.get(key(lost.get(round % lost.size())))))
                        .isFalse();
            }
            cluster.node(1).restart();
            cluster.node(1 + RedisCluster.MASTERS).restart();
            eventually("they are served again", () -> succeeds(put(cache, lost.get(0))));
            assertFound(cache, lost.get(0));
            eventually("the end is logged", () -> !log.lines("INFO").isEmpty());
        }
        assertThat(log.lines("WARN")).hasSizeBetween(1, 2);
    }

    /** The former master still answers the process that has acquired: what it added to the index is lost, and added again for the figure. */
    @Test
    @Tag("thorough")
    void invalidatesAFigureThatWasStoredAfterAFailoverWithLosses() {
        int figure = IntStream.iterate(1, i -> i + 1)
                .filter(i -> masterOfIndex(i) != masterOf(i))
                .findFirst()
                .orElseThrow();
        int master = masterOfIndex(figure);
        int replica = master + RedisCluster.MASTERS;
        String organisation = key(figure).organisationId();
        try (UsageCache cache = builder().build();
                FlightStore store = builder().settings().openFlightStore()) {
            // The process knows how long a figure lives.
            assertThat(publishes(store, 0, acquire(store, 0))).isTrue();
            eventually("the replica is synchronised", () -> isSynchronised(replica));
            with(replica, redis -> redis.configSet("masterauth", "another"));
            with(master, redis -> redis.clientKill(KillArgs.Builder.typeSlave()));
            eventually("the replica isn't synchronised", () -> !isSynchronised(replica));
            long fence = acquire(store, figure);
            with(replica, redis -> redis.clusterFailover(false, true));
            eventually("the former master replicates", () -> isSynchronised(master));

            eventually("the figure is stored", () -> publishes(store, figure, fence));
            assertFound(cache, figure);
            eventually("the organisation is invalidated", () -> succeeds(store.invalidate(organisation)));
            assertThat(await(cache.get(key(figure)))).isEmpty();
        }
    }

    private static long acquire(FlightStore store, int i) {
        return ((Acquisition.Acquired) await(store.acquire(key(i), request("token")))).fence();
    }

    private static boolean publishes(FlightStore store, int i, long fence) {
        return succeeds(
                store.publish(key(i), "token", fence, new AgedUsage(figure(i), Duration.ZERO), Duration.ofHours(1)));
    }

    private static int masterOfIndex(int i) {
        return RedisCluster.masterOf(SlotHash.getSlot(KEYS.index(key(i).organisationId())));
    }
}
