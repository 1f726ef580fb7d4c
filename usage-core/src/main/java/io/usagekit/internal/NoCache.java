package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Stores nothing: the cache of a service without one. */
public final class NoCache implements UsageCache {

    /** It has no state. */
    public static final UsageCache INSTANCE = new NoCache();

    private NoCache() {}

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        return CompletableFuture.completedFuture(Optional.empty());
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return CompletableFuture.completedFuture(null);
    }
}
