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
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Cache in this process's memory, for tests: its time is a ticker, and it can be taken down. Several caches {@linkplain
 * #over(InMemoryUsageCache) over} one behave like those of several processes at one server, and {@link InMemoryFlightStore#over} shares
 * their figures. Thread-safe; holds at most about twice as many figures as haven't expired.
 *
 * @since 0.1
 */
public final class InMemoryUsageCache implements UsageCache {

    /** What caches share, as processes share a server. */
    private static final class Server {
        private final InMemoryStore store;
        private final AtomicLong reads = new AtomicLong();
        private final AtomicLong writes = new AtomicLong();
        private volatile boolean down;

        Server(LongSupplier ticker) {
            this.store = new InMemoryStore(ticker);
        }
    }

    private final Server server;
    private volatile boolean closed;

    private InMemoryUsageCache(Server server) {
        this.server = server;
    }

    /** Returns an empty cache with the JVM's own time. */
    public static InMemoryUsageCache create() {
        return new InMemoryUsageCache(new Server(System::nanoTime));
    }

    /** Returns an empty cache with the time of this clock. */
    public static InMemoryUsageCache create(ManualClock clock) {
        return new InMemoryUsageCache(new Server(clock.ticker()));
    }

    /**
     * Returns another cache over the figures of this one, as another process has it, or the same process after a restart: they share
     * figures, time, counters and outages. Each is closed by itself.
     */
    public static InMemoryUsageCache over(InMemoryUsageCache cache) {
        return new InMemoryUsageCache(cache.server);
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        server.reads.incrementAndGet();
        return answer(() -> server.store.get(key));
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        UsageCache.checkPut(key, entry, timeToLive);
        server.writes.incrementAndGet();
        return run(() -> server.store.put(key, entry, timeToLive));
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return run(() -> server.store.invalidate(key::equals));
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return run(() -> server.store.invalidate(key -> key.organisationId().equals(organisationId)));
    }

    /** Returns whether the cache is {@linkplain #goDown() down}. */
    @Override
    public Stats stats() {
        return new Stats(OptionalLong.empty(), server.down ? Condition.DOWN : Condition.UP, Condition.UNKNOWN);
    }

    InMemoryStore store() {
        return server.store;
    }

    /** Makes every call fail, as if the server couldn't be reached. */
    public void goDown() {
        server.down = true;
    }

    /** Makes calls succeed again; figures are still there. */
    public void comeBack() {
        server.down = false;
    }

    /** Returns the number of reads, failed ones included. */
    public long reads() {
        return server.reads.get();
    }

    /** Returns the number of writes, failed ones included. */
    public long writes() {
        return server.writes.get();
    }

    /** Returns the number of figures held, those included that have expired but haven't been removed yet. */
    public int heldFigures() {
        return server.store.heldFigures();
    }

    /** Removes all figures, for those caches too that share them, and counts reads and writes from zero again; loads in flight go on. */
    public void clear() {
        server.store.clear();
        server.reads.set(0);
        server.writes.set(0);
    }

    /** Makes each later call of this cache fail; figures stay for caches over the same figures. Idempotent. */
    @Override
    public void close() {
        closed = true;
    }

    private CompletionStage<Void> run(Runnable step) {
        return answer(() -> {
            step.run();
            return null;
        });
    }

    private <T extends @Nullable Object> CompletionStage<T> answer(Supplier<T> step) {
        if (closed) {
            return failed("the in-memory cache is closed");
        }
        return server.down
                ? failed("the in-memory cache was taken down by goDown()")
                : CompletableFuture.completedFuture(step.get());
    }

    private static <T extends @Nullable Object> CompletionStage<T> failed(String message) {
        return CompletableFuture.failedFuture(new UsageCacheException(message, null));
    }
}
