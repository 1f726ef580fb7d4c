package io.usagekit.redis;

import static io.usagekit.redis.NearCacheFixture.HEARTBEAT;
import static io.usagekit.redis.NearCacheFixture.fallback;
import static io.usagekit.redis.NearCacheFixture.get;
import static io.usagekit.redis.NearCacheFixture.load;
import static io.usagekit.redis.NearCacheFixture.near;
import static io.usagekit.redis.NearCacheFixture.write;
import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.RedisOutageFixture.TIME_TO_LIVE;
import static io.usagekit.redis.RedisOutageFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.AclSetuserArgs;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.protocol.CommandType;
import io.usagekit.UsageCache;
import io.usagekit.UsageCache.Condition;
import io.usagekit.servers.RedisCluster;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Near cache over a cluster whose slots move, and whose masters end, hang and are replaced. */
class ClusterNearCacheIT extends ClusterFixture {

    /** Documented bound: a change is served after this time at the latest. */
    private static final Duration BOUND = HEARTBEAT.plus(COMMAND_TIMEOUT);

    /** Long enough for what has to happen between two heartbeats. */
    private static final Duration LONG_HEARTBEAT = Duration.ofSeconds(4);

    private static final Pattern CONNECTIONS = Pattern.compile("total_connections_received:(\\d+)");
    private static final int MASTER = 1;
    private static final int NEXT = 2;
    private static final int REPLICA = MASTER + RedisCluster.MASTERS;
    private static final int FIGURE = figuresOf(MASTER).get(0);
    private static final int OF_ANOTHER_MASTER = figuresOf(0).get(0);

    private final List<String> notifications = new CopyOnWriteArrayList<>();
    private RedisClusterClient otherClient;
    private UsageCache other;
    private long version;
    private long asked;

    @BeforeEach
    void startOther() {
        otherClient = RedisClusterClient.create(cluster.node(0).url());
        other = RedisUsage.builder(otherClient)
                .commandTimeout(COMMAND_TIMEOUT)
                .connectTimeout(Duration.ofSeconds(20))
                .build();
    }

    @AfterEach
    void stopOther() {
        other.close();
        otherClient.shutdown();
    }

    private UsageCache openNear(Duration heartbeat) {
        UsageCache cache = builder().heartbeat(heartbeat).buildNearCache();
        cache.observe(NearCacheFixture.recording(notifications));
        return cache;
    }

    /** Assigns the slot of the figure to a master as `redis-cli --cluster` does at the end of moving it, but leaves its keys behind. */
    private void assign(int from, int to) {
        with(to, redis -> {
            redis.clusterSetSlotImporting(slot(FIGURE), cluster.id(from));
            redis.clusterSetSlotNode(slot(FIGURE), cluster.id(to));
        });
    }

    /** Whether a node says that a master has the slot of the figure. */
    private boolean believes(int node, int master) {
        boolean[] believes = new boolean[1];
        with(
                node,
                redis -> believes[0] = redis.clusterSlots().stream().anyMatch(range -> {
                    List<?> parts = (List<?>) range;
                    List<?> owner = (List<?>) parts.get(2);
                    return (Long) parts.get(0) <= slot(FIGURE)
                            && slot(FIGURE) <= (Long) parts.get(1)
                            && cluster.node(master).url().endsWith(":" + owner.get(1));
                }));
        return believes[0];
    }

    /** Returns the number of connections on which a node tracks. */
    private int tracking(int node) {
        AtomicInteger count = new AtomicInteger();
        with(
                node,
                redis -> count.set((int) redis.clientList()
                        .lines()
                        .filter(line -> line.contains("flags=t"))
                        .count()));
        return count.get();
    }

    private int tracking() {
        return IntStream.range(0, 2 * RedisCluster.MASTERS).map(this::tracking).sum();
    }

    private void writeAndFind(StalenessChecker checker) {
        writeAcknowledged(checker);
        eventually("version " + version + " is served from memory", () -> checker.latest() == version);
    }

    private void writeAcknowledged(StalenessChecker checker) {
        version++;
        eventually(
                "version " + version + " can be written",
                () -> succeeds(other.put(key(FIGURE), NearCacheFixture.version(FIGURE, version), TIME_TO_LIVE)));
        checker.acknowledged(version);
    }

