package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.RedisClusterClient;
import io.usagekit.servers.RedisCluster;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** A cluster that all suites of a JVM share, which neither move its slots nor stop its nodes. */
final class SharedCluster {

    private static final RedisCluster CLUSTER = RedisCluster.start();

    private static final List<RedisClient> MASTERS = IntStream.range(0, RedisCluster.MASTERS)
            .mapToObj(master -> RedisClient.create(CLUSTER.node(master).url()))
            .toList();

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(CLUSTER::close, "usagekit-shared-cluster"));
    }

    private SharedCluster() {}

    /** Returns the address of a node. */
    static String url() {
        return CLUSTER.urls().get(0);
    }

    /** Returns the address of a master. */
    static String url(int master) {
        return CLUSTER.urls().get(master);
    }

    static RedisClusterClient client() {
        return RedisClusterClient.create(url());
    }

    static RedisUsage.Builder patience(RedisClusterClient client) {
        return RedisUsage.builder(client).commandTimeout(Duration.ofSeconds(20)).connectTimeout(Duration.ofSeconds(20));
    }

    /** Returns a client of one master. */
    static RedisClient master(int master) {
        return MASTERS.get(master);
    }

    /** Runs commands on each master. */
    static void with(Consumer<RedisCommands<String, String>> commands) {
        MASTERS.forEach(master -> Redis.with(master, commands));
    }

    /** Runs commands on one master. */
    static void with(int master, Consumer<RedisCommands<String, String>> commands) {
        Redis.with(MASTERS.get(master), commands);
    }

    static void empty() {
        with(RedisCommands::flushall);
    }

    static void elapse(Duration duration) {
        MASTERS.forEach(master -> Redis.elapse(master, duration));
    }

    static long keys() {
        return MASTERS.stream().mapToLong(Redis::keys).sum();
    }
}
