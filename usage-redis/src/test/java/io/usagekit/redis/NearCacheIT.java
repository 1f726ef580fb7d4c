package io.usagekit.redis;

import com.github.benmanes.caffeine.cache.Caffeine;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.servers.RedisServer;
import io.usagekit.testkit.contract.UsageCacheContract;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Runs the cache contract on a near cache in front of the server that the environment names, or of an embedded one. */
class NearCacheIT extends UsageCacheContract {

    private static RedisServer server;
    private static RedisClient client;
    private final AtomicLong elapsed = new AtomicLong();
    private final ConcurrentMap<UsageKey, NearStore.Slot> memory = Caffeine.newBuilder()
            .maximumSize(200)
            .executor(Runnable::run)
            .<UsageKey, NearStore.Slot>build()
            .asMap();

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
        Redis.with(client, RedisCommands::flushall);
        return Redis.patience(client)
                .settings()
                .openNearCache(
                        new NearStore(memory), () -> System.nanoTime() + elapsed.get(), TrackingSupervisor.RETRY);
    }

    /** Lets time pass in Redis and in the near cache, which has a clock of its own. */
    @Override
    protected void elapse(Duration duration) {
        Redis.elapse(client, duration);
        elapsed.addAndGet(duration.toNanos());
    }

    @Override
    protected OptionalLong heldEntries() {
        return OptionalLong.of(memory.size() + Redis.keys(client));
    }
}
