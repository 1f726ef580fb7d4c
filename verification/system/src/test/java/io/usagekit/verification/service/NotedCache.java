package io.usagekit.verification.service;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;

/** A cache before another, which notes the names of the threads that look into it first. */
final class NotedCache extends ForwardingCache {

    private final Set<String> readers;
    private final Set<UsageKey> seen = ConcurrentHashMap.newKeySet();

    NotedCache(UsageCache cache, Set<String> readers) {
        super(cache);
        this.readers = readers;
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        if (seen.add(key)) {
            readers.add(Thread.currentThread().getName());
        }
        return super.get(key);
    }
}
