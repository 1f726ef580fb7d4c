package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Reads a near cache continuously, loads missing figures, and records every figure older than allowed: the oldest allowed version
 * is the one whose write was acknowledged longer ago than the bound.
 */
final class StalenessChecker implements AutoCloseable {

    private final UsageCache cache;
    private final UsageKey key;
    private final long bound;
    private final ConcurrentSkipListMap<Long, Long> acknowledged = new ConcurrentSkipListMap<>();
    private final List<String> stale = new CopyOnWriteArrayList<>();
    private final AtomicLong hits = new AtomicLong();
    private final AtomicLong latest = new AtomicLong();
    private final Thread thread;
    private volatile boolean stopped;

    StalenessChecker(UsageCache cache, UsageKey key, Duration bound) {
        this.cache = cache;
        this.key = key;
        this.bound = bound.toNanos();
        this.thread = new Thread(this::watch, "checker");
        thread.start();
    }

    /** Records that the write of a version has been acknowledged; to be called right after it. */
    void acknowledged(long version) {
        acknowledged.put(System.nanoTime(), version);
    }

    long hits() {
        return hits.get();
    }

    /** Returns the latest version found in the near cache. */
    long latest() {
        return latest.get();
    }

    private void watch() {
        while (!stopped) {
            if (!check()) {
                Redis.succeeds(cache.get(key));
            }
            LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(200));
        }
    }

    private boolean check() {
        long now = System.nanoTime();
        Optional<AgedUsage> found = cache.near(key);
        if (found.isEmpty()) {
            return false;
        }
        hits.incrementAndGet();
        long version = found.get().usage().received().volume();
        latest.set(version);
        Map.Entry<Long, Long> least = acknowledged.floorEntry(now - bound);
        if (least != null && version < least.getValue()) {
            stale.add("version " + version + " was served "
                    + TimeUnit.NANOSECONDS.toMillis(now - least.getKey()) + " ms after version "
                    + least.getValue() + " was acknowledged");
        }
        return true;
    }

    void assertNothingStale() {
        assertThat(hits.get()).as("hits in the near cache").isPositive();
        assertThat(stale).isEmpty();
    }

    @Override
    public void close() {
        stopped = true;
        Redis.eventually("the checker has stopped", () -> !thread.isAlive());
    }
}
