package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.cluster.RedisClusterClient;
import io.usagekit.UsageListener;
import io.usagekit.redis.internal.Cluster;
import io.usagekit.redis.internal.Failover;
import io.usagekit.redis.internal.Timeouts;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Tracking over a cluster no node of which can be reached. */
class ClusterTrackingTest {

    private static final String NODE = "127.0.0.1:2";

    /** Runs at once what isn't to be delayed. */
    private static final class Eager extends ScheduledThreadPoolExecutor {

        Eager() {
            super(1);
        }

        @Override
        public ScheduledFuture<?> schedule(Runnable command, long delay, TimeUnit unit) {
            if (delay > 0) {
                return super.schedule(command, delay, unit);
            }
            command.run();
            return super.schedule(() -> {}, 0, unit);
        }

        @Override
        public void execute(Runnable command) {
            var unused = super.schedule(command, 0, TimeUnit.NANOSECONDS);
        }
    }

    @Test
    void callsTheListenerWithoutItsMonitor() {
        RedisClusterClient client = RedisClusterClient.create("redis://127.0.0.1:1");
        Eager executor = new Eager();
        RedisSettings settings = RedisUsage.builder(client).settings();
        Cluster cluster = new Cluster(client, settings.commandTimeout(), settings.limits());
        NearCacheContext context = new NearCacheContext(
                settings,
                new CacheEntryReader(new Scripts(cluster)),
                NearCacheFixture.entries(),
                System::nanoTime,
                new Timeouts(executor),
                Failover.of(client));
        ClusterTracking tracking = new ClusterTracking(context, cluster, TrackingSupervisor.RETRY);
        List<Boolean> holdsMonitor = new CopyOnWriteArrayList<>();
        tracking.observe(new UsageListener() {
            @Override
            public void trackingRestored() {
                holdsMonitor.add(Thread.holdsLock(tracking));
            }
        });
        try {
            tracking.open(Duration.ZERO, Duration.ZERO);
            cluster.learn(
                    NODE,
                    "1".repeat(40) + " " + NODE + "@10002 myself,master - 0 0 1 connected 0-16383",
                    System.nanoTime());
            eventually("a node has answered", () -> !holdsMonitor.isEmpty());
            assertThat(holdsMonitor).containsOnly(false);
        } finally {
            tracking.close();
            cluster.close();
            executor.shutdownNow();
            client.shutdown();
        }
    }
}
