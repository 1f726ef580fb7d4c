package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** The host's cache, whose failures are values, and which never serves what is past the hard limit. */
final class GuardedCache {

    private static final Duration SHORTEST = Duration.ofMillis(1);

    private final UsageCache cache;
    private final Duration ttl;

    GuardedCache(UsageCache cache, Duration ttl) {
        this.cache = cache;
        this.ttl = ttl;
    }

    /** Never completes exceptionally. */
    CompletableFuture<Lookup> read(UsageKey key) {
        try {
            // Another process may write with a longer limit than ours.
            return cache.get(key)
                    .thenApply(found ->
                            Lookup.of(found.filter(figure -> figure.age().compareTo(ttl) < 0)))
                    .exceptionally(error -> Lookup.failed(Futures.unwrap(error)))
                    .toCompletableFuture();
        } catch (RuntimeException e) {
            return CompletableFuture.completedFuture(Lookup.failed(e));
        }
    }

    /** Keeps a figure for what is left of its time; one that has outlived it already isn't kept. */
    CompletionStage<Void> write(UsageKey key, AgedUsage figure) {
        Duration timeToLive = ttl.minus(figure.age());
        if (timeToLive.compareTo(SHORTEST) < 0) {
            return CompletableFuture.completedFuture(null);
        }
        try {
            return cache.put(key, figure, timeToLive);
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    void close() {
        cache.close();
    }
}
