package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.Redis.took;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.UsageCache;
import io.usagekit.UsageCache.Condition;
import io.usagekit.UsageListener;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

/** Near cache with a lost or stalled tracking connection: it serves nothing stale after the bound, and recovers. */
class NearCacheOutageIT extends NearCacheFixture {

    private long version;

    /** Writes a version and waits until the near cache serves it: tracking works. */
    private void writeAndFind(StalenessChecker checker) {
        writeAcknowledged(checker);
        eventually("version " + version + " is served", () -> checker.latest() == version);
    }

    private void writeAcknowledged(StalenessChecker checker) {
        write(other, 1, ++version);
        checker.acknowledged(version);
    }

    private void eventuallyWriteAcknowledged(StalenessChecker checker) {
        version++;
        eventually("the version can be written", () -> succeeds(other.put(key(1), version(1, version), TIME_TO_LIVE)));
        checker.acknowledged(version);
    }

    private void assertOneTrackingOutage() {
        eventually("both events are notified", () -> notifications.size() == 2);
        assertThat(notifications.get(0)).startsWith("lost: ");
        assertThat(notifications.get(1)).isEqualTo("regained");
        assertThat(nearLines("WARN")).hasSize(1);
        assertThat(nearLines("INFO")).hasSize(1);
    }

    @Test
    void recoversWhenTrackingConnectionIsKilled() {
        try (UsageCache cache = openNear();
                StalenessChecker checker = new StalenessChecker(cache, key(1), BOUND)) {
            writeAndFind(checker);
            assertThat(killTracking()).isEqualTo(1);
            writeAcknowledged(checker);
            writeAndFind(checker);
            checker.assertNothingStale();
        }
        assertOneTrackingOutage();
        assertThat(log.lines("WARN")).as("no other outage").hasSize(1);
    }

    @Test
    void reportsSizeAndTracking() {
        write(other, 1, 1);
        write(other, 2, 1);
        try (UsageCache cache = openNear(HEARTBEAT, Duration.ofSeconds(6))) {
            load(cache, 1);
            load(cache, 2);
            assertThat(cache.stats()).isEqualTo(new UsageCache.Stats(OptionalLong.of(2), Condition.UP, Condition.UP));
            killTracking();
            eventually("tracking is lost", () -> notifications.size() == 1);
            assertThat(cache.stats()).isEqualTo(new UsageCache.Stats(OptionalLong.of(2), Condition.UP, Condition.DOWN));
            eventually("tracking is regained", () -> notifications.size() == 2);
            assertThat(cache.stats()).isEqualTo(new UsageCache.Stats(OptionalLong.of(0), Condition.UP, Condition.UP));
        }
    }

    @Test
    void servesFallbackCopiesOnlyAfterConnectionIsLost() {
        write(other, 1, 1);
        try (UsageCache cache = openNear(HEARTBEAT, Duration.ofSeconds(6))) {
            load(cache, 1);
            killTracking();
            eventually("tracking is lost", () -> notifications.size() == 1);
            assertThat(near(cache, 1)).isEmpty();
            assertThat(fallback(cache, 1)).as("as a fallback copy").contains(1L);
            assertThat(get(cache, 1)).as("read over the other connection").contains(1L);
            assertThat(near(cache, 1))
                    .as("read on a connection without tracking")
                    .isEmpty();
            assertThat(fallback(cache, 1)).contains(1L);
            write(other, 1, 2);
            eventually("tracking is regained", () -> notifications.size() == 2);
            assertThat(near(cache, 1)).isEmpty();
            assertThat(fallback(cache, 1))
                    .as("changes during the outage are unknown")
                    .isEmpty();
            assertThat(get(cache, 1)).contains(2L);
        }
        assertOneTrackingOutage();
    }

    /** The answer of a read arrives after its connection has ended and another one has been opened. */
    @Test
    void servesNoFigureReadOnFormerConnection() throws Exception {
        write(other, 1, 1);
        List<Runnable> late = new ArrayList<>();
        NearStore entries = new NearStore(new ConcurrentHashMap<>()) {
            @Override
            void complete(Pending load, NearEntry figure) {
                late.add(() -> put(load.key(), figure)); // as if the load had registered only now
            }
        };
        try (UsageCache cache = openNear(client, entries, HEARTBEAT, Duration.ofMillis(10))) {
            get(cache, 1);
            killTracking();
            eventually("another connection", () -> notifications.size() == 2);
            write(other, 1, 2);
            late.forEach(Runnable::run);
            assertThat(fallback(cache, 1)).contains(1L);
            assertThat(near(cache, 1)).isEmpty();
        }
    }

