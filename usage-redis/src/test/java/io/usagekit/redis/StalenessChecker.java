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
 * Looks into a near cache all the time, loads where it finds nothing, and knows which version it may find at least: the
 * one whose write was acknowledged longer ago than the bound.
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
    private volatile boolean over;

    StalenessChecker(UsageCache cache, UsageKey key, Duration bound) {
        this.cache = cache;
        this.key = key;
        this.bound = bound.toNanos();
        this.thread = new Thread(this::watch, "witness");
        thread.start();
    }

    /** To be told right after the write was acknowledged. */
    void acknowledged(long version) {
        acknowledged.put(System.nanoTime(), version);
    }

    long hits() {
        return hits.get();
    }

    /** The latest version found near. */
    long latest() {
        return latest.get();
    }

    private void watch() {
        while (!over) {
            if (!look()) {
                Redis.succeeds(cache.get(key));
            }
            LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(200));
        }
    }

    private boolean look() {
        long asked = System.nanoTime();
        Optional<AgedUsage> found = cache.near(key);
        if (found.isEmpty()) {
            return false;
        }
        hits.incrementAndGet();
        long version = found.get().usage().received().volume();
        latest.set(version);
        Map.Entry<Long, Long> least = acknowledged.floorEntry(asked - bound);
        if (least != null && version < least.getValue()) {
            stale.add("version " + version + " was near "
                    + TimeUnit.NANOSECONDS.toMillis(asked - least.getKey()) + " ms after version "
                    + least.getValue() + " was acknowledged");
        }
        return true;
    }

    void assertNothingStale() {
        assertThat(hits.get()).as("figures found near").isPositive();
        assertThat(stale).isEmpty();
    }

    @Override
    public void close() {
        over = true;
        Redis.eventually("the witness has left", () -> !thread.isAlive());
    }
}
