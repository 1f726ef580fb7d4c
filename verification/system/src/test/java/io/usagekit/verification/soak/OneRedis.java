package io.usagekit.verification.soak;

import io.lettuce.core.api.sync.RedisServerCommands;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.servers.RedisServer;
import io.usagekit.testkit.FaultyProxy;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** One Redis, which each process reaches by a link of its own. One that the environment names isn't killed or paused. */
final class OneRedis implements SharedStore {

    private final RedisServer redis = RedisServer.start();
    private final List<String> urls = List.of(redis.url());
    private final List<FaultyProxy> links = new ArrayList<>();

    OneRedis() {
        RedisAdmin.with(urls, RedisServerCommands::flushall);
    }

    @Override
    public String name() {
        return "Redis";
    }

    @Override
    public String address() {
        URI server = URI.create(redis.url());
        FaultyProxy link = FaultyProxy.to(server.getHost(), server.getPort());
        links.add(link);
        return "redis://127.0.0.1:" + link.port();
    }

    @Override
    public List<Fault> faults(Random random, Checker checker) {
        List<Fault> all = new ArrayList<>(List.of(
                new Fault("Redis full", RedisAdmin.configure(urls, "maxmemory", "1", "0")),
                new Fault("Redis without its replicas", RedisAdmin.configure(urls, "min-replicas-to-write", "1", "0")),
                new Fault("Redis read-only", () -> {
                    RedisAdmin.with(urls, commands -> commands.replicaof("127.0.0.1", 1)); // no server has this port
                    return () -> RedisAdmin.with(urls, RedisServerCommands::replicaofNoOne);
                }),
                new Fault("scripts refused", RedisAdmin.refuseScripts(urls, checker)),
                Faults.onSome("links to Redis swallowed", random, links, FaultyProxy::swallow),
                Faults.onSome("links to Redis cut", random, links, FaultyProxy::cut),
                Faults.onSome("links to Redis cut once", random, links, FaultyProxy::cutOnce),
                Faults.onSome("links to Redis frozen", random, links, FaultyProxy::freeze),
                Faults.onSome("answers of Redis frozen", random, links, FaultyProxy::freezeResponses),
                Faults.onSome("links to Redis slow", random, links, link -> link.slow(Duration.ofMillis(100)))));
        if (redis instanceof EmbeddedRedisServer own) {
            all.add(new Fault("Redis killed", () -> {
                own.kill();
                return own::restart;
            }));
            all.add(new Fault("Redis paused", () -> {
                own.pause();
                return own::resume;
            }));
        }
        return all;
    }

    @Override
    public List<String> connections() {
        return RedisAdmin.connections(redis.url());
    }

    @Override
    public void cutOnce() {
        links.forEach(FaultyProxy::cutOnce);
    }

    @Override
    public void mend() {
        links.forEach(FaultyProxy::pass);
    }

    @Override
    public void close() {
        links.forEach(FaultyProxy::close);
        redis.close();
    }
}
