package io.usagekit.postgres.internal.cache;

import io.usagekit.postgres.internal.cache.CacheCalls.Purpose;
import io.usagekit.postgres.internal.cache.CacheCounters.Count;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Deletes rows whose time is over, after every hundredth write of this process, at most every ten seconds, and in one process at a time. It
 * reads the table from its beginning, since an index on what changes would make each write more expensive. Thread-safe.
 */
final class Pruning {

    private static final int WRITES = 100;

    /** Rows at a time, for windows of organisations that nobody has asked for lately. */
    private static final int MOST = 10_000;

    private static final long PAUSE_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final CacheCalls calls;
    private final CacheCounters counters;
    private final AtomicInteger writes = new AtomicInteger();
    private final AtomicLong last = new AtomicLong(System.nanoTime() - PAUSE_NANOS);

    Pruning(CacheCalls calls, CacheCounters counters) {
        this.calls = calls;
        this.counters = counters;
    }

    /** Counts a write of a row, and prunes if it is time. */
    void written() {
        long before = last.get();
        long now = System.nanoTime();
        if (writes.incrementAndGet() >= WRITES && now - before >= PAUSE_NANOS && last.compareAndSet(before, now)) {
            writes.set(0);
            var unused = prune(calls).whenComplete((rows, error) -> {
                if (error == null) {
                    counters.increment(Count.PRUNES);
                    counters.add(Count.PRUNED_ROWS, rows);
                } else {
                    counters.increment(Count.FAILED_PRUNES);
                }
            });
        }
    }

    /** Prunes; returns how many rows have been deleted. */
    static CompletionStage<Long> prune(CacheCalls calls) {
        return calls.run(
                Purpose.PRUNE,
                "expired figures can't be deleted",
                attempt -> Optional.of(attempt.sql()
                        .call(attempt.connection(), "prune")
                        .number("most", MOST)
                        .update()));
    }
}
