package io.usagekit.spring.actuate;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;

/** A cache that says it is down. */
final class UsageCacheThatIsDown implements UsageCache {

    private final UsageCache cache;

    UsageCacheThatIsDown(UsageCache cache) {
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

    @Override
    public Stats stats() {
        return new Stats(OptionalLong.of(0), Condition.DOWN, Condition.DOWN);
    }
}
