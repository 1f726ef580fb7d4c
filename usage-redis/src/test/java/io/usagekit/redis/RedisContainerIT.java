package io.usagekit.redis;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lettuce.core.RedisClient;
import io.usagekit.UsageCache;
import io.usagekit.servers.Docker;
import io.usagekit.servers.RedisServer;
import io.usagekit.testkit.contract.UsageCacheContract;
import java.time.Duration;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Runs the cache contract on the official image, if there is a Docker engine. */
class RedisContainerIT extends UsageCacheContract {

    private static @Nullable RedisServer server;
    private static @Nullable RedisClient client;

    @BeforeAll
    static void start() {
        assumeTrue(Docker.isAvailable(), () -> Docker.announceSkipped(RedisContainerIT.class));
        server = RedisServer.startContainer("redis:8");
        client = RedisClient.create(server.url());
    }

    @AfterAll
    static void stop() {
        if (client != null) {
            client.shutdown();
        }
        if (server != null) {
            server.close();
        }
    }

    @Override
    protected UsageCache openCache() {
        return Redis.emptied(started());
    }

    @Override
    protected void elapse(Duration duration) {
        Redis.elapse(started(), duration);
    }

    @Override
    protected OptionalLong heldEntries() {
        return OptionalLong.of(Redis.keys(started()));
    }

    private static RedisClient started() {
        if (client == null) {
            throw new IllegalStateException("not started");
        }
        return client;
    }
}
