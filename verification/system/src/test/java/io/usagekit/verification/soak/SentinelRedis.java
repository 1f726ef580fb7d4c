package io.usagekit.verification.soak;

import io.lettuce.core.KillArgs;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.servers.RedisSentinels;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;

/** A Redis whose replica takes its place when three Sentinels find that it is away. */
final class SentinelRedis implements SharedStore {

    /** What a replica hasn't received yet when its master ends. */
    private static final Duration LAG = Duration.ofSeconds(1);

    private final RedisSentinels redis = RedisSentinels.start();

    @Override
    public String name() {
        return "Redis with Sentinels";
    }

    @Override
    public String address() {
        return redis.url();
    }

    @Override
    public List<Fault> faults(Random random, Checker checker) {
        return List.of(
                new Fault("master killed", failOver(checker, EmbeddedRedisServer::kill, EmbeddedRedisServer::restart)),
                new Fault("master paused", failOver(checker, EmbeddedRedisServer::pause, EmbeddedRedisServer::resume)),
                new Fault("failover requested", failOver(checker, master -> redis.failOver(), former -> {})),
                new Fault("replica killed", () -> {
                    EmbeddedRedisServer replica = redis.servers().stream()
                            .filter(server -> server != redis.master())
                            .findFirst()
                            .orElseThrow();
                    replica.kill();
                    return () -> {
                        replica.restart();
                        redis.awaitReplica();
                    };
                }),
                new Fault("scripts refused", RedisAdmin.refuseScripts(urls(), checker)),
                new Fault("Redis full", RedisAdmin.configure(urls(), "maxmemory", "1", "0")),
                new Fault("connections ended", () -> {
                    RedisAdmin.with(urls(), server -> server.clientKill(KillArgs.Builder.typeNormal()));
                    RedisAdmin.with(urls(), server -> server.clientKill(KillArgs.Builder.typePubsub()));
                    return () -> {};
                }));
    }

    /** Lets the replica take the master's place; mending waits until it has, and the former master replicates it. */
    private Fault.Begin failOver(
            Checker checker, Consumer<EmbeddedRedisServer> begin, Consumer<EmbeddedRedisServer> mend) {
        return () -> {
            EmbeddedRedisServer former = redis.master();
            Runnable over = checker.losing(LAG);
            begin.accept(former);
            return () -> {
                redis.awaitFailover(former);
                mend.accept(former);
                redis.awaitReplica();
                over.run();
            };
        };
    }

    private List<String> urls() {
        return redis.servers().stream().map(EmbeddedRedisServer::url).toList();
    }

    @Override
    public List<String> connections() {
        return urls().stream()
                .map(RedisAdmin::connections)
                .flatMap(List::stream)
                .toList();
    }

    @Override
    public void close() {
        redis.close();
    }
}
