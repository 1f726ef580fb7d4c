package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.RedisOutageFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.servers.RedisCluster;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Wake-ups of a process that has subscribed at a node which leaves the cluster. */
class ClusterWakeUpsIT extends ClusterFixture {

    private long subscribers(int node) {
        long[] count = new long[1];
        String channel = KEYS.wakeUps();
        with(node, redis -> count[0] = redis.pubsubNumsub(channel).getOrDefault(channel, 0L));
        return count[0];
    }

    /** The node runs and answers on, but no publication reaches it. */
    @Test
    @Tag("thorough")
    void subscribesElsewhereWhenANodeHasLeftTheCluster() {
        try (FlightStore waiting = builder().settings().openFlightStore()) {
            int left = IntStream.range(0, RedisCluster.MASTERS)
                    .filter(node -> subscribers(node) > 0)
                    .findFirst()
                    .orElseThrow();
            int successor = left + RedisCluster.MASTERS;
            failOver(left, successor);
            IntStream.range(0, 2 * RedisCluster.MASTERS)
                    .filter(node -> node != left)
                    .forEach(node -> with(node, redis -> redis.clusterForget(cluster.id(left))));
            with(left, redis -> redis.clusterReset(false));
            int figure = figuresOf(left).get(0);
            AtomicInteger wakeUps = new AtomicInteger();
            try (FlightStore.Registration waiter = waiting.onWakeUp(key(figure), wakeUps::incrementAndGet);
                    UsageCache other = builder().build()) {
                assertThat(waiter).isNotNull();
                eventually("the successor serves", () -> succeeds(waiting.invalidate(key(figure))));
                eventually("no subscription is left behind", () -> subscribers(left) == 0);
                eventually("a wake-up arrives", () -> {
                    int before = wakeUps.get();
                    succeeds(other.invalidate(key(figure)));
                    return wakeUps.get() > before;
                });
            }
        }
    }
}
