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
import io.usagekit.UsageListener;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

/** What is told of changes is lost, or late: nothing stale is near after the bound, and it begins anew by itself. */
class NearCacheOutageIT extends NearCacheFixture {

    private long version;

    /** Writes a version and waits until it is near: tracking is there, and tells. */
    private void writeAndFind(StalenessChecker witness) {
        writeAcknowledged(witness);
        eventually("version " + version + " is near", () -> witness.latest() == version);
    }

    private void writeAcknowledged(StalenessChecker witness) {
        write(other, 1, ++version);
        witness.acknowledged(version);
    }

    private void eventuallyWriteAcknowledged(StalenessChecker witness) {
        version++;
        eventually("it can be written", () -> succeeds(other.put(key(1), version(1, version), TIME_TO_LIVE)));
        witness.acknowledged(version);
    }

    private void assertOneIncidentOfTracking() {
        eventually("it is told", () -> told.size() == 2);
        assertThat(told.get(0)).startsWith("lost: ");
        assertThat(told.get(1)).isEqualTo("regained");
        assertThat(nearLines("WARN")).hasSize(1);
        assertThat(nearLines("INFO")).hasSize(1);
    }

    // Lost

    @Test
    void itsConnectionIsKilled() {
        try (UsageCache cache = openNear();
                StalenessChecker witness = new StalenessChecker(cache, key(1), BOUND)) {
            writeAndFind(witness);
            assertThat(killTracking()).isEqualTo(1);
            writeAcknowledged(witness);
            writeAndFind(witness);
            witness.assertNothingStale();
        }
        assertOneIncidentOfTracking();
        assertThat(log.lines("WARN")).as("of anything else").hasSize(1);
    }

    @Test
    void whatWasReadOnAnotherConnectionIsNotNearAnyMore() {
        write(other, 1, 1);
        try (UsageCache cache = openNear(HEARTBEAT, Duration.ofSeconds(3))) {
            load(cache, 1);
            killTracking();
            eventually("it is lost", () -> told.size() == 1);
            assertThat(near(cache, 1)).isEmpty();
            assertThat(fallback(cache, 1)).as("but as a fallback copy").contains(1L);
            assertThat(get(cache, 1)).as("asked over the other connection").contains(1L);
            assertThat(near(cache, 1)).as("which tells no changes").isEmpty();
            assertThat(fallback(cache, 1)).contains(1L);
            write(other, 1, 2);
            eventually("it is regained", () -> told.size() == 2);
            assertThat(near(cache, 1)).isEmpty();
            assertThat(fallback(cache, 1)).as("changes weren't told meanwhile").isEmpty();
            assertThat(get(cache, 1)).contains(2L);
        }
        assertOneIncidentOfTracking();
    }

    /** A read whose answer comes late, from a connection that is over: what it brings isn't near under the next. */
    @Test
    void whatComesFromAFormerConnectionIsNotNearUnderTheNext() throws Exception {
        write(other, 1, 1);
        List<Runnable> late = new ArrayList<>();
        NearStore entries = new NearStore(new ConcurrentHashMap<>()) {
            @Override
            void complete(Pending load, NearEntry figure) {
                late.add(() -> put(load.key(), figure)); // as if it had registered only just now
            }
        };
        try (UsageCache cache = openNear(client, entries, HEARTBEAT, Duration.ofMillis(10))) {
            get(cache, 1);
            killTracking();
            eventually("another one", () -> told.size() == 2);
            write(other, 1, 2);
            late.forEach(Runnable::run);
            assertThat(fallback(cache, 1)).contains(1L);
            assertThat(near(cache, 1)).isEmpty();
        }
    }

    @Test
    void itsConnectionIsKilledTimeAndAgainWhileLoadsRun() {
        try (UsageCache cache = openNear(HEARTBEAT, Duration.ofMillis(10));
                StalenessChecker witness = new StalenessChecker(cache, key(1), BOUND)) {
            writeAndFind(witness);
            eventually("two connections", () -> connections() == 3);
            int killed = 0;
            while (killed < 50) {
                killed += killTracking();
                writeAcknowledged(witness);
                for (int i = 10; i < 20; i++) {
                    succeeds(cache.get(key(i)));
                }
            }
            writeAndFind(witness);
            witness.assertNothingStale();
            eventually("as many connections as before", () -> connections() == 3);
        }
        eventually("the other process's alone", () -> connections() == 1);
        assertThat(told).hasSizeGreaterThanOrEqualTo(50);
        for (int i = 0; i < told.size(); i++) {
            assertThat(told.get(i)).startsWith(i % 2 == 0 ? "lost: " : "regained");
        }
    }