    @Test
    void servesNothingStaleWhenConnectionIsKilledRepeatedly() {
        try (UsageCache cache = openNear(HEARTBEAT, Duration.ofMillis(10));
                StalenessChecker checker = new StalenessChecker(cache, key(1), BOUND)) {
            writeAndFind(checker);
            eventually("two connections", () -> connections() == 3);
            int killed = 0;
            while (killed < 50) {
                killed += killTracking();
                writeAcknowledged(checker);
                for (int i = 10; i < 20; i++) {
                    succeeds(cache.get(key(i)));
                }
            }
            writeAndFind(checker);
            checker.assertNothingStale();
            eventually("as many connections as before", () -> connections() == 3);
        }
        eventually("only the connection of the other process", () -> connections() == 1);
        assertThat(notifications).hasSizeGreaterThanOrEqualTo(50);
        for (int i = 0; i < notifications.size(); i++) {
            assertThat(notifications.get(i)).startsWith(i % 2 == 0 ? "lost: " : "regained");
        }
    }

    @Test
    void recoversWhenServerRestarts() {
        try (UsageCache cache = openNear();
                StalenessChecker checker = new StalenessChecker(cache, key(1), BOUND)) {
            writeAndFind(checker);
            server.kill();
            eventually("tracking is lost", () -> notifications.size() == 1);
            assertThat(near(cache, 1)).isEmpty();
            assertThat(fallback(cache, 1)).contains(version);
            failure(cache.get(key(1)));
            assertThat(fallback(cache, 1)).as("after a failed read").contains(version);

            server.restart();

            eventually("tracking is regained", () -> notifications.size() == 2);
            assertThat(get(cache, 1)).as("the restarted server is empty").isEmpty();
            assertThat(fallback(cache, 1)).isEmpty();
            eventuallyWriteAcknowledged(checker);
            writeAndFind(checker);
            checker.assertNothingStale();
        }
        assertOneTrackingOutage();
    }

    @Test
    void startsTrackingWhenServerStartsLater() {
        server.kill();
        try (UsageCache cache = openNear()) {
            assertThat(notifications)
                    .as("a listener added later is notified as well")
                    .hasSize(1);
            failure(cache.get(key(1)));
            failure(cache.put(key(1), version(1, 1), TIME_TO_LIVE));
            assertThat(fallback(cache, 1)).contains(1L);
            server.restart();
            eventually("tracking is regained", () -> notifications.size() == 2);
            assertThat(fallback(cache, 1)).isEmpty();
            eventually("the cache is connected", () -> succeeds(cache.put(key(1), version(1, 2), TIME_TO_LIVE)));
            load(cache, 1);
        }
        assertOneTrackingOutage();
    }

    @Test
    void recoversWhenServerHangs() {
        try (UsageCache cache = openNear();
                StalenessChecker checker = new StalenessChecker(cache, key(1), BOUND)) {
            writeAndFind(checker);
            try (StoppedServer stopped = StoppedServer.of(otherClient)) {
                eventually("tracking is lost", () -> notifications.size() == 1);
                assertThat(near(cache, 1)).isEmpty();
                assertThat(fallback(cache, 1)).contains(version);
                failure(cache.get(key(1)));
                assertThat(fallback(cache, 1)).contains(version);

                stopped.resume();

                eventuallyWriteAcknowledged(checker);
                writeAndFind(checker);
                checker.assertNothingStale();
            }
        }
        assertOneTrackingOutage();
    }

    /** Reads in flight when the server hangs fail and keep the fallback copies. */
    @Test
    void endsTrackingAndKeepsFallbackCopyWhenReadTimesOut() {
        write(other, 1, 1);
        try (UsageCache cache = openNear(Duration.ofMinutes(1), TrackingSupervisor.RETRY)) {
            load(cache, 1);
            try (StoppedServer stopped = StoppedServer.of(otherClient)) {
                assertThat(near(cache, 1)).contains(1L);
                elapsed.addAndGet(Duration.ofMinutes(2).toNanos());
                List<CompletionStage<?>> reads = new ArrayList<>();
                assertThat(took(() -> {
                            for (int i = 0; i < 10; i++) {
                                reads.add(cache.get(key(1)));
                                assertThat(fallback(cache, 1)).contains(1L);
                            }
                            reads.forEach(read -> assertThat(failure(read)).hasMessageContaining("Redis"));
                        }))
                        .isBetween(
                                COMMAND_TIMEOUT, COMMAND_TIMEOUT.multipliedBy(2).plus(SLACK));
                eventually("tracking is lost", () -> notifications.size() == 1);
                assertThat(fallback(cache, 1)).contains(1L);
                stopped.resume();
                eventually("tracking is regained", () -> notifications.size() == 2);
            }
        }
    }

