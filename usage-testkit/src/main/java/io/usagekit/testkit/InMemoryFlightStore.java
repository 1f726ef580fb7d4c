package io.usagekit.testkit;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Flight store in this process's memory, for tests: its time is a ticker, and it can be taken down. Several stores over one cache
 * behave like several processes at one server. Stages complete at once, and wake-ups run on the thread whose call causes them.
 * Thread-safe; unbounded.
 *
 * @since 0.1
 */
public final class InMemoryFlightStore implements FlightStore {

    private static final Duration MILLISECOND = Duration.ofMillis(1);

    private final InMemoryStore store;
    private volatile boolean down;
    private volatile boolean closed;

    private InMemoryFlightStore(InMemoryStore store) {
        this.store = store;
    }

    /** Returns an empty store with the JVM's own time. */
    public static InMemoryFlightStore create() {
        return new InMemoryFlightStore(new InMemoryStore(System::nanoTime));
    }

    /** Returns an empty store with the time of this clock. */
    public static InMemoryFlightStore create(ManualClock clock) {
        return new InMemoryFlightStore(new InMemoryStore(clock.ticker()));
    }

    /**
     * Returns a store that shares the figures and the time of this cache. All stores over one cache share their leases, fences and
     * wake-ups. Store and cache are taken down separately.
     */
    public static InMemoryFlightStore over(InMemoryUsageCache cache) {
        return new InMemoryFlightStore(cache.store());
    }

    @Override
    public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
        checkAtLeastMillisecond("lease", request.lease());
        return answer(() -> store.acquire(key, request));
    }

    @Override
    public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
        checkAtLeastMillisecond("lease", lease);
        return answer(() -> store.renew(key, token, lease));
    }

    @Override
    public CompletionStage<Publication> publish(
            UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
        UsageCache.checkPut(key, figure, timeToLive);
        return answer(() -> store.publish(key, token, fence, figure, timeToLive));
    }

    @Override
    public CompletionStage<Void> release(UsageKey key, String token) {
        return run(() -> store.release(key, token));
    }

    @Override
    public CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff) {
        checkAtLeastMillisecond("backOff", backOff);
        return run(() -> store.fail(key, token, reason, backOff));
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return run(() -> store.invalidate(key::equals));
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return run(() -> store.invalidate(key -> key.organisationId().equals(organisationId)));
    }

    /** True of caches over the same figures. */
    @Override
    public boolean isInvalidatedBy(UsageCache cache) {
        return cache instanceof InMemoryUsageCache memory && memory.store() == store;
    }

    /** Registers an action that also runs while this store is down, since only its commands fail then. */
    @Override
    public Registration onWakeUp(UsageKey key, Runnable action) {
        return store.onWakeUp(key, action);
    }

    /** Makes every call fail, as if the server couldn't be reached; leases still expire. */
    public void goDown() {
        down = true;
    }

    /** Makes calls succeed again; figures, leases and fences are still there. */
    public void comeBack() {
        down = false;
    }

    /** Makes each later call of this store fail; figures, leases and fences stay for the other stores over the cache. Idempotent. */
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
            return failed("the in-memory flight store is closed");
        }
        return down
                ? failed("the in-memory flight store was taken down by goDown()")
                : CompletableFuture.completedFuture(step.get());
    }

    private static <T extends @Nullable Object> CompletionStage<T> failed(String message) {
        return CompletableFuture.failedFuture(new UsageCacheException(message, null));
    }

    private static void checkAtLeastMillisecond(String argument, Duration value) {
        if (value.compareTo(MILLISECOND) < 0) {
            throw new IllegalArgumentException(argument + " must be at least 1 ms, but was " + value);
        }
    }
}