    @Test
    void theServerIsKilledAndStartedAgain() {
        try (UsageCache cache = openNear();
                StalenessChecker witness = new StalenessChecker(cache, key(1), BOUND)) {
            writeAndFind(witness);
            server.kill();
            eventually("it is lost", () -> told.size() == 1);
            assertThat(near(cache, 1)).isEmpty();
            assertThat(fallback(cache, 1)).contains(version);
            failure(cache.get(key(1)));
            assertThat(fallback(cache, 1)).as("also after a read that failed").contains(version);

            server.restart();

            eventually("it is regained", () -> told.size() == 2);
            assertThat(get(cache, 1)).as("the server has forgotten it").isEmpty();
            assertThat(fallback(cache, 1)).isEmpty();
            eventuallyWriteAcknowledged(witness);
            writeAndFind(witness);
            witness.assertNothingStale();
        }
        assertOneIncidentOfTracking();
    }

    @Test
    void builtWithoutRedisItBeginsWhenRedisComes() {
        server.kill();
        try (UsageCache cache = openNear()) {
            assertThat(told).as("whoever observes later is told, too").hasSize(1);
            failure(cache.get(key(1)));
            failure(cache.put(key(1), version(1, 1), TIME_TO_LIVE));
            assertThat(fallback(cache, 1)).contains(1L);
            server.restart();
            eventually("it is regained", () -> told.size() == 2);
            assertThat(fallback(cache, 1)).isEmpty();
            eventually("it is connected", () -> succeeds(cache.put(key(1), version(1, 2), TIME_TO_LIVE)));
            load(cache, 1);
        }
        assertOneIncidentOfTracking();
    }

    // Late

    @Test
    void theServerHangs() {
        try (UsageCache cache = openNear();
                StalenessChecker witness = new StalenessChecker(cache, key(1), BOUND)) {
            writeAndFind(witness);
            try (StoppedServer hang = StoppedServer.of(otherClient)) {
                eventually("it is lost", () -> told.size() == 1);
                assertThat(near(cache, 1)).isEmpty();
                assertThat(fallback(cache, 1)).contains(version);
                failure(cache.get(key(1)));
                assertThat(fallback(cache, 1)).contains(version);

                hang.end();

                eventuallyWriteAcknowledged(witness);
                writeAndFind(witness);
                witness.assertNothingStale();
            }
        }
        assertOneIncidentOfTracking();
    }

    /** Reads that are under way when it begins to hang, and fail, leave the fallback copies. */
    @Test
    void aReadThatTimesOutEndsTrackingAndLeavesTheFallbackCopy() {
        write(other, 1, 1);
        try (UsageCache cache = openNear(Duration.ofMinutes(1), TrackingSupervisor.RETRY)) {
            load(cache, 1);
            try (StoppedServer hang = StoppedServer.of(otherClient)) {
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
                eventually("it is lost", () -> told.size() == 1);
                assertThat(fallback(cache, 1)).contains(1L);
                hang.end();
                eventually("it is regained", () -> told.size() == 2);
            }
        }
    }

    /** Changes that are made, acknowledged, and not heard of: the one case in which only the clock helps. */
    @Test
    void whatIsToldIsHeldUpOnTheWire() {
        try (StallingProxy wire = new StallingProxy(server.url())) {
            RedisClient own = RedisClient.create(wire.url());
            try (UsageCache cache = openNear(own, entries(), HEARTBEAT, TrackingSupervisor.RETRY);
                    StalenessChecker witness = new StalenessChecker(cache, key(1), BOUND)) {
                writeAndFind(witness);
                wire.hold(wire.connections());
                for (int i = 0; i < 20; i++) {
                    writeAcknowledged(witness);
                }
                eventually("it is lost", () -> told.size() == 1);
                wire.release();
                writeAndFind(witness);
                witness.assertNothingStale();
            } finally {
                own.shutdown();
            }
        }
        assertOneIncidentOfTracking();
    }

