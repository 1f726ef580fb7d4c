package io.usagekit.verification.service;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/** A cache before another: does what that one does. */
abstract class ForwardingCache implements UsageCache {

    private final UsageCache cache;

    ForwardingCache(UsageCache cache) {
        this.cache = cache;
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
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
