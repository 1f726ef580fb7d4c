package io.usagekit.testkit;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/**
 * A cache in this process's memory, whose time is a ticker and which can be taken down. {@link InMemoryFlightStore#over} shares its
 * figures. Thread-safe; unbounded.
 *
 * @since 0.1
 */
public final class InMemoryUsageCache implements UsageCache {

    private final InMemoryStore shelf;
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong writes = new AtomicLong();
    private volatile boolean down;

    private InMemoryUsageCache(LongSupplier ticker) {
        this.shelf = new InMemoryStore(ticker);
    }

    /** With the JVM's own time. */
    public static InMemoryUsageCache create() {
        return new InMemoryUsageCache(System::nanoTime);
    }

    /** With the time of this clock. */
    public static InMemoryUsageCache create(ManualClock clock) {
        return new InMemoryUsageCache(clock.ticker());
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        reads.incrementAndGet();
        if (down) {
            return unreachable();
        }
        return CompletableFuture.completedFuture(shelf.get(key));
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        UsageCache.checkPut(key, entry, timeToLive);
        writes.incrementAndGet();
        if (down) {
            return unreachable();
        }
        shelf.put(key, entry, timeToLive);
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return forget(key::equals);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return forget(key -> key.organisationId().equals(organisationId));
    }

    private CompletionStage<Void> forget(Predicate<UsageKey> which) {
        if (down) {
            return unreachable();
        }
        shelf.invalidate(which);
        return CompletableFuture.completedFuture(null);
    }

    InMemoryStore shelf() {
        return shelf;
    }

    /** From now on every call fails, as with a server that can't be reached. */
    public void goDown() {
        down = true;
    }

    /** From now on calls succeed again; what was kept is still there. */
    public void comeBack() {
        down = false;
    }

    /** How many times it has been read, failed reads included. */
    public long reads() {
        return reads.get();
    }

    /** How many times it has been written, failed writes included. */
    public long writes() {
        return writes.get();
    }

    private static <T> CompletionStage<T> unreachable() {
        return CompletableFuture.failedFuture(new UsageCacheException("the in-memory cache was taken down", null));
    }
}
