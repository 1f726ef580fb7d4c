package io.usagekit.verification.service;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/** A cache before another, which remembers what it has seen for {@link #fallback} alone. */
final class RememberingCache implements UsageCache {

    private record Seen(AgedUsage figure, long at, long until) {}

    private final Map<UsageKey, Seen> seen = new ConcurrentHashMap<>();
    private final UsageCache cache;
    private final LongSupplier ticker;

    RememberingCache(UsageCache cache, LongSupplier ticker) {
        this.cache = cache;
        this.ticker = ticker;
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        return cache.get(key).thenApply(found -> {
            found.ifPresent(figure -> putFallback(key, figure, Duration.ofHours(1)));
            return found;
        });
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        return cache.put(key, entry, timeToLive).toCompletableFuture().exceptionallyCompose(error -> {
            putFallback(key, entry, timeToLive);
            return CompletableFuture.failedFuture(error);
        });
    }

    @Override
    public Optional<AgedUsage> fallback(UsageKey key) {
        long now = ticker.getAsLong();
        return Optional.ofNullable(seen.get(key))
                .filter(kept -> kept.until() - now > 0)
                .map(kept ->
                        new AgedUsage(kept.figure().usage(), kept.figure().age().plusNanos(now - kept.at())));
    }

    @Override
    public void putFallback(UsageKey key, AgedUsage entry, Duration timeToLive) {
        long now = ticker.getAsLong();
        seen.put(key, new Seen(entry, now, now + timeToLive.toNanos()));
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        seen.remove(key);
        return cache.invalidate(key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        seen.keySet().removeIf(key -> key.organisationId().equals(organisationId));
        return cache.invalidate(organisationId);
    }
}
