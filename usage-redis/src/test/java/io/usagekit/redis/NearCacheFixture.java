package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.succeeds;

import com.github.benmanes.caffeine.cache.Caffeine;
import io.lettuce.core.KillArgs;
import io.lettuce.core.RedisClient;
import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Fixture: a server, a near cache over it, and another process that writes figures whose volume is their version. */
abstract class NearCacheFixture extends RedisOutageFixture {

    static final Duration HEARTBEAT = Duration.ofMillis(100);

    /** Documented bound: a change is served after this time at the latest. */
    static final Duration BOUND = HEARTBEAT.plus(COMMAND_TIMEOUT);

    private static final Pattern TRACKING = Pattern.compile("id=(\\d+) [^\\n]*flags=[a-zA-Z]*t", Pattern.MULTILINE);

    /** Offset of the near cache's clock, in nanoseconds. */
    final AtomicLong elapsed = new AtomicLong();

    /** Events of the listener. */
    final List<String> notifications = new CopyOnWriteArrayList<>();

    /** Client of the other process. */
    RedisClient otherClient;

    UsageCache other;

    @BeforeEach
    final void startOther() {
        otherClient = RedisClient.create(server.url());
        other = Redis.patient(otherClient);
    }

    @AfterEach
    final void stopOther() {
        other.close();
        otherClient.shutdown();
    }

    UsageCache openNear() {
        return openNear(HEARTBEAT, TrackingSupervisor.RETRY);
    }

    UsageCache openNear(Duration heartbeat, Duration retry) {
        return openNear(client, entries(), heartbeat, retry);
    }

    UsageCache openNear(RedisClient of, NearStore entries, Duration heartbeat, Duration retry) {
        UsageCache cache = RedisUsage.builder(of)
                .connectTimeout(Duration.ofSeconds(20))
                .commandTimeout(COMMAND_TIMEOUT)
                .heartbeat(heartbeat)
                .settings()
                .openNearCache(entries, () -> System.nanoTime() + elapsed.get(), retry);
        cache.observe(recording(notifications));
        return cache;
    }

    /** Returns a listener that adds what happens to tracking. */
    static UsageListener recording(List<String> notifications) {
        return new UsageListener() {
            @Override
            public void trackingLost(String reason) {
                notifications.add("lost: " + reason);
            }

            @Override
            public void trackingRestored() {
                notifications.add("regained");
            }
        };
    }

    static NearStore entries() {
        return new NearStore(Caffeine.newBuilder()
                .executor(Runnable::run)
                .<UsageKey, NearStore.Slot>build()
                .asMap());
    }

    /** Reads the figure until the near cache serves it. */
    static void load(UsageCache cache, int i) {
        eventually("the figure is in the near cache", () -> {
            succeeds(cache.get(key(i)));
            return cache.near(key(i)).isPresent();
        });
    }

    static AgedUsage version(int i, long version) {
        return new AgedUsage(
                new OrganisationUsage(
                        key(i),
                        new UsageMetrics(version, 0),
                        UsageMetrics.ZERO,
                        figure(i).createdAt()),
                Duration.ZERO);
    }

    static void write(UsageCache cache, int i, long version) {
        await(cache.put(key(i), version(i, version), TIME_TO_LIVE));
    }

    static Optional<Long> near(UsageCache cache, int i) {
        return versionOf(cache.near(key(i)));
    }

    static Optional<Long> fallback(UsageCache cache, int i) {
        return versionOf(cache.fallback(key(i)));
    }

    static Optional<Long> get(UsageCache cache, int i) {
        return versionOf(await(cache.get(key(i))));
    }

    private static Optional<Long> versionOf(Optional<AgedUsage> found) {
        return found.map(figure -> figure.usage().received().volume());
    }

    /** Kills the tracking connections, as an administrator may; returns their number. */
    int killTracking() {
        return killTracking(otherClient);
    }

    static int killTracking(RedisClient server) {
        int[] count = new int[1];
        Redis.with(server, redis -> {
            Matcher tracking = TRACKING.matcher(redis.clientList());
            while (tracking.find()) {
                count[0] += redis.clientKill(KillArgs.Builder.id(Long.parseLong(tracking.group(1))))
                        .intValue();
            }
        });
        return count[0];
    }

    List<String> nearLines(String level) {
        return log.lines(level).stream()
                .filter(line -> line.contains("the near cache receives"))
                .toList();
    }
}
