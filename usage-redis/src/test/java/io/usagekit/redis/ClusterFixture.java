package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.RedisOutageFixture.key;

import io.lettuce.core.MigrateArgs;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.SlotHash;
import io.usagekit.servers.RedisCluster;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Fixture: a cluster for each test, whose slots move and whose nodes end, hang and come back. */
abstract class ClusterFixture {

    static final RedisKeys KEYS = new RedisKeys("usage");
    static final Duration COMMAND_TIMEOUT = Duration.ofSeconds(2);

    private static final long FAILOVER_NANOS = TimeUnit.SECONDS.toNanos(6);

    RedisCluster cluster;
    RedisClusterClient client;
    CapturedLog log;

    @BeforeEach
    final void start() {
        cluster = startCluster("cluster-require-full-coverage no");
        client = RedisClusterClient.create(
                cluster.urls().stream().map(RedisURI::create).toList());
        log = new CapturedLog();
    }

    /** Starts the cluster of a test. */
    RedisCluster startCluster(String... settings) {
        return RedisCluster.start(settings);
    }

    @AfterEach
    final void stop() {
        if (cluster == null) {
            return; // skipped
        }
        log.close();
        client.shutdown();
        cluster.close();
        eventually(
                "no thread is left", () -> RedisOutageFixture.connectThreads().isEmpty());
    }

    void newLog() {
        log.close();
        log = new CapturedLog();
    }

    RedisUsage.Builder builder() {
        return RedisUsage.builder(client).commandTimeout(COMMAND_TIMEOUT).connectTimeout(Duration.ofSeconds(20));
    }

    static int slot(int i) {
        return SlotHash.getSlot(KEYS.of(key(i)));
    }

    static int masterOf(int i) {
        return RedisCluster.masterOf(slot(i));
    }

    /** Returns figures whose entries, and the indexes of their organisations, were in slots of this master at first. */
    static List<Integer> figuresOf(int master) {
        return IntStream.range(0, 100)
                .filter(i -> masterOf(i) == master)
                .filter(i -> RedisCluster.masterOf(SlotHash.getSlot(KEYS.index(key(i).organisationId()))) == master)
                .boxed()
                .toList();
    }

    /** Returns a figure whose entry is in the same slot as that of another one. */
    static int figureInSlotOf(int other) {
        return IntStream.iterate(other + 1, i -> i + 1)
                .filter(i -> slot(i) == slot(other))
                .findFirst()
                .orElseThrow();
    }

    void with(int node, Consumer<RedisCommands<String, String>> commands) {
        RedisClient one = RedisClient.create(cluster.node(node).url());
        Redis.with(one, commands);
        one.shutdown();
    }

    /** Moves an entry to a node that is receiving its slot. */
    final void migrate(int from, int to, String entry) {
        RedisURI target = RedisURI.create(cluster.node(to).url());
        with(
                from,
                redis -> redis.migrate(target.getHost(), target.getPort(), 0, 10_000, MigrateArgs.Builder.keys(entry)));
    }

    final boolean isSynchronised(int replica) {
        boolean[] isUp = new boolean[1];
        with(replica, redis -> isUp[0] = redis.info("replication").contains("master_link_status:up"));
        return isUp[0];
    }

    /** Lets a replica take its master's place, which becomes a replica; asks again where a request ends without effect, as it does after 5 s. */
    final void failOver(int master, int replica) {
        long[] asked = {System.nanoTime() - FAILOVER_NANOS};
        eventually("the former master replicates", () -> {
            if (System.nanoTime() - asked[0] >= FAILOVER_NANOS && isSynchronised(replica)) {
                with(replica, redis -> redis.clusterFailover(false));
                asked[0] = System.nanoTime();
            }
            return isSynchronised(master);
        });
    }
}