    /** No timer has to fire for that: here the next heartbeat is a minute away. */
    @Test
    void withoutASignOfLifeNothingIsNearWhetherOrNotAnyTimerFires() {
        write(other, 1, 1);
        write(other, 2, 1);
        try (StallingProxy wire = new StallingProxy(server.url())) {
            RedisClient own = RedisClient.create(wire.url());
            Duration heartbeat = Duration.ofMinutes(1);
            try (UsageCache cache = openNear(own, entries(), heartbeat, TrackingSupervisor.RETRY)) {
                load(cache, 1);
                wire.hold(2);
                write(other, 1, 2);
                assertThat(near(cache, 1)).as("within the bound").contains(1L);
                elapsed.addAndGet(heartbeat.plus(COMMAND_TIMEOUT).toNanos());
                assertThat(near(cache, 1)).as("after the bound").isEmpty();
                assertThat(told).as("and nobody has noticed").isEmpty();
                wire.release();
                get(cache, 2);
                assertThat(near(cache, 1)).as("told before that answer").isEmpty();
                assertThat(near(cache, 2)).as("an answered read proves it, too").contains(1L);
            } finally {
                own.shutdown();
            }
        }
    }

    @Test
    void flushedTimeAndAgain() {
        try (UsageCache cache = openNear();
                StalenessChecker witness = new StalenessChecker(cache, key(1), BOUND)) {
            for (int times = 0; times < 20; times++) {
                writeAndFind(witness);
                Redis.with(otherClient, RedisCommands::flushall);
                eventually("it is gone", () -> near(cache, 1).isEmpty());
            }
            writeAndFind(witness);
            witness.assertNothingStale();
        }
        assertThat(told).isEmpty();
    }

    // Closed

    @Test
    void closedItIsDisconnectedAndHoldsNothing() {
        write(other, 1, 1);
        UsageCache cache = openNear();
        load(cache, 1);
        assertThat(connections()).isEqualTo(3);
        cache.close();
        cache.close();
        eventually("its connections are closed", () -> connections() == 1);
        assertThat(near(cache, 1)).isEmpty();
        assertThat(fallback(cache, 1)).isEmpty();
        failure(cache.get(key(1)));
        assertThat(told).as("a closed cache isn't an incident").isEmpty();
        assertThat(log.lines("WARN")).isEmpty();
    }

    @Test
    void closedDuringAnOutageItDoesNotComeBack() {
        UsageCache cache = openNear(HEARTBEAT, Duration.ofMillis(10));
        server.kill();
        eventually("it is lost", () -> told.size() == 1);
        cache.close();
        server.restart();
        eventually("no attempt is under way", () -> connectThreads().isEmpty());
        eventually("the other process is back", () -> succeeds(other.get(key(1))));
        assertThat(connections()).as("the other process's").isEqualTo(1);
        assertThat(told).hasSize(1);
    }

    /** The client forgets an attempt that is under way when it is shut down; its thread would wait for minutes. */
    @Test
    void closedAndItsClientShutDownDuringAnAttemptItLeavesNoThread() {
        for (int times = 0; times < 20; times++) {
            RedisClient own = RedisClient.create(server.url());
            UsageCache cache = openNear(own, entries(), HEARTBEAT, Duration.ofMillis(1));
            killTracking();
            eventually("an attempt", () -> !connectThreads().isEmpty() || told.size() % 2 == 0);
            cache.close();
            own.shutdown();
            told.clear();
            assertThat(took(() -> eventually(
                            "the attempt is over", () -> connectThreads().isEmpty())))
                    .isLessThan(SLACK);
        }
    }

    @Test
    void aListenerThatThrowsHarmsNobody() {
        write(other, 1, 1);
        try (UsageCache cache = openNear()) {
            cache.observe(new UsageListener() {
                @Override
                public void trackingLost(String reason) {
                    told.add("lost");
                    throw new IllegalStateException("a listener's own trouble");
                }

                @Override
                public void trackingRestored() {
                    told.add("regained");
                    throw new LinkageError("a listener's own trouble");
                }
            });
            for (int times = 1; times <= 2; times++) {
                load(cache, 1);
                assertThat(killTracking()).isEqualTo(1);
                int expected = 2 * times;
                eventually("it is regained", () -> told.size() == expected);
            }
            load(cache, 1);
            await(cache.invalidate(key(1)));
        }
        assertThat(told).containsExactly("lost", "regained", "lost", "regained");
    }
}
