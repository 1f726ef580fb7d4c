package io.usagekit.redis;

import io.usagekit.UsageKey;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * Loads in flight of this process whose periods it has added to the indexes of their organisations by requests of their own, as over a cluster: where the
 * addition covers the figure too, no other one is needed. An addition counts only while commands of the index go to the connection on which it was
 * made: a master that has been replaced, or started again, may have lost it. Thread-safe.
 */
final class IndexedLoads {

    /** More loads than these aren't in flight: all are removed then, at the price of one more addition for those that are. */
    static final int MOST = 10_000;

    /** The longest life that is counted on; a figure that lives longer is added again. */
    private static final long MOST_MILLIS = TimeUnit.DAYS.toMillis(366);

    private record Addition(BooleanSupplier isCurrent, long since, long millis) {}

    private final LongSupplier ticker;
    private final Map<UsageKey, Addition> additions = new ConcurrentHashMap<>();
    private final AtomicLong longestLife = new AtomicLong();

    IndexedLoads(LongSupplier ticker) {
        this.ticker = ticker;
    }

    /**
     * Returns how long to keep the period of a load, in milliseconds: while it may compute and its figure, once stored, may live. That is taken for as
     * long as the longest life so far.
     */
    long millis(long computingMillis) {
        long millis = computingMillis + longestLife.get();
        return millis < 0 ? Long.MAX_VALUE : millis;
    }

    /**
     * Takes note of an addition.
     *
     * @param isCurrent whether commands of the index still go to the connection on which it was made
     * @param since before it was made, in nanoseconds
     * @param millis how long the period is sure to be kept since then
     */
    void added(UsageKey key, BooleanSupplier isCurrent, long since, long millis) {
        if (additions.size() >= MOST) {
            additions.clear();
        }
        additions.put(key, new Addition(isCurrent, since, millis));
    }

    /** Removes a load, and returns whether the period is in the index for as long as its figure lives from now on. */
    boolean endCovering(UsageKey key, long lifeMillis) {
        longestLife.accumulateAndGet(Math.min(lifeMillis, MOST_MILLIS), Math::max);
        Addition known = additions.remove(key);
        return known != null
                && lifeMillis < known.millis() - TimeUnit.NANOSECONDS.toMillis(ticker.getAsLong() - known.since())
                && known.isCurrent().getAsBoolean();
    }

    /** Removes a load that has ended without a figure. */
    void end(UsageKey key) {
        additions.remove(key);
    }
}
