package io.usagekit.postgres.internal.cache;

import io.usagekit.UsageCache.Condition;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;

/** What the caches and flight stores that were opened with the same settings have done. Thread-safe. */
public final class CacheCounters {

    /** What is counted. */
    public enum Count {
        HITS,
        MISSES,
        WRITES,
        PRUNES,
        FAILED_PRUNES,
        PRUNED_ROWS,
        WAKE_UPS
    }

    private final Map<Count, LongAdder> counts = new EnumMap<>(Count.class);
    private volatile Condition listening = Condition.UNKNOWN;

    /** Creates counters that are 0. */
    public CacheCounters() {
        for (Count count : Count.values()) {
            counts.put(count, new LongAdder());
        }
    }

    void add(Count count, long number) {
        Objects.requireNonNull(counts.get(count)).add(number);
    }

    void increment(Count count) {
        add(count, 1);
    }

    /** Returns how many there have been so far. */
    public long get(Count count) {
        return Objects.requireNonNull(counts.get(count)).sum();
    }

    void listening(Condition condition) {
        listening = condition;
    }

    /** Returns whether wake-ups are received; unknown where nothing listens. */
    public Condition listening() {
        return listening;
    }
}