    /** The former master sends no invalidation message for what is written on the next one. */
    @Test
    void servesNothingStaleAfterASlotHasMoved() {
        write(other, OF_ANOTHER_MASTER, 1);
        try (UsageCache cache = openNear(HEARTBEAT);
                StalenessChecker checker = new StalenessChecker(cache, key(FIGURE), BOUND)) {
            load(cache, OF_ANOTHER_MASTER);
            for (int times = 0; times < 2; times++) {
                int from = times % 2 == 0 ? MASTER : NEXT;
                int to = times % 2 == 0 ? NEXT : MASTER;
                writeAndFind(checker);
                assign(from, to);
                writeAndFind(checker);
                eventually("the former master knows", () -> believes(from, to));
            }
            checker.assertNothingStale();
            load(cache, OF_ANOTHER_MASTER);
            eventually("a connection to each master", () -> tracking() == RedisCluster.MASTERS);
        }
        eventually("the connections are closed", () -> tracking() == 0);
    }

    /** The slot is back before the next heartbeat: each of them finds it where it was. */
    @Test
    @Tag("thorough")
    void servesNothingThatWasReadBeforeASlotMovedAwayAndBack() {
        write(other, FIGURE, 1);
        try (UsageCache cache = openNear(LONG_HEARTBEAT)) {
            load(cache, FIGURE);
            assign(MASTER, NEXT);
            eventually("the former master knows", () -> believes(MASTER, NEXT));
            assign(NEXT, MASTER);
            eventually("the next master knows", () -> believes(NEXT, MASTER));
            eventually("the figure isn't served", () -> near(cache, FIGURE).isEmpty());
            eventually("it is gone", () -> get(cache, FIGURE).isEmpty());
        }
    }

    /** The former master has forgotten the others and believes that it has its slot; the next one, which hasn't the figure, doesn't answer. */
    @Test
    @Tag("thorough")
    void servesNothingThatOnlyTheFormerMasterHas() {
        write(other, FIGURE, 1);
        try (UsageCache cache = openNear(LONG_HEARTBEAT)) {
            load(cache, FIGURE);
            with(
                    MASTER,
                    redis -> IntStream.range(0, 2 * RedisCluster.MASTERS)
                            .filter(node -> node != MASTER)
                            .forEach(node -> redis.clusterForget(cluster.id(node))));
            assign(MASTER, NEXT);
            eventually("the third master knows", () -> believes(0, NEXT));
            cluster.node(NEXT).pause();
            eventually("the figure isn't served", () -> near(cache, FIGURE).isEmpty());
            long end = System.nanoTime() + BOUND.multipliedBy(3).toNanos();
            while (System.nanoTime() - end < 0) { // several times the second after which masters are asked again
                boolean isFound =
                        await(cache.get(key(FIGURE)).handle((found, error) -> error == null && found.isPresent()));
                assertThat(isFound).as("read from the former master").isFalse();
                assertThat(near(cache, FIGURE)).isEmpty();
            }
            assertThat(believes(MASTER, MASTER)).isTrue();
        }
    }

    /** One that is cut off with a master can't know which master the others have elected in its place. */
    @Test
    void servesOnlyWhatAMajorityOfTheMastersProves() {
        write(other, FIGURE, 1);
        try (UsageCache cache = openNear(HEARTBEAT)) {
            load(cache, FIGURE);
            cluster.node(0).pause();
            cluster.node(NEXT).pause();
            eventually("the figure isn't served", () -> near(cache, FIGURE).isEmpty());
            succeeds(cache.get(key(FIGURE)));
            assertThat(near(cache, FIGURE))
                    .as("answers of its own master alone prove nothing")
                    .isEmpty();
            assertThat(fallback(cache, FIGURE)).contains(1L);
            assertThat(cache.stats().tracking()).isEqualTo(Condition.DOWN);
            cluster.node(0).resume();
            cluster.node(NEXT).resume();
            load(cache, FIGURE);
        }
    }

    private boolean hasVersion(int replica) {
        boolean[] has = new boolean[1];
        with(replica, redis -> {
            redis.readOnly();
            has[0] = String.valueOf(redis.get(KEYS.of(key(FIGURE))))
                    .startsWith("v2 " + KEYS.of(key(FIGURE)) + " " + version + "/");
        });
        return has[0];
    }

