package io.usagekit.testkit;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/**
 * Cache in this process's memory, for tests: its time is a ticker, and it can be taken down. {@link InMemoryFlightStore#over} shares
 * its figures. Thread-safe; unbounded.
 *
 * @since 0.1
 */
public final class InMemoryUsageCache implements UsageCache {

    private final InMemoryStore store;
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong writes = new AtomicLong();
    private volatile boolean down;

    private InMemoryUsageCache(LongSupplier ticker) {
        this.store = new InMemoryStore(ticker);
    }

    /** Returns an empty cache with the JVM's own time. */
    public static InMemoryUsageCache create() {
        return new InMemoryUsageCache(System::nanoTime);
    }

    /** Returns an empty cache with the time of this clock. */
    public static InMemoryUsageCache create(ManualClock clock) {
        return new InMemoryUsageCache(clock.ticker());
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        reads.incrementAndGet();
        if (down) {
            return unreachable();
        }
        return CompletableFuture.completedFuture(store.get(key));
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        UsageCache.checkPut(key, entry, timeToLive);
        writes.incrementAndGet();
        if (down) {
            return unreachable();
        }
        store.put(key, entry, timeToLive);
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return remove(key::equals);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return remove(key -> key.organisationId().equals(organisationId));
    }

    private CompletionStage<Void> remove(Predicate<UsageKey> which) {
        if (down) {
            return unreachable();
        }
        store.invalidate(which);
        return CompletableFuture.completedFuture(null);
    }

    /** Returns whether the cache is {@linkplain #goDown() down}. */
    @Override
    public Stats stats() {
        return new Stats(OptionalLong.empty(), down ? Condition.DOWN : Condition.UP, Condition.UNKNOWN);
    }

    InMemoryStore store() {
        return store;
    }

    /** Makes every call fail, as if the server couldn't be reached. */
    public void goDown() {
        down = true;
    }

    /** Makes calls succeed again; figures are still there. */
    public void comeBack() {
        down = false;
    }

    /** Returns the number of reads, failed ones included. */
    public long reads() {
        return reads.get();
    }

    /** Returns the number of writes, failed ones included. */
    public long writes() {
        return writes.get();
    }

    private static <T> CompletionStage<T> unreachable() {
        return CompletableFuture.failedFuture(
                new UsageCacheException("the in-memory cache was taken down by goDown()", null));
    }
}
