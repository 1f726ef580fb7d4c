package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.RedisOutageFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.SlotHash;
import io.lettuce.core.resource.ClientResources;
import io.usagekit.AgedUsage;
import io.usagekit.UsageKey;
import io.usagekit.redis.ScriptedMasters.Claim;
import io.usagekit.redis.internal.Cluster;
import io.usagekit.redis.internal.Connector;
import io.usagekit.redis.internal.Failover;
import io.usagekit.redis.internal.Timeouts;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Tracking over masters that change their minds about who has which slot. */
class ClusterTrackingTopologyTest {

    private static final int IO_THREADS = 2;
    private static final RedisKeys KEYS = new RedisKeys("usage");
    private static final Claim FIRST = new Claim(0, 1, "0-8191");
    private static final Claim SECOND = new Claim(1, 2, "8192-16383");

    /** Memory whose removals can be held, and that says on which threads they are. */
    private static final class Memory extends ConcurrentHashMap<UsageKey, NearStore.Slot> {
        private static final long serialVersionUID = 1;

        private final transient Set<String> threads = ConcurrentHashMap.newKeySet();
        private transient volatile CountDownLatch gate = new CountDownLatch(0);

        @Override
        public KeySetView<UsageKey, NearStore.Slot> keySet() {
            threads.add(Thread.currentThread().getName());
            await(gate);
            return super.keySet();
        }
    }

    /** Timers of which those that look for other masters each second can be left out. */
    private static final class Timers extends ScheduledThreadPoolExecutor {

        private volatile boolean looks = true;
        private volatile boolean leftOut;

        Timers() {
            super(4, task -> new Thread(task, "timers"));
        }

        @Override
        public ScheduledFuture<?> schedule(Runnable command, long delay, TimeUnit unit) {
            if (!looks && unit.toNanos(delay) == TrackingSupervisor.RETRY.toNanos()) {
                leftOut = true;
                return super.schedule(() -> {}, delay, unit);
            }
            return super.schedule(command, delay, unit);
        }
    }

    private final ScriptedMasters masters = new ScriptedMasters(2);
    private final ClientResources resources =
            ClientResources.builder().ioThreadPoolSize(IO_THREADS).build();
    private final RedisClusterClient client = RedisClusterClient.create(resources, "redis://" + masters.address(0));
    private final Timers timers = new Timers();
    private final RedisSettings settings = RedisUsage.builder(client)
            .commandTimeout(Duration.ofSeconds(30))
            .connectTimeout(Duration.ofSeconds(30))
            .heartbeat(Duration.ofMillis(5))
            .settings();
    private final Cluster cluster = new Cluster(client, settings.commandTimeout(), settings.limits());
    private final Memory memory = new Memory();
    private final AtomicBoolean failing = new AtomicBoolean();
    private final AtomicInteger failures = new AtomicInteger();
    private final ClusterTracking tracking = tracking(() -> {
        if (failing.getAndSet(false)) {
            failures.incrementAndGet();
            throw new IllegalStateException("no time");
        }
        return System.nanoTime();
    });

    private ClusterTracking tracking(LongSupplier ticker) {
        NearCacheContext context = new NearCacheContext(
                settings,
                new CacheEntryReader(new Scripts(cluster)),
                new NearStore(memory),
                ticker,
                new Timeouts(timers),
                Failover.of(client));
        return new ClusterTracking(context, cluster, Duration.ofMillis(10));
    }

    @AfterEach
    void stop() {
        memory.gate.countDown();
        tracking.close();
        cluster.close();
        timers.shutdownNow();
        client.shutdown();
        var unused = resources.shutdown();
        masters.close();
    }

    private void open() {
        cluster.open(settings.connectTimeout());
        tracking.open(settings.connectTimeout(), settings.connectTimeout());
    }

    private boolean isTracked() {
        return tracking.isValid(System.nanoTime());
    }

    /** Returns the key of a figure in one of these slots. */
    private static UsageKey keyIn(int from, int to) {
        return IntStream.iterate(0, i -> i + 1)
                .mapToObj(RedisOutageFixture::key)
                .filter(key -> SlotHash.getSlot(KEYS.of(key)) >= from && SlotHash.getSlot(KEYS.of(key)) <= to)
                .findFirst()
                .orElseThrow();
    }

    private void awaitHeartbeats() {
        for (int master = 0; master < 2; master++) {
            int one = master;
            int before = masters.asked(one);
            eventually("heartbeats", () -> masters.asked(one) > before + 3);
        }
    }