    @Test
    @Tag("thorough")
    void servesNothingStaleWhenAMasterIsReplaced() {
        for (boolean hangs : new boolean[] {false, true}) {
            notifications.clear();
            write(other, OF_ANOTHER_MASTER, 1);
            try (UsageCache cache = openNear(HEARTBEAT);
                    StalenessChecker checker = new StalenessChecker(cache, key(FIGURE), BOUND)) {
                load(cache, OF_ANOTHER_MASTER);
                writeAndFind(checker);
                int master = hangs ? REPLICA : MASTER;
                int replica = hangs ? MASTER : REPLICA;
                eventually("the replica has the figure", () -> hasVersion(replica));
                if (hangs) {
                    cluster.node(master).pause();
                } else {
                    cluster.node(master).kill();
                }
                String lost = "lost: Redis node " + cluster.node(master).url().substring("redis://".length()) + ": ";
                eventually(
                        "the loss is reported", () -> notifications.stream().anyMatch(event -> event.startsWith(lost)));
                load(cache, OF_ANOTHER_MASTER);
                writeAndFind(checker); // once a replica has its place
                eventually(
                        "the end is reported",
                        () -> 2 * Collections.frequency(notifications, "regained") == notifications.size());
                if (hangs) {
                    cluster.node(master).resume();
                } else {
                    cluster.node(master).restart();
                }
                cluster.awaitCovered();
                writeAndFind(checker);
                checker.assertNothingStale();
                eventually("a connection to each master", () -> tracking() == RedisCluster.MASTERS);
                eventually("each master is tracked", () -> cache.stats().tracking() == Condition.UP);
            }
            eventually("the connections are closed", () -> tracking() == 0);
        }
    }

    /** Returns how many connections the master has accepted, those aside on which this is asked. */
    private long connections() {
        AtomicLong count = new AtomicLong();
        with(
                MASTER,
                redis -> CONNECTIONS
                        .matcher(redis.info("stats"))
                        .results()
                        .forEach(calls -> count.set(Long.parseLong(calls.group(1)))));
        return count.get() - ++asked;
    }

    @Test
    @Tag("thorough")
    void triesLessAndLessOftenWhereTheHeartbeatIsRefused() {
        Duration retry = Duration.ofMillis(10);
        try (UsageCache cache = builder()
                .heartbeat(HEARTBEAT)
                .settings()
                .openNearCache(NearCacheFixture.entries(), System::nanoTime, retry)) {
            cache.observe(NearCacheFixture.recording(notifications));
            eventually("each master is tracked", () -> cache.stats().tracking() == Condition.UP);
            with(
                    MASTER,
                    redis -> redis.aclSetuser("default", AclSetuserArgs.Builder.removeCommand(CommandType.CLUSTER)));
            eventually("the loss is reported", () -> !notifications.isEmpty());
            long began = System.nanoTime();
            long first = connections();
            eventually("8 attempts", () -> connections() >= first + 8);
            assertThat(System.nanoTime() - began)
                    .isGreaterThan(retry.multipliedBy(64).toNanos());
            with(MASTER, redis -> redis.aclSetuser("default", AclSetuserArgs.Builder.allCommands()));
            eventually("each master is tracked", () -> cache.stats().tracking() == Condition.UP);
        }
    }

    @Test
    @Tag("thorough")
    void tracksMastersThatJoinAndNoneThatHaveLeft() {
        int seed = RedisCluster.MASTERS;
        cluster.node(seed).kill();
        RedisClusterClient early = RedisClusterClient.create(cluster.node(seed).url());
        try (UsageCache cache = RedisUsage.builder(early)
                .connectTimeout(Duration.ofSeconds(1))
                .commandTimeout(COMMAND_TIMEOUT)
                .buildNearCache()) {
            cache.observe(NearCacheFixture.recording(notifications));
            assertThat(notifications).singleElement().asString().contains("no node has answered");
            cluster.node(seed).restart();
            eventually("each master is tracked", () -> cache.stats().tracking() == Condition.UP);
            eventually("the end is reported", () -> notifications.contains("regained"));
            write(other, FIGURE, 1);
            load(cache, FIGURE);

            failOver(MASTER, REPLICA);
            eventually("the former master isn't tracked", () -> tracking(MASTER) == 0);
            eventually("each master is tracked", () -> cache.stats().tracking() == Condition.UP);
            load(cache, FIGURE);
            write(other, FIGURE, 2);
            eventually("the change arrives", () -> get(cache, FIGURE).equals(Optional.of(2L)));

            failOver(REPLICA, MASTER);
            eventually("the former master isn't tracked", () -> tracking(REPLICA) == 0);
            eventually("each master is tracked", () -> cache.stats().tracking() == Condition.UP);
            eventually("a connection to each master", () -> tracking() == RedisCluster.MASTERS);
            load(cache, FIGURE);
        } finally {
            early.shutdown();
        }
    }
}
