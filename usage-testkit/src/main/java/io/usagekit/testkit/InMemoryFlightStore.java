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

/**
 * A store of flights in this process's memory, whose time is a ticker and which can be taken down. Several over one cache are like
 * several processes at one server. Stages complete at once, and wake-ups come on the thread whose call causes them. Thread-safe;
 * unbounded.
 *
 * @since 0.1
 */
public final class InMemoryFlightStore implements FlightStore {

    private static final Duration MILLISECOND = Duration.ofMillis(1);

    private final InMemoryStore shelf;
    private volatile boolean down;

    private InMemoryFlightStore(InMemoryStore shelf) {
        this.shelf = shelf;
    }

    /** With the JVM's own time, and nothing in it. */
    public static InMemoryFlightStore create() {
        return new InMemoryFlightStore(new InMemoryStore(System::nanoTime));
    }

    /** With the time of this clock, and nothing in it. */
    public static InMemoryFlightStore create(ManualClock clock) {
        return new InMemoryFlightStore(new InMemoryStore(clock.ticker()));
    }

    /**
     * Over the figures of this cache, and with its time: what one keeps or forgets the other does, too. All stores over one cache
     * share their leases, fences and wake-ups. Either can be taken down alone.
     */
    public static InMemoryFlightStore over(InMemoryUsageCache cache) {
        return new InMemoryFlightStore(cache.shelf());
    }

    @Override
    public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
        checkAtLeastMillisecond("lease", request.lease());
        return answer(() -> shelf.acquire(key, request));
    }

    @Override
    public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
        checkAtLeastMillisecond("lease", lease);
        return answer(() -> shelf.renew(key, token, lease));
    }

    @Override
    public CompletionStage<Publication> publish(
            UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
        UsageCache.checkPut(key, figure, timeToLive);
        return answer(() -> shelf.publish(key, token, fence, figure, timeToLive));
    }

    @Override
    public CompletionStage<Void> release(UsageKey key, String token) {
        return run(() -> shelf.release(key, token));
    }

    @Override
    public CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff) {
        checkAtLeastMillisecond("backOff", backOff);
        return run(() -> shelf.fail(key, token, reason, backOff));
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return run(() -> shelf.invalidate(key::equals));
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return run(() -> shelf.invalidate(key -> key.organisationId().equals(organisationId)));
    }

    /** Wake-ups come also while this store is down: it is commands that can't be sent then. */
    @Override
    public Registration onWakeUp(UsageKey key, Runnable action) {
        return shelf.onWakeUp(key, action);
    }

    /** From now on every call fails, as with a server that can't be reached; leases run out meanwhile. */
    public void goDown() {
        down = true;
    }

    /** From now on calls succeed again; what was kept is still there. */
    public void comeBack() {
        down = false;
    }

    private CompletionStage<Void> run(Runnable step) {
        if (down) {
            return unreachable();
        }
        step.run();
        return CompletableFuture.completedFuture(null);
    }

    private <T> CompletionStage<T> answer(Supplier<T> step) {
        return down ? unreachable() : CompletableFuture.completedFuture(step.get());
    }

    private static <T> CompletionStage<T> unreachable() {
        return CompletableFuture.failedFuture(new UsageCacheException("the in-memory store was taken down", null));
    }

    private static void checkAtLeastMillisecond(String argument, Duration value) {
        if (value.compareTo(MILLISECOND) < 0) {
            throw new IllegalArgumentException(argument + " must be at least 1 ms, but was " + value);
        }
    }
}
