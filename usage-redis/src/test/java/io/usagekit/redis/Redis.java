package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.UsageCache;
import java.time.Duration;
import java.util.function.Consumer;

/** What tests do to a server. */
final class Redis {

    private Redis() {}

    /** A cache with patience: a loaded machine isn't what these tests are about. */
    static UsageCache patient(RedisClient client) {
        return RedisUsage.builder(client)
                .commandTimeout(Duration.ofSeconds(5))
                .connectTimeout(Duration.ofSeconds(20))
                .build();
    }

    static UsageCache emptied(RedisClient client) {
        with(client, RedisCommands::flushall);
        return patient(client);
    }

    /** Time passes for keys with a limit: what is left of it becomes less. */
    static void elapse(RedisClient client, Duration duration) {
        with(client, redis -> {
            for (String key : redis.keys("*")) {
                redis.pexpire(key, redis.pttl(key) - duration.toMillis());
            }
        });
    }

    static void with(RedisClient client, Consumer<RedisCommands<String, String>> commands) {
        try (StatefulRedisConnection<String, String> connection = client.connect()) {
            commands.accept(connection.sync());
        }
    }
}
