package io.usagekit.verification.soak;

import io.lettuce.core.KillArgs;
import io.lettuce.core.MigrateArgs;
import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.SlotHash;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.servers.RedisCluster;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/** A Redis Cluster of three masters, each of which has a replica that takes its place when it is away. */
final class ClusterRedis implements SharedStore {

    /** What a replica hasn't received yet when its master ends. */
    private static final Duration LAG = Duration.ofSeconds(1);

    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final int NODES = 2 * RedisCluster.MASTERS;

    /** Of the near cache for commands and for tracking, of single-flight for commands and for wake-ups: one to each master, and one more for wake-ups. */
    private static final int CONNECTIONS = 4 * RedisCluster.MASTERS + 1;

    private final RedisCluster cluster = RedisCluster.start("cluster-require-full-coverage no");
    private final List<String> urls = cluster.urls();

    @Override
    public String name() {
        return "Redis Cluster";
    }

    @Override
    public String address() {
        return String.join(",", urls);
    }

    @Override
    public List<Fault> faults(Random random, Checker checker) {
        return List.of(
                new Fault(
                        "a master killed",
                        failOver(random, checker, EmbeddedRedisServer::kill, EmbeddedRedisServer::restart)),
                new Fault(
                        "a master paused",
                        failOver(random, checker, EmbeddedRedisServer::pause, EmbeddedRedisServer::resume)),
                new Fault("a replica takes over", () -> {
                    Runnable over = checker.losing(LAG);
                    int replica = any(random, node -> !isMaster(node));
                    RedisAdmin.with(List.of(urls.get(replica)), redis -> redis.clusterFailover(false));
                    return () -> {
                        until("the replica is a master", () -> isMaster(replica));
                        cluster.awaitCovered();
                        over.run();
                    };
                }),
                new Fault("a replica killed", () -> {
                    EmbeddedRedisServer replica = cluster.node(any(random, node -> !isMaster(node)));
                    replica.kill();
                    return () -> {
                        replica.restart();
                        cluster.awaitCovered();
                    };
                }),
                new Fault("a slot moved", () -> moveSlot(random)),
                new Fault("scripts refused", RedisAdmin.refuseScripts(urls, checker)),
                new Fault("Redis full", RedisAdmin.configure(urls, "maxmemory", "1", "0")),
                new Fault("connections ended", () -> {
                    RedisAdmin.with(urls, node -> node.clientKill(KillArgs.Builder.typeNormal()));
                    RedisAdmin.with(urls, node -> node.clientKill(KillArgs.Builder.typePubsub()));
                    return () -> {};
                }));
    }

    /** Takes a master away; mending waits until its replica has taken its place, and brings it back as a replica. */
    private Fault.Begin failOver(
            Random random, Checker checker, Consumer<EmbeddedRedisServer> begin, Consumer<EmbeddedRedisServer> mend) {
        return () -> {
            int master = any(random, this::isMaster);
            int replica = (master + RedisCluster.MASTERS) % NODES;
            Runnable over = checker.losing(LAG);
            begin.accept(cluster.node(master));
            return () -> {
                until("the replica is a master", () -> isMaster(replica));
                mend.accept(cluster.node(master));
                until("the former master is a replica", () -> !isMaster(master));
                cluster.awaitCovered();
                over.run();
            };
        };
    }

    /** Moves the slot of a figure, or of an index, to another master, and leaves its keys on the way until that is mended. */
    private Runnable moveSlot(Random random) {
        String organisation = SoakLimits.organisation(random.nextInt(SoakLimits.ORGANISATIONS));
        int slot = SlotHash.getSlot(
                random.nextBoolean()
                        ? "usage:" + organisation + ":" + SoakLimits.MARCH.canonicalLabel()
                        : "usage:index:{" + organisation + "}");
        int from = any(random, node -> isMaster(node) && has(node, slot));
        int to = any(random, node -> isMaster(node) && node != from);
        RedisAdmin.with(List.of(urls.get(to)), redis -> redis.clusterSetSlotImporting(slot, id(from)));
        RedisAdmin.with(List.of(urls.get(from)), redis -> redis.clusterSetSlotMigrating(slot, id(to)));
        migrate(slot, from, to);
        return () -> {
            migrate(slot, from, to);
            RedisAdmin.with(List.of(urls.get(to), urls.get(from)), redis -> redis.clusterSetSlotNode(slot, id(to)));
            until("the slot has moved", () -> has(to, slot) && !has(from, slot));
        };
    }

    private void migrate(int slot, int from, int to) {
        RedisURI target = RedisURI.create(urls.get(to));
        RedisAdmin.with(List.of(urls.get(from)), redis -> {
            List<String> keys = redis.clusterGetKeysInSlot(slot, 100);
            if (!keys.isEmpty()) {
                redis.migrate(
                        target.getHost(),
                        target.getPort(),
                        0,
                        10_000,
                        MigrateArgs.Builder.<String>keys(keys).replace());
            }
        });
    }

    private String id(int node) {
        return cluster.id(node);
    }

    private boolean has(int node, int slot) {
        return RedisAdmin.ask(
                urls.get(node),
                redis -> redis.clusterSlots().stream()
                        .map(range -> (List<?>) range)
                        .anyMatch(range -> (Long) range.get(0) <= slot
                                && slot <= (Long) range.get(1)
                                && ((List<?>) range.get(2)).get(2).equals(id(node))));
    }

    private boolean isMaster(int node) {
        return RedisAdmin.ask(urls.get(node), redis -> redis.info("replication").contains("role:master"));
    }

    private static int any(Random random, Predicate<Integer> which) {
        List<Integer> all = IntStream.range(0, NODES).boxed().filter(which).toList();
        return all.get(random.nextInt(all.size()));
    }

    private interface Condition {
        boolean holds();
    }

    private static void until(String what, Condition condition) {
        long began = System.nanoTime();
        while (!condition.holds()) {
            if (System.nanoTime() - began > PATIENCE_NANOS) {
                throw new IllegalStateException("not after a minute: " + what);
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
    }

    @Override
    public List<String> connections() {
        return urls.stream().map(RedisAdmin::connections).flatMap(List::stream).toList();
    }

    @Override
    public int mostConnections(int before) {
        return SoakIT.MEMBERS * CONNECTIONS;
    }

    @Override
    public void close() {
        cluster.close();
    }
}
