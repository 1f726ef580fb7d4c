package io.usagekit.internal;

import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/**
 * Limits refreshes that come to nothing, for want of a permit or since another process has the lease, to one attempt per key and
 * interval: a stale hit costs no more than a fresh one meanwhile. Thread-safe; holds at most {@value #MOST} keys, and limits no others
 * while it is full.
 */
final class RefreshAttempts {

    private static final int MOST = 10_000;

    /** When the next attempt may begin, by the ticker. */
    private final ConcurrentHashMap<UsageKey, Long> next = new ConcurrentHashMap<>();

    private final Duration interval;
    private final LongSupplier ticker;

    RefreshAttempts(Duration interval, LongSupplier ticker) {
        this.interval = interval;
        this.ticker = ticker;
    }

    /** Returns whether the caller may begin an attempt; if so, no other caller may until the interval is over or it has succeeded. */
    boolean begin(UsageKey key) {
        if (interval.isZero()) {
            return true;
        }
        long now = ticker.getAsLong();
        Long due = next.get(key);
        if (due != null) {
            return now - due >= 0 && next.replace(key, due, now + interval.toNanos());
        }
        if (next.size() >= MOST) {
            next.values().removeIf(other -> now - other >= 0);
        }
        return next.size() >= MOST || next.putIfAbsent(key, now + interval.toNanos()) == null;
    }

    /** Notes that an attempt has brought a figure. */
    void succeeded(UsageKey key) {
        next.remove(key);
    }
}
