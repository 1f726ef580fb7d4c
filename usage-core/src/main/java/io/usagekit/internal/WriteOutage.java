package io.usagekit.internal;

import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * Keys whose figures couldn't be stored in a cache that can be read, as in one that is full or read-only. Until a write of any key
 * succeeds, their fallback copies are served as in an outage, and one call in each interval tries again. Thread-safe; holds at most
 * {@value #MOST} keys, and no others while it is full.
 */
final class WriteOutage {

    private static final int MOST = 10_000;

    private final ConcurrentHashMap<UsageKey, Throwable> unstored = new ConcurrentHashMap<>();
    private final AtomicLong nextAttempt = new AtomicLong();
    private final Duration interval;
    private final LongSupplier ticker;

    WriteOutage(Duration interval, LongSupplier ticker) {
        this.interval = interval;
        this.ticker = ticker;
    }

    /** Notes that a figure couldn't be stored. */
    void failed(UsageKey key, Throwable error) {
        if (unstored.isEmpty()) {
            nextAttempt.set(ticker.getAsLong() + interval.toNanos());
        }
        if (unstored.size() < MOST) {
            unstored.put(key, error);
        }
    }

    /** Notes that a figure was stored: the outage is over, for all keys. */
    void succeeded() {
        if (!unstored.isEmpty()) {
            unstored.clear();
        }
    }

    /** Returns why the figure of this key couldn't be stored; empty if the outage is over, or there was none. */
    Optional<Throwable> of(UsageKey key) {
        return unstored.isEmpty() ? Optional.empty() : Optional.ofNullable(unstored.get(key));
    }

    /** Returns true to one caller in each interval, which computes and tries to store again. */
    boolean isAttemptDue() {
        long due = nextAttempt.get();
        long now = ticker.getAsLong();
        return now - due >= 0 && nextAttempt.compareAndSet(due, now + interval.toNanos());
    }
}
