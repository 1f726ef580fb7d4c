package io.usagekit.verification.service;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;

/** A cache before another, which notes the names of the threads that look into it first. */
final class NotedCache implements UsageCache {

    private final UsageCache cache;
    private final Set<String> readers;
    private final Set<UsageKey> seen = ConcurrentHashMap.newKeySet();

    NotedCache(UsageCache cache, Set<String> readers) {
        this.cache = cache;
        this.readers = readers;
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        if (seen.add(key)) {
            readers.add(Thread.currentThread().getName());
        }
        return cache.get(key);
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        return cache.put(key, entry, timeToLive);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return cache.invalidate(key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return cache.invalidate(organisationId);
    }
}
