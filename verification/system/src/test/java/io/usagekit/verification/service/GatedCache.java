package io.usagekit.verification.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A cache before another, which does nothing of what is asked of it until the gate is open, and blocks nobody meanwhile. */
final class GatedCache implements UsageCache {

    private static final int NONE = Integer.MAX_VALUE;

    private final UsageCache cache;
    private final Executor executor;
    private final CompletableFuture<Void> gate = new CompletableFuture<>();
    private final AtomicInteger readsLeft = new AtomicInteger(NONE);
    private final Semaphore held = new Semaphore(0);
    private volatile boolean holdsWrites;
    private volatile boolean holdsInvalidations;

    GatedCache(UsageCache cache) {
        this(cache, Runnable::run);
    }

    /** What is held goes on on this executor, as it would on a driver's threads. */
    GatedCache(UsageCache cache, Executor executor) {
        this.cache = cache;
        this.executor = executor;
    }

    /** So many reads pass from now on. */
    void holdReadsAfter(int reads) {
        readsLeft.set(reads);
    }

    void holdWrites() {
        holdsWrites = true;
    }

    void holdInvalidations() {
        holdsInvalidations = true;
    }

    /** Waits until this many calls are held that weren't awaited yet. */
    void awaitHeld(int calls) throws InterruptedException {
        assertThat(held.tryAcquire(calls, 30, TimeUnit.SECONDS))
                .as("%d calls are held", calls)
                .isTrue();
    }

    void release() {
        gate.complete(null);
    }

    private CompletionStage<Void> passed(boolean holds) {
        if (!holds) {
            return CompletableFuture.completedFuture(null);
        }
        held.release();
        return gate.thenRunAsync(() -> {}, executor);
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        return passed(readsLeft.getAndDecrement() <= 0).thenCompose(open -> cache.get(key));
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        return passed(holdsWrites).thenCompose(open -> cache.put(key, entry, timeToLive));
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return passed(holdsInvalidations).thenCompose(open -> cache.invalidate(key));
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return passed(holdsInvalidations).thenCompose(open -> cache.invalidate(organisationId));
    }
}