    /** Changes are acknowledged, but their invalidation messages don't arrive: only the clock ends the validity. */
    @Test
    void servesNothingStaleWhenInvalidationMessagesStall() {
        try (StallingProxy proxy = new StallingProxy(server.url())) {
            RedisClient own = RedisClient.create(proxy.url());
            try (UsageCache cache = openNear(own, entries(), HEARTBEAT, TrackingSupervisor.RETRY);
                    StalenessChecker checker = new StalenessChecker(cache, key(1), BOUND)) {
                writeAndFind(checker);
                proxy.hold(proxy.connections());
                for (int i = 0; i < 20; i++) {
                    writeAcknowledged(checker);
                }
                eventually("tracking is lost", () -> !notifications.isEmpty());
                proxy.release();
                writeAndFind(checker);
                checker.assertNothingStale();
            } finally {
                own.shutdown();
            }
        }
        assertOneTrackingOutage();
    }

    /** The next heartbeat is a minute away, so no timer ends the validity. */
    @Test
    void servesNothingAfterValidityExpiresWithoutTimer() {
        write(other, 1, 1);
        write(other, 2, 1);
        try (StallingProxy proxy = new StallingProxy(server.url())) {
            RedisClient own = RedisClient.create(proxy.url());
            Duration heartbeat = Duration.ofMinutes(1);
            try (UsageCache cache = openNear(own, entries(), heartbeat, TrackingSupervisor.RETRY)) {
                load(cache, 1);
                proxy.hold(2);
                write(other, 1, 2);
                assertThat(near(cache, 1)).as("within the bound").contains(1L);
                elapsed.addAndGet(heartbeat.plus(COMMAND_TIMEOUT).toNanos());
                assertThat(near(cache, 1)).as("after the bound").isEmpty();
                assertThat(notifications).as("no event is notified").isEmpty();
                proxy.release();
                get(cache, 2);
                assertThat(near(cache, 1))
                        .as("invalidation message before the answer")
                        .isEmpty();
                assertThat(near(cache, 2))
                        .as("an answered read renews the validity")
                        .contains(1L);
            } finally {
                own.shutdown();
            }
        }
    }

    @Test
    void servesNothingStaleWhenFlushedRepeatedly() {
        try (UsageCache cache = openNear();
                StalenessChecker checker = new StalenessChecker(cache, key(1), BOUND)) {
            for (int times = 0; times < 20; times++) {
                writeAndFind(checker);
                Redis.with(otherClient, RedisCommands::flushall);
                eventually("the figure is removed", () -> near(cache, 1).isEmpty());
            }
            writeAndFind(checker);
            checker.assertNothingStale();
        }
        assertThat(notifications).isEmpty();
    }

    @Test
    void releasesConnectionsAndFiguresOnClose() {
        write(other, 1, 1);
        UsageCache cache = openNear();
        load(cache, 1);
        assertThat(connections()).isEqualTo(3);
        cache.close();
        cache.close();
        eventually("the connections are closed", () -> connections() == 1);
        assertThat(near(cache, 1)).isEmpty();
        assertThat(fallback(cache, 1)).isEmpty();
        failure(cache.get(key(1)));
        assertThat(notifications).as("a closed cache is no outage").isEmpty();
        assertThat(log.lines("WARN")).isEmpty();
    }

    @Test
    void staysClosedWhenClosedDuringOutage() {
        UsageCache cache = openNear(HEARTBEAT, Duration.ofMillis(10));
        server.kill();
        eventually("tracking is lost", () -> notifications.size() == 1);
        cache.close();
        server.restart();
        eventually("no attempt is in progress", () -> connectThreads().isEmpty());
        eventually("the other process is connected", () -> succeeds(other.get(key(1))));
        assertThat(connections()).as("connection of the other process").isEqualTo(1);
        assertThat(notifications).hasSize(1);
    }

    /** A client that is shut down drops an attempt in progress, whose thread would block for minutes. */
    @Test
    void leavesNoThreadWhenClosedDuringAttempt() {
        for (int times = 0; times < 20; times++) {
            RedisClient own = RedisClient.create(server.url());
            UsageCache cache = openNear(own, entries(), HEARTBEAT, Duration.ofMillis(1));
            killTracking();
            eventually("an attempt", () -> !connectThreads().isEmpty() || notifications.size() % 2 == 0);
            cache.close();
            own.shutdown();
            notifications.clear();
            eventually("the attempt has ended", () -> connectThreads().isEmpty());
        }
    }

    @Test
    void ignoresExceptionsOfListener() {
        write(other, 1, 1);
        try (UsageCache cache = openNear()) {
            cache.observe(new UsageListener() {
                @Override
                public void trackingLost(String reason) {
                    notifications.add("lost");
                    throw new IllegalStateException("exception of the listener");
                }

                @Override
                public void trackingRestored() {
                    notifications.add("regained");
                    throw new LinkageError("exception of the listener");
                }
            });
            for (int times = 1; times <= 2; times++) {
                load(cache, 1);
                assertThat(killTracking()).isEqualTo(1);
                int expected = 2 * times;
                eventually("tracking is regained", () -> notifications.size() == expected);
            }
            load(cache, 1);
            await(cache.invalidate(key(1)));
        }
        assertThat(notifications).containsExactly("lost", "regained", "lost", "regained");
    }
}
