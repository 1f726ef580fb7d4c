package io.usagekit.verification.service;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** A shared cache with a memory of this process before it, which the test fills and demotes. */
final class TwoTierCache implements UsageCache {

    /** What this process's memory holds. */
    final InMemoryUsageCache memory;

    final InMemoryUsageCache shared;
    private volatile boolean tracked = true;
    private volatile boolean broken;
    private volatile boolean readOnly;

    TwoTierCache(ManualClock clock, InMemoryUsageCache shared) {
        this.memory = InMemoryUsageCache.create(clock);
        this.shared = shared;
    }

    /** From now on what the memory holds isn't known to be what the shared cache holds. */
    void loseTrack() {
        tracked = false;
    }

    /** Sets whether the shared cache refuses writes; reads succeed all the same. */
    void readOnly(boolean readOnly) {
        this.readOnly = readOnly;
    }

    /** From now on looks into the memory throw. */
    void breakMemory() {
        broken = true;
    }

    @Override
    public Optional<AgedUsage> near(UsageKey key) {
        return tracked ? fromMemory(key) : Optional.empty();
    }

    @Override
    public Optional<AgedUsage> fallback(UsageKey key) {
        return fromMemory(key);
    }

    private Optional<AgedUsage> fromMemory(UsageKey key) {
        if (broken) {
            throw new IllegalStateException("broken");
        }
        return memory.get(key).toCompletableFuture().join();
    }

    @Override
    public void putFallback(UsageKey key, AgedUsage entry, Duration timeToLive) {
        if (broken) {
            throw new IllegalStateException("broken");
        }
        memory.put(key, entry, timeToLive).toCompletableFuture().join();
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        return shared.get(key);
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        return readOnly
                ? CompletableFuture.failedFuture(new UsageCacheException("OOM command not allowed", null))
                : shared.put(key, entry, timeToLive);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return memory.invalidate(key).thenCompose(done -> shared.invalidate(key));
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return memory.invalidate(organisationId).thenCompose(done -> shared.invalidate(organisationId));
    }
}
