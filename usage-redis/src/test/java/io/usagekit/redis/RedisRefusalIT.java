package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.failure;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.UsageCache;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Server that answers reads and refuses writes: the cache serves reads and logs the outage once. */
class RedisRefusalIT extends RedisOutageFixture {

    @Test
    void servesReadsAndLogsOnceWhenServerIsFull() {
        assertRefusedWritesAreOneIncident(
                redis -> redis.configSet("maxmemory", "1"), redis -> redis.configSet("maxmemory", "0"), "OOM");
    }

    @Test
    void servesReadsAndLogsOnceWhenServerIsReadOnly() {
        assertRefusedWritesAreOneIncident(
                redis -> redis.replicaof("127.0.0.1", 1), redis -> redis.replicaofNoOne(), "READONLY");
    }

    private void assertRefusedWritesAreOneIncident(
            Consumer<RedisCommands<String, String>> begin, Consumer<RedisCommands<String, String>> end, String reason) {
        try (UsageCache cache = open()) {
            putAndFind(cache, 1);
            Redis.with(client, begin);
            for (int times = 0; times < 5; times++) {
                assertThat(failure(put(cache, 1))).hasMessageContaining(reason);
                assertThat(await(cache.get(key(1)))).isPresent();
            }
            Redis.with(client, end);
            putAndFind(cache, 2);
        }
        assertThat(log.lines("WARN")).singleElement().asString().contains(reason);
        assertThat(log.lines("INFO")).hasSize(1);
    }
}