    @Test
    void followsTopologyBeforeItsChangeIsReported() {
        masters.sayAll(FIRST, SECOND);
        open();
        eventually("all slots are tracked", this::isTracked);
        UsageKey moving = keyIn(8192, 9999);
        TrackingConnection second = tracking.connection(moving);
        cluster.observe(() -> {}); // those who report the change don't get to it
        awaitLastLook();

        masters.say(0, new Claim(0, 3, "0-9999"), new Claim(1, 2, "10000-16383")); // which the other doesn't know yet

        eventually(
                "the new master tracks",
                () -> isTracked() && tracking.connection(moving) != null && tracking.connection(moving) != second);
        assertThat(tracking.connection(keyIn(10_000, 16_383))).isSameAs(second);
    }

    /** No look is to ask the masters as well. */
    private void awaitLastLook() {
        timers.looks = false;
        eventually("the next look is left out", () -> timers.leftOut);
    }

    @Test
    void isNotValidWhileSlotOfMasterIsNotTracked() {
        masters.say(0, FIRST, SECOND);
        masters.say(1, FIRST, new Claim(1, 2, "8192-15999")); // doesn't know yet that it has the others
        open();
        eventually(
                "both masters track",
                () -> tracking.connection(keyIn(0, 8191)) != null && tracking.connection(keyIn(8192, 15_999)) != null);
        awaitHeartbeats();

        assertThat(isTracked()).isFalse();
        assertThat(tracking.connection(keyIn(16_000, 16_383))).isNull();

        masters.say(1, FIRST, SECOND);
        eventually("all slots are tracked", this::isTracked);
        assertThat(tracking.connection(keyIn(16_000, 16_383))).isNotNull();
    }

    @Test
    void goesOnLookingForMastersAfterALookThatThrew() {
        open(); // no node answers anything that is one of a cluster
        for (int times = 1; times <= 2; times++) {
            int expected = times;
            failing.set(true);
            eventually("another look", () -> failures.get() == expected);
        }
        masters.sayAll(FIRST, SECOND);
        eventually("all slots are tracked", this::isTracked);
    }

    @Test
    void provesNothingWhileFiguresAreRemovedOnAnotherThread() {
        masters.sayAll(FIRST, SECOND);
        NearEntry entry =
                NearEntry.unstored(new AgedUsage(RedisOutageFixture.figure(1), Duration.ZERO), 0, Duration.ofDays(1));
        for (int i = 0; i < 4 * NearStore.REMOVAL_STEP; i++) {
            memory.put(key(i), entry);
        }
        memory.gate = new CountDownLatch(1);
        open();
        eventually("a removal has begun", () -> !memory.threads.isEmpty());
        awaitHeartbeats();
        assertThat(isTracked()).isFalse();
        assertThat(memory).isNotEmpty();

        memory.gate.countDown();

        eventually("all slots are tracked", this::isTracked);
        assertThat(memory).isEmpty();
        assertThat(memory.threads).containsOnly("timers");
    }

    @Test
    void closesConnectionsTogether() {
        masters.sayAll(FIRST, SECOND);
        open();
        CountDownLatch gate = new CountDownLatch(1);
        Set<String> blocked = ConcurrentHashMap.newKeySet();
        List<StatefulRedisConnection<String, String>> connections = Stream.generate(
                        () -> cluster.connectTo(masters.address(0)))
                .limit(2 * IO_THREADS)
                .toList();
        try (CapturedLog log = new CapturedLog()) {
            Thread here = Thread.currentThread();
            eventually("no connection can be closed", () -> {
                for (StatefulRedisConnection<String, String> connection : connections) {
                    var unused = connection.async().ping().thenRun(() -> {
                        if (Thread.currentThread() != here) { // answered before this was attached
                            blocked.add(Thread.currentThread().getName());
                            await(gate);
                        }
                    });
                }
                return blocked.size() == IO_THREADS;
            });

            tracking.close();
            cluster.close();

            assertThat(log.lines("WARN"))
                    .as("one for the connections of each")
                    .hasSize(2)
                    .allSatisfy(line -> assertThat(line).contains("wasn't closed within " + Connector.CLOSE_LIMIT));
        } finally {
            gate.countDown();
        }
    }

    private static void await(CountDownLatch gate) {
        try {
            gate.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
