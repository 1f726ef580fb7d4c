package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.usagekit.UsageCache;
import io.usagekit.servers.RedisServer;
import io.usagekit.testkit.contract.UsageCacheContract;
import java.time.Duration;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Runs the cache contract on the server that the environment names, or on an embedded one. */
class RedisUsageCacheIT extends UsageCacheContract {

    private static RedisServer server;
    private static RedisClient client;

    @BeforeAll
    static void start() {
        server = RedisServer.start();
        client = RedisClient.create(server.url());
    }

    @AfterAll
    static void stop() {
        client.shutdown();
        server.close();
    }

    @Override
    protected UsageCache openCache() {
        return Redis.emptied(client);
    }

    @Override
    protected void elapse(Duration duration) {
        Redis.elapse(client, duration);
    }

    @Override
    protected OptionalLong heldEntries() {
        return OptionalLong.of(Redis.keys(client));
    }
}
