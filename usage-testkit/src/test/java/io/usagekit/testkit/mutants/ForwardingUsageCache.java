package io.usagekit.testkit.mutants;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/** Cache that forwards each call; mutants override one. */
class ForwardingUsageCache implements UsageCache {

    final UsageCache right;

    ForwardingUsageCache(UsageCache right) {
        this.right = right;
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        return right.get(key);
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        return right.put(key, entry, timeToLive);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return right.invalidate(key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return right.invalidate(organisationId);
    }

    @Override
    public Optional<AgedUsage> near(UsageKey key) {
        return right.near(key);
    }

    @Override
    public Optional<AgedUsage> fallback(UsageKey key) {
        return right.fallback(key);
    }

    @Override
    public void putFallback(UsageKey key, AgedUsage entry, Duration timeToLive) {
        right.putFallback(key, entry, timeToLive);
    }

    @Override
    public void close() {
        right.close();
    }
}
